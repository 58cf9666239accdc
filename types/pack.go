package types

import (
	"errors"
	"fmt"
	"unsafe"
)

// A pack is a sequence of byte strings, one behind the other, each behind its
// own length: one byte if that is below 128, otherwise two, the higher first
// and with its top bit set. There is no count and no terminator; a string of a
// pack is named by the offset of its length.
const (
	maxPacked = 1<<15 - 1 // the longest string a pack holds
	maxBody   = 1<<16 - 1 // the most bytes a body packs
)

// packedSize returns the bytes that a string of n bytes takes in a pack.
func packedSize(n int) int {
	if n < 0x80 {
		return n + 1
	}
	return n + 2
}

// putPacked writes s to the front of p, which has room for it, and returns
// what follows it.
func putPacked(p []byte, s string) []byte {
	if len(s) < 0x80 {
		p[0] = byte(len(s))
		p = p[1:]
	} else {
		p[0], p[1] = byte(len(s)>>8)|0x80, byte(len(s))
		p = p[2:]
	}
	return p[copy(p, s):]
}

// packedAt returns the string at offset i of p, and the offset of the next.
func packedAt(p []byte, i int) (s []byte, next int) {
	n := int(p[i])
	i++
	if n >= 0x80 {
		n = n&0x7f<<8 | int(p[i])
		i++
	}
	return p[i : i+n : i+n], i + n
}

// skipPacked returns the offset of the string k places after the one at i.
func skipPacked(p []byte, i, k int) int {
	for ; k > 0; k-- {
		n := int(p[i])
		if n >= 0x80 {
			n = n&0x7f<<8 + int(p[i+1]) + 1
		}
		i += n + 1
	}
	return i
}

// findPacked returns the offset in p of the first string that equals key,
// looking at every stride-th one only, or -1. Most strings differ in length
// or in their last byte, so those are compared before the call that compares
// the rest.
func findPacked(p []byte, key string, stride int) int {
	for i := 0; i < len(p); {
		n, at := int(p[i]), i+1
		if n >= 0x80 {
			n = n&0x7f<<8 | int(p[at])
			at++
		}
		end := at + n
		if n == len(key) && (n == 0 || p[end-1] == key[n-1]) && string(p[at:end]) == key {
			return i
		}
		if stride > 1 {
			end = skipPacked(p, end, stride-1)
		}
		i = end
	}
	return -1
}

// checkPack returns an error unless p is a pack of n strings.
func checkPack(p []byte, n int) error {
	i := 0
	for i < len(p) {
		size := int(p[i])
		if size >= 0x80 {
			if i+1 == len(p) {
				return fmt.Errorf("length at byte %d is cut off", i)
			}
			if size = size&0x7f<<8 | int(p[i+1]); size < 0x80 {
				return fmt.Errorf("length %d at byte %d takes two bytes", size, i)
			}
		}
		if i += packedSize(size); i > len(p) {
			return fmt.Errorf("string ends at byte %d of %d", i, len(p))
		}
		n--
	}
	if n != 0 {
		return fmt.Errorf("%d strings fewer than counted", n)
	}
	return nil
}

// A shape says what the memory of a body holds.
type shape uint8

const (
	asPack  shape = iota
	asInt16       // sorted integers of 16, 32 or 64 bits
	asInt32
	asInt64
	asDict
)

// A body holds what a Hash or a Set is made of: bytes while that is small, a
// Dict from then on. The zero body is an empty pack.
//
// Databases hold hashes and sets by the million, most of them with a handful
// of elements, so a body is two words: one pointer whose meaning depends on
// the shape, and 16-bit sizes. That limits a pack to 64 KiB, whatever the
// configured limits allow; a linear search through more would be the slower
// shape anyway.
//
// A clone shares its bytes with the original, both marked as shared, and each
// copies them at its next write. Nobody counts the sharers: the last one may
// copy once in vain.
//
// Invariant: unless shape is asDict, ptr is nil or points to an allocation
// of room bytes, of which the first used ones are a pack or integers, and
// count is how many elements they are (of one string each for a set, of two
// for a hash). If shape is asDict, ptr is a *Dict and the rest is zero.
type body struct {
	ptr    unsafe.Pointer
	used   uint16
	room   uint16
	count  uint16
	shape  shape
	shared bool
}

// bytes returns the packed strings or integers.
func (b *body) bytes() []byte { return unsafe.Slice((*byte)(b.ptr), b.used) }

// dict returns the table of a body whose shape is asDict.
func (b *body) dict() *Dict { return (*Dict)(b.ptr) }

// len returns the number of elements.
func (b *body) len() int {
	if b.shape == asDict {
		return b.dict().Len()
	}
	return int(b.count)
}

// size returns the bytes of memory behind ptr.
func (b *body) size() int {
	if b.shape == asDict {
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
	all := unsafe.Slice((*byte)(b.ptr), b.room)
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
	b.ptr = unsafe.Pointer(unsafe.SliceData(p))
	b.used, b.room = uint16(n), uint16(min(cap(p), maxBody))
	return p[:n]
}

// overlaps reports whether s points into the bytes of b.
func (b *body) overlaps(s []byte) bool {
	if b.shape == asDict || len(s) == 0 || b.ptr == nil {
		return false
	}
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(s))), uintptr(b.ptr)
	return at >= from && at < from+uintptr(b.room)
}

// clone returns a copy of b that shares its memory.
func (b *body) clone() body {
	c := *b
	if b.shape == asDict {
		c.ptr = unsafe.Pointer(b.dict().Clone())
	} else if b.ptr != nil {
		b.shared, c.shared = true, true
	}
	return c
}

// become makes d the memory of b.
func (b *body) become(d *Dict) { *b = body{ptr: unsafe.Pointer(d), shape: asDict} }

// check returns an error that names a broken invariant, if there is one, of a
// body whose elements are of stride strings each.
func (b *body) check(stride int) error {
	switch {
	case b.shape > asDict:
		return fmt.Errorf("unknown shape %d", b.shape)
	case b.shape == asDict:
		if b.used|b.room|b.count != 0 || b.shared {
			return errors.New("table with packed bytes")
		}
		if b.dict().Len() == 0 {
			return errors.New("table without entries")
		}
		return b.dict().check()
	case b.used > b.room:
		return fmt.Errorf("%d bytes used of %d", b.used, b.room)
	case b.shape != asPack:
		return b.checkInts()
	}
	if err := checkPack(b.bytes(), int(b.count)*stride); err != nil {
		return err
	}
	p := b.bytes()
	for i := 0; i < len(p); i = skipPacked(p, i, stride) {
		s, _ := packedAt(p, i)
		if at := findPacked(p, text(s), stride); at != i {
			return fmt.Errorf("%q is at byte %d and at byte %d", s, at, i)
		}
	}
	return nil
}
