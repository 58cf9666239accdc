package data

import (
	"math"

	"redstart/types"
	"redstart/wire/command"
)

var hashCommands = []Command{
	{
		Name:       "HDEL",
		Syntax:     "{key:delete} field [field ...]",
		Summary:    "Deletes fields of a hash, and the hash with its last field.",
		Since:      "2.0.0",
		Complexity: "O(N) where N is the number of fields to be removed.",
		Flags:      Write | Fast,
		Run:        hdel,
	},
	{
		Name:       "HEXISTS",
		Syntax:     "{key:test} field",
		Summary:    "Tells whether a hash has a field.",
		Since:      "2.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        hexists,
	},
	{
		Name:       "HGET",
		Syntax:     "{key} field",
		Summary:    "Returns the value of a field of a hash.",
		Since:      "2.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        hget,
	},
	{
		Name:       "HGETALL",
		Syntax:     "{key}",
		Summary:    "Returns all fields of a hash with their values.",
		Since:      "2.0.0",
		Complexity: "O(N) where N is the size of the hash.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output_order"},
		Run:        hgetall(wholePairs),
	},
	{
		Name:       "HINCRBY",
		Syntax:     "{key:read+update} field increment:integer",
		Summary:    "Adds to the integer in a field of a hash, 0 if there is none.",
		Since:      "2.0.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Fast,
		Run:        hincrby,
	},
	{
		Name:       "HINCRBYFLOAT",
		Syntax:     "{key:read+update} field increment:double",
		Summary:    "Adds to the number in a field of a hash, 0 if there is none.",
		Since:      "2.6.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Fast,
		Run:        hincrbyfloat,
	},
	{
		Name:       "HKEYS",
		Syntax:     "{key}",
		Summary:    "Returns all fields of a hash.",
		Since:      "2.0.0",
		Complexity: "O(N) where N is the size of the hash.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output_order"},
		Run:        hgetall(onlyFields),
	},
	{
		Name:       "HLEN",
		Syntax:     "{key:test}",
		Summary:    "Returns the number of fields of a hash.",
		Since:      "2.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        hlen,
	},
	{
		Name:       "HMGET",
		Syntax:     "{key} field [field ...]",
		Summary:    "Returns the values of some fields of a hash.",
		Since:      "2.0.0",
		Complexity: "O(N) where N is the number of fields being requested.",
		Flags:      Read | Fast,
		Run:        hmget,
	},
	{
		Name:            "HMSET",
		Syntax:          "{key} field value [field value ...]",
		Summary:         "Sets fields of a hash.",
		Since:           "2.0.0",
		Complexity:      "O(N) where N is the number of fields being set.",
		Flags:           Write | DenyOOM | Fast,
		DeprecatedSince: "4.0.0",
		ReplacedBy:      "`HSET` with multiple field-value pairs",
		Run:             hmset,
	},
	{
		Name:       "HRANDFIELD",
		Syntax:     "{key} [count [WITHVALUES]]",
		Summary:    "Returns random fields of a hash.",
		Since:      "6.2.0",
		Complexity: "O(N) where N is the number of fields returned",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        hrandfield,
	},
	{
		Name:       "HSCAN",
		Syntax:     "{key} cursor [MATCH pattern] [COUNT count]",
		Summary:    "Walks over the fields of a hash and their values.",
		Since:      "2.8.0",
		Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        scanValue(types.KindHash, hscan),
	},
	{
		Name:       "HSET",
		Syntax:     "{key} field value [field value ...]",
		Summary:    "Sets fields of a hash, and counts those that are new.",
		Since:      "2.0.0",
		Complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.",
		Flags:      Write | DenyOOM | Fast,
		Run:        hset,
	},
	{
		Name:       "HSETNX",
		Syntax:     "{key:insert} field value",
		Summary:    "Sets a field of a hash unless it is there already.",
		Since:      "2.0.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Fast,
		Run:        hsetnx,
	},
	{
		Name:       "HSTRLEN",
		Syntax:     "{key:test} field",
		Summary:    "Returns the length of the value of a field of a hash.",
		Since:      "3.2.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        hstrlen,
	},
	{
		Name:       "HVALS",
		Syntax:     "{key}",
		Summary:    "Returns all values of a hash.",
		Since:      "2.0.0",
		Complexity: "O(N) where N is the size of the hash.",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output_order"},
		Run:        hgetall(onlyValues),
	},
}

