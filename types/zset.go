package types

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"unsafe"
)

// A ZMember is a member of a sorted set with its score.
type ZMember struct {
	Name  string
	Score float64
}

// A ZRule restricts what ZSet.Add and ZSet.Incr may do. Rules are combined
// with |; 0 is no restriction. ZGreater and ZLess do not keep a new member out.
type ZRule uint8

const (
	ZNew      ZRule = 1 << iota // only add new members
	ZExisting                   // only change members that are there
	ZGreater                    // only change a score to a greater one
	ZLess                       // only change a score to a lesser one
)

// A ZSet is a set of members, each with a score, ordered by score and then by
// the bytes of the name. Ranks count from 0 in that order. A score may be
// infinite but is never NaN; 0 and -0 are equal, and the one that came first
// is kept.
//
// The zero value is an empty set ready to use; a nil *ZSet reads as empty. A
// member given as []byte or yielded as such belongs to the set and is valid
// until its next write; it must not be handed back to a writing method.
//
// Small sets are one piece of bytes (zpack), large ones a Dict from member to
// score beside a tree in order (ztree). A set that has become large stays so
// until it is empty.
type ZSet struct {
	body
}

// A zlarge is what a large set is made of.
//
// Invariant: dict and tree hold the same members with the same scores.
type zlarge struct {
	dict *Dict // member -> its score, see encode
	tree ztree
	word [8]byte // a score on its way into dict
}

// large returns what a large set is made of; nil if z is small.
func (z *ZSet) large() *zlarge {
	if z.shape() != asTree {
		return nil
	}
	return (*zlarge)(z.memory())
}

// pack returns the entries of a small set.
func (z *ZSet) pack() zpack { return z.bytes() }

// Kind returns KindZSet.
func (z *ZSet) Kind() Kind { return KindZSet }

// Len returns the number of members.
func (z *ZSet) Len() int {
	if z == nil {
		return 0
	}
	if l := z.large(); l != nil {
		return l.dict.Len()
	}
	return int(z.count)
}

// Size returns the bytes of memory the set takes.
func (z *ZSet) Size() int {
	if z == nil {
		return 0
	}
	size := int(unsafe.Sizeof(*z))
	if l := z.large(); l != nil {
		const counter = 16 // as the allocator rounds it
		return size + int(unsafe.Sizeof(*l)) + counter + l.dict.Size() + l.tree.size()
	}
	return size + int(z.room)
}

// Encoding returns "listpack" for a small set and "skiplist" for a large one.
func (z *ZSet) Encoding() string {
	if z != nil && z.shape() == asTree {
		return "skiplist"
	}
	return "listpack"
}

// Score returns the score of member, and whether it is there.
func (z *ZSet) Score(member string) (score float64, ok bool) {
	if z == nil {
		return 0, false
	}
	if z.large() != nil {
		return z.large().score(HashOf(member), member)
	}
	e := z.pack().find(member)
	return e.score, e.end > 0
}

// Rank returns how many members come before member, and its score. ok is false
// if it is not there. O(log n).
func (z *ZSet) Rank(member string) (rank int, score float64, ok bool) {
	if z == nil {
		return 0, 0, false
	}
	if z.large() == nil {
		e := z.pack().find(member)
		return e.rank, e.score, e.end > 0
	}
	if score, ok = z.large().score(HashOf(member), member); !ok {
		return 0, 0, false
	}
	if rank, ok = z.large().tree.rank(score, member); !ok {
		panic("BUG: a member of a sorted set is not in its tree")
	}
	return rank, score, true
}

// At returns the member of that rank. ok is false if rank is negative or there
// are not that many. O(log n).
func (z *ZSet) At(rank int) (member []byte, score float64, ok bool) {
	if rank < 0 || rank >= z.Len() {
		return nil, 0, false
	}
	if z.large() == nil {
		e := z.pack().at(rank)
		return e.name, e.score, true
	}
	k, i := z.large().tree.at(rank)
	return k.name(i), k.leaf.score(i), true
}

// Seek returns how many members have a score below score, or, if after is set,
// not above it: the rank at which a range of scores begins or ends. O(log n).
func (z *ZSet) Seek(score float64, after bool) int {
	if z == nil {
		return 0
	}
	if z.large() != nil {
		return z.large().tree.seek(score, after)
	}
	rank, _ := z.pack().seek(func(s float64, _ []byte) bool {
		return s < score || after && s == score
	})
	return rank
}

// SeekLex returns how many members sort by name before member, or, if after is
// set, not after it. It is meant for sets whose scores are all equal; in others
// it looks among the members with the least score only. O(log n).
func (z *ZSet) SeekLex(member string, after bool) int {
	_, score, ok := z.At(0)
	if !ok {
		return 0
	}
	if z.large() == nil {
		rank, _ := z.pack().seek(func(s float64, name []byte) bool {
			return s == score && (text(name) < member || after && text(name) == member)
		})
		return rank
	}
	rank, found := z.large().tree.rank(score, member)
	if found && after {
		rank++
	}
	return rank
}

// Each yields the members lo ≤ rank < hi in order until yield returns false.
// Ranks that do not exist are left out. yield must not write to z.
func (z *ZSet) Each(lo, hi int, yield func(member []byte, score float64) bool) {
	lo, hi = max(lo, 0), min(hi, z.Len())
	switch {
	case lo >= hi:
	case z.large() != nil:
		z.large().tree.root.each(lo, hi, yield)
	default:
		z.pack().each(lo, hi, yield)
	}
}

