package persist

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"redstart/types"
)

// An Entry is one key of a snapshot with its value.
type Entry struct {
	DB       int
	Key      []byte
	Kind     types.Kind
	Deadline int64 // unix ms; 0: none
	Mark     uint8
	Value    []byte      // of a string
	Object   types.Value // of a collection; never empty
	Deleted  bool        // the key is gone: it replaces an earlier Entry by none

	// A patch has no value but effects on that of an earlier Entry of the key,
	// or on an empty one if there is none: of Kind, without a place, and only
	// such as change elements, or a string by OpAppend and OpSetRange. DB, Key,
	// Kind, Deadline and Mark are the key's of afterwards; see CheckPatched.
	Patched bool
	Patch   []byte
	Length  int // the number of elements, or of a string's bytes, afterwards
}

// An Entry is encoded as
//
//	tag       1 byte: kind in the low 4 bits, then the tag bits below
//	database  varint
//	key       behind its length as a varint
//	deadline  signed varint, if tagDeadline
//	mark      1 byte, if tagMark
//	length    varint, if tagPatch
//	value     none, if tagDeleted
//	          effects of a patch behind their length, if tagPatch
//	          string: bytes behind their length
//	          collection: number of elements, then each of them:
//	            list, set: bytes behind their length
//	            hash: field and value, each behind its length
//	            zset: member behind its length, 8 bytes of score
const (
	tagKind     = 0x0f
	tagDeleted  = 0x10
	tagDeadline = 0x20
	tagMark     = 0x40
	tagPatch    = 0x80
)

// appendHead appends everything but the value.
func (e *Entry) appendHead(buf []byte) []byte {
	tag := byte(e.Kind)
	if e.Deleted {
		tag |= tagDeleted
	}
	if e.Deadline != 0 {
		tag |= tagDeadline
	}
	if e.Mark != 0 {
		tag |= tagMark
	}
	if e.Patched {
		tag |= tagPatch
	}
	buf = append(buf, tag)
	buf = binary.AppendUvarint(buf, uint64(e.DB))
	buf = binary.AppendUvarint(buf, uint64(len(e.Key)))
	buf = append(buf, e.Key...)
	if e.Deadline != 0 {
		buf = binary.AppendVarint(buf, e.Deadline)
	}
	if e.Mark != 0 {
		buf = append(buf, e.Mark)
	}
	if e.Patched {
		buf = binary.AppendUvarint(buf, uint64(e.Length))
	}
	return buf
}

// bytes returns what is encoded in place of elements.
func (e *Entry) bytes() []byte {
	if e.Patched {
		return e.Patch
	}
	return e.Value
}

// valid returns an error if e could not be read back.
func (e *Entry) valid() error {
	switch {
	case e.DB < 0 || e.DB > math.MaxInt32,
		e.Object != nil && e.Object.Kind() != e.Kind,
		e.Object == nil && !e.Deleted && !e.Patched && e.Kind != types.KindString:
		return fmt.Errorf("BUG: key %.40q of database %d has a value of kind %v, which has no form in a file", e.Key, e.DB, e.Kind)
	}
	return nil
}

// A packer encodes entries into chunks. An entry that does not fit a chunk is
// continued in the next ones, so memory is bounded by the chunk, not by the
// entry.
//
// Invariant: buf[chunkHeader:start] holds count whole entries, buf[start:] the
// front, or in pieces the next piece, of the entry being encoded.
type packer struct {
	buf    []byte
	start  int
	count  uint32
	pieces bool // the entry being encoded has pieces in earlier chunks
	bytes  int64
	empty  func() []byte            // returns a buffer for the next chunk
	emit   func(chunk *chunk) error // takes a full one
	err    error                    // the first one of emit
}

// entry encodes e. An empty collection is encoded as no key, for that is what
// it means.
func (p *packer) entry(e *Entry) error {
	if p.buf == nil {
		p.next()
	}
	if e.Deleted || e.Object != nil && e.Object.Len() == 0 {
		e = &Entry{DB: e.DB, Key: e.Key, Deleted: true}
	}
	if err := e.valid(); err != nil {
		return err
	}
	if bytes := e.bytes(); len(e.Key)+len(bytes)+64 <= chunkSize-len(p.buf) && e.Object == nil {
		p.buf = e.appendHead(p.buf)
		if !e.Deleted {
			p.buf = binary.AppendUvarint(p.buf, uint64(len(bytes)))
			p.buf = append(p.buf, bytes...)
		}
	} else if err := p.large(e); err != nil {
		return err
	}
	if p.pieces {
		p.flush(chunkLast, 1, len(p.buf))
		p.pieces = false
	} else {
		p.count++
	}
	p.start = len(p.buf)
	return p.err
}

