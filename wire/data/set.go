package data

import (
	"math"

	"redstart/types"
	"redstart/wire/command"
)

var setCommands = []Command{
	{
		Name:       "SADD",
		Syntax:     "{key:insert} member [member ...]",
		Summary:    "Adds members to a set, which is created if there is none.",
		Since:      "1.0.0",
		Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
		Flags:      Write | DenyOOM | Fast,
		Run:        sadd,
	},
	{
		Name:       "SCARD",
		Syntax:     "{key:test}",
		Summary:    "Returns the number of members of a set.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        scard,
	},
	{
		Name:       "SDIFF",
		Syntax:     "{key} [{key} ...]",
		Summary:    "Returns the members of the first set that are in none of the others.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the total number of elements in all given sets.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output_order"},
		Run:        algebra(sdiff),
	},
	{
		Name:       "SDIFFSTORE",
		Syntax:     "{destination:overwrite} {key:read} [{key} ...]",
		Summary:    "Stores the members of the first set that are in none of the others.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the total number of elements in all given sets.",
		Flags:      Write | DenyOOM,
		Run:        algebraStore(sdiff),
	},
	{
		Name:       "SINTER",
		Syntax:     "{key} [{key} ...]",
		Summary:    "Returns the members that all sets have.",
		Since:      "1.0.0",
		Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output_order"},
		Run:        algebra(sinter),
	},
	{
		Name:       "SINTERCARD",
		Syntax:     "numkeys {key} [{key} ...] [LIMIT limit]",
		Summary:    "Counts the members that all sets have.",
		Since:      "7.0.0",
		Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
		Flags:      Read,
		Run:        sintercard,
	},
	{
		Name:       "SINTERSTORE",
		Syntax:     "{destination} {key:read} [{key} ...]",
		Summary:    "Stores the members that all sets have.",
		Since:      "1.0.0",
		Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
		Flags:      Write | DenyOOM,
		Run:        algebraStore(sinter),
	},
	{
		Name:       "SISMEMBER",
		Syntax:     "{key:test} member",
		Summary:    "Tells whether a set has a member.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        sismember,
	},
	{
		Name:       "SMEMBERS",
		Syntax:     "{key}",
		Summary:    "Returns all members of a set.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the set cardinality.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output_order"},
		Run:        smembers,
	},
	{
		Name:       "SMISMEMBER",
		Syntax:     "{key} member [member ...]",
		Summary:    "Tells for each of several members whether a set has it.",
		Since:      "6.2.0",
		Complexity: "O(N) where N is the number of elements being checked for membership",
		Flags:      Read | Fast,
		Run:        smismember,
	},
	{
		Name:       "SMOVE",
		Syntax:     "{source:read+delete} {destination:insert} member",
		Summary:    "Moves a member from one set to another.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        smove,
	},
	{
		Name:       "SPOP",
		Syntax:     "{key:read+delete} [count]",
		Summary:    "Takes random members from a set.",
		Since:      "1.0.0",
		Complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
		Flags:      Write | Fast,
		Tips:       []string{"nondeterministic_output"},
		Run:        spop,
	},
	{
		Name:       "SRANDMEMBER",
		Syntax:     "{key} [count]",
		Summary:    "Returns random members of a set.",
		Since:      "1.0.0",
		Complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        srandmember,
	},
	{
		Name:       "SREM",
		Syntax:     "{key:delete} member [member ...]",
		Summary:    "Removes members from a set, and the set with its last member.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of members to be removed.",
		Flags:      Write | Fast,
		Run:        srem,
	},
	{
		Name:       "SSCAN",
		Syntax:     "{key} cursor [MATCH pattern] [COUNT count]",
		Summary:    "Walks over the members of a set.",
		Since:      "2.8.0",
		Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        scanValue(types.KindSet, sscan),
	},
	{
		Name:       "SUNION",
		Syntax:     "{key} [{key} ...]",
		Summary:    "Returns the members that any of the sets has.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the total number of elements in all given sets.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output_order"},
		Run:        algebra(sunion),
	},
	{
		Name:       "SUNIONSTORE",
		Syntax:     "{destination:overwrite} {key:read} [{key} ...]",
		Summary:    "Stores the members that any of the sets has.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the total number of elements in all given sets.",
		Flags:      Write | DenyOOM,
		Run:        algebraStore(sunion),
	},
}

