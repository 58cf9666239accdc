package types

import "sync/atomic"

// A Ref is an entry of a Dict, valid until the next write to the Dict. The
// zero Ref is no entry; OK tells.
type Ref struct {
	seg  *segment
	rec  record
	slot uint32
}

// OK reports whether there is an entry. The other methods need one.
func (r Ref) OK() bool { return r.seg != nil }

// Key returns the key, borrowed from the Dict.
func (r Ref) Key() []byte { return r.seg.key(r.rec) }

// Value returns the value, borrowed from the Dict; nil if it is an object.
func (r Ref) Value() []byte {
	switch r.rec.form() {
	case formInline:
		return r.rec.payload()
	case formBig:
		return r.seg.outer.bigs.items[r.rec.number()].buf
	}
	return nil
}

// Plain returns the value of an entry whose value lies beside its key and that
// has no deadline, as most do: one look tells. Of others ok is false.
func (r Ref) Plain() (value []byte, ok bool) {
	h := r.rec.head()
	if h&(formMask<<formShift|timedBit) != 0 {
		return nil, false
	}
	i := r.rec.keyEnd()
	return r.rec.part(i, i+int(h&lenMask)), true
}

// Object returns the object, for reading; nil if the value is bytes.
func (r Ref) Object() Value {
	if r.rec.form() != formObject {
		return nil
	}
	return r.seg.outer.objs.get(r.rec.object())
}

// Kind returns the kind of the object, KindString if the value is bytes.
func (r Ref) Kind() Kind {
	if r.rec.form() == formObject {
		return r.rec.object().kind()
	}
	return KindString
}

// Deadline returns the entry's deadline, 0 if it has none.
func (r Ref) Deadline() int64 { return r.rec.deadline() }

// Mark returns the entry's mark.
func (r Ref) Mark() uint8 { return r.rec.mark() }

// Touch notes now as the time of the last access, if the Dict tracks accesses.
// It does not count as a write: any number of readers may touch.
func (r Ref) Touch(now uint32) {
	// An atomic store waits for the cache line and everything before it; most
	// often nothing is new, and a load waits for nobody.
	if a := r.seg.accesses(); a != nil && atomic.LoadUint32(&a[r.slot]) != now {
		atomic.StoreUint32(&a[r.slot], now)
	}
}

// Touched returns what Touch noted last, 0 if nothing. Clones share the notes
// of entries that neither side has written near since.
func (r Ref) Touched() uint32 {
	if a := r.seg.accesses(); a != nil {
		return atomic.LoadUint32(&a[r.slot])
	}
	return 0
}
