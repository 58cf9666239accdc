package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

const (
	gcSlack   = 16 << 20 // how much garbage may gather in a small heap
	gcPercent = 25       // and in a large one, as a part of what is alive
	gcLoading = 100      // and while the file is loaded
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
//
// Loading makes little garbage and a heap that grows all the time: a quarter
// would mark it again and again for nothing, for a third of the time it took.
// Loaded says that it is over.
func tuneGC() (loaded func(), tuned bool) {
	if os.Getenv("GOGC") != "" {
		return func() {}, false
	}
	s := &gcState{sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	s.least.Store(gcLoading)
	adjustGC(s)
	return func() {
		s.least.Store(gcPercent)
		go runtime.GC() // after which it is looked at
	}, true
}

type gcState struct {
	sample  []metrics.Sample
	percent int
	least   atomic.Int64 // below which percent is not to be
}

// gcMark is an object that nothing refers to: its finalizer runs after each collection.
type gcMark struct{ state *gcState }

func adjustGC(s *gcState) {
	metrics.Read(s.sample)
	percent, least := 400, int(s.least.Load())
	if live := s.sample[0].Value.Uint64(); live > 0 {
		percent = int(min(400, max(uint64(least), 100*gcSlack/live)))
	}
	// Setting it stops the world for a moment: only for a change worth it.
	if diff := percent - s.percent; diff*8 > s.percent || -diff*8 > s.percent || percent == least && diff != 0 {
		s.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(&gcMark{s}, func(m *gcMark) { adjustGC(m.state) })
}
