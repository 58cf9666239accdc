package resp

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

// A Type is the kind of a Value: the byte its encoding begins with.
type Type byte

// The types. Those from Null on came with RESP3.
const (
	Simple    Type = '+' // a status such as OK
	Error     Type = '-'
	Int       Type = ':'
	Bulk      Type = '$' // a string of any bytes
	Array     Type = '*'
	Null      Type = '_'
	Bool      Type = '#'
	Double    Type = ','
	BigNumber Type = '('
	BulkError Type = '!'
	Verbatim  Type = '='
	Map       Type = '%'
	Set       Type = '~'
	Push      Type = '>'
)

// attribute is the type byte of remarks about the value that follows.
const attribute = '|'

// A Value is a reply. It owns its memory. The zero Value is a null.
type Value struct {
	Type Type
	// Null says that there is no value: always for Null, and for the null
	// string and the null array of RESP2.
	Null bool
	// Int is the number of an Int, and 1 or 0 for a Bool.
	Int int64
	// Str is the text of all types but Int, Bool, Null and the aggregates. Of a
	// Double and a BigNumber it is the text that came.
	Str string
	// Format is the three letters that tell what a Verbatim is.
	Format string
	// Elems has the elements of an Array, Set or Push, and of a Map its keys
	// and values by turns.
	Elems []Value
	// Attrs has what an attribute said about this value, keys and values by
	// turns. It is not part of the value.
	Attrs []Value
}

// A ReplyError is an error that came as a reply: its code and its message.
type ReplyError string

func (e ReplyError) Error() string { return string(e) }

// Err returns the error that v is, as a ReplyError, or nil if v is another
// reply. It does not look into aggregates.
func (v Value) Err() error {
	if v.Type == Error || v.Type == BulkError {
		return ReplyError(v.Str)
	}
	return nil
}

// Float returns the number that v is, or is the text of. NaN counts as one.
func (v Value) Float() (float64, error) {
	if v.Type == Int {
		return float64(v.Int), nil
	}
	return strconv.ParseFloat(v.Str, 64)
}

// Append appends the encoding of v, in the version of the protocol that has
// its types.
func (v Value) Append(b []byte) []byte {
	if len(v.Attrs) > 0 {
		b = appendElems(b, attribute, v.Attrs)
	}
	kind := byte(v.Type)
	switch {
	case v.Null && (v.Type == Bulk || v.Type == Array):
		return appendHeader(b, kind, -1)
	case v.Null || v.Type == Null || v.Type == 0:
		return append(b, "_\r\n"...)
	}
	switch v.Type {
	case Int:
		return appendHeader(b, kind, v.Int)
	case Bool:
		if v.Int != 0 {
			return append(b, "#t\r\n"...)
		}
		return append(b, "#f\r\n"...)
	case Verbatim:
		w := Writer{Proto: 3, buf: b}
		w.Verbatim(v.Format, v.Str)
		return w.buf
	case Bulk, BulkError:
		return appendBulk(b, kind, v.Str)
	case Array, Map, Set, Push:
		return appendElems(b, kind, v.Elems)
	default:
		return appendLine(b, kind, v.Str)
	}
}

func appendElems(b []byte, kind byte, elems []Value) []byte {
	n := len(elems)
	if kind == byte(Map) || kind == attribute {
		n /= 2
	}
	b = appendHeader(b, kind, int64(n))
	for _, elem := range elems {
		b = elem.Append(b)
	}
	return b
}

// ErrLimit is the error of a Reader for a reply beyond its limits.
var ErrLimit = errors.New("reply is too large or too deep")

// Limits of a Reader that sets none.
const (
	defaultMaxDepth = 32
	defaultMaxSize  = 1 << 30
)

// A Reader reads replies from a stream. It accepts exactly what Redis may
// send, in both versions of the protocol; anything else is a *ProtocolError. It
// buffers, so nobody else can read from the stream. After an error it returns
// that error for ever.
//
// What it allocates follows the bytes that came, not the lengths they declare.
type Reader struct {
	// MaxDepth is how deep aggregates may be nested; 32 if 0.
	MaxDepth int
	// MaxSize is how many bytes a reply may take, as it came and as Values; 1
	// GiB if 0.
	MaxSize int

	src  io.Reader // nil: buf is all there is
	buf  []byte
	pos  int // what comes before it in buf has been read
	left int // of MaxSize, for the reply being read
	err  error
}

// NewReader returns a Reader of the replies that come from src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Decode reads the reply at the front of b and returns its length, too. The
// error is io.ErrUnexpectedEOF if b ends too early, and as for a Reader
// otherwise.
func Decode(b []byte) (Value, int, error) {
	r := Reader{buf: b}
	v, err := r.Read()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Value{}, 0, err
	}
	return v, r.pos, nil
}

// Read returns the next reply. At the end of the stream it returns io.EOF, or
// io.ErrUnexpectedEOF if that is within a reply.
func (r *Reader) Read() (Value, error) {
	if r.err != nil {
		return Value{}, r.err
	}
	r.left = r.MaxSize
	if r.left <= 0 {
		r.left = defaultMaxSize
	}
	depth := r.MaxDepth
	if depth <= 0 {
		depth = defaultMaxDepth
	}
	var v Value
	if r.pos == len(r.buf) {
		r.err = r.fill()
	}
	if r.err == nil {
		if v, r.err = r.value(depth); r.err == io.EOF {
			r.err = io.ErrUnexpectedEOF
		}
	}
	if r.err != nil {
		return Value{}, r.err
	}
	return v, nil
}

// valueSize is what a Value is counted as, beside its bytes on the wire.
const valueSize = 96

