package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	gcSlack   = 16 << 20 // how much garbage may gather in a small heap
	gcPercent = 25       // and in a large one, as a part of what is alive
)

// tuneGC makes the collector run more often than Go's default when the heap is
// large, and less often when it is small. It reports whether it does.
//
// With the default of 100 percent a large database takes up to twice its size.
// The tables of keys and values hold next to no pointers, so that marking
// them costs almost nothing: a quarter was measured to cost no time worth
// speaking of. In a heap of a few megabytes the same quarter would be
// collected many times a second. So the percentage follows what is alive; it is
// looked at after every collection. A GOGC in the environment is respected. A
// library must not do this to its host, so it stands here.
func tuneGC() bool {
	if os.Getenv("GOGC") != "" {
		return false
	}
	adjustGC(&gcState{sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}})
	return true
}

type gcState struct {
	sample  []metrics.Sample
	percent int
}

// gcMark is an object that nothing refers to: its finalizer runs after each collection.
type gcMark struct{ state *gcState }

func adjustGC(s *gcState) {
	metrics.Read(s.sample)
	percent := 400
	if live := s.sample[0].Value.Uint64(); live > 0 {
		percent = int(min(400, max(gcPercent, 100*gcSlack/live)))
	}
	// Setting it stops the world for a moment: only for a change worth it.
	if diff := percent - s.percent; diff*8 > s.percent || -diff*8 > s.percent || percent == gcPercent && diff != 0 {
		s.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(&gcMark{s}, func(m *gcMark) { adjustGC(m.state) })
}
