package types

import (
	"fmt"
	"unsafe"
)

// A listTree is the form of a large list: leaves of packed elements, 8 KiB
// each. The first and the last leaf are held apart, so that pushes and pops
// touch nothing else; those in between hang in a B+tree whose branches know how
// many elements are below each kid. A leaf enters the tree when an end moves
// on to a fresh one, and leaves it when an end has used up its own.
//
// Copy-on-write: a node may be written by the tree whose owner token it
// carries, and by nobody else. clone gives both sides new tokens, after which
// neither owns a node; edit and its kin copy the nodes on their way down that
// they do not own. So whatever was reachable from a clone is never written to
// again, and may be read by another goroutine.
//
// Invariant: no leaf is empty; all leaves of the tree are height levels below
// the root; a leaf uses at most listLeaf bytes besides its largest element, and
// has a larger buffer only as long as it needs one.
type listTree struct {
	owner       *listOwner
	front, back *listNode // leaves; nil: none
	root        *listNode // nil: no leaves in between
	height      int       // of the root above the leaves
	inner       int       // elements below the root
	n           int       // elements in all
	bytes       int       // memory of all nodes, spare included
	pack        int       // size as a listpack, while there is one leaf only; 0: not known
	spare       *listNode // an emptied leaf of our own, to be used again
}

// A listOwner is a token: only its address matters, so it must have a size.
type listOwner struct{ _ byte }

// A listNode is a branch (with kids) or a leaf (with a chunk).
type listNode struct {
	owner *listOwner
	kids  []listKid
	chunk listChunk
}

type listKid struct {
	node *listNode
	n    int // elements below it
}

const (
	listLeaf = 8 << 10 // bytes of elements and table in a leaf
	listFan  = 63      // kids of a branch; one more for the moment before it splits

	listNodeSize   = int(unsafe.Sizeof(listNode{}))
	listBranchSize = listNodeSize + (listFan+1)*int(unsafe.Sizeof(listKid{}))
	listTreeSize   = int(unsafe.Sizeof(listTree{})) + 16 // and its token
)

func newListTree() *listTree { return &listTree{owner: new(listOwner)} }

func (t *listTree) clone() *listTree {
	c := *t
	if c.spare != nil {
		c.bytes -= c.spare.size()
		c.spare = nil
	}
	t.owner, c.owner = new(listOwner), new(listOwner)
	return &c
}

// own makes *nd writable by t.
func (t *listTree) own(nd **listNode) *listNode {
	old := *nd
	if old.owner == t.owner {
		return old
	}
	c := &listNode{owner: t.owner, chunk: old.chunk}
	if old.kids != nil {
		c.kids = append(make([]listKid, 0, listFan+1), old.kids...)
	} else {
		c.chunk.buf = append([]byte(nil), old.chunk.buf...)
		t.bytes += c.size() - old.size()
	}
	*nd = c
	return c
}

// size returns the memory a leaf takes.
func (nd *listNode) size() int { return listNodeSize + cap(nd.chunk.buf) }

// leaf returns a new leaf that holds c.
func (t *listTree) leaf(c listChunk) *listNode {
	nd := &listNode{owner: t.owner, chunk: c}
	t.bytes += nd.size()
	if t.n > 0 {
		t.pack = 0
	}
	return nd
}

// fresh returns an empty leaf with room for an element of k bytes. The leaves
// of a small tree begin small: half of 8 KiB lost would be much there.
func (t *listTree) fresh(k int, front bool) *listNode {
	size := max(1024, min(t.bytes/4, listLeaf))
	if k+2 > listLeaf/2 || k+2 > size {
		size = k + 2
	} else if nd := t.spare; nd != nil && k+2 <= len(nd.chunk.buf) {
		t.spare, nd.owner = nil, t.owner
		nd.chunk.reset(front)
		if t.n > 0 {
			t.pack = 0
		}
		return nd
	}
	return t.leaf(newListChunk(size, front))
}

// recycle takes back a leaf that is no longer in use. Its bytes stay readable
// until the next write.
func (t *listTree) recycle(nd *listNode) {
	if size := len(nd.chunk.buf); nd.owner == t.owner && t.spare == nil && size >= 1024 && size <= listLeaf {
		t.spare = nd
		return
	}
	t.bytes -= nd.size()
}

