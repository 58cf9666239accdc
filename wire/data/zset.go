package data

import (
	"errors"
	"math"

	"redstart/types"
	"redstart/wire/command"
	"redstart/wire/resp"
)

var zsetCommands = []Command{
	{
		Name:       "BZMPOP",
		Syntax:     "timeout numkeys {key:read+delete} [{key} ...] MIN|MAX [COUNT count]",
		Summary:    "Takes the members with the lowest or highest scores from the first sorted set that has any; waits until one has.",
		Since:      "7.0.0",
		Complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
		Flags:      Write | Blocking,
		Run:        zmpop(blocking),
	},
	{
		Name:       "BZPOPMAX",
		Syntax:     "{key:read+delete} [{key} ...] timeout",
		Summary:    "Takes the member with the highest score from the first sorted set that has one; waits until one has.",
		Since:      "5.0.0",
		Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
		Flags:      Write | Blocking | Fast,
		Run:        bzpop(highest),
	},
	{
		Name:       "BZPOPMIN",
		Syntax:     "{key:read+delete} [{key} ...] timeout",
		Summary:    "Takes the member with the lowest score from the first sorted set that has one; waits until one has.",
		Since:      "5.0.0",
		Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
		Flags:      Write | Blocking | Fast,
		Run:        bzpop(lowest),
	},
	{
		Name:       "ZADD",
		Syntax:     "{key} [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
		Summary:    "Adds members to a sorted set, or changes their scores.",
		Since:      "1.2.0",
		Complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
		Flags:      Write | DenyOOM | Fast,
		Run:        zadd,
	},
	{
		Name:       "ZCARD",
		Syntax:     "{key:test}",
		Summary:    "Returns the number of members of a sorted set.",
		Since:      "1.2.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        zcard,
	},
	{
		Name:       "ZCOUNT",
		Syntax:     "{key} min:double max:double",
		Summary:    "Counts the members of a sorted set between two scores.",
		Since:      "2.0.0",
		Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
		Flags:      Read | Fast,
		Run:        zcount(byScore),
	},
	{
		Name:       "ZDIFF",
		Syntax:     "numkeys {key} [{key} ...] [WITHSCORES]",
		Summary:    "Returns the members of the first sorted set that are in none of the others.",
		Since:      "6.2.0",
		Complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
		Flags:      Read,
		Run:        zcombine(zdiff, toReply),
	},
	{
		Name:       "ZDIFFSTORE",
		Syntax:     "{destination:overwrite} numkeys {key:read} [{key} ...]",
		Summary:    "Stores the members of the first sorted set that are in none of the others.",
		Since:      "6.2.0",
		Complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
		Flags:      Write | DenyOOM,
		Run:        zcombine(zdiff, toKey),
	},
	{
		Name:       "ZINCRBY",
		Syntax:     "{key:read+update} increment:double member",
		Summary:    "Adds to the score of a member of a sorted set.",
		Since:      "1.2.0",
		Complexity: "O(log(N)) where N is the number of elements in the sorted set.",
		Flags:      Write | DenyOOM | Fast,
		Run:        zincrby,
	},
	{
		Name:       "ZINTER",
		Syntax:     "numkeys {key} [{key} ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]",
		Summary:    "Returns the members that all sorted sets have, with combined scores.",
		Since:      "6.2.0",
		Complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
		Flags:      Read,
		Run:        zcombine(zinter, toReply),
	},
	{
		Name:       "ZINTERCARD",
		Syntax:     "numkeys {key} [{key} ...] [LIMIT limit]",
		Summary:    "Counts the members that all sorted sets have.",
		Since:      "7.0.0",
		Complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
		Flags:      Read,
		Run:        zintercard,
	},
	{
		Name:       "ZINTERSTORE",
		Syntax:     "{destination:overwrite} numkeys {key:read} [{key} ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]",
		Summary:    "Stores the members that all sorted sets have, with combined scores.",
		Since:      "2.0.0",
		Complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
		Flags:      Write | DenyOOM,
		Run:        zcombine(zinter, toKey),
	},
	{
		Name:       "ZLEXCOUNT",
		Syntax:     "{key} min max",
		Summary:    "Counts the members of a sorted set between two names.",
		Since:      "2.8.9",
		Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
		Flags:      Read | Fast,
		Run:        zcount(byLex),
	},
	{
		Name:       "ZMPOP",
		Syntax:     "numkeys {key:read+delete} [{key} ...] MIN|MAX [COUNT count]",
		Summary:    "Takes the members with the lowest or highest scores from the first sorted set that has any.",
		Since:      "7.0.0",
		Complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
		Flags:      Write,
		Run:        zmpop(plain),
	},
	{
		Name:       "ZMSCORE",
		Syntax:     "{key} member [member ...]",
		Summary:    "Returns the scores of several members of a sorted set.",
		Since:      "6.2.0",
		Complexity: "O(N) where N is the number of members being requested.",
		Flags:      Read | Fast,
		Run:        zmscore,
	},
	{
		Name:       "ZPOPMAX",
		Syntax:     "{key:read+delete} [count]",
		Summary:    "Takes the members with the highest scores from a sorted set.",
		Since:      "5.0.0",
		Complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
		Flags:      Write | Fast,
		Run:        zpop(highest),
	},
	{
		Name:       "ZPOPMIN",
		Syntax:     "{key:read+delete} [count]",
		Summary:    "Takes the members with the lowest scores from a sorted set.",
		Since:      "5.0.0",
		Complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
		Flags:      Write | Fast,
		Run:        zpop(lowest),
	},
	{
		Name:       "ZRANDMEMBER",
		Syntax:     "{key} [count [WITHSCORES]]",
		Summary:    "Returns random members of a sorted set.",
		Since:      "6.2.0",
		Complexity: "O(N) where N is the number of members returned",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        zrandmember,
	},
	{
		Name:       "ZRANGE",
		Syntax:     "{key} start:string stop:string [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
		Summary:    "Returns the members of a sorted set between two ranks, scores or names.",
		Since:      "1.2.0",
		Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
		Flags:      Read,
		Run:        zrange(anyRange),
	},
	{
		Name:            "ZRANGEBYLEX",
		Syntax:          "{key} min max [LIMIT offset count]",
		Summary:         "Returns the members of a sorted set between two names.",
		Since:           "2.8.9",
		Complexity:      "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
		Flags:           Read,
		DeprecatedSince: "6.2.0",
		ReplacedBy:      "`ZRANGE` with the `BYLEX` argument",
		Run:             zrange(rangeKind{by: byLex}),
	},
	{
		Name:            "ZRANGEBYSCORE",
		Syntax:          "{key} min:double max:double [WITHSCORES] [LIMIT offset count]",
		Summary:         "Returns the members of a sorted set between two scores.",
		Since:           "1.0.5",
		Complexity:      "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
		Flags:           Read,
		DeprecatedSince: "6.2.0",
		ReplacedBy:      "`ZRANGE` with the `BYSCORE` argument",
		Run:             zrange(rangeKind{by: byScore}),
	},
	{
		Name:       "ZRANGESTORE",
		Syntax:     "{dst:overwrite} {src:read} min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
		Summary:    "Stores the members of a sorted set between two ranks, scores or names.",
		Since:      "6.2.0",
		Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key.",
		Flags:      Write | DenyOOM,
		Run:        zrangestore,
	},
	{
		Name:       "ZRANK",
		Syntax:     "{key} member [WITHSCORE]",
		Summary:    "Returns the rank of a member of a sorted set, from the lowest score.",
		Since:      "2.0.0",
		Complexity: "O(log(N))",
		Flags:      Read | Fast,
		Run:        zrank(forward),
	},
	{
		Name:       "ZREM",
		Syntax:     "{key:delete} member [member ...]",
		Summary:    "Removes members from a sorted set, and the set with its last member.",
		Since:      "1.2.0",
		Complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.",
		Flags:      Write | Fast,
		Run:        zrem,
	},
	{
		Name:       "ZREMRANGEBYLEX",
		Syntax:     "{key:delete} min max",
		Summary:    "Removes the members of a sorted set between two names.",
		Since:      "2.8.9",
		Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
		Flags:      Write,
		Run:        zremrange(byLex),
	},
	{
		Name:       "ZREMRANGEBYRANK",
		Syntax:     "{key:delete} start stop",
		Summary:    "Removes the members of a sorted set between two ranks.",
		Since:      "2.0.0",
		Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
		Flags:      Write,
		Run:        zremrange(byRank),
	},
	{
		Name:       "ZREMRANGEBYSCORE",
		Syntax:     "{key:delete} min:double max:double",
		Summary:    "Removes the members of a sorted set between two scores.",
		Since:      "1.2.0",
		Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
		Flags:      Write,
		Run:        zremrange(byScore),
	},
	{
		Name:            "ZREVRANGE",
		Syntax:          "{key} start stop [WITHSCORES]",
		Summary:         "Returns the members of a sorted set between two ranks, from the highest score down.",
		Since:           "1.2.0",
		Complexity:      "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
		Flags:           Read,
		DeprecatedSince: "6.2.0",
		ReplacedBy:      "`ZRANGE` with the `REV` argument",
		Run:             zrange(rangeKind{by: byRank, reverse: true}),
	},
	{
		Name:            "ZREVRANGEBYLEX",
		Syntax:          "{key} max min [LIMIT offset count]",
		Summary:         "Returns the members of a sorted set between two names, from the last down.",
		Since:           "2.8.9",
		Complexity:      "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
		Flags:           Read,
		DeprecatedSince: "6.2.0",
		ReplacedBy:      "`ZRANGE` with the `REV` and `BYLEX` arguments",
		Run:             zrange(rangeKind{by: byLex, reverse: true}),
	},
	{
		Name:            "ZREVRANGEBYSCORE",
		Syntax:          "{key} max:double min:double [WITHSCORES] [LIMIT offset count]",
		Summary:         "Returns the members of a sorted set between two scores, from the highest down.",
		Since:           "2.2.0",
		Complexity:      "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
		Flags:           Read,
		DeprecatedSince: "6.2.0",
		ReplacedBy:      "`ZRANGE` with the `REV` and `BYSCORE` arguments",
		Run:             zrange(rangeKind{by: byScore, reverse: true}),
	},
	{
		Name:       "ZREVRANK",
		Syntax:     "{key} member [WITHSCORE]",
		Summary:    "Returns the rank of a member of a sorted set, from the highest score.",
		Since:      "2.0.0",
		Complexity: "O(log(N))",
		Flags:      Read | Fast,
		Run:        zrank(reverse),
	},
	{
		Name:       "ZSCAN",
		Syntax:     "{key} cursor [MATCH pattern] [COUNT count]",
		Summary:    "Walks over the members of a sorted set and their scores.",
		Since:      "2.8.0",
		Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        scanValue(types.KindZSet, zscan),
	},
	{
		Name:       "ZSCORE",
		Syntax:     "{key} member",
		Summary:    "Returns the score of a member of a sorted set.",
		Since:      "1.2.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        zscore,
	},
	{
		Name:       "ZUNION",
		Syntax:     "numkeys {key} [{key} ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]",
		Summary:    "Returns the members that any of the sorted sets has, with combined scores.",
		Since:      "6.2.0",
		Complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
		Flags:      Read,
		Run:        zcombine(zunion, toReply),
	},
	{
		Name:       "ZUNIONSTORE",
		Syntax:     "{destination:overwrite} numkeys {key:read} [{key} ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]",
		Summary:    "Stores the members that any of the sorted sets has, with combined scores.",
		Since:      "2.0.0",
		Complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
		Flags:      Write | DenyOOM,
		Run:        zcombine(zunion, toKey),
	},
}

