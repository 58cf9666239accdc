package persist

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"redstart/persist/internal/disk"
)

// openHandle opens the handle of bbolt and reads the state and where the
// journal ends.
func (f *File) openHandle() error {
	if err := f.openBolt(os.O_CREATE); err != nil {
		return err
	}
	err := f.reread()
	if err != nil {
		f.closeBolt()
	}
	return err
}

// openBolt locks and inspects the file, then hands it to bbolt.
// With os.O_CREATE as flag, it makes a new file if there is none.
func (f *File) openBolt(flag int) (err error) {
	open := f.opt.openFile
	if open == nil {
		open = disk.OpenFile
	}
	file, info, err := openLocked(f.path, func() (*os.File, error) { return open(f.path, os.O_RDWR|flag, 0o600) })
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			unlock(file)
			file.Close()
		}
	}()
	empty, err := inspected(file)
	if err != nil {
		return err
	}
	if err := f.handOver(file); err != nil {
		return err
	}
	f.info = info
	if empty {
		err = withCause(f.db.Update(create))
	}
	if err == nil {
		err = f.syncName(empty)
	}
	if err != nil {
		f.closeBolt()
	}
	return err
}

// openLocked opens and locks a file. It may get the lock because the one who
// had it has put another file in its place: then the other one is what is
// wanted.
func openLocked(path string, open func() (*os.File, error)) (file *os.File, info os.FileInfo, err error) {
	for range 10 {
		if file, err = open(); err != nil {
			return nil, nil, err
		}
		if err = lock(file, path); err == nil {
			info, err = file.Stat()
		}
		if err == nil && !info.Mode().IsRegular() {
			err = ErrForeign
		}
		if err == nil {
			there, err := os.Stat(file.Name())
			if err == nil && os.SameFile(info, there) {
				return file, info, nil
			}
		}
		file.Close()
		if err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, &LockedError{Path: path}
}

// handOver opens bbolt on file, which it closes from now on.
func (f *File) handOver(file *os.File) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damagef("its pages are inconsistent (%v)", r)
		}
	}()
	f.os = file
	f.db, err = bolt.Open(f.path, 0o600, &bolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		OpenFile:       func(string, int, os.FileMode) (*os.File, error) { return file, nil },
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return &LockedError{Path: f.path}
	}
	return err
}

// closeBolt closes the handle, if there is one.
func (f *File) closeBolt() error { return f.takeBolt()() }

// takeBolt takes the handle, if there is one, from the File and returns what
// closes it. Of one that is jammed no more than its map of the file stays behind.
func (f *File) takeBolt() (close func() error) {
	db, file := f.db, f.os
	f.db = nil
	f.closeDirect()
	switch {
	case db == nil:
		return func() error { return nil }
	case f.jammed.Swap(false):
		return func() error {
			unlock(file)
			return file.Close() // the map of it stays
		}
	}
	return func() error { return guard(new(bool), db.Close) }
}

// guard runs do and turns a panic of bbolt, or a fault in its map of the file,
// into damage. A panic of what do calls while it says it is abroad is not ours.
func guard(abroad *bool, do func() error) (err error) {
	fault := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(fault)
		if r := recover(); r != nil {
			if *abroad {
				panic(r)
			}
			err = damagef("its pages are inconsistent (%v)", r)
		}
	}()
	return inconsistent(do())
}

// guard is guard for what uses the handle.
func (f *File) guard(abroad *bool, do func() error) error {
	if f.jammed.Load() {
		return damagef("its pages are inconsistent")
	}
	ended := false
	err := guard(abroad, func() error {
		err := do()
		ended = true
		return err
	})
	if !ended {
		f.jammed.Store(true)
	}
	return err
}

// view reads the file in a short transaction.
func (f *File) view(do func(tx *bolt.Tx) error) error { return f.viewAbroad(new(bool), do) }

// viewAbroad is view for what calls functions of the user's.
func (f *File) viewAbroad(abroad *bool, do func(tx *bolt.Tx) error) error {
	f.handle.RLock()
	defer f.handle.RUnlock()
	if f.db == nil { // closed, or not opened again after an error
		return cmp.Or(f.Err(), ErrClosed)
	}
	err := f.guard(abroad, func() error { return f.db.View(do) })
	if err != nil && f.jammed.Load() {
		f.condemn(err)
	}
	return err
}

// inspected inspects a file that nobody else has open. empty tells that bbolt
// is to begin it.
func inspected(file *os.File) (empty bool, err error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, ErrForeign
	case info.Size() == 0:
		return true, nil
	}
	empty, err = inspect(file, info.Size())
	if err == nil && empty { // but for what was begun already
		err = disk.TruncateFile(file, 0)
	}
	return empty, err
}

// renew makes durable what an earlier process has written: it may be in the
// memory of the system only, and nobody must take that for being on disk, or
// write over what was there before it.
//
// If that process was killed, a sync would do. If its last sync has failed, the
// system may call pages clean that are not on disk, and a sync does nothing for
// them. Of those, only a meta page can matter, for it is written when all that
// it leads to is durable; so both are written again as they are, and synced.
// Nobody else may write meanwhile.
func renew(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	p := preflight{file: file, size: info.Size()}
	meta, err := p.metas()
	if err != nil {
		return err
	}
	for _, at := range []int64{0, int64(meta.pageSize)} {
		var b [pageHeader + metaSize]byte
		if _, err := file.ReadAt(b[:], at); err != nil {
			return p.readError(err, at)
		}
		err := disk.WriteAt(file, b[:], at)
		if errors.Is(err, syscall.ENOSPC) {
			break // a full disk that writes elsewhere what is written again can still be read
		}
		if err != nil {
			return err
		}
	}
	return disk.SyncData(file)
}

// syncName makes the file's name durable. That of an old file should be, but
// the process that made it may have been killed before: then it matters as much.
func (f *File) syncName(fresh bool) error {
	real, err := filepath.EvalSymlinks(f.path) // a link says nothing of the directory it leads to
	if err != nil {
		return err
	}
	err = disk.SyncDirectory(filepath.Dir(real))
	if !fresh && errors.Is(err, fs.ErrPermission) {
		return nil // whoever may not read a directory has not made files in it
	}
	return err
}