// resize runs f, which may give the chunk of nd another buffer, and keeps the
// account of memory.
func (t *listTree) resize(nd *listNode, f func(c *listChunk)) {
	before := nd.size()
	f(&nd.chunk)
	t.bytes += nd.size() - before
}

// slim gives back what a large element took, after it is gone or smaller.
// Otherwise others would fill it, and the leaf hold far too many.
func (t *listTree) slim(nd *listNode, front bool) {
	used := nd.chunk.used()
	if size := len(nd.chunk.buf); size <= listLeaf || size-used <= 2 {
		return
	}
	t.resize(nd, func(c *listChunk) { c.fit(max(listLeaf, used), front) })
}

// push adds elem at one end and returns the chunk it is in.
func (t *listTree) push(elem []byte, front bool) *listChunk {
	end := &t.back
	if front {
		end = &t.front
	}
	nd := *end
	if nd == nil || nd.owner != t.owner || !nd.chunk.push(elem, front) {
		nd = t.pushSlow(end, elem, front)
	}
	t.n++
	if t.pack > 0 {
		t.pack += elemSize(nd.chunk.end(front))
	}
	return &nd.chunk
}

func (t *listTree) pushSlow(end **listNode, elem []byte, front bool) *listNode {
	if nd := *end; nd != nil {
		nd = t.own(end)
		if nd.chunk.push(elem, front) {
			return nd
		}
		// Only if an eighth is free: moving a full leaf for each push is dear.
		if nd.chunk.used()+len(elem)+2 <= listLeaf-listLeaf/8 {
			var space [64]byte
			elem = nd.chunk.safe(elem, space[:0])
			t.resize(nd, func(c *listChunk) { c.reserve(len(elem), front, listLeaf) })
			nd.chunk.push(elem, front)
			return nd
		}
		t.sink(end)
	}
	nd := t.fresh(len(elem), front)
	nd.chunk.push(elem, front)
	*end = nd
	return nd
}

// sink moves an end leaf into the tree.
func (t *listTree) sink(end **listNode) {
	nd := *end
	*end = nil
	if used := nd.chunk.used(); len(nd.chunk.buf)-used > listLeaf/8 && nd.owner == t.owner {
		t.resize(nd, func(c *listChunk) { c.fit(used, false) })
	}
	var p listPath
	if t.root != nil {
		i := 0
		if end == &t.back {
			i = t.inner - 1
		}
		t.descend(i, &p)
	}
	t.addLeaf(&p, nd, end == &t.back)
}

// end returns the leaf that holds the first or the last element, taken out of
// the tree if it was there.
func (t *listTree) end(front bool) **listNode {
	end, other := &t.back, &t.front
	if front {
		end, other = other, end
	}
	switch {
	case *end != nil:
		return end
	case t.root == nil:
		return other
	}
	i := 0
	if !front {
		i = t.inner - 1
	}
	var p listPath
	t.descend(i, &p)
	*end = p.leaf()
	t.removeLeaf(&p)
	return end
}

// pop removes the element at one end and returns it, borrowed.
func (t *listTree) pop(front bool) []byte {
	end := t.end(front)
	nd := t.own(end)
	elem := nd.chunk.pop(front)
	t.n--
	if t.pack > 0 {
		t.pack -= elemSize(elem)
	}
	if nd.chunk.n == 0 {
		*end = nil
		t.recycle(nd)
	} else if len(nd.chunk.buf) > listLeaf {
		t.slim(nd, front)
	}
	return elem
}

// drop removes k elements at one end.
func (t *listTree) drop(k int, front bool) {
	t.pack = 0
	for k > 0 {
		end := t.end(front)
		nd := *end
		n := nd.chunk.len()
		if k < n {
			nd = t.own(end)
			if front {
				nd.chunk.cut(0, k)
			} else {
				nd.chunk.cut(n-k, n)
			}
			t.n -= k
			t.slim(nd, front)
			return
		}
		*end = nil
		t.recycle(nd)
		t.n -= n
		k -= n
	}
}