// A direction is an order of the members of a sorted set.
type direction bool

const (
	forward direction = false // from the lowest score
	reverse direction = true
)

// zsetError spells the errors of scores in this family's words.
func zsetError(err error) error {
	if errors.Is(err, types.ErrNaN) {
		return command.Error("ERR resulting score is not a number (NaN)")
	}
	return err
}

// addOptions are the options of ZADD.
type addOptions struct {
	rule       types.ZRule
	change     bool // CH: count changed members as well
	increments bool // INCR
}

func (o *addOptions) parse(c *Call) error {
	for {
		switch {
		case c.Option("NX"):
			o.rule |= types.ZNew
		case c.Option("XX"):
			o.rule |= types.ZExisting
		case c.Option("GT"):
			o.rule |= types.ZGreater
		case c.Option("LT"):
			o.rule |= types.ZLess
		case c.Option("CH"):
			o.change = true
		case c.Option("INCR"):
			o.increments = true
		default:
			return o.check(c.Left())
		}
	}
}

// check tells whether the options go together, with n arguments to follow.
func (o *addOptions) check(n int) error {
	has := func(r types.ZRule) bool { return o.rule&r != 0 }
	switch {
	case n == 0 || n%2 != 0:
		return command.ErrSyntax
	case has(types.ZNew) && has(types.ZExisting):
		return command.Error("ERR XX and NX options at the same time are not compatible")
	case has(types.ZGreater) && has(types.ZLess), has(types.ZNew) && (has(types.ZGreater) || has(types.ZLess)):
		return command.Error("ERR GT, LT, and/or NX options at the same time are not compatible")
	case o.increments && n > 2:
		return command.Error("ERR INCR option supports a single increment-element pair")
	}
	return nil
}

