package types

import (
	"iter"
	"math/rand/v2"
	"strconv"
	"unsafe"
)

// A Set is a set of members, strings of bytes. The zero value is an empty set
// ready to use; a nil one reads as empty.
//
// A small set (see Limits) is a sorted array of integers while all members
// are spelled as such, otherwise a pack in the order of addition. Once it has
// outgrown either it is a Dict, and stays one until it is empty.
//
// Byte slices that a Set hands out must not be written to and are valid until
// its next write. What it is given it copies.
type Set struct {
	body
}

// Kind returns KindSet.
func (s *Set) Kind() Kind { return KindSet }

// Len returns the number of members.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.len()
}

// Size returns the bytes of memory s takes, within 10 %.
func (s *Set) Size() int {
	if s == nil {
		return 0
	}
	return int(unsafe.Sizeof(*s)) + s.size()
}

// Encoding returns "intset", "listpack" or "hashtable".
func (s *Set) Encoding() string {
	switch {
	case s == nil || s.shape() == asPack:
		return "listpack"
	case s.shape() == asDict:
		return "hashtable"
	}
	return "intset"
}

// Has reports whether member is in s.
func (s *Set) Has(member string) bool {
	switch {
	case s == nil:
		return false
	case s.shape() == asDict:
		return s.dict().Find(HashOf(member), member).OK()
	case s.shape() == asPack:
		return findPacked(s.bytes(), member, 1) >= 0
	}
	n, ok := ParseInt(raw(member))
	if ok {
		_, ok = s.findInt(n)
	}
	return ok
}

// Add puts member into s and reports whether it was not there before.
func (s *Set) Add(member string) bool {
	if !s.add(member) {
		return false
	}
	s.recorder().Note(OpSetAdd, 0, 0, member, "")
	return true
}

func (s *Set) add(member string) bool {
	switch {
	case s.shape() == asDict:
		return s.addToDict(member)
	case s.shape() == asPack && s.count > 0:
		return s.addToPack(member)
	}
	n, ok := ParseInt(raw(member))
	switch {
	case ok && (s.count > 0 || s.recorder().limits().SetInts > 0):
		return s.addInt(n, member)
	case s.count > 0:
		s.spell()
		return s.add(member)
	}
	return s.addToPack(member)
}

func (s *Set) addInt(n int64, member string) bool {
	i, found := s.findInt(n)
	if found {
		return false
	}
	if int(s.count) < s.recorder().limits().SetInts && s.insertInt(i, n) {
		return true
	}
	s.spread()
	return s.addToDict(member)
}

func (s *Set) addToDict(member string) bool {
	return s.dict().Insert(HashOf(member), member, nil)
}

func (s *Set) addToPack(member string) bool {
	p := s.bytes()
	if findPacked(p, member, 1) >= 0 {
		return false
	}
	limits, size := s.recorder().limits(), packedSize(len(member))
	if int(s.count) >= limits.SetEntries || len(member) > min(limits.SetValue, maxPacked) || !s.fits(size) {
		s.spread()
		return s.addToDict(member)
	}
	at := len(p)
	putPacked(s.splice(at, 0, size)[at:], member)
	s.count++
	return true
}

// spread turns a pack or integers into a Dict.
func (s *Set) spread() {
	d := new(Dict)
	s.Each(func(member []byte) bool {
		d.Put(HashOf(text(member)), text(member), nil, 0, 0)
		return true
	})
	s.replace(bodyOf(d))
}

// spell turns integers into a pack, or into a Dict if they are too many or too
// long for one.
func (s *Set) spell() {
	limits, size := s.recorder().limits(), 0
	for i := range int(s.count) {
		n := spelledSize(s.int(i))
		if n > limits.SetValue {
			size = maxBody // as good as too long
		}
		size += packedSize(n)
	}
	if int(s.count) >= limits.SetEntries || size > maxBody {
		s.spread()
		return
	}
	packed := body{count: s.count}
	p := packed.alloc(size)
	s.Each(func(member []byte) bool {
		p = putPacked(p, text(member))
		return true
	})
	s.replace(packed)
}

// Remove takes member out of s and reports whether it was there.
func (s *Set) Remove(member string) bool {
	if !s.remove(member) {
		return false
	}
	s.removed(member)
	return true
}

func (s *Set) remove(member string) bool {
	if s.shape() == asDict {
		return s.dict().Delete(HashOf(member), member)
	}
	if s.shape() == asPack {
		i := findPacked(s.bytes(), member, 1)
		if i >= 0 {
			s.cut(i)
		}
		return i >= 0
	}
	n, ok := ParseInt(raw(member))
	if !ok {
		return false
	}
	i, ok := s.findInt(n)
	if ok {
		s.removeInt(i)
	}
	return ok
}

