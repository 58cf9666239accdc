package wire_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/types"
)

// A follower of a part is a follower of which a part of the contents is wanted.
type part struct {
	name string
	opts []store.ChangesOption
	keys *regexp.Regexp // of the lines of contents that are in it
	bare bool           // without deadlines
}

var parts = []part{
	{"all", nil, regexp.MustCompile(``), false},
	{"all, undated", []store.ChangesOption{store.Undated()}, regexp.MustCompile(``), true},
	{"prefix", []store.ChangesOption{store.Prefix("a:")}, regexp.MustCompile(`^\d+ \w+ "a:`), false},
	{"prefixes", []store.ChangesOption{store.Prefix("b:", "a:1")}, regexp.MustCompile(`^\d+ \w+ "(b:|a:1)`), false},
	{"database", []store.ChangesOption{store.OfDatabase(1)}, regexp.MustCompile(`^1 `), false},
	{"databases", []store.ChangesOption{store.OfDatabase(0), store.OfDatabase(2)}, regexp.MustCompile(`^[02] `), false},
	{"both", []store.ChangesOption{store.OfDatabase(0), store.Prefix("a:")}, regexp.MustCompile(`^0 \w+ "a:`), false},
}

// of returns the lines of contents that are in p.
func (p *part) of(lines []string) (mine []string) {
	deadline := regexp.MustCompile(` until -?\d+: `)
	for _, line := range lines {
		if p.keys.MatchString(line) {
			if p.bare {
				line = deadline.ReplaceAllString(line, " until -1: ")
			}
			mine = append(mine, line)
		}
	}
	return mine
}

// Whoever follows, all or a part, at whatever distance, stopping and going on
// wherever it likes, from the beginning or from a snapshot, has after each Commit
// what the database had after it, and nothing else.
func TestChangesMakeEachState(t *testing.T) {
	for _, file := range []bool{false, true} {
		t.Run(map[bool]string{false: "memory", true: "file"}[file], func(t *testing.T) {
			path := ""
			if file {
				path = filepath.Join(t.TempDir(), "app.db")
			}
			rng := rand.New(rand.NewPCG(*walkSeed, 5))
			source := startOurs(t, path, &store.Options{KeepJournal: 1 << 30, Clock: stillClock{}}, nil)
			var followers []*partReplay
			for _, p := range parts {
				ours := startOurs(t, "", &store.Options{Clock: stillClock{}}, nil)
				followers = append(followers, &partReplay{part: p, replay: newReplay(newClient(t, ours))})
				if redis := startRedis(t); redis != nil && !file {
					followers = append(followers, &partReplay{part: p, replay: newReplay(newClient(t, redis))})
				}
			}
			c, reader := newClient(t, source), newClient(t, source)
			states := map[uint64][]string{0: nil}
			for range 12 {
				for range 1 + rng.IntN(60) {
					randomChange(t, c, rng)
					states[source.db.Seq()] = contentsOf(t, reader, scopeDatabases)
				}
				if file && rng.IntN(3) == 0 {
					require.NoError(t, source.db.Save())
				}
				require.NoError(t, source.db.Sync())
				for _, f := range followers {
					if rng.IntN(3) > 0 { // or it falls behind
						f.follow(t, source.db, states, rng)
					}
				}
			}
			for _, f := range followers {
				f.follow(t, source.db, states, rng)
				f.same(t, states)
			}
		})
	}
}

const scopeDatabases = 3

// randomChange makes one of the changes there are, in one of the databases.
func randomChange(t *testing.T, c *client, rng *rand.Rand) {
	key := func() string { return []string{"a:", "b:"}[rng.IntN(2)] + strconv.Itoa(1+rng.IntN(3)) }
	n := func() string { return strconv.Itoa(rng.IntN(scopeDatabases)) }
	word := func() string { return strconv.Itoa(rng.IntN(20)) }
	at := func() string { return strconv.FormatInt(4102444800000+rng.Int64N(1000), 10) }
	lines := []string{
		"SET " + key() + " " + word(), "SET " + key() + " " + word() + " PXAT " + at(), "APPEND " + key() + " " + word(),
		"SETRANGE " + key() + " 3 " + word(), "RPUSH " + key() + " " + word() + " " + word(), "LPUSH " + key() + " " + word(),
		"LPOP " + key(), "RPOP " + key(), "LREM " + key() + " 0 " + word(), "HSET " + key() + " " + word() + " " + word(),
		"HDEL " + key() + " " + word(), "SADD " + key() + " " + word(), "SREM " + key() + " " + word(),
		"ZADD " + key() + " " + word() + " " + word(), "ZREM " + key() + " " + word(), "ZREMRANGEBYRANK " + key() + " 0 1",
		"RPUSH " + key() + strings.Repeat(" element", 300), "SADD " + key() + " " + numbers(300),
		"PEXPIREAT " + key() + " " + at(), "PEXPIREAT " + key() + " " + at(), "PERSIST " + key(), "PEXPIREAT " + key() + " 1", "DEL " + key(),
		"RENAME " + key() + " " + key(), "RENAME " + key() + " " + key(), "RENAMENX " + key() + " " + key(), "RENAME " + key() + " " + key(),
		"COPY " + key() + " " + key() + " REPLACE", "COPY " + key() + " " + key() + " DB " + n() + " REPLACE",
		"MOVE " + key() + " " + n(), "MOVE " + key() + " " + n(), "SWAPDB " + n() + " " + n(),
	}
	if rng.IntN(20) == 0 {
		lines = []string{"FLUSHDB", "FLUSHDB", "FLUSHALL"}
	}
	line := lines[rng.IntN(len(lines))]
	block := [][]string{{"SELECT", n()}, strings.Fields(line)}
	if rng.IntN(5) == 0 {
		block = [][]string{{"SELECT", n()}, {"MULTI"}, strings.Fields(line), strings.Fields(lines[rng.IntN(len(lines))]), {"EXEC"}}
	}
	for _, words := range block {
		c.do(t, words...) // some do not find what they need
	}
}

