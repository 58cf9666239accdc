package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"redstart/persist/internal/disk"
	"redstart/types"
)

// A draft is a new file that is being written beside the place where it will
// be. It is a File like any other, open and locked, but has another name until
// it is complete, checked and synced: so nobody takes a part of it for the
// whole, and what is in the place stays until then. It serves whoever needs a
// whole file at once: Rewrite, Compact, Recover, WriteFile.
//
// A draft that a crash has left behind is of no use to anybody. The next one
// for the same place removes it, and so does Load of the file that is there.
type draft struct {
	*File
	path string // where it will be
	done bool   // it is not to be removed any more
	sent int    // bytes of transactions since it was synced
}

// draftName returns the name of a draft of the file at path.
func draftName(path string) string { return path + ".unfinished" }

// newDraft begins a draft of the file at path, which looks like another one,
// old, to the rest of the system; nil: like any new file. A warning is given
// if it cannot be made to.
func newDraft(path string, old fs.FileInfo, limits *types.Limits, warn func(error)) (*draft, error) {
	d := &draft{path: path}
	if err := removeDraft(path); err != nil {
		return nil, err
	}
	made := false
	create := func(name string, flag int, mode os.FileMode) (*os.File, error) {
		file, err := disk.OpenFile(name, flag|os.O_EXCL, mode)
		if err != nil {
			return nil, err
		}
		made = true
		if old != nil {
			if err := disk.CopyAttributes(file, old); err != nil {
				warn(err)
			}
		}
		return file, nil
	}
	// Nobody waits for a part of it, and a sync for each would be most of the time
	// it takes. bbolt syncs it as it grows, and finish at the end.
	f, err := Open(draftName(path), &Options{
		Sync: Never, MaxJournal: math.MaxInt64, KeepJournal: math.MaxInt64, MaxFree: -1, Limits: limits,
		openFile: create, ticks: make(chan time.Time), draft: true,
	})
	if err != nil {
		if made {
			disk.RemoveFile(draftName(path))
		}
		return nil, err
	}
	d.File = f
	err = f.Load(func(Entry) error { return nil }, func(uint64, []byte) error { return nil })
	if err != nil {
		d.discard()
		return nil, err
	}
	return d, nil
}

// removeDraft removes what an earlier draft of the file at path has left.
func removeDraft(path string) error {
	name := draftName(path)
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "remove", Path: name, Err: errors.New("it is no file of ours")}
	}
	file, err := disk.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := lock(file, name); err != nil {
		return err // it is being written
	}
	return disk.RemoveFile(name)
}

// write makes d, which has all transactions up to v's, hold what v holds, reads it back and compares: what is in
// memory may be the only copy left of what it is to take the place of. It
// passes to progress, which may be nil, how many keys it has dealt with of
// which total, each of them twice, and ends with the error of stop, which is
// asked now and then.
func (d *draft) write(v View, progress func(done, total int64), stop func() error) error {
	c := &metered{View: v, progress: progress, stop: stop, total: 2 * int64(v.Len())}
	err := d.Checkpoint(c)
	if err == nil {
		// One more commit, of nothing, makes both meta pages lead to all of it: a new
		// file is at rest for long, and damage to one page must not cost everything.
		err = d.doNow(&step{sync: true, run: func(*bolt.Tx) error { return nil }})
	}
	if err = errors.Join(c.err, err); err != nil {
		return err
	}
	written := c.count
	err = d.readBack(c.next)
	switch {
	case err != nil:
		return fmt.Errorf("reading back what was written: %w", err)
	case c.count != 2*written:
		return fmt.Errorf("reading back what was written: %d keys of %d", c.count-written, written)
	case d.Stats().Covered != v.Seq():
		return fmt.Errorf("reading back what was written: transaction %d instead of %d", d.Stats().Covered, v.Seq())
	}
	return nil
}

// readBack reads all that is in d, and passes on that there is one more entry. What
// was read is not needed again soon: the file is large, and this process holds
// all of it already.
func (d *draft) readBack(entry func() error) error {
	var s state
	var seen shed
	err := d.view(func(tx *bolt.Tx) error {
		defer seen.release()
		if err := s.read(tx); err != nil {
			return err
		}
		return s.loadChunks(tx, d.opt.Limits, func(value []byte) error {
			if seen.full() {
				seen.release()
			}
			seen.add(value)
			return nil
		}, func(Entry) error { return entry() })
	})
	if err == nil {
		_, err = d.scan(s.covered, func(uint64, []byte) error { return nil }, func(int) {})
	}
	return explain(d.File.path, err)
}

// startAt makes a new file one whose transactions go on after seq.
func (f *File) startAt(seq uint64) error {
	s := state{covered: seq}
	if err := f.doNow(&step{run: s.write}); err != nil {
		return err
	}
	f.setState(s)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.appended.Store(seq)
	f.durable.Store(seq)
	f.written = seq
	return nil
}

// finish writes and syncs all of it, and ends the draft's committer. What it
// had is d's owner's from then on, and does not change any more.
func (d *draft) finish() error {
	err := d.Sync()
	d.end()
	if err != nil {
		return err
	}
	return disk.SyncData(d.os)
}

// publish gives the finished draft its name, where nothing may be. If it fails
// nothing is there.
func (d *draft) publish() error {
	if err := d.finish(); err != nil {
		return err
	}
	if err := mustNotExist(d.path); err != nil {
		return err
	}
	// It is locked until it has its name: nobody else makes a draft of that name
	// meanwhile, which would be renamed in its place.
	if err := disk.RenameFile(draftName(d.path), d.path); err != nil {
		return err
	}
	d.done = true
	err := errors.Join(disk.SyncDirectory(filepath.Dir(d.path)), d.shut())
	if err != nil {
		err = errors.Join(err, disk.RemoveFile(d.path))
	}
	return err
}

// discard closes the draft and removes it, unless it has become something.
func (d *draft) discard() {
	if d.done {
		return
	}
	d.done = true
	d.end()
	d.shut()
	disk.RemoveFile(draftName(d.path))
}

// WriteFile writes a new file at path with everything v holds, and with the
// number of the transaction v is of. Nothing may exist at path; the file
// appears there when it is complete, read back, and on disk, and not at all if
// there is an error. If progress is not nil it is called now and then with how
// much is done, of how much.
func WriteFile(path string, v View, progress func(done, total int64)) error {
	if err := mustNotExist(path); err != nil {
		return err
	}
	d, err := newDraft(path, nil, nil, nil)
	if err != nil {
		return err
	}
	defer d.discard()
	if err := d.startAt(v.Seq()); err != nil {
		return err
	}
	if err := d.write(v, progress, nil); err != nil {
		return err
	}
	return d.publish()
}

// mustNotExist returns an error if there is something at path.
func mustNotExist(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// metered is a View that counts what is taken from it and can be stopped.
type metered struct {
	View
	progress func(done, total int64) // may be nil
	stop     func() error            // may be nil
	count    int64
	total    int64
	err      error // of stop
}

// meteredEvery is how many keys pass between two looks at the owner's wishes.
const meteredEvery = 1 << 10

// next counts one more.
func (c *metered) next() error {
	c.count++
	if c.count%meteredEvery != 1 && c.count != c.total {
		return nil
	}
	if c.progress != nil {
		c.progress(min(c.count, c.total), c.total)
	}
	if c.stop != nil {
		c.err = c.stop()
	}
	return c.err
}

func (c *metered) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for e := range c.View.All() {
			if c.next() != nil || !yield(e) {
				return
			}
		}
	}
}
