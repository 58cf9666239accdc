package data

import (
	"math"

	"redstart/wire/command"
)

var databaseCommands = []Command{
	{
		Name:       "DBSIZE",
		Summary:    "Returns the number of keys in the database.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast | Keyspace,
		ACL:        command.ACLKeyspace,
		Tips:       []string{"request_policy:all_shards", "response_policy:agg_sum"},
		Run:        dbsize,
	},
	{
		Name:       "FLUSHDB",
		Syntax:     "[ASYNC | SYNC]",
		Summary:    "Deletes all keys of the database.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of keys in the selected database",
		Flags:      Write | Keyspace,
		ACL:        command.ACLKeyspace | command.ACLDangerous,
		Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Run:        flushdb,
	},
	{
		Name:       "FLUSHALL",
		Syntax:     "[ASYNC | SYNC]",
		Summary:    "Deletes all keys of all databases.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the total number of keys in all databases",
		Flags:      Write | Keyspace,
		ACL:        command.ACLKeyspace | command.ACLDangerous,
		Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Run:        flushall,
	},
	{
		Name:       "SWAPDB",
		Syntax:     "index1 index2",
		Summary:    "Exchanges two databases.",
		Since:      "4.0.0",
		Complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases.",
		Flags:      Write | Fast | Keyspace,
		ACL:        command.ACLKeyspace | command.ACLDangerous,
		Run:        swapdb,
	},
	{
		Name:       "TIME",
		Summary:    "Returns the server's time in seconds and microseconds.",
		Since:      "2.6.0",
		Complexity: "O(1)",
		Flags:      Loading | Stale | Fast,
		Tips:       []string{"nondeterministic_output"},
		Run:        serverTime,
	},
}

func dbsize(c *Call) error {
	c.Reply.Int(int64(c.Tx.Len()))
	return nil
}

func flushdb(c *Call) error { return flush(c, c.Tx.Index()) }

func flushall(c *Call) error { return flush(c, -1) }

// flush deletes the keys of a database, or of all if db is -1. It always is
// quick: what the keys held is left to the garbage collector.
func flush(c *Call, db int) error {
	if !c.Option("ASYNC") {
		c.Option("SYNC")
	}
	if err := c.Done(); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return c.Tx.Flush(db)
}

func swapdb(c *Call) error {
	a := c.IntIn(math.MinInt32, math.MaxInt32, command.Error("ERR invalid first DB index"))
	b := c.IntIn(math.MinInt32, math.MaxInt32, command.Error("ERR invalid second DB index"))
	if err := c.Done(); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return c.Tx.Swap(int(a), int(b))
}

// serverTime is TIME. It is finer than the time of the transaction.
func serverTime(c *Call) error {
	now := c.Tx.DB().Clock().Now()
	c.Reply.Array(2)
	c.Reply.BulkInt(now.Unix())
	c.Reply.BulkInt(int64(now.Nanosecond() / 1000))
	return nil
}