// find returns the chunk that holds element i, and which one of it that is.
func (t *listTree) find(i int) (*listChunk, int) {
	if f := t.front; f != nil {
		if i < f.chunk.len() {
			return &f.chunk, i
		}
		i -= f.chunk.len()
	}
	if i >= t.inner {
		return &t.back.chunk, i - t.inner
	}
	nd := t.root
	for range t.height {
		kid := nd.kids
		for i >= kid[0].n {
			i -= kid[0].n
			kid = kid[1:]
		}
		nd = kid[0].node
	}
	return &nd.chunk, i
}

// index returns the first element that equals elem, or -1.
func (t *listTree) index(elem []byte) int {
	for i := 0; i < t.n; {
		c, _ := t.find(i)
		if j := c.index(elem); j >= 0 {
			return i + j
		}
		i += c.len()
	}
	return -1
}

// A listPlace is an element on the way to be changed: its leaf is owned.
type listPlace struct {
	leaf *listNode
	i    int        // which of the leaf
	end  **listNode // if the leaf is an end; else path leads to it
	path listPath
}

// edit makes the leaf of element i writable and sets p to the element.
func (t *listTree) edit(i int, p *listPlace) {
	p.end = nil
	if t.front != nil {
		if n := t.front.chunk.len(); i < n {
			p.end = &t.front
		} else {
			i -= n
		}
	}
	if p.end == nil && i >= t.inner {
		p.end = &t.back
		i -= t.inner
	}
	if p.end != nil {
		p.leaf, p.i = t.own(p.end), i
		return
	}
	p.i = t.descend(i, &p.path)
	last := &p.path.steps[p.path.depth-1]
	p.leaf = t.own(&last.node.kids[last.kid].node)
}

// added corrects all counts after d elements were added to the leaf at p.
func (t *listTree) added(p *listPlace, d int) {
	t.n += d
	if p.end == nil {
		t.inner += d
		p.path.add(p.path.depth, d)
	}
}

// tidy is called when the leaf at p has become smaller, perhaps empty.
func (t *listTree) tidy(p *listPlace) {
	c := &p.leaf.chunk
	used := c.used()
	switch {
	case p.end != nil:
		if c.n == 0 {
			*p.end = nil
			t.recycle(p.leaf)
		} else {
			t.slim(p.leaf, p.end == &t.front)
		}
	case c.n == 0:
		t.removeLeaf(&p.path)
		t.recycle(p.leaf)
	case used < listLeaf/3 && t.join(p):
	case used < len(c.buf)/2:
		t.resize(p.leaf, (*listChunk).loosen)
	default:
		t.slim(p.leaf, false)
	}
}

// set replaces element i.
func (t *listTree) set(i int, elem []byte) {
	var p listPlace
	t.edit(i, &p)
	c := &p.leaf.chunk
	old := c.at(p.i)
	more := len(elem) - len(old)
	var space [64]byte
	if c.n > 1 && c.used()+more > listLeaf {
		elem = c.safe(elem, space[:0])
		c.cut(p.i, p.i+1)
		t.added(&p, -1)
		t.pack = 0
		t.slim(p.leaf, false)
		t.insert(i, elem)
		return
	}
	if t.pack > 0 {
		t.pack += elemSize(elem) - elemSize(old)
	}
	if more != 0 {
		elem = c.safe(elem, space[:0])
	}
	if more > 0 {
		t.resize(p.leaf, func(c *listChunk) { c.reserve(more, false, listLeaf) })
	}
	c.set(p.i, elem)
	if more < 0 {
		t.tidy(&p)
	}
}

// insert puts elem before element i; behind all if i is their number. elem
// must not lie in the list's own memory.
func (t *listTree) insert(i int, elem []byte) {
	if i == 0 || i == t.n {
		t.push(elem, i == 0)
		return
	}
	large := len(elem)+2 > listLeaf/2
	for {
		var p listPlace
		t.edit(i, &p)
		c := &p.leaf.chunk
		if c.used()+len(elem)+2 <= listLeaf {
			t.resize(p.leaf, func(c *listChunk) { c.reserve(len(elem), false, listLeaf) })
			c.insert(p.i, elem)
			t.added(&p, 1)
			if t.pack > 0 {
				t.pack += elemSize(elem)
			}
			return
		}
		if p.end != nil { // in the tree it may split
			t.sink(p.end)
			continue
		}
		at := p.i
		if !large && c.n > 1 {
			at = c.middle()
		}
		if at == 0 {
			nd := t.fresh(len(elem), false)
			nd.chunk.pushBack(elem)
			t.n++
			t.addLeaf(&p.path, nd, false)
			return
		}
		right := t.leaf(c.split(at))
		t.resize(p.leaf, (*listChunk).loosen)
		p.path.add(p.path.depth, -right.chunk.len())
		t.inner -= right.chunk.len()
		t.addLeaf(&p.path, right, true)
	}
}

