package data

import (
	"math"
	"strings"
	"time"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
)

var genericCommands = []Command{
	{
		Name:       "DEL",
		Syntax:     "{key:remove} [{key} ...]",
		Summary:    "Deletes keys.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
		Flags:      Write,
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Run:        del,
	},
	{
		Name:       "UNLINK",
		Syntax:     "{key:remove} [{key} ...]",
		Summary:    "Deletes keys; large values are freed later.",
		Since:      "4.0.0",
		Complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
		Flags:      Write | Fast,
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Run:        del,
	},
	{
		Name:       "EXISTS",
		Syntax:     "{key:test} [{key} ...]",
		Summary:    "Counts those of the keys that exist.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of keys to check.",
		Flags:      Read | Fast,
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Run:        exists,
	},
	{
		Name:       "TOUCH",
		Syntax:     "{key:test} [{key} ...]",
		Summary:    "Marks keys as used just now, and counts those that exist.",
		Since:      "3.2.1",
		Complexity: "O(N) where N is the number of keys that will be touched.",
		Flags:      Read | Fast,
		Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
		Run:        touch,
	},
	{
		Name:       "TYPE",
		Syntax:     "{key:test}",
		Summary:    "Returns the type of the value of a key.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        typeOf,
	},
	{
		Name:       "RENAME",
		Syntax:     "{key:read+delete} {newkey:overwrite}",
		Summary:    "Renames a key; the new name may be one in use.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write,
		Run:        rename,
	},
	{
		Name:       "RENAMENX",
		Syntax:     "{key:read+delete} {newkey:create}",
		Summary:    "Renames a key, unless the new name is in use.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        renamenx,
	},
	{
		Name:       "COPY",
		Syntax:     "{source:read} {destination:overwrite} [DB destination-db] [REPLACE]",
		Summary:    "Copies the value of a key to another key.",
		Since:      "6.2.0",
		Complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
		Flags:      Write | DenyOOM,
		Run:        copyKey,
	},
	{
		Name:       "MOVE",
		Syntax:     "{key:read+update} db",
		Summary:    "Moves a key to another database.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        move,
	},
	{
		Name:       "EXPIRE",
		Syntax:     "{key} seconds [NX | XX | GT | LT]",
		Summary:    "Gives a key a time to live in seconds.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        expire(inSeconds),
	},
	{
		Name:       "PEXPIRE",
		Syntax:     "{key} milliseconds [NX | XX | GT | LT]",
		Summary:    "Gives a key a time to live in milliseconds.",
		Since:      "2.6.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        expire(inMillis),
	},
	{
		Name:       "EXPIREAT",
		Syntax:     "{key} unix-time-seconds [NX | XX | GT | LT]",
		Summary:    "Gives a key a time, in Unix seconds, at which it expires.",
		Since:      "1.2.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        expire(atSeconds),
	},
	{
		Name:       "PEXPIREAT",
		Syntax:     "{key} unix-time-milliseconds [NX | XX | GT | LT]",
		Summary:    "Gives a key a time, in Unix milliseconds, at which it expires.",
		Since:      "2.6.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        expire(atMillis),
	},
	{
		Name:       "TTL",
		Syntax:     "{key}",
		Summary:    "Returns the time to live of a key in seconds.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Tips:       []string{"nondeterministic_output"},
		Run:        ttl(inSeconds),
	},
	{
		Name:       "PTTL",
		Syntax:     "{key}",
		Summary:    "Returns the time to live of a key in milliseconds.",
		Since:      "2.6.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Tips:       []string{"nondeterministic_output"},
		Run:        ttl(inMillis),
	},
	{
		Name:       "EXPIRETIME",
		Syntax:     "{key}",
		Summary:    "Returns the Unix time in seconds at which a key expires.",
		Since:      "7.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        ttl(atSeconds),
	},
	{
		Name:       "PEXPIRETIME",
		Syntax:     "{key}",
		Summary:    "Returns the Unix time in milliseconds at which a key expires.",
		Since:      "7.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        ttl(atMillis),
	},
	{
		Name:       "PERSIST",
		Syntax:     "{key}",
		Summary:    "Takes the time to live from a key.",
		Since:      "2.2.0",
		Complexity: "O(1)",
		Flags:      Write | Fast,
		Run:        persist,
	},
	{
		Name:       "KEYS",
		Syntax:     "pattern",
		Summary:    "Returns all keys that match a pattern.",
		Since:      "1.0.0",
		Complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
		Flags:      Read | Keyspace | Survey,
		ACL:        command.ACLKeyspace | command.ACLDangerous,
		Tips:       []string{"request_policy:all_shards", "nondeterministic_output_order"},
		Run:        keys,
	},
	{
		Name:       "SCAN",
		Syntax:     "cursor [MATCH pattern] [COUNT count] [TYPE type]",
		Summary:    "Walks over the keys of the database.",
		Since:      "2.8.0",
		Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
		Flags:      Read | Keyspace,
		Tips:       []string{"nondeterministic_output", "request_policy:special", "response_policy:special"},
		Run:        scanKeys,
	},
	{
		Name:       "RANDOMKEY",
		Summary:    "Returns a random key of the database.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Read | Keyspace,
		Tips:       []string{"request_policy:all_shards", "response_policy:special", "nondeterministic_output"},
		Run:        randomKey,
	},
	{
		Name:       "WAIT",
		Syntax:     "numreplicas timeout:integer",
		Summary:    "Waits until replicas have the connection's writes.",
		Since:      "3.0.0",
		Complexity: "O(1)",
		ACL:        command.ACLConnection,
		Tips:       []string{"request_policy:all_shards", "response_policy:agg_min"},
		Run:        wait,
	},
	{
		Name:       "OBJECT",
		Summary:    "Looks at how values are stored.",
		Since:      "2.2.3",
		Complexity: "Depends on subcommand.",
		Sub:        objectCommands,
	},
}

