package data

import (
	"math"
	"slices"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
)

// A source is one of the inputs of ZUNION and its kin: a sorted set, or a set,
// whose members then all have the score 1.
type source struct {
	z      *types.ZSet
	s      *types.Set
	weight float64
}

func (s *source) len() int { return s.z.Len() + s.s.Len() }

// cloneSources makes the sources independent of their keys.
func cloneSources(in []source) {
	for i := range in {
		if in[i].z != nil {
			in[i].z = clone(in[i].z)
		}
		if in[i].s != nil {
			in[i].s = clone(in[i].s)
		}
	}
}

// score returns the weighted score of a member. Unlike those of each it may be
// no number, 0 times infinity: what an aggregate makes of that is for it to say.
func (s *source) score(member string) (float64, bool) {
	f, ok := s.z.Score(member)
	if !ok {
		f, ok = 1, s.s.Has(member)
	}
	return f * s.weight, ok
}

// each yields the members with their weighted scores.
func (s *source) each(yield func(member []byte, score float64) bool) {
	if s.s != nil {
		s.s.Each(func(member []byte) bool { return yield(member, weigh(1, s.weight)) })
		return
	}
	s.z.Each(0, s.z.Len(), func(member []byte, score float64) bool {
		return yield(member, weigh(score, s.weight))
	})
}

func weigh(score, weight float64) float64 { return number(score * weight) }

// number makes 0 of what is not a number, as infinities can add up to.
func number(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// An aggregate makes one score of two.
type aggregate func(a, b float64) float64

func sum(a, b float64) float64 { return number(a + b) }

// least and most keep a if b is not a number: the built-in functions would not.

func least(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

func most(a, b float64) float64 {
	if b > a {
		return b
	}
	return a
}

// A combination makes one sorted set of several sources.
type combination struct {
	run      func(in []source, agg aggregate) *types.ZSet
	work     func(in []source) int // about how many members it goes through
	weighted bool                  // takes WEIGHTS and AGGREGATE
}

var (
	zunion = combination{union, allOf, true}
	zinter = combination{inter, fewestOf, true}
	zdiff  = combination{diff, allOf, false}
)

func allOf(in []source) (n int) {
	for i := range in {
		n += in[i].len()
	}
	return n
}

func fewestOf(in []source) int {
	n := math.MaxInt
	for i := range in {
		n = min(n, in[i].len())
	}
	return n
}

// union begins with the smallest source, as Redis does: the order in which
// infinities of both signs are added matters.
func union(in []source, agg aggregate) *types.ZSet {
	in = bySize(in)
	out := new(types.ZSet)
	for i := range in {
		in[i].each(func(member []byte, score float64) bool {
			name := command.Text(member)
			if old, twice := out.Score(name); twice {
				score = agg(old, score)
			}
			out.Add(name, score, 0)
			return true
		})
	}
	return out
}

func inter(in []source, agg aggregate) *types.ZSet {
	out := new(types.ZSet)
	eachInter(in, func(member []byte, score float64, others []source) bool {
		name := command.Text(member)
		for i := range others {
			f, _ := others[i].score(name)
			score = agg(score, f)
		}
		out.Add(name, score, 0)
		return true
	})
	return out
}

// bySize returns the sources, the smallest first.
func bySize(in []source) []source {
	in = slices.Clone(in)
	slices.SortStableFunc(in, func(a, b source) int { return a.len() - b.len() })
	return in
}

// eachInter yields the members that all sources have, with their score in the
// smallest one and the other sources.
func eachInter(in []source, yield func(member []byte, score float64, others []source) bool) {
	in = bySize(in)
	in[0].each(func(member []byte, score float64) bool {
		for i := range in[1:] {
			if _, ok := in[1+i].score(command.Text(member)); !ok {
				return true
			}
		}
		return yield(member, score, in[1:])
	})
}

func diff(in []source, _ aggregate) *types.ZSet {
	out := new(types.ZSet)
	in[0].each(func(member []byte, score float64) bool {
		for i := range in[1:] {
			if _, ok := in[1+i].score(command.Text(member)); ok {
				return true
			}
		}
		out.Add(command.Text(member), score, 0)
		return true
	})
	return out
}

// sources takes numkeys and the keys, and reads what is there.
func sources(c *Call) ([]source, error) {
	n := c.Int()
	if err := c.Err(); err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, command.Error("ERR at least 1 input key is needed for '" + c.Command.FullName() + "' command")
	}
	if n > int64(c.Left()) {
		return nil, command.ErrSyntax
	}
	in := make([]source, n)
	for i := range in {
		key := c.Key()
		in[i].weight = 1
		switch c.Tx.Kind(key) {
		case types.KindNone:
		case types.KindZSet:
			in[i].z, _ = c.Tx.ZSet(key)
		case types.KindSet:
			in[i].s, _ = c.Tx.SetOf(key)
		default:
			return nil, store.ErrWrongType
		}
	}
	return in, nil
}

// A target says where the result goes.
type target bool

const (
	toReply target = false
	toKey   target = true
)

// zcombine returns the handler of ZUNION, ZINTER, ZDIFF or of their STORE form.
func zcombine(how combination, to target) func(*Call) error {
	return func(c *Call) error {
		var dst string
		if to == toKey {
			dst = c.Key()
		}
		in, err := sources(c)
		if err != nil {
			return err
		}
		agg, withScores := aggregate(sum), false
		for c.More() {
			switch {
			case how.weighted && c.OptionWith("WEIGHTS", len(in)):
				for i := range in {
					in[i].weight = c.FloatOr(command.Error("ERR weight value is not a float"))
				}
			case how.weighted && c.OptionWith("AGGREGATE", 1):
				agg = takeAggregate(c)
			case to == toReply && c.Option("WITHSCORES"):
				withScores = true
			default:
				c.Fail(command.ErrSyntax)
			}
		}
		if err := c.Done(); err != nil {
			return err
		}
		c.Still(how.work(in), 0, func() { cloneSources(in) }) // not if it is to write
		out := how.run(in, agg)
		if to == toKey {
			return storeZSet(c, dst, out)
		}
		w := memberWriter{c: c, scores: withScores}
		w.begin(out.Len())
		out.Each(0, out.Len(), w.member)
		return nil
	}
}

func takeAggregate(c *Call) aggregate {
	switch {
	case c.Option("SUM"):
	case c.Option("MIN"):
		return least
	case c.Option("MAX"):
		return most
	default:
		c.Fail(command.ErrSyntax)
	}
	return sum
}

func zintercard(c *Call) error {
	in, err := sources(c)
	if err != nil {
		return err
	}
	limit := int64(0)
	for c.More() {
		if !c.OptionWith("LIMIT", 1) {
			return command.ErrSyntax
		}
		limit = c.IntIn(0, math.MaxInt64, command.Error("ERR LIMIT can't be negative"))
	}
	if err := c.Done(); err != nil {
		return err
	}
	c.Still(zinter.work(in), 0, func() { cloneSources(in) })
	found := int64(0)
	eachInter(in, func([]byte, float64, []source) bool {
		found++
		return limit == 0 || found < limit
	})
	c.Reply.Int(found)
	return nil
}
