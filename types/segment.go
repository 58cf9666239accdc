package types

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	pageBits = 11
	pageSize = 1 << pageBits
	pageMask = pageSize - 1
	minPage  = 64 // size of the first page of a small table

	groupSlots = 8
	maxGroups  = 64
	maxSlots   = groupSlots * maxGroups
	maxLoad    = 7 // of every groupSlots slots, how many may be in use
)

// A group is eight slots that are searched at once: their tags, one byte
// each, and where their records are, as number of the page and place in it.
type group struct {
	tags uint64
	off  [groupSlots]uint32
}

// A tag is the low seven bits of the hash of a slot's key, or one of these.
const (
	tagEmpty   = 0x80
	tagDeleted = 0xFE // was in use, and searches went past it

	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
	allEmpty = lowBits * tagEmpty
)

// matchTag returns a word with the high bit of each byte set whose tag is that
// of h. Now and then it also sets the one above: the key decides.
func matchTag(tags, h uint64) uint64 {
	x := tags ^ lowBits*(h&0x7F)
	return (x - lowBits) &^ x & highBits
}

// matchEmpty does the same for the empty slots, matchFree for those that are
// empty or deleted, matchFull for those in use.
func matchEmpty(tags uint64) uint64 { return tags &^ (tags << 6) & highBits }
func matchFree(tags uint64) uint64  { return tags & highBits }
func matchFull(tags uint64) uint64  { return ^tags & highBits }

// first returns the slot of the lowest bit of a match.
func first(match uint64) int { return bits.TrailingZeros64(match) >> 3 }

func (g *group) setTag(i int, tag uint8) {
	g.tags = g.tags&^(0xFF<<(8*i)) | uint64(tag)<<(8*i)
}

// A segment holds the entries whose hashes begin with the same depth bits. The
// bits after those give each entry its home group, in ascending order; the
// entry lies there or, if that group was full, in the next one that was not,
// around the end if need be.
//
// Invariants: a group with an empty slot has never been full since the table
// was laid out, so a search may stop there. At most 7/8 of the slots are in
// use or deleted, so there is such a group. Records at page p ≥ water are
// nobody else's and may be changed in place; those before it may be read by a
// clone.
type segment struct {
	groups []group
	pages  []*page
	shift  uint8 // a hash shifted right by it ends with the number of its home group
	mask   uint8 // len(groups)-1
	depth  uint8
	count  uint16 // slots in use
	dead   uint16 // slots deleted

	tail    uint16 // bytes in use of the last page
	water   uint32 // number of the first page that is not shared
	garbage uint32 // bytes of pages taken by records that are gone
	lost    uint32 // bytes at the ends of pages that the next record did not fit
	small   []byte // page 0 as long as it is the only one and not of full size
	owner   *owner
	outer   *outer // what lies outside the pages; nil if nothing does
}

type page [pageSize]byte

// An owner is the identity of one Dict between two calls of Clone. It must not
// be of size zero: all such values have the same address.
type owner struct{ _ byte }

// outer holds what the records of a segment refer to by number.
type outer struct {
	objs objects
	bigs slab[bigValue]
	keys slab[[]byte] // never changed in place
	// When each slot was last accessed; nil if that is not tracked. Its
	// elements are used atomically, since readers write them.
	access []uint32
}

type bigValue struct {
	buf   []byte
	owner *owner // who may write to buf
}

// A slab is a list whose places keep their numbers and are used again.
type slab[T any] struct {
	items []T
	free  []uint32
}

func (b *slab[T]) add(x T) uint32 {
	if n := len(b.free); n > 0 {
		i := b.free[n-1]
		b.free = b.free[:n-1]
		b.items[i] = x
		return i
	}
	b.items = append(b.items, x)
	return uint32(len(b.items) - 1)
}

func (b *slab[T]) drop(i uint32) {
	var none T
	b.items[i] = none
	b.free = append(b.free, i)
}

func (b *slab[T]) copy() slab[T] { return slab[T]{slices.Clone(b.items), slices.Clone(b.free)} }

func (b *slab[T]) size() int {
	var item T
	return cap(b.items)*int(unsafe.Sizeof(item)) + cap(b.free)*4
}

// setGroups gives s a table of groups, which must be empty and a power of two.
func (s *segment) setGroups(groups []group) {
	s.groups = groups
	s.mask = uint8(len(groups) - 1)
	// A single group needs no bits: any shift will do, since the mask is 0.
	s.shift = uint8(min(64-int(s.depth)-bits.Len8(s.mask), 63))
	s.dead = 0
}

