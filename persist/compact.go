package persist

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"redstart/persist/internal/disk"
)

// Compact writes a new file with what is in the file at path, without its free
// space and its journal, and puts it in place of the old one: whole, read back
// and on disk, or not at all. It returns the Summary of the old file, and the
// size of the new one. A damaged file is left alone (ErrCorrupt); so is one with
// further names, or whose mode and owner the new one cannot have. A symbolic
// link stays one.
func (x *Examiner) Compact(path string) (old Summary, size int64, err error) {
	c := newExamination(x.report(), nil, x.Progress)
	c.keep = true
	_, err = c.read(path)
	if c.kept != nil {
		defer c.kept.Close() // and with it the lock
	}
	if err != nil {
		return c.Summary, 0, err
	}
	size, err = c.compact(path, x.writing())
	return c.Summary, size, explain(path, err)
}

// compact does it after the file was read, and as long as it is locked.
func (c *examination) compact(path string, progress func(done, total int64)) (size int64, err error) {
	if err := c.whole(); err != nil {
		return 0, err
	}
	info, err := c.kept.Stat()
	if err != nil || info.Size() == 0 {
		return 0, err
	}
	if disk.Links(info) > 1 {
		return 0, errManyNames
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0, err
	}
	var unlike error
	d, err := newDraft(real, info, nil, func(err error) { unlike = err })
	if err != nil {
		return 0, err
	}
	defer d.discard()
	if unlike != nil {
		return 0, fmt.Errorf("%w: %w", errUnlike, unlike)
	}
	v := numbered{c.keys, c.Sequence}
	if err = d.startAt(v.seq); err == nil {
		err = d.write(v, progress, nil)
	}
	if err == nil {
		err = d.finish()
	}
	if err == nil {
		err = d.takePlace(info)
	}
	if err != nil {
		return 0, err
	}
	if info, err = d.os.Stat(); err != nil {
		return 0, err
	}
	return info.Size(), errors.Join(disk.SyncDirectory(filepath.Dir(real)), d.shut())
}

// whole returns an error if the file is damaged.
func (c *examination) whole() error {
	if c.Damage == 0 {
		return nil
	}
	return damagef("damaged places: %d", c.Damage)
}

// Copy writes a new file, newPath, with what is in the file at path, as
// Recover does; but only if that is not damaged, and with the number of its
// last transaction.
func (x *Examiner) Copy(path, newPath string) (Summary, error) {
	if err := mustNotExist(newPath); err != nil {
		return Summary{}, err
	}
	c, err := newExamination(x.report(), nil, x.Progress).read(path)
	if err == nil {
		err = explain(path, c.whole())
	}
	if err == nil {
		err = WriteFile(newPath, numbered{c.keys, c.Sequence}, x.writing())
	}
	return c.Summary, err
}

// numbered is a keyspace as of a transaction.
type numbered struct {
	keyspace
	seq uint64
}

func (n numbered) Seq() uint64 { return n.seq }

var (
	errManyNames = errors.New("it is not rewritten: it has more than one name, which would lead to different files from then on")
	errUnlike    = errors.New("it is not rewritten: the new file cannot have its mode and owner")
	errStranger  = errors.New("another file is in its place, and is left as it is")
)

// takePlace renames d, which is finished, over the file old, which is locked;
// its name may also lead to nothing.
func (d *draft) takePlace(old os.FileInfo) error {
	if there, err := os.Stat(d.path); err == nil && !os.SameFile(there, old) {
		return errStranger
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	err := disk.RenameFile(draftName(d.path), d.path)
	if err != nil && !d.isAt(d.path) { // the file system knows what the error means
		return err
	}
	d.done = true
	return nil
}

// isAt reports whether path leads to d.
func (d *draft) isAt(path string) bool {
	mine, err := d.os.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(there, mine)
}
