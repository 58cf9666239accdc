package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	gcSlack   = 16 << 20 // how much garbage may gather in a small heap
	gcPercent = 25       // and in a large one, as a part of what is alive
	gcLoading = 100      // and while the file is loaded
	gcMost    = 400      // and at most
)

// A tuner makes the collector run more often than Go's default when the heap is
// large, and less often when it is small.
//
// With the default of 100 percent a large database takes up to twice its size.
// The tables of keys and values hold next to no pointers, so that marking
// them costs little: a quarter was measured to cost no time worth speaking of.
// In a heap of a few megabytes the same quarter would be collected many times a
// second. So the percentage follows what is alive.
//
// What is alive the collector knows only from the last collection. If the
// database grows it would take that for garbage and look for it again and
// again, at each quarter, while clients wait for the processor. But the
// database knows its size: what it has grown by counts as alive.
//
// Loading makes little garbage, too, and nobody waits for anything else then: a
// quarter would cost a third of the time it takes.
type tuner struct {
	mu      sync.Mutex
	sample  []metrics.Sample
	percent int
	size    func() int // of the database; nil while it is loaded
	live    uint64     // after the last collection
	then    int        // size at that time, or a little later
}

// tuneGC returns a tuner that is at work, or nil if the environment has a GOGC,
// which is respected. A library must not do this to its host, so it stands here.
func tuneGC() *tuner {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	t := &tuner{sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	t.collected()
	return t
}

// loaded says that the database is there, and how to ask for its size.
func (t *tuner) loaded(size func() int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.size = size
	t.mu.Unlock()
	go runtime.GC() // after which collected is called
}

// gcMark is an object that nothing refers to: its finalizer runs after each collection.
type gcMark struct{ t *tuner }

// collected adapts to what a collection has left.
func (t *tuner) collected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	metrics.Read(t.sample)
	t.live = t.sample[0].Value.Uint64()
	least := gcLoading
	if t.size != nil {
		least, t.then = gcPercent, t.size()
	}
	percent := percentFor(t.live, 0, least)
	// Setting it stops the world for a moment: only for a change worth it.
	if diff := percent - t.percent; diff*8 > t.percent || -diff*8 > t.percent || percent == least && diff != 0 {
		t.set(percent)
	}
	runtime.SetFinalizer(&gcMark{t}, func(m *gcMark) { m.t.collected() })
}

// follow adapts to what the database has grown by since the last collection.
func (t *tuner) follow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.size == nil {
		return
	}
	grown := max(0, t.size()-t.then)
	if percent := percentFor(t.live, uint64(grown), gcPercent); percent > t.percent+t.percent/8 {
		t.set(percent)
	}
}

func (t *tuner) set(percent int) {
	t.percent = percent
	debug.SetGCPercent(percent)
}

// percentFor returns by how many percent of live, which was alive after a
// collection, the heap may grow until the next if more has come to life since,
// and garbage may be least percent of all that is alive, or more if that is
// little.
func percentFor(live, more uint64, least int) int {
	if live == 0 {
		return gcMost
	}
	alive := live + more
	garbage := alive / 100 * min(gcMost, max(uint64(least), 100*gcSlack/alive))
	return int((more + garbage) * 100 / live)
}
