package embedded

import (
	"errors"
	"fmt"
	"sync"
)

// Mix returns the task in which so many goroutines, each with its own keys in
// random order, read 95 times of a hundred and write 5 times.
func Mix(goroutines int) Task {
	return Task{
		Name: fmt.Sprintf("mix-%d", goroutines),
		What: fmt.Sprintf("95 %% GET, 5 %% SET, goroutines: %d", goroutines),
		Wall: true,
		Has:  func(e *Engine) bool { return e.Get != nil && e.Set != nil && !e.Serial },
		New: func(e *Engine, d *Data) (func(int) (int, error), error) {
			workers := make([]*mixer, goroutines)
			for i := range workers {
				workers[i] = &mixer{e: e, d: d, state: uint64(i)*0x9E3779B97F4A7C15 + 1}
			}
			return func(n int) (int, error) {
				errs := make([]error, goroutines)
				var all sync.WaitGroup
				each := (n + goroutines - 1) / goroutines
				for i, w := range workers {
					all.Go(func() { errs[i] = w.run(each) })
				}
				all.Wait()
				return each * goroutines, errors.Join(errs...)
			}, d.fill(e)
		},
	}
}

// A mixer is one goroutine's part in the mix.
type mixer struct {
	e     *Engine
	d     *Data
	state uint64 // of a generator of random numbers (xorshift), never 0
	bufs  [2][2 * valueSize]byte
	_     [64]byte // keeps the states of neighbours out of one cache line
}

func (m *mixer) run(n int) error {
	for range n {
		m.state ^= m.state << 13
		m.state ^= m.state >> 7
		m.state ^= m.state << 17
		i := int(m.state >> 33 % uint64(len(m.d.Keys)))
		if m.state>>8%100 < 5 {
			if err := m.e.Set(m.d.Keys[i], m.d.value(m.bufs[0][:0], i)); err != nil {
				return err
			}
			continue
		}
		value, err := m.e.Get(m.bufs[1][:0], m.d.Keys[i])
		if err == nil {
			err = m.d.verify(i, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
