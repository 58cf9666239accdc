package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// collect follows the changes of db and returns, for each commit up to number
// to, its number and commands.
func collect(t testing.TB, db *DB, from, to uint64, opts ...ChangesOption) (lines []string) {
	t.Helper()
	for c, err := range db.Changes(t.Context(), from, opts...) {
		require.NoError(t, err)
		require.Greater(t, c.Seq, from)
		from = c.Seq
		if len(c.Changes) > 0 {
			lines = append(lines, fmt.Sprint(c.Seq, ":", printed(c)))
		}
		if c.Seq >= to {
			break
		}
	}
	return lines
}

// printed prints a commit.
func printed(c Commit) string {
	b := new(strings.Builder)
	for _, x := range c.Changes {
		for _, words := range x.Commands() {
			fmt.Fprintf(b, " %d[%s]", x.DB, strings.Join(words, " "))
		}
		fmt.Fprintf(b, "(%s>%s", x.Old, x.New)
		if x.To != "" {
			fmt.Fprintf(b, " over %s", x.Replaced)
		}
		b.WriteString(")")
	}
	return b.String()
}

// everyKind commits one of everything.
func everyKind(t testing.TB, db *DB) {
	t.Helper()
	require.NoError(t, db.Set("s", []byte("1")))
	require.NoError(t, db.Update(func(tx *Tx) error {
		h, err := tx.EditHash("h")
		if err != nil {
			return err
		}
		h.Set("f", []byte("v"))
		z, err := tx.EditZSet("z")
		if err != nil {
			return err
		}
		z.Add("m", 1.5, 0)
		h.Set("g", []byte("w"))
		return tx.Set("s", []byte("2"))
	}))
	_, err := db.Incr("s", 5)
	require.NoError(t, err)
	_, err = db.Append("s", []byte("0"))
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *Tx) error { _, err := tx.Expire("h", 4102444800000); return err }))
	require.NoError(t, db.Update(func(tx *Tx) error { return tx.Rename("s", 0, "z") }))
	require.NoError(t, db.Update(func(tx *Tx) error { return tx.Copy("z", 3, "z") }))
	require.NoError(t, db.Update(func(tx *Tx) error { return tx.Rename("z", 3, "z") }))
	_, err = db.Delete("h", "nothing")
	require.NoError(t, err)
	require.NoError(t, db.Flush(3))
	require.NoError(t, db.Flush(-1))
}

var everyKindTold = []string{
	"1: 0[SET s 1](none>string)",
	"2: 0[HSET h f v](none>hash) 0[ZADD z 1.5 m](none>zset) 0[HSET h g w](hash>hash) 0[SET s 2](string>string)",
	"3: 0[SET s 7](string>string)",
	"4: 0[APPEND s 0](string>string)",
	"5: 0[PEXPIREAT h 4102444800000](hash>hash)",
	"6: 0[RENAME s z](string>none over zset)",
	"7: 0[COPY z z DB 3 REPLACE](string>string over none)",
	"8: 0[COPY z z DB 3 REPLACE] 0[DEL z](string>none over string)",
	"9: 0[DEL h](hash>none)",
	"10: 3[FLUSHDB](none>none)",
	"11: -1[FLUSHALL](none>none)",
}

// Changes are told whole, in order, with the kinds before and after, from
// wherever one begins, before and after a restart.
func TestChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db := open(t, path, nil)
	everyKind(t, db)
	require.NoError(t, db.Sync())
	for range 2 {
		require.Equal(t, uint64(len(everyKindTold)), db.Seq())
		for from := range everyKindTold {
			require.Equal(t, everyKindTold[from:], collect(t, db, uint64(from), db.Seq()))
		}
		require.NoError(t, db.Close())
		db = open(t, path, nil)
	}
}

func TestChangesInMemory(t *testing.T) {
	db := open(t, "", &Options{KeepJournal: 1 << 20})
	everyKind(t, db)
	require.Equal(t, everyKindTold, collect(t, db, 0, db.Seq()))
	fork := db.Fork()
	defer fork.Close()
	require.NoError(t, endOf(t.Context(), fork, 0, ErrNoFile))

	db = open(t, "", nil)
	require.NoError(t, endOf(t.Context(), db, 0, ErrNoFile))
}

// endOf returns nil if what Changes yields first is the error want.
func endOf(ctx context.Context, db *DB, from uint64, want error, opts ...ChangesOption) error {
	for c, err := range db.Changes(ctx, from, opts...) {
		if errors.Is(err, want) {
			return nil
		}
		return fmt.Errorf("commit %d, %w instead of %w", c.Seq, err, want)
	}
	return errors.New("it ended without an error")
}