func sadd(c *Call) error {
	s, err := c.Tx.EditSet(c.Key())
	if err != nil {
		return err
	}
	added := 0
	for c.More() {
		if s.Add(c.Text()) {
			added++
		}
	}
	c.Reply.Int(int64(added))
	return nil
}

func srem(c *Call) error {
	key := c.Key()
	s, err := c.Tx.AlterSet(key)
	if err != nil {
		return err
	}
	removed := 0
	if s != nil {
		for c.More() {
			if s.Remove(c.Text()) {
				removed++
			}
		}
	}
	c.Reply.Int(int64(removed))
	return nil
}

func smove(c *Call) error {
	src, dst, member := c.Key(), c.Key(), c.Text()
	from, err := c.Tx.SetOf(src)
	if err != nil {
		return err
	}
	if from == nil {
		c.Reply.Int(0)
		return nil
	}
	to, err := c.Tx.SetOf(dst)
	if err != nil {
		return err
	}
	if !from.Has(member) || src == dst {
		c.Reply.Int(count(from.Has(member)))
		return nil
	}
	if from, err = c.Tx.EditSet(src); err != nil {
		return err
	}
	if to, err = c.Tx.EditSet(dst); err != nil {
		return err
	}
	from.Remove(member)
	to.Add(member)
	c.Reply.Int(1)
	return nil
}

