package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// retry decides after a failed commit. It returns nil if g is on disk after
// all, or was empty. A draft that has failed is of no use to anybody.
//
// A commit that fails has an unknown outcome: bbolt may have written its meta
// page before the error, and shows the new state although it said no. So after
// any error nothing is acknowledged; the handle is closed, the file inspected
// and opened again, and the number of its last transaction compared with the
// group:
//
//   - an error of a sync: the kernel may have dropped the pages it could not
//     write and calls them clean, so nothing that is read back proves anything
//     about the disk. The file is read-only until a new one could be written
//     from memory (rewrite.go).
//   - an error of a write (no space, quota, size limit): the group is there or
//     it is not. If not, it is written again; if that fails, too, the file is
//     read-only, and the committer looks every second whether it is worth
//     trying again (shortage.go), because the group is still in memory and space
//     may come back.
//   - the file cannot be opened again, or holds something else: as with a sync.
//     So it is with one that is found damaged while it is in use (condemn.go).
func (f *File) retry(g *group, cause error) error {
	if f.opt.draft {
		return f.failure(cause)
	}
	before := f.written
	defer func() {
		if f.broken != nil {
			f.written = before // whatever is in it now
		}
	}()
	if err := f.reopen(cause); err != nil {
		return err
	}
	switch {
	case f.written != before && f.written != g.last:
		return f.abandon(fmt.Errorf("%w; opened again, it ends at transaction %d instead of %d or %d",
			cause, f.written, before, g.last))
	case len(g.records) == 0:
		return nil // only a step failed; its owner is told
	case f.written == g.last:
		// It is visible. No sync has failed, so one that succeeds proves it.
		if err := f.flush(); err != nil {
			return f.abandon(err)
		}
		return nil
	}
	if f.short.err == nil { // it may have been for once
		_, err := f.transact(g, nil)
		if err == nil {
			return nil
		}
		if err := f.reopen(err); err != nil {
			return err
		}
		cause = err
	}
	return f.lacking(g, cause)
}

// reopen replaces the handle after a failed commit and reads back what the
// file holds. It gives the file up if the error is not one of a write.
func (f *File) reopen(cause error) error {
	f.count(func(s *Stats) { s.Failures++ })
	if !isWriteError(cause) {
		return f.abandon(cause)
	}
	f.warn("writing failed, opening the file again", "error", cause)
	f.handle.Lock()
	err, mine := f.closeBolt(), f.info
	if err == nil {
		err = f.openBolt(0)
	}
	if err == nil && !os.SameFile(mine, f.info) {
		err = errors.Join(errStranger, f.closeBolt())
	}
	if err == nil {
		err = renew(f.os)
	}
	f.info = mine
	f.handle.Unlock()
	if err == nil {
		err = f.reread()
	}
	if err != nil {
		return f.abandon(fmt.Errorf("%w; opening it again: %w", cause, err))
	}
	return nil
}

// failure is the error that Append and Wait return from now on.
func (f *File) failure(cause error) error {
	if f.opt.draft { // who wrote it has a file that takes writes, or has none
		return fmt.Errorf("%s: %w", f.path, cause)
	}
	return fmt.Errorf("%s: %w: %w", f.path, ErrReadOnly, cause)
}

// abandon makes the file read-only until it is rewritten.
func (f *File) abandon(cause error) error {
	f.broken, f.short = f.failure(cause), shortage{}
	f.log.Error("the file is read-only until it could be written anew", "file", f.path, "error", cause)
	f.wantRewrite()
	return f.broken
}

// isWriteError reports whether err, of a commit, came from writing or growing
// the file and not from a sync. bbolt gives some of these no type.
func isWriteError(err error) bool {
	if errors.Is(err, syscall.EIO) {
		return false
	}
	var path *fs.PathError
	return errors.As(err, &path) && path.Op == "write" ||
		errors.Is(err, berrors.ErrMaxSizeReached) ||
		strings.HasPrefix(err.Error(), "file resize error") && !strings.Contains(err.Error(), syscall.EIO.Error()) ||
		strings.HasPrefix(err.Error(), "mmap allocate error")
}

// reread reads the journal and the state back after a rollback.
func (f *File) reread() error {
	return f.view(func(tx *bolt.Tx) (err error) {
		var s state
		if err := s.read(tx); err != nil {
			return err
		}
		f.setState(s)
		last, err := f.journal.open(tx, s.covered)
		if err != nil {
			return err
		}
		f.written, err = f.rereadStage(tx, last)
		return err
	})
}

// rereadStage reads the stage back, given the number of the last transaction
// in the journal, and returns that of the last one of all.
func (f *File) rereadStage(tx *bolt.Tx, last uint64) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.stage.locate(tx); err != nil {
		return 0, err
	}
	c, err := f.stage.load(f.os, last)
	if c.unfinished {
		f.warn("a write that a crash interrupted is cut off; nobody was promised it", "transaction", c.last+1)
	}
	return c.last, f.underName(err)
}