func hset(c *Call) error {
	added, err := setFields(c)
	if err != nil {
		return err
	}
	c.Reply.Int(int64(added))
	return nil
}

func hmset(c *Call) error {
	if _, err := setFields(c); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

// setFields sets the pairs that follow the key and returns how many were new.
func setFields(c *Call) (added int, err error) {
	key := c.Key()
	if c.Left()%2 != 0 {
		return 0, c.Command.ArityError()
	}
	h, err := c.Tx.EditHash(key)
	if err != nil {
		return 0, err
	}
	for c.More() {
		if h.Set(c.Text(), c.Bytes()) {
			added++
		}
	}
	return added, nil
}

func hsetnx(c *Call) error {
	key, field, value := c.Key(), c.Text(), c.Bytes()
	h, err := c.Tx.Hash(key)
	if err != nil {
		return err
	}
	if h.Has(field) {
		c.Reply.Int(0)
		return nil
	}
	if h, err = c.Tx.EditHash(key); err != nil {
		return err
	}
	h.Set(field, value)
	c.Reply.Int(1)
	return nil
}

func hget(c *Call) error {
	h, err := c.Tx.Hash(c.Key())
	if err != nil {
		return err
	}
	field(c, h)
	return nil
}

// field replies with the value of the field that is the next argument.
func field(c *Call, h *types.Hash) {
	if v, ok := h.Get(c.Text()); ok {
		c.Reply.Bulk(v)
	} else {
		c.Reply.Null()
	}
}

func hmget(c *Call) error {
	h, err := c.Tx.Hash(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Array(c.Left())
	for c.More() {
		field(c, h)
	}
	return nil
}

func hexists(c *Call) error {
	h, err := c.Tx.Hash(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Int(count(h.Has(c.Text())))
	return nil
}

// count is 1 for yes and 0 for no.
func count(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func hlen(c *Call) error {
	h, err := c.Tx.Hash(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Int(int64(h.Len()))
	return nil
}

func hstrlen(c *Call) error {
	h, err := c.Tx.Hash(c.Key())
	if err != nil {
		return err
	}
	v, _ := h.Get(c.Text())
	c.Reply.Int(int64(len(v)))
	return nil
}

func hdel(c *Call) error {
	key := c.Key()
	h, err := c.Tx.AlterHash(key)
	if err != nil {
		return err
	}
	deleted := 0
	if h != nil {
		for c.More() {
			if h.Delete(c.Text()) {
				deleted++
			}
		}
	}
	c.Reply.Int(int64(deleted))
	return nil
}

func hincrby(c *Call) error {
	key, field, by := c.Key(), c.Text(), c.Int()
	if err := c.Done(); err != nil {
		return err
	}
	h, err := c.Tx.EditHash(key)
	if err != nil {
		return err
	}
	n, err := h.IncrBy(field, by)
	if err == types.ErrNotInteger {
		return command.Error("ERR hash value is not an integer")
	}
	if err != nil {
		return err
	}
	c.Reply.Int(n)
	return nil
}

func hincrbyfloat(c *Call) error {
	key, field, by := c.Key(), c.Text(), c.Text()
	f, err := types.ParseFloat([]byte(by))
	if err != nil {
		return command.ErrNotFloat
	}
	if math.IsInf(f, 0) {
		return command.Error("ERR value is NaN or Infinity")
	}
	h, err := c.Tx.EditHash(key)
	if err != nil {
		return err
	}
	sum, err := h.IncrByFloat(field, by)
	if err == types.ErrNotFloat {
		return command.Error("ERR hash value is not a float")
	}
	if err != nil {
		return err
	}
	c.Reply.Bulk(sum)
	return nil
}

// A part says what of the pairs of a hash is wanted.
type part uint8

const (
	onlyFields part = 1 << iota
	onlyValues
	wholePairs = onlyFields | onlyValues
)

// hgetall returns the handler of HGETALL, HKEYS or HVALS.
func hgetall(p part) func(*Call) error {
	return func(c *Call) error {
		h, err := c.Tx.Hash(c.Key())
		if err != nil {
			return err
		}
		size := h.Size()
		if p == onlyFields { // the values may be of any size
			size = min(size, 32*h.Len())
		}
		c.Still(h.Len(), size, func() { h = clone(h) })
		if p == wholePairs {
			c.Reply.Map(h.Len())
		} else {
			c.Reply.Array(h.Len())
		}
		h.Each(func(field, value []byte) bool {
			if p&onlyFields != 0 {
				c.Reply.Bulk(field)
			}
			if p&onlyValues != 0 {
				c.Reply.Bulk(value)
			}
			return true
		})
		return nil
	}
}

func hscan(c *Call, v types.Value, s *scan) uint64 {
	return v.(*types.Hash).Scan(s.cursor, s.count, func(field, value []byte) {
		if s.shows(field) {
			s.entries += 2
			c.Reply.Bulk(field)
			c.Reply.Bulk(value)
		}
	})
}

func hrandfield(c *Call) error {
	key := c.Key()
	if !c.More() {
		h, err := c.Tx.Hash(key)
		if err != nil {
			return err
		}
		if h == nil {
			c.Reply.Null()
			return nil
		}
		field, _ := h.Random(c.Tx.Rand())
		c.Reply.Bulk(field)
		return nil
	}
	n := symmetric(c)
	withValues := c.Left() == 1 && c.Option("WITHVALUES")
	if err := c.Done(); err != nil {
		return err
	}
	if withValues && (n < -math.MaxInt64/2 || n > math.MaxInt64/2) {
		return command.ErrOutOfRange
	}
	h, err := c.Tx.Hash(key)
	if err != nil {
		return err
	}
	w := pairWriter{c: c, values: withValues}
	if n >= 0 {
		w.begin(int(min(n, int64(h.Len()))))
		distinctFields(c, h, int(min(n, int64(h.Len()))), w.pair)
		return nil
	}
	if h == nil {
		w.begin(0)
		return nil
	}
	w.begin(int(-n))
	for range -n {
		w.pair(h.Random(c.Tx.Rand()))
	}
	return nil
}

// symmetric takes an integer that can be negated, as counts are.
func symmetric(c *Call) int64 {
	n := c.Int()
	if n == math.MinInt64 {
		c.Fail(command.Error("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"))
	}
	return n
}

// distinctFields yields n different fields of h, each as likely as the others.
func distinctFields(c *Call, h *types.Hash, n int, yield func(field, value []byte)) {
	switch {
	case n == 0:
	case n*3 > h.Len(): // most of them: leave out some on one walk
		left, want := h.Len(), n
		h.Each(func(field, value []byte) bool {
			if c.Tx.Rand().IntN(left) < want {
				yield(field, value)
				want--
			}
			left--
			return want > 0
		})
	default:
		seen := make(map[string]struct{}, n)
		for len(seen) < n {
			field, value := h.Random(c.Tx.Rand())
			if _, twice := seen[string(field)]; !twice {
				seen[string(field)] = struct{}{}
				yield(field, value)
			}
		}
	}
}

// A pairWriter replies with fields, or with fields and values: nested pairs in
// RESP3, one flat array in RESP2.
type pairWriter struct {
	c      *Call
	values bool
}

func (w *pairWriter) begin(n int) {
	if w.values && w.c.Reply.Proto < 3 {
		n *= 2
	}
	w.c.Reply.Array(n)
}

func (w *pairWriter) pair(field, value []byte) {
	if w.values && w.c.Reply.Proto >= 3 {
		w.c.Reply.Array(2)
	}
	w.c.Reply.Bulk(field)
	if w.values {
		w.c.Reply.Bulk(value)
	}
}
