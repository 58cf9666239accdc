package data

import (
	"bytes"
	"errors"
	"strconv"

	"redstart/types"
	"redstart/wire/command"
)

// A by says what the bounds of a range are.
type by uint8

const (
	byAny by = iota // what the options say: ranks, if nothing
	byRank
	byScore
	byLex
)

// A rangeKind is what the name of a range command fixes. With byAny the
// options REV, BYSCORE and BYLEX are open.
type rangeKind struct {
	by      by
	reverse bool
}

var anyRange = rangeKind{by: byAny}

// A span of ranks, lo ≤ rank < hi.
type ranks struct{ lo, hi int }

func (r ranks) len() int { return max(0, r.hi-r.lo) }

// A bound is one end of a range, as a client writes it.
type bound struct {
	rank  int64
	score float64
	lex   string
	open  bool // without the bound itself
	edge  int8 // of names: -1 before all, 1 after all
}

// parseBounds reads the two bounds of a range.
func parseBounds(b by, lo, hi []byte) (min, max bound, err error) {
	if min, err = parseBound(b, lo); err != nil {
		return
	}
	max, err = parseBound(b, hi)
	return
}

func parseBound(b by, arg []byte) (x bound, err error) {
	switch b {
	case byScore:
		if len(arg) > 0 && arg[0] == '(' {
			x.open, arg = true, arg[1:]
		}
		var ok bool
		if x.score, ok = looseFloat(arg); !ok {
			return x, command.Error("ERR min or max is not a float")
		}
	case byLex:
		bad := command.Error("ERR min or max not valid string range item")
		switch {
		case len(arg) == 1 && arg[0] == '-':
			x.edge = -1
		case len(arg) == 1 && arg[0] == '+':
			x.edge = 1
		case len(arg) > 0 && (arg[0] == '(' || arg[0] == '['):
			x.open, x.lex = arg[0] == '(', command.Text(arg[1:])
		default:
			return x, bad
		}
	default:
		var ok bool
		if x.rank, ok = types.ParseInt(arg); !ok {
			return x, command.ErrNotInteger
		}
	}
	return x, nil
}

// looseFloat reads a score as the strtod of C does, as Redis reads bounds: up
// to a zero byte, with space in front, nothing at all for 0, and infinity or 0 for what is beyond
// the range of a double.
func looseFloat(b []byte) (f float64, ok bool) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 {
		return 0, true
	}
	if f, err := types.ParseFloat(b); err == nil {
		return f, true
	}
	b = bytes.TrimLeft(b, " \t\n\v\f\r")
	if f, err := types.ParseFloat(b); err == nil {
		return f, true
	}
	f, err := strconv.ParseFloat(command.Text(b), 64)
	return f, (err == nil || errors.Is(err, strconv.ErrRange)) && f == f && !bytes.ContainsRune(b, '_')
}

// seek returns the ranks of z between two bounds.
func seek(z *types.ZSet, b by, min, max bound) (r ranks) {
	switch b {
	case byScore:
		return ranks{z.Seek(min.score, min.open), z.Seek(max.score, !max.open)}
	case byLex:
		return ranks{seekLex(z, min, min.open), seekLex(z, max, !max.open)}
	}
	from, n := span(min.rank, max.rank, z.Len())
	return ranks{from, from + n}
}

func seekLex(z *types.ZSet, x bound, after bool) int {
	switch x.edge {
	case -1:
		return 0
	case 1:
		return z.Len()
	}
	return z.SeekLex(x.lex, after)
}

// A request is a parsed range command.
type request struct {
	by            by
	reverse       bool
	min, max      bound
	withScores    bool
	limited       bool
	offset, count int64
}

