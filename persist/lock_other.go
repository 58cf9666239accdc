//go:build !unix || solaris || aix || android

package persist

import "os"

// lock leaves locking to bbolt.
func lock(*os.File, string) error { return nil }

// unlock gives back what lock has taken.
func unlock(*os.File) {}
