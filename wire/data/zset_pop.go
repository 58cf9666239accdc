package data

import (
	"math"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
)

// A side is one of the ends of a sorted set.
type side bool

const (
	lowest  side = false
	highest side = true
)

// pop removes up to n members from the side, after yielding each.
func (s side) pop(z *types.ZSet, n int, yield func(member []byte, score float64) bool) {
	n = min(n, z.Len())
	if s == lowest {
		z.Each(0, n, yield)
		z.RemoveRange(0, n)
		return
	}
	z.EachReverse(z.Len()-n, z.Len(), yield)
	z.RemoveRange(z.Len()-n, z.Len())
}

// zpop returns the handler of ZPOPMIN or ZPOPMAX.
func zpop(s side) func(*Call) error {
	return func(c *Call) error {
		key := c.Key()
		if c.Left() > 1 {
			return command.ErrSyntax
		}
		counted, n := c.More(), int64(1)
		if counted {
			n = c.IntIn(0, math.MaxInt64, command.ErrNotPositive)
		}
		if err := c.Done(); err != nil {
			return err
		}
		z, err := c.Tx.AlterZSet(key)
		if err != nil {
			return err
		}
		if z == nil || n == 0 {
			c.Reply.Array(0)
			return nil
		}
		if counted {
			w := memberWriter{c: c, scores: true}
			w.begin(int(min(n, int64(z.Len()))))
			s.pop(z, int(min(n, int64(z.Len()))), w.member)
			return nil
		}
		c.Reply.Array(2)
		s.pop(z, 1, func(member []byte, score float64) bool {
			c.Reply.Bulk(member)
			c.Reply.Double(score)
			return true
		})
		return nil
	}
}

// bzpop returns the handler of BZPOPMIN or BZPOPMAX.
func bzpop(s side) func(*Call) error {
	return func(c *Call) error {
		t := taker{kind: types.KindZSet}
		if err := t.parseKeys(c); err != nil {
			return err
		}
		key, z, err := first(c, t.keys, (*store.Tx).AlterZSet)
		if err != nil {
			return err
		}
		if z == nil {
			return t.nothing(c)
		}
		c.Reply.Array(3)
		c.Reply.BulkString(key)
		s.pop(z, 1, func(member []byte, score float64) bool {
			c.Reply.Bulk(member)
			c.Reply.Double(score)
			return true
		})
		return nil
	}
}

// takeSide takes MIN or MAX.
func takeSide(c *Call) side {
	if c.Option("MAX") {
		return highest
	}
	if !c.Option("MIN") {
		c.Fail(command.ErrSyntax)
	}
	return lowest
}

// zmpop returns the handler of ZMPOP or BZMPOP.
func zmpop(m mode) func(*Call) error {
	return func(c *Call) error {
		t, s := taker{kind: types.KindZSet}, lowest
		if err := t.parseCounted(c, m, func() { s = takeSide(c) }); err != nil {
			return err
		}
		key, z, err := first(c, t.keys, (*store.Tx).AlterZSet)
		if err != nil {
			return err
		}
		if z == nil {
			return t.nothing(c)
		}
		n := int(min(t.count, int64(z.Len())))
		c.Reply.Array(2)
		c.Reply.BulkString(key)
		c.Reply.Array(n)
		s.pop(z, n, func(member []byte, score float64) bool {
			c.Reply.Array(2)
			c.Reply.Bulk(member)
			c.Reply.Double(score)
			return true
		})
		return nil
	}
}
