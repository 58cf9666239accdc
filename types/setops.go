package types

import "slices"

// Inter calls yield, until it returns false, for each member that all sets
// have in common. It costs at most one look-up in each set for each member of
// the smallest, however large the others are. Sets may repeat; a nil one is
// empty. The bytes are valid until the next write to the smallest set.
func Inter(sets []*Set, yield func(member []byte) bool) {
	var room [8]*Set
	order := append(room[:0], sets...)
	slices.SortFunc(order, func(a, b *Set) int { return a.Len() - b.Len() })
	order = slices.Compact(order)
	if len(order) == 0 || order[0].Len() == 0 {
		return
	}
	eachProbe(order[0], func(p *probe) bool {
		for _, s := range order[1:] {
			if !p.in(s) {
				return true
			}
		}
		return yield(p.text())
	})
}

// Union calls yield, until it returns false, once for each member of any of
// the sets. Sets may repeat; a nil one is empty. The bytes are valid until the
// next write to any of them.
func Union(sets []*Set, yield func(member []byte) bool) {
	// A member of the i-th set is new if none before has it. Asking them all
	// is cheaper than noting members down as long as they are few.
	const few = 4
	var room [8]*Set
	order := append(room[:0], sets...)
	slices.SortStableFunc(order, func(a, b *Set) int { return b.Len() - a.Len() })
	order = slices.Compact(order)
	var rest *Set
	for i, s := range order {
		if i == few {
			rest = new(Set)
		}
		before, more := order[:min(i, few)], true
		eachProbe(s, func(p *probe) bool {
			if p.inAny(before) || i >= few && !rest.Add(text(p.text())) {
				return true
			}
			more = yield(p.text())
			return more
		})
		if !more {
			return
		}
	}
}

// Diff calls yield, until it returns false, for each member of the first set
// that none of the others has. Sets may repeat; a nil one is empty. The bytes
// are valid until the next write to the first set.
//
// Like Redis it takes the cheaper of two ways: to ask every other set about
// each member, or to gather the members of the others first (where Redis
// copies the first set and removes them) and ask once. The first costs
// len(first) look-ups for each of the others, the second one for each member
// of any set, those that gather being several times dearer.
func Diff(sets []*Set, yield func(member []byte) bool) {
	if len(sets) == 0 || sets[0].Len() == 0 {
		return
	}
	first := sets[0]
	if slices.Contains(sets[1:], first) {
		return
	}
	var room [8]*Set
	others, total := room[:0], 0
	for _, s := range sets[1:] {
		if s.Len() > 0 {
			others = append(others, s)
			total += s.Len()
		}
	}
	const dearer = 4
	if len(others) > 1 && first.Len()*(len(others)-1) > dearer*total {
		others = append(others[:0], gather(others))
	}
	// The largest is the likeliest to have a member.
	slices.SortFunc(others, func(a, b *Set) int { return b.Len() - a.Len() })
	eachProbe(first, func(p *probe) bool { return p.inAny(others) || yield(p.text()) })
}

// gather returns a new set with the members of all sets.
func gather(sets []*Set) *Set {
	all := new(Set)
	for _, s := range sets {
		s.Each(func(member []byte) bool {
			all.Add(text(member))
			return true
		})
	}
	return all
}

// A probe is one member on its way through several sets. What is worked out
// about it (the text, the integer that it spells, its hash) is worked out once,
// when the first set asks.
type probe struct {
	member []byte // nil: not spelled yet, but n is known
	n      int64
	parsed bool // isInt, and if that is true n, are known
	isInt  bool
	hashed bool
	sum    uint64
	texts  speller
}

// eachProbe calls yield for each member of s until it returns false, with a
// probe that is used again for the next.
func eachProbe(s *Set, yield func(p *probe) bool) {
	p := new(probe)
	if s.Len() == 0 || !s.shape().ints() {
		s.Each(func(member []byte) bool {
			p.member, p.parsed, p.hashed = member, false, false
			return yield(p)
		})
		return
	}
	p.parsed, p.isInt = true, true
	for i := range int(s.count) {
		p.member, p.n, p.hashed = nil, s.int(i), false
		if !yield(p) {
			return
		}
	}
}

func (p *probe) text() []byte {
	if p.member == nil {
		p.member = p.texts.spell(p.n)
	}
	return p.member
}

// in reports whether the member is in s.
func (p *probe) in(s *Set) bool {
	if s.Len() == 0 {
		return false
	}
	switch s.shape() {
	case asDict:
		if !p.hashed {
			p.sum, p.hashed = HashOf(text(p.text())), true
		}
		return s.dict().Find(p.sum, text(p.member)).OK()
	case asPack:
		return findPacked(s.bytes(), text(p.text()), 1) >= 0
	}
	if !p.parsed {
		p.n, p.isInt = ParseInt(p.member)
		p.parsed = true
	}
	if !p.isInt {
		return false
	}
	_, ok := s.findInt(p.n)
	return ok
}

// inAny reports whether the member is in one of sets.
func (p *probe) inAny(sets []*Set) bool {
	for _, s := range sets {
		if p.in(s) {
			return true
		}
	}
	return false
}
