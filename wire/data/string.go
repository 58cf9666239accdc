package data

import (
	"math"

	"redstart/wire/command"
)

var stringCommands = []Command{
	{
		Name:       "GET",
		Syntax:     "{key}",
		Summary:    "Returns the string of a key.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        get,
	},
	{
		Name:       "SET",
		Syntax:     "{key:read+update+variable} value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
		Summary:    "Sets the string of a key, whatever it held before.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM,
		FindKeys:   command.SetKeys,
		Run:        set,
	},
	{
		Name:            "SETNX",
		Syntax:          "{key:create} value",
		Summary:         "Sets the string of a key, if there is no such key.",
		Since:           "1.0.0",
		Complexity:      "O(1)",
		Flags:           Write | DenyOOM | Fast,
		DeprecatedSince: "2.6.12",
		ReplacedBy:      "`SET` with the `NX` argument",
		Run:             setnx,
	},
	{
		Name:            "SETEX",
		Syntax:          "{key:overwrite} seconds value",
		Summary:         "Sets the string of a key and its time to live in seconds.",
		Since:           "2.0.0",
		Complexity:      "O(1)",
		Flags:           Write | DenyOOM,
		DeprecatedSince: "2.6.12",
		ReplacedBy:      "`SET` with the `EX` argument",
		Run:             setEx(inSeconds),
	},
	{
		Name:            "PSETEX",
		Syntax:          "{key:overwrite} milliseconds value",
		Summary:         "Sets the string of a key and its time to live in milliseconds.",
		Since:           "2.6.0",
		Complexity:      "O(1)",
		Flags:           Write | DenyOOM,
		DeprecatedSince: "2.6.12",
		ReplacedBy:      "`SET` with the `PX` argument",
		Run:             setEx(inMillis),
	},
	{
		Name:            "GETSET",
		Syntax:          "{key:read+update} value",
		Summary:         "Sets the string of a key and returns the one it had.",
		Since:           "1.0.0",
		Complexity:      "O(1)",
		Flags:           Write | DenyOOM | Fast,
		DeprecatedSince: "6.2.0",
		ReplacedBy:      "`SET` with the `!GET` argument",
		Run:             getSet,
	},
	{
		Name:       "GETDEL",
		Syntax:     "{key:read+delete}",
		Summary:    "Returns the string of a key and deletes the key.",
		Since:      "6.2.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        getDel,
	},
	{
		Name:       "GETEX",
		Syntax:     "{key:read+update} [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
		Summary:    "Returns the string of a key and sets or removes its time to live.",
		Since:      "6.2.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        getEx,
	},
	{
		Name:       "MGET",
		Syntax:     "{key} [{key} ...]",
		Summary:    "Returns the strings of several keys.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of keys to retrieve.",
		Flags:      Read | Fast,
		Tips:       []string{"request_policy:multi_shard"},
		Run:        mget,
	},
	{
		Name:       "MSET",
		Syntax:     "{key:overwrite} value [{key} value ...]",
		Summary:    "Sets the strings of several keys.",
		Since:      "1.0.1",
		Complexity: "O(N) where N is the number of keys to set.",
		Flags:      Write | DenyOOM,
		Tips:       []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
		Run:        mset,
	},
	{
		Name:       "MSETNX",
		Syntax:     "{key:create} value [{key} value ...]",
		Summary:    "Sets the strings of several keys, if none of them exists.",
		Since:      "1.0.1",
		Complexity: "O(N) where N is the number of keys to set.",
		Flags:      Write | DenyOOM,
		Run:        msetnx,
	},
	{
		Name:       "INCR",
		Syntax:     "{key:read+update}",
		Summary:    "Adds one to the integer of a key, 0 if there is none.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Fast,
		Run:        incr(1),
	},
	{
		Name:       "DECR",
		Syntax:     "{key:read+update}",
		Summary:    "Takes one from the integer of a key, 0 if there is none.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Fast,
		Run:        incr(-1),
	},
	{
		Name:       "INCRBY",
		Syntax:     "{key:read+update} increment:integer",
		Summary:    "Adds to the integer of a key, 0 if there is none.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Fast,
		Run:        incrBy,
	},
	{
		Name:       "DECRBY",
		Syntax:     "{key:read+update} decrement",
		Summary:    "Takes a number from the integer of a key, 0 if there is none.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Fast,
		Run:        decrBy,
	},
	{
		Name:       "INCRBYFLOAT",
		Syntax:     "{key:read+update} increment:double",
		Summary:    "Adds to the number of a key, 0 if there is none.",
		Since:      "2.6.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Fast,
		Run:        incrByFloat,
	},
	{
		Name:       "APPEND",
		Syntax:     "{key:insert} value",
		Summary:    "Appends to the string of a key, which is created if there is none.",
		Since:      "2.0.0",
		Complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.",
		Flags:      Write | DenyOOM | Fast,
		Run:        appendString,
	},
	{
		Name:       "STRLEN",
		Syntax:     "{key:test}",
		Summary:    "Returns the length of the string of a key.",
		Since:      "2.2.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        strlen,
	},
	{
		Name:       "GETRANGE",
		Syntax:     "{key} start end",
		Summary:    "Returns part of the string of a key.",
		Since:      "2.4.0",
		Complexity: "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.",
		Flags:      Read,
		Run:        getRange,
	},
	{
		Name:            "SUBSTR",
		Syntax:          "{key} start end",
		Summary:         "Returns part of the string of a key.",
		Since:           "1.0.0",
		Complexity:      "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.",
		Flags:           Read,
		DeprecatedSince: "2.0.0",
		ReplacedBy:      "`GETRANGE`",
		Run:             getRange,
	},
	{
		Name:       "SETRANGE",
		Syntax:     "{key} offset value",
		Summary:    "Overwrites part of the string of a key, which grows as needed.",
		Since:      "2.2.0",
		Complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.",
		Flags:      Write | DenyOOM,
		Run:        setRange,
	},
}

