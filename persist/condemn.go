package persist

import (
	"errors"

	berrors "go.etcd.io/bbolt/errors"
)

// A file that was whole when it was opened may be found damaged while it is in
// use: by a checkpoint that reads the journal back, by a Reader, by bbolt on its
// way through a page. From then on nothing is written to it. What would be
// acknowledged would be in a file that does not open any more, or, if it is the
// tree that is damaged, overwrite what could still be saved. Everything is in
// memory nevertheless, and what a program can do about it is what it can do
// about any file that has become read-only.
//
// What this cannot do: bbolt believes the headers of pages and of their
// elements, and makes pointers of them. If one of these changes under it, which
// takes somebody who writes to the file, or a page that the system has dropped
// and reads back wrong, a pointer into nowhere may get as far as Go's collector,
// which ends the process. A file is only inspected when it is opened.

// condemn gives the file up, by the hand of the committer, if err is damage
// that was found in it. Before the file is loaded that is for Load to say.
func (f *File) condemn(err error) {
	if d := (*damage)(nil); !errors.As(err, &d) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.condemned == nil && f.err != errNotLoaded {
		f.condemned = explain(f.path, err)
		f.signal()
	}
}

// condemnation returns what the file was condemned for since it was last asked.
func (f *File) condemnation() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.condemned
	f.condemned = nil
	return err
}

// inconsistent makes damage of errors that bbolt can only have because of it:
// we ask for buckets that are there.
func inconsistent(err error) error {
	for _, sign := range []error{berrors.ErrBucketNotFound, berrors.ErrIncompatibleValue, berrors.ErrBucketExists} {
		if errors.Is(err, sign) {
			return damagef("its pages are inconsistent (%v)", err)
		}
	}
	return err
}
