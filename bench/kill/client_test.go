package kill

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// The keys: each group has some of each kind. Those named queue are waited at.
const (
	groups     = 4
	bigSize    = 3000 // names of fields and members of the big collections
	bigGrowth  = 300  // how many come at once
	longestBig = 2000 // elements of the big list
	longest    = 30   // and of others
)

func key(group int, kind string, n int) string { return fmt.Sprintf("group%d:%s:%d", group, kind, n) }

// keyCounts are how many keys of a kind a group has. The one counter counts
// its batches.
var keyCounts = []struct {
	kind  string
	count int
}{{"string", 3}, {"brief", 2}, {"count", 1}, {"list", 2}, {"queue", 1}, {"biglist", 1}, {"hash", 2}, {"bighash", 1},
	{"set", 2}, {"zset", 2}, {"zqueue", 1}, {"bigzset", 1}}

// A client sends random requests, which its seed determines but for deadlines.
type client struct {
	number   int
	rand     *rand.Rand
	depth    int           // how many requests are on their way at once, each about another group
	waits    bool          // it is one that takes from queues
	pace     time.Duration // the least time from one round to the next
	attempts []*attempt
	sent     int // attempts, through all lives
	plain    int // attempts since the last batch
	last     int // group
}

func newClient(seed uint64, number int, pace time.Duration) *client {
	c := &client{number: number, rand: rand.New(rand.NewPCG(seed, uint64(number)+1)), depth: 1 + 3*(number%2), pace: pace}
	if number%4 == 0 {
		c.depth, c.waits = 1, true
	}
	return c
}

// run sends requests until the connection breaks, and notes them in attempts.
// The error is not about the end.
func (c *client) run(addr string) error {
	c.attempts = nil
	conn, err := dial(addr)
	if err != nil {
		return nil // killed before
	}
	defer conn.Close()
	for next := time.Now(); ; next = next.Add(c.pace) {
		<-time.After(time.Until(next))
		round := c.round()
		for _, a := range round {
			if err := a.send(conn); err != nil {
				return nil
			}
		}
		if err := conn.Flush(); err != nil {
			return nil
		}
		for _, a := range round {
			reply, err := a.receive(conn)
			if alive, err := answer(err); !alive {
				return nil
			} else if err != nil {
				return fmt.Errorf("%v: %w", a, err)
			}
			a.reply, a.answered, a.ended = reply, true, now()
		}
	}
}

// round makes the attempts that are sent at once.
func (c *client) round() []*attempt {
	var round []*attempt
	sent := now()
	for range c.depth {
		c.last = (c.last + 1) % groups
		c.sent++
		a := &attempt{client: c.number, number: c.sent, group: c.last, sent: sent}
		g := generator{c.rand, c.last, fmt.Sprintf("%d.%d", c.number, c.sent)}
		switch {
		case c.waits && c.plain == 0:
			a.request = request{g.waiting()}
		case c.plain < 3 && c.rand.IntN(2) == 0:
			a.request = request{g.telling()}
		default:
			a.batch, a.request = true, g.batch()
		}
		if c.plain++; a.batch {
			c.plain = 0
		}
		c.attempts = append(c.attempts, a)
		round = append(round, a)
	}
	return round
}

// lastBatch is the key that holds the number of a client's last batch.
func lastBatch(client int) string { return fmt.Sprintf("client%d:batch", client) }

func (a *attempt) send(conn redis.Conn) error {
	if a.batch {
		conn.Send("MULTI")
		conn.Send("SET", lastBatch(a.client), a.number)
	}
	for _, args := range a.request {
		conn.Send(args[0], redis.Args{}.AddFlat(args[1:])...)
	}
	if a.batch {
		return conn.Send("EXEC")
	}
	return conn.Err()
}

// receive returns the reply to a, rendered; of a batch, that of EXEC to its
// commands.
func (a *attempt) receive(conn redis.Conn) (string, error) {
	if !a.batch {
		reply, err := conn.Receive()
		var refused redis.Error
		if errors.As(err, &refused) && strings.HasPrefix(string(refused), "ERR ") {
			return rendered(refused), nil // the model says whether it had to
		}
		return rendered(reply), err
	}
	for range len(a.request) + 2 { // OK, and QUEUED for each
		if _, err := conn.Receive(); err != nil {
			return "", err
		}
	}
	replies, err := redis.Values(conn.Receive())
	if err != nil {
		return "", err
	}
	if len(replies) != len(a.request)+1 || replies[0] != "OK" {
		return "", fmt.Errorf("EXEC answers %v", replies)
	}
	return rendered(replies[1:]), nil
}

