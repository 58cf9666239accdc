//go:build !unix

package disk

import (
	"io/fs"
	"os"
)

// CopyAttributes gives f the mode of another file.
func CopyAttributes(f *os.File, of fs.FileInfo) error {
	return Do(Event{Op: Attributes, Path: f.Name()}, func() error { return f.Chmod(of.Mode().Perm()) })
}

// Links returns 1: this system does not tell how many names a file has.
func Links(fs.FileInfo) int { return 1 }
