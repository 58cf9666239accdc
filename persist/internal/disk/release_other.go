//go:build !linux

package disk

// Release does nothing.
func Release([]byte) {}