func numbers(n int) string {
	b := new(strings.Builder)
	for i := range n {
		fmt.Fprint(b, i, " ")
	}
	return b.String()
}

// A partReplay makes the changes of a part.
type partReplay struct {
	part
	*replay
}

// begin begins anew with a snapshot.
func (f *partReplay) begin(t *testing.T, db *store.DB, states map[uint64][]string) {
	require.NoError(t, f.to.do(t, "FLUSHALL").Err())
	clear(f.kinds)
	snap := db.Snapshot()
	defer snap.Close()
	for c := range snap.Changes(f.opts...) {
		f.change(t, &c)
	}
	f.seq = snap.Seq()
	f.same(t, states)
}

// same compares what the follower has with what there was.
func (f *partReplay) same(t *testing.T, states map[uint64][]string) {
	require.Equal(t, f.of(states[f.seq]), contentsOf(t, f.to, scopeDatabases), "%s, commit %d", f.name, f.seq)
	f.db = scopeDatabases - 1 // contentsOf has left it there
}

// follow makes all changes there are, and stops now and then.
func (f *partReplay) follow(t *testing.T, db *store.DB, states map[uint64][]string, rng *rand.Rand) {
	if rng.IntN(6) == 0 {
		f.begin(t, db, states)
	}
	for f.seq < db.Seq() {
		for commit, err := range db.Changes(t.Context(), f.seq, f.opts...) {
			require.NoError(t, err)
			require.Greater(t, commit.Seq, f.seq)
			f.seq = commit.Seq
			for i := range commit.Changes {
				f.change(t, &commit.Changes[i])
			}
			f.same(t, states)
			if f.seq == db.Seq() || rng.IntN(10) == 0 {
				break
			}
		}
	}
}

// A key that comes from where nobody follows is told with what was in it, however
// large, and not what has been made of it since as well.
func TestChangesOfWhatArrives(t *testing.T) {
	source := startOurs(t, "", &store.Options{KeepJournal: 64 << 20, Clock: stillClock{}}, nil)
	c := newClient(t, source)
	for _, line := range []string{"RPUSH b:1 " + numbers(10_000), "SET a:1 old", "RENAME b:1 a:1", "RPUSH a:1 end", "SET a:2 x", "RENAME a:1 b:1", "RENAME b:1 a:3"} {
		require.NoError(t, c.do(t, strings.Fields(line)...).Err())
	}
	var commits []store.Commit
	for commit, err := range source.db.Changes(t.Context(), 0, store.Prefix("a:")) {
		require.NoError(t, err)
		if commits = append(commits, commit); commit.Seq == source.db.Seq() {
			break
		}
	}
	last := commits[len(commits)-1]
	require.Len(t, last.Changes, 1+1+10_001, "a:1 is gone, a:2 is there, and then a:3")
	require.Equal(t, types.KindNone, last.Changes[0].New)
	require.Equal(t, "a:2", last.Changes[1].Key)
	for i, x := range last.Changes[2:] {
		require.Equal(t, "a:3", x.Key)
		require.Equal(t, types.KindList, x.New)
		require.Equal(t, i == 0, x.Old == types.KindNone)
	}
}

// Keys come and go over the border, databases are exchanged and checkpoints run
// while somebody follows.
func TestChangesOfAPartWhileOthersWrite(t *testing.T) {
	for _, file := range []bool{false, true} {
		path := ""
		if file {
			path = filepath.Join(t.TempDir(), "app.db")
		}
		source := startOurs(t, path, &store.Options{KeepJournal: 1 << 30, Clock: stillClock{}}, nil)
		var writers, readers sync.WaitGroup
		var end atomic.Uint64
		for w := range 3 {
			c, rng := newClient(t, source), rand.New(rand.NewPCG(*walkSeed, uint64(w)))
			writers.Go(func() {
				for i := range 300 {
					randomChange(t, c, rng)
					if file && i%40 == 39 {
						assert.NoError(t, source.db.Sync())
					}
					if file && i == 150 && w == 0 {
						assert.NoError(t, source.db.Save())
					}
				}
			})
		}
		var replicas []*replay
		for _, p := range parts {
			r := newReplay(newClient(t, startOurs(t, "", &store.Options{Clock: stillClock{}}, nil)))
			replicas = append(replicas, r)
			readers.Go(func() {
				for commit, err := range source.db.Changes(t.Context(), 0, p.opts...) {
					require.NoError(t, err)
					for i := range commit.Changes {
						r.change(t, &commit.Changes[i])
					}
					if commit.Seq == end.Load() {
						break
					}
				}
			})
		}
		writers.Wait()
		end.Store(source.db.Seq() + 1)
		require.NoError(t, source.db.Set("end", nil))
		require.NoError(t, source.db.Sync())
		readers.Wait()
		want := contentsOf(t, newClient(t, source), scopeDatabases)
		for i, r := range replicas {
			require.Equal(t, parts[i].of(want), contentsOf(t, r.to, scopeDatabases), parts[i].name)
		}
	}
}