func zadd(c *Call) error {
	key := c.Key()
	var o addOptions
	if err := o.parse(c); err != nil {
		return err
	}
	var room [8]float64
	scores := room[:0]
	pairs := c.Rest()
	for i := 0; i < len(pairs); i += 2 {
		score, err := types.ParseFloat(pairs[i])
		if err != nil {
			return command.ErrNotFloat
		}
		scores = append(scores, score+0) // -0 becomes 0, as in a listpack of Redis
	}
	z, err := c.Tx.EditZSet(key)
	if err != nil {
		return err
	}
	if o.increments {
		score, ok, err := z.Incr(command.Text(pairs[1]), scores[0], o.rule)
		switch {
		case err != nil:
			return zsetError(err)
		case !ok:
			c.Reply.Null()
		default:
			c.Reply.Double(score)
		}
		return nil
	}
	n := 0
	for i, score := range scores {
		added, changed := z.Add(command.Text(pairs[2*i+1]), score, o.rule)
		if added || changed && o.change {
			n++
		}
	}
	c.Reply.Int(int64(n))
	return nil
}

func zincrby(c *Call) error {
	key := c.Key()
	var o addOptions
	if err := o.parse(c); err != nil { // ZINCRBY key NX member is a ZADD without a score
		return err
	}
	by, member := c.Float(), c.Text()
	if err := c.Done(); err != nil {
		return err
	}
	z, err := c.Tx.EditZSet(key)
	if err != nil {
		return err
	}
	score, _, err := z.Incr(member, by, 0)
	if err != nil {
		return zsetError(err)
	}
	c.Reply.Double(score)
	return nil
}

