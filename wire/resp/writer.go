package resp

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// A Writer appends replies to a buffer. Whoever owns the connection takes the
// bytes from it and sends them; a Writer does no I/O and cannot fail.
//
// The zero value is an empty Writer that speaks RESP2. A Writer allocates
// nothing but its buffer. It is not safe for concurrent use.
type Writer struct {
	// Proto is the version of the protocol, 2 or 3, as HELLO sets it. Types
	// that RESP2 lacks are written as Redis writes them there. Anything below
	// 3 means 2.
	Proto int
	// More, if it is not nil, returns a buffer with what is in buf and room
	// for n bytes more. It may keep buf. If it is nil, append does.
	More func(buf []byte, n int) []byte

	buf []byte
}

// Bytes returns what was written, valid until the next call of another method.
func (w *Writer) Bytes() []byte { return w.buf }

// Len returns the number of bytes written.
func (w *Writer) Len() int { return len(w.buf) }

// Truncate drops everything after the first n bytes: the way to take back a
// reply that turned out to be an error half-way. n is a former Len.
func (w *Writer) Truncate(n int) { w.buf = w.buf[:n] }

// Reset drops everything written and keeps the buffer.
func (w *Writer) Reset() { w.buf = w.buf[:0] }

// Swap returns what was written, which the caller owns from now on, and makes
// w go on in the memory of b, empty. It is how buffers go to a pool and back:
// Swap(nil) leaves w without one.
func (w *Writer) Swap(b []byte) []byte {
	out := w.buf
	w.buf = b[:0]
	return out
}

// Raw appends b as it is: it has to be whole replies.
func (w *Writer) Raw(b []byte) { w.buf = append(w.buf, b...) }

// Simple writes a status such as OK. A status is one line: line ends at the
// end of s are dropped, those within become spaces.
func (w *Writer) Simple(s string) {
	if s == "OK" { // nearly every status
		w.buf = append(w.buf, "+OK\r\n"...)
		return
	}
	w.buf = appendLine(w.buf, '+', s)
}

// Error writes an error; s begins with its code, as in "ERR no such key". Line
// ends are treated as by Simple, so that no text can forge a second reply.
func (w *Writer) Error(s string) { w.buf = appendLine(w.buf, '-', s) }

// BulkError writes an error that may have several lines, or any bytes. In
// RESP2 it is written as by Error.
func (w *Writer) BulkError(s string) {
	if w.Proto < 3 {
		w.Error(s)
		return
	}
	w.buf = appendBulk(w.buf, '!', s)
}

// Int writes an integer.
func (w *Writer) Int(n int64) { w.buf = appendHeader(w.buf, ':', n) }

// bulkFrame is more than what is around the bytes of a string.
const bulkFrame = 32

// Grow makes room for n bytes more, for who knows that a reply will be large: it
// is then not moved as it grows.
func (w *Writer) Grow(n int) {
	switch {
	case cap(w.buf)-len(w.buf) >= n:
	case w.More != nil:
		w.buf = w.More(w.buf, n)
	default:
		w.buf = slices.Grow(w.buf, n)
	}
}

// Bulk writes a string of any bytes. A nil b is an empty string, too: what is
// not there is Null.
func (w *Writer) Bulk(b []byte) {
	if need := len(b) + bulkFrame; cap(w.buf)-len(w.buf) < need && w.More != nil {
		w.Grow(need)
	}
	buf := appendHeader(w.buf, '$', int64(len(b)))
	buf = append(buf, b...)
	w.buf = append(buf, '\r', '\n')
}

// BulkString is Bulk for a string.
func (w *Writer) BulkString(s string) { w.buf = appendBulk(w.buf, '$', s) }

// BulkInt writes n as a string: the way integers stored in keys are read.
func (w *Writer) BulkInt(n int64) {
	var scratch [20]byte
	w.Bulk(strconv.AppendInt(scratch[:0], n, 10))
}

// Null writes the absence of a value: a null string in RESP2.
func (w *Writer) Null() {
	if w.Proto < 3 {
		w.buf = append(w.buf, "$-1\r\n"...)
		return
	}
	w.buf = append(w.buf, "_\r\n"...)
}

// NullArray writes the absence of an array, which RESP2 tells apart from that
// of a value.
func (w *Writer) NullArray() {
	if w.Proto < 3 {
		w.buf = append(w.buf, "*-1\r\n"...)
		return
	}
	w.buf = append(w.buf, "_\r\n"...)
}

// Array begins an array; the n replies that follow are its elements.
func (w *Writer) Array(n int) { w.buf = appendHeader(w.buf, '*', int64(n)) }

