package persisttest

import (
	"strings"
	"sync"
	"testing"

	"redstart/persist"
)

// A scenario is work on a file of one policy.
type scenario struct {
	name   string
	policy persist.Policy
	work   func(w *world)
}

var scenarios = []scenario{
	{"always", persist.Always, func(w *world) {
		for range 25 {
			w.random()
			w.wait()
		}
	}},
	{"groups", persist.EverySecond, func(w *world) {
		for range 12 {
			for range 1 + w.rng.IntN(5) {
				w.random()
			}
			if w.tick(); w.rng.IntN(3) == 0 {
				w.random()
				w.wait()
			}
		}
	}},
	{"pieces", persist.Always, func(w *world) {
		for i := range 3 {
			w.append(op{'s', "big", strings.Repeat(string(rune('a'+i)), 300<<10+i)}, op{'s', "small", "x"})
			w.random()
			w.wait()
		}
		w.checkpoint()
	}},
	{"checkpoints", persist.EverySecond, checkpoints},
	{"checkpoints always", persist.Always, checkpoints},
	{"trim", persist.EverySecond, func(w *world) { // of whole segments, which are large
		for i := range 26 {
			w.append(op{'s', "big", strings.Repeat(string(rune('a'+i)), 90<<10)})
			if i%9 == 8 {
				w.tick()
			}
		}
		w.checkpoint()
		w.random()
		w.tick()
		w.random()
		w.checkpoint()
	}},
	{"writers", persist.Always, writers},
	{"rewrite", persist.EverySecond, rewrites},
	{"rewrite always", persist.Always, rewrites},
	{"never", persist.Never, func(w *world) {
		for i := range 20 {
			for range 1 + w.rng.IntN(4) {
				w.random()
			}
			if w.tick(); i == 9 {
				w.checkpoint()
			}
		}
	}},
	{"never and waits", persist.Never, func(w *world) {
		for i := range 24 {
			for range 1 + w.rng.IntN(3) {
				w.random()
			}
			switch w.tick(); {
			case i == 15:
				w.checkpoint()
				w.ask() // what the checkpoint has made durable
			case i%8 == 3:
				w.wait()
			case i%8 == 7: // nobody has asked yet, or any more
				w.close()
				w.open(persist.Never)
			}
		}
	}},
	{"policies", persist.Never, func(w *world) {
		for range 3 {
			w.random()
			w.tick()
			w.file.SetPolicy(persist.Always)
			w.random()
			w.wait()
			w.file.SetPolicy(persist.EverySecond)
			w.random()
			w.tick()
			w.random()
			w.checkpoint()
			w.file.SetPolicy(persist.Never)
		}
	}},
}

// checkpoints goes through bases and delta runs, with what was appended
// between them, and with a flush.
func checkpoints(w *world) {
	view := contentView{w.now, w.seq}
	for i := range 8 {
		for range 6 {
			w.random()
		}
		switch i {
		case 2:
			w.append(op{'s', "wide", strings.Repeat("w", 100<<10)})
		case 5:
			w.append(op{kind: 'f'}, op{'s', "after", "all"})
		}
		switch i % 3 {
		case 1: // of a view that writers have left behind
			w.random()
			w.tick()
			if err := w.file.Checkpoint(view); err != nil {
				w.t.Fatal(err)
			}
			w.rec.acknowledge(w.file.Durable())
		default:
			w.checkpoint()
		}
		view = contentView{w.now, w.seq}
	}
}

// writers appends and waits from several goroutines, while checkpoints and a
// rewrite go on. Its recordings are not the same every time.
func writers(w *world) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 8 {
				mu.Lock()
				w.random()
				seq := w.seq
				mu.Unlock()
				if err := w.file.Wait(seq); err != nil {
					w.t.Error(err)
					return
				}
				w.rec.promise(seq)
			}
		})
	}
	for _, write := range []func(persist.View) error{w.file.Checkpoint, w.file.Rewrite, w.file.Checkpoint} {
		mu.Lock()
		view := contentView{w.now, w.seq}
		mu.Unlock()
		if err := write(view); err != nil {
			w.t.Error(err)
		}
	}
	wg.Wait()
}

// rewrites has the file replaced by a new one, with views that writers have
// left behind.
func rewrites(w *world) {
	for range 3 {
		view := contentView{w.now, w.seq}
		for range 4 {
			w.random()
		}
		w.tick()
		w.random()
		if err := w.file.Rewrite(view); err != nil {
			w.t.Fatal(err)
		}
		w.rec.acknowledge(w.file.Durable())
		w.random()
		w.wait()
		w.checkpoint()
	}
}

// Whatever a loss of power, or of the process, leaves of a file is what
// some transaction left, and none that was acknowledged is missing.
func TestCrash(t *testing.T) {
	needHook(t)
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			for _, seed := range seeds() {
				w := newWorld(t, memoryDir(t), seed, newMedia())
				w.open(s.policy)
				s.work(w)
				w.close()
				w.open(s.policy)
				w.random()
				w.close()
				w.leave()
				x := newExplorer(t, s.policy)
				x.mayRefuse = s.policy == persist.Never
				x.run(s.name, seed, w)
			}
		})
	}
}
