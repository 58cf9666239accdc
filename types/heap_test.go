package types

import (
	"runtime"
	"testing"
)

// heap returns the bytes in use after a collection. The second one empties
// what pools held.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// measuresHeap skips a test that compares Size with the heap where that cannot
// be: the race detector's runtime allocates for itself.
func measuresHeap(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates for itself: Size cannot be compared with the heap")
	}
}
