package wire_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/types"
	"redstart/wire/resp"
)

// What a random history of commands of all families changes, told as commands
// of Redis, gives a database of our own, and a redis-server, the same data; and
// the kinds it is told with are right.
func TestChangesMakeAReplica(t *testing.T) {
	for _, file := range []bool{false, true} {
		t.Run(map[bool]string{false: "memory", true: "file"}[file], func(t *testing.T) {
			path := ""
			if file {
				path = filepath.Join(t.TempDir(), "app.db")
			}
			// No tick deletes what has expired before both sides are compared.
			source := startOurs(t, path, &store.Options{KeepJournal: 1 << 30, Clock: stillClock{}}, nil)
			replica := startOurs(t, "", &store.Options{Clock: stillClock{}}, nil)
			followers := []*replay{newReplay(newClient(t, replica))}
			if redis := startRedis(t); redis != nil {
				followers = append(followers, newReplay(newClient(t, redis)))
			}
			c := newClient(t, source)
			for i, w := range walks {
				calls := w.calls(t, *walkSeed+uint64(i), *walkCalls/2)
				for at := 0; at < len(calls); at += 100 {
					between(t, c, at/100)
					run(t, c, calls[at:min(at+100, len(calls))])
				}
				want := contents(t, newClient(t, source))
				for _, f := range followers {
					f.follow(t, source.db)
					require.Equal(t, want, contents(t, f.to), w.name)
					f.db = 15 // contents has left it there
					require.NoError(t, f.check(source.db))
				}
			}
			for _, op := range told {
				require.Positive(t, followers[0].ops[op], "op %d was never told", op)
			}
		})
	}
}

// A follower that comes after deadlines have passed loses no key whose deadline
// was moved in time, and deletes those that have expired.
func TestChangesAfterDeadlines(t *testing.T) {
	clock := new(setClock)
	source := startOurs(t, "", &store.Options{KeepJournal: 1 << 20, Clock: clock}, nil)
	followers := []*replay{newReplay(newClient(t, startOurs(t, "", &store.Options{Clock: clock}, nil)))}
	if redis := startRedis(t); redis != nil {
		followers = append(followers, newReplay(newClient(t, redis))) // all these deadlines are past to it
	}
	c := newClient(t, source)
	run := func(lines ...string) {
		for _, line := range lines {
			require.NoError(t, c.do(t, strings.Fields(line)...).Err(), line)
		}
	}
	run("SET kept 1 EX 10", "SET longer 1 EX 10", "RPUSH list a", "EXPIRE list 10", "SET gone 1 EX 10", "SET shorter 1 EX 1000")
	clock.seconds.Add(5)
	run("PERSIST kept", "EXPIRE longer 20", "EXPIRE shorter 5", "RENAME list moved", "PERSIST moved")
	clock.seconds.Add(10)
	run("EXPIRE longer 20", "PERSIST longer", "SET last 1 EX 20")
	require.Zero(t, c.do(t, "EXISTS", "gone", "shorter").Int)
	run("DEL gone shorter") // which finds them expired
	clock.seconds.Add(100)
	require.Zero(t, c.do(t, "EXISTS", "last").Int)
	run("DEL last")
	want := contents(t, newClient(t, source))
	for _, f := range followers {
		f.follow(t, source.db)
		require.Equal(t, want, contents(t, f.to))
	}
}

