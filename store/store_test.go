package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// manual is a Clock that stands still until it is advanced.
type manual struct {
	mu     sync.Mutex
	now    time.Time
	timers []*manualTimer
}

type manualTimer struct {
	at   time.Time
	f    func()
	done bool
}

func newManual() *manual { return &manual{now: time.UnixMilli(1_700_000_000_000)} }

func (m *manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manual) AfterFunc(d time.Duration, f func()) func() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &manualTimer{at: m.now.Add(d), f: f}
	m.timers = append(m.timers, t)
	return func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		was := t.done
		t.done = true
		return !was
	}
}

// advance moves the time and runs what was due, in this goroutine.
func (m *manual) advance(d time.Duration) {
	m.mu.Lock()
	m.now = m.now.Add(d)
	var due []*manualTimer
	m.timers = slices.DeleteFunc(m.timers, func(t *manualTimer) bool {
		if t.done || t.at.After(m.now) {
			return t.done
		}
		t.done = true
		due = append(due, t)
		return true
	})
	m.mu.Unlock()
	for _, t := range due {
		t.f()
	}
}

// open opens a database for a test, which checks and closes it at its end.
func open(t *testing.T, path string, opt *Options) *DB {
	t.Helper()
	db, err := Open(path, opt)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, db.Check())
		if err := db.Close(); err != nil {
			require.ErrorIs(t, err, ErrClosed)
		}
	})
	return db
}

// dump returns everything in database i as text, in the order of the keys.
func dump(t *testing.T, db *DB, i int) map[string]string {
	t.Helper()
	out := map[string]string{}
	s := db.Snapshot()
	defer s.Close()
	require.NoError(t, s.Select(i))
	for key := range s.Keys("*") {
		text := ""
		switch v := s.Value(key).(type) {
		case nil:
			b, err := s.Get(key)
			require.NoError(t, err)
			text = "string " + string(b)
		case *types.List:
			for _, e := range v.All() {
				text += " " + string(e)
			}
		case *types.Hash:
			m := map[string]string{}
			for f, e := range v.All() {
				m[f] = string(e)
			}
			text = fmt.Sprint("hash ", m)
		case *types.Set:
			text = fmt.Sprint("set ", slices.Sorted(v.All()))
		case *types.ZSet:
			for _, m := range v.Ascend() {
				text += fmt.Sprint(" ", m)
			}
		}
		if at, _ := s.Deadline(key); at != 0 {
			text += fmt.Sprint(" until ", at)
		}
		out[key] = text
	}
	return out
}

var errStop = errors.New("stop")

