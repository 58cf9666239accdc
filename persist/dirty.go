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
// arena, each as a byte that says how it is to be written (patch.go), its length
// in bytes, its database and the key; a table open to the next free slot holds
// their offsets. It costs the names and about 9 bytes a key. The few keys that
// have a patch have it beside. The zero value is empty.
//
// Invariant: table has a power of two slots, less than 3/4 of them used; a slot
// holds the offset of a name in arena plus one, or 0; patches has those of
// the names that say keyPatch.
type dirty struct {
	all    bool // every key counts as changed
	count  int
	arena  []byte
	table  []uint32
	seed   maphash.Seed
	adding []byte // the name of the key being added

	patches map[uint32]*patch // by offset
	patched int               // bytes they take, about
}

// noKey is the offset of none.
const noKey = math.MaxUint32

// add adds a key and returns its offset; noKey if every key counts as changed.
func (d *dirty) add(db int, key []byte) (at uint32) {
	if d.all {
		return noKey
	}
	if d.count >= len(d.table)/4*3 {
		d.grow()
	}
	d.adding = binary.AppendUvarint(d.adding[:0], uint64(db))
	d.adding = append(d.adding, key...)
	slot := d.slot(d.adding)
	if d.table[slot] != 0 {
		return d.table[slot] - 1
	}
	if uint64(len(d.arena)+len(key)+3*binary.MaxVarintLen64) > math.MaxUint32 {
		d.all = true
		return noKey
	}
	at = uint32(len(d.arena))
	d.table[slot] = at + 1
	d.arena = append(d.arena, keySeen)
	d.arena = binary.AppendUvarint(d.arena, uint64(len(d.adding)))
	d.arena = append(d.arena, d.adding...)
	d.count++
	return at
}

// whole says that the key at an offset is to be written with its value.
func (d *dirty) whole(at uint32) {
	if d.all || at == noKey {
		return
	}
	if d.arena[at] == keyPatch {
		d.patched -= patchMemory + len(d.patches[at].effects)
		delete(d.patches, at)
	}
	d.arena[at] = keyWhole
}

// name returns the database and the key at an offset.
func (d *dirty) name(at uint32) (db int, key []byte) {
	name, _, _ := cutBytes(d.arena[at+1:])
	n, size := binary.Uvarint(name)
	return int(n), name[size:]
}

// slot returns the slot that holds name, or should.
func (d *dirty) slot(name []byte) uint64 {
	mask := uint64(len(d.table) - 1)
	slot := maphash.Bytes(d.seed, name) & mask
	for ; d.table[slot] != 0; slot = (slot + 1) & mask {
		if old, _, _ := cutBytes(d.arena[d.table[slot]:]); bytes.Equal(old, name) {
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
		name, rest, _ := cutBytes(d.arena[at+1:])
		d.table[d.slot(name)] = uint32(at) + 1
		at = len(d.arena) - len(rest)
	}
}

// size returns the bytes of memory in use.
func (d *dirty) size() int { return cap(d.arena) + 4*len(d.table) + d.patched }

// entries yields every key once, in the order in which they were first added,
// as v has it: with its value, its patch, or as deleted. The key is d's own.
func (d *dirty) entries(v View) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for at := 0; at < len(d.arena); {
			name, rest, _ := cutBytes(d.arena[at+1:])
			db, n := binary.Uvarint(name)
			e, ok := v.Find(int(db), name[n:])
			if !ok {
				e = Entry{Deleted: true}
			}
			e.DB, e.Key = int(db), name[n:]
			if d.arena[at] == keyPatch && ok {
				e = e.patchedBy(d.patches[uint32(at)])
			}
			if !yield(e) {
				return
			}
			at = len(d.arena) - len(rest)
		}
	}
}
