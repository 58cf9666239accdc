package types

import (
	"errors"
	"fmt"
	"math"
)

// check returns the first broken invariant of p, which has count entries.
func (p zpack) check(count int) error {
	n := 0
	var last zentry
	for off := 0; off < len(p); n++ {
		e := p.entry(off, n)
		if math.IsNaN(e.score) {
			return fmt.Errorf("score of %q is not a number", e.name)
		}
		if n > 0 && !zless(last.score, last.name, e.score, e.name) {
			return fmt.Errorf("%v %q comes after %v %q", e.score, e.name, last.score, last.name)
		}
		last, off = e, e.end
	}
	if n != count {
		return fmt.Errorf("%d members are said to be %d", n, count)
	}
	return nil
}

// zless reports whether the first of two members sorts before the second.
func zless(s1 float64, n1 []byte, s2 float64, n2 []byte) bool {
	return s1 < s2 || s1 == s2 && text(n1) < text(n2)
}

// A zcensus is what check has counted on its way through a tree.
type zcensus struct {
	nodes, leaves, long, members int
	last                         zkid // the last leaf seen
}

// check returns the first broken invariant of t.
func (t *ztree) check() error {
	if t.root == nil {
		if t.nodes != 0 || t.leaves != 0 || t.long != 0 {
			return fmt.Errorf("an empty tree claims %d nodes, %d leaves, %d bytes", t.nodes, t.leaves, t.long)
		}
		return nil
	}
	var c zcensus
	if t.root.n == 1 && t.root.kid[0].node != nil {
		return errors.New("the root has one node only")
	}
	if _, err := t.root.check(&c); err != nil {
		return err
	}
	if c.nodes != t.nodes || c.leaves != t.leaves || c.long != t.long {
		return fmt.Errorf("%d nodes, %d leaves, %d bytes outside are said to be %d, %d, %d",
			c.nodes, c.leaves, c.long, t.nodes, t.leaves, t.long)
	}
	return nil
}

// check checks everything below n and returns its height.
func (n *znode) check(c *zcensus) (height int, err error) {
	c.nodes++
	if n.n < 1 || n.n > zFan {
		return 0, fmt.Errorf("a node has %d kids", n.n)
	}
	for i := range n.n {
		k := &n.kid[i]
		before, h := c.members, 0
		if k.node != nil {
			first := &k.node.kid[0]
			if first.leaf != k.leaf || first.long != k.long {
				return 0, errors.New("a node knows the wrong first leaf of its kid")
			}
			h, err = k.node.check(c)
		} else {
			err = k.check(c)
		}
		if err != nil {
			return 0, err
		}
		if i > 0 && h+1 != height {
			return 0, fmt.Errorf("leaves at depths %d and %d", h, height-1)
		}
		height = h + 1
		if got := c.members - before; got != int(n.count[i]) || got == 0 {
			return 0, fmt.Errorf("a kid has %d members, its node says %d", got, n.count[i])
		}
		if n.score[i] != k.leaf.score(0) {
			return 0, fmt.Errorf("a kid begins at %v, its node says %v", k.leaf.score(0), n.score[i])
		}
	}
	return height, nil
}

// check checks one leaf and that it follows the one before.
func (k *zkid) check(c *zcensus) error {
	l := k.leaf
	c.leaves++
	c.members += int(l.n)
	if int(l.n)*zSlot > int(l.low) {
		return errors.New("the slots of a leaf run into its records")
	}
	records := 0
	for i := range int(l.n) {
		records += l.record(l.place(i))
		name := k.name(i)
		if len(name) > zInline {
			c.long += zLongSize(text(name))
		}
		before, j := k, i-1
		if i == 0 {
			if before, j = &c.last, -1; before.leaf != nil {
				j = int(before.leaf.n) - 1
			}
		}
		if j >= 0 && !zless(before.leaf.score(j), before.name(j), l.score(i), name) {
			return fmt.Errorf("%v %q comes after %v %q", l.score(i), name, before.leaf.score(j), before.name(j))
		}
	}
	if want := zBody - int(l.low) - int(l.dead); records != want {
		return fmt.Errorf("a leaf has %d bytes of records, and says %d", records, want)
	}
	c.last = *k
	return nil
}
