// Package disk holds every operation by which persist changes a disk, other
// than those bbolt does by itself: so that tests can record them, fail them,
// stall them or stop the world between two of them.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// An Op is a kind of operation.
type Op uint8

const (
	Open       Op = iota + 1 // Path; may create it
	Close                    // Path
	Write                    // Data at Offset of Path
	Sync                     // what was written to Path is durable
	Truncate                 // Path to Offset bytes
	Rename                   // Path to To
	Remove                   // Path
	SyncDir                  // the names in directory Path are durable
	Attributes               // mode and owner of Path

	// These stand for what bbolt does by itself, which nobody sees otherwise: in
	// a test build its operations are told one by one as well, within these.
	Commit       // bbolt writes a transaction to Path and syncs it
	CommitNoSync // bbolt writes a transaction to Path
	Flush        // bbolt syncs what it wrote to Path
)

var opNames = [...]string{Open: "open", Close: "close", Write: "write", Sync: "sync",
	Truncate: "truncate", Rename: "rename", Remove: "remove", SyncDir: "syncdir", Attributes: "attributes",
	Commit: "commit", CommitNoSync: "commit without sync", Flush: "flush"}

// String returns the name of the operation.
func (op Op) String() string {
	if op == 0 || int(op) >= len(opNames) {
		return fmt.Sprintf("op(%d)", uint8(op))
	}
	return opNames[op]
}

// An Event is one operation. Data is valid until the hook returns.
type Event struct {
	Op     Op
	Path   string
	To     string
	Offset int64
	Data   []byte
}

// A Hook is called in the place of an operation, which it does by calling do,
// once or not at all; what it returns is the operation's error.
type Hook func(e Event, do func() error) error

// hooks are those in force. While there are none, an operation costs one
// atomic load more than the system call.
var (
	hooks   atomic.Pointer[[]registration]
	hooksMu sync.Mutex
)

type registration struct {
	dir  string
	hook Hook
}

// Watch has hook called for all operations on files in dir, which is for tests
// only, until stop is called.
func Watch(dir string, hook Hook) (stop func()) {
	hooksMu.Lock()
	defer hooksMu.Unlock()
	r := registration{dir: filepath.Clean(dir), hook: hook}
	var all []registration
	if old := hooks.Load(); old != nil {
		all = append(all, *old...)
	}
	all = append(all, r)
	hooks.Store(&all)
	return func() {
		hooksMu.Lock()
		defer hooksMu.Unlock()
		var rest []registration
		for _, other := range *hooks.Load() {
			if other.dir != r.dir {
				rest = append(rest, other)
			}
		}
		if hooks.Store(&rest); len(rest) == 0 {
			hooks.Store(nil)
		}
	}
}

// Do does an operation, or lets the hook of its directory do it.
func Do(e Event, do func() error) error {
	all := hooks.Load()
	if all == nil {
		return do()
	}
	for _, r := range *all {
		if e.Path == r.dir || strings.HasPrefix(e.Path, r.dir+string(filepath.Separator)) {
			return r.hook(e, do)
		}
	}
	return do()
}

// OpenFile is os.OpenFile.
func OpenFile(path string, flag int, mode fs.FileMode) (f *os.File, err error) {
	err = Do(Event{Op: Open, Path: path}, func() error {
		f, err = os.OpenFile(path, flag, mode)
		return err
	})
	if err != nil && f != nil {
		f.Close()
		f = nil
	}
	return f, err
}

// WriteAt writes data at offset, all of it or with an error.
func WriteAt(f *os.File, data []byte, offset int64) error {
	return Do(Event{Op: Write, Path: f.Name(), Offset: offset, Data: data}, func() error {
		_, err := f.WriteAt(data, offset)
		return err
	})
}

// TruncateFile sets the size of f.
func TruncateFile(f *os.File, size int64) error {
	return Do(Event{Op: Truncate, Path: f.Name(), Offset: size}, func() error { return f.Truncate(size) })
}

// RenameFile moves a file over another name in one step. The new name is durable
// after SyncDirectory.
func RenameFile(from, to string) error {
	return Do(Event{Op: Rename, Path: from, To: to}, func() error { return os.Rename(from, to) })
}

// RemoveFile removes a file.
func RemoveFile(path string) error {
	return Do(Event{Op: Remove, Path: path}, func() error { return os.Remove(path) })
}

// SyncDirectory makes the names in a directory durable. Systems that cannot
// sync a directory do not need it.
func SyncDirectory(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return Do(Event{Op: SyncDir, Path: dir}, func() error {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer d.Close()
		if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
			return fmt.Errorf("syncing directory %s: %w", dir, err)
		}
		return nil
	})
}
