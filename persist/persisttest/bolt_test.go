//go:build bolthook

package persisttest

import (
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"

	"redstart/persist/internal/disk"
)

const hooked = true

// bbolt's operations go the way of persist's own.
func init() {
	debug.SetGCPercent(400) // images of files are made and thrown away all the time
	ops := map[string]disk.Op{"write": disk.Write, "sync": disk.Sync, "truncate": disk.Truncate, "close": disk.Close}
	bolt.Watch = func(op string, file *os.File, off int64, data []byte, do func() error) error {
		return disk.Do(disk.Event{Op: ops[op], Path: file.Name(), Offset: off, Data: data}, do)
	}
}
