package types

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

const (
	mergeBelow = maxSlots / 8     // a segment with fewer entries looks for its neighbour
	mergeUpTo  = maxSlots * 3 / 8 // and merges with it if they have at most so many
	keepEmpty  = 256              // page size up to which an empty table stays, for the key that comes and goes
)

// begin makes the first segment.
func (d *Dict) begin() {
	d.dir = []*segment{d.newSegment(0, 1)}
	d.depth, d.full, d.shared = 0, 1, false
}

// Reserve makes room for n entries in an empty Dict, so that it need not split
// its segments when they come: it does nothing if d is not empty, or n few. If
// fewer come, Trim gives back what they do not need.
func (d *Dict) Reserve(n int) {
	if len(d.dir) != 0 || n < maxSlots {
		return
	}
	const fill = maxSlots * 4 / 5 // on average, so that few segments get more than they hold
	depth := min(bits.Len(uint((n-1)/fill)), maxDepth)
	d.depth, d.full, d.shared = uint8(depth), 1<<depth, false
	d.dir = make([]*segment, 1<<depth)
	for i := range d.dir {
		d.dir[i] = d.newSegment(d.depth, maxGroups)
	}
}

// Trim merges segments that are nearly empty.
func (d *Dict) Trim() {
	for cell := 0; cell < len(d.dir); cell++ {
		for s := d.dir[cell]; s.depth > 0 && s.count < mergeBelow; s = d.dir[cell] {
			depth := d.depth
			if !d.merge(s, uint64(cell)<<(64-d.depth)) {
				break
			}
			cell >>= depth - d.depth
		}
	}
}

// newSegment returns an empty segment of d.
func (d *Dict) newSegment(depth uint8, groups int) *segment {
	s := &segment{depth: depth, owner: d.owner}
	s.setGroups(newGroups(groups))
	d.mem += s.size()
	if d.tracked {
		d.trackSegment(s)
	}
	return s
}

// span returns the cells of dir that lead to s, one of which is h's.
func (d *Dict) span(s *segment, h uint64) []*segment {
	n := 1 << (d.depth - s.depth)
	i := int(d.cell(h)) &^ (n - 1)
	return d.dir[i : i+n]
}

// install makes s the segment of all its cells, one of which is h's.
func (d *Dict) install(s *segment, h uint64) {
	d.takeDir()
	cells := d.span(s, h)
	for i := range cells {
		cells[i] = s
	}
}

// takeDir makes dir d's own.
func (d *Dict) takeDir() {
	if d.shared {
		d.dir = slices.Clone(d.dir)
		d.shared = false
	}
}

// takeOver replaces s, which is shared, by a copy for writing.
func (d *Dict) takeOver(s *segment, h uint64) *segment {
	was := s.size()
	c := *s
	c.owner = d.owner
	c.groups = takeGroups(len(s.groups))
	copy(c.groups, s.groups)
	c.water = 0
	if p := len(s.pages) - 1; p >= 0 {
		c.pages = make([]*page, p+1, p+2)
		copy(c.pages, s.pages)
		c.pages[p] = newPage()
		copy(c.pages[p][:s.tail], s.pages[p][:])
		c.water = uint32(p)
	}
	c.small = slices.Clone(s.small)
	if o := s.outer; o != nil {
		c.outer = &outer{o.objs.copy(), o.bigs.copy(), o.keys.copy(), copyAccess(o.access)}
	}
	d.mem += c.size() - was
	d.install(&c, h)
	return &c
}

// copyAccess copies an array that others may be touching.
func copyAccess(a []uint32) []uint32 {
	if a == nil {
		return nil
	}
	c := make([]uint32, len(a))
	for i := range a {
		c[i] = atomic.LoadUint32(&a[i])
	}
	return c
}

// makeRoom returns the segment for h with a slot free for a new entry. s is
// the one there is.
func (d *Dict) makeRoom(s *segment, h uint64) *segment {
	for int(s.count)+int(s.dead) >= s.limit() {
		switch {
		case int(s.dead) > s.limit()/4:
			d.regroup(s, len(s.groups))
		case len(s.groups) < maxGroups:
			d.regroup(s, 2*len(s.groups))
		case s.depth < maxDepth:
			d.split(s, h)
			s = d.dir[d.cell(h)]
		default:
			panic("BUG: hashes of a Dict are not hashes")
		}
	}
	return s
}

// regroup lays the slots of s out anew in n groups. Records stay.
func (d *Dict) regroup(s *segment, n int) {
	was := s.size()
	old, access := s.groups, s.accesses()
	s.setGroups(newGroups(n))
	s.count = 0
	if access != nil {
		s.outer.access = make([]uint32, n*groupSlots)
	}
	for g := range old {
		for m := matchFull(old[g].tags); m != 0; m &= m - 1 {
			i := first(m)
			off := old[g].off[i]
			slot := s.place(s.hash(s.at(off)), off)
			if access != nil {
				s.outer.access[slot] = atomic.LoadUint32(&access[g*groupSlots+i])
			}
		}
	}
	d.mem += s.size() - was
	d.retire(old, nil, 0)
}

// split replaces s, the segment for h, by two of the next depth.
func (d *Dict) split(s *segment, h uint64) {
	if s.depth == d.depth {
		d.double()
	}
	depth := s.depth + 1
	var half [2]*segment
	for i := range half {
		half[i] = d.newSegment(depth, maxGroups)
	}
	for slot := range s.slots {
		r := s.record(slot)
		h := s.hash(r)
		d.move(half[h>>(64-depth)&1], h, s, slot, r)
	}
	bit := uint64(1) << (64 - depth)
	d.install(half[0], h&^bit)
	d.install(half[1], h|bit)
	if depth == d.depth {
		d.full += 2
	}
	d.discard(s)
}

