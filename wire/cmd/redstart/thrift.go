package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// When a database shrinks, by FLUSHALL or a DEL of large values, Go notices
// nothing: it collects when new memory is asked for, or after two minutes, and
// then returns what is free to the system at its leisure. But the database knows
// its size. What the heap has beyond that, and beyond what was alive besides at
// the last collection, is waste: garbage, or free. A look once a second finds
// out and costs some microseconds; a collection is made only when there is
// something to be had.

const (
	followEvery = 200 * time.Millisecond // a look at what the tuner has to follow
	thriftEvery = time.Second
	thriftShare = 50 // a collection is followed by so many times its length without one

	muchWaste   = 32 << 20 // waste to act on at once, if it is half of the rest, too
	someWaste   = 4 << 20  // and in a calm server, if it is a sixteenth
	calmAllocs  = 1 << 20  // allocated in a second at most while a server is calm
	calmLooks   = 3
	muchLooks   = 2
	manyPercent = 50
	fewPercent  = 6
)

// A thrift decides when to give memory back.
type thrift struct {
	cycles uint64 // of the collector, at the last look
	other  uint64 // bytes that were alive after it and not the database's
	size   uint64 // of the database
	allocs uint64
	calm   int // looks in a row that found the server calm
	much   int // and much waste
}

// A heapLook is what is seen of the heap.
type heapLook struct {
	size   uint64 // bytes of the database, about
	live   uint64 // what the last collection left
	now    uint64 // that and what came since, garbage too
	free   uint64 // held for later use
	allocs uint64 // all bytes ever allocated
	cycles uint64 // collections
}

// look reports whether it is time for a collection.
func (t *thrift) look(h heapLook) bool {
	if h.cycles != t.cycles {
		// The collection was since the last look: the database may have been
		// as large as then.
		t.other = h.live - min(h.live, max(h.size, t.size))
	}
	calm := h.allocs-t.allocs < calmAllocs
	t.cycles, t.size, t.allocs = h.cycles, h.size, h.allocs
	rest := h.size + t.other
	waste := h.now + h.free - min(h.now+h.free, rest)
	t.calm = counted(t.calm, calm)
	t.much = counted(t.much, waste > max(muchWaste, rest/100*manyPercent))
	return t.much >= muchLooks || t.calm >= calmLooks && waste > max(someWaste, rest/100*fewPercent)
}

// counted returns n+1 if what is counted is so again, else 0.
func counted(n int, again bool) int {
	if !again {
		return 0
	}
	return n + 1
}

// beThrifty gives memory back when it is worth while, and lets gc follow the
// size of the database, until ctx ends.
func beThrifty(ctx context.Context, size func() int, gc *tuner) {
	tick, follow := time.NewTicker(thriftEvery), time.NewTicker(followEvery)
	defer tick.Stop()
	defer follow.Stop()
	sample := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	var t thrift
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-follow.C:
			gc.follow()
		case now := <-tick.C:
			metrics.Read(sample)
			due := t.look(heapLook{
				size: uint64(size()), live: sample[0].Value.Uint64(), now: sample[1].Value.Uint64(),
				free: sample[2].Value.Uint64(), allocs: sample[3].Value.Uint64(), cycles: sample[4].Value.Uint64(),
			})
			if due && now.After(next) {
				debug.FreeOSMemory()
				next = time.Now().Add(thriftShare * time.Since(now))
			}
		}
	}
}