func zrem(c *Call) error {
	key := c.Key()
	z, err := c.Tx.AlterZSet(key)
	if err != nil {
		return err
	}
	removed := 0
	if z != nil {
		for c.More() {
			if z.Remove(c.Text()) {
				removed++
			}
		}
	}
	c.Reply.Int(int64(removed))
	return nil
}

func zcard(c *Call) error {
	z, err := c.Tx.ZSet(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Int(int64(z.Len()))
	return nil
}

func zscore(c *Call) error {
	z, err := c.Tx.ZSet(c.Key())
	if err != nil {
		return err
	}
	score(c, z)
	return nil
}

// score replies with the score of the member that is the next argument.
func score(c *Call, z *types.ZSet) {
	if f, ok := z.Score(c.Text()); ok {
		c.Reply.Double(f)
	} else {
		c.Reply.Null()
	}
}

func zmscore(c *Call) error {
	z, err := c.Tx.ZSet(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Array(c.Left())
	for c.More() {
		score(c, z)
	}
	return nil
}

// zrank returns the handler of ZRANK or ZREVRANK.
func zrank(d direction) func(*Call) error {
	return func(c *Call) error {
		key, member := c.Key(), c.Text()
		if c.Left() > 1 {
			return c.Command.ArityError()
		}
		withScore := c.Option("WITHSCORE")
		if err := c.Done(); err != nil {
			return err
		}
		z, err := c.Tx.ZSet(key)
		if err != nil {
			return err
		}
		rank, score, ok := z.Rank(member)
		if d == reverse {
			rank = z.Len() - 1 - rank
		}
		switch {
		case !ok && withScore:
			c.Reply.NullArray()
		case !ok:
			c.Reply.Null()
		case withScore:
			c.Reply.Array(2)
			c.Reply.Int(int64(rank))
			c.Reply.Double(score)
		default:
			c.Reply.Int(int64(rank))
		}
		return nil
	}
}

func zscan(c *Call, v types.Value, s *scan) uint64 {
	return v.(*types.ZSet).Scan(s.cursor, s.count, func(member []byte, score float64) {
		if s.shows(member) {
			s.entries += 2
			c.Reply.Bulk(member)
			c.Reply.Bulk(resp.AppendDouble(nil, score))
		}
	})
}

// A memberWriter replies with members, or with members and scores: nested
// pairs in RESP3, one flat array in RESP2.
type memberWriter struct {
	c      *Call
	scores bool
}

func (w *memberWriter) begin(n int) {
	if w.scores && w.c.Reply.Proto < 3 {
		n *= 2
	}
	w.c.Reply.Array(n)
}

// member is fit to be the yield of ZSet.Each.
func (w *memberWriter) member(name []byte, score float64) bool {
	if w.scores && w.c.Reply.Proto >= 3 {
		w.c.Reply.Array(2)
	}
	w.c.Reply.Bulk(name)
	if w.scores {
		w.c.Reply.Double(score)
	}
	return true
}

func zrandmember(c *Call) error {
	key := c.Key()
	if !c.More() {
		z, err := c.Tx.ZSet(key)
		if err != nil {
			return err
		}
		if z == nil {
			c.Reply.Null()
			return nil
		}
		member, _ := z.Random(c.Tx.Rand())
		c.Reply.Bulk(member)
		return nil
	}
	n := symmetric(c)
	w := memberWriter{c: c, scores: c.Left() == 1 && c.Option("WITHSCORES")}
	if err := c.Done(); err != nil {
		return err
	}
	if w.scores && (n < -math.MaxInt64/2 || n > math.MaxInt64/2) {
		return command.ErrOutOfRange
	}
	z, err := c.Tx.ZSet(key)
	if err != nil {
		return err
	}
	switch {
	case z == nil:
		w.begin(0)
	case n < 0:
		w.begin(int(-n))
		for range -n {
			w.member(z.Random(c.Tx.Rand()))
		}
	default:
		k := int(min(n, int64(z.Len())))
		w.begin(k)
		distinctRanks(c, z, k, w.member)
	}
	return nil
}

// distinctRanks yields n different members, each as likely as the others.
func distinctRanks(c *Call, z *types.ZSet, n int, yield func(member []byte, score float64) bool) {
	if n*3 > z.Len() { // most of them: leave out some on one walk
		left := z.Len()
		z.Each(0, left, func(member []byte, score float64) bool {
			if c.Tx.Rand().IntN(left) < n {
				yield(member, score)
				n--
			}
			left--
			return n > 0
		})
		return
	}
	for seen := make(map[int]struct{}, n); len(seen) < n; {
		rank := c.Tx.Rand().IntN(z.Len())
		if _, twice := seen[rank]; !twice {
			seen[rank] = struct{}{}
			member, score, _ := z.At(rank)
			yield(member, score)
		}
	}
}