// cut takes the member at offset i out of a pack.
func (s *Set) cut(i int) {
	s.splice(i, skipPacked(s.bytes(), i, 1)-i, 0)
	s.count--
}

// removed follows the removal of member.
func (s *Set) removed(member string) {
	if s.len() == 0 {
		s.replace(body{}) // an emptied set is like a new one
	}
	s.recorder().Note(OpSetRemove, 0, 0, member, "")
}

// Pop removes one of the members, each being equally likely, and returns it.
// The bytes are the caller's to keep. ok is false if s is empty.
//
// It is small enough to be inlined, so that the bytes live on the stack of a
// caller that does not let them escape. (Members longer than the buffer are
// allocated. Handing out the bytes the member had inside s was the other way;
// they do not outlive the removal in every shape.)
func (s *Set) Pop(r *rand.Rand) (member []byte, ok bool) {
	var buf [64]byte
	return s.pop(r, buf[:0])
}

func (s *Set) pop(r *rand.Rand, buf []byte) (member []byte, ok bool) {
	if s.Len() == 0 {
		return nil, false
	}
	switch s.shape() {
	case asDict:
		buf = append(buf, s.dict().Random(r).Key()...)
		s.dict().Delete(HashOf(text(buf)), text(buf))
	case asPack:
		i := skipPacked(s.bytes(), 0, r.IntN(int(s.count)))
		m, _ := packedAt(s.bytes(), i)
		buf = append(buf, m...)
		s.cut(i)
	default:
		i := r.IntN(int(s.count))
		buf = strconv.AppendInt(buf, s.int(i), 10)
		s.removeInt(i)
	}
	s.removed(text(buf))
	return buf, true
}

// Random returns one of the members, each being equally likely, or nil if s is
// empty. Like Pop it is inlined, for the text of integers.
func (s *Set) Random(r *rand.Rand) []byte {
	var buf [20]byte
	return s.random(r, buf[:0])
}

func (s *Set) random(r *rand.Rand, buf []byte) []byte {
	if s.Len() == 0 {
		return nil
	}
	switch s.shape() {
	case asDict:
		return s.dict().Random(r).Key()
	case asPack:
		p := s.bytes()
		member, _ := packedAt(p, skipPacked(p, 0, r.IntN(int(s.count))))
		return member
	}
	return strconv.AppendInt(buf, s.int(r.IntN(int(s.count))), 10)
}

// Each calls yield for each member until it returns false. s must not be
// written to meanwhile.
func (s *Set) Each(yield func(member []byte) bool) {
	if s == nil {
		return
	}
	switch s.shape() {
	case asDict:
		for ref := range s.dict().All() {
			if !yield(ref.Key()) {
				return
			}
		}
	case asPack:
		for p, i := s.bytes(), 0; i < len(p); {
			var member []byte
			if member, i = packedAt(p, i); !yield(member) {
				return
			}
		}
	default:
		var numbers speller
		for i := range int(s.count) {
			if !yield(numbers.spell(s.int(i))) {
				return
			}
		}
	}
}

// All returns an iterator over the members as they are when it starts: s may
// be written to meanwhile. The strings are copies.
func (s *Set) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		from := s
		if s != nil && s.recorder() != nil {
			from = Clone(s).(*Set)
		}
		from.Each(func(member []byte) bool { return yield(string(member)) })
	}
}

// Scan calls yield for about count members and returns the cursor at which to
// go on; 0 begins and 0 is the end. Every member that is there throughout the
// scan is yielded, some perhaps more than once. A small set is yielded whole.
// s must not be written to meanwhile.
func (s *Set) Scan(cursor uint64, count int, yield func(member []byte)) uint64 {
	if s != nil && s.shape() == asDict {
		return s.dict().Scan(cursor, count, func(ref Ref) { yield(ref.Key()) })
	}
	s.Each(func(member []byte) bool {
		yield(member)
		return true
	})
	return 0
}

// Apply makes the change that e describes: OpSetAdd of a member that is not
// there, or OpSetRemove of one that is. Anything else is ErrEffect.
func (s *Set) Apply(e Effect) error {
	if e.Op == OpSetAdd && s.Add(text(e.A)) || e.Op == OpSetRemove && s.Remove(text(e.A)) {
		return nil
	}
	return ErrEffect
}

func (s *Set) clone() Value { return &Set{body: s.body.clone()} }

func (s *Set) check() error { return s.body.check(1) }
