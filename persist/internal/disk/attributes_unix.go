//go:build unix

package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// CopyAttributes gives f the mode and the owner of another file.
func CopyAttributes(f *os.File, of fs.FileInfo) error {
	return Do(Event{Op: Attributes, Path: f.Name()}, func() error {
		want, isUnix := of.Sys().(*syscall.Stat_t)
		info, err := f.Stat()
		if err != nil {
			return err
		}
		// The mode comes last: a change of the owner takes bits from it.
		if have, ok := info.Sys().(*syscall.Stat_t); ok && isUnix && (have.Uid != want.Uid || have.Gid != want.Gid) {
			err = f.Chown(int(want.Uid), int(want.Gid))
		}
		if info.Mode().Perm() != of.Mode().Perm() {
			err = errors.Join(err, f.Chmod(of.Mode().Perm()))
		}
		return err
	})
}

// Links returns how many names a file has.
func Links(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Nlink)
	}
	return 1
}
