package types

import (
	"bytes"
	"iter"
	"math/rand/v2"
	"strconv"
	"unsafe"
)

// A Hash maps fields to values, both strings of bytes. The zero value is an
// empty hash ready to use; a nil one reads as empty.
//
// A small hash (see Limits) is a pack of field, value, field, value, … in the
// order the fields were added. Once it has outgrown that it is a Dict, and
// stays one until it is empty.
//
// Byte slices that a Hash hands out are its own: they must not be written to
// and are valid until its next write. What it is given it copies.
type Hash struct {
	rec *Recorder
	body
}

// Kind returns KindHash.
func (h *Hash) Kind() Kind { return KindHash }

// Len returns the number of fields.
func (h *Hash) Len() int {
	if h == nil {
		return 0
	}
	return h.len()
}

// Size returns the bytes of memory h takes, within 10 %.
func (h *Hash) Size() int {
	if h == nil {
		return 0
	}
	return int(unsafe.Sizeof(*h)) + h.size()
}

// Encoding returns "listpack" or "hashtable".
func (h *Hash) Encoding() string {
	if h != nil && h.shape == asDict {
		return "hashtable"
	}
	return "listpack"
}

// Record makes h report its changes to r, or to nobody if r is nil.
func (h *Hash) Record(r *Recorder) { h.rec = r }

// Get returns the value of field. ok is false if there is none.
func (h *Hash) Get(field string) (value []byte, ok bool) {
	if h == nil {
		return nil, false
	}
	if h.shape == asDict {
		ref := h.dict().Find(HashOf(field), field)
		if !ref.OK() {
			return nil, false
		}
		return ref.Value(), true
	}
	p := h.bytes()
	i := findPacked(p, field, 2)
	if i < 0 {
		return nil, false
	}
	value, _ = packedAt(p, i+packedSize(len(field)))
	return value, true
}

// Has reports whether h has field.
func (h *Hash) Has(field string) bool {
	if h == nil {
		return false
	}
	if h.shape == asDict {
		return h.dict().Find(HashOf(field), field).OK()
	}
	return findPacked(h.bytes(), field, 2) >= 0
}

// Set gives field the value and reports whether field was added.
func (h *Hash) Set(field string, value []byte) (added bool) {
	if h.overlaps(value) {
		value = bytes.Clone(value)
	}
	added, changed := h.set(field, value)
	if changed {
		h.rec.Note(OpHashSet, 0, 0, field, text(value))
	}
	return added
}

// set is Set of a value that is not part of h, reporting to nobody.
func (h *Hash) set(field string, value []byte) (added, changed bool) {
	if h.shape == asDict {
		return h.setInDict(field, value)
	}
	limits, size := h.rec.limits(), packedSize(len(value))
	if len(field) > min(limits.HashValue, maxPacked) || len(value) > min(limits.HashValue, maxPacked) {
		h.spread()
		return h.setInDict(field, value)
	}
	p := h.bytes()
	i := findPacked(p, field, 2)
	if i < 0 {
		if int(h.count) >= limits.HashEntries || !h.fits(packedSize(len(field))+size) {
			h.spread()
			return h.setInDict(field, value)
		}
		p = h.splice(len(p), 0, packedSize(len(field))+size)
		putPacked(putPacked(p[len(p)-packedSize(len(field))-size:], field), text(value))
		h.count++
		return true, true
	}
	i += packedSize(len(field))
	old, next := packedAt(p, i)
	if bytes.Equal(old, value) {
		return false, false
	}
	if !h.fits(size - (next - i)) {
		h.spread()
		return h.setInDict(field, value)
	}
	putPacked(h.splice(i, next-i, size)[i:], text(value))
	return false, true
}

func (h *Hash) setInDict(field string, value []byte) (added, changed bool) {
	d, sum := h.dict(), HashOf(field)
	if ref := d.Find(sum, field); ref.OK() && bytes.Equal(ref.Value(), value) {
		return false, false
	}
	return d.Put(sum, field, value, 0, 0), true
}

// spread turns a pack into a Dict.
func (h *Hash) spread() {
	d, p := new(Dict), h.bytes()
	for i := 0; i < len(p); {
		var field, value []byte
		field, i = packedAt(p, i)
		value, i = packedAt(p, i)
		d.Put(HashOf(text(field)), text(field), value, 0, 0)
	}
	h.become(d)
}

