package types

import (
	"slices"
	"sync/atomic"
)

const (
	zFan   = 63 // kids of a node; with them it fills its size class of 2304 bytes
	zDepth = 12 // more levels than a tree can have
)

// A ztree holds the members of a sorted set ordered by score, then by name. It
// is a B+tree that knows how many members there are below each kid, so finding
// a rank, and finding what has a rank, is one walk down.
//
// # Shape
//
// All leaves are at one depth. Above them are nodes; the lowest nodes, whose
// kids are leaves, are called twigs here. The root is a node even if there is
// only one leaf; it is nil if there is none. A kid's least score stands in its
// node; names do not. If scores are equal the names are compared with the
// first name in the kid's first leaf, to which every node has a direct
// pointer, so it is one step away from everywhere.
//
// A leaf that overflows first hands members to a neighbour with a quarter free,
// which keeps leaves 80 % full instead of 69 % under random inserts. Else it is
// split in the middle, but one at an edge of the tree stays full and gets an
// almost empty neighbour: members added in ascending or descending order fill
// the leaves completely.
//
// A leaf that falls below a third is joined with a neighbour under the same
// twig if the two fill at most 7/8 of a leaf, a node below a quarter if the two
// fill at most 3/4. There is no borrowing: a neighbour with more to give is
// more than half full, so space stays bounded without it.
//
// # Copy on write
//
// Every node and leaf carries the number of the tree that made it, and only
// that tree writes to it. A clone and the tree it was taken from both get new
// numbers, so from then on each copies what it touches, once. The numbers come
// from a counter that a tree shares with all its clones. Numbers and not
// pointers to tokens keep the leaves free of pointers.
//
// # Invariant
//
// Members are in order. For each kid: score, leaf and long are those of its
// first member, count is the number of its members and not 0. nodes, leaves
// and long are the sums over the whole tree.
type ztree struct {
	root   *znode
	own    uint64
	last   *atomic.Uint64 // the last number given to a tree of this family
	nodes  int
	leaves int
	long   int // bytes of members kept outside the leaves
}

// A znode is an inner node. The arrays are parallel.
type znode struct {
	own   uint64
	n     int
	score [zFan]float64
	count [zFan]uint32
	kid   [zFan]zkid
}

// A zkid is what hangs from a node: another node or, if that is nil, a leaf.
// In the first case leaf and long are the first leaf below the node.
type zkid struct {
	node *znode
	leaf *zleaf
	long *zlong // nil if the leaf has no long members
}

// A zpath is the way from the root to a leaf: in each step a node and the
// number of one of its kids.
type zpath struct {
	step   [zDepth]zstep
	depth  int
	copied bool // the leaf is a new copy, so pointers to it are stale
}

type zstep struct {
	n *znode
	i int
}

const zNodeSize = 2304 // what the allocator takes for a znode

// size returns the bytes of memory of the tree.
func (t *ztree) size() int { return t.nodes*zNodeSize + t.leaves*zLeafSize + t.long }

func (t *ztree) len() int {
	if t.root == nil {
		return 0
	}
	return t.root.total()
}

// clone returns a tree of the same members in O(1).
func (t *ztree) clone() ztree {
	c := *t
	if t.root != nil {
		t.own = t.last.Add(1)
		c.own = t.last.Add(1)
	}
	return c
}

// total returns the number of members below n.
func (n *znode) total() int {
	sum := uint32(0)
	for _, c := range n.count[:n.n] {
		sum += c
	}
	return int(sum)
}