// What was rolled back, and what changed nothing, is not told.
func TestChangesAreThoseCommitted(t *testing.T) {
	db := open(t, "", &Options{KeepJournal: 1 << 20})
	no := errors.New("no")
	require.ErrorIs(t, db.Update(func(tx *Tx) error { return errors.Join(tx.Set("a", nil), no) }), no)
	require.NoError(t, db.Update(func(*Tx) error { return nil }))
	_, err := db.Delete("nothing")
	require.NoError(t, err)
	require.NoError(t, db.Set("b", nil, ExpireAt(time.UnixMilli(4102444800000))))
	require.Equal(t, []string{"1: 0[SET b  PXAT 4102444800000](none>string)"}, collect(t, db, 0, 1))
}

// A receiver hears of what it asked for, and how far that goes.
func TestChangesOfSomeKeys(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "app.db"), nil)
	require.NoError(t, db.Batch().Set("user:1", nil).Set("job:1", nil).Commit())
	require.NoError(t, db.Set("job:2", nil))
	require.NoError(t, db.Update(func(tx *Tx) error { return tx.Rename("job:2", 2, "user:2") }))
	require.NoError(t, db.Update(func(tx *Tx) error { return tx.Set("user:3", nil) }, In(2)))
	require.NoError(t, db.Flush(2))
	require.NoError(t, db.Set("x", nil))
	require.NoError(t, db.Sync())
	const move = "3: 0[COPY job:2 user:2 DB 2 REPLACE] 0[DEL job:2](string>none over none)"
	require.Equal(t, []string{"1: 0[SET user:1 ](none>string)", "6: 2[SET user:3 ](none>string) 2[FLUSHDB](none>none)"},
		collect(t, db, 0, 6, Prefix("user:")), "what came from job:2 is gone by now")
	require.Equal(t, []string{"1: 0[SET user:1 ](none>string) 0[SET job:1 ](none>string)", "2: 0[SET job:2 ](none>string)",
		"3: 0[DEL job:2](string>none)", "6: 0[SET x ](none>string)"},
		collect(t, db, 0, 6, Prefix("job:", "user:"), Prefix("x"), OfDatabase(0)))
	require.Equal(t, []string{"1: 0[SET user:1 ](none>string) 0[SET job:1 ](none>string)", "2: 0[SET job:2 ](none>string)",
		move, "4: 2[SET user:3 ](none>string)", "5: 2[FLUSHDB](none>none)", "6: 0[SET x ](none>string)"},
		collect(t, db, 0, 6, OfDatabase(0), OfDatabase(2)))
	require.Equal(t, []string{"6: 2[SET user:3 ](none>string) 2[FLUSHDB](none>none)"}, collect(t, db, 0, 6, OfDatabase(2)))
	require.Empty(t, collect(t, db, 5, 6, Prefix("y")), "and yet it is told that commit 6 is past")
}

// A receiver that is too late is told so, and what it can do.
func TestChangesBeyondTheJournal(t *testing.T) {
	check := func(t *testing.T, db *DB) {
		var gone *GoneError
		for _, err := range db.Changes(t.Context(), 0) {
			require.ErrorAs(t, err, &gone)
		}
		require.ErrorIs(t, gone, ErrGone)
		require.Greater(t, gone.Oldest, uint64(1))
		lines := collect(t, db, gone.Oldest-1, db.Seq())
		require.Len(t, lines, int(db.Seq()-gone.Oldest+1))
		require.NoError(t, endOf(t.Context(), db, db.Seq()+1, ErrFuture))
		snap := db.Snapshot()
		require.Equal(t, db.Seq(), snap.Seq())
		require.NoError(t, db.Set("after", nil))
		require.NoError(t, db.Sync())
		require.Len(t, collect(t, db, snap.Seq(), db.Seq()), 1)
	}
	big := make([]byte, 100_000)
	t.Run("file", func(t *testing.T) {
		db := open(t, filepath.Join(t.TempDir(), "app.db"), nil)
		for i := range 40 {
			require.NoError(t, db.Set(fmt.Sprint(i), big))
		}
		require.NoError(t, db.Save())
		check(t, db)
	})
	t.Run("memory", func(t *testing.T) {
		db := open(t, "", &Options{KeepJournal: 1 << 20})
		for i := range 40 {
			require.NoError(t, db.Set(fmt.Sprint(i), big))
		}
		check(t, db)
	})
}