// parse takes the bounds and the options. storing is for ZRANGESTORE, which
// shows no scores.
func (q *request) parse(c *Call, kind rangeKind, storing bool) error {
	lo, hi := c.Bytes(), c.Bytes()
	q.by, q.reverse, q.count = kind.by, kind.reverse, -1
	for c.More() {
		switch {
		case !storing && c.Option("WITHSCORES"):
			q.withScores = true
		case c.OptionWith("LIMIT", 2):
			q.limited = true
			q.offset, q.count = c.Int(), c.Int()
		case kind.by == byAny && !q.reverse && c.Option("REV"):
			q.reverse = true
		case q.by == byAny && c.Option("BYLEX"):
			q.by = byLex
		case q.by == byAny && c.Option("BYSCORE"):
			q.by = byScore
		default:
			c.Fail(command.ErrSyntax)
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	if q.by == byAny {
		q.by = byRank
	}
	switch {
	case q.limited && q.count != -1 && q.by == byRank: // a LIMIT without a limit is none
		return command.Error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
	case q.withScores && q.by == byLex:
		return command.Error("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
	}
	if q.reverse && q.by != byRank {
		lo, hi = hi, lo
	}
	var err error
	q.min, q.max, err = parseBounds(q.by, lo, hi)
	return err
}

// find returns the ranks asked for.
func (q *request) find(z *types.ZSet) ranks {
	r := seek(z, q.by, q.min, q.max)
	if q.reverse && q.by == byRank { // counted from the top
		r = ranks{z.Len() - r.hi, z.Len() - r.lo}
	}
	if !q.limited || q.by == byRank || r.len() == 0 {
		return r
	}
	if q.offset < 0 || q.offset >= int64(r.len()) {
		return ranks{}
	}
	if q.reverse {
		r.hi -= int(q.offset)
		if q.count >= 0 && q.count < int64(r.len()) {
			r.lo = r.hi - int(q.count)
		}
		return r
	}
	r.lo += int(q.offset)
	if q.count >= 0 && q.count < int64(r.len()) {
		r.hi = r.lo + int(q.count)
	}
	return r
}

// each yields the members of r in the order asked for.
func (q *request) each(z *types.ZSet, r ranks, yield func(member []byte, score float64) bool) {
	switch {
	case r.len() == 0:
	case q.reverse:
		z.EachReverse(r.lo, r.hi, yield)
	default:
		z.Each(r.lo, r.hi, yield)
	}
}

// zrange returns the handler of ZRANGE and of its older kin.
func zrange(kind rangeKind) func(*Call) error {
	return func(c *Call) error {
		key := c.Key()
		var q request
		if err := q.parse(c, kind, false); err != nil {
			return err
		}
		z, err := c.Tx.ZSet(key)
		if err != nil {
			return err
		}
		r := q.find(z)
		c.Still(r.len(), z.Size()/max(z.Len(), 1)*r.len(), func() { z = clone(z) })
		w := memberWriter{c: c, scores: q.withScores}
		w.begin(r.len())
		q.each(z, r, w.member)
		return nil
	}
}

func zrangestore(c *Call) error {
	dst, src := c.Key(), c.Key()
	var q request
	if err := q.parse(c, anyRange, true); err != nil {
		return err
	}
	z, err := c.Tx.ZSet(src)
	if err != nil {
		return err
	}
	var result types.ZSet
	r := q.find(z)
	c.Heavy(r.len())
	q.each(z, r, func(member []byte, score float64) bool {
		result.Add(command.Text(member), score, 0)
		return true
	})
	return storeZSet(c, dst, &result)
}

// storeZSet makes dst a copy of z, or nothing if z is empty, and replies with
// the number of members.
func storeZSet(c *Call, dst string, z *types.ZSet) error {
	if _, err := c.Tx.Delete(dst); err != nil {
		return err
	}
	if z.Len() > 0 {
		to, err := c.Tx.EditZSet(dst)
		if err != nil {
			return err
		}
		z.Each(0, z.Len(), func(member []byte, score float64) bool {
			to.Add(command.Text(member), score+0, 0) // see zadd
			return true
		})
	}
	c.Reply.Int(int64(z.Len()))
	return nil
}

// zcount returns the handler of ZCOUNT or ZLEXCOUNT.
func zcount(b by) func(*Call) error {
	return func(c *Call) error {
		key := c.Key()
		min, max, err := parseBounds(b, c.Bytes(), c.Bytes())
		if err != nil {
			return err
		}
		z, err := c.Tx.ZSet(key)
		if err != nil {
			return err
		}
		c.Reply.Int(int64(seek(z, b, min, max).len()))
		return nil
	}
}

// zremrange returns the handler of ZREMRANGEBYRANK, BYSCORE or BYLEX.
func zremrange(b by) func(*Call) error {
	return func(c *Call) error {
		key := c.Key()
		min, max, err := parseBounds(b, c.Bytes(), c.Bytes())
		if err != nil {
			return err
		}
		z, err := c.Tx.AlterZSet(key)
		if err != nil {
			return err
		}
		removed := 0
		if r := seek(z, b, min, max); r.len() > 0 {
			removed = z.RemoveRange(r.lo, r.hi)
		}
		c.Reply.Int(int64(removed))
		return nil
	}
}
