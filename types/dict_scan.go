package types

import (
	"iter"
	"math/bits"
	"math/rand/v2"
)

// cursorBits is the number of hash bits that a Scan cursor has.
const cursorBits = 40

// ref returns the entry in a slot of s.
func (s *segment) ref(slot int) Ref {
	return Ref{s, s.record(slot), uint32(slot)}
}

// segments yields the segments in order of their hashes.
func (d *Dict) segments(yield func(s *segment) bool) {
	for i := 0; i < len(d.dir); {
		s := d.dir[i]
		i += 1 << (d.depth - s.depth)
		if !yield(s) {
			return
		}
	}
}

// All yields every entry once, segment by segment in hash order. d must not be
// written to meanwhile; a clone of it may.
func (d *Dict) All() iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		if d == nil {
			return
		}
		for s := range d.segments {
			for slot := range s.slots {
				if !yield(s.ref(slot)) {
					return
				}
			}
		}
	}
}

// FindHash yields the entries whose hash is h.
func (d *Dict) FindHash(h uint64, yield func(Ref) bool) {
	if d == nil || len(d.dir) == 0 {
		return
	}
	s := d.dir[d.cell(h)]
	for g := s.home(h); ; g = (g + 1) & int(s.mask) {
		tags := s.groups[g].tags
		for m := matchTag(tags, h); m != 0; m &= m - 1 {
			r := s.ref(g*groupSlots + first(m))
			if s.hash(r.rec) == h && !yield(r) {
				return
			}
		}
		if matchEmpty(tags) != 0 {
			return
		}
	}
}

// Scan yields about count entries, from cursor on, and returns the cursor to
// go on with. A scan starts with cursor 0 and is over when Scan returns 0. It
// yields each entry that is there from its start to its end exactly once,
// whatever happens to d between the calls, and others at most once. Cursors
// are below 1<<40; any number is good as one. yield must not write to d.
func (d *Dict) Scan(cursor uint64, count int, yield func(Ref)) (next uint64) {
	if d == nil || len(d.dir) == 0 {
		return 0
	}
	// A cursor is the top of the first hash not yet passed. It always is where
	// some home group begins or, if the table shrank since, inside one.
	pos := cursor & (1<<cursorBits - 1)
	for budget := scanWidth * max(count, 1); count > 0 || pos == cursor; {
		s := d.dir[d.cell(pos<<(64-cursorBits))]
		end, seen, passed := s.scan(pos, max(count, 1), yield)
		if end == 1<<cursorBits {
			return 0
		}
		pos = end
		count -= seen
		if budget -= passed; budget <= 0 {
			break // a table nearly empty: do not search it all in one call
		}
	}
	return pos
}

// scanWidth is how many groups Scan passes at most per entry wanted.
const scanWidth = 8

// scan yields the entries of s from pos to the end of some home group, about
// count of them, and returns that end, how many there were and how many groups
// were passed.
func (s *segment) scan(pos uint64, count int, yield func(Ref)) (end uint64, seen, passed int) {
	const low = 64 - cursorBits
	from := s.home(pos << low)
	to := from
	for n := s.fullSlots(to); n < count && to < int(s.mask); n += s.fullSlots(to) {
		to++
	}
	// The bits of a position that vary within a home group of s.
	inner := cursorBits - int(s.depth) - bits.Len8(s.mask)
	start := pos >> (cursorBits - s.depth) << (cursorBits - s.depth)
	end = start + uint64(to+1)<<inner

	// Entries of the groups from…to lie there or in the groups that follow, up
	// to the first with an empty slot. passed keeps it to one round.
	for g := from; passed < len(s.groups); g = (g + 1) & int(s.mask) {
		tags := s.groups[g].tags
		for m := matchFull(tags); m != 0; m &= m - 1 {
			r := s.ref(g*groupSlots + first(m))
			if h := s.hash(r.rec) >> low; pos <= h && h < end {
				yield(r)
				seen++
			}
		}
		passed++
		if passed > to-from && matchEmpty(tags) != 0 {
			break
		}
	}
	return end, seen, passed
}

func (s *segment) fullSlots(g int) int { return bits.OnesCount64(matchFull(s.groups[g].tags)) }

// Random returns an entry, each with the same probability, in O(1) expected;
// the zero Ref if there is none.
func (d *Dict) Random(r *rand.Rand) Ref {
	if d.Len() == 0 {
		return Ref{}
	}
	slots := uint64(maxSlots)
	if d.depth == 0 {
		slots = uint64(len(d.dir[0].groups) * groupSlots)
	}
	for range randomTries {
		// A slot anywhere below the directory. A segment that fills several
		// cells is hit as often more, and so refuses all but one of them.
		x := r.Uint64()
		i := x >> 1 >> (63 - d.depth)
		s := d.dir[i]
		slot := int(x & (slots - 1))
		if i&(1<<(d.depth-s.depth)-1) != 0 || slot >= len(s.groups)*groupSlots {
			continue
		}
		if s.groups[slot/groupSlots].tags>>(8*(slot%groupSlots))&0x80 == 0 {
			return s.ref(slot)
		}
	}
	// What is left stands in few segments: so many tries happen when nearly
	// all of the hashes' range has been emptied. Count to one of the entries.
	n := r.IntN(d.count)
	for s := range d.segments {
		if n >= int(s.count) {
			n -= int(s.count)
			continue
		}
		for slot := range s.slots {
			if n == 0 {
				return s.ref(slot)
			}
			n--
		}
	}
	panic("BUG: count of a Dict is wrong")
}

// randomTries is how often Random tries its luck. Two or three tries are what
// it takes in a table that has only grown.
const randomTries = 128

// TrackAccess makes d keep what Ref.Touch notes from now on, at 4 bytes a
// slot. On a Dict that has entries already it costs O(n).
func (d *Dict) TrackAccess() {
	if d.tracked {
		return
	}
	d.tracked = true
	for i := 0; i < len(d.dir); {
		s := d.dir[i]
		if s.owner != d.owner {
			s = d.takeOver(s, uint64(i)<<1<<(63-d.depth))
		}
		d.trackSegment(s)
		i += 1 << (d.depth - s.depth)
	}
}

// TouchAll is Ref.Touch for all entries, at a fraction of the cost. Nobody else
// may use d meanwhile.
func (d *Dict) TouchAll(now uint32) {
	for i := 0; i < len(d.dir); {
		s := d.dir[i]
		a := s.accesses()
		for j := range a {
			a[j] = now
		}
		i += 1 << (d.depth - s.depth)
	}
}

// trackSegment gives s an array of accesses.
func (d *Dict) trackSegment(s *segment) {
	o := d.outerOf(s)
	o.access = make([]uint32, len(s.groups)*groupSlots)
	d.mem += cap(o.access) * 4
}
