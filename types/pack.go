package types

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"unsafe"
)

// A pack is a sequence of byte strings, one behind the other, with nothing
// else around them. A string is named by the offset at which it starts, and
// starts with one of
//
//	0xxxxxxx           x bytes follow
//	10xxxxxx xxxxxxxx  the same, for lengths of 128 and more
//	1100xxxx           the string spells an integer, which follows in x bytes
//
// Strings that are searched for are never stored as integers, so that a search
// compares bytes.
const (
	maxPacked = 1<<14 - 1 // the longest string a pack holds
	maxBody   = 1<<16 - 1 // the most bytes a body packs
	wide      = 0x80      // in a first byte: the length has another one
	number    = 0xc0      // in a first byte: an integer
)

// packedSize returns the bytes that a string of n bytes takes in a pack.
func packedSize(n int) int {
	if n < wide {
		return n + 1
	}
	return n + 2
}

// putPacked writes s to the front of p, which has room for it, and returns
// what follows it.
func putPacked(p []byte, s string) []byte {
	if len(s) < wide {
		p[0] = byte(len(s))
		p = p[1:]
	} else {
		p[0], p[1] = byte(len(s)>>8)|wide, byte(len(s))
		p = p[2:]
	}
	return p[copy(p, s):]
}

// packedInt returns n as it is stored, as the first size bytes of buf.
func packedInt(n int64) (buf [9]byte, size int) {
	width := bits.Len64(uint64(n^n>>63))/8 + 1
	buf[0] = number | byte(width)
	for i := range width {
		buf[1+i] = byte(n >> (8 * i))
	}
	return buf, 1 + width
}

// packedAt returns the string at offset i of p, which is not stored as an
// integer, and the offset of the next.
func packedAt(p []byte, i int) (s []byte, next int) {
	n := int(p[i])
	i++
	if n >= wide {
		n = n&0x3f<<8 | int(p[i])
		i++
	}
	return p[i : i+n : i+n], i + n
}

// intAt returns the integer at offset i of p, which is stored as one, and the
// offset of the next string.
func intAt(p []byte, i int) (n int64, next int) {
	next = i + 1 + int(p[i]&0xf)
	n = int64(int8(p[next-1])) // the highest byte has the sign
	for j := next - 2; j > i; j-- {
		n = n<<8 | int64(p[j])
	}
	return n, next
}

// skipPacked returns the offset of the string k places after the one at i.
func skipPacked(p []byte, i, k int) int {
	for ; k > 0; k-- {
		n := int(p[i])
		if n >= wide {
			n = wideSkip(p, i)
		}
		i += n + 1
	}
	return i
}

// wideSkip returns one less than the bytes taken by the string at offset i of
// p, the first of which is not its whole length.
func wideSkip(p []byte, i int) int {
	if p[i] >= number {
		return int(p[i] & 0xf)
	}
	return int(p[i]&0x3f)<<8 + int(p[i+1]) + 1
}

// findPacked returns the offset in p of the first string that equals key,
// looking at every stride-th one (1 or 2), or -1. Most strings differ in their
// length or their last byte: comparing those saves the call that compares the
// rest.
func findPacked(p []byte, key string, stride int) int {
	if len(key) == 0 || len(key) >= wide {
		return findAny(p, key, stride)
	}
	size, last, all := uint(len(key)), key[len(key)-1], uint(len(p))
	for i := uint(0); i < all; {
		n := uint(p[i])
		if n == size {
			if end := i + size; end < all && p[end] == last && string(p[i+1:end+1]) == key {
				return int(i)
			}
		} else if n >= wide {
			n = uint(wideSkip(p, int(i)))
		}
		if i += n + 1; stride == 2 && i < all {
			if n = uint(p[i]); n >= wide {
				n = uint(wideSkip(p, int(i)))
			}
			i += n + 1
		}
	}
	return -1
}

// findAny is findPacked for keys of any length.
func findAny(p []byte, key string, stride int) int {
	for i := 0; i < len(p); i = skipPacked(p, i, stride) {
		if s, _ := packedAt(p, i); string(s) == key {
			return i
		}
	}
	return -1
}