// home returns the number of h's home group.
func (s *segment) home(h uint64) int { return int(uint8(h>>(s.shift&63)) & s.mask) }

// limit returns how many slots may be in use or deleted.
func (s *segment) limit() int { return len(s.groups) * maxLoad }

// at returns the record at off. It adds to the pointer: to index the page would
// make the compiler test it for nil by a load from its first line, and that
// line would have to come from memory beside the record's own.
func (s *segment) at(off uint32) record {
	if p := int(off >> pageBits); p < len(s.pages) {
		return record{unsafe.Add(unsafe.Pointer(s.pages[p]), off&pageMask)}
	}
	return record{unsafe.Pointer(&s.small[off&pageMask])}
}

// offset returns where the record of a slot is.
func (s *segment) offset(slot int) uint32 { return s.groups[slot/groupSlots].off[slot%groupSlots] }

func (s *segment) setOffset(slot int, off uint32) {
	s.groups[slot/groupSlots].off[slot%groupSlots] = off
}

// record returns the record of a slot that is in use.
func (s *segment) record(slot int) record { return s.at(s.offset(slot)) }

// find returns the entry of key; the zero Ref if there is none.
//
// It is the one loop that every command goes through, and its instructions
// count twice: most of its time it waits for a record to come from memory, and
// the fewer they are, the further a processor sees beyond them, to the next
// lookup, whose record it can ask for meanwhile. So keys of 8 to 32 bytes are
// compared here, by words that may overlap, and nothing else is called: a call
// in the loop would make everything around it spill.
func (s *segment) find(h uint64, key string) Ref {
	n := len(key)
	if uint(n-8) > 24 {
		return s.findOther(h, key)
	}
	head, tail := word(key, 0), word(key, n-8)
	mask := uint64(s.mask)
	for g := h >> (s.shift & 63) & mask; ; g = (g + 1) & mask {
		grp := &s.groups[g]
		for m := matchTag(grp.tags, h); m != 0; m &= m - 1 {
			i := first(m)
			r := s.at(grp.off[i&(groupSlots-1)])
			if int(r.keyByte()) != n || r.word(0) != head || r.word(n-8) != tail {
				continue
			}
			if n <= 16 || r.word(8) == word(key, 8) && r.word(n-16) == word(key, n-16) {
				return Ref{s, r, uint32(g)*groupSlots + uint32(i)}
			}
		}
		if matchEmpty(grp.tags) != 0 {
			return Ref{}
		}
	}
}

// findOther is find for a key that is shorter or longer. A short one is compared
// as a word, too: names such as mylist are all that many programs use.
func (s *segment) findOther(h uint64, key string) Ref {
	n := len(key)
	if n >= 8 {
		return s.findMiddle(h, key)
	}
	want := shortWord(unsafe.Pointer(unsafe.StringData(key)), n)
	mask := uint64(s.mask)
	for g := h >> (s.shift & 63) & mask; ; g = (g + 1) & mask {
		grp := &s.groups[g]
		for m := matchTag(grp.tags, h); m != 0; m &= m - 1 {
			i := first(m)
			r := s.at(grp.off[i&(groupSlots-1)])
			if int(r.keyByte()) == n && r.shortWord(n) == want {
				return Ref{s, r, uint32(g)*groupSlots + uint32(i)}
			}
		}
		if matchEmpty(grp.tags) != 0 {
			return Ref{}
		}
	}
}

// findMiddle is find for a key of more than 32 bytes that may lie in its record.
func (s *segment) findMiddle(h uint64, key string) Ref {
	if len(key) >= longKey {
		return s.findLong(h, key)
	}
	for g := s.home(h); ; g = (g + 1) & int(s.mask) {
		tags := s.groups[g].tags
		for m := matchTag(tags, h); m != 0; m &= m - 1 {
			if r := s.ref(g*groupSlots + first(m)); r.rec.is(key) {
				return r
			}
		}
		if matchEmpty(tags) != 0 {
			return Ref{}
		}
	}
}

// findLong is find for a key that is kept out of line.
func (s *segment) findLong(h uint64, key string) Ref {
	for g := s.home(h); ; g = (g + 1) & int(s.mask) {
		tags := s.groups[g].tags
		for m := matchTag(tags, h); m != 0; m &= m - 1 {
			r := s.ref(g*groupSlots + first(m))
			if r.rec.keyByte() == longKey && r.rec.keyHash() == h && string(s.key(r.rec)) == key {
				return r
			}
		}
		if matchEmpty(tags) != 0 {
			return Ref{}
		}
	}
}