// large encodes an entry that may not fit the rest of the chunk.
func (p *packer) large(e *Entry) error {
	p.put(e.appendHead(nil))
	if e.Deleted {
		return nil
	}
	if e.Object == nil {
		p.field(e.bytes())
		return p.err
	}
	p.number(uint64(e.Object.Len()))
	switch v := e.Object.(type) {
	case *types.List:
		v.Each(0, v.Len(), func(elem []byte) bool {
			p.field(elem)
			return p.err == nil
		})
	case *types.Set:
		v.Each(func(member []byte) bool {
			p.field(member)
			return p.err == nil
		})
	case *types.Hash:
		v.Each(func(field, value []byte) bool {
			p.field(field)
			p.field(value)
			return p.err == nil
		})
	case *types.ZSet:
		v.Each(0, v.Len(), func(member []byte, score float64) bool {
			p.field(member)
			var bits [8]byte
			binary.LittleEndian.PutUint64(bits[:], math.Float64bits(score))
			p.put(bits[:])
			return p.err == nil
		})
	default:
		return fmt.Errorf("BUG: a value of type %T has no form in a file", v)
	}
	return p.err
}

func (p *packer) field(b []byte) {
	p.number(uint64(len(b)))
	p.put(b)
}

func (p *packer) number(n uint64) {
	if room := chunkSize - len(p.buf); room >= binary.MaxVarintLen64 {
		p.buf = binary.AppendUvarint(p.buf, n)
		return
	}
	p.put(binary.AppendUvarint(nil, n))
}

// put appends b to the entry, spilling what is full.
func (p *packer) put(b []byte) {
	for p.err == nil {
		n := min(len(b), chunkSize-len(p.buf))
		p.buf = append(p.buf, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			return
		}
		p.spill()
	}
}

// spill makes room for more of the entry being encoded: it emits the whole
// entries before it or, if there are none, what there is as a piece.
func (p *packer) spill() {
	if p.count == 0 {
		kind := chunkPiece
		if !p.pieces {
			kind = chunkFirst
		}
		p.pieces = true
		p.flush(kind, 0, len(p.buf))
		return
	}
	p.flush(chunkWhole, p.count, p.start)
}

// flush emits buf[:end] and carries the rest over to a new buffer.
func (p *packer) flush(kind chunkKind, count uint32, end int) {
	full := p.buf
	p.next()
	p.buf = append(p.buf, full[end:]...)
	p.bytes += int64(end)
	if p.err == nil {
		p.err = p.emit(&chunk{buf: full[:end], kind: kind, count: count})
	}
}

func (p *packer) next() {
	p.buf = append(p.empty()[:0], make([]byte, chunkHeader)...)
	p.start, p.count = chunkHeader, 0
}

// close emits what is left.
func (p *packer) close() error {
	if p.count > 0 {
		p.flush(chunkWhole, p.count, len(p.buf))
	}
	return p.err
}

// A reader decodes the entries of chunks, given to it in order. Keys and
// values it yields are borrowed from the chunk.
type reader struct {
	limits *types.Limits
	each   func(Entry) error

	// of an entry that comes in pieces
	pending bool
	buf     []byte // what is not decoded yet
	part    partial
}

// A partial is an entry being decoded.
type partial struct {
	Entry
	headed bool   // the head is known
	left   uint64 // bytes of the string or patch, or elements of the collection, to come
	count  int    // elements of the collection
}

// chunk decodes one chunk.
func (r *reader) chunk(c *chunk) error {
	switch {
	case c.kind == chunkWhole && !r.pending:
		return r.whole(c)
	case c.kind == chunkFirst && !r.pending, c.kind == chunkPiece, c.kind == chunkLast && r.pending:
		return r.piece(c)
	}
	return damagef("a piece of a large value is missing")
}

// whole decodes a chunk of whole entries.
func (r *reader) whole(c *chunk) error {
	buf := c.buf
	for n := range c.count {
		p := partial{}
		rest, err := p.feed(buf, r.limits)
		if err != nil {
			return err
		}
		if !p.done() {
			return damagef("entry %d of %d is cut short", n+1, c.count)
		}
		if err := r.yield(&p); err != nil {
			return err
		}
		buf = rest
	}
	if len(buf) > 0 {
		return damagef("%d bytes follow the last entry", len(buf))
	}
	return nil
}

// piece decodes a piece of an entry.
func (r *reader) piece(c *chunk) error {
	r.pending = true
	r.buf = append(r.buf, c.buf...)
	rest, err := r.part.feed(r.buf, r.limits)
	if err != nil {
		return err
	}
	if c.kind != chunkLast {
		if len(rest) < len(r.buf) { // of an element of many pieces nothing moves
			r.buf = append(r.buf[:0], rest...)
		}
		return nil
	}
	if !r.part.done() || len(rest) > 0 {
		return damagef("a large value is cut short")
	}
	p := r.part
	r.pending, r.part, r.buf = false, partial{}, nil
	return r.yield(&p)
}

func (r *reader) yield(p *partial) error {
	if p.Object != nil {
		if p.Object.Len() != p.count {
			return damagef("value of key %q has %d elements instead of %d", p.Key, p.Object.Len(), p.count)
		}
		p.Object.Record(nil)
	}
	if p.Patched {
		p.Patch, p.Value = p.Value, nil
		if err := p.checkPatch(); err != nil {
			return err
		}
	}
	return r.each(p.Entry)
}

// done reports whether the entry is whole.
func (p *partial) done() bool { return p.headed && p.left == 0 }