// remove removes up to limit elements that equal elem, from the front or from
// the back, and returns how many. elem must not lie in the list's own memory.
func (t *listTree) remove(elem []byte, limit int, front bool) (removed int) {
	// What lies behind us holds no match, so it does no harm to see a part of
	// it again after leaves were joined.
	for done := 0; done < t.n && removed < limit; {
		i := done
		if !front {
			i = t.n - 1 - done
		}
		c, j := t.find(i)
		rest := c.len() - j
		if !front {
			rest = j + 1
		}
		if c.index(elem) < 0 {
			done += rest
			continue
		}
		skip := 0
		if !front {
			skip = max(0, c.count(elem)-(limit-removed))
		}
		var p listPlace
		t.edit(i, &p)
		k := p.leaf.chunk.filter(elem, skip, limit-removed)
		t.added(&p, -k)
		t.pack = 0
		removed += k
		done += rest - k
		t.tidy(&p)
	}
	return removed
}

// single returns the only leaf, or nil if there are more.
func (t *listTree) single() *listNode {
	switch {
	case t.root == nil && t.front == nil:
		return t.back
	case t.root == nil && t.back == nil:
		return t.front
	case t.front == nil && t.back == nil && t.height == 1 && len(t.root.kids) == 1:
		return t.root.kids[0].node
	}
	return nil
}

func (t *listTree) check() error {
	n, bytes := 0, 0
	leaf := func(nd *listNode) error {
		largest := 0
		nd.chunk.each(0, nd.chunk.len(), func(elem []byte) bool { largest = max(largest, len(elem)); return true })
		if c := &nd.chunk; c.n == 0 || c.used()-largest > listLeaf {
			return fmt.Errorf("list: a leaf of %d elements in %d bytes", c.n, c.used())
		}
		n += nd.chunk.len()
		if size := len(nd.chunk.buf); size > listLeaf && size-nd.chunk.used() > 2 {
			return fmt.Errorf("list: a leaf of %d bytes in %d", nd.chunk.used(), size)
		}
		bytes += nd.size()
		return nd.chunk.check()
	}
	var walk func(nd *listNode, height int) error
	walk = func(nd *listNode, height int) error {
		if height == 0 {
			return leaf(nd)
		}
		if len(nd.kids) == 0 || len(nd.kids) > listFan {
			return fmt.Errorf("list: a branch with %d kids", len(nd.kids))
		}
		bytes += listBranchSize
		for i, kid := range nd.kids {
			before := n
			if err := walk(kid.node, height-1); err != nil {
				return err
			}
			if n-before != kid.n {
				return fmt.Errorf("list: %d elements below kid %d, counted as %d", n-before, i, kid.n)
			}
		}
		return nil
	}
	if t.root != nil {
		if err := walk(t.root, t.height); err != nil {
			return err
		}
	}
	if n != t.inner {
		return fmt.Errorf("list: %d elements in the tree, counted as %d", n, t.inner)
	}
	for _, nd := range []*listNode{t.front, t.back} {
		if nd != nil {
			if err := leaf(nd); err != nil {
				return err
			}
		}
	}
	if t.spare != nil {
		bytes += t.spare.size()
	}
	switch only := t.single(); {
	case n != t.n:
		return fmt.Errorf("list: %d elements, counted as %d", n, t.n)
	case bytes != t.bytes:
		return fmt.Errorf("list: %d bytes, counted as %d", bytes, t.bytes)
	case t.pack > 0 && (only == nil || only.chunk.packed() != t.pack):
		return fmt.Errorf("list: the size as a listpack is not %d", t.pack)
	}
	return nil
}