func scard(c *Call) error {
	s, err := c.Tx.SetOf(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Int(int64(s.Len()))
	return nil
}

func sismember(c *Call) error {
	s, err := c.Tx.SetOf(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Int(count(s.Has(c.Text())))
	return nil
}

func smismember(c *Call) error {
	s, err := c.Tx.SetOf(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Array(c.Left())
	for c.More() {
		c.Reply.Int(count(s.Has(c.Text())))
	}
	return nil
}

func smembers(c *Call) error {
	s, err := c.Tx.SetOf(c.Key())
	if err != nil {
		return err
	}
	c.Still(s.Len(), s.Size(), func() { s = clone(s) })
	c.Reply.Set(s.Len())
	s.Each(func(member []byte) bool {
		c.Reply.Bulk(member)
		return true
	})
	return nil
}

func sscan(c *Call, v types.Value, s *scan) uint64 {
	return v.(*types.Set).Scan(s.cursor, s.count, func(member []byte) {
		if s.shows(member) {
			s.entries++
			c.Reply.Bulk(member)
		}
	})
}

func spop(c *Call) error {
	key := c.Key()
	if c.More() {
		return spopCount(c, key)
	}
	s, err := c.Tx.AlterSet(key)
	if err != nil {
		return err
	}
	if s == nil {
		c.Reply.Null()
		return nil
	}
	member, _ := s.Pop(c.Tx.Rand())
	c.Reply.Bulk(member)
	return nil
}

func spopCount(c *Call, key string) error {
	if c.Left() > 1 {
		return command.ErrSyntax
	}
	n := c.IntIn(0, math.MaxInt64, command.ErrNotPositive)
	if err := c.Done(); err != nil {
		return err
	}
	s, err := c.Tx.AlterSet(key)
	if err != nil {
		return err
	}
	k := int(min(n, int64(s.Len())))
	c.Heavy(k)
	c.Reply.Set(k)
	if k == 0 {
		return nil
	}
	for range k {
		member, _ := s.Pop(c.Tx.Rand())
		c.Reply.Bulk(member)
	}
	return nil
}

func srandmember(c *Call) error {
	key := c.Key()
	if !c.More() {
		s, err := c.Tx.SetOf(key)
		if err != nil {
			return err
		}
		if s == nil {
			c.Reply.Null()
			return nil
		}
		c.Reply.Bulk(s.Random(c.Tx.Rand()))
		return nil
	}
	if c.Left() > 1 {
		return command.ErrSyntax
	}
	n := symmetric(c)
	if err := c.Done(); err != nil {
		return err
	}
	s, err := c.Tx.SetOf(key)
	if err != nil {
		return err
	}
	switch {
	case s == nil:
		c.Reply.Array(0)
	case n < 0:
		c.Reply.Array(int(-n))
		for range -n {
			c.Reply.Bulk(s.Random(c.Tx.Rand()))
		}
	default:
		k := int(min(n, int64(s.Len())))
		c.Reply.Array(k)
		distinctMembers(c, s, k)
	}
	return nil
}

// distinctMembers replies with n different members of s, each as likely as the others.
func distinctMembers(c *Call, s *types.Set, n int) {
	if n*3 > s.Len() { // most of them: leave out some on one walk
		left := s.Len()
		s.Each(func(member []byte) bool {
			if c.Tx.Rand().IntN(left) < n {
				c.Reply.Bulk(member)
				n--
			}
			left--
			return n > 0
		})
		return
	}
	for seen := make(map[string]struct{}, n); len(seen) < n; {
		member := s.Random(c.Tx.Rand())
		if _, twice := seen[string(member)]; !twice {
			seen[string(member)] = struct{}{}
			c.Reply.Bulk(member)
		}
	}
}

// An operation combines sets: types.Inter, Union or Diff.
type operation struct {
	run  func(sets []*types.Set, yield func(member []byte) bool)
	work func(sets []*types.Set) int // about how many members it goes through
}

var (
	sinter = operation{types.Inter, fewestMembers}
	sunion = operation{types.Union, allMembers}
	sdiff  = operation{types.Diff, allMembers}
)

func fewestMembers(sets []*types.Set) int {
	n := math.MaxInt
	for _, s := range sets {
		n = min(n, s.Len())
	}
	return n
}

func allMembers(sets []*types.Set) (n int) {
	for _, s := range sets {
		n += s.Len()
	}
	return n
}

// cloneSets puts clones in the place of sets.
func cloneSets(sets []*types.Set) {
	for i, s := range sets {
		if s != nil {
			sets[i] = clone(s)
		}
	}
}

// takeSets reads the sets at keys.
func takeSets(c *Call, keys []string) ([]*types.Set, error) {
	sets := make([]*types.Set, len(keys))
	for i, key := range keys {
		s, err := c.Tx.SetOf(key)
		if err != nil {
			return nil, err
		}
		sets[i] = s
	}
	return sets, nil
}

// algebra returns the handler of SINTER, SUNION or SDIFF.
func algebra(op operation) func(*Call) error {
	return func(c *Call) error {
		sets, err := takeSets(c, c.Keys(c.Left()))
		if err != nil {
			return err
		}
		c.Still(op.work(sets), 0, func() { cloneSets(sets) })
		mark, n := c.Reply.Defer(), 0
		op.run(sets, func(member []byte) bool {
			c.Reply.Bulk(member)
			n++
			return true
		})
		c.Reply.SetSet(mark, n)
		return nil
	}
}

// algebraStore returns the handler of SINTERSTORE, SUNIONSTORE or SDIFFSTORE.
// The result is built beside, because the destination may be one of the sets.
func algebraStore(op operation) func(*Call) error {
	return func(c *Call) error {
		dst := c.Key()
		sets, err := takeSets(c, c.Keys(c.Left()))
		if err != nil {
			return err
		}
		c.Heavy(op.work(sets))
		var members []string
		op.run(sets, func(member []byte) bool {
			members = append(members, string(member))
			return true
		})
		if _, err := c.Tx.Delete(dst); err != nil {
			return err
		}
		if len(members) > 0 {
			s, err := c.Tx.EditSet(dst)
			if err != nil {
				return err
			}
			for _, m := range members {
				s.Add(m)
			}
		}
		c.Reply.Int(int64(len(members)))
		return nil
	}
}

func sintercard(c *Call) error {
	n := c.IntIn(1, math.MaxInt64, command.Error("ERR numkeys should be greater than 0"))
	if c.Err() == nil && n > int64(c.Left()) {
		return command.Error("ERR Number of keys can't be greater than number of args")
	}
	keys := c.Keys(int(n))
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
	sets, err := takeSets(c, keys)
	if err != nil {
		return err
	}
	c.Still(sinter.work(sets), 0, func() { cloneSets(sets) })
	found := int64(0)
	types.Inter(sets, func([]byte) bool {
		found++
		return limit == 0 || found < limit
	})
	c.Reply.Int(found)
	return nil
}