// answer tells an error the server answered with (err) from a broken connection
// (not alive).
func answer(err error) (alive bool, _ error) {
	var refused redis.Error
	if errors.As(err, &refused) {
		return true, refused
	}
	return err == nil, nil
}

func dial(addr string) (redis.Conn, error) {
	return redis.Dial("tcp", addr, redis.DialConnectTimeout(10*time.Second), redis.DialReadTimeout(time.Minute))
}

// A generator makes one request about a group.
type generator struct {
	*rand.Rand
	group int
	mark  string // a name that occurs once
}

func (g generator) key(kind string, n int) string { return key(g.group, kind, g.IntN(n)) }

// waiting is a command that takes from a queue, and waits if it is empty.
func (g generator) waiting() []string {
	timeout := strconv.FormatFloat(0.01+0.2*g.Float64(), 'f', 3, 64)
	switch g.IntN(4) {
	case 0:
		return []string{"BLMOVE", g.key("queue", 1), g.key("list", 2), "LEFT", "RIGHT", timeout}
	case 1:
		return []string{"BZPOPMIN", g.key("zqueue", 1), timeout}
	}
	return []string{"BLPOP", g.key("queue", 1), timeout}
}

// batch counts itself, so that its reply tells its place among all batches of
// the group: porcupine would try too many orders otherwise. A command whose
// effect depends on when it runs may only be the last.
func (g generator) batch() request {
	r := request{{"INCR", g.key("count", 1)}}
	for range 1 + g.IntN(4) {
		r = append(r, g.command())
	}
	if g.IntN(6) == 0 {
		r = append(r, g.expiring())
	}
	return r
}

// expiring sets a deadline that is about now.
func (g generator) expiring() []string {
	at := strconv.FormatInt(time.Now().UnixMilli()+g.Int64N(60)-2, 10)
	if g.IntN(3) == 0 {
		return []string{"PEXPIREAT", g.anyKey(), at}
	}
	return []string{"SET", g.key("brief", 2), g.value(), "PXAT", at}
}

// telling is a command whose reply tells most of what was there before, for
// the same reason.
func (g generator) telling() []string {
	list, set, member := g.key("list", 2), g.key("set", 2), fmt.Sprint("member", g.IntN(20))
	switch g.IntN(16) {
	case 0, 1:
		return []string{"SET", g.key("string", 3), g.value(), "GET"}
	case 2:
		at := strconv.FormatInt(time.Now().UnixMilli()+g.Int64N(60), 10)
		return []string{"SET", g.key("brief", 2), g.value(), "GET", "PXAT", at}
	case 3:
		return []string{"APPEND", g.key("string", 3), g.mark}
	case 4:
		return []string{"HINCRBY", g.key("hash", 2), "count", "3"}
	case 5:
		return []string{"LPOP", list}
	case 6:
		return []string{"LPUSH", list, g.value()}
	case 7:
		return []string{"LMOVE", key(g.group, "list", 0), key(g.group, "list", 1), "LEFT", "RIGHT"}
	case 8:
		return []string{"SADD", set, member}
	case 9:
		return []string{"SREM", set, member}
	case 10:
		return []string{"SPOP", set}
	case 11:
		return []string{"ZPOPMIN", g.key("zset", 2)}
	case 12:
		return []string{"GET", g.key("brief", 2)}
	case 13:
		return []string{"LRANGE", list, "0", "-1"}
	}
	return []string{"RPUSH", g.key("queue", 1), g.mark}
}

// command is one of any kind that does not wait.
func (g generator) command() []string {
	switch g.IntN(8) {
	case 0, 1:
		return g.stringCommand()
	case 2, 3:
		return g.listCommand()
	case 4:
		return g.hashCommand()
	case 5:
		return g.setCommand()
	case 6:
		return g.zsetCommand()
	}
	return g.keyCommand()
}

// anyKey is one that may expire or be deleted: no queue, so that those have
// something, and no counter.
func (g generator) anyKey() string {
	if g.IntN(100) == 0 {
		return g.key([]string{"biglist", "bighash", "bigzset"}[g.IntN(3)], 1)
	}
	return g.key([]string{"string", "list", "hash", "set", "zset"}[g.IntN(5)], 2)
}

const year2100 = 4102444800000

func (g generator) keyCommand() []string {
	kind := []string{"string", "list", "hash", "set", "zset", "brief"}[g.IntN(6)]
	switch g.IntN(6) {
	case 0:
		return []string{"RENAME", key(g.group, kind, 0), key(g.group, kind, 1)}
	case 1:
		return []string{"COPY", key(g.group, kind, 0), key(g.group, kind, 1), "REPLACE"}
	case 2:
		return []string{"DEL", g.anyKey()}
	case 3:
		return []string{"PERSIST", g.anyKey()}
	}
	return []string{"PEXPIREAT", g.anyKey(), strconv.FormatInt(year2100+g.Int64N(1e9), 10)}
}