// Map begins a map of n pairs; the 2n replies that follow are its keys and
// values by turns. In RESP2 it is an array of them.
func (w *Writer) Map(n int) { w.aggregate('%', n) }

// Set begins a set of n elements, an array in RESP2.
func (w *Writer) Set(n int) { w.aggregate('~', n) }

// Push begins a message of n elements that answers no command, an array in
// RESP2.
func (w *Writer) Push(n int) { w.aggregate('>', n) }

// Attribute begins n pairs of remarks about the reply that follows them, and
// reports whether it did: RESP2 has no place for them, so there nothing is
// written and the caller has to leave the pairs out.
func (w *Writer) Attribute(n int) bool {
	if w.Proto < 3 {
		return false
	}
	w.buf = appendHeader(w.buf, '|', int64(n))
	return true
}

// Double writes a floating-point number: the shortest text that reads back as
// f, in the notation of Redis 7.2. (Redis itself misses the shortest, or the
// nearest of several, for 3 numbers in 1000.) In RESP2 it is a string with the
// same text.
func (w *Writer) Double(f float64) {
	if w.Proto < 3 {
		var scratch [32]byte
		w.Bulk(appendDouble(scratch[:0], f))
		return
	}
	buf := appendDouble(append(w.buf, ','), f)
	w.buf = append(buf, '\r', '\n')
}

// Bool writes a truth value: 1 or 0 in RESP2.
func (w *Writer) Bool(b bool) {
	switch {
	case w.Proto < 3 && b:
		w.buf = append(w.buf, ":1\r\n"...)
	case w.Proto < 3:
		w.buf = append(w.buf, ":0\r\n"...)
	case b:
		w.buf = append(w.buf, "#t\r\n"...)
	default:
		w.buf = append(w.buf, "#f\r\n"...)
	}
}

// BigNumber writes an integer of any size, given as its decimal digits. In
// RESP2 it is a string.
func (w *Writer) BigNumber(digits string) {
	if w.Proto < 3 {
		w.BulkString(digits)
		return
	}
	w.buf = appendLine(w.buf, '(', digits)
}

// Verbatim writes a text for human eyes and its format, three letters such as
// "txt" (cut or filled with spaces if it is not). In RESP2 it is a string.
func (w *Writer) Verbatim(format, s string) {
	if w.Proto < 3 {
		w.BulkString(s)
		return
	}
	buf := appendHeader(w.buf, '=', int64(len(s)+4))
	buf = append(buf, (format + "   ")[:3]...)
	buf = append(buf, ':')
	buf = append(buf, s...)
	w.buf = append(buf, '\r', '\n')
}

// Command writes a command the way clients send it, an array of strings.
func (w *Writer) Command(args ...string) {
	w.Array(len(args))
	for _, arg := range args {
		w.BulkString(arg)
	}
}

// deferred is what Defer writes: room for the header of up to nine elements,
// which is most of them. A longer header moves what follows.
const deferred = "*0\r\n"

// Defer begins an array (or map, set, push) whose length is known only when
// its elements are written. SetArray and its like take the mark that Defer
// returned and complete it. Marks are completed in reverse order; before they
// are, the bytes must not be sent. Truncate(mark) takes a mark back.
func (w *Writer) Defer() (mark int) {
	mark = len(w.buf)
	w.buf = append(w.buf, deferred...)
	return mark
}

// SetArray makes what was written since mark an array of n elements. It costs
// a move of these bytes if n > 9.
func (w *Writer) SetArray(mark, n int) { w.patch(mark, '*', n) }

// SetMap makes what was written since mark a map of n pairs.
func (w *Writer) SetMap(mark, n int) {
	if w.Proto < 3 {
		n *= 2
	}
	w.patch(mark, w.kind('%'), n)
}

// SetSet makes what was written since mark a set of n elements.
func (w *Writer) SetSet(mark, n int) { w.patch(mark, w.kind('~'), n) }

// SetPush makes what was written since mark a push of n elements.
func (w *Writer) SetPush(mark, n int) { w.patch(mark, w.kind('>'), n) }

func (w *Writer) patch(mark int, kind byte, n int) {
	var scratch [24]byte
	header := appendHeader(scratch[:0], kind, int64(n))
	if more := len(header) - len(deferred); more > 0 {
		w.buf = append(w.buf, header[:more]...) // any bytes: they are moved over
		copy(w.buf[mark+len(header):], w.buf[mark+len(deferred):])
	}
	copy(w.buf[mark:], header)
}

func (w *Writer) aggregate(kind byte, n int) {
	if kind == '%' && w.Proto < 3 {
		n *= 2
	}
	w.buf = appendHeader(w.buf, w.kind(kind), int64(n))
}

// kind returns the type byte of an aggregate in the protocol of w.
func (w *Writer) kind(resp3 byte) byte {
	if w.Proto < 3 {
		return '*'
	}
	return resp3
}

