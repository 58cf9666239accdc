package types

import (
	"encoding/binary"
	"math"
)

// A zpack is a small sorted set: its members in order, one behind the other in
// one piece of memory. Everything takes a walk from the front.
//
// An entry is a header, the score and the member. The header is a varint of
// the member's length times four plus the form of the score: whole numbers of
// 8, 16 or 32 bits are kept as such, all others as the 8 bytes of the float.
type zpack []byte

// A zentry is an entry of a zpack. The zero value with end 0 is none.
type zentry struct {
	rank       int
	start, end int // where it is in the pack
	score      float64
	name       []byte
}

// The forms of a score, and the bytes each takes.
const (
	zFloat = iota
	zInt8
	zInt16
	zInt32
)

var zFormSize = [4]int{8, 1, 2, 4}

// cut returns where the member of the entry at off begins and ends, and the
// form of its score, which lies before it.
func (p zpack) cut(off int) (form, from, to int) {
	head := int(p[off])
	off++
	if head >= 0x80 {
		v, n := binary.Uvarint(p[off-1:])
		head, off = int(v), off-1+n
	}
	form = head & 3
	from = off + zFormSize[form]
	return form, from, from + head>>2
}

// score returns the score of that form that ends at off.
func (p zpack) score(form, off int) float64 {
	b := p[off-zFormSize[form] : off]
	switch form {
	case zInt8:
		return float64(int8(b[0]))
	case zInt16:
		return float64(int16(binary.LittleEndian.Uint16(b)))
	case zInt32:
		return float64(int32(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// entry returns the entry at off.
func (p zpack) entry(off, rank int) zentry {
	form, from, to := p.cut(off)
	return zentry{rank, off, to, p.score(form, from), p[from:to:to]}
}

// at returns the entry of that rank, or the end if there are no more.
func (p zpack) at(rank int) zentry {
	off := 0
	for range rank {
		_, _, off = p.cut(off)
	}
	if off == len(p) {
		return zentry{rank: rank, start: off}
	}
	return p.entry(off, rank)
}

// find returns the entry of name. Its end is 0 if there is none.
func (p zpack) find(name string) zentry {
	rank := 0
	for off := 0; off < len(p); rank++ {
		form, from, to := p.cut(off)
		if to-from == len(name) && text(p[from:to]) == name {
			return zentry{rank, off, to, p.score(form, from), p[from:to:to]}
		}
		off = to
	}
	return zentry{}
}

// seek returns how many entries come before the first that is not below, and
// where that one starts. below must hold for entries at the front only.
func (p zpack) seek(below func(score float64, name []byte) bool) (rank, off int) {
	for off < len(p) {
		form, from, to := p.cut(off)
		if !below(p.score(form, from), p[from:to]) {
			break
		}
		off = to
		rank++
	}
	return rank, off
}

// place returns where a member with that score and name belongs.
func (p zpack) place(score float64, name string) (off int) {
	_, off = p.seek(func(s float64, other []byte) bool {
		return s < score || s == score && text(other) < name
	})
	return off
}

// maxZhead is the most bytes that come before the member in an entry.
const maxZhead = binary.MaxVarintLen32 + 8

// appendZhead appends what comes before the member in an entry.
func appendZhead(buf []byte, score float64, size int) []byte {
	form := zFloat
	if v := int32(score); float64(v) == score && (v != 0 || !math.Signbit(score)) {
		switch {
		case v == int32(int8(v)):
			form = zInt8
		case v == int32(int16(v)):
			form = zInt16
		default:
			form = zInt32
		}
		buf = binary.AppendUvarint(buf, uint64(size)<<2|uint64(form))
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], uint32(v))
		return append(buf, b[:zFormSize[form]]...)
	}
	buf = binary.AppendUvarint(buf, uint64(size)<<2|uint64(form))
	return binary.LittleEndian.AppendUint64(buf, math.Float64bits(score))
}

// each yields the entries lo ≤ rank < hi until yield returns false.
func (p zpack) each(lo, hi int, yield func(member []byte, score float64) bool) bool {
	if lo >= hi {
		return true
	}
	e := p.at(lo)
	for {
		if !yield(e.name, e.score) {
			return false
		}
		if e.rank+1 == hi {
			return true
		}
		e = p.entry(e.end, e.rank+1)
	}
}

// eachReverse is each from hi-1 down to lo. As entries can be walked forwards
// only it notes where they start, for a window of them at a time.
func (p zpack) eachReverse(lo, hi int, yield func(member []byte, score float64) bool) bool {
	var starts [128]int32
	for hi > lo {
		from := max(lo, hi-len(starts))
		off := p.at(from).start
		for i := range hi - from {
			starts[i] = int32(off)
			_, _, off = p.cut(off)
		}
		for i := hi - 1; i >= from; i-- {
			e := p.entry(int(starts[i-from]), i)
			if !yield(e.name, e.score) {
				return false
			}
		}
		hi = from
	}
	return true
}
