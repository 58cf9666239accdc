package wire_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/wire/command"
	"redstart/wire/resp"
)

var (
	walkSeed  = flag.Uint64("walk.seed", 1, "seed of the random walks over the grammar")
	walkCalls = flag.Int("walk.calls", 1500, "length of the random walks over the grammar")
)

// A walk is a history of random calls, right and almost right.
type walk struct {
	name  string
	takes func(c *command.Command) bool
	// score makes up a score or another number with a fraction.
	score func(r *rand.Rand) string
	odd   float64
}

var walks = []walk{
	{name: "all", takes: func(c *command.Command) bool { return slices.Contains(walkGroups, c.Group) }, score: anyScore, odd: 0.15},
	{name: "string", takes: family("string", "del"), score: anyScore, odd: 0.15},
	{name: "generic", takes: family("generic", "set", "rpush", "sadd", "hset", "zadd"), score: anyScore, odd: 0.15},
	{name: "list", takes: family("list", "del"), score: anyScore, odd: 0.15},
	{name: "hash", takes: family("hash", "del"), score: anyScore, odd: 0.15},
	{name: "set", takes: family("set", "del"), score: anyScore, odd: 0.15},
	{name: "zset", takes: family("sorted-set", "sadd"), score: anyScore, odd: 0.15},
	// By name a sorted set is in order only while all scores are equal.
	{name: "names", takes: takesNames, score: func(*rand.Rand) string { return "0" }},
}

var walkGroups = []string{"string", "list", "hash", "set", "sorted-set", "generic"}

func takesNames(c *command.Command) bool {
	return isAnyOf(c, "zadd", "zrem", "zrangebylex", "zrevrangebylex", "zlexcount", "zremrangebylex", "zcard", "zrange",
		"zrangestore", "zrevrange")
}

// family takes the commands of a group and some others, which make a change.
func family(group string, others ...string) func(*command.Command) bool {
	return func(c *command.Command) bool { return c.Group == group || isAnyOf(c, others...) }
}

func isAnyOf(c *command.Command, names ...string) bool { return slices.Contains(names, c.FullName()) }

// notWalked are the commands left out of walks, and why.
var notWalked = map[string]string{
	"spop":            "what it leaves is random",
	"wait":            "it waits",
	"waitaof":         "of 7.2",
	"object|refcount": "it tells of Redis's shared objects",
	"object|encoding": "transcripts compare it",
	"object|help":     "in our own words",
	"ttl":             "the time goes on",
	"pttl":            "the time goes on",
	"expiretime":      "the time goes on",
	"pexpiretime":     "the time goes on",
	"zremrangebylex":  "see the walk over names",
}

// timed are the commands with a lifetime. A wrong one of them could be a short
// one, and keys would vanish on the way.
var timed = []string{"SET", "SETEX", "PSETEX", "GETEX", "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"}

func anyScore(r *rand.Rand) string {
	// Sums and products of these are printed alike by 7.0 and 7.2.
	some := []string{"0", "1", "2", "2", "3", "10", "-1", "0.5", "-1.5", "1e3", "inf", "-inf"}
	return some[r.IntN(len(some))]
}

// calls makes up the history.
func (w *walk) calls(t *testing.T, seed uint64, n int) (calls [][][]byte) {
	table := ourTable(t)
	r := rand.New(rand.NewPCG(seed, 0))
	walker := command.Walker{Rand: r, Keys: []string{"k1", "k2", "k3", "k4", "{k}5"}, Value: w.value}
	var commands []*command.Command
	for c := range table.Every() {
		if out := notWalked[c.FullName()] != ""; w.takes(c) && !c.Container() && (!out || w.name == "names") {
			commands = append(commands, c)
		}
	}
	for len(calls) < n {
		c := commands[r.IntN(len(commands))]
		walker.Odd = w.odd
		if slices.Contains(timed, c.Name) {
			walker.Odd = 0
		}
		call := walker.Call(c)
		switch {
		case w.name != "names" && c.Name == "ZRANGESTORE" && hasWord(call, "BYLEX"):
			continue
		case strings.HasSuffix(c.Name, "FLOAT") && hasWord(call, "1e400"):
			continue // a number to Redis, in 80 bits
		}
		calls = append(calls, call)
	}
	return calls
}