// appendHeader appends a type byte, a number and a line end. Two digits are
// unrolled: nearly every length has no more, and it halves the time.
func appendHeader(b []byte, kind byte, n int64) []byte {
	if uint64(n) < 10 {
		return append(b, kind, byte('0'+n), '\r', '\n')
	}
	if uint64(n) < 100 {
		return append(b, kind, byte('0'+n/10), byte('0'+n%10), '\r', '\n')
	}
	if uint64(n) < 1e8 {
		return appendShort(b, kind, uint32(n))
	}
	b = strconv.AppendInt(append(b, kind), n, 10)
	return append(b, '\r', '\n')
}

// appendShort is appendHeader for a number of eight digits at most, the length
// of a list for instance. All eight are found at once, in the bytes of a word.
func appendShort(b []byte, kind byte, n uint32) []byte {
	// Two halves of four digits, four quarters of two, eight of one.
	w := uint64(n/10000) | uint64(n%10000)<<32
	hundreds := w * 10486 >> 20 & 0x7F0000007F
	w = hundreds | (w-hundreds*100)<<16
	tens := w * 103 >> 10 & 0xF000F000F000F
	w = tens | (w-tens*10)<<8
	zeros := bits.TrailingZeros64(w) >> 3 // there is another digit
	at := len(b)
	b = append(b, "........"+".\r\n"...)
	b[at] = kind
	binary.LittleEndian.PutUint64(b[at+1:], (w|0x3030303030303030)>>(8*zeros))
	end := at + 9 - zeros
	b[end], b[end+1] = '\r', '\n'
	return b[:end+2]
}

func appendBulk(b []byte, kind byte, s string) []byte {
	b = appendHeader(b, kind, int64(len(s)))
	b = append(b, s...)
	return append(b, '\r', '\n')
}

// appendLine appends s as one line, whatever is in it.
func appendLine(b []byte, kind byte, s string) []byte {
	for i := range len(s) {
		if s[i] == '\r' || s[i] == '\n' {
			s = oneLine.Replace(strings.TrimRight(s, "\r\n"))
			break
		}
	}
	b = append(append(b, kind), s...)
	return append(b, '\r', '\n')
}

var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// wholeDoubles is the size up to which Redis writes a whole number with all
// its digits, whatever its shortest form is.
const wholeDoubles = 1 << 62

// AppendDouble appends f as a bulk reply of RESP2 spells it: see Double.
func AppendDouble(b []byte, f float64) []byte { return appendDouble(b, f) }

// appendDouble appends f as Redis 7.2 does: whole numbers as integers, others
// by their shortest digits that read back as f, in plain notation from 1e-6 up
// (below 1e-3 only if they are few) and in the notation of 1.5e-9 beyond.
func appendDouble(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "nan"...)
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	case f == 0 && math.Signbit(f):
		return append(b, "-0"...)
	case f == math.Trunc(f) && math.Abs(f) <= wholeDoubles:
		return strconv.AppendInt(b, int64(f), 10)
	}
	if f < 0 {
		b = append(b, '-')
		f = -f
	}
	var scratch [32]byte
	digits, exp := shortest(scratch[:0], f)
	lead := exp - len(digits) + 1 // the power of ten of the last digit
	switch {
	case lead >= 0 && exp < len(digits)+7:
		b = append(b, digits...)
		for range lead {
			b = append(b, '0')
		}
		return b
	case lead < 0 && exp < 0 && (lead > -7 || exp > -4):
		b = append(b, "0.00000"[:1-exp]...)
		return append(b, digits...)
	case lead < 0 && exp >= 0 && (lead > -7 || exp < 4):
		b = append(b, digits[:exp+1]...)
		b = append(b, '.')
		return append(b, digits[exp+1:]...)
	}
	b = append(b, digits[0])
	if len(digits) > 1 {
		b = append(b, '.')
		b = append(b, digits[1:]...)
	}
	b = append(b, 'e')
	if exp >= 0 {
		b = append(b, '+')
	}
	return strconv.AppendInt(b, int64(exp), 10)
}

// shortest appends the fewest decimal digits that identify f > 0 and returns
// them with the power of ten of the first.
func shortest(b []byte, f float64) (digits []byte, exp int) {
	b = strconv.AppendFloat(b, f, 'e', -1, 64) // d.ddde±dd
	e := len(b) - 1
	for b[e] != 'e' {
		e--
	}
	exp, _ = strconv.Atoi(string(b[e+1:])) // never fails on AppendFloat's output
	if e == 1 {
		return b[:1], exp
	}
	copy(b[1:], b[2:e])
	return b[:e-1], exp
}
