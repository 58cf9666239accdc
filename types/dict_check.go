package types

import "fmt"

// check returns an error that names the first broken invariant of d.
func (d *Dict) check() error {
	if d == nil || len(d.dir) == 0 {
		if n := d.Len(); n != 0 {
			return fmt.Errorf("dict: no directory, but count %d", n)
		}
		return nil
	}
	if len(d.dir) != 1<<d.depth {
		return fmt.Errorf("dict: %d cells at depth %d", len(d.dir), d.depth)
	}
	count, full, mem := 0, 0, 0
	for i := 0; i < len(d.dir); {
		s := d.dir[i]
		if s == nil || s.depth > d.depth {
			return fmt.Errorf("dict: cell %d: no segment, or one too deep", i)
		}
		n := 1 << (d.depth - s.depth)
		if i%n != 0 {
			return fmt.Errorf("dict: cell %d begins a segment of %d cells", i, n)
		}
		for j := range n {
			if d.dir[i+j] != s {
				return fmt.Errorf("dict: cell %d is not of the segment at %d", i+j, i)
			}
		}
		if s.depth > 0 && len(s.groups) != maxGroups {
			return fmt.Errorf("dict: cell %d: %d groups at depth %d", i, len(s.groups), s.depth)
		}
		if s.depth == d.depth {
			full++
		}
		if d.tracked && len(s.accesses()) != len(s.groups)*groupSlots {
			return fmt.Errorf("dict: cell %d: %d accesses of %d groups", i, len(s.accesses()), len(s.groups))
		}
		outside, err := s.check(uint64(i) >> (d.depth - s.depth))
		if err != nil {
			return fmt.Errorf("dict: cell %d: %w", i, err)
		}
		count += int(s.count)
		mem += s.size() + outside
		i += n
	}
	if count != d.count || full != d.full || mem != d.mem {
		return fmt.Errorf("dict: count %d, full %d, mem %d; want %d, %d, %d", d.count, d.full, d.mem, count, full, mem)
	}
	return nil
}

// check tests s, whose hashes begin with prefix, and returns the bytes it has
// out of line.
func (s *segment) check(prefix uint64) (outside int, err error) {
	n := len(s.groups)
	if n == 0 || n > maxGroups || n&(n-1) != 0 || int(s.mask) != n-1 {
		return 0, fmt.Errorf("%d groups with mask %d", n, s.mask)
	}
	count, dead := 0, 0
	for g := range s.groups {
		for i := range groupSlots {
			switch tag := uint8(s.groups[g].tags >> (8 * i)); {
			case tag < 0x80:
				count++
			case tag == tagDeleted:
				dead++
			case tag != tagEmpty:
				return 0, fmt.Errorf("tag %#x", tag)
			}
		}
	}
	if count != int(s.count) || dead != int(s.dead) || count+dead > s.limit() {
		return 0, fmt.Errorf("count %d, dead %d; want %d, %d, together at most %d", s.count, s.dead, count, dead, s.limit())
	}
	if err := s.checkPages(); err != nil {
		return 0, err
	}
	var objs, bigs, keys int
	for slot := range s.slots {
		r := s.record(slot)
		key := s.key(r)
		h := HashOf(string(key))
		if at := s.find(h, string(key)); !at.OK() || at.slot != uint32(slot) {
			return 0, fmt.Errorf("key %q in slot %d is found in %d", key, slot, at.slot)
		}
		if s.depth > 0 && h>>(64-s.depth) != prefix || s.hash(r) != h {
			return 0, fmt.Errorf("key %q does not belong", key)
		}
		if r.keyByte() == longKey {
			keys++
			outside += len(key)
		}
		switch r.form() {
		case formObject:
			objs++
			if v := s.outer.objs.get(r.object()); v == nil || v.Kind() != r.object().kind() {
				return 0, fmt.Errorf("key %q: no object", key)
			}
		case formBig:
			bigs++
			outside += cap(s.outer.bigs.items[r.number()].buf)
		case formInline:
		default:
			return 0, fmt.Errorf("key %q: form %d", key, r.form())
		}
	}
	if o := s.outer; o != nil && (objs != o.objs.len() || bigs != o.bigs.len() || keys != o.keys.len()) {
		return 0, fmt.Errorf("%d objects, %d big values, %d long keys; want %d, %d, %d", o.objs.len(), o.bigs.len(), o.keys.len(), objs, bigs, keys)
	}
	return outside, nil
}

// checkPages tests that the records lie apart and garbage is what they leave.
func (s *segment) checkPages() error {
	if s.small != nil && (len(s.pages) > 0 || len(s.small) >= pageSize) {
		return fmt.Errorf("a small page of %d bytes beside %d", len(s.small), len(s.pages))
	}
	n := s.pageCount()
	used := make([][pageSize]bool, n)
	live := 0
	for slot := range s.slots {
		off := s.offset(slot)
		p, i := int(off>>pageBits), int(off&pageMask)
		end := pageSize
		if p == n-1 {
			end = int(s.tail)
		}
		if p >= n || i+headSize > end || i+s.at(off).size() > end || s.at(off).size() > maxRecord+dueSize {
			return fmt.Errorf("slot %d: record at %d.%d", slot, p, i)
		}
		for range s.at(off).size() {
			if used[p][i] {
				return fmt.Errorf("slot %d: record overlaps another at %d.%d", slot, p, i)
			}
			used[p][i] = true
			i, live = i+1, live+1
		}
	}
	// Up to a record's length may be lost at the end of each page but the last.
	sum := live + int(s.garbage)
	if sum > s.filled() || sum < s.filled()-(maxRecord+dueSize)*max(n-1, 0) {
		return fmt.Errorf("%d bytes live and %d garbage of %d", live, s.garbage, s.filled())
	}
	return nil
}

// len returns the number of places in use.
func (b *slab[T]) len() int { return len(b.items) - len(b.free) }