func (w *walk) value(r *rand.Rand, n *command.Node) (string, bool) {
	pick := func(some ...string) (string, bool) { return some[r.IntN(len(some))], true }
	far := strconv.Itoa(100_000 + r.IntN(1000)*1000)
	switch name := strings.ToLower(n.Name); {
	case name == "timeout":
		return "0.001", true
	case strings.HasPrefix(name, "unix-time-milli"):
		return pick("4102444800"+far[:3], "-1", "x", "9223372036854775807")
	case strings.HasPrefix(name, "unix-time"):
		return pick("4102"+far[:6], "0", "-1", "x", "9223372036854775807")
	case name == "seconds":
		return pick(far, far, "-1", "0", "x", "9223372036854775807")
	case name == "milliseconds":
		return pick(far+"000", far+"000", "-1", "0", "x", "9223372036854775807")
	case n.Type == command.TypeDouble, name == "min" && w.name != "names", name == "max" && w.name != "names":
		return w.score(r), true
	case name == "min", name == "max", name == "start" && w.name == "names", name == "stop" && w.name == "names":
		return pick("-", "+", "[a", "(a", "[b", "(c", "[", "(", "[10", "x", "0", "-1")
	}
	return "", false
}

func hasWord(call [][]byte, word string) bool {
	return slices.ContainsFunc(call[1:], func(arg []byte) bool { return strings.EqualFold(string(arg), word) })
}

// looseness says how closely replies to a call are compared.
type looseness int

const (
	exact looseness = iota
	anyOrder
	onlyLength // of the reply, or whether it is one at all
	onlyError
)

func loosen(call [][]byte) looseness {
	switch strings.ToUpper(string(call[0])) {
	case "HGETALL", "HKEYS", "HVALS", "SMEMBERS", "SINTER", "SUNION", "SDIFF", "KEYS":
		return anyOrder
	case "SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER":
		return onlyLength
	case "SCAN", "HSCAN", "SSCAN", "ZSCAN", "RANDOMKEY", "OBJECT":
		return onlyError
	}
	return exact
}

// fact is what of a reply is compared.
func fact(call [][]byte, v resp.Value, byName bool) string {
	how := loosen(call)
	if !byName && how == exact && (strings.Contains(strings.ToUpper(string(call[0])), "LEX") || hasWord(call, "BYLEX")) {
		how = onlyError
	}
	if v.Err() != nil {
		return v.String()
	}
	switch how {
	case anyOrder:
		return inOrder(v).String()
	case onlyLength:
		return fmt.Sprintf("%v %d", v.Null, len(v.Elems))
	case onlyError:
		return "no error"
	}
	return v.String()
}

// batch is how many commands are sent before their replies are read.
const batch = 50

// run plays a history and returns the replies, one to each call.
func run(t *testing.T, c *client, calls [][][]byte) (replies []resp.Value) {
	t.Helper()
	for part := range slices.Chunk(calls, batch) {
		var out []byte
		for _, call := range part {
			if isBlocking(call) { // in a transaction it does not wait
				out = append(out, "*1\r\n$5\r\nMULTI\r\n"...)
				out = append(out, encode(call)...)
				out = append(out, "*1\r\n$4\r\nEXEC\r\n"...)
				continue
			}
			out = append(out, encode(call)...)
		}
		out = append(out, "*2\r\n$4\r\nECHO\r\n$6\r\nbehind\r\n"...)
		go c.conn.Write(out)
		for _, call := range part {
			c.sent = fmt.Sprintf("%q", call)
			if !isBlocking(call) {
				replies = append(replies, c.read(t))
				continue
			}
			require.Equal(t, "OK", c.read(t).Str)
			queued, done := c.read(t), c.read(t)
			if queued.Err() == nil {
				require.Len(t, done.Elems, 1, c.sent)
				queued = done.Elems[0]
			}
			replies = append(replies, queued)
		}
		require.Equal(t, "behind", c.read(t).Str, "one reply to each command")
	}
	return replies
}

func isBlocking(call [][]byte) bool {
	name := strings.ToUpper(string(call[0]))
	return strings.HasPrefix(name, "B") && !strings.HasPrefix(name, "BIT") && !strings.HasPrefix(name, "BG")
}

// Random histories have the same replies from a redis-server, and from
// ourselves whatever the options.
func TestWalksOverTheGrammar(t *testing.T) {
	redis := startRedis(t)
	t.Logf("-walk.seed %d -walk.calls %d", *walkSeed, *walkCalls)
	for _, w := range walks {
		t.Run(w.name, func(t *testing.T) {
			calls := w.calls(t, *walkSeed, *walkCalls)
			byName := w.name == "names"
			want := run(t, newClient(t, startOurs(t, "", nil, nil)), calls)
			if redis != nil {
				t.Run("redis-server", func(t *testing.T) { compareLive(t, redis, calls, byName) })
			}
			for _, r := range roads {
				if !r.multi {
					t.Run(r.name, func(t *testing.T) { compareRoad(t, r, calls, want, byName) })
				}
			}
		})
	}
}