// key returns the key of r.
func (s *segment) key(r record) []byte {
	if r.keyByte() == longKey {
		return s.outer.keys.items[r.keyNumber()]
	}
	return r.shortKey()
}

// hash returns the hash of r's key.
func (s *segment) hash(r record) uint64 {
	if r.keyByte() == longKey {
		return r.keyHash()
	}
	return HashOf(text(r.shortKey()))
}

// place takes a slot for an entry that is not there yet.
func (s *segment) place(h uint64, off uint32) (slot int) {
	g := s.home(h)
	for {
		grp := &s.groups[g]
		if m := matchFree(grp.tags); m != 0 {
			i := first(m)
			if matchEmpty(grp.tags)&(0x80<<(8*i)) == 0 {
				s.dead--
			}
			grp.setTag(i, uint8(h&0x7F))
			grp.off[i] = off
			s.count++
			return g*groupSlots + i
		}
		g = (g + 1) & int(s.mask)
	}
}

// vacate gives a slot up.
func (s *segment) vacate(slot int) {
	grp := &s.groups[slot/groupSlots]
	grp.off[slot%groupSlots] = 0
	s.count--
	if a := s.accesses(); a != nil {
		atomic.StoreUint32(&a[slot], 0)
	}
	if matchEmpty(grp.tags) != 0 { // no search ever went past this group
		grp.setTag(slot%groupSlots, tagEmpty)
		return
	}
	grp.setTag(slot%groupSlots, tagDeleted)
	s.dead++
}

// last returns the last page; nil if there is none.
func (s *segment) last() []byte {
	if n := len(s.pages); n > 0 {
		return s.pages[n-1][:]
	}
	return s.small
}

// pageCount returns the number of pages.
func (s *segment) pageCount() int {
	if s.small != nil {
		return 1
	}
	return len(s.pages)
}

// extend takes the next n bytes of the last page, which must have them.
func (s *segment) extend(n int) (off uint32, r record) {
	i := int(s.tail)
	s.tail += uint16(n)
	return uint32(max(len(s.pages)-1, 0)<<pageBits | i), record{unsafe.Pointer(&s.last()[i : i+n][0])}
}

// room returns how many bytes the last page has left.
func (s *segment) room() int { return len(s.last()) - int(s.tail) }

// filled returns how many bytes the pages have taken up so far.
func (s *segment) filled() int { return max(len(s.pages)-1, 0)*pageSize + int(s.tail) }

// accesses returns the array of accesses; nil if they are not tracked.
func (s *segment) accesses() []uint32 {
	if s.outer == nil {
		return nil
	}
	return s.outer.access
}

// owns reports whether the record at off may be changed in place.
func (s *segment) owns(off uint32) bool { return off>>pageBits >= s.water }

// slots yields the slots in use, in order.
func (s *segment) slots(yield func(slot int) bool) {
	for g := range s.groups {
		for m := matchFull(s.groups[g].tags); m != 0; m &= m - 1 {
			if !yield(g*groupSlots + first(m)) {
				return
			}
		}
	}
}

// size returns the memory of s without its big values.
func (s *segment) size() int {
	n := int(unsafe.Sizeof(*s)) + groupsSize(len(s.groups)) + cap(s.pages)*8 + len(s.pages)*pageSize + len(s.small)
	if o := s.outer; o != nil {
		n += int(unsafe.Sizeof(*o)) + o.objs.size() + o.bigs.size() + o.keys.size() + cap(o.access)*4
	}
	return n
}

// groupsSize returns the memory of n groups as the allocator rounds it.
func groupsSize(n int) int {
	size := n * int(unsafe.Sizeof(group{}))
	return size + size/20
}

// Whole pages and whole tables go through these pools. Without them a table
// that is written to makes garbage at the rate of its splits and compactions,
// and the resident memory of a busy one grew by a quarter. Nothing is in them
// that anybody may still read: see Dict.retire.
var (
	pagePool  sync.Pool // *page
	groupPool sync.Pool // *[maxGroups]group
)

// newPage returns a page whose content is arbitrary.
func newPage() *page {
	if p, ok := pagePool.Get().(*page); ok {
		return p
	}
	return new(page)
}

// newGroups returns n empty groups.
func newGroups(n int) []group {
	groups := takeGroups(n)
	for i := range groups {
		groups[i].tags = allEmpty
	}
	return groups
}

// takeGroups returns n groups whose content is arbitrary.
func takeGroups(n int) []group {
	if n == maxGroups {
		if g, ok := groupPool.Get().(*[maxGroups]group); ok {
			return g[:]
		}
	}
	return make([]group, n)
}
