package types

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A body in one of the integer shapes holds distinct integers in ascending
// order, all in the width that the widest one ever added needed (as a set
// narrows only by being emptied).

// ints reports whether f is one of the integer shapes.
func (f shape) ints() bool { return f-asInt16 <= asInt64-asInt16 }

// width returns the bytes of one integer in an integer shape.
func (f shape) width() int { return 1 << f }

// shapeOf returns the narrowest shape that can hold n.
func shapeOf(n int64) shape {
	switch {
	case n == int64(int16(n)):
		return asInt16
	case n == int64(int32(n)):
		return asInt32
	}
	return asInt64
}

// get returns the i-th integer in p.
func (f shape) get(p []byte, i int) int64 {
	switch f {
	case asInt16:
		return int64(int16(binary.LittleEndian.Uint16(p[i*2:])))
	case asInt32:
		return int64(int32(binary.LittleEndian.Uint32(p[i*4:])))
	}
	return int64(binary.LittleEndian.Uint64(p[i*8:]))
}

// put sets the i-th integer in p to n.
func (f shape) put(p []byte, i int, n int64) {
	switch f {
	case asInt16:
		binary.LittleEndian.PutUint16(p[i*2:], uint16(n))
	case asInt32:
		binary.LittleEndian.PutUint32(p[i*4:], uint32(n))
	default:
		binary.LittleEndian.PutUint64(p[i*8:], uint64(n))
	}
}

// int returns the i-th integer of b.
func (b *body) int(i int) int64 { return b.shape().get(b.bytes(), i) }

// findInt returns the place of n in b, or where it belongs and false.
func (b *body) findInt(n int64) (i int, ok bool) {
	p, f, lo, hi := b.bytes(), b.shape(), 0, int(b.count)
	if hi > 0 && n > f.get(p, hi-1) { // IDs are mostly added in order
		return hi, false
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if f.get(p, mid) < n {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < int(b.count) && f.get(p, lo) == n
}

// insertInt puts n, which is not in b, at place i. It returns false, and does
// nothing, if b would get too long. An empty b takes the shape n needs.
func (b *body) insertInt(i int, n int64) bool {
	f := max(b.shape(), shapeOf(n))
	if (int(b.count)+1)*f.width() > maxBody {
		return false
	}
	if f != b.shape() {
		b.widen(f)
	}
	w := f.width()
	f.put(b.splice(i*w, 0, w), i, n)
	b.count++
	return true
}

// widen turns the integers of b into those of the wider shape f.
func (b *body) widen(f shape) {
	old, from := b.bytes(), b.shape()
	b.how = b.how&recorded | f
	if b.count == 0 {
		return
	}
	b.shared = false
	p := b.alloc(int(b.count) * f.width())
	for i := range int(b.count) {
		f.put(p, i, from.get(old, i))
	}
}

// removeInt takes out the integer at place i.
func (b *body) removeInt(i int) {
	w := b.shape().width()
	b.splice(i*w, w, 0)
	b.count--
}

// spelledSize returns the bytes n takes as text.
func spelledSize(n int64) int {
	size := 1
	if n < 0 {
		size++
	}
	for ; n > 9 || n < -9; n /= 10 {
		size++
	}
	return size
}

func (b *body) checkInts() error {
	if n := int(b.count) * b.shape().width(); n != int(b.used) {
		return fmt.Errorf("%d bytes of integers used of %d", n, b.used)
	}
	last := int64(math.MinInt64)
	for i := range int(b.count) {
		n := b.int(i)
		if n <= last && i > 0 {
			return fmt.Errorf("%d is in place %d, after %d", n, i, last)
		}
		last = n
	}
	return nil
}