// What a receiver makes of a commit in memory is not told to others.
func TestChangesAreTheReceivers(t *testing.T) {
	db := open(t, "", &Options{KeepJournal: 1 << 20})
	require.NoError(t, db.Set("k", []byte("value")))
	for range 2 {
		for c, err := range db.Changes(t.Context(), 0) {
			require.NoError(t, err)
			require.Equal(t, "value", string(c.Changes[0].Effect.A))
			clear(c.Changes[0].Effect.A)
			break
		}
	}
}

// Commits in memory count for what they cost, however small.
func TestChangesInMemoryAreBounded(t *testing.T) {
	db := open(t, "", &Options{KeepJournal: 10_000})
	for range 1000 {
		require.NoError(t, db.Set("k", nil))
	}
	require.LessOrEqual(t, len(db.kept.txs), 10_000/keptOverhead)
	require.Len(t, collect(t, db, 1000-uint64(len(db.kept.txs)), 1000), len(db.kept.txs))
}

// Options.KeepJournal keeps what a receiver needs to go on after a restart.
func TestChangesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db := open(t, path, &Options{KeepJournal: 8 << 20})
	big := make([]byte, 100_000)
	for i := range 40 {
		require.NoError(t, db.Set(fmt.Sprint(i), big))
	}
	require.NoError(t, db.Save())
	require.NoError(t, db.Close())
	db = open(t, path, &Options{KeepJournal: 8 << 20})
	require.Len(t, collect(t, db, 0, 40), 40)
}

// Under Never and EverySecond nothing is told that could be taken back.
func TestChangesAreSure(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "app.db"), nil)
	told := make(chan Commit)
	go func() {
		for c := range db.Changes(t.Context(), 0) {
			told <- c
		}
		close(told)
	}()
	for i := range 20 {
		var seq uint64
		require.NoError(t, db.Update(func(tx *Tx) error { return tx.Set("k", []byte{byte(i)}) }, Seq(&seq)))
		c := <-told
		require.Equal(t, seq, c.Seq)
		require.True(t, db.Durable(seq))
		if i == 3 {
			break
		}
	}
}

// The loop ends with the context, with the database, and with break; nothing of
// it is left.
func TestChangesEnd(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "app.db")} {
		db, err := Open(path, &Options{KeepJournal: 1 << 20})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		require.NoError(t, db.Set("k", nil))
		for c, err := range db.Changes(ctx, 0) {
			if cancel(); err == nil {
				require.Equal(t, uint64(1), c.Seq)
				continue
			}
			require.ErrorIs(t, err, context.Canceled)
		}
		require.NoError(t, endOf(ctx, db, 1, context.Canceled))
		ended := make(chan error)
		for range 3 {
			go func() {
				for _, err := range db.Changes(t.Context(), 1) {
					ended <- err
				}
			}()
		}
		require.NoError(t, db.Close())
		for range 3 {
			require.ErrorIs(t, <-ended, ErrClosed)
		}
		require.NoError(t, endOf(t.Context(), db, 0, ErrClosed))
	}
}

