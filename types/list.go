package types

import (
	"fmt"
	"iter"
	"math"
	"unsafe"
)

// A List is a sequence of elements, of any bytes each, that is quick to change
// at both ends. The zero value is an empty list ready to use; a nil *List reads
// as an empty one.
//
// A small list is one packed chunk, a listpack in Redis's words; a large one is
// a tree of such chunks, a quicklist, with which pushes and pops cost O(1) and
// anything by index O(log n). The forms change where those of Redis 7.2 do: to
// a tree when the chunk, as a listpack, would outgrow Limits.ListSize; back when
// elements went away and what is left is one chunk of half that limit.
//
// Elements are handed out borrowed: they point into the list and stay valid
// until its next write. An element may be given back to the same list (to move
// it, say). What is given to the list is copied.
//
// Invariant: tree is nil, or else chunk is empty and has no memory. pack is the
// size of chunk as a listpack, less the 7 bytes around it. If shared is set, a
// clone may hold the same buffer: chunk must move before the buffer is written.
type List struct {
	rec    *Recorder
	chunk  listChunk
	tree   *listTree
	pack   uint32
	shared bool
}

// Kind returns KindList.
func (l *List) Kind() Kind { return KindList }

// Len returns the number of elements.
func (l *List) Len() int {
	switch {
	case l == nil:
		return 0
	case l.tree != nil:
		return l.tree.n
	}
	return l.chunk.len()
}

// Size returns the bytes of memory the list takes, whether or not it shares
// them with a clone.
func (l *List) Size() int {
	if l == nil {
		return 0
	}
	size := int(unsafe.Sizeof(*l)) + cap(l.chunk.buf)
	if l.tree != nil {
		size += listTreeSize + l.tree.bytes
	}
	return size
}

// Encoding returns "listpack" or "quicklist".
func (l *List) Encoding() string {
	if l != nil && l.tree != nil {
		return "quicklist"
	}
	return "listpack"
}

// Record makes l report its changes to r from now on, or to nobody if r is nil.
func (l *List) Record(r *Recorder) { l.rec = r }

// PushFront adds elem before all others. It records OpPushFront.
func (l *List) PushFront(elem []byte) { l.push(elem, true) }

// PushBack adds elem behind all others. It records OpPushBack.
func (l *List) PushBack(elem []byte) { l.push(elem, false) }

func (l *List) push(elem []byte, front bool) {
	if l.tree == nil && !l.fits(elem) {
		l.spread()
	}
	var c *listChunk
	if l.tree != nil {
		c = l.tree.push(elem, front)
	} else {
		c = l.own()
		if !c.push(elem, front) {
			var space [64]byte
			elem = c.safe(elem, space[:0])
			c.reserve(len(elem), front, math.MaxInt)
			c.push(elem, front)
		}
		l.pack += uint32(elemSize(c.end(front)))
	}
	switch {
	case l.rec == nil:
	case l.rec.Log == nil:
		l.rec.Changes++
	case front:
		l.rec.Note(OpPushFront, 0, 0, text(c.end(front)), "")
	default:
		l.rec.Note(OpPushBack, 0, 0, text(c.end(front)), "")
	}
}

// PopFront removes the first element and returns it, borrowed until the next
// write. ok is false if the list is empty. It records OpPopFront.
func (l *List) PopFront() (elem []byte, ok bool) { return l.pop(true) }

// PopBack removes the last element and returns it, borrowed until the next
// write. ok is false if the list is empty. It records OpPopBack.
func (l *List) PopBack() (elem []byte, ok bool) { return l.pop(false) }

func (l *List) pop(front bool) (elem []byte, ok bool) {
	switch {
	case l.Len() == 0:
		return nil, false
	case l.tree != nil:
		elem = l.tree.pop(front)
	default:
		elem = l.chunk.pop(front)
		l.pack -= uint32(elemSize(elem))
	}
	l.settle()
	if l.rec != nil {
		op := OpPopBack
		if front {
			op = OpPopFront
		}
		l.rec.Note(op, 1, 0, "", "")
	}
	return elem, true
}

