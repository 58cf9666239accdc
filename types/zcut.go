package types

// Removal from a ztree, and what keeps it dense.

// remove removes a member that is there.
func (t *ztree) remove(score float64, name string) {
	var p zpath
	k := t.down(&p, score, name)
	t.removeAt(&p, k, k.search(score, name))
}

// removeAt removes member i of the leaf to which p leads.
func (t *ztree) removeAt(p *zpath, k *zkid, i int) {
	if name := k.name(i); len(name) > zInline {
		t.long -= zLongSize(text(name))
	}
	k.drop(i, i+1)
	p.up(i == 0, -1)
	for d := p.depth - 1; d >= 0; d-- {
		if !t.tidy(p.step[d].n, p.step[d].i) {
			return
		}
		for up := d - 1; up >= 0 && p.step[up+1].n.n > 0; up-- {
			p.step[up].n.renew(p.step[up].i)
		}
	}
	t.lower()
}

// move gives a member that is there another score. It stays in its leaf if it
// still belongs there.
func (t *ztree) move(old, score float64, name string) {
	var p zpath
	k := t.down(&p, old, name)
	at, to := k.search(old, name), k.search(score, name)
	if score > old {
		to--
	}
	if t.stays(&p, k, old, to, score, name) {
		k.leaf.shift(at, to, score)
		p.up(at == 0 || to == 0, 0)
		return
	}
	if len(name) > zInline {
		name = text(k.name(at)) // the copy we keep, and go on keeping
	}
	t.removeAt(&p, k, at)
	t.insert(score, name)
}

// stays reports whether a member of the leaf to which p leads belongs in the
// same leaf with another score, which would make it the to-th.
func (t *ztree) stays(p *zpath, k *zkid, old float64, to int, score float64, name string) bool {
	s := &p.step[p.depth-1]
	if score > old {
		if to < int(k.leaf.n)-1 {
			return true
		}
		if s.i+1 == s.n.n {
			return p.edge() > 0
		}
		next := s.n.score[s.i+1]
		return score < next || score == next && name < text(s.n.kid[s.i+1].name(0))
	}
	if to > 0 || s.i == 0 && p.first() {
		return true
	}
	if s.i == 0 {
		return false
	}
	last := &s.n.kid[s.i-1]
	return last.search(score, name) == int(last.leaf.n)
}

// first reports whether p leads to the first leaf.
func (p *zpath) first() bool {
	for _, s := range p.step[:p.depth] {
		if s.i != 0 {
			return false
		}
	}
	return true
}

// tidy removes kid i of n if it is empty, and joins it with a neighbour if it
// holds little and they fit together. It reports whether n has lost a kid.
func (t *ztree) tidy(n *znode, i int) bool {
	if n.count[i] == 0 {
		t.forget(&n.kid[i])
		n.close(i, i+1)
		return true
	}
	k := &n.kid[i]
	fill, few, most := k.fill()
	if fill >= few {
		return false
	}
	for _, left := range [2]int{i - 1, i} {
		if left < 0 || left+1 >= n.n {
			continue
		}
		a, _, _ := n.kid[left].fill()
		b, _, _ := n.kid[left+1].fill()
		if a+b <= most {
			t.join(n, left)
			return true
		}
	}
	return false
}

// fill returns how much a kid holds, below how much it is joined with another,
// and how much the two may then hold.
func (k *zkid) fill() (fill, few, most int) {
	if k.node != nil {
		return k.node.n, zFan / 4, zFan * 3 / 4
	}
	return k.leaf.live(), zBody / 3, zBody * 7 / 8
}

// join moves what is in kid i+1 of n to the end of kid i.
func (t *ztree) join(n *znode, i int) {
	left, right := &n.kid[i], &n.kid[i+1]
	n.count[i] += n.count[i+1]
	if left.node == nil {
		t.editLeaf(left)
		left.take(right, 0)
		t.leaves--
		n.close(i+1, i+2)
		return
	}
	left.node = t.edit(left.node)
	seam := left.node.n
	left.node.take(right.node, 0)
	t.nodes--
	n.close(i+1, i+2)
	// What meets at the seam had no neighbour there until now.
	t.tidy(left.node, seam)
	t.tidy(left.node, seam-1)
	n.renew(i)
}

// forget takes what hangs at k out of the books.
func (t *ztree) forget(k *zkid) {
	if k.node == nil {
		t.leaves--
		return
	}
	t.nodes--
	for i := range k.node.n {
		t.forget(&k.node.kid[i])
	}
}

// lower takes away roots that have become needless.
func (t *ztree) lower() {
	for t.root.n == 1 && t.root.kid[0].node != nil {
		t.root = t.root.kid[0].node
		t.nodes--
	}
	if t.root.n == 0 {
		t.root = nil
		t.nodes--
	}
}

// removeRange removes the members lo ≤ rank < hi, which must exist, in
// O(log n) and a little for every leaf that goes.
func (t *ztree) removeRange(lo, hi int) {
	if lo >= hi {
		return
	}
	t.root = t.edit(t.root)
	t.cut(t.root, lo, hi)
	t.lower()
}

// cut removes the members lo ≤ rank < hi below n, which is t's own. n may be
// left without kids.
func (t *ztree) cut(n *znode, lo, hi int) {
	i, from := n.at(lo)
	gone, end := i, i // the kids to close
	for left := hi - lo; left > 0; i++ {
		count := int(n.count[i])
		to := min(count, from+left)
		if from == 0 && to == count {
			t.forget(&n.kid[i])
			end = i + 1
		} else {
			t.trim(n, i, from, to)
			if left == hi-lo && to == count { // the first one keeps its front
				gone, end = i+1, i+1
			}
		}
		left -= to - from
		from = 0
	}
	n.close(gone, end)
	for i := min(gone+1, n.n-1); i >= max(gone-1, 0); i-- {
		if i < n.n {
			t.tidy(n, i)
		}
	}
}

// trim removes some, but not all, of the members below kid i of n.
func (t *ztree) trim(n *znode, i, from, to int) {
	k := &n.kid[i]
	n.count[i] -= uint32(to - from)
	if k.node == nil {
		t.editLeaf(k)
		k.drop(from, to)
	} else {
		k.node = t.edit(k.node)
		t.cut(k.node, from, to)
	}
	n.renew(i)
}