// everything changes one key of every kind in every way that needs undoing.
func everything(tx *Tx) error {
	steps := []func() error{
		func() error { return tx.Set("s", []byte("new")) },
		func() error { _, err := tx.Append("s", []byte("er")); return err },
		func() error { _, err := tx.SetRange("s", 1, []byte("E")); return err },
		func() error { _, err := tx.Incr("n", 5); return err },
		func() error { l, err := tx.EditList("l"); l.PushBack([]byte("x")); l.PopFront(); return err },
		func() error { h, err := tx.EditHash("h"); h.Set("f", []byte("2")); h.Delete("g"); return err },
		func() error { s, err := tx.EditSet("set"); s.Add("c"); s.Remove("a"); return err },
		func() error { z, err := tx.EditZSet("z"); z.Add("a", 9, 0); z.Remove("b"); return err },
		func() error { _, err := tx.Expire("l", tx.Now()+1000); return err },
		func() error { _, err := tx.Delete("gone"); return err },
		func() error { h, err := tx.EditHash("fresh"); h.Set("a", []byte("b")); return err },
		func() error { return tx.Rename("ren", 0, "named") },
		func() error { h, err := tx.EditHash("named"); h.Set("after", []byte("rename")); return err },
		func() error { return tx.Copy("z", 1, "zcopy") },
		func() error { z, err := tx.EditZSet("emptied"); z.Remove("only"); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func seed(t *testing.T, db *DB) {
	t.Helper()
	require.NoError(t, db.Update(func(tx *Tx) error {
		tx.Set("s", []byte("old"), TTL(time.Hour))
		tx.Set("n", []byte("37"))
		tx.Set("gone", []byte("x"))
		l, _ := tx.EditList("l")
		l.PushBack([]byte("1"))
		l.PushBack([]byte("2"))
		h, _ := tx.EditHash("h")
		h.Set("f", []byte("1"))
		h.Set("g", []byte("1"))
		r, _ := tx.EditHash("ren")
		r.Set("f", []byte("1"))
		s, _ := tx.EditSet("set")
		s.Add("a")
		s.Add("b")
		z, _ := tx.EditZSet("z")
		z.Add("a", 1, 0)
		z.Add("b", 2, 0)
		e, _ := tx.EditZSet("emptied")
		e.Add("only", 1, 0)
		return nil
	}))
}

func TestRollback(t *testing.T) {
	for _, how := range []string{"error", "panic"} {
		t.Run(how, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			db := open(t, path, &Options{Clock: newManual()})
			seed(t, db)
			before := dump(t, db, 0)
			appended := db.file.Appended()
			run := func() {
				defer func() { recover() }()
				err := db.Update(func(tx *Tx) error {
					require.NoError(t, everything(tx))
					if how == "panic" {
						panic("stop")
					}
					return errStop
				})
				require.ErrorIs(t, err, errStop)
			}
			run()
			require.Equal(t, before, dump(t, db, 0))
			require.Empty(t, dump(t, db, 1))
			require.Equal(t, appended, db.file.Appended(), "a trace on disk")

			// After a rollback the values can still be written, and a snapshot from before is untouched.
			snap := db.Snapshot()
			require.NoError(t, db.Update(everything))
			h, err := snap.Hash("h")
			require.NoError(t, err)
			require.Equal(t, 2, h.Len())
			after := dump(t, db, 0)
			require.NotEqual(t, before, after)
			require.NotContains(t, after, "emptied")
			require.NoError(t, db.Close())
			again := open(t, path, &Options{Clock: newManual()})
			require.Equal(t, after, dump(t, again, 0))
			require.Equal(t, 1, again.Len(1))
		})
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	clock := newManual()
	db := open(t, path, &Options{Clock: clock, Sync: Always})
	seed(t, db)
	require.NoError(t, db.Save())
	require.NoError(t, db.Update(everything))
	tx := db.begin(db.everything(), true, 0)
	require.NoError(t, tx.Swap(0, 3))
	require.NoError(t, tx.finishCommit(false))
	require.NoError(t, db.Set("zero", []byte("0")))
	want := []map[string]string{dump(t, db, 0), dump(t, db, 1), dump(t, db, 3)}
	require.NoError(t, db.Close())

	for _, save := range []bool{false, true, false} {
		again := open(t, path, &Options{Clock: clock})
		require.Equal(t, want, []map[string]string{dump(t, again, 0), dump(t, again, 1), dump(t, again, 3)})
		if save {
			require.NoError(t, again.Save())
		}
		require.NoError(t, again.Close())
	}
	db = open(t, path, &Options{Clock: clock})
	require.NoError(t, db.Flush(-1))
	require.NoError(t, db.Close())
	db = open(t, path, &Options{Clock: clock})
	require.Zero(t, db.Len(0)+db.Len(1)+db.Len(3))
}

func TestExpiry(t *testing.T) {
	clock := newManual()
	db := open(t, "", &Options{Clock: clock})
	for i := range 1000 {
		require.NoError(t, db.Set(fmt.Sprint("k", i), []byte("v"), TTL(time.Duration(i%3+1)*time.Second)))
	}
	require.NoError(t, db.Set("stays", []byte("v")))
	clock.advance(1500 * time.Millisecond)
	v, err := db.Get("k0")
	require.NoError(t, err)
	require.Nil(t, v)
	v, err = db.Get("k1")
	require.NoError(t, err)
	require.Equal(t, "v", string(v))
	clock.advance(100 * time.Millisecond)
	require.Equal(t, 667, db.Len(0))
	for range 100 {
		clock.advance(time.Second)
	}
	require.Equal(t, 1, db.Len(0))
	require.EqualValues(t, 1000, db.Expired())
	ok, err := db.Expire("stays", time.Second)
	require.True(t, ok && err == nil)
	d, ok, err := db.TTL("stays")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, time.Second, d)
	ok, _ = db.Persist("stays")
	require.True(t, ok)
	require.Zero(t, db.Expires(0))
}

func TestUndeclaredKey(t *testing.T) {
	db := open(t, "", nil)
	err := db.Update(func(tx *Tx) error {
		_, err := tx.EditHash("b")
		return err
	}, Keys("a"))
	require.ErrorIs(t, err, ErrUndeclared)
	require.ErrorIs(t, db.View(func(tx *Tx) error { return tx.Set("a", nil) }), ErrTxReadOnly)
	require.ErrorIs(t, db.Update(func(tx *Tx) error { return nil }, In(16)), ErrDatabase)
}

func TestWrongType(t *testing.T) {
	db := open(t, "", nil)
	require.NoError(t, db.Set("k", []byte("v")))
	require.ErrorIs(t, db.Update(func(tx *Tx) error { _, err := tx.EditList("k"); return err }), ErrWrongType)
	require.NoError(t, db.Update(func(tx *Tx) error {
		h, err := tx.EditHash("h")
		h.Set("a", []byte("b"))
		return err
	}))
	_, err := db.Get("h")
	require.ErrorIs(t, err, ErrWrongType)
	// A value that was emptied in the transaction is no obstacle to another type.
	require.NoError(t, db.Update(func(tx *Tx) error {
		h, _ := tx.EditHash("h")
		h.Delete("a")
		l, err := tx.EditList("h")
		if err != nil {
			return err
		}
		l.PushBack([]byte("x"))
		return nil
	}))
	require.Equal(t, map[string]string{"k": "string v", "h": " x"}, dump(t, db, 0))
}

func TestBLPop(t *testing.T) {
	db := open(t, "", nil)
	ctx, cancel := context.WithCancel(context.Background())
	type got struct {
		who  int
		key  string
		elem string
		err  error
	}
	results := make(chan got)
	for i := range 3 {
		go func() {
			key, elem, err := db.BLPop(ctx, "a", "b")
			results <- got{i, key, string(elem), err}
		}()
		for db.Waiting() != i+1 {
		}
	}
	push := func(key, elem string) {
		require.NoError(t, db.Update(func(tx *Tx) error {
			l, err := tx.EditList(key)
			l.PushBack([]byte(elem))
			return err
		}))
	}
	push("b", "1")
	require.Equal(t, got{0, "b", "1", nil}, <-results)
	push("a", "2")
	require.Equal(t, got{1, "a", "2", nil}, <-results)
	cancel()
	require.ErrorIs(t, (<-results).err, context.Canceled)
	require.Zero(t, db.Waiting())
	push("a", "3")
	key, elem, err := db.BLPop(context.Background(), "b", "a")
	require.NoError(t, err)
	require.Equal(t, "a3", key+string(elem))
	require.Zero(t, db.Len(0))

	go func() {
		_, _, err := db.BZPopMin(context.Background(), "z")
		results <- got{err: err}
	}()
	for db.Waiting() != 1 {
	}
	require.NoError(t, db.Close())
	require.ErrorIs(t, (<-results).err, ErrClosed)
}

func TestWatch(t *testing.T) {
	clock := newManual()
	db := open(t, "", &Options{Clock: clock})
	changed := func(do func()) bool {
		var w Watch
		tx := db.NewTx()
		var locks LockSet
		locks.Add(db, "k")
		require.NoError(t, tx.Begin(locks, false))
		tx.Watch(&w, "k")
		require.NoError(t, tx.End())
		do()
		defer db.Unwatch(&w)
		require.NoError(t, tx.Begin(locks, false))
		defer tx.End()
		return w.Changed(tx)
	}
	require.False(t, changed(func() {}))
	require.False(t, changed(func() { db.Set("other", nil) }))
	require.True(t, changed(func() { db.Set("k", nil) }))
	require.True(t, changed(func() { db.Flush(-1) }))
	require.False(t, changed(func() { db.Flush(-1) }))
	require.False(t, changed(func() {
		db.Update(func(tx *Tx) error { tx.Set("k", nil); return errStop })
	}))
	require.True(t, changed(func() {
		db.Update(func(tx *Tx) error { s, err := tx.EditSet("k"); s.Add("a"); return err })
	}))
	require.False(t, changed(func() {
		db.Update(func(tx *Tx) error { s, err := tx.EditSet("k"); s.Add("a"); return err })
	}))
	require.True(t, changed(func() { db.Delete("k") }))
	db.Set("k", nil, TTL(time.Second))
	require.True(t, changed(func() { clock.advance(2 * time.Second) }))
	require.Zero(t, db.watches.count.Load())
}

func TestSnapshotOf(t *testing.T) {
	db := open(t, "", nil)
	for i := range 3 {
		require.NoError(t, db.Update(func(tx *Tx) error { return tx.Set("k", []byte{byte(i)}) }, In(i)))
	}
	s := db.SnapshotOf(1)
	require.NoError(t, db.Flush(-1))
	v, err := s.Get("k")
	require.NoError(t, err)
	require.Equal(t, []byte{1}, v)
	require.Equal(t, 1, s.Len())
	require.NoError(t, s.Select(2))
	require.False(t, s.Exists("k"))
}

// A list keeps an emptied leaf in reserve, which its clones do not get: the
// account of sizes must know (open checks it at the end).
func TestSizeOfListEditedUnderSnapshot(t *testing.T) {
	db := open(t, "", nil)
	for range 5 {
		for range 300 {
			_, err := db.RPush("queue", make([]byte, 100))
			require.NoError(t, err)
		}
		for range 150 {
			_, err := db.LPop("queue")
			require.NoError(t, err)
		}
		snap := db.Snapshot()
		_, err := db.RPush("queue", []byte("x"))
		require.NoError(t, err)
		require.NoError(t, db.Check())
		snap.Close()
	}
}

func TestForkAndSnapshot(t *testing.T) {
	db := open(t, "", &Options{Clock: newManual()})
	seed(t, db)
	before := dump(t, db, 0)
	snap := db.Snapshot()
	fork := db.Fork()
	defer fork.Close()
	var wg sync.WaitGroup
	for _, d := range []*DB{db, fork} {
		wg.Go(func() {
			for range 100 {
				require.NoError(t, d.Update(func(tx *Tx) error {
					h, err := tx.EditHash("h")
					h.IncrBy("n", 1)
					return err
				}))
			}
			d.Update(everything)
		})
	}
	wg.Wait()
	require.Equal(t, dump(t, db, 0), dump(t, fork, 0))
	h, err := snap.Hash("h")
	require.NoError(t, err)
	require.Equal(t, 2, h.Len())
	require.ErrorIs(t, snap.Set("a", nil), ErrTxReadOnly)
	require.Len(t, slices.Collect(snap.Keys("*")), len(before))
	require.NoError(t, fork.Check())
}

func TestWriteWhileIterating(t *testing.T) {
	db := open(t, "", nil)
	for i := range 1000 {
		require.NoError(t, db.Set(fmt.Sprint("session:", i), []byte("v")))
	}
	require.NoError(t, db.Update(func(tx *Tx) error {
		for key := range tx.Keys("session:*") {
			if _, err := tx.Delete(key); err != nil {
				return err
			}
			tx.Set("left:"+key, nil)
		}
		return nil
	}))
	require.Equal(t, 1000, db.Len(0))
	require.NoError(t, db.Update(func(tx *Tx) error {
		z, err := tx.EditZSet("z")
		for i := range 500 {
			z.Add(fmt.Sprint(i), float64(i), 0)
		}
		for _, m := range z.Ascend() {
			z.Remove(m.Name)
		}
		return err
	}))
	require.Equal(t, 1000, db.Len(0))
}

func TestBatch(t *testing.T) {
	db := open(t, "", nil)
	require.NoError(t, db.Batch().Set("a", []byte("1")).Set("b", []byte("2")).Expire("a", time.Hour).Commit())
	require.ErrorIs(t, db.Batch().Set("c", nil).Incr("c", 1).Commit(), ErrNotInteger)
	require.Equal(t, []string{"a", "b"}, slices.Sorted(maps.Keys(dump(t, db, 0))))
}

func TestSecondOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	open(t, path, nil)
	_, err := Open(path, nil)
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
}

// TestTransfers moves money between accounts from many goroutines, some of
// which fail on purpose, while others look: the sum must never change.
func TestTransfers(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "app.db"), nil)
	const accounts, total = 8, 800
	key := func(i int) string { return fmt.Sprint("account:", i) }
	for i := range accounts {
		require.NoError(t, db.Set(key(i), []byte("100")))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				from, to := key((g+i)%accounts), key((g+3*i+1)%accounts)
				err := db.Update(func(tx *Tx) error {
					if _, err := tx.Incr(from, -7); err != nil {
						return err
					}
					if i%5 == 0 {
						return errStop
					}
					_, err := tx.Incr(to, 7)
					return err
				}, Keys(from, to))
				if err != nil && !errors.Is(err, errStop) {
					panic(err)
				}
			}
		})
	}
	sum := func(get func(key string) ([]byte, error)) (n int64) {
		for i := range accounts {
			b, err := get(key(i))
			require.NoError(t, err)
			v, ok := types.ParseInt(b)
			require.True(t, ok)
			n += v
		}
		return n
	}
	for range 50 {
		require.NoError(t, db.View(func(tx *Tx) error {
			require.EqualValues(t, total, sum(tx.Get))
			return nil
		}))
		s := db.Snapshot()
		require.EqualValues(t, total, sum(s.Get))
	}
	wg.Wait()
}
