package persisttest

import (
	"errors"
	"io"
	"os"
	"sync"

	"redstart/persist/internal/disk"
)

// errOff is what everything fails with that is tried without power.
var errOff = errors.New("the power is off")

// A machine is what a database of a test runs on. It sees what is done to the
// files, can be without power, and can then make undone what was not durable.
//
// Invariant: undo holds, in the order in which it happened, how to take back
// each change of a file since its last sync.
type machine struct {
	mu      sync.Mutex
	off     bool
	running int       // operations under way
	commit  string    // the file that bbolt is writing to; what that consists of is not looked at
	rest    sync.Cond // there are none
	undo    []change
	names   map[string]string // what a file is called now that was opened by another name
}

// A change can be taken back.
type change struct {
	path string
	back func(f *os.File) error
}

func newMachine() *machine {
	m := &machine{names: map[string]string{}}
	m.rest.L = &m.mu
	return m
}

// hook is called by the seam of package disk for each operation.
func (m *machine) hook(e disk.Event, do func() error) error {
	m.mu.Lock()
	path := e.Path
	if name, ok := m.names[path]; ok && e.Op != disk.Open && e.Op != disk.Rename && e.Op != disk.Remove {
		path = name
	}
	if m.commit == path {
		m.mu.Unlock()
		return do()
	}
	if m.off {
		m.mu.Unlock()
		return errOff
	}
	err := m.before(e, path)
	if e.Op >= disk.Commit {
		m.commit = path
	}
	m.running++
	m.mu.Unlock()
	if err == nil {
		err = do()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Op >= disk.Commit {
		m.commit = ""
	}
	if m.running--; m.running == 0 {
		m.rest.Broadcast()
	}
	if err == nil {
		m.after(e, path)
	}
	return err
}

// before notes how to take back what is about to be done.
func (m *machine) before(e disk.Event, path string) error {
	switch e.Op {
	case disk.CommitNoSync, disk.Truncate:
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return m.restore(path, content, 0, int64(len(content)))
	case disk.Write:
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		content := make([]byte, len(e.Data))
		n, err := f.ReadAt(content, e.Offset)
		if err != nil && err != io.EOF {
			return err
		}
		return m.restore(path, content[:n], e.Offset, info.Size())
	}
	return nil
}

// restore has content come back at an offset of a file, and its size.
func (m *machine) restore(path string, content []byte, offset, size int64) error {
	m.undo = append(m.undo, change{path, func(f *os.File) error {
		if _, err := f.WriteAt(content, offset); err != nil {
			return err
		}
		return f.Truncate(size)
	}})
	return nil
}

// after notes what is durable now, and new names.
func (m *machine) after(e disk.Event, path string) {
	switch e.Op {
	case disk.Commit, disk.Flush, disk.Sync:
		m.forget(path)
	case disk.Open:
		delete(m.names, path)
	case disk.Remove:
		m.forget(path)
	case disk.Rename:
		m.forget(e.To) // the file that had the name before
		m.names[e.Path] = e.To
		for i := range m.undo {
			if m.undo[i].path == e.Path {
				m.undo[i].path = e.To
			}
		}
	}
}

// forget drops the changes of a file.
func (m *machine) forget(path string) {
	var rest []change
	for _, c := range m.undo {
		if c.path != path {
			rest = append(rest, c)
		}
	}
	m.undo = rest
}

// cut ends the power: what is being done is the last thing that is done.
func (m *machine) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.off = true; m.running > 0; {
		m.rest.Wait()
	}
}

// lose takes back what was not durable.
func (m *machine) lose() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.undo) > 0 {
		c := m.undo[len(m.undo)-1]
		m.undo = m.undo[:len(m.undo)-1]
		f, err := os.OpenFile(c.path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(c.back(f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// start gives the machine power again.
func (m *machine) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off = false
	clear(m.names)
}