// At returns element i, borrowed; a negative i counts from the end, -1 being
// the last. ok is false if there is no such element. It costs O(log n).
func (l *List) At(i int) (elem []byte, ok bool) {
	n := l.Len()
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return nil, false
	}
	c, i := l.find(i)
	return c.at(i), true
}

// find returns the chunk that holds element i, and which one of it that is.
func (l *List) find(i int) (*listChunk, int) {
	if l.tree != nil {
		return l.tree.find(i)
	}
	return &l.chunk, i
}

// SetAt replaces element i; a negative i counts from the end. It returns
// ErrRange if there is no such element. It costs O(log n) and records OpListSet.
func (l *List) SetAt(i int, elem []byte) error {
	n := l.Len()
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return ErrRange
	}
	if l.tree == nil && !l.fitsBytes(len(elem)) {
		l.spread()
	}
	if l.tree != nil {
		l.tree.set(i, elem)
	} else {
		c := l.own()
		old := c.at(i)
		more := len(elem) - len(old)
		l.pack += uint32(elemSize(elem) - elemSize(old))
		var space [64]byte
		if more != 0 {
			elem = c.safe(elem, space[:0])
		}
		if more > 0 {
			c.reserve(more, false, math.MaxInt)
		}
		c.set(i, elem)
	}
	if l.rec != nil {
		c, j := l.find(i)
		l.rec.Note(OpListSet, int64(i), 0, text(c.at(j)), "")
	}
	l.settle()
	return nil
}

// Insert puts elem before the first element that equals pivot, or after it. It
// reports whether there was one. It costs O(n) to find it, and records
// OpInsertBefore or OpInsertAfter.
func (l *List) Insert(pivot, elem []byte, after bool) bool {
	i := l.index(pivot)
	if i < 0 {
		return false
	}
	// The two may be elements of l, which is about to change.
	var space [128]byte
	own := append(append(space[:0], pivot...), elem...)
	pivot, elem = own[:len(pivot)], own[len(pivot):]
	op := OpInsertBefore
	if after {
		op, i = OpInsertAfter, i+1
	}
	if l.tree == nil && !l.fits(elem) {
		l.spread()
	}
	switch c := &l.chunk; {
	case l.tree != nil:
		l.tree.insert(i, elem)
	default:
		l.own()
		front := i == 0
		c.reserve(len(elem), front, math.MaxInt)
		if front || i == c.len() {
			c.push(elem, front)
		} else {
			c.insert(i, elem)
		}
		l.pack += uint32(elemSize(elem))
	}
	l.rec.Note(op, 0, 0, text(pivot), text(elem))
	return true
}

func (l *List) index(elem []byte) int {
	switch {
	case l == nil:
		return -1
	case l.tree != nil:
		return l.tree.index(elem)
	}
	return l.chunk.index(elem)
}

// Remove removes elements that equal elem: the first count of them, the last
// -count of them if count is negative, or all if it is 0. It returns how many
// it removed. It costs O(n) and records one OpListRemove.
func (l *List) Remove(elem []byte, count int) int {
	limit := count
	switch {
	case count == 0 || count == math.MinInt:
		limit = math.MaxInt
	case count < 0:
		limit = -count
	}
	var space [128]byte
	elem = append(space[:0], elem...) // it may be an element of l
	removed := 0
	switch {
	case l.tree != nil:
		removed = l.tree.remove(elem, limit, count >= 0)
	case l.chunk.index(elem) >= 0:
		c := l.own()
		skip := 0
		if count < 0 {
			skip = max(0, c.count(elem)-limit)
		}
		removed = c.filter(elem, skip, limit)
		l.pack -= uint32(removed * elemSize(elem))
	}
	if removed > 0 {
		l.settle()
		l.rec.Note(OpListRemove, int64(count), 0, text(elem), "")
	}
	return removed
}

