//go:build unix && !solaris && !aix && !android

package persist

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the lock that bbolt takes, on the handle it will use: so nobody
// can change the file between its inspection and its opening.
func lock(file *os.File, path string) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &LockedError{Path: path, PID: holder(file)}
	}
	return err
}

// unlock gives the lock back. Closing file does not, as long as bbolt has a map
// of it, which it may have left behind.
func unlock(file *os.File) { _ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }
