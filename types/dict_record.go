package types

import "encoding/binary"

// A record is one entry as it lies in a page. The slice begins at the record
// and reaches at least to its end.
//
//	byte 0      length of the key, or longKey
//	bytes 1, 2  length of the payload, 10 bits | form, 2 | timed, 1 | mark, 3
//	            key: its bytes; or of a long key its hash and its number in outer.keys
//	            payload: the value; or its number in outer.bigs or outer.objs
//	            deadline, 8 bytes, if timed
//
// The header has a fixed size and the key a fixed place, so that a lookup
// compares keys without decoding anything else.
type record []byte

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

func (r record) head() uint16 { return uint16(r[1]) | uint16(r[2])<<8 }

func (r record) setHead(payload int, f form, timed bool, mark uint8) {
	h := uint16(payload) | uint16(f)<<formShift | uint16(mark&maxMark)<<markShift
	if timed {
		h |= timedBit
	}
	r[1], r[2] = byte(h), byte(h>>8)
}

// keyEnd returns where the key ends and the payload begins.
func (r record) keyEnd() int {
	if r[0] == longKey {
		return headSize + stubKey
	}
	return headSize + int(r[0])
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

// payload returns the value of an inline record, or the stub of another.
func (r record) payload() []byte {
	i := r.keyEnd()
	j := i + int(r.head()&lenMask)
	return r[i:j:j]
}

// number returns the number of the object or big value of a record that is
// not inline.
func (r record) number() uint32 { return binary.LittleEndian.Uint32(r[r.keyEnd():]) }

func (r record) setNumber(n uint32) { binary.LittleEndian.PutUint32(r[r.keyEnd():], n) }

// deadline returns the time kept in the record, 0 if there is none.
func (r record) deadline() int64 {
	h := r.head()
	if h&timedBit == 0 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(r[r.keyEnd()+int(h&lenMask):]))
}

// setDeadline writes t into a record that is timed.
func (r record) setDeadline(t int64) {
	binary.LittleEndian.PutUint64(r[r.keyEnd()+int(r.head()&lenMask):], uint64(t))
}

// keyHash and keyNumber read the stub of a long key.
func (r record) keyHash() uint64   { return binary.LittleEndian.Uint64(r[headSize:]) }
func (r record) keyNumber() uint32 { return binary.LittleEndian.Uint32(r[headSize+8:]) }

func (r record) setKeyStub(h uint64, number uint32) {
	r[0] = longKey
	binary.LittleEndian.PutUint64(r[headSize:], h)
	binary.LittleEndian.PutUint32(r[headSize+8:], number)
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