// Who is given no deadlines has, however late, what the database had after each
// commit. Who is given them may lose a key whose deadline he sees pass before he
// hears that it was moved.
func TestChangesWithoutDeadlines(t *testing.T) {
	clock := new(setClock)
	source := startOurs(t, "", &store.Options{KeepJournal: 1 << 20, Clock: clock}, nil)
	c := newClient(t, source)
	dated := newReplay(newClient(t, startOurs(t, "", &store.Options{Clock: clock}, nil)))
	undated := []*replay{newReplay(newClient(t, startOurs(t, "", &store.Options{Clock: clock}, nil)))}
	if redis := startRedis(t); redis != nil {
		undated = append(undated, newReplay(newClient(t, redis))) // it has a clock of its own
	}
	for _, line := range []string{
		"SET session 1 EX 10", "RPUSH list a b", "EXPIRE list 10", "SET gone 1 EX 10", "told",
		"EXPIRE session 20", "PERSIST list", "HSET h f v", "EXPIRE h 1", "later",
		"DEL gone h", "COPY session other", "RENAME session renamed", "RPUSH list c", "MOVE other 1", "EXPIRE renamed 100",
	} {
		switch line {
		case "later":
			clock.seconds.Add(15)
			fallthrough
		case "told":
			dated.follow(t, source.db) // and what comes later would not find what is lost
			continue
		}
		require.NoError(t, c.do(t, strings.Fields(line)...).Err(), line)
		for _, r := range undated {
			r.follow(t, source.db, store.Undated())
			bare := part{keys: regexp.MustCompile(""), bare: true}
			require.Equal(t, bare.of(contents(t, newClient(t, source))), bare.of(contents(t, r.to)), line)
			r.db = 15
		}
	}
	late := newReplay(newClient(t, startOurs(t, "", &store.Options{Clock: clock}, nil)))
	late.follow(t, source.db)
	require.Equal(t, contents(t, newClient(t, source)), contents(t, late.to), "to whom all but the last deadlines are past")
	require.Zero(t, dated.to.do(t, "EXISTS", "session", "list").Int, "they were given more time, which came too late")
}

// A setClock goes when it is told to. Its timers never fire.
type setClock struct{ seconds atomic.Int64 }

func (c *setClock) Now() time.Time { return time.Unix(1_700_000_000+c.seconds.Load(), 0) }

func (*setClock) AfterFunc(time.Duration, func()) func() bool { return func() bool { return true } }

// told are the effects there are.
var told = []types.Op{
	types.OpPushFront, types.OpPushBack, types.OpPopFront, types.OpPopBack, types.OpListSet, types.OpInsertBefore,
	types.OpInsertAfter, types.OpListRemove, types.OpHashSet, types.OpHashDelete, types.OpSetAdd, types.OpSetRemove,
	types.OpZAdd, types.OpZRemove, types.OpZRemoveRange, store.OpSet, store.OpDelete, store.OpExpire, store.OpAppend,
	store.OpSetRange, store.OpRename, store.OpCopy, store.OpFlush, store.OpSwap,
}

// between does what the walks do not: to other databases, and in transactions.
func between(t *testing.T, c *client, i int) {
	for _, line := range []string{
		"SELECT " + strconv.Itoa(i%3), "MULTI", "SET t 1", "RPUSH l a b c", "EXPIRE l 100000", "LPOP l", "LINSERT l AFTER b x", "LINSERT l BEFORE b y", "EXEC",
		"MOVE l 5", "COPY t u DB 4 REPLACE", "SELECT 4", "RENAME u v", "APPEND v x", "SETRANGE v 7 y", "ZADD z inf a -inf b 0.1 c",
		"SELECT 5", "RPUSH l 1", "LREM l 0 b", "LSET l 0 zero", "SELECT 0", "SWAPDB 3 4",
	} {
		require.NoError(t, c.do(t, strings.Fields(line)...).Err())
	}
	if i == 4 {
		c.do(t, "FLUSHDB")
	}
}

// A stillClock stands still. Its timers never fire.
type stillClock struct{}

func (stillClock) Now() time.Time { return time.Unix(1_800_000_000, 0) }

func (stillClock) AfterFunc(time.Duration, func()) func() bool { return func() bool { return true } }

// A replay makes the changes of another database.
type replay struct {
	to    *client
	seq   uint64
	db    int
	kinds map[string]types.Kind
	ops   map[types.Op]int
}

func newReplay(to *client) *replay {
	return &replay{to: to, kinds: map[string]types.Kind{}, ops: map[types.Op]int{}}
}

// follow makes all changes there are.
func (r *replay) follow(t *testing.T, db *store.DB, opts ...store.ChangesOption) {
	require.NoError(t, db.Sync())
	if db.Seq() == r.seq {
		return
	}
	for commit, err := range db.Changes(t.Context(), r.seq, opts...) {
		require.NoError(t, err)
		require.Equal(t, r.seq+1, commit.Seq)
		r.seq = commit.Seq
		for i := range commit.Changes {
			r.change(t, &commit.Changes[i])
		}
		if r.seq == db.Seq() {
			return
		}
	}
}