// objectCommands are those of OBJECT.
var objectCommands = []Command{
	{
		Name:       "ENCODING",
		Syntax:     "{key:test}",
		Summary:    "Returns how the value of a key is stored.",
		Since:      "2.2.3",
		Complexity: "O(1)",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        objectEncoding,
	},
	{
		Name:       "IDLETIME",
		Syntax:     "{key:test}",
		Summary:    "Returns the seconds since a key was last used.",
		Since:      "2.2.3",
		Complexity: "O(1)",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        objectIdletime,
	},
	{
		Name:       "REFCOUNT",
		Syntax:     "{key:test}",
		Summary:    "Returns the number of references to the value of a key.",
		Since:      "2.2.3",
		Complexity: "O(1)",
		Flags:      Read,
		Tips:       []string{"nondeterministic_output"},
		Run:        objectRefcount,
	},
	{
		Name:       "HELP",
		Summary:    "Returns help about the sub-commands.",
		Since:      "6.2.0",
		Complexity: "O(1)",
		Flags:      Loading | Stale,
		Run:        objectHelp,
	},
}

// errSameKey is the error of COPY and MOVE to where the key is already.
const errSameKey command.Error = "ERR source and destination objects are the same"

func del(c *Call) error {
	n := int64(0)
	for c.More() {
		was, err := c.Tx.Delete(c.Key())
		if err != nil {
			return err
		}
		if was {
			n++
		}
	}
	c.Reply.Int(n)
	return nil
}

// exists counts the hits and misses itself: to be asked for is no use of the key.
func exists(c *Call) error {
	n := c.Left()
	found := int64(0)
	for c.More() {
		if c.Tx.Exists(c.Key()) {
			found++
		}
	}
	c.Tx.Hits += found
	c.Tx.Misses += int64(n) - found
	c.Reply.Int(found)
	return nil
}

func touch(c *Call) error {
	n := int64(0)
	for c.More() {
		if c.Tx.Access(c.Key()) {
			n++
		}
	}
	c.Reply.Int(n)
	return nil
}

func typeOf(c *Call) error {
	c.Reply.Simple(c.Tx.Kind(c.Key()).String())
	return nil
}

