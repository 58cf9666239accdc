package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, time.Millisecond, what)
}

// A key that has expired and is watched is looked at by FLUSHDB and SWAPDB
// while they hold the table of watches.
func TestFlushOfWatchedExpired(t *testing.T) {
	for _, swap := range []bool{false, true} {
		clock := newManual()
		db := open(t, "", &Options{Clock: clock})
		require.NoError(t, db.Set("k", []byte("v"), TTL(time.Millisecond)))
		var w Watch
		var locks LockSet
		locks.AddAll(db)
		tx := db.NewTx()
		require.NoError(t, tx.Begin(locks, true))
		tx.Watch(&w, "k")
		require.NoError(t, tx.End())
		clock.mu.Lock()
		clock.now = clock.now.Add(2 * time.Millisecond) // and no tick
		clock.mu.Unlock()
		finished := make(chan error, 1)
		go func() {
			if err := tx.Begin(locks, true); err != nil {
				finished <- err
				return
			}
			err := error(nil)
			if swap {
				err = tx.Swap(0, 1)
			} else {
				err = tx.Flush(0)
			}
			finished <- errors.Join(err, tx.End())
		}()
		select {
		case err := <-finished:
			require.NoError(t, err)
		case <-time.After(10 * time.Second):
			t.Fatal("FLUSHDB or SWAPDB waits for itself")
		}
		db.Unwatch(&w)
	}
}

// Whatever a waiter is told when, the count of those who wait, on which every
// wake-up depends, comes back to nothing.
func TestGiveUpBesideWait(t *testing.T) {
	db := open(t, "", nil)
	for range 300 {
		told := make(chan error, 3)
		w := &Waiter{
			Kind:  types.KindList,
			Serve: func(tx *Tx, key string) bool { l, _ := tx.EditList(key); _, ok := l.PopFront(); return ok },
			Done:  func(err error) { told <- err },
		}
		var others sync.WaitGroup
		for range 2 {
			others.Go(func() { db.GiveUp(w, context.Canceled) })
		}
		var locks LockSet
		locks.Add(db, "k")
		tx := db.NewTx()
		require.NoError(t, tx.Begin(locks, true))
		tx.Wait(w, 0, "k")
		require.NoError(t, tx.End())
		others.Wait()
		require.ErrorIs(t, <-told, context.Canceled)
		require.Empty(t, told)
		require.Zero(t, db.Waiting())
		require.Empty(t, db.waits.line(place{0, "k"}))
	}
}

// The key that a waiter gets is its own, not that of whoever made it ready,
// which may be part of a network buffer.
func TestWaiterGetsItsOwnKey(t *testing.T) {
	db := open(t, "", nil)
	got := make(chan string, 1)
	go func() {
		key, _, _ := db.BLPop(context.Background(), "key")
		got <- key
	}()
	eventually(t, func() bool { return db.Waiting() == 1 }, "nobody waits")
	borrowed := []byte("key")
	var locks LockSet
	locks.Add(db, text(borrowed))
	tx := db.NewTx()
	require.NoError(t, tx.Begin(locks, true))
	l, err := tx.EditList(text(borrowed))
	require.NoError(t, err)
	l.PushBack([]byte("e"))
	require.NoError(t, tx.End())
	copy(borrowed, "xxx")
	require.Equal(t, "key", <-got)
}

// A panic in the function of a waiter is its own, and no lock stays held; it
// can touch no key but the one it got.
func TestAwaitMisused(t *testing.T) {
	db := open(t, "", nil)
	ctx := context.Background()
	await := func(fn func(tx *Tx, k string) (bool, error)) (p any) {
		defer func() { p = recover() }()
		return db.Await(ctx, types.KindList, []string{"a", "b"}, fn)
	}
	require.Equal(t, "at once", await(func(*Tx, string) (bool, error) { panic("at once") }))
	require.Zero(t, db.Waiting())

	told := make(chan any, 1)
	go func() {
		told <- await(func(tx *Tx, k string) (bool, error) {
			if tx.Kind(k) == types.KindNone {
				return false, nil
			}
			panic("later")
		})
	}()
	eventually(t, func() bool { return db.Waiting() == 1 }, "nobody waits")
	push := func() {
		require.NoError(t, db.Update(func(tx *Tx) error {
			l, err := tx.EditList("a")
			if err == nil {
				l.PushBack([]byte("e"))
			}
			return err
		}))
	}
	push()
	require.Equal(t, "later", <-told)
	_, err := db.Delete("a")
	require.NoError(t, err)

	other := error(nil)
	go func() {
		told <- await(func(tx *Tx, k string) (bool, error) {
			if tx.Kind(k) == types.KindNone {
				return false, nil
			}
			_, other = tx.EditList("b")
			return true, nil
		})
	}()
	eventually(t, func() bool { return db.Waiting() == 1 }, "nobody waits")
	push()
	require.Nil(t, <-told)
	require.ErrorIs(t, other, ErrUndeclared)
}

// What a waiter took is on disk when it hears of it, if the policy says so.
func TestAwaitIsDurable(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "db"), &Options{Sync: Always})
	finished := make(chan uint64, 1)
	go func() {
		_, _, err := db.BLPop(context.Background(), "k")
		if err != nil {
			finished <- 0
			return
		}
		finished <- db.file.Durable()
	}()
	eventually(t, func() bool { return db.Waiting() == 1 }, "nobody waits")
	require.NoError(t, db.Update(func(tx *Tx) error {
		l, err := tx.EditList("k")
		if err == nil {
			l.PushBack([]byte("e"))
		}
		return err
	}))
	require.Equal(t, db.file.Appended(), <-finished)
}

// What somebody waits with takes all or nothing in the transaction of another, too.
func TestAwaitTakesAllOrNothing(t *testing.T) {
	for _, how := range []string{"panic", "error", "none"} {
		t.Run(how, func(t *testing.T) {
			clock := newManual()
			db := open(t, filepath.Join(t.TempDir(), "app.db"), &Options{Clock: clock})
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan any)
			go func() {
				defer func() { over <- recover() }()
				_ = db.Await(ctx, types.KindList, []string{"l"}, func(tx *Tx, key string) (bool, error) {
					l, err := tx.EditList(key)
					if err != nil || l.Len() == 0 {
						return false, err
					}
					l.PopFront()
					tx.Expire(key, tx.Now()+1000)
					switch how {
					case "panic":
						panic("mine")
					case "error":
						return true, errStop
					}
					return false, nil
				})
			}()
			eventually(t, func() bool { return db.Waiting() == 1 }, "nobody waits")
			_, err := db.RPush("l", []byte("a"), []byte("b"))
			require.NoError(t, err)
			cancel()
			require.Equal(t, how == "panic", <-over == "mine")
			require.Equal(t, map[string]string{"l": " a b"}, reopened(t, db, clock))
		})
	}
}

// What take asks for by Sync is done for Await, also in the transaction of another.
func TestAwaitSync(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "app.db"), &Options{Sync: Never})
	ended := make(chan error)
	go func() {
		ended <- db.Await(t.Context(), types.KindList, []string{"k"}, func(tx *Tx, key string) (bool, error) {
			tx.Sync(Always)
			return tx.Delete(key)
		})
	}()
	require.Eventually(t, func() bool { return db.Waiting() == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, db.Update(func(tx *Tx) error {
		l, err := tx.EditList("k")
		if err == nil {
			l.PushBack([]byte("e"))
		}
		return err
	}))
	require.NoError(t, <-ended)
	require.True(t, db.Durable(db.Seq()))
}