// compareLive compares call by call with redis-server. After a difference both
// begin anew, so that one does not lead to others.
func compareLive(t *testing.T, redis *peer, calls [][][]byte, byName bool) {
	theirs, ours := newClient(t, redis), newClient(t, startOurs(t, "", nil, nil))
	flush := [][][]byte{{[]byte("FLUSHALL")}}
	run(t, theirs, flush)
	for i, bad := 0, 0; i < len(calls) && bad < 20; i += batch {
		part := calls[i:min(i+batch, len(calls))]
		a, b := run(t, theirs, part), run(t, ours, part)
		for j, call := range part {
			want, got := fact(call, a[j], byName), fact(call, b[j], byName)
			if want == got || differs(call) || sameNumbers(want, got) {
				continue
			}
			t.Errorf("call %d: %q\n got %s\nwant %s\nafter %s", i+j, call, got, want, before(part[:j], call))
			bad++
			run(t, theirs, flush)
			run(t, ours, flush)
			break
		}
	}
}

// before returns the calls of a batch that had to do with the keys of another.
func before(part [][][]byte, call [][]byte) string {
	var b strings.Builder
	for _, p := range part {
		if slices.ContainsFunc(p[1:], func(arg []byte) bool {
			return len(arg) >= 2 && slices.ContainsFunc(call[1:], func(a []byte) bool { return string(a) == string(arg) })
		}) {
			fmt.Fprintf(&b, "\n      %q", p)
		}
	}
	return b.String()
}

// sameNumbers reports whether two printed replies are the same but for the way
// in which they write their numbers: 7.2 writes the fewest digits.
func sameNumbers(a, b string) bool {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	return slices.EqualFunc(as, bs, func(a, b string) bool {
		if a == b {
			return true
		}
		x, err1 := strconv.ParseFloat(lastWord(a), 64)
		y, err2 := strconv.ParseFloat(lastWord(b), 64)
		return err1 == nil && err2 == nil && x == y
	})
}

func lastWord(line string) string {
	return strings.Trim(line[strings.LastIndexByte(line, ' ')+1:], "\"")
}

// differs reports whether redis-server 7.0 and 7.2 differ about a call.
func differs(call [][]byte) bool {
	switch strings.ToUpper(string(call[0])) {
	case "ZRANK", "ZREVRANK":
		return len(call) > 3 // WITHSCORE
	case "BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP":
		// A timeout that is too large overflows in 7.0, and is negative.
		return hasWord(call, "9223372036854775808") || hasWord(call, "9223372036854775807") || hasWord(call, "1e400") || hasWord(call, "inf")
	case "LPOS":
		return hasWord(call, "-9223372036854775808") // as RANK it is refused
	}
	return false
}

// compareRoad compares with what we replied at first.
func compareRoad(t *testing.T, r road, calls [][][]byte, want []resp.Value, byName bool) {
	path := ""
	if r.file {
		path = filepath.Join(t.TempDir(), "db")
	}
	opt := r.opt
	p := startOurs(t, path, &opt, nil)
	var got []resp.Value
	parts := slices.Collect(slices.Chunk(calls, max(1, len(calls)/4)))
	for i, part := range parts {
		if i > 0 && r.file {
			p.close(t)
			p = startOurs(t, path, &opt, nil)
		}
		c := newClient(t, p)
		if r.proto == 3 {
			require.NoError(t, c.do(t, "HELLO", "3").Err())
		}
		got = append(got, run(t, c, part)...)
		c.conn.Close()
	}
	bad := 0
	for i, call := range calls {
		a, b := fact(call, want[i], byName), fact(call, got[i], byName)
		if r.proto == 3 {
			a, b = content(call, want[i], byName), content(call, got[i], byName)
		}
		if a != b {
			t.Errorf("call %d: %q\n got %s\nwant %s", i, call, b, a)
			if bad++; bad == 10 {
				return
			}
		}
	}
}

// content is what of a reply the two versions of the protocol have in common.
func content(call [][]byte, v resp.Value, byName bool) string {
	if how := loosen(call); how == onlyLength || how == onlyError {
		return fmt.Sprint(v.Err())
	}
	texts := leaves(nil, []resp.Value{v})
	if loosen(call) == anyOrder {
		slices.Sort(texts)
	}
	return strings.Join(texts, "\n")
}
