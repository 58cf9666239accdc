package persist

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"math"
)

// A dirty is the set of keys that a checkpoint has to write. There may be
// millions, so it holds no pointers: names stand behind one another in one
// arena, each as its length in bytes, its database and the key; a table open
// to the next free slot holds their offsets. It costs the names and about 8
// bytes a key. The zero value is empty.
//
// Invariant: table has a power of two slots, less than 3/4 of them used; a slot
// holds the offset of a name in arena plus one, or 0.
type dirty struct {
	all   bool // every key counts as changed
	count int
	arena []byte
	table []uint32
	seed  maphash.Seed
	name  []byte // of the key being added
}

// add adds a key.
func (d *dirty) add(db int, key []byte) {
	if d.all {
		return
	}
	if d.count >= len(d.table)/4*3 {
		d.grow()
	}
	d.name = binary.AppendUvarint(d.name[:0], uint64(db))
	d.name = append(d.name, key...)
	slot := d.slot(d.name)
	if d.table[slot] != 0 {
		return
	}
	if uint64(len(d.arena)+len(key)+2*binary.MaxVarintLen64) > math.MaxUint32 {
		d.all = true
		return
	}
	d.table[slot] = uint32(len(d.arena)) + 1
	d.arena = binary.AppendUvarint(d.arena, uint64(len(d.name)))
	d.arena = append(d.arena, d.name...)
	d.count++
}

// slot returns the slot that holds name, or should.
func (d *dirty) slot(name []byte) uint64 {
	mask := uint64(len(d.table) - 1)
	slot := maphash.Bytes(d.seed, name) & mask
	for ; d.table[slot] != 0; slot = (slot + 1) & mask {
		if old, _, _ := cutBytes(d.arena[d.table[slot]-1:]); bytes.Equal(old, name) {
			break
		}
	}
	return slot
}

// grow doubles the table.
func (d *dirty) grow() {
	if d.table == nil {
		d.seed = maphash.MakeSeed()
	}
	d.table = make([]uint32, max(64, 2*len(d.table)))
	for at := 0; at < len(d.arena); {
		name, rest, _ := cutBytes(d.arena[at:])
		d.table[d.slot(name)] = uint32(at) + 1
		at = len(d.arena) - len(rest)
	}
}

// size returns the bytes of memory in use.
func (d *dirty) size() int { return cap(d.arena) + 4*len(d.table) }

// keys yields every key once, in the order in which they were first added. The
// key is d's own.
func (d *dirty) keys() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for rest := d.arena; len(rest) > 0; {
			var name []byte
			name, rest, _ = cutBytes(rest)
			db, n := binary.Uvarint(name)
			if !yield(int(db), name[n:]) {
				return
			}
		}
	}
}
