package types

import "fmt"

// Check returns an error that names the first broken invariant of d, if any. Its
// objects it does not check. It costs O(n).
func (d *Dict) Check() error { return d.check() }

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
	var c dictCensus
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
		if err := s.check(uint64(i)>>(d.depth-s.depth), &c); err != nil {
			return fmt.Errorf("dict: cell %d: %w", i, err)
		}
		count += int(s.count)
		mem += s.size()
		i += n
	}
	mem += c.outside
	if c.keys != d.keys || c.objects != d.extra {
		return fmt.Errorf("dict: %d bytes of keys, %d of objects; want %d, %d", d.keys, d.extra, c.keys, c.objects)
	}
	if count != d.count || full != d.full || mem != d.mem {
		return fmt.Errorf("dict: count %d, full %d, mem %d; want %d, %d, %d", d.count, d.full, d.mem, count, full, mem)
	}
	return nil
}

// A dictCensus is what check has found in segments: the bytes out of line, of
// keys in their records, and of objects.
type dictCensus struct{ outside, keys, objects int }

// check tests s, whose hashes begin with prefix, and counts what is in it.
func (s *segment) check(prefix uint64, c *dictCensus) error {
	n := len(s.groups)
	if n == 0 || n > maxGroups || n&(n-1) != 0 || int(s.mask) != n-1 {
		return fmt.Errorf("%d groups with mask %d", n, s.mask)
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
				return fmt.Errorf("tag %#x", tag)
			}
		}
	}
	if count != int(s.count) || dead != int(s.dead) || count+dead > s.limit() {
		return fmt.Errorf("count %d, dead %d; want %d, %d, together at most %d", s.count, s.dead, count, dead, s.limit())
	}
	if err := s.checkPages(); err != nil {
		return err
	}
	var objs, bigs, keys int
	for slot := range s.slots {
		r := s.record(slot)
		key := s.key(r)
		h := HashOf(string(key))
		if at := s.find(h, string(key)); !at.OK() || at.slot != uint32(slot) {
			return fmt.Errorf("key %q in slot %d is found in %d", key, slot, at.slot)
		}
		if s.depth > 0 && h>>(64-s.depth) != prefix || s.hash(r) != h {
			return fmt.Errorf("key %q does not belong", key)
		}
		if r.keyByte() == longKey {
			keys++
			c.outside += cap(key)
		} else {
			c.keys += len(key)
		}
		switch r.form() {
		case formObject:
			objs++
			v := s.outer.objs.get(r.object())
			if v == nil || v.Kind() != r.object().kind() {
				return fmt.Errorf("key %q: no object", key)
			}
			c.objects += v.Size()
		case formBig:
			bigs++
			c.outside += cap(s.outer.bigs.items[r.number()].buf)
		case formInline:
		default:
			return fmt.Errorf("key %q: form %d", key, r.form())
		}
	}
	if o := s.outer; o != nil && (objs != o.objs.len() || bigs != o.bigs.len() || keys != o.keys.len()) {
		return fmt.Errorf("%d objects, %d big values, %d long keys; want %d, %d, %d", o.objs.len(), o.bigs.len(), o.keys.len(), objs, bigs, keys)
	}
	return nil
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
	if live+int(s.garbage)+int(s.lost) != s.filled() {
		return fmt.Errorf("%d bytes live, %d garbage and %d lost of %d", live, s.garbage, s.lost, s.filled())
	}
	return nil
}

// len returns the number of places in use.
func (b *slab[T]) len() int { return len(b.items) - len(b.free) }
