package persisttest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	"redstart/persist/internal/disk"
)

// An event is an operation that was done, or something that was said about it.
type event struct {
	disk.Event
	failed bool
	acked  uint64 // Op 0: transactions up to this one were acknowledged
	asked  bool   // Op 0: to somebody who had asked
	opened bool   // Op 0: the file is about to be opened; nobody has asked yet
}

// A recorder notes what is done to the files of one directory. Operations that
// run at the same time are noted, and done, one after the other.
type recorder struct {
	dir    string
	before *media // the disk before the first event

	mu     sync.Mutex
	events []event
	faults func(e disk.Event) error // what fails; nil: nothing
	stall  func(e disk.Event)       // is called before an operation, without a lock; nil: nothing
}

// record notes what is done to the files in dir, which are those of before,
// until stop is called.
func record(dir string, before *media) (r *recorder, stop func()) {
	r = &recorder{dir: dir, before: before}
	return r, disk.Watch(dir, r.hook)
}

func (r *recorder) hook(e disk.Event, do func() error) error {
	if e.Op >= disk.Commit {
		return do() // made up of others
	}
	if r.stall != nil {
		r.stall(e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	noted := event{Event: e}
	if r.faults != nil {
		if err := r.faults(e); err != nil {
			noted.failed = true
			r.fail(&noted, errors.Is(err, io.ErrShortWrite))
			if e.Op == disk.Close {
				do() // the handle is gone, whatever close says
			}
			return err
		}
	}
	if noted.Data != nil {
		noted.Data = bytes.Clone(e.Data)
	}
	err := do()
	noted.failed = err != nil
	if err == nil || e.Op == disk.Sync {
		r.events = append(r.events, noted)
	}
	return err
}

// fail notes an operation that was made to fail. Of a short write half was done.
func (r *recorder) fail(e *event, short bool) {
	switch {
	case e.Op == disk.Sync:
		r.events = append(r.events, *e)
	case e.Op == disk.Write && short:
		half := bytes.Clone(e.Data[:len(e.Data)/2])
		if len(half) == 0 {
			return
		}
		if f, err := os.OpenFile(e.Path, os.O_WRONLY, 0); err == nil {
			f.WriteAt(half, e.Offset)
			f.Close()
			e.Data, e.failed = half, false
			r.events = append(r.events, *e)
		}
	}
}

// acknowledge notes that transactions up to seq were said to be on disk.
func (r *recorder) acknowledge(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event{acked: seq})
}

// promise notes that transactions up to seq were said to be on disk, to somebody
// who had asked.
func (r *recorder) promise(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event{acked: seq, asked: true})
}

// open notes that the file is opened next.
func (r *recorder) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event{opened: true})
}

func (r *recorder) setFaults(faults func(e disk.Event) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = faults
}

// after returns the disk after the first n events, and what was acknowledged.
func (r *recorder) after(n int, acked uint64) (*media, uint64) {
	m := r.before.clone()
	for i := range r.events[:n] {
		acked = m.step(&r.events[i], acked)
	}
	return m, acked
}

// step does one event.
func (m *media) step(e *event, acked uint64) uint64 {
	if e.Op == 0 {
		m.asked = (m.asked || e.asked) && !e.opened
		return max(acked, e.acked)
	}
	m.apply(e)
	return acked
}

// path returns the path of the file of a directory.
func appFile(dir string) string { return filepath.Join(dir, "app.db") }
