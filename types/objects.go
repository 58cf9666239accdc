package types

import (
	"slices"
	"unsafe"
)

// objects are the collections that the records of a segment refer to.
//
// Databases hold small collections by the million, so an object takes one word
// here. The two an interface takes would be the kind once more: the record has
// room for that, beside the number. And whether a clone may read an object too
// is a bit instead of the word of an owner: all of them may when the segment was
// copied from a shared one, and from then on one after the other is replaced.
//
// The bits mean something only if the segment is its Dict's own. In a segment
// that is not, every object is foreign.
type objects struct {
	slab[unsafe.Pointer]
	foreign []uint64 // bit i: item i may be read by a clone; what is missing is 0
}

// An objectRef is what the record of an object has for a value: the number of
// the object in its segment and, in the top byte, its kind.
type objectRef uint32

const kindShift = 24

func (r objectRef) kind() Kind     { return Kind(r >> kindShift) }
func (r objectRef) number() uint32 { return uint32(r & (1<<kindShift - 1)) }

// put adds v and returns what to find it by.
func (o *objects) put(v Value, foreign bool) objectRef {
	k := v.Kind()
	return o.adopt(k, pointer(v), foreign)
}

// adopt is put for the parts of a value.
func (o *objects) adopt(k Kind, p unsafe.Pointer, foreign bool) objectRef {
	i := o.add(p)
	o.mark(i, foreign)
	return objectRef(i) | objectRef(k)<<kindShift
}

// get returns the object of r.
func (o *objects) get(r objectRef) Value { return valueAtPointer(r.kind(), o.items[r.number()]) }

// replace makes v, which nobody else reads, the object of r.
func (o *objects) replace(r objectRef, v Value) {
	o.items[r.number()] = pointer(v)
	o.mark(r.number(), false)
}

// isForeign reports whether item i may be read by a clone.
func (o *objects) isForeign(i uint32) bool {
	w := int(i / 64)
	return w < len(o.foreign) && o.foreign[w]>>(i%64)&1 != 0
}

func (o *objects) mark(i uint32, foreign bool) {
	w := int(i / 64)
	switch {
	case foreign:
		for len(o.foreign) <= w {
			o.foreign = append(o.foreign, 0)
		}
		o.foreign[w] |= 1 << (i % 64)
	case w < len(o.foreign):
		o.foreign[w] &^= 1 << (i % 64)
	}
}

// copy returns a copy in which all are foreign.
func (o *objects) copy() objects {
	c := objects{slab: o.slab.copy()}
	if n := len(c.items); n > 0 {
		c.foreign = slices.Repeat([]uint64{^uint64(0)}, (n+63)/64)
	}
	return c
}

func (o *objects) size() int { return o.slab.size() + cap(o.foreign)*8 }

// pointer returns v without its kind.
func pointer(v Value) unsafe.Pointer {
	switch v := v.(type) {
	case *List:
		return unsafe.Pointer(v)
	case *Set:
		return unsafe.Pointer(v)
	case *ZSet:
		return unsafe.Pointer(v)
	case *Hash:
		return unsafe.Pointer(v)
	}
	panic("BUG: a value of no kind")
}

// valueAtPointer returns the value of kind k at p; nil if p is.
func valueAtPointer(k Kind, p unsafe.Pointer) Value {
	if p == nil {
		return nil
	}
	switch k {
	case KindList:
		return (*List)(p)
	case KindSet:
		return (*Set)(p)
	case KindZSet:
		return (*ZSet)(p)
	case KindHash:
		return (*Hash)(p)
	}
	panic("BUG: an object of no kind")
}