// Delete removes field and reports whether it was there.
func (h *Hash) Delete(field string) bool {
	if !h.delete(field) {
		return false
	}
	if h.len() == 0 {
		h.body = body{} // an emptied hash is like a new one
	}
	h.rec.Note(OpHashDelete, 0, 0, field, "")
	return true
}

func (h *Hash) delete(field string) bool {
	if h.shape == asDict {
		return h.dict().Delete(HashOf(field), field)
	}
	p := h.bytes()
	i := findPacked(p, field, 2)
	if i < 0 {
		return false
	}
	h.splice(i, skipPacked(p, i, 2)-i, 0)
	h.count--
	return true
}

// IncrBy adds n to the integer that the value of field spells (no field
// counts as 0) and returns the sum. It fails with ErrNotInteger if the value
// is something else, and with ErrOverflow if the sum is no int64.
func (h *Hash) IncrBy(field string, n int64) (int64, error) {
	var sum int64
	if old, ok := h.Get(field); ok {
		if sum, ok = ParseInt(old); !ok {
			return 0, ErrNotInteger
		}
	}
	if sum > 0 && n > 0 && sum+n < 0 || sum < 0 && n < 0 && sum+n >= 0 {
		return 0, ErrOverflow
	}
	sum += n
	var buf [20]byte
	h.Set(field, strconv.AppendInt(buf[:0], sum, 10))
	return sum, nil
}

// IncrByFloat adds by to the number that the value of field spells (no field
// counts as 0) and returns the text of the sum, which is the caller's. It
// fails with ErrNotFloat if either is not a number and with ErrNaN if the sum
// is not a finite one.
func (h *Hash) IncrByFloat(field string, by string) (result []byte, err error) {
	old, ok := h.Get(field)
	if !ok {
		old = []byte("0")
	}
	if result, err = AddFloat(old, by); err != nil {
		return nil, err
	}
	h.Set(field, result)
	return result, nil
}

// Each calls yield for each field and its value until it returns false. h must
// not be written to meanwhile.
func (h *Hash) Each(yield func(field, value []byte) bool) {
	if h == nil {
		return
	}
	if h.shape == asDict {
		for ref := range h.dict().All() {
			if !yield(ref.Key(), ref.Value()) {
				return
			}
		}
		return
	}
	p := h.bytes()
	for i := 0; i < len(p); {
		var field, value []byte
		field, i = packedAt(p, i)
		value, i = packedAt(p, i)
		if !yield(field, value) {
			return
		}
	}
}

// All returns an iterator over the fields and their values as they are when it
// starts: h may be written to meanwhile. The strings are copies.
func (h *Hash) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		from := h
		if h != nil && h.rec != nil {
			from = Clone(h).(*Hash)
		}
		from.Each(func(field, value []byte) bool { return yield(string(field), value) })
	}
}

// Scan calls yield for about count fields and returns the cursor at which to
// go on; 0 begins and 0 is the end. Every field that is there throughout the
// scan is yielded, some perhaps more than once. A small hash is yielded whole.
// h must not be written to by yield.
func (h *Hash) Scan(cursor uint64, count int, yield func(field, value []byte)) uint64 {
	if h != nil && h.shape == asDict {
		return h.dict().Scan(cursor, count, func(ref Ref) { yield(ref.Key(), ref.Value()) })
	}
	h.Each(func(field, value []byte) bool {
		yield(field, value)
		return true
	})
	return 0
}

// Random returns one of the fields, each being equally likely, with its value.
// Both are nil if h is empty.
func (h *Hash) Random(r *rand.Rand) (field, value []byte) {
	switch {
	case h.Len() == 0:
		return nil, nil
	case h.shape == asDict:
		ref := h.dict().Random(r)
		return ref.Key(), ref.Value()
	}
	p := h.bytes()
	field, i := packedAt(p, skipPacked(p, 0, 2*r.IntN(int(h.count))))
	value, _ = packedAt(p, i)
	return field, value
}

// Apply makes the change that e describes: OpHashSet, or OpHashDelete of a
// field that is there. Anything else is ErrEffect.
func (h *Hash) Apply(e Effect) error {
	switch {
	case e.Op == OpHashSet:
		h.Set(text(e.A), e.B)
		return nil
	case e.Op == OpHashDelete && h.Delete(text(e.A)):
		return nil
	}
	return ErrEffect
}

func (h *Hash) clone() Value { return &Hash{body: h.body.clone()} }

func (h *Hash) check() error { return h.body.check(2) }