// EachReverse is Each in the opposite order, from hi-1 down to lo.
func (z *ZSet) EachReverse(lo, hi int, yield func(member []byte, score float64) bool) {
	lo, hi = max(lo, 0), min(hi, z.Len())
	switch {
	case lo >= hi:
	case z.large() != nil:
		z.large().tree.root.eachReverse(lo, hi, yield)
	default:
		z.pack().eachReverse(lo, hi, yield)
	}
}

// Ascend yields the members in order with their ranks. If z is being edited,
// it yields those that were there at the beginning, and the loop may write to
// z.
func (z *ZSet) Ascend() iter.Seq2[int, ZMember] {
	return func(yield func(int, ZMember) bool) {
		rank := 0
		z.still().Each(0, z.Len(), func(member []byte, score float64) bool {
			rank++
			return yield(rank-1, ZMember{string(member), score})
		})
	}
}

// Descend is Ascend in the opposite order. Ranks count from the last member.
func (z *ZSet) Descend() iter.Seq2[int, ZMember] {
	return func(yield func(int, ZMember) bool) {
		rank := 0
		z.still().EachReverse(0, z.Len(), func(member []byte, score float64) bool {
			rank++
			return yield(rank-1, ZMember{string(member), score})
		})
	}
}

// still returns z, or a clone of it if z is being edited.
func (z *ZSet) still() *ZSet {
	if z == nil || z.recorder() == nil {
		return z
	}
	return z.clone().(*ZSet)
}

// Scan yields some members, about count of a large set and all of a small one,
// and returns the cursor to go on with, which is 0 at the end. To begin it is
// given 0. Whoever goes on until 0 has seen every member that was there all the
// time, and perhaps some twice. yield must not write to z.
func (z *ZSet) Scan(cursor uint64, count int, yield func(member []byte, score float64)) uint64 {
	if z == nil {
		return 0
	}
	if z.large() != nil {
		return z.large().dict.Scan(cursor, count, func(r Ref) { yield(r.Key(), zscore(r.Value())) })
	}
	z.Each(0, z.Len(), func(member []byte, score float64) bool {
		yield(member, score)
		return true
	})
	return 0
}

// Random returns a member, each with the same probability; nil if z is empty.
func (z *ZSet) Random(r *rand.Rand) (member []byte, score float64) {
	if z.Len() == 0 {
		return nil, 0
	}
	member, score, _ = z.At(r.IntN(z.Len()))
	return member, score
}

// encode returns score as it stands in the dict, good until the next call: most
// scores are whole numbers, which take 4 bytes if they fit, others take 8.
func (l *zlarge) encode(score float64) []byte {
	if n := int32(score); float64(n) == score && (n != 0 || !math.Signbit(score)) {
		binary.LittleEndian.PutUint32(l.word[:], uint32(n))
		return l.word[:4]
	}
	binary.LittleEndian.PutUint64(l.word[:], math.Float64bits(score))
	return l.word[:]
}

// zscore decodes a score as it stands in the dict.
func zscore(b []byte) float64 {
	if len(b) == 4 {
		return float64(int32(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

func (l *zlarge) score(h uint64, member string) (float64, bool) {
	r := l.dict.Find(h, member)
	if !r.OK() {
		return 0, false
	}
	return zscore(r.Value()), true
}

// insert adds a member that is not there yet.
func (l *zlarge) insert(h uint64, member string, score float64) {
	l.dict.Add(h, member, l.encode(score), 0, 0)
	l.tree.insert(score, owned(member))
}

// update changes the score of a member that is there.
func (l *zlarge) update(h uint64, member string, old, score float64) {
	l.tree.move(old, score, member)
	l.dict.Put(h, member, l.encode(score), 0, 0)
}

func (z *ZSet) clone() Value {
	if z == nil {
		return (*ZSet)(nil)
	}
	l := z.large()
	if l == nil {
		return &ZSet{z.body.clone()}
	}
	return &ZSet{bodyOfTree(&zlarge{dict: l.dict.Clone(), tree: l.tree.clone()})}
}

// bodyOfTree returns a body that is l.
func bodyOfTree(l *zlarge) body { return body{ptr: unsafe.Pointer(l), how: asTree} }

func (z *ZSet) check() error {
	if z == nil {
		return nil
	}
	if err := z.checkState(); err != nil {
		return err
	}
	l := z.large()
	if l == nil {
		return z.pack().check(int(z.count))
	}
	if z.Len() == 0 {
		return errors.New("an empty sorted set is not small")
	}
	if err := l.tree.check(); err != nil {
		return err
	}
	if n := l.tree.len(); n != z.Len() {
		return fmt.Errorf("%d members in the tree, %d in the dict", n, z.Len())
	}
	var err error
	z.Each(0, z.Len(), func(member []byte, score float64) bool {
		s, ok := l.score(HashOf(text(member)), text(member))
		if !ok || math.Float64bits(s) != math.Float64bits(score) {
			err = fmt.Errorf("member %q has score %v in the tree, %v (%v) in the dict", member, score, s, ok)
		}
		return err == nil
	})
	return err
}
