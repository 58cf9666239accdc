package types

import (
	"encoding/binary"
	"math"
	"strings"
)

const (
	zLeafSize = 1024
	zBody     = zLeafSize - 16
	zSlot     = 10  // bytes of a slot: the score, and where the record is
	zInline   = 128 // the longest member that is kept in the leaf itself
	zFar      = 255 // in place of a length: the member is a long one
)

// A zleaf holds neighbouring members of a sorted set in order. It has no
// pointers, so that the garbage collector never looks into it.
//
// The body is filled from both ends: slots of score (8 bytes) and place of
// record (2) in order from the front, records in any order from the back. A
// record is one byte of length and the member, or, for a long member, zFar and
// its number in the zlong beside the leaf. Because the scores lie close
// together a search touches few cache lines, and a change of score moves slots
// only.
//
// Invariant: slots end at or before low; the bytes from low on are the records
// of the slots and dead bytes in between.
type zleaf struct {
	own  uint64 // the tree that may write to the leaf
	n    uint16 // members
	low  uint16 // where the first record begins
	dead uint16 // bytes from low on that no slot needs any more
	_    uint16
	body [zBody]byte
}

// A zlong holds the long members of one leaf. A freed place holds "".
type zlong []string

func newZleaf(own uint64) *zleaf { return &zleaf{own: own, low: zBody} }

func (l *zleaf) score(i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(l.body[i*zSlot:]))
}

func (l *zleaf) setScore(i int, score float64) {
	binary.LittleEndian.PutUint64(l.body[i*zSlot:], math.Float64bits(score))
}

// place returns where the record of the i-th member begins.
func (l *zleaf) place(i int) int {
	return int(binary.LittleEndian.Uint16(l.body[i*zSlot+8:]))
}

// record returns the size of the record that begins at o.
func (l *zleaf) record(o int) int {
	if l.body[o] == zFar {
		return 2
	}
	return 1 + int(l.body[o])
}

// live returns the bytes the members of l need, slots included.
func (l *zleaf) live() int { return int(l.n)*zSlot + zBody - int(l.low) - int(l.dead) }

// compact closes the gaps between the records.
func (l *zleaf) compact() {
	old := *l
	low := zBody
	for i := range int(l.n) {
		o := old.place(i)
		size := old.record(o)
		low -= size
		copy(l.body[low:], old.body[o:o+size])
		binary.LittleEndian.PutUint16(l.body[i*zSlot+8:], uint16(low))
	}
	l.low, l.dead = uint16(low), 0
}

// shift moves the member at i to place to, which is counted without it, and
// gives it another score.
func (l *zleaf) shift(i, to int, score float64) {
	place := l.place(i)
	b := l.body[:]
	if i < to {
		copy(b[i*zSlot:], b[(i+1)*zSlot:(to+1)*zSlot])
	} else {
		copy(b[(to+1)*zSlot:], b[to*zSlot:i*zSlot])
	}
	l.setScore(to, score)
	binary.LittleEndian.PutUint16(b[to*zSlot+8:], uint16(place))
}

// The methods of zkid below treat it as one leaf: the zleaf with the long
// members beside it. They must not be called on a kid that is a node, except
// name and less of its first leaf.

// name returns the i-th member of the leaf.
func (k *zkid) name(i int) []byte {
	l := k.leaf
	o := l.place(i)
	size := int(l.body[o])
	if size == zFar {
		return raw((*k.long)[l.body[o+1]])
	}
	return l.body[o+1 : o+1+size : o+1+size]
}

// search returns how many members of the leaf sort before score and name.
func (k *zkid) search(score float64, name string) int {
	l := k.leaf
	lo, hi := 0, int(l.n)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if s := l.score(mid); s < score || s == score && text(k.name(mid)) < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// put inserts a member at i, or returns false if there is no room for it. A
// long name is kept as it is: it must not be borrowed.
func (k *zkid) put(i int, score float64, name string) bool {
	l := k.leaf
	size := 1 + len(name)
	if len(name) > zInline {
		size = 2
	}
	n := int(l.n)
	if room := int(l.low) - n*zSlot; room < size+zSlot {
		if room+int(l.dead) < size+zSlot {
			return false
		}
		l.compact()
	}
	l.low -= uint16(size)
	o := int(l.low)
	if len(name) > zInline {
		l.body[o], l.body[o+1] = zFar, k.keep(name)
	} else {
		l.body[o] = byte(len(name))
		copy(l.body[o+1:], name)
	}
	copy(l.body[(i+1)*zSlot:], l.body[i*zSlot:n*zSlot])
	l.setScore(i, score)
	binary.LittleEndian.PutUint16(l.body[i*zSlot+8:], uint16(o))
	l.n++
	return true
}

// keep adds a long member beside the leaf and returns its number.
func (k *zkid) keep(name string) byte {
	if k.long == nil {
		k.long = new(zlong)
	}
	for i, s := range *k.long {
		if s == "" {
			(*k.long)[i] = name
			return byte(i)
		}
	}
	*k.long = append(*k.long, name)
	return byte(len(*k.long) - 1)
}

// drop removes the members lo ≤ i < hi.
func (k *zkid) drop(lo, hi int) {
	l := k.leaf
	for i := lo; i < hi; i++ {
		o := l.place(i)
		if l.body[o] == zFar {
			(*k.long)[l.body[o+1]] = ""
		}
		l.dead += uint16(l.record(o))
	}
	copy(l.body[lo*zSlot:], l.body[hi*zSlot:int(l.n)*zSlot])
	l.n -= uint16(hi - lo)
	if l.n == 0 {
		l.low, l.dead = zBody, 0
	}
}

// take appends the members of other from lo on, for which there must be room.
func (k *zkid) take(other *zkid, lo int) {
	for i := lo; i < int(other.leaf.n); i++ {
		if !k.put(int(k.leaf.n), other.leaf.score(i), text(other.name(i))) {
			panic("BUG: no room in a leaf of a sorted set")
		}
	}
}

// even moves members between two neighbouring leaves so that both hold about
// the same. It reports whether any were moved.
func even(left, right *zkid) bool {
	a, b := left.leaf.live(), right.leaf.live()
	moved := false
	if a > b {
		i := int(left.leaf.n)
		for i > 1 {
			size := left.leaf.need(i - 1)
			if a-size < b+size || !right.put(0, left.leaf.score(i-1), text(left.name(i-1))) {
				break
			}
			a, b, i, moved = a-size, b+size, i-1, true
		}
		left.drop(i, int(left.leaf.n))
		return moved
	}
	i := 0
	for i+1 < int(right.leaf.n) {
		size := right.leaf.need(i)
		if b-size < a+size || !left.put(int(left.leaf.n), right.leaf.score(i), text(right.name(i))) {
			break
		}
		a, b, i, moved = a+size, b-size, i+1, true
	}
	right.drop(0, i)
	return moved
}

// need returns the bytes that member i takes, slot included.
func (l *zleaf) need(i int) int { return zSlot + l.record(l.place(i)) }

// half returns how many members make up the first half of the leaf's bytes.
func (k *zkid) half() int {
	l := k.leaf
	sum, want := 0, l.live()/2
	for i := range int(l.n) {
		if sum += l.need(i); sum >= want {
			return i + 1
		}
	}
	return int(l.n)
}

// owned returns a copy of name that may be kept, if it is one that is kept as
// it is.
func owned(name string) string {
	if len(name) > zInline {
		return strings.Clone(name)
	}
	return name
}
