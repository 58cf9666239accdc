package types

import "slices"

// A listPath is the way from the root to a leaf of the tree. All branches on
// it are owned.
type listPath struct {
	steps [10]struct { // 63^10 leaves are more than there are bytes
		node *listNode
		kid  int
	}
	depth int
}

func (p *listPath) leaf() *listNode {
	last := &p.steps[p.depth-1]
	return last.node.kids[last.kid].node
}

// add adds d to the counts on the first depth steps.
func (p *listPath) add(depth, d int) {
	for k := range depth {
		s := &p.steps[k]
		s.node.kids[s.kid].n += d
	}
}

// descend sets p to the way to element i of the tree and returns which one of
// its leaf that is.
func (t *listTree) descend(i int, p *listPath) int {
	at := &t.root
	p.depth = t.height
	for d := range t.height {
		nd := t.own(at)
		k := 0
		for i >= nd.kids[k].n {
			i -= nd.kids[k].n
			k++
		}
		p.steps[d].node, p.steps[d].kid = nd, k
		at = &nd.kids[k].node
	}
	return i
}

func (t *listTree) branch() *listNode {
	t.bytes += listBranchSize
	return &listNode{owner: t.owner, kids: make([]listKid, 0, listFan+1)}
}

// addLeaf hangs a leaf into the tree, next to the one p leads to, or as the
// first one.
func (t *listTree) addLeaf(p *listPath, leaf *listNode, after bool) {
	t.pack = 0
	n := leaf.chunk.len()
	t.inner += n
	if t.root == nil {
		t.root, t.height = t.branch(), 1
		t.root.kids = append(t.root.kids, listKid{leaf, n})
		return
	}
	add := listKid{leaf, n}
	p.add(p.depth-1, n)
	for d := p.depth - 1; ; d-- {
		nd, at := p.steps[d].node, p.steps[d].kid
		if after || d < p.depth-1 {
			at++
		}
		nd.kids = slices.Insert(nd.kids, at, add)
		if len(nd.kids) <= listFan {
			return
		}
		add = t.divide(nd, at)
		if d == 0 {
			root := t.branch()
			root.kids = append(root.kids, listKid{nd, t.inner - add.n}, add)
			t.root, t.height = root, t.height+1
			return
		}
		p.add(d, -add.n)
		p.add(d-1, add.n)
	}
}

// divide moves kids of nd to a new branch on its right: half of them, or all
// but what pushes at one end will never touch again.
func (t *listTree) divide(nd *listNode, at int) listKid {
	cut := len(nd.kids) / 2
	switch at {
	case 0:
		cut = 1
	case len(nd.kids) - 1:
		cut = at
	}
	right := t.branch()
	right.kids = append(right.kids, nd.kids[cut:]...)
	clear(nd.kids[cut:])
	nd.kids = nd.kids[:cut]
	n := 0
	for _, kid := range right.kids {
		n += kid.n
	}
	return listKid{right, n}
}

// removeLeaf takes the leaf p leads to out of the tree.
func (t *listTree) removeLeaf(p *listPath) {
	last := &p.steps[p.depth-1]
	n := last.node.kids[last.kid].n
	t.inner -= n
	p.add(p.depth, -n)
	t.removeKid(p, p.depth-1)
}

// removeKid removes the kid that step d of p leads to, then branches that this
// leaves without kids, and levels of the tree that this leaves without choice.
func (t *listTree) removeKid(p *listPath, d int) {
	for ; ; d-- {
		nd, k := p.steps[d].node, p.steps[d].kid
		nd.kids = slices.Delete(nd.kids, k, k+1)
		if len(nd.kids) > 0 {
			break
		}
		t.bytes -= listBranchSize
		if d == 0 {
			t.root, t.height = nil, 0
			return
		}
	}
	for ; d > 0; d-- {
		t.joinBranches(&p.steps[d-1].node.kids, p.steps[d-1].kid)
	}
	for t.height > 1 && len(t.root.kids) == 1 {
		t.bytes -= listBranchSize
		t.root, t.height = t.root.kids[0].node, t.height-1
	}
}

// joinBranches joins branch k with the one on its left if both have become
// small.
func (t *listTree) joinBranches(kids *[]listKid, k int) {
	if k == 0 || len((*kids)[k].node.kids)+len((*kids)[k-1].node.kids) > listFan/2 {
		return
	}
	left := t.own(&(*kids)[k-1].node)
	left.kids = append(left.kids, (*kids)[k].node.kids...)
	(*kids)[k-1].n += (*kids)[k].n
	*kids = slices.Delete(*kids, k, k+1)
	t.bytes -= listBranchSize
}

// join joins the leaf at p with the one on its left, if that leaves room, and
// reports whether it did.
func (t *listTree) join(p *listPlace) bool {
	step := &p.path.steps[p.path.depth-1]
	kids, k := step.node.kids, step.kid
	if k == 0 || kids[k-1].node.chunk.used()+p.leaf.chunk.used() > listLeaf*3/4 {
		return false
	}
	left := t.own(&kids[k-1].node)
	t.resize(left, func(c *listChunk) { c.join(&p.leaf.chunk) })
	kids[k-1].n += kids[k].n
	t.recycle(p.leaf)
	t.removeKid(&p.path, p.path.depth-1)
	return true
}