// Many write at once, checkpoints and rewrites run, and everybody who follows,
// whatever his pace, hears of every commit once and in order; the values are
// those at the end.
func TestChangesWhileOthersWrite(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "app.db")} {
		db := open(t, path, &Options{KeepJournal: 64 << 20, Sync: Always})
		const writers, writes = 4, 150
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range writes {
					if i%50 == 49 && path != "" && w < 2 {
						write := []func() error{db.Save, db.Compact}[w]
						if err := write(); err != nil && !errors.Is(err, ErrSaving) {
							t.Error(err)
						}
					}
					err := db.Update(func(tx *Tx) error {
						_, err := tx.Incr("sum", 1)
						return errors.Join(err, tx.Set(fmt.Sprint("w", w), fmt.Append(nil, i)))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 3 {
			all.Go(func() {
				sum, last := 0, map[string]string{}
				for c, err := range db.Changes(t.Context(), 0) {
					if sum++; err != nil || c.Seq != uint64(sum) || len(c.Changes) != 2 {
						t.Errorf("commit %d is told as %d of %d changes, %v", sum, c.Seq, len(c.Changes), err)
						return
					}
					if got := string(c.Changes[0].Effect.A); got != fmt.Sprint(sum) {
						t.Errorf("commit %d says the sum is %s", c.Seq, got)
					}
					last[c.Changes[1].Key] = string(c.Changes[1].Effect.A)
					if sum == writers*writes {
						break
					}
				}
				for w := range writers {
					if got := last[fmt.Sprint("w", w)]; got != fmt.Sprint(writes-1) {
						t.Errorf("writer %d ends with %s", w, got)
					}
				}
			})
		}
		all.Wait()
	}
}

// What is told as one is bounded: who is too late for it begins anew. One value
// is told however large it is.
func TestChangesThatArriveAreBounded(t *testing.T) {
	db := open(t, "", &Options{KeepJournal: 1 << 30})
	big := make([]byte, gatherLimit/8)
	require.NoError(t, db.Set("b:1", make([]byte, gatherLimit+1)))
	require.NoError(t, db.Update(func(tx *Tx) error { return tx.Rename("b:1", 0, "a:1") }))
	for c, err := range db.Changes(t.Context(), 0, Prefix("a:")) {
		require.NoError(t, err)
		if c.Seq == db.Seq() {
			require.Len(t, c.Changes, 1)
			require.Len(t, c.Changes[0].Effect.A, gatherLimit+1)
			break
		}
	}
	for range 9 {
		require.NoError(t, db.Set("a:2", big))
	}
	require.NoError(t, endOf(t.Context(), db, 1, ErrGone, Prefix("a:")))
	require.Len(t, collect(t, db, 2, db.Seq(), Prefix("a:")), 9)

	// So it is for who is not late at all, if it arrives at once.
	require.NoError(t, db.Update(func(tx *Tx) (err error) {
		for i := range 10 {
			key := fmt.Sprint("b:", i)
			err = errors.Join(err, tx.Set(key, big), tx.Rename(key, 0, "a"+key[1:]))
		}
		return err
	}))
	require.NoError(t, endOf(t.Context(), db, db.Seq()-1, ErrGone, Prefix("a:")))
}

// A snapshot tells what it holds, and no more than it is asked for.
func TestChangesOfASnapshot(t *testing.T) {
	db := open(t, "", nil)
	require.NoError(t, db.Set("a:s", []byte("1"), ExpireAt(time.UnixMilli(4102444800000))))
	require.NoError(t, db.Update(func(tx *Tx) error {
		l, err := tx.EditList("a:l")
		if err != nil {
			return err
		}
		l.PushBack([]byte("x"))
		l.PushBack([]byte("y"))
		_, err = tx.Expire("a:l", 4102444800000)
		return errors.Join(err, tx.Set("b:s", nil))
	}, In(2)))
	snap := db.Snapshot()
	defer snap.Close()
	require.NoError(t, db.Flush(-1))
	all := func(opts ...ChangesOption) string {
		return printed(Commit{0, slices.Collect(snap.Changes(opts...))})
	}
	require.Equal(t, " 0[SET a:s 1 PXAT 4102444800000](none>string)", all(OfDatabase(0)))
	require.Equal(t, " 0[SET a:s 1](none>string)", all(OfDatabase(0), Undated()))
	require.Equal(t, " 2[RPUSH a:l x](none>list) 2[RPUSH a:l y](list>list) 2[PEXPIREAT a:l 4102444800000](list>list)",
		all(OfDatabase(2), Prefix("a:")))
	for n := 1; n <= 5; n++ {
		told := 0
		for range snap.Changes() {
			if told++; told == n {
				break
			}
		}
		require.Equal(t, n, told)
	}
}

// A loop that ends while commits are gathered leaves nothing behind, and one that
// goes on hears of them again.
func TestChangesEndWhileTheyGather(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "app.db"), nil)
	require.NoError(t, db.Set("b:1", nil))
	require.NoError(t, db.Update(func(tx *Tx) error { return tx.Rename("b:1", 0, "a:1") }, Durable))
	require.NoError(t, db.Set("a:1", []byte("later")))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		for _, err := range db.Changes(ctx, 0, Prefix("a:")) {
			ended <- err
		}
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, db.Sync())
	require.Equal(t, []string{"3: 0[SET a:1 later](none>string)"}, collect(t, db, 0, 3, Prefix("a:")))
}

// A journal of before kinds were noted says so.
func TestChangesOfUnknownKind(t *testing.T) {
	var l types.Log
	l.Place(0, "k")
	l.Add(OpExpire, 5, 0, "", "")
	l.Add(OpDelete, 0, 0, "", "")
	l.Place(0, "s")
	l.Add(types.OpSetAdd, 0, 0, "m", "")
	l.Add(OpRename, 0, 0, "t", "")
	var list []Change
	require.NoError(t, eachChange(l.Bytes(), func(c Change) { list = append(list, c) }))
	require.Equal(t, " 0[PEXPIREAT k 5](unknown>unknown) 0[DEL k](unknown>none)"+
		" 0[SADD s m](unknown>set) 0[RENAME s t](set>none over unknown)", printed(Commit{1, list}))
	require.ErrorIs(t, eachChange([]byte{1, 2, 3}, func(Change) {}), ErrCorrupt)
}