// Trim keeps the elements start to stop, both included, and removes all others,
// as LTRIM does: a negative index counts from the end, one out of range is
// drawn in, and if nothing is left between the two the list becomes empty. It
// costs O(log n) and a little for every 8 KiB removed, and records OpPopFront
// and OpPopBack, each with the number removed there.
func (l *List) Trim(start, stop int) {
	n := l.Len()
	if start < 0 {
		start = max(0, start+n)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	if start > stop {
		start, stop = n, n-1
	}
	l.drop(start, true)
	l.drop(n-1-stop, false)
}

// drop removes k elements at one end.
func (l *List) drop(k int, front bool) {
	if k == 0 {
		return
	}
	op := OpPopBack
	if front {
		op = OpPopFront
	}
	c := &l.chunk
	switch n := l.Len(); {
	case k == n:
		l.clear()
	case l.tree != nil:
		l.tree.drop(k, front)
	case front:
		c.cut(0, k)
		l.pack = uint32(c.packed())
	default:
		c.cut(n-k, n)
		l.pack = uint32(c.packed())
	}
	l.settle()
	l.rec.Note(op, int64(k), 0, "", "")
}

func (l *List) clear() { l.chunk, l.tree, l.pack, l.shared = listChunk{}, nil, 0, false }

// Each yields the elements from start on, n at most, borrowed, until yield
// returns false. yield must not write to l.
func (l *List) Each(start, n int, yield func(elem []byte) bool) {
	if start < 0 {
		return
	}
	for n = min(n, l.Len()-start); n > 0; {
		c, i := l.find(start)
		k := min(n, c.len()-i)
		if !c.each(i, i+k, yield) {
			return
		}
		start += k
		n -= k
	}
}

// EachReverse yields element start and those before it, n at most, borrowed,
// until yield returns false. yield must not write to l.
func (l *List) EachReverse(start, n int, yield func(elem []byte) bool) {
	if start >= l.Len() {
		return
	}
	for n = min(n, start+1); n > 0; {
		c, i := l.find(start)
		for ; i >= 0 && n > 0; i-- {
			if !yield(c.at(i)) {
				return
			}
			start--
			n--
		}
	}
}

// All yields index and element of all elements, borrowed. l may be written to
// meanwhile if it is being edited: what is yielded is how it was at first.
func (l *List) All() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		i := -1
		l.still().Each(0, math.MaxInt, func(elem []byte) bool {
			i++
			return yield(i, elem)
		})
	}
}

// Backward is like All, from the last element to the first.
func (l *List) Backward() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		i := l.Len()
		l.still().EachReverse(i-1, math.MaxInt, func(elem []byte) bool {
			i--
			return yield(i, elem)
		})
	}
}

// still returns l, or if l is being edited a clone that will not change.
func (l *List) still() *List {
	if l == nil || l.rec == nil {
		return l
	}
	return l.clone().(*List)
}

// Apply makes the change that e describes.
func (l *List) Apply(e Effect) error {
	n := int64(l.Len())
	ok := true
	switch e.Op {
	case OpPushFront:
		l.PushFront(e.A)
	case OpPushBack:
		l.PushBack(e.A)
	case OpPopFront, OpPopBack:
		if ok = e.N > 0 && e.N <= n; ok {
			l.drop(int(e.N), e.Op == OpPopFront)
		}
	case OpListSet:
		if ok = e.N >= 0 && e.N < n; ok {
			return l.SetAt(int(e.N), e.A)
		}
	case OpInsertBefore, OpInsertAfter:
		ok = l.Insert(e.A, e.B, e.Op == OpInsertAfter)
	case OpListRemove:
		ok = l.Remove(e.A, int(e.N)) > 0
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("%w: op %d on a list of %d", ErrEffect, e.Op, n)
	}
	return nil
}

func (l *List) clone() Value {
	c := *l
	c.rec = nil
	if l.tree != nil {
		c.tree = l.tree.clone()
	} else if len(l.chunk.buf) > 0 {
		l.shared, c.shared = true, true
	}
	return &c
}

func (l *List) check() error {
	switch {
	case l == nil:
		return nil
	case l.tree == nil:
		if pack := l.chunk.packed(); pack != int(l.pack) {
			return fmt.Errorf("list: %d bytes as a listpack, counted as %d", pack, l.pack)
		}
		return l.chunk.check()
	case l.chunk.buf != nil || l.tree.n == 0:
		return fmt.Errorf("list: a tree of %d elements and %d bytes of chunk", l.tree.n, len(l.chunk.buf))
	}
	return l.tree.check()
}
