package types

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"
)

// A listChunk is a run of list elements packed into one allocation: their
// bytes, one behind the other, and a table of where each begins.
//
// The bytes are buf[lo:hi]. The table is buf[top-2*n:top] and runs downwards:
// two bytes for each element, that of element i at top-2-2*i. It says at which
// address the element begins, where addresses count modulo 2^16 and only their
// differences mean anything: element i begins at lo plus its address less that
// of element 0, and ends where the next begins, the last one at hi. So bytes
// and table can be moved without touching what is in them, and both ends can
// grow: a push at the back puts bytes at hi and an address below the table, a
// push at the front bytes below lo and an address on top of the table.
//
// The table lies behind the bytes or before them. Behind them, pushes at the
// back eat the gap in the middle from both sides, whatever the size of the
// elements; before them, pushes at the front do. reserve moves things when
// pushes change sides.
//
// Invariant: the addresses ascend, from first; every element begins less than
// 2^16 bytes behind lo (the last one may be of any length); bytes and table do
// not overlap.
//
// The zero value is an empty chunk without memory.
type listChunk struct {
	buf    []byte
	lo, hi uint32
	top    uint32
	n      uint16
	first  uint16 // the address of element 0, which every look-up needs
}

// maxSpan is how far behind the first element another may begin.
const maxSpan = 1<<16 - 1

// newListChunk returns an empty chunk with size bytes or a few more, laid out
// for pushes at the front or at the back.
func newListChunk(size int, front bool) listChunk {
	c := listChunk{buf: allocate(size)}
	c.reset(front)
	return c
}

// allocate returns size bytes, or as many more as the allocator would waste;
// but not beyond 8 KiB: what a large element leaves free is no place for others.
func allocate(size int) []byte {
	buf := slices.Grow([]byte(nil), size)
	if size > listLeaf {
		return buf[:size]
	}
	return buf[:cap(buf)]
}

func (c *listChunk) reset(front bool) {
	c.n, c.lo, c.hi, c.top = 0, 0, 0, uint32(len(c.buf))
	if front {
		c.lo, c.hi, c.top = c.top, c.top, 0
	}
}

func (c *listChunk) len() int { return int(c.n) }

// used returns the bytes that elements and table take.
func (c *listChunk) used() int { return int(c.hi-c.lo) + 2*int(c.n) }

func (c *listChunk) address(i int) uint16 {
	return binary.LittleEndian.Uint16(c.buf[int(c.top)-2-2*i:])
}

func (c *listChunk) setAddress(i int, a uint16) {
	binary.LittleEndian.PutUint16(c.buf[int(c.top)-2-2*i:], a)
}

// start returns where element i begins; for i == n, where the last one ends.
func (c *listChunk) start(i int) int {
	if i == int(c.n) {
		return int(c.hi)
	}
	return int(c.lo) + int(c.address(i)-c.first)
}

// at returns element i, borrowed.
func (c *listChunk) at(i int) []byte {
	start, end := c.start(i), c.start(i+1)
	return c.buf[start:end:end]
}

// pushBack adds elem at the end if there is room for it just there.
func (c *listChunk) pushBack(elem []byte) bool {
	k, lo, hi, bottom := len(elem), int(c.lo), int(c.hi), int(c.top)-2*int(c.n)
	if bottom >= hi {
		if bottom-hi < k+2 {
			return false
		}
	} else if len(c.buf)-hi < k || bottom < 2 {
		return false
	}
	if c.n > 0 && hi-lo > maxSpan {
		return false
	}
	copy(c.buf[hi:], elem) // before the table: elem may be an old element in the gap
	binary.LittleEndian.PutUint16(c.buf[bottom-2:], c.first+uint16(hi-lo))
	c.hi += uint32(k)
	c.n++
	return true
}

// pushFront adds elem at the beginning if there is room for it just there.
func (c *listChunk) pushFront(elem []byte) bool {
	k, lo, top := len(elem), int(c.lo), int(c.top)
	if top <= lo {
		if lo-top < k+2 {
			return false
		}
	} else if lo < k || len(c.buf)-top < 2 {
		return false
	}
	if c.n > 0 && int(c.hi)-lo+k > maxSpan {
		return false
	}
	c.first -= uint16(k)
	copy(c.buf[lo-k:], elem)
	binary.LittleEndian.PutUint16(c.buf[top:], c.first)
	c.lo -= uint32(k)
	c.top += 2
	c.n++
	return true
}

func (c *listChunk) push(elem []byte, front bool) bool {
	if front {
		return c.pushFront(elem)
	}
	return c.pushBack(elem)
}

// end returns the first or the last element, borrowed.
func (c *listChunk) end(front bool) []byte {
	if front {
		return c.at(0)
	}
	return c.at(int(c.n) - 1)
}