// checkPack returns an error unless p is a pack of n strings.
func checkPack(p []byte, n int) error {
	i := 0
	for i < len(p) {
		size := int(p[i])
		switch {
		case size >= wide && i+1 == len(p):
			return fmt.Errorf("string is cut off at byte %d", i)
		case size >= number && (size == number || size > number+8):
			return fmt.Errorf("%#x at byte %d begins no string", size, i)
		case size >= wide && size < number && wideSkip(p, i) <= wide:
			return fmt.Errorf("length %d at byte %d takes two bytes", wideSkip(p, i)-1, i)
		case size >= wide:
			size = wideSkip(p, i)
		}
		if i += size + 1; i > len(p) {
			return fmt.Errorf("string ends at byte %d of %d", i, len(p))
		}
		n--
	}
	if n != 0 {
		return fmt.Errorf("%d strings fewer than counted", n)
	}
	return nil
}

// A speller has the texts of integers one behind the other, in memory that is
// not used again: they stay what they are. The zero value is ready to use.
type speller struct {
	rest []byte // of the last piece of memory, which had size bytes
	size int
}

// spell returns n as text.
func (s *speller) spell(n int64) []byte {
	if cap(s.rest) < 20 {
		s.size = min(2*s.size+48, 960)
		s.rest = make([]byte, 0, s.size)
	}
	text := strconv.AppendInt(s.rest, n, 10)
	s.rest = text[len(text):]
	return text[:len(text):len(text)]
}

// at is packedAt for any string.
func (s *speller) at(p []byte, i int) (str []byte, next int) {
	if p[i] < number {
		return packedAt(p, i)
	}
	n, next := intAt(p, i)
	return s.spell(n), next
}

// A shape says what the memory of a body holds.
type shape uint8

const (
	asPack  shape = iota
	asInt16       // sorted integers of 16, 32 or 64 bits
	asInt32
	asInt64
	asDict
	asTree
)

// A body is what a Hash, a Set or a ZSet is: bytes while that is small, tables
// from then on. The zero body is an empty pack.
//
// Databases hold collections by the million, most of them with a handful of
// elements, so a body is two words: one pointer whose meaning depends on the
// shape, and 16-bit sizes. That limits a pack to 64 KiB, whatever the
// configured limits allow; a linear search through more would be the slower
// shape anyway. The Recorder, which few have at a time, takes no word: while
// there is one, the pointer leads to it, and it keeps the pointer meanwhile.
//
// A clone shares its bytes with the original, both marked as shared, and each
// copies them at its next write. Nobody counts the sharers: the last one may
// copy once in vain.
//
// Invariant: memory is nil or points to an allocation of room bytes, of which
// the first used ones are a pack or integers, and count is how many elements
// they are (of one string each for a set, of two for a hash; a sorted set has a
// zpack). But if shape is asDict it is a *Dict, if shape is asTree a *zlarge,
// and the rest is zero.
type body struct {
	ptr   unsafe.Pointer // the memory, or the Recorder if there is one
	used  uint16
	room  uint16
	count uint16
	how   shape // perhaps with the bit recorded
	// A clone may have the same bytes: copy before writing. A byte of its own,
	// since clones read the others while this one is set.
	shared bool
}

// recorded is the bit of how that says that ptr leads to a Recorder.
const recorded shape = 0x80

// shape returns what the memory holds.
func (b *body) shape() shape { return b.how &^ recorded }

// memory returns where the elements are.
func (b *body) memory() unsafe.Pointer {
	if b.how&recorded != 0 {
		return (*Recorder)(b.ptr).memory
	}
	return b.ptr
}

// setMemory says where they are from now on.
func (b *body) setMemory(p unsafe.Pointer) {
	if b.how&recorded != 0 {
		(*Recorder)(b.ptr).memory = p
		return
	}
	b.ptr = p
}

// recorder returns who takes down the changes; nil if nobody does.
func (b *body) recorder() *Recorder {
	if b.how&recorded != 0 {
		return (*Recorder)(b.ptr)
	}
	return nil
}

// Record makes the value report its changes to r from now on, or to nobody if
// r is nil.
func (b *body) Record(r *Recorder) {
	p := b.memory()
	if old := b.recorder(); old != nil {
		old.of, old.memory = nil, nil
	}
	b.ptr = p
	b.how &^= recorded
	if r == nil {
		return
	}
	if r.of != nil {
		panic("BUG: a Recorder takes down the changes of one value at a time")
	}
	r.of, r.memory = b, p
	b.ptr = unsafe.Pointer(r)
	b.how |= recorded
}

// replace gives b the elements of c, which nobody records.
func (b *body) replace(c body) {
	b.setMemory(c.ptr)
	b.used, b.room, b.count, b.shared = c.used, c.room, c.count, c.shared
	b.how = b.how&recorded | c.how
}

