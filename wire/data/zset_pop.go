package data

import (
	"math"
	"time"

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
		z, err := c.Tx.ZSet(key)
		if err != nil {
			return err
		}
		if z == nil || n == 0 {
			c.Reply.Array(0)
			return nil
		}
		if z, err = c.Tx.EditZSet(key); err != nil {
			return err
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
		keys := c.Keys(c.Left() - 1)
		timeout := c.Timeout()
		if err := c.Done(); err != nil {
			return err
		}
		for _, key := range c.Ready(keys) {
			z, err := c.Tx.ZSet(key)
			if err != nil {
				return err
			}
			if z == nil {
				continue
			}
			if z, err = c.Tx.EditZSet(key); err != nil {
				return err
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
		return c.Wait(command.Wait{Kind: types.KindZSet, Keys: keys, Timeout: timeout})
	}
}

// zmpop returns the handler of ZMPOP or BZMPOP.
func zmpop(m mode) func(*Call) error {
	return func(c *Call) error {
		var timeoutArg []byte
		if m == blocking {
			timeoutArg = c.Bytes()
		}
		keys := c.Keys(int(c.IntIn(1, math.MaxInt64, command.Error("ERR numkeys should be greater than 0"))))
		s := lowest
		if c.Option("MAX") {
			s = highest
		} else if !c.Option("MIN") {
			c.Fail(command.ErrSyntax)
		}
		n := int64(1)
		for counted := false; c.More(); counted = true {
			if counted || !c.OptionWith("COUNT", 1) {
				return command.ErrSyntax
			}
			n = c.IntIn(1, math.MaxInt64, command.Error("ERR count should be greater than 0"))
		}
		var timeout time.Duration
		if m == blocking {
			timeout = c.TimeoutIn(timeoutArg)
		}
		if err := c.Done(); err != nil {
			return err
		}
		for _, key := range c.Ready(keys) {
			z, err := c.Tx.ZSet(key)
			if err != nil {
				return err
			}
			if z == nil {
				continue
			}
			if z, err = c.Tx.EditZSet(key); err != nil {
				return err
			}
			k := int(min(n, int64(z.Len())))
			c.Reply.Array(2)
			c.Reply.BulkString(key)
			c.Reply.Array(k)
			s.pop(z, k, func(member []byte, score float64) bool {
				c.Reply.Array(2)
				c.Reply.Bulk(member)
				c.Reply.Double(score)
				return true
			})
			return nil
		}
		if m == plain {
			c.Reply.NullArray()
			return nil
		}
		return c.Wait(command.Wait{Kind: types.KindZSet, Keys: keys, Timeout: timeout})
	}
}
