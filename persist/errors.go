package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// Errors of files. Those of Open and Load are wrapped in a text that names the
// file, the place in it and the way out.
var (
	ErrCorrupt  = errors.New("the file is damaged")
	ErrForeign  = errors.New("not a Redstart file")
	ErrNewer    = errors.New("the file was written by a newer Redstart")
	ErrReadOnly = errors.New("writing to the file failed, no more writes are taken")
	ErrClosed   = errors.New("database is closed")

	// ErrFuture is returned for the number of a transaction that there has not
	// been. It is of another file, or of one that a crash has undone.
	ErrFuture = errors.New("there is no commit of that number yet")

	errNotLoaded = errors.New("the file takes no writes before it is loaded")
)

// A LockedError says that a file is open elsewhere.
type LockedError struct {
	Path string
	PID  int // the process that has it open; 0 if the system does not tell
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is open in another process", e.Path)
	}
	return fmt.Sprintf("%s is open in process %d", e.Path, e.PID)
}

// A damage is what is wrong at one place of a file. The layers that find it
// do not know the file's name: damaged adds it.
type damage struct{ what string }

func (d *damage) Error() string { return d.what }
func (d *damage) Unwrap() error { return ErrCorrupt }

func damagef(format string, args ...any) error {
	return &damage{fmt.Sprintf(format, args...)}
}

// explain adds to an error what its reader needs: the file, and the way out.
// Other errors than those of this package get the name only.
func explain(path string, err error) error {
	if err == nil || errors.Is(err, ErrReadOnly) {
		return err // it names the file, and needs no way out: one is being tried
	}
	if d := (*damage)(nil); errors.As(err, &d) {
		return fmt.Errorf("%s: %w: %s (it was left as it is; `redstart check %s` lists all damage, `redstart recover %s NEW` saves what is whole)",
			path, ErrCorrupt, d.what, path, path)
	}
	switch {
	case errors.Is(err, ErrForeign):
		return fmt.Errorf("%s: %w (it was left as it is; give another path, or move it away)", path, err)
	case errors.Is(err, ErrNewer):
		return fmt.Errorf("%s: %w (it was left as it is; open it with a newer redstart)", path, err)
	}
	locked, named := (*LockedError)(nil), (*fs.PathError)(nil)
	if errors.As(err, &locked) || errors.As(err, &named) {
		return err // it names the file
	}
	return fmt.Errorf("%s: %w", path, err)
}

// A named error is one of bbolt's, with the error of the system that is in its
// text only.
type named struct {
	error
	errno syscall.Errno
}

func (n *named) Unwrap() []error { return []error{n.error, n.errno} }

// withCause gives an error of bbolt's the cause that its text ends with: of
// those it has when it makes the file larger it keeps the text only.
func withCause(err error) error {
	if err == nil || errors.As(err, new(syscall.Errno)) {
		return err
	}
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EFBIG, syscall.EROFS, syscall.ENOMEM} {
		if strings.HasSuffix(err.Error(), errno.Error()) {
			return &named{err, errno}
		}
	}
	return err
}

// underName gives an error of the file that was a draft its name of now: an
// os.File goes by the name under which it was opened until it is opened again.
func (f *File) underName(err error) error {
	if err == nil || f.opt.draft || f.os.Name() != draftName(f.real) {
		return err
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) && p.Path == f.os.Name() {
		p.Path = f.path // it was made for us
	}
	if text := strings.ReplaceAll(err.Error(), f.os.Name(), f.path); text != err.Error() {
		return &renamed{err, text}
	}
	return err
}

// A renamed error has another name of the file in its text.
type renamed struct {
	error
	text string
}

func (r *renamed) Error() string { return r.text }
func (r *renamed) Unwrap() error { return r.error }
