package types

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"unsafe"
)

// A Hash maps fields to values, both strings of bytes. The zero value is an
// empty hash ready to use; a nil one reads as empty.
//
// A small hash (see Limits) is a pack of field, value, field, value, … in the
// order the fields were added, with values that spell integers stored as such.
// Once it has outgrown that it is a Dict, and stays one until it is empty.
//
// Byte slices that a Hash hands out are its own: they must not be written to
// and are valid until its next write. What it is given it copies.
type Hash struct {
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
	if h != nil && h.shape() == asDict {
		return "hashtable"
	}
	return "listpack"
}

// Get returns the value of field. ok is false if there is none.
//
// It is small enough to be inlined, so that the text of an integer lives on
// the stack of a caller that does not let it escape.
func (h *Hash) Get(field string) (value []byte, ok bool) {
	var buf [20]byte
	return h.get(field, buf[:0])
}

func (h *Hash) get(field string, buf []byte) (value []byte, ok bool) {
	if h == nil {
		return nil, false
	}
	if h.shape() == asDict {
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
	return valueAt(p, i+packedSize(len(field)), buf), true
}

// valueAt returns the string at offset i of p, written to buf if it is stored
// as an integer.
func valueAt(p []byte, i int, buf []byte) []byte {
	if p[i] < number {
		value, _ := packedAt(p, i)
		return value
	}
	n, _ := intAt(p, i)
	return strconv.AppendInt(buf, n, 10)
}

// Has reports whether h has field.
func (h *Hash) Has(field string) bool {
	if h == nil {
		return false
	}
	if h.shape() == asDict {
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
		h.recorder().Note(OpHashSet, 0, 0, field, text(value))
	}
	return added
}

// set is Set of a value that is not part of h, reporting to nobody.
func (h *Hash) set(field string, value []byte) (added, changed bool) {
	if h.shape() == asDict {
		return h.setInDict(field, value)
	}
	limits := h.recorder().limits()
	if long := min(limits.HashValue, maxPacked); len(field) > long || len(value) > long {
		h.spread()
		return h.setInDict(field, value)
	}
	v, p, at := packValue(value), h.bytes(), packedSize(len(field))
	i := findPacked(p, field, 2)
	if i < 0 {
		if int(h.count) >= limits.HashEntries || !h.fits(at+v.size) {
			h.spread()
			return h.setInDict(field, value)
		}
		i = len(p)
		v.put(putPacked(h.splice(i, 0, at+v.size)[i:], field))
		h.count++
		return true, true
	}
	i += at
	old := p[i:skipPacked(p, i, 1)]
	if v.equals(old) {
		return false, false
	}
	if !h.fits(v.size - len(old)) {
		h.spread()
		return h.setInDict(field, value)
	}
	v.put(h.splice(i, len(old), v.size)[i:])
	return false, true
}

// A packedValue is a string on its way into a pack, where it may be stored as
// an integer.
type packedValue struct {
	text   string
	number [9]byte
	isInt  bool
	size   int // of what is stored
}

func packValue(value []byte) packedValue {
	v := packedValue{text: text(value), size: packedSize(len(value))}
	var n int64
	if n, v.isInt = ParseInt(value); v.isInt {
		v.number, v.size = packedInt(n)
	}
	return v
}

// put writes the value to the front of p.
func (v *packedValue) put(p []byte) {
	if v.isInt {
		copy(p[:v.size], v.number[:])
	} else {
		putPacked(p, v.text)
	}
}

// equals reports whether old is how the value is stored.
func (v *packedValue) equals(old []byte) bool {
	switch {
	case len(old) != v.size:
		return false
	case v.isInt:
		return string(old) == string(v.number[:v.size])
	case old[0] >= number:
		return false
	}
	s, _ := packedAt(old, 0)
	return string(s) == v.text
}

func (h *Hash) setInDict(field string, value []byte) (added, changed bool) {
	d, sum := h.dict(), HashOf(field)
	ref := d.Find(sum, field)
	if !ref.OK() {
		d.Add(sum, field, value, 0, 0)
		return true, true
	}
	if bytes.Equal(ref.Value(), value) {
		return false, false
	}
	d.PutAt(ref, sum, field, value, 0, 0)
	return false, true
}

// spread turns a pack into a Dict.
func (h *Hash) spread() {
	d := new(Dict)
	h.Each(func(field, value []byte) bool {
		d.Put(HashOf(text(field)), text(field), value, 0, 0)
		return true
	})
	h.replace(bodyOf(d))
}

// Delete removes field and reports whether it was there.
func (h *Hash) Delete(field string) bool {
	if !h.delete(field) {
		return false
	}
	if h.len() == 0 {
		h.replace(body{}) // an emptied hash is like a new one
	}
	h.recorder().Note(OpHashDelete, 0, 0, field, "")
	return true
}

func (h *Hash) delete(field string) bool {
	if h.shape() == asDict {
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
	if h.shape() == asDict {
		for ref := range h.dict().All() {
			if !yield(ref.Key(), ref.Value()) {
				return
			}
		}
		return
	}
	var numbers speller
	p := h.bytes()
	for i := 0; i < len(p); {
		var field, value []byte
		field, i = packedAt(p, i)
		value, i = numbers.at(p, i)
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
		if h != nil && h.recorder() != nil {
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
	if h != nil && h.shape() == asDict {
		return h.dict().Scan(cursor, count, func(ref Ref) { yield(ref.Key(), ref.Value()) })
	}
	h.Each(func(field, value []byte) bool {
		yield(field, value)
		return true
	})
	return 0
}

// Random returns one of the fields, each being equally likely, with its value.
// Both are nil if h is empty. Like Get it is inlined.
func (h *Hash) Random(r *rand.Rand) (field, value []byte) {
	var buf [20]byte
	return h.random(r, buf[:0])
}

func (h *Hash) random(r *rand.Rand, buf []byte) (field, value []byte) {
	switch {
	case h.Len() == 0:
		return nil, nil
	case h.shape() == asDict:
		ref := h.dict().Random(r)
		return ref.Key(), ref.Value()
	}
	p := h.bytes()
	field, i := packedAt(p, skipPacked(p, 0, 2*r.IntN(int(h.count))))
	return field, valueAt(p, i, buf)
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

func (h *Hash) check() error {
	if err := h.body.check(2); err != nil || h.shape() == asDict {
		return err
	}
	p := h.bytes()
	for i := 0; i < len(p); {
		if i = skipPacked(p, i, 1); p[i] < number {
			if value, _ := packedAt(p, i); packValue(value).isInt {
				return fmt.Errorf("value %q is not stored as an integer", value)
			}
		}
		i = skipPacked(p, i, 1)
	}
	return nil
}
