package disk

import (
	"os"
	"syscall"
	"unsafe"
)

// Release has the system take the whole pages of b, which is part of a map of a
// file that nobody writes to, out of the memory of this process. Who reads them
// again gets them from the system's cache, or from the disk.
func Release(b []byte) {
	if len(b) == 0 {
		return
	}
	page := uintptr(os.Getpagesize())
	front := -uintptr(unsafe.Pointer(&b[0])) & (page - 1)
	if size := uintptr(len(b)); size > front {
		if whole := b[front : front+(size-front)&^(page-1)]; len(whole) > 0 {
			_ = syscall.Madvise(whole, syscall.MADV_DONTNEED) // it only costs memory if it fails
		}
	}
}