func rename(c *Call) error {
	key, to := c.Key(), c.Key()
	if err := c.Tx.Rename(key, c.Tx.Index(), to); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

func renamenx(c *Call) error {
	key, to := c.Key(), c.Key()
	if !c.Tx.Exists(key) {
		return command.ErrNoKey
	}
	if c.Tx.Exists(to) {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(1)
	return c.Tx.Rename(key, c.Tx.Index(), to)
}

// copyKey is COPY.
func copyKey(c *Call) error {
	key, to := c.Key(), c.Key()
	db, replace := c.Tx.Index(), false
	for c.More() {
		switch {
		case c.Option("REPLACE"):
			replace = true
		case c.OptionWith("DB", 1):
			db = database(c)
		default:
			c.Fail(command.ErrSyntax)
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	if db == c.Tx.Index() && key == to {
		return errSameKey
	}
	if !c.Tx.Exists(key) || !replace && existsIn(c, db, to) {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(1)
	return c.Tx.Copy(key, db, to)
}

func move(c *Call) error {
	key, db := c.Key(), database(c)
	if err := c.Done(); err != nil {
		return err
	}
	if db == c.Tx.Index() {
		return errSameKey
	}
	if !c.Tx.Exists(key) || existsIn(c, db, key) {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(1)
	return c.Tx.Rename(key, db, key)
}

// database takes the number of a database.
func database(c *Call) int {
	n := c.Int()
	if n < math.MinInt32 || n > math.MaxInt32 {
		c.Fail(command.Error("ERR value is out of range, value must between -2147483648 and 2147483647"))
	}
	if n < 0 || n >= int64(c.Tx.DB().Databases()) {
		c.Fail(store.ErrDatabase)
	}
	return int(n)
}

// existsIn reports whether there is a key in database db.
func existsIn(c *Call, db int, key string) bool {
	home := c.Tx.Index()
	c.Tx.Select(db)
	defer c.Tx.Select(home)
	return c.Tx.Exists(key)
}

func keys(c *Call) error {
	pattern := c.Text()
	all, seen := c.Tx.Len(), 0
	c.Heavy(all)
	before := c.Reply.Len()
	mark, n := c.Reply.Defer(), 0
	show := func(r types.Ref) {
		if seen++; seen == sample { // what follows will be like what was
			c.Reply.Grow(min((c.Reply.Len()-before)*(all/sample), foretold))
		}
		if pattern == "*" || store.Match(pattern, command.Text(r.Key())) {
			c.Reply.Bulk(r.Key())
			n++
		}
	}
	for cursor := c.Tx.Scan(0, scanAll, show); cursor != 0; {
		cursor = c.Tx.Scan(cursor, scanAll, show)
	}
	c.Reply.SetArray(mark, n)
	return nil
}

// sample is how many keys tell how large a reply about all of them will be.
const sample = 4096

// foretold is the most that they may make room for: they may be the long ones.
const foretold = 256 << 20

// scanAll is a number of keys that only very large databases have.
const scanAll = 1 << 30

func scanKeys(c *Call) error {
	kind, every := "", true
	s, err := parseScan(c.Bytes(), c, func() bool {
		if !c.OptionWith("TYPE", 1) {
			return false
		}
		kind, every = c.Text(), false
		return true
	})
	if err != nil {
		return err
	}
	return s.reply(c, func() uint64 {
		return c.Tx.Scan(s.cursor, s.count, func(r types.Ref) {
			if s.shows(r.Key()) && (every || strings.EqualFold(kind, r.Kind().String())) {
				c.Reply.Bulk(r.Key())
				s.entries++
			}
		})
	})
}

func randomKey(c *Call) error {
	key, ok := c.Tx.RandomKey()
	if !ok {
		c.Reply.Null()
		return nil
	}
	c.Reply.BulkString(key)
	return nil
}

func objectEncoding(c *Call) error {
	name, ok := c.Tx.Encoding(c.Key())
	if !ok {
		c.Reply.Null()
		return nil
	}
	c.Reply.BulkString(name)
	return nil
}

func objectIdletime(c *Call) error {
	idle, ok := c.Tx.Idle(c.Key())
	if !ok {
		c.Reply.Null()
		return nil
	}
	c.Reply.Int(int64(idle / time.Second))
	return nil
}

// objectRefcount is always 1: keys do not share values that clients could see.
func objectRefcount(c *Call) error {
	if !c.Tx.Exists(c.Key()) {
		c.Reply.Null()
		return nil
	}
	c.Reply.Int(1)
	return nil
}

func objectHelp(c *Call) error {
	lines := c.Command.Parent().Help()
	c.Reply.Array(len(lines))
	for _, line := range lines {
		c.Reply.Simple(line)
	}
	return nil
}

// wait does not wait: there are no replicas, and none will come.
func wait(c *Call) error {
	c.Int()
	timeout := c.IntOr(command.Error("ERR timeout is not an integer or out of range"))
	if timeout < 0 {
		c.Fail(command.ErrNegTimeout)
	}
	if err := c.Done(); err != nil {
		return err
	}
	c.Reply.Int(0)
	return nil
}