// double doubles the directory.
func (d *Dict) double() {
	dir := make([]*segment, 2*len(d.dir))
	for i, s := range d.dir {
		dir[2*i], dir[2*i+1] = s, s
	}
	d.dir, d.shared = dir, false
	d.depth++
	d.full = 0
}

// move copies an entry of s to another segment, to. What lies out of line is
// not copied and keeps its owner.
func (d *Dict) move(to *segment, h uint64, s *segment, slot int, r record) {
	n := r.size()
	if to.room() < n {
		d.addPage(to)
	}
	off, c := to.extend(n)
	copy(c.part(0, n), r.bytes())
	if c.keyByte() == longKey {
		key := s.outer.keys.items[r.keyNumber()]
		o := d.outerOf(to)
		was := o.keys.size()
		c.setKeyStub(h, o.keys.add(key))
		d.mem += o.keys.size() - was + cap(key)
	}
	switch c.form() {
	case formObject:
		o := d.outerOf(to)
		was := o.objs.size()
		from, ref := &s.outer.objs, r.object()
		foreign := s.owner != d.owner || from.isForeign(ref.number())
		c.setNumber(uint32(o.objs.adopt(ref.kind(), from.items[ref.number()], foreign)))
		d.mem += o.objs.size() - was
	case formBig:
		b := s.outer.bigs.items[r.number()]
		o := d.outerOf(to)
		was := o.bigs.size()
		c.setNumber(o.bigs.add(b))
		d.mem += o.bigs.size() - was + cap(b.buf)
	}
	at := to.place(h, off)
	if a := s.accesses(); a != nil && d.tracked {
		to.outer.access[at] = atomic.LoadUint32(&a[slot])
	}
}

// shrink gives back what s, the segment for h, needs no more after a Delete.
func (d *Dict) shrink(s *segment, h uint64) {
	switch {
	case s.depth > 0:
		if s.count < mergeBelow && d.merge(s, h) {
			return
		}
	case s.count == 0:
		if len(s.groups) == 1 && len(s.pages) == 0 && len(s.small) <= keepEmpty && s.outer == nil {
			s.groups[0].tags, s.dead, s.tail, s.garbage = allEmpty, 0, 0, 0
			return
		}
		d.dir, d.mem, d.full, d.shared = nil, 0, 0, false
		d.discardPages(s)
		return
	case int(s.count)*8 < len(s.groups)*groupSlots:
		n := len(s.groups)
		for n > 1 && int(s.count) <= n/2*3 {
			n /= 2
		}
		if n < len(s.groups) {
			d.regroup(s, n)
			d.compact(s)
			return
		}
	}
	d.tidy(s)
}

// merge joins s, the segment for h, with its neighbour if both fit one, and
// reports whether it did.
func (d *Dict) merge(s *segment, h uint64) bool {
	depth := s.depth
	other := d.dir[d.cell(h^1<<(64-depth))]
	if other.depth != depth || s.count+other.count > mergeUpTo {
		return false
	}
	both := d.newSegment(depth-1, maxGroups)
	for _, s := range []*segment{s, other} {
		for slot := range s.slots {
			r := s.record(slot)
			d.move(both, s.hash(r), s, slot, r)
		}
	}
	d.install(both, h)
	if depth == d.depth {
		d.full -= 2
		if d.full == 0 {
			d.halve()
		}
	}
	d.discard(s)
	d.discard(other)
	return true
}

// halve halves the directory, in which no segment has all the depth.
func (d *Dict) halve() {
	dir := make([]*segment, len(d.dir)/2)
	for i := range dir {
		dir[i] = d.dir[2*i]
	}
	d.dir, d.shared = dir, false
	d.depth--
	for _, s := range dir {
		if s.depth == d.depth {
			d.full++
		}
	}
}

// discard takes s, whose entries have moved, out of the account.
func (d *Dict) discard(s *segment) {
	d.mem -= s.size()
	if o := s.outer; o != nil {
		for _, b := range o.bigs.items {
			d.mem -= cap(b.buf)
		}
		for _, k := range o.keys.items {
			d.mem -= cap(k)
		}
	}
	d.discardPages(s)
}

// discardPages retires the memory of s as far as it is d's.
func (d *Dict) discardPages(s *segment) {
	if s.owner == d.owner {
		d.retire(s.groups, s.pages, s.water)
	}
}

// A scrap is memory of one segment that is no longer used.
type scrap struct {
	groups []group
	pages  []*page
}

// retire keeps groups and the pages from water on to be used again. They go
// back to the pools at the next write to d, not before: what the caller of
// this one borrowed may point into them.
func (d *Dict) retire(groups []group, pages []*page, water uint32) {
	pages = pages[min(int(water), len(pages)):]
	d.retired = append(d.retired, scrap{groups, pages})
}

// flush gives what was retired to the pools.
func (d *Dict) flush() {
	for _, old := range d.retired {
		if len(old.groups) == maxGroups {
			groupPool.Put((*[maxGroups]group)(old.groups))
		}
		for _, p := range old.pages {
			pagePool.Put(p)
		}
	}
	clear(d.retired)
	d.retired = d.retired[:0]
}