// bytes returns the packed strings or integers.
func (b *body) bytes() []byte { return unsafe.Slice((*byte)(b.memory()), b.used) }

// dict returns the table of a body whose shape is asDict.
func (b *body) dict() *Dict { return (*Dict)(b.memory()) }

// len returns the number of elements.
func (b *body) len() int {
	if b.shape() == asDict {
		return b.dict().Len()
	}
	return int(b.count)
}

// size returns the bytes of memory behind ptr.
func (b *body) size() int {
	if b.shape() == asDict {
		return b.dict().Size()
	}
	return int(b.room)
}

// fits reports whether n more bytes can be held without a table.
func (b *body) fits(n int) bool { return int(b.used)+n <= maxBody }

// splice puts ins bytes in the place of the del bytes at offset i and returns
// all bytes, those ins ones with any content: the caller fills them. Earlier
// slices of the body keep their content only if it was moved to new memory.
func (b *body) splice(i, del, ins int) []byte {
	old := b.bytes()
	need := len(old) - del + ins
	if b.shared || need > int(b.room) || need < int(b.room)/2-16 {
		return b.move(old, i, del, ins, need)
	}
	all := unsafe.Slice((*byte)(b.memory()), b.room)
	if ins != del {
		copy(all[i+ins:need], old[i+del:])
		b.used = uint16(need)
	}
	return all[:need]
}

// move is splice into new memory.
func (b *body) move(old []byte, i, del, ins, need int) []byte {
	b.shared = false
	p := b.alloc(need)
	copy(p, old[:i])
	copy(p[i+ins:], old[i+del:])
	return p
}

// alloc gives b new memory of at least n bytes, all in use. Up to a kilobyte
// the allocator's size classes leave room enough to grow into.
func (b *body) alloc(n int) []byte {
	room := n
	if n > 1<<10 && n > int(b.used) {
		room = min(n+n>>4, maxBody)
	}
	p := append([]byte(nil), make([]byte, room)...)
	b.setMemory(unsafe.Pointer(unsafe.SliceData(p)))
	b.used, b.room = uint16(n), uint16(min(cap(p), maxBody))
	return p[:n]
}

// overlaps reports whether s points into the bytes of b.
func (b *body) overlaps(s []byte) bool {
	if b.shape() == asDict || len(s) == 0 || b.room == 0 {
		return false
	}
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(s))), uintptr(b.memory())
	return at >= from && at < from+uintptr(b.room)
}

// clone returns a copy of b that shares its memory.
func (b *body) clone() body {
	if b.shape() == asDict {
		return bodyOf(b.dict().Clone())
	}
	if b.room != 0 {
		b.shared = true
	}
	c := *b
	c.ptr, c.how = b.memory(), b.shape()
	return c
}

// bodyOf returns a body that is d.
func bodyOf(d *Dict) body { return body{ptr: unsafe.Pointer(d), how: asDict} }

// checkState returns an error that names a broken invariant, if there is one,
// of b itself.
func (b *body) checkState() error {
	switch r := b.recorder(); {
	case b.shape() > asTree:
		return fmt.Errorf("unknown shape %d", b.shape())
	case r != nil && r.of != b:
		return errors.New("recorder of another value")
	case b.shape() >= asDict && (b.used|b.room|b.count != 0 || b.shared):
		return errors.New("table with packed bytes")
	case b.used > b.room:
		return fmt.Errorf("%d bytes used of %d", b.used, b.room)
	}
	return nil
}

// check does the same for what is in b: a Set (stride 1) or a Hash (2), whose
// elements are of so many strings each.
func (b *body) check(stride int) error {
	if err := b.checkState(); err != nil {
		return err
	}
	switch {
	case b.shape() > asDict:
		return errors.New("tree in a hash or a set")
	case b.shape() == asDict:
		if b.dict().Len() == 0 {
			return errors.New("table without entries")
		}
		return b.dict().check()
	case b.shape() != asPack:
		return b.checkInts()
	}
	if err := checkPack(b.bytes(), int(b.count)*stride); err != nil {
		return err
	}
	p := b.bytes()
	for i := 0; i < len(p); i = skipPacked(p, i, stride) {
		if p[i] >= number {
			return fmt.Errorf("string at byte %d is an integer", i)
		}
		s, _ := packedAt(p, i)
		if at := findPacked(p, text(s), stride); at != i {
			return fmt.Errorf("%q is at byte %d and at byte %d", s, at, i)
		}
	}
	return nil
}
