package types

import "math"

// Add gives member the score as far as rule allows. It reports whether member
// was added, or was there and its score changed; neither if nothing changed. A
// score that is NaN changes nothing.
func (z *ZSet) Add(member string, score float64, rule ZRule) (added, changed bool) {
	if math.IsNaN(score) {
		return false, false
	}
	h := z.hash(member)
	old, ok := z.lookup(h, member)
	if !ok {
		if rule&ZExisting != 0 {
			return false, false
		}
		z.add(h, member, score)
		return true, false
	}
	if rule.forbids(old, score) || old == score {
		return false, false
	}
	z.rescore(h, member, old, score)
	return false, true
}

// Incr adds by to the score of member, which is 0 if it is not there, and
// returns the new score. ok is false if rule forbids the change. ErrNaN says
// that the sum is not a number: the infinities of both signs were added.
func (z *ZSet) Incr(member string, by float64, rule ZRule) (score float64, ok bool, err error) {
	if math.IsNaN(by) {
		return 0, false, ErrNaN
	}
	h := z.hash(member)
	old, ok := z.lookup(h, member)
	if !ok {
		if rule&ZExisting != 0 {
			return 0, false, nil
		}
		z.add(h, member, by)
		return by, true, nil
	}
	if rule&ZNew != 0 {
		return 0, false, nil
	}
	score = old + by
	if math.IsNaN(score) {
		return 0, false, ErrNaN
	}
	if rule.forbids(old, score) {
		return 0, false, nil
	}
	if old != score {
		z.rescore(h, member, old, score)
	}
	return score, true, nil
}

// forbids reports whether r keeps a member from changing its score so.
func (r ZRule) forbids(old, score float64) bool {
	return r&ZNew != 0 || r&ZGreater != 0 && score <= old || r&ZLess != 0 && score >= old
}

// hash returns the hash of member if z needs it.
func (z *ZSet) hash(member string) uint64 {
	if z.large() == nil {
		return 0
	}
	return HashOf(member)
}

func (z *ZSet) lookup(h uint64, member string) (float64, bool) {
	if z.large() != nil {
		return z.large().score(h, member)
	}
	e := z.pack().find(member)
	return e.score, e.end > 0
}

// add adds a member that is not there yet.
func (z *ZSet) add(h uint64, member string, score float64) {
	if z.large() == nil {
		if l := z.recorder().limits(); int(z.count) < l.ZSetEntries && len(member) <= l.ZSetValue && z.fits(len(member)+maxZhead) {
			z.insert(score, member)
			z.recorder().Note(OpZAdd, int64(math.Float64bits(score)), 0, member, "")
			return
		}
		z.grow()
		h = HashOf(member)
	}
	z.large().insert(h, member, score)
	z.recorder().Note(OpZAdd, int64(math.Float64bits(score)), 0, member, "")
}

// insert adds a member that is not there to a small set.
func (z *ZSet) insert(score float64, member string) {
	off := z.pack().place(score, member)
	var buf [maxZhead]byte
	head := appendZhead(buf[:0], score, len(member))
	p := z.splice(off, 0, len(head)+len(member))[off:]
	copy(p[copy(p, head):], member)
	z.count++
}

// cut removes the n members in the bytes from ≤ i < to of a small set.
func (z *ZSet) cut(from, to, n int) {
	z.splice(from, to-from, 0)
	z.count -= uint16(n)
}

// grow turns a small set into a large one.
func (z *ZSet) grow() {
	large := &zlarge{dict: new(Dict)}
	z.pack().each(0, int(z.count), func(member []byte, score float64) bool {
		large.insert(HashOf(text(member)), text(member), score)
		return true
	})
	z.replace(bodyOfTree(large))
}

// rescore changes the score of a member that is there.
func (z *ZSet) rescore(h uint64, member string, old, score float64) {
	if z.large() == nil && !z.fits(maxZhead) { // the score may take more bytes than before
		z.grow()
		h = HashOf(member)
	}
	if l := z.large(); l != nil {
		l.update(h, member, old, score)
	} else {
		e := z.pack().find(member)
		z.cut(e.start, e.end, 1)
		z.insert(score, member)
	}
	z.recorder().Note(OpZAdd, int64(math.Float64bits(score)), 0, member, "")
}

// Remove removes member and reports whether it was there.
func (z *ZSet) Remove(member string) bool {
	if z.large() == nil {
		e := z.pack().find(member)
		if e.end == 0 {
			return false
		}
		z.cut(e.start, e.end, 1)
	} else {
		h := HashOf(member)
		score, ok := z.large().score(h, member)
		if !ok {
			return false
		}
		z.large().dict.Delete(h, member)
		z.large().tree.remove(score, member)
		z.shrink()
	}
	z.recorder().Note(OpZRemove, 0, 0, member, "")
	return true
}

// RemoveRange removes the members lo ≤ rank < hi and returns how many they
// were. Ranks that do not exist are left out. It costs O(log n) in the tree
// and one deletion in the table for each member.
func (z *ZSet) RemoveRange(lo, hi int) int {
	lo, hi = max(lo, 0), min(hi, z.Len())
	if lo >= hi {
		return 0
	}
	switch {
	case z.large() == nil:
		from := z.pack().at(lo)
		to := z.pack().at(hi)
		z.cut(from.start, to.start, hi-lo)
	case hi-lo == z.Len():
		z.replace(body{})
	default:
		l := z.large()
		l.tree.root.each(lo, hi, func(member []byte, _ float64) bool {
			name := text(member)
			if len(name) > zInline {
				l.tree.long -= zLongSize(name)
			}
			l.dict.Delete(HashOf(name), name)
			return true
		})
		l.tree.removeRange(lo, hi)
		l.warm(lo)
	}
	z.recorder().Note(OpZRemoveRange, int64(lo), int64(hi), "", "")
	return hi - lo
}

// warm prepares the next removal at one end of the set, from which members have
// just gone if lo, their rank, says so: who pops one will pop the next, and
// that one's entry lies anywhere in memory.
func (l *zlarge) warm(lo int) {
	const ahead = 2 // the next one's record, and the group of the one after it
	n := l.dict.Len()
	if n < ahead || lo != 0 && lo != n {
		return
	}
	next := lo == 0
	from := max(0, lo-ahead)
	l.tree.root.each(from, from+ahead, func(member []byte, _ float64) bool {
		if h := HashOf(text(member)); next {
			l.dict.WarmRecord(h)
		} else {
			l.dict.Warm(h)
		}
		next = !next
		return true
	})
}

// shrink makes a large set that is empty a small one.
func (z *ZSet) shrink() {
	if z.large().dict.Len() == 0 {
		z.replace(body{})
	}
}

// Apply makes the change that e describes: OpZAdd, OpZRemove or
// OpZRemoveRange.
func (z *ZSet) Apply(e Effect) error {
	switch e.Op {
	case OpZAdd:
		score := math.Float64frombits(uint64(e.N))
		if math.IsNaN(score) {
			return ErrEffect
		}
		z.Add(text(e.A), score, 0)
		return nil
	case OpZRemove:
		if z.Remove(text(e.A)) {
			return nil
		}
	case OpZRemoveRange:
		if 0 <= e.N && e.N < e.M && e.M <= int64(z.Len()) {
			z.RemoveRange(int(e.N), int(e.M))
			return nil
		}
	}
	return ErrEffect
}