func get(c *Call) error {
	v, err := c.Tx.Get(c.Key())
	if err != nil {
		return err
	}
	replyString(c, v)
	return nil
}

// replyString writes a string, or its absence.
func replyString(c *Call, v []byte) {
	if v == nil {
		c.Reply.Null()
		return
	}
	c.Reply.Bulk(v)
}

func setnx(c *Call) error {
	key, value := c.Key(), c.Bytes()
	if c.Tx.Exists(key) {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(1)
	return c.Tx.PutString(key, value, 0)
}

// setEx returns the handler of SETEX or PSETEX.
func setEx(l lifetime) func(*Call) error {
	return func(c *Call) error {
		key, n, value := c.Key(), c.Bytes(), c.Bytes()
		deadline, err := l.ahead(c, n)
		if err != nil {
			return err
		}
		c.Reply.Simple("OK")
		return c.Tx.PutString(key, value, deadline)
	}
}

func getSet(c *Call) error {
	key, value := c.Key(), c.Bytes()
	old, err := c.Tx.Get(key)
	if err != nil {
		return err
	}
	replyString(c, old)
	return c.Tx.PutString(key, value, 0)
}

func getDel(c *Call) error {
	key := c.Key()
	v, err := c.Tx.Get(key)
	if err != nil {
		return err
	}
	replyString(c, v)
	if v == nil {
		return nil
	}
	_, err = c.Tx.Delete(key)
	return err
}

func mget(c *Call) error {
	c.Reply.Array(c.Left())
	for c.More() {
		v, _ := c.Tx.Get(c.Key()) // nil if it is no string
		replyString(c, v)
	}
	return nil
}

func mset(c *Call) error {
	if c.Left()%2 != 0 {
		return c.Command.ArityError()
	}
	for c.More() {
		if err := c.Tx.PutString(c.Key(), c.Bytes(), 0); err != nil {
			return err
		}
	}
	c.Reply.Simple("OK")
	return nil
}

func msetnx(c *Call) error {
	pairs := c.Rest()
	if len(pairs)%2 != 0 {
		return c.Command.ArityError()
	}
	for i := 0; i < len(pairs); i += 2 {
		if c.Tx.Exists(command.Text(pairs[i])) {
			c.Reply.Int(0)
			return nil
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if err := c.Tx.PutString(command.Text(pairs[i]), pairs[i+1], 0); err != nil {
			return err
		}
	}
	c.Reply.Int(1)
	return nil
}

// incr returns the handler of INCR or DECR.
func incr(by int64) func(*Call) error {
	return func(c *Call) error { return add(c, c.Key(), by) }
}

func incrBy(c *Call) error {
	key, by := c.Key(), c.Int()
	if err := c.Done(); err != nil {
		return err
	}
	return add(c, key, by)
}

func decrBy(c *Call) error {
	key, by := c.Key(), c.Int()
	if err := c.Done(); err != nil {
		return err
	}
	if by == math.MinInt64 { // its negative does not fit
		return command.Error("ERR decrement would overflow")
	}
	return add(c, key, -by)
}

// add adds to the integer at key and replies the sum.
func add(c *Call, key string, by int64) error {
	n, err := c.Tx.Incr(key, by)
	if err != nil {
		return err
	}
	c.Reply.Int(n)
	return nil
}

func incrByFloat(c *Call) error {
	sum, err := c.Tx.IncrByFloat(c.Key(), c.Text())
	if err != nil {
		return err
	}
	c.Reply.Bulk(sum)
	return nil
}

func appendString(c *Call) error {
	n, err := c.Tx.Append(c.Key(), c.Bytes())
	if err != nil {
		return err
	}
	c.Reply.Int(int64(n))
	return nil
}

func strlen(c *Call) error {
	v, err := c.Tx.Get(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Int(int64(len(v)))
	return nil
}

func getRange(c *Call) error {
	key, start, end := c.Key(), c.Int(), c.Int()
	if err := c.Done(); err != nil {
		return err
	}
	v, err := c.Tx.Get(key)
	if err != nil {
		return err
	}
	c.Reply.Bulk(slice(v, start, end))
	return nil
}

// slice returns the bytes of v from start to end, both included; negative ones
// count from the end of v. What lies outside v is left out.
func slice(v []byte, start, end int64) []byte {
	n := int64(len(v))
	if start < 0 && end < 0 && start > end {
		return nil // before both are cut to 0
	}
	if start < 0 {
		start = max(n+start, 0)
	}
	if end < 0 {
		end = max(n+end, 0)
	}
	end = min(end, n-1)
	if start > end {
		return nil
	}
	return v[start : end+1]
}

func setRange(c *Call) error {
	key, offset, data := c.Key(), c.Int(), c.Bytes()
	if err := c.Done(); err != nil {
		return err
	}
	if offset < 0 {
		return command.Error("ERR offset is out of range")
	}
	n, err := c.Tx.SetRange(key, int(offset), data)
	if err != nil {
		return err
	}
	c.Reply.Int(int64(n))
	return nil
}