// pop removes the first or the last element and returns it, readable until the
// next write.
func (c *listChunk) pop(front bool) []byte {
	elem := c.end(front)
	c.n--
	switch {
	case c.n == 0:
		c.reset(front)
	case front:
		c.lo += uint32(len(elem))
		c.first += uint16(len(elem))
		c.top -= 2
	default:
		c.hi -= uint32(len(elem))
	}
	return elem
}

// cut removes the elements i to j-1. At either end it moves nothing, and what
// was removed stays readable until the next write.
func (c *listChunk) cut(i, j int) {
	n, from, to := int(c.n), c.start(i), c.start(j)
	switch {
	case i == j:
		return
	case j == n:
		c.hi = uint32(from)
	case i == 0:
		c.first = c.address(j)
		c.lo = uint32(to)
		c.top -= uint32(2 * j)
	default:
		copy(c.buf[from:], c.buf[to:c.hi])
		for k := j; k < n; k++ {
			c.setAddress(k-(j-i), c.address(k)-uint16(to-from))
		}
		c.hi -= uint32(to - from)
	}
	c.n -= uint16(j - i)
}

// insert puts elem before element i, 0 < i < n. There must be room at the back
// (reserve).
func (c *listChunk) insert(i int, elem []byte) {
	n, k, from := int(c.n), len(elem), c.start(i)
	copy(c.buf[from+k:], c.buf[from:c.hi])
	copy(c.buf[from:], elem)
	a := c.address(i)
	for j := n; j > i; j-- {
		c.setAddress(j, c.address(j-1)+uint16(k))
	}
	c.setAddress(i, a)
	c.hi += uint32(k)
	c.n++
}

// set replaces element i. If elem is longer there must be room at the back
// for the difference (reserve).
func (c *listChunk) set(i int, elem []byte) {
	from, to := c.start(i), c.start(i+1)
	if k := from + len(elem); k != to {
		copy(c.buf[k:], c.buf[to:c.hi])
		for j := i + 1; j < int(c.n); j++ {
			c.setAddress(j, c.address(j)+uint16(k-to))
		}
		c.hi += uint32(k - to) // modulo 2^32 when it shrinks
	}
	copy(c.buf[from:], elem)
}

// roomy reports whether an element of k bytes can be pushed at that end.
func (c *listChunk) roomy(k int, front bool) bool {
	lo, hi, top := int(c.lo), int(c.hi), int(c.top)
	bottom := top - 2*int(c.n)
	switch {
	case front && top <= lo:
		return lo-top >= k+2
	case front:
		return lo >= k && len(c.buf)-top >= 2
	case bottom >= hi:
		return bottom-hi >= k+2
	}
	return len(c.buf)-hi >= k && bottom >= 2
}

// reserve makes room for an element of k bytes at that end: it moves what is
// there if that frees enough to last, else to a larger buffer, of limit bytes
// at most if those suffice. Memory the chunk had is never written to after it
// moved out.
func (c *listChunk) reserve(k int, front bool, limit int) {
	if c.roomy(k, front) {
		return
	}
	need := c.used() + k + 2
	if free := len(c.buf) - need; free >= 0 && (free >= need/8 || need <= 128) {
		c.layout(c.buf, front, k+2)
		return
	}
	size := need
	if need > 64 {
		size = max(need, min(need+need/4, limit))
	}
	c.layout(allocate(size), front, k+2)
}

// fit moves the chunk to a buffer of size bytes, or of what it uses if that is
// more.
func (c *listChunk) fit(size int, front bool) {
	size = max(size, c.used())
	c.layout(allocate(size), front, size-c.used())
}

// loosen moves the chunk to a buffer a quarter larger than what it uses.
func (c *listChunk) loosen() { c.fit(min(c.used()+c.used()/4, listLeaf), false) }

// layout moves bytes and table to buf, which may be where they are now, so
// that the free space is at one end, keep bytes of it at least. When pushes
// change sides, a quarter of the rest stays at the other end, or pushes that
// alternate would move everything each time.
func (c *listChunk) layout(buf []byte, front bool, keep int) {
	lo, hi, top, size := int(c.lo), int(c.hi), int(c.top), 2*int(c.n)
	slack, slackTable := 0, 0
	flips := size > 0 && (top <= lo) != front
	if flips && len(buf) > 128 {
		slack = (len(buf) - c.used() - keep) / 4
		slackTable = slack * size / (c.used() + 1) &^ 1
		slack -= slackTable
	}
	table := c.buf[top-size : top]
	if flips && &buf[0] == &c.buf[0] { // bytes and table move over each other
		table = bytes.Clone(table)
	}
	newLo, newTop := slack, len(buf)-slackTable
	if front {
		newLo, newTop = len(buf)-slack-(hi-lo), slackTable+size
	}
	copy(buf[newLo:], c.buf[lo:hi])
	copy(buf[newTop-size:], table)
	c.buf, c.lo, c.hi, c.top = buf, uint32(newLo), uint32(newLo+hi-lo), uint32(newTop)
}

