package types

import (
	"encoding/binary"
	"unsafe"
)

// A record is one entry as it lies in a page.
//
//	byte 0      length of the key, or longKey
//	bytes 1, 2  length of the payload, 10 bits | form, 2 | timed, 1 | mark, 3
//	            key: its bytes; or of a long key its hash and its number in outer.keys
//	            payload: the value; or its number in outer.bigs or outer.objs
//	            deadline, 8 bytes, if timed
//
// The header has a fixed size and the key a fixed place, so that a lookup
// compares keys without decoding anything else. For its sake a record is a
// bare pointer too, and a Ref fits in registers: as a slice, a Find took twice
// the instructions. All that trusts the lengths in a record is in this file.
type record struct{ p unsafe.Pointer }

// part returns the bytes i ≤ x < j of the record. It slices, rather than add i
// to the pointer, because a part of no bytes may begin where the page ends: the
// collector must not see a pointer there.
func (r record) part(i, j int) []byte { return unsafe.Slice((*byte)(r.p), j)[i:j:j] }

// keyByte returns the first byte: the length of the key, or longKey.
func (r record) keyByte() uint8     { return *(*uint8)(r.p) }
func (r record) setKeyByte(n uint8) { *(*uint8)(r.p) = n }

// is reports whether the record's key is key, which is not long.
func (r record) is(key string) bool {
	return int(r.keyByte()) == len(key) && text(r.shortKey()) == key
}

// word returns 8 bytes of the key, from byte i on, and so does the function of
// that name. They must be there.
func (r record) word(i int) uint64 { return *(*uint64)(unsafe.Add(r.p, headSize+i)) }

func word(key string, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(key)), i))
}

// shortWord returns the n bytes at p, fewer than 8, in one word: those of a key
// of that length, so that of two such keys only equal ones have the same.
func shortWord(p unsafe.Pointer, n int) uint64 {
	if n >= 4 {
		return uint64(*(*uint32)(p)) | uint64(*(*uint32)(unsafe.Add(p, n-4)))<<32
	}
	if n == 0 {
		return 0
	}
	return uint64(*(*uint8)(p)) | uint64(*(*uint8)(unsafe.Add(p, n/2)))<<8 | uint64(*(*uint8)(unsafe.Add(p, n-1)))<<16
}

// shortWord is the function of that name for the key. Behind the header of a
// record with no key and no value the page may end: see part.
func (r record) shortWord(n int) uint64 {
	if n == 0 {
		return 0
	}
	return shortWord(unsafe.Add(r.p, headSize), n)
}

// shortKey returns the key, which is not long.
func (r record) shortKey() []byte { return r.part(headSize, headSize+int(r.keyByte())) }

// A form says what the payload of a record is.
type form uint8

const (
	formInline form = iota // the value itself
	formObject             // the number of an object
	formBig                // the number of a value kept out of line
)

const (
	headSize  = 3
	longKey   = 255 // as the length of a key: it is kept out of line
	stubKey   = 12  // bytes a long key takes in its record
	stubValue = 4   // bytes the number of an object or of a big value takes
	dueSize   = 8   // bytes a deadline takes

	// maxRecord is the most a record may take in a page. What is larger keeps
	// its value out of line, so that the end of a page wastes little. A
	// deadline set later may come on top.
	maxRecord = pageSize / 4

	lenMask   = 1<<10 - 1
	formShift = 10
	formMask  = 3
	timedBit  = 1 << 12
	markShift = 13
	maxMark   = 7
)

func (r record) head() uint16 {
	return uint16(*(*uint8)(unsafe.Add(r.p, 1))) | uint16(*(*uint8)(unsafe.Add(r.p, 2)))<<8
}

func (r record) setHead(payload int, f form, timed bool, mark uint8) {
	h := uint16(payload) | uint16(f)<<formShift | uint16(mark&maxMark)<<markShift
	if timed {
		h |= timedBit
	}
	binary.LittleEndian.PutUint16(r.part(1, headSize), h)
}

// keyEnd returns where the key ends and the payload begins.
func (r record) keyEnd() int {
	n := r.keyByte()
	if n == longKey {
		return headSize + stubKey
	}
	return headSize + int(n)
}

func (r record) form() form  { return form(r.head() >> formShift & formMask) }
func (r record) timed() bool { return r.head()&timedBit != 0 }
func (r record) mark() uint8 { return uint8(r.head() >> markShift) }

// size returns the bytes the record takes in its page.
func (r record) size() int {
	h := r.head()
	n := r.keyEnd() + int(h&lenMask)
	if h&timedBit != 0 {
		n += dueSize
	}
	return n
}

// bytes returns all of the record.
func (r record) bytes() []byte { return r.part(0, r.size()) }

// payload returns the value of an inline record, or the stub of another.
func (r record) payload() []byte {
	i := r.keyEnd()
	return r.part(i, i+int(r.head()&lenMask))
}

// number returns the number of the big value of a record that has one; object
// does the same for an object.
func (r record) number() uint32     { return binary.LittleEndian.Uint32(r.payload()) }
func (r record) object() objectRef  { return objectRef(r.number()) }
func (r record) setNumber(n uint32) { binary.LittleEndian.PutUint32(r.payload(), n) }

// deadline returns the time kept in the record, 0 if there is none.
func (r record) deadline() int64 {
	if !r.timed() {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(r.due()))
}

// setDeadline writes t into a record that is timed.
func (r record) setDeadline(t int64) { binary.LittleEndian.PutUint64(r.due(), uint64(t)) }

// due returns the bytes of the deadline of a record that is timed.
func (r record) due() []byte {
	i := r.keyEnd() + int(r.head()&lenMask)
	return r.part(i, i+dueSize)
}

// keyHash and keyNumber read the stub of a long key.
func (r record) keyHash() uint64 { return binary.LittleEndian.Uint64(r.part(headSize, headSize+8)) }
func (r record) keyNumber() uint32 {
	return binary.LittleEndian.Uint32(r.part(headSize+8, headSize+12))
}

func (r record) setKeyStub(h uint64, number uint32) {
	r.setKeyByte(longKey)
	stub := r.part(headSize, headSize+stubKey)
	binary.LittleEndian.PutUint64(stub, h)
	binary.LittleEndian.PutUint32(stub[8:], number)
}

// keyField returns the bytes that key takes in a record.
func keyField(key string) int {
	if len(key) >= longKey {
		return stubKey
	}
	return len(key)
}

// recordSize returns the bytes a record takes whose parts have these lengths.
func recordSize(key, payload int, timed bool) int {
	n := headSize + key + payload
	if timed {
		n += dueSize
	}
	return n
}
