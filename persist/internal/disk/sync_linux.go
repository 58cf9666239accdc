package disk

import (
	"os"
	"syscall"
)

// SyncData makes what was written to f durable; not its times.
func SyncData(f *os.File) error {
	return Do(Event{Op: Sync, Path: f.Name()}, func() error {
		for {
			if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
				return os.NewSyscallError("fdatasync", err)
			}
		}
	})
}
