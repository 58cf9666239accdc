//go:build !linux

package disk

import "os"

// SyncData makes what was written to f durable.
func SyncData(f *os.File) error {
	return Do(Event{Op: Sync, Path: f.Name()}, f.Sync)
}