// feed decodes as much as there is of the entry and returns what is left of
// buf. An entry that is done borrows from buf; one that is not owns what it has.
func (p *partial) feed(buf []byte, limits *types.Limits) (rest []byte, err error) {
	if p.headed {
		return p.body(buf)
	}
	h := headReader{buf: buf}
	p.Entry, p.left = h.head()
	if h.err != nil {
		return nil, h.err
	}
	if h.short {
		return buf, nil
	}
	p.headed = true
	if p.Kind != types.KindString && !p.Deleted && !p.Patched {
		p.Object, p.count = types.New(p.Kind), int(p.left)
		p.Object.Record(&types.Recorder{Limits: limits})
	}
	rest, err = p.body(h.buf)
	if !p.done() {
		p.Key = append([]byte(nil), p.Key...)
	}
	return rest, err
}

// body decodes as much as there is of the value.
func (p *partial) body(buf []byte) (rest []byte, err error) {
	if p.Object != nil {
		return p.elements(buf)
	}
	n := min(p.left, uint64(len(buf)))
	if n == p.left && p.Value == nil && !p.Deleted {
		p.Value = buf[:n:n]
	} else {
		p.Value = append(p.Value, buf[:n]...)
	}
	p.left -= n
	return buf[n:], nil
}

// A headReader cuts fields off the front of buf. It is short once a field was
// not whole.
type headReader struct {
	buf   []byte
	short bool
	err   error
}

// head decodes everything of an entry up to its value, whose number of bytes
// or elements it returns.
func (h *headReader) head() (e Entry, left uint64) {
	tag := h.byte()
	e.Kind = types.Kind(tag & tagKind)
	e.Deleted = tag&tagDeleted != 0
	e.Patched = tag&tagPatch != 0
	db := h.number()
	e.DB = int(db)
	e.Key = h.field()
	if tag&tagDeadline != 0 {
		e.Deadline = h.signed()
	}
	if tag&tagMark != 0 {
		e.Mark = h.byte()
	}
	length := uint64(0)
	if e.Patched {
		length = h.number()
		e.Length = int(length)
	}
	if h.short || h.err != nil {
		return e, 0
	}
	collection := e.Kind >= types.KindList && e.Kind <= types.KindHash
	switch {
	case db > math.MaxInt32:
		h.err = damagef("an entry is of database %d", db)
	case !e.Deleted && !collection && e.Kind != types.KindString,
		e.Deleted && (e.Kind != types.KindNone || e.Patched),
		length > math.MaxInt64:
		h.err = damagef("an entry has the unknown tag %#x", tag)
	case e.Deleted:
		return e, 0
	default:
		left = h.number()
		if left == 0 && collection && !e.Patched && !h.short && h.err == nil {
			h.err = damagef("key %q has a value without elements", e.Key)
		}
	}
	return e, left
}

func (h *headReader) byte() byte {
	if len(h.buf) == 0 {
		h.short = true
		return 0
	}
	b := h.buf[0]
	h.buf = h.buf[1:]
	return b
}

func (h *headReader) number() uint64 {
	v, n := binary.Uvarint(h.buf)
	h.advance(n)
	return v
}

func (h *headReader) signed() int64 {
	v, n := binary.Varint(h.buf)
	h.advance(n)
	return v
}

// advance steps over a varint of n bytes, as package binary tells n.
func (h *headReader) advance(n int) {
	switch {
	case n > 0:
		h.buf = h.buf[n:]
	case n == 0:
		h.short = true
	case h.err == nil:
		h.err = damagef("a number is longer than 64 bits")
	}
}

func (h *headReader) field() []byte {
	size := h.number()
	if h.short || h.err != nil {
		return nil
	}
	if size > uint64(len(h.buf)) {
		h.short = true
		return nil
	}
	field := h.buf[:size:size]
	h.buf = h.buf[size:]
	return field
}

// elements decodes whole elements from the front of buf.
func (p *partial) elements(buf []byte) (rest []byte, err error) {
	h := headReader{buf: buf}
	for p.left > 0 {
		rest = h.buf
		a := h.field()
		var b []byte
		var score float64
		switch p.Kind {
		case types.KindHash:
			b = h.field()
		case types.KindZSet:
			score = h.score()
		}
		if h.err != nil {
			return nil, h.err
		}
		if h.short {
			return rest, nil
		}
		switch v := p.Object.(type) {
		case *types.List:
			v.PushBack(a)
		case *types.Set:
			v.Add(text(a))
		case *types.Hash:
			v.Set(text(a), b)
		case *types.ZSet:
			v.Add(text(a), score, 0)
		}
		p.left--
	}
	return h.buf, nil
}

func (h *headReader) score() float64 {
	if h.short { // what comes next is not a score but the member that is not whole
		return 0
	}
	if len(h.buf) < 8 {
		h.short = true
		return 0
	}
	score := math.Float64frombits(binary.LittleEndian.Uint64(h.buf))
	h.buf = h.buf[8:]
	if math.IsNaN(score) && h.err == nil {
		h.err = damagef("a score is not a number")
	}
	return score
}

// text returns b as a string without copying it: b must not change while the
// string is in use.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