// value is a text that occurs once: mostly small, sometimes more than a page,
// and once in a while so large that one write does not fit into a journal
// record.
func (g generator) value() string {
	size := g.IntN(100)
	switch n := g.IntN(1000); {
	case n == 0:
		size = 300_000
	case n < 20:
		size = 10_000
	}
	return g.mark + "-" + strings.Repeat("x", size)
}

func (g generator) stringCommand() []string {
	switch g.IntN(7) {
	case 0:
		return []string{"GET", g.key("string", 3)}
	case 1:
		return []string{"SET", g.key("string", 3), g.value(), "PXAT", strconv.FormatInt(year2100+g.Int64N(1e9), 10)}
	case 2:
		return []string{"APPEND", g.key("string", 3), g.mark}
	case 3:
		return []string{"GET", g.key("brief", 2)}
	}
	return []string{"SET", g.key("string", 3), g.value()}
}

func (g generator) listCommand() []string {
	list := g.key("list", 2)
	switch g.IntN(14) {
	case 0:
		return []string{"LPOP", list}
	case 1:
		return []string{"RPOP", list}
	case 2:
		return []string{"LTRIM", list, "0", strconv.Itoa(longest - 1)}
	case 3:
		return []string{"LRANGE", list, "0", "-1"}
	case 4:
		return []string{"LMOVE", key(g.group, "list", 0), key(g.group, "list", 1), "LEFT", "RIGHT"}
	case 5, 6:
		return []string{"LPUSH", list, g.value()}
	case 7, 8:
		return []string{"RPUSH", list, g.value()}
	case 9:
		return g.many([]string{"RPUSH", g.key("biglist", 1)}, func(i int) []string { return []string{fmt.Sprintf("%s/%d", g.mark, i)} })
	case 10:
		return []string{"LTRIM", g.key("biglist", 1), "0", strconv.Itoa(longestBig - 1)}
	case 11:
		return []string{"LPUSH", g.key("biglist", 1), g.mark}
	case 12:
		return []string{"LTRIM", g.key("queue", 1), "0", "9"}
	}
	return []string{"RPUSH", g.key("queue", 1), g.mark}
}

// many is a command with many groups of arguments, once in a while, else with
// one.
func (g generator) many(args []string, of func(i int) []string) []string {
	n := 1
	if g.IntN(20) == 0 {
		n = bigGrowth
	}
	for i := range n {
		args = append(args, of(i)...)
	}
	return args
}

func (g generator) hashCommand() []string {
	hash, field := g.key("hash", 2), fmt.Sprint("field", g.IntN(20))
	switch g.IntN(6) {
	case 0:
		return []string{"HDEL", hash, field}
	case 1:
		return []string{"HINCRBY", hash, "count", "3"}
	case 2:
		return []string{"HGET", hash, field}
	case 3:
		return g.many([]string{"HSET", g.key("bighash", 1)}, func(int) []string {
			return []string{fmt.Sprint("field", g.IntN(bigSize)), g.mark}
		})
	}
	return []string{"HSET", hash, field, g.value()}
}

func (g generator) setCommand() []string {
	set, member := g.key("set", 2), fmt.Sprint("member", g.IntN(20))
	switch g.IntN(6) {
	case 0:
		return []string{"SREM", set, member}
	case 1:
		return []string{"SPOP", set}
	case 2:
		return []string{"SCARD", set}
	}
	return []string{"SADD", set, member}
}

func (g generator) zsetCommand() []string {
	zset, member, score := g.key("zset", 2), fmt.Sprint("member", g.IntN(20)), strconv.Itoa(g.IntN(1000))
	switch g.IntN(10) {
	case 0:
		return []string{"ZREM", zset, member}
	case 1:
		return []string{"ZPOPMIN", zset}
	case 2:
		return []string{"ZRANGE", zset, "0", "-1", "WITHSCORES"}
	case 3:
		return g.many([]string{"ZADD", g.key("bigzset", 1)}, func(int) []string {
			return []string{strconv.Itoa(g.IntN(1000)), fmt.Sprint("member", g.IntN(bigSize))}
		})
	case 4, 5:
		return []string{"ZADD", g.key("zqueue", 1), score, g.mark}
	case 6, 7:
		return []string{"ZPOPMIN", g.key("zqueue", 1)}
	}
	return []string{"ZADD", zset, score, member}
}