// value reads a reply in which aggregates nest depth levels at most.
func (r *Reader) value(depth int) (v Value, err error) {
	for {
		if r.left -= valueSize; r.left < 0 {
			return Value{}, ErrLimit
		}
		line, err := r.line()
		if err != nil {
			return Value{}, err
		}
		if len(line) == 0 {
			return Value{}, &ProtocolError{"empty line where a reply should begin"}
		}
		if line[0] != attribute {
			v.Type = Type(line[0])
			err = r.body(&v, line[1:], depth)
			return v, err
		}
		pairs, err := r.elems(attribute, line[1:], depth)
		if err != nil {
			return Value{}, err
		}
		v.Attrs = append(v.Attrs, pairs...)
	}
}

// body reads what follows the type byte of v; text is the rest of its line.
func (r *Reader) body(v *Value, text []byte, depth int) (err error) {
	ok := true
	switch v.Type {
	case Simple, Error:
		v.Str = string(text)
	case Int:
		v.Int, ok = parseInt(text)
	case Null:
		v.Null, ok = true, len(text) == 0
	case Bool:
		ok = len(text) == 1 && (text[0] == 't' || text[0] == 'f')
		v.Int = int64(strings.Count(string(text), "t"))
	case Double:
		v.Str, ok = string(text), isDouble(text)
	case BigNumber:
		v.Str, ok = string(text), isBigNumber(text)
	case Bulk, BulkError, Verbatim:
		return r.bulk(v, text)
	case Array, Map, Set, Push:
		if v.Type == Array && string(text) == "-1" {
			v.Null = true
			return nil
		}
		v.Elems, err = r.elems(byte(v.Type), text, depth)
		return err
	default:
		ok = false
	}
	if !ok {
		return malformed(byte(v.Type), text)
	}
	return nil
}

// malformed is the error for a line that is not a reply.
func malformed(kind byte, text []byte) error {
	if len(text) > 64 {
		text = text[:64]
	}
	return &ProtocolError{"not a reply: " + strconv.Quote(string(kind)+string(text))}
}

// bulk reads the bytes of a string whose length is text.
func (r *Reader) bulk(v *Value, text []byte) error {
	n, ok := parseInt(text)
	if ok && n == -1 && v.Type == Bulk {
		v.Null = true
		return nil
	}
	if !ok || n < 0 || v.Type == Verbatim && n < 4 {
		return malformed(byte(v.Type), text)
	}
	if n > int64(r.left)-2 {
		return ErrLimit
	}
	size := int(n)
	r.left -= size + 2
	for len(r.buf)-r.pos < size+2 {
		if err := r.fill(); err != nil {
			return err
		}
	}
	b := r.buf[r.pos : r.pos+size+2]
	r.pos += size + 2
	if string(b[size:]) != "\r\n" {
		return &ProtocolError{"string is not followed by a line end"}
	}
	b = b[:size]
	if v.Type == Verbatim {
		if b[3] != ':' {
			return malformed(byte(v.Type), b)
		}
		v.Format, b = string(b[:3]), b[4:]
	}
	v.Str = string(b)
	return nil
}

// elems reads the elements of an aggregate whose number is text. (The bytes of
// text are gone when the first element is read.)
func (r *Reader) elems(kind byte, text []byte, depth int) ([]Value, error) {
	n, ok := parseInt(text)
	if !ok || n < 0 {
		return nil, malformed(kind, text)
	}
	if depth == 0 || n > math.MaxInt32 {
		return nil, ErrLimit
	}
	if kind == byte(Map) || kind == attribute {
		n *= 2
	}
	var elems []Value
	for range n {
		v, err := r.value(depth - 1)
		if err != nil {
			return nil, err
		}
		elems = append(elems, v)
	}
	return elems, nil
}

// line reads a line and returns it without its end, valid until the next read.
func (r *Reader) line() ([]byte, error) {
	scanned := 0
	for {
		rest := r.buf[r.pos:]
		if i := bytes.IndexByte(rest[scanned:], '\n'); i >= 0 {
			end := scanned + i
			if r.left -= end + 1; r.left < 0 {
				return nil, ErrLimit
			}
			if bytes.IndexByte(rest[:end], '\r') != end-1 || end == 0 {
				return nil, &ProtocolError{"line does not end with CR LF"}
			}
			r.pos += end + 1
			return rest[:end-1], nil
		}
		if scanned = len(rest); scanned > r.left {
			return nil, ErrLimit
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill appends to buf what the stream has, at least a byte.
func (r *Reader) fill() error {
	if r.src == nil {
		return io.EOF
	}
	if len(r.buf) == cap(r.buf) {
		r.makeRoom()
	}
	for range 100 {
		n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		if n > 0 {
			return nil // an error with it will come again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves the bytes not yet read to the front of the buffer, or of a
// larger one if they fill more than half of it.
func (r *Reader) makeRoom() {
	room, rest := r.buf, r.buf[r.pos:]
	if len(rest) > cap(room)/2 || cap(room) == 0 {
		room = make([]byte, max(4096, 2*cap(room)))
	}
	r.buf, r.pos = room[:copy(room, rest)], 0
}

// isDouble reports whether text is a number as Redis writes them. What
// strconv takes beyond that, such as 0x1p-2, is none.
func isDouble(text []byte) bool {
	switch s := string(text); s {
	case "inf", "-inf", "nan", "-nan":
		return true
	default:
		if strings.Trim(s, "0123456789.eE+-") != "" {
			return false
		}
		_, err := strconv.ParseFloat(s, 64)
		return err == nil
	}
}

func isBigNumber(text []byte) bool {
	digits := bytes.TrimPrefix(text, []byte("-"))
	return len(digits) > 0 && len(bytes.Trim(digits, "0123456789")) == 0
}