// split moves the elements from i on to a chunk of their own.
func (c *listChunk) split(i int) listChunk {
	r := *c
	r.cut(0, i)
	r.loosen()
	c.cut(i, int(c.n))
	return r
}

// join appends the elements of d.
func (c *listChunk) join(d *listChunk) {
	c.fit(c.used()+d.used(), false)
	for i := range d.len() {
		c.pushBack(d.at(i))
	}
}

// middle returns the element, not the first, that begins nearest behind half
// of the bytes. There must be two.
func (c *listChunk) middle() int {
	half := (int(c.lo) + int(c.hi)) / 2
	for i := 1; i < int(c.n)-1; i++ {
		if c.start(i) >= half {
			return i
		}
	}
	return int(c.n) - 1
}

// each yields the elements i to j-1.
func (c *listChunk) each(i, j int, yield func(elem []byte) bool) bool {
	if i >= j {
		return true
	}
	start, lo, first := c.start(i), int(c.lo), c.first
	t := int(c.top) - 4 - 2*i // of the next element's address
	for ; i < j; i++ {
		end := int(c.hi)
		if i+1 < int(c.n) {
			end = lo + int(binary.LittleEndian.Uint16(c.buf[t:])-first)
		}
		if !yield(c.buf[start:end:end]) {
			return false
		}
		start = end
		t -= 2
	}
	return true
}

// index returns the first element that equals elem, or -1.
func (c *listChunk) index(elem []byte) int {
	if c.n == 0 {
		return -1
	}
	lo, first, size := int(c.lo), c.first, len(elem)
	buf, table := c.buf[:c.hi], c.buf[int(c.top)-2*int(c.n):c.top]
	start := lo
	var last byte
	if size > 0 {
		last = elem[size-1]
	}
	for t := len(table) - 4; t >= 0; t -= 2 {
		end := lo + int(binary.LittleEndian.Uint16(table[t:])-first)
		// Most elements of the same length differ in their last byte.
		if end-start == size && (size == 0 || buf[end-1] == last && string(buf[start:end]) == string(elem)) {
			return (len(table) - 4 - t) / 2
		}
		start = end
	}
	if string(buf[start:]) == string(elem) {
		return int(c.n) - 1
	}
	return -1
}

// count returns how many elements equal elem.
func (c *listChunk) count(elem []byte) (n int) {
	for i := range c.len() {
		if string(c.at(i)) == string(elem) {
			n++
		}
	}
	return n
}

// filter removes elements that equal elem: it leaves the first skip of them,
// removes limit, and leaves the rest. It returns how many it removed.
func (c *listChunk) filter(elem []byte, skip, limit int) (removed int) {
	if c.n == 0 {
		return 0
	}
	first, at, kept := c.first, int(c.lo), 0
	end := at
	for i, n := 0, int(c.n); i < n; i++ {
		start := end
		if end = int(c.hi); i+1 < n {
			end = int(c.lo) + int(c.address(i+1)-first)
		}
		if removed < limit && string(c.buf[start:end]) == string(elem) {
			if skip == 0 {
				removed++
				continue
			}
			skip--
		}
		copy(c.buf[at:], c.buf[start:end])
		c.setAddress(kept, first+uint16(at-int(c.lo)))
		at += end - start
		kept++
	}
	c.hi, c.n = uint32(at), uint16(kept)
	return removed
}

// holds reports whether b lies in the memory of c.
func (c *listChunk) holds(b []byte) bool {
	if len(b) == 0 || len(c.buf) == 0 {
		return false
	}
	at, from := uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&c.buf[0]))
	return at >= from && at < from+uintptr(len(c.buf))
}

// safe returns elem, or a copy in space if it lies in the memory of c, which
// is about to be moved around.
func (c *listChunk) safe(elem, space []byte) []byte {
	if c.holds(elem) {
		return append(space, elem...)
	}
	return elem
}

func (c *listChunk) check() error {
	lo, hi, top, n := int(c.lo), int(c.hi), int(c.top), int(c.n)
	bottom := top - 2*n
	switch {
	case lo > hi || hi > len(c.buf) || bottom < 0 || top > len(c.buf):
		return fmt.Errorf("chunk: bytes %d to %d and table %d to %d do not fit %d bytes", lo, hi, bottom, top, len(c.buf))
	case lo < hi && n > 0 && bottom < hi && top > lo:
		return fmt.Errorf("chunk: bytes %d to %d overlap the table %d to %d", lo, hi, bottom, top)
	case n == 0 && lo != hi:
		return fmt.Errorf("chunk: %d bytes of no element", hi-lo)
	}
	at := lo
	for i := range n {
		if start := c.start(i); start < at || start > hi || i == 0 && c.address(0) != c.first || start-lo > maxSpan {
			return fmt.Errorf("chunk: element %d begins at %d of %d to %d, the one before at %d", i, start, lo, hi, at)
		}
		at = c.start(i)
	}
	return nil
}
