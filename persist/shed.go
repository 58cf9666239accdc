package persist

import (
	"unsafe"

	"redstart/persist/internal/disk"
)

// A shed gives back what was read of the file through bbolt's map of it. The
// system counts pages that were read through a map as memory of the process until
// it wants them for something else: reading a whole file that is soon to be
// replaced, or a journal once more, would look like a need for that much memory,
// and where memory is limited take it from what is in use.
//
// It is used within a transaction: the map does not move meanwhile.
type shed struct {
	first, end unsafe.Pointer // what was read lies between; nil: nothing
	bytes      int            // that were read
}

// shedEvery is how many bytes are read before they are given back: the system
// maps what is around a page as well, and so maps again the end of what was given
// back.
const shedEvery = 4 << 20

// add notes that b has been read, or is about to be.
func (s *shed) add(b []byte) {
	if len(b) == 0 {
		return
	}
	first := unsafe.Pointer(&b[0])
	end := unsafe.Add(first, len(b))
	if s.bytes += len(b); s.first == nil || uintptr(first) < uintptr(s.first) {
		s.first = first
	}
	if uintptr(end) > uintptr(s.end) {
		s.end = end
	}
}

// full reports whether it is time to give back.
func (s *shed) full() bool { return s.bytes >= shedEvery }

// release gives back what was read.
func (s *shed) release() {
	if s.first != nil {
		disk.Release(unsafe.Slice((*byte)(s.first), uintptr(s.end)-uintptr(s.first)))
	}
	*s = shed{}
}