func (r *replay) change(t *testing.T, c *store.Change) {
	r.ops[c.Effect.Op]++
	if db := max(c.DB, 0); db != r.db {
		require.NoError(t, r.to.do(t, "SELECT", strconv.Itoa(db)).Err())
		r.db = db
	}
	for _, words := range c.Commands() {
		require.NoError(t, r.to.do(t, words...).Err(), "%q", words)
	}
	id := func(db int, key string) string { return fmt.Sprint(db, " ", key) }
	switch c.Effect.Op {
	case store.OpFlush, store.OpSwap:
		r.clear(c)
		return
	case store.OpRename, store.OpCopy:
		require.Equal(t, r.kinds[id(c.ToDB, c.To)], c.Replaced, "%+v", c)
		r.kinds[id(c.ToDB, c.To)] = c.Old
	}
	require.Equal(t, r.kinds[id(c.DB, c.Key)], c.Old, "%+v", c)
	r.kinds[id(c.DB, c.Key)] = c.New
}

// clear does to the kinds what a change does to whole databases.
func (r *replay) clear(c *store.Change) {
	all := r.kinds
	r.kinds = map[string]types.Kind{}
	for id, kind := range all {
		n, key, _ := strings.Cut(id, " ")
		db, _ := strconv.Atoi(n)
		switch {
		case c.Effect.Op == store.OpFlush && (c.DB == db || c.DB < 0):
			continue
		case c.Effect.Op == store.OpSwap && db == c.DB:
			db = int(c.Effect.M)
		case c.Effect.Op == store.OpSwap && db == int(c.Effect.M):
			db = c.DB
		}
		r.kinds[fmt.Sprint(db, " ", key)] = kind
	}
}

// check compares the kinds with those of a database.
func (r *replay) check(db *store.DB) error {
	for i := range db.Databases() {
		err := db.View(func(tx *store.Tx) error {
			for key := range tx.Keys("*") {
				if got := r.kinds[fmt.Sprint(i, " ", key)]; got != tx.Kind(key) {
					return fmt.Errorf("%q of database %d is a %s, and was told to be a %s", key, i, tx.Kind(key), got)
				}
			}
			return nil
		}, store.In(i))
		if err != nil {
			return err
		}
	}
	return nil
}

// contents prints everything that a client finds in the databases.
func contents(t *testing.T, c *client) (lines []string) { return contentsOf(t, c, 16) }

// contentsOf is contents for the first databases.
func contentsOf(t *testing.T, c *client, databases int) (lines []string) {
	for i := range databases {
		require.NoError(t, c.do(t, "SELECT", strconv.Itoa(i)).Err())
		for _, key := range c.do(t, "KEYS", "*").Elems {
			kind := c.do(t, "TYPE", key.Str).Str
			at := c.do(t, "PEXPIRETIME", key.Str).Int
			lines = append(lines, fmt.Sprintf("%d %s %q until %d: %q", i, kind, key.Str, at, elements(t, c, kind, key.Str)))
		}
	}
	slices.Sort(lines)
	return lines
}

// elements returns the elements of the value at a key, in an order that is the
// same wherever it is.
func elements(t *testing.T, c *client, kind, key string) []string {
	var args []string
	switch kind {
	case "string":
		args = []string{"GET", key}
	case "list":
		args = []string{"LRANGE", key, "0", "-1"}
	case "set":
		args = []string{"SMEMBERS", key}
	case "hash":
		args = []string{"HGETALL", key}
	case "zset":
		args = []string{"ZRANGE", key, "0", "-1", "WITHSCORES"}
	}
	parts := leaves(nil, []resp.Value{c.do(t, args...)})
	var joined []string
	switch kind {
	case "string", "list":
		return parts
	case "set":
		joined = parts
	case "hash":
		for pair := range slices.Chunk(parts, 2) {
			joined = append(joined, pair[0]+"="+pair[1])
		}
		slices.Sort(joined)
	case "zset": // in the order of their scores, which 7.0 prints with more digits
		for pair := range slices.Chunk(parts, 2) {
			score, err := strconv.ParseFloat(strings.Trim(pair[1], `"`), 64)
			require.NoError(t, err)
			joined = append(joined, fmt.Sprint(score, " ", pair[0]))
		}
		return joined
	}
	slices.Sort(joined)
	return joined
}