// find returns the number of the kid to which score and name belong: the last
// one that does not begin after them.
func (n *znode) find(score float64, name string) int {
	lo, hi := 1, n.n
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if s := n.score[mid]; s < score || s == score && text(n.kid[mid].name(0)) <= name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// seek returns how many members below n sort before score and name, or, if
// after is set, how many have a score up to score, whatever their name.
func (t *ztree) seek(score float64, after bool) int {
	rank := 0
	for n := t.root; n != nil; {
		lo, hi := 1, n.n
		for lo < hi {
			mid := int(uint(lo+hi) / 2)
			if s := n.score[mid]; s < score || after && s == score {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		rank += n.before(lo - 1)
		k := &n.kid[lo-1]
		if k.node == nil {
			return rank + k.leaf.seek(score, after)
		}
		n = k.node
	}
	return rank
}

// seek returns how many scores are below score, or, if after is set, not above.
func (l *zleaf) seek(score float64, after bool) int {
	lo, hi := 0, int(l.n)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if s := l.score(mid); s < score || after && s == score {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// before returns the number of members below the kids before i.
func (n *znode) before(i int) int {
	sum := uint32(0)
	for _, c := range n.count[:i] {
		sum += c
	}
	return int(sum)
}

// rank returns how many members sort before score and name, and whether a
// member of that score and name is there.
func (t *ztree) rank(score float64, name string) (rank int, found bool) {
	n := t.root
	for n != nil {
		i := n.find(score, name)
		rank += n.before(i)
		k := &n.kid[i]
		if k.node == nil {
			at := k.search(score, name)
			found = at < int(k.leaf.n) && k.leaf.score(at) == score && text(k.name(at)) == name
			return rank + at, found
		}
		n = k.node
	}
	return 0, false
}

// at returns the leaf with the member of that rank and its number there. The
// rank must exist.
func (t *ztree) at(rank int) (*zkid, int) {
	n := t.root
	for {
		i, left := n.at(rank)
		k := &n.kid[i]
		if k.node == nil {
			return k, left
		}
		n, rank = k.node, left
	}
}

// at returns the kid in which rank lies and the rank inside that kid.
func (n *znode) at(rank int) (kid, left int) {
	for i, c := range n.count[:n.n] {
		if rank < int(c) {
			return i, rank
		}
		rank -= int(c)
	}
	panic("BUG: no such rank in a sorted set")
}

// each yields the members lo ≤ rank < hi below n until yield returns false.
func (n *znode) each(lo, hi int, yield func(member []byte, score float64) bool) bool {
	if lo >= hi {
		return true
	}
	i, from := n.at(lo)
	for left := hi - lo; left > 0; i++ {
		to := min(int(n.count[i]), from+left)
		if k := &n.kid[i]; k.node != nil {
			if !k.node.each(from, to, yield) {
				return false
			}
		} else {
			for j := from; j < to; j++ {
				if !yield(k.name(j), k.leaf.score(j)) {
					return false
				}
			}
		}
		left -= to - from
		from = 0
	}
	return true
}

// eachReverse is each from hi-1 down to lo.
func (n *znode) eachReverse(lo, hi int, yield func(member []byte, score float64) bool) bool {
	if lo >= hi {
		return true
	}
	i, to := n.at(hi - 1)
	to++
	for left := hi - lo; left > 0; i-- {
		from := max(0, to-left)
		if k := &n.kid[i]; k.node != nil {
			if !k.node.eachReverse(from, to, yield) {
				return false
			}
		} else {
			for j := to - 1; j >= from; j-- {
				if !yield(k.name(j), k.leaf.score(j)) {
					return false
				}
			}
		}
		left -= to - from
		if i > 0 {
			to = int(n.count[i-1])
		}
	}
	return true
}

// edit returns n, or a copy of it, that t may write to.
func (t *ztree) edit(n *znode) *znode {
	if n.own == t.own {
		return n
	}
	c := *n
	c.own = t.own
	return &c
}

// editLeaf makes k's leaf one that t may write to. It reports whether it had to
// be copied.
func (t *ztree) editLeaf(k *zkid) bool {
	if k.leaf.own == t.own {
		return false
	}
	c := *k.leaf
	c.own = t.own
	k.leaf = &c
	if k.long != nil {
		long := slices.Clone(*k.long)
		k.long = &long
	}
	return true
}

// down walks to the leaf where score and name belong and makes everything on
// the way t's own.
func (t *ztree) down(p *zpath, score float64, name string) *zkid {
	t.root = t.edit(t.root)
	for n := t.root; ; {
		i := n.find(score, name)
		p.step[p.depth] = zstep{n, i}
		p.depth++
		k := &n.kid[i]
		if k.node == nil {
			p.copied = t.editLeaf(k)
			return k
		}
		k.node = t.edit(k.node)
		n = k.node
	}
}

// up adds delta to the counts along p. If first is set, or the leaf was copied,
// it renews what the nodes know of their first member.
func (p *zpath) up(first bool, delta int) {
	first = first || p.copied
	for d := p.depth - 1; d >= 0; d-- {
		s := &p.step[d]
		s.n.count[s.i] += uint32(delta)
		if first {
			s.n.renew(s.i)
			first = s.i == 0
		}
	}
}

// renew sets what n knows of the first member of kid i.
func (n *znode) renew(i int) {
	k := &n.kid[i]
	if c := k.node; c != nil {
		n.score[i], k.leaf, k.long = c.score[0], c.kid[0].leaf, c.kid[0].long
		return
	}
	n.score[i] = k.leaf.score(0)
}

// edge returns 1 if p leads to the last leaf of the tree, -1 if to the first
// one and 0 otherwise. A lone leaf is the last one.
func (p *zpath) edge() int {
	first, last := true, true
	for _, s := range p.step[:p.depth] {
		first = first && s.i == 0
		last = last && s.i == s.n.n-1
	}
	switch {
	case last:
		return 1
	case first:
		return -1
	}
	return 0
}

// insert adds a member that is not there yet. A long name is kept as it is.
func (t *ztree) insert(score float64, name string) {
	if len(name) > zInline {
		t.long += zLongSize(name)
	}
	if t.root == nil {
		t.plant()
	}
	t.place(score, name)
}

// place finds the leaf for a new member and makes room for it.
func (t *ztree) place(score float64, name string) {
	var p zpath
	k := t.down(&p, score, name)
	at := k.search(score, name)
	if k.put(at, score, name) {
		p.up(at == 0, 1)
		return
	}
	edge := p.edge()
	if edge > 0 && at < int(k.leaf.n) || edge < 0 && at > 0 {
		edge = 0
	}
	if edge == 0 && t.share(&p) {
		t.place(score, name) // perhaps in the neighbour now; this time there is room
		return
	}
	right := t.split(k, edge, at, score, name)
	p.up(true, 1)
	t.hang(&p, right, edge)
}

// share lets the full leaf to which p leads hand members to a neighbour under
// the same twig that has a quarter free. It reports whether it found one.
func (t *ztree) share(p *zpath) bool {
	s := &p.step[p.depth-1]
	n := s.n
	for _, left := range [2]int{s.i - 1, s.i} {
		if left < 0 || left+1 >= n.n {
			continue
		}
		a, b := &n.kid[left], &n.kid[left+1]
		if a.leaf.live()+b.leaf.live() > zBody*7/4 {
			continue
		}
		t.editLeaf(a)
		t.editLeaf(b)
		moved := even(a, b)
		n.count[left], n.count[left+1] = uint32(a.leaf.n), uint32(b.leaf.n)
		n.renew(left)
		n.renew(left + 1)
		p.copied = true
		for d := p.depth - 2; d >= 0; d-- {
			p.step[d].n.renew(p.step[d].i)
		}
		if moved {
			return true
		}
	}
	return false
}

// plant gives an empty tree its first leaf, still without a member.
func (t *ztree) plant() {
	if t.last == nil {
		t.last = new(atomic.Uint64)
		t.own = t.last.Add(1)
	}
	t.root = &znode{own: t.own, n: 1}
	t.root.kid[0].leaf = newZleaf(t.own)
	t.nodes, t.leaves = 1, 1
}

// split splits the full leaf k for a new member that belongs at place at, and
// puts that in one of the two. It returns the right one; k is the left one. At
// an edge of the tree the new member gets a leaf for itself.
func (t *ztree) split(k *zkid, edge, at int, score float64, name string) zkid {
	right := zkid{leaf: newZleaf(t.own)}
	t.leaves++
	into := &right
	switch {
	case edge > 0:
		at = 0
	case edge < 0:
		*k, right = right, *k
		into = k
	default:
		m := k.half()
		right.take(k, m)
		k.drop(m, int(k.leaf.n))
		if at < m {
			into = k
		} else {
			at -= m
		}
	}
	if !into.put(at, score, name) {
		panic("BUG: no room in half a leaf of a sorted set")
	}
	return right
}

// hang adds a leaf after the one to which p leads, and splits the nodes that
// are full. The counts along p include the members of kid already.
func (t *ztree) hang(p *zpath, kid zkid, edge int) {
	count := uint32(kid.leaf.n)
	for d := p.depth - 1; ; d-- {
		n, i := p.step[d].n, p.step[d].i+1
		n.count[i-1] -= count
		if n.n < zFan {
			n.open(i, kid, count)
			return
		}
		m := zFan / 2
		switch {
		case edge > 0:
			m = zFan
		case edge < 0:
			m = 1
		}
		right := &znode{own: t.own}
		t.nodes++
		right.take(n, m)
		if i >= m {
			right.open(i-m, kid, count)
		} else {
			n.open(i, kid, count)
		}
		kid, count = zkid{node: right}, uint32(right.total())
		if d == 0 {
			t.root = &znode{own: t.own}
			t.nodes++
			t.root.open(0, zkid{node: n}, uint32(n.total()))
			t.root.open(1, kid, count)
			return
		}
	}
}

// open inserts a kid at i.
func (n *znode) open(i int, kid zkid, count uint32) {
	copy(n.score[i+1:n.n+1], n.score[i:n.n])
	copy(n.count[i+1:n.n+1], n.count[i:n.n])
	copy(n.kid[i+1:n.n+1], n.kid[i:n.n])
	n.n++
	n.kid[i], n.count[i] = kid, count
	n.renew(i)
}

// close removes the kids lo ≤ i < hi.
func (n *znode) close(lo, hi int) {
	copy(n.score[lo:], n.score[hi:n.n])
	copy(n.count[lo:], n.count[hi:n.n])
	copy(n.kid[lo:], n.kid[hi:n.n])
	n.n -= hi - lo
	clear(n.kid[n.n : n.n+hi-lo])
}

// take moves the kids of other from m on to the end of n.
func (n *znode) take(other *znode, m int) {
	copy(n.score[n.n:], other.score[m:other.n])
	copy(n.count[n.n:], other.count[m:other.n])
	copy(n.kid[n.n:], other.kid[m:other.n])
	n.n += other.n - m
	if n.own == other.own {
		clear(other.kid[m:other.n])
		other.n = m
	}
}

func zLongSize(name string) int { return 16 + roundUp(len(name)) }

// roundUp returns about what the allocator takes for n bytes.
func roundUp(n int) int { return (n + n/16 + 15) &^ 15 }
