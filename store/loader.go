package store

import (
	"fmt"
	"math/bits"
	"slices"

	"redstart/persist"
	"redstart/types"
)

// A loader puts the entries of a snapshot in their places.
//
// The snapshot has them in the order of another process's hashes, so one after
// the other would go to as many places of tables far larger than the caches,
// and most of the time of loading was spent waiting for memory. So the loader
// sorts the some ten thousand that it gets at once by where they belong, and
// puts those of one segment in one after the other. Entries of one key stay in
// order, because they have the same hash. When the first have come it makes the
// tables as large as they are going to be.
type loader struct {
	tx     *Tx
	hashes []uint64 // of the keys of the batch
	order  []uint32 // the batch sorted: indexes into it
	first  []uint32 // per bucket, where it begins in order; later where it ends
	sized  bool     // tables were given a size
}

const loadBits = 12 // of the number of a bucket

// entries puts a batch in its place.
func (l *loader) entries(batch []persist.Entry, ahead int) error {
	l.hashes = l.hashes[:0]
	for i := range batch {
		e := &batch[i]
		if e.DB < 0 || e.DB >= l.tx.db.opt.Databases {
			return fmt.Errorf("key %.40q: %w", e.Key, l.tx.noDatabase(e.DB))
		}
		l.hashes = append(l.hashes, types.HashOf(text(e.Key)))
	}
	if !l.sized {
		l.reserve(batch, ahead)
	}
	l.sort()
	for _, i := range l.order {
		if err := l.tx.restore(l.hashes[i], &batch[i]); err != nil {
			return err
		}
	}
	return nil
}

// sort fills order: by shard and by the top bits of the hash, which are those
// that tell the segment.
func (l *loader) sort() {
	shards := l.tx.db.shardMask
	within := loadBits - bits.Len64(shards)
	bucket := func(h uint64) uint64 { return (h>>shardShift&shards)<<within | h>>(64-within) }
	if l.first == nil {
		l.first = make([]uint32, 1<<loadBits+1)
	}
	clear(l.first)
	for _, h := range l.hashes {
		l.first[bucket(h)+1]++
	}
	for i := range l.first[1:] {
		l.first[i+1] += l.first[i]
	}
	l.order = slices.Grow(l.order[:0], len(l.hashes))[:len(l.hashes)]
	for i, h := range l.hashes {
		at := &l.first[bucket(h)]
		l.order[*at] = uint32(i)
		*at++
	}
}

// maxAhead is how many times the first batch room is made for at once: what the
// file says of its size is not worth more than what has been read of it.
const maxAhead = 32

// reserve makes room for what is ahead, if it is like the first batch.
func (l *loader) reserve(batch []persist.Entry, ahead int) {
	l.sized = true
	ahead = min(ahead, maxAhead*len(batch))
	counts := make([]int, l.tx.db.opt.Databases)
	for i := range batch {
		counts[batch[i].DB]++
	}
	for db, n := range counts {
		n = int(float64(n) * float64(len(batch)+ahead) / float64(len(batch)))
		for s := range l.tx.db.shards {
			l.tx.db.shards[s].tables[db].dict.Reserve(n / len(l.tx.db.shards))
		}
	}
}

// end gives back the room that nobody came for. Every key counts as used now.
func (l *loader) end() {
	for s := range l.tx.db.shards {
		for _, t := range l.tx.db.shards[s].tables {
			t.dict.Trim()
			t.dict.TouchAll(l.tx.db.seconds.Load())
		}
	}
}
