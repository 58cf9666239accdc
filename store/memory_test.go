package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heapInUse returns the bytes in use after a collection. The second one empties
// what pools held.
func heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestMemoryIsHonest compares what Memory and Size say with the heap.
func TestMemoryIsHonest(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates for itself")
	}
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int) []byte { return []byte(strings.Repeat("v", n)) }
	for name, fill := range map[string]func(db *DB) error{
		"nothing": func(*DB) error { return nil },
		"strings": func(db *DB) error { return each(100_000, func(i int) error { return db.Set(name(i), text(64)) }) },
		"few":     func(db *DB) error { return each(100, func(i int) error { return db.Set(name(i), text(64)) }) },
		"sizes": func(db *DB) error {
			return each(50_000, func(i int) error { return db.Set(name(i), text(r.IntN(1000))) })
		},
		"churn": func(db *DB) error {
			return each(200_000, func(int) error { return db.Set(name(r.IntN(50_000)), text(1+r.IntN(128))) })
		},
		"large": func(db *DB) error { return each(100, func(i int) error { return db.Set(name(i), text(100_000)) }) },
		"long keys": func(db *DB) error {
			return each(20_000, func(i int) error { return db.Set(strings.Repeat("k", 500)+name(i), text(10)) })
		},
		"deadlines": func(db *DB) error {
			return each(100_000, func(i int) error { return db.Set(name(i), text(10), TTL(time.Hour)) })
		},
		"small hashes": func(db *DB) error {
			return each(300_000, func(i int) error {
				_, err := db.HSet(name(i%100_000), name(i%3), text(10))
				return err
			})
		},
		"small sets": func(db *DB) error {
			return each(50_000, func(i int) error { _, err := db.SAdd(name(i), "a", name(i)); return err })
		},
		"sorted sets": func(db *DB) error {
			return each(200_000, func(i int) error { _, err := db.ZAdd(name(i%1000), name(i), float64(i)); return err })
		},
		"lists": func(db *DB) error {
			return each(100_000, func(i int) error { _, err := db.RPush(name(i%20_000), text(20)); return err })
		},
		"popped": func(db *DB) error {
			err := each(100_000, func(i int) error { _, err := db.RPush("list", text(20)); return err })
			if err != nil {
				return err
			}
			return each(90_000, func(int) error { _, err := db.LPop("list"); return err })
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := heapInUse()
			db, err := Open("", nil)
			require.NoError(t, err)
			require.NoError(t, fill(db))
			used := heapInUse() - before
			m := db.Memory()
			require.NoError(t, db.Check())
			require.NoError(t, db.Close())
			runtime.KeepAlive(db)
			const fixed = 8 << 10 // of a DB without keys
			require.InDelta(t, used, m.Total()+fixed, 0.03*float64(used)+fixed)
			require.InDelta(t, m.Total(), db.Size(), 0.1*float64(used))
			sum := 0
			for part, n := range m.All() {
				require.GreaterOrEqual(t, n, 0, part)
				sum += n
			}
			require.Equal(t, m.Total(), sum)
		})
	}
}

// each calls f for 0 ≤ i < n until it fails.
func each(n int, f func(i int) error) error {
	for i := range n {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

func name(i int) string { return fmt.Sprintf("key:%012d", i) }

// TestMemoryParts tests that what is written appears in its part.
func TestMemoryParts(t *testing.T) {
	db, err := Open("", nil)
	require.NoError(t, err)
	defer db.Close()
	step := func(what string, fn func(tx *Tx) error) (more Memory) {
		t.Helper()
		was := db.Memory()
		require.NoError(t, db.Update(fn), what)
		require.NoError(t, db.Check(), what)
		more = db.Memory()
		more.Keys -= was.Keys
		more.Values -= was.Values
		more.Headers -= was.Headers
		more.Outside -= was.Outside
		more.Collections -= was.Collections
		more.Deadlines -= was.Deadlines
		more.Garbage -= was.Garbage
		return more
	}
	m := step("set", func(tx *Tx) error { return tx.Set("key", make([]byte, 100)) })
	require.Equal(t, []int{1, 3, 100, 3}, []int{m.Entries, m.Keys, m.Values, m.Headers})
	m = step("expire", func(tx *Tx) error { _, err := tx.Expire("key", tx.Now()+1000); return err })
	require.Equal(t, []int{0, 0, 0, deadlineSize + indexedSize}, []int{m.Keys, m.Values, m.Headers, m.Deadlines})
	m = step("overwrite", func(tx *Tx) error { return tx.Set("key", make([]byte, 40), KeepDeadline) })
	require.Equal(t, []int{-60, 60}, []int{m.Values, m.Garbage})
	m = step("large", func(tx *Tx) error { return tx.Set("large", make([]byte, 5000)) })
	require.Equal(t, []int{5, 0}, []int{m.Keys, m.Values})
	require.InDelta(t, 5000, m.Outside, 500)
	m = step("hash", func(tx *Tx) error {
		h, err := tx.EditHash("hash")
		h.Set("field", make([]byte, 1000))
		return err
	})
	require.InDelta(t, 1100, m.Collections, 1000)
	require.Error(t, db.Update(func(tx *Tx) error {
		h, err := tx.EditHash("hash")
		require.NoError(t, err)
		h.Set("other", make([]byte, 1000))
		return ErrExists
	}))
	require.NoError(t, db.Check())
	m = step("delete", func(tx *Tx) error { _, err := tx.Delete("hash"); return err })
	require.Zero(t, db.Memory().Collections)
	m = step("delete all", func(tx *Tx) error {
		for _, key := range []string{"key", "large"} {
			if _, err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	left := db.Memory()
	require.Zero(t, left.Data())
	require.Zero(t, left.Deadlines)
	require.Zero(t, left.PerEntry(left.Total()))
}
