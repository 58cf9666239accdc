package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// A file with keys in more databases than there are now is not opened, and
// stays as it was: from the journal, and from a snapshot.
func TestFewerDatabases(t *testing.T) {
	for name, write := range map[string]func(*testing.T, *DB){
		"key":  func(t *testing.T, db *DB) {},
		"save": func(t *testing.T, db *DB) { require.NoError(t, db.Save()) },
		"swap": func(t *testing.T, db *DB) {
			var locks LockSet
			locks.AddAll(db)
			tx := db.NewTx()
			require.NoError(t, tx.Begin(locks, true))
			require.NoError(t, tx.Swap(0, 20))
			require.NoError(t, tx.End())
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			db := open(t, path, &Options{Databases: 24})
			require.NoError(t, db.Update(func(tx *Tx) error { return tx.Set("k", []byte("v")) }, In(20)))
			write(t, db)
			require.NoError(t, db.Close())
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			for range 2 {
				_, err = Open(path, nil)
				require.ErrorIs(t, err, ErrDatabase)
				require.ErrorContains(t, err, path)
				require.ErrorContains(t, err, "the file uses database 20, and Options.Databases is 16: open it with at least 21")
			}
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, before, after)
			db = open(t, path, &Options{Databases: 21})
			require.Equal(t, 1, db.Len(20)+db.Len(0))
		})
	}
}

// What expired while the file was closed is gone, for readers at once, and
// nothing brings it back.
func TestExpiredWhileClosed(t *testing.T) {
	for _, save := range []bool{false, true} {
		clock := newManual()
		path := filepath.Join(t.TempDir(), "app.db")
		db := open(t, path, &Options{Clock: clock})
		require.NoError(t, db.Update(func(tx *Tx) error {
			for i := range 8 {
				h, err := tx.EditHash(fmt.Sprint("h", i))
				if err != nil {
					return err
				}
				h.Set("old", []byte("1"))
				tx.Expire(fmt.Sprint("h", i), tx.Now()+1000)
			}
			return tx.Set("stays", []byte("v"))
		}))
		if save {
			require.NoError(t, db.Save())
		}
		require.NoError(t, db.Close())
		clock.set(clock.Now().Add(time.Second))

		db = open(t, path, &Options{Clock: clock}) // and no tick yet
		require.NoError(t, db.View(func(tx *Tx) error {
			require.False(t, tx.Exists("h0"))
			for key := range tx.Keys("*") {
				require.Equal(t, "stays", key)
			}
			return nil
		}))
		require.ErrorIs(t, db.Update(func(tx *Tx) error { return tx.Copy("h1", 0, "copy") }), ErrNoKey)
		_, err := db.HSet("h2", "new", []byte("2"))
		require.NoError(t, err)
		require.ErrorIs(t, db.Update(func(tx *Tx) error { return tx.Rename("h3", 0, "h4") }), ErrNoKey)
		require.NoError(t, db.Set("h5", []byte("s"), KeepDeadline))
		ok, err := db.Persist("h6")
		require.False(t, ok || err != nil)
		want := map[string]string{"stays": "string v", "h2": "hash map[new:2]", "h5": "string s"}
		require.Equal(t, want, reopened(t, db, clock))
	}
}

// A time that has passed deletes the key, 1970 too.
func TestExpireAtPast(t *testing.T) {
	db := open(t, "", nil)
	for _, ms := range []int64{-1, 0, 1, 1_000_000} {
		require.NoError(t, db.Set("k", []byte("v")))
		require.NoError(t, db.Set("k", []byte("w"), ExpireAt(time.UnixMilli(ms))))
		ok, err := db.Exists("k")
		require.False(t, ok || err != nil)
	}
}

// Compact forms have the limits of the options when values are loaded, too.
func TestLimitsOnLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	opt := &Options{Limits: &types.Limits{HashEntries: 2, HashValue: 8, SetEntries: 2, SetValue: 8, SetInts: 2, ZSetEntries: 2, ZSetValue: 8, ListSize: 2}}
	forms := func(db *DB) (forms []string) {
		require.NoError(t, db.View(func(tx *Tx) error {
			for _, kind := range []string{"list", "hash", "set", "ints", "zset"} {
				for n := range 4 {
					name, _ := tx.Encoding(fmt.Sprint(kind, n))
					forms = append(forms, name)
				}
			}
			return nil
		}))
		return forms
	}
	db := open(t, path, opt)
	require.NoError(t, db.Update(func(tx *Tx) error {
		for n := range 4 {
			l, _ := tx.EditList(fmt.Sprint("list", n))
			h, _ := tx.EditHash(fmt.Sprint("hash", n))
			s, _ := tx.EditSet(fmt.Sprint("set", n))
			i, _ := tx.EditSet(fmt.Sprint("ints", n))
			z, err := tx.EditZSet(fmt.Sprint("zset", n))
			if err != nil {
				return err
			}
			for e := range n + 1 {
				name := fmt.Sprint("e", e)
				l.PushBack([]byte(name))
				h.Set(name, nil)
				s.Add(name)
				i.Add(fmt.Sprint(e))
				z.Add(name, 1, 0)
			}
		}
		return nil
	}))
	want := forms(db)
	require.Contains(t, want, "listpack")
	require.Contains(t, want, "skiplist")
	require.NoError(t, db.Save())
	require.NoError(t, db.Close())
	require.Equal(t, want, forms(open(t, path, opt)))
}

// What walks over all keys must not do so beside others.
func TestEverywhereNeedsAll(t *testing.T) {
	db := open(t, "", nil)
	for _, walk := range []func(*Tx){
		func(tx *Tx) { tx.Len() },
		func(tx *Tx) { tx.Expires() },
		func(tx *Tx) { tx.RandomKey() },
		func(tx *Tx) {
			for range tx.Keys("*") {
			}
		},
	} {
		require.Panics(t, func() { _ = db.View(func(tx *Tx) error { walk(tx); return nil }, Keys("a")) })
		require.NoError(t, db.Update(func(tx *Tx) error { walk(tx); return nil }))
	}
}

// What is called most allocates nothing. (Under the race detector a sync.Pool
// forgets at random.)
func TestAllocations(t *testing.T) {
	db := open(t, "", nil)
	var buf []byte
	value := []byte("value")
	require.NoError(t, db.Set("c", value))
	steps := func(tx *Tx) error {
		_, _ = tx.Incr("a", 1)
		_, _ = tx.Incr("b", 1)
		return tx.Set("c", value)
	}
	for name, do := range map[string]func(){
		"AppendGet": func() { buf, _ = db.AppendGet(buf[:0], "c") },
		"Set":       func() { _ = db.Set("c", value) },
		"Update":    func() { _ = db.Update(steps, Keys("a", "b", "c")) },
	} {
		allowed := 0.
		if raceEnabled {
			allowed = 10
		}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, do), allowed, name)
	}
}
