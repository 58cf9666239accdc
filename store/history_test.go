package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// A history is a long random life of one database with a file. Every so often
// the file is copied as a crash would leave it, and what opens from the copy
// must be what is in memory: every value, deadline and encoding.
type history struct {
	t     *testing.T
	r     *rand.Rand
	clock *manual
	db    *DB
	opt   Options
	tx    *Tx // of a server
}

const (
	historyDBs  = 3
	historyKeys = 24
)

func (h *history) key() string {
	if h.r.IntN(60) == 0 {
		return []string{"", string(make([]byte, 300)), "k\x00\xff"}[h.r.IntN(3)]
	}
	return fmt.Sprint("key:", h.r.IntN(historyKeys))
}

func (h *history) elem() []byte {
	switch h.r.IntN(12) {
	case 0:
		return []byte{}
	case 1:
		return make([]byte, 1+h.r.IntN(6000))
	case 2, 3, 4:
		return fmt.Append(nil, h.r.IntN(1000)-500)
	}
	return fmt.Append(nil, "e", h.r.IntN(40))
}

// at is a deadline, mostly soon, sometimes past.
func (h *history) at(tx *Tx) int64 { return tx.Now() + int64(h.r.IntN(4000)-200) }

// step does something to tx, and ignores that it may not fit what is there.
func (h *history) step(tx *Tx) {
	key := h.key()
	require.NoError(h.t, tx.Select(h.r.IntN(historyDBs)))
	switch h.r.IntN(20) {
	case 0:
		deadline := []int64{0, KeepTTL, h.at(tx)}[h.r.IntN(3)]
		require.NoError(h.t, tx.PutString(key, h.elem(), deadline))
	case 1:
		_, _ = tx.Append(key, h.elem())
	case 2:
		_, _ = tx.SetRange(key, h.r.IntN(50), h.elem())
	case 3:
		_, _ = tx.Incr(key, int64(h.r.IntN(100)))
	case 4:
		_, _ = tx.IncrByFloat(key, "0.1")
	case 5:
		_, err := tx.Delete(key)
		require.NoError(h.t, err)
	case 6, 7:
		_, err := tx.Expire(key, []int64{0, h.at(tx), h.at(tx)}[h.r.IntN(3)])
		require.NoError(h.t, err)
	case 8:
		_ = tx.Rename(key, h.r.IntN(historyDBs), h.key())
	case 9:
		_ = tx.Copy(key, h.r.IntN(historyDBs), h.key())
	case 10, 11:
		h.list(tx, key)
	case 12, 13:
		h.hash(tx, key)
	case 14, 15:
		h.set(tx, key)
	case 16, 17:
		h.zset(tx, key)
	case 18:
		tx.Exists(key) // may expire
	case 19:
		h.empty(tx, key)
	}
}

func (h *history) list(tx *Tx, key string) {
	l, err := tx.EditList(key)
	if err != nil {
		return
	}
	for range 1 + h.r.IntN(6) {
		n := l.Len()
		switch h.r.IntN(9) {
		case 0, 1:
			l.PushFront(h.elem())
		case 2, 3:
			l.PushBack(h.elem())
		case 4:
			l.PopFront()
		case 5:
			l.PopBack()
		case 6:
			if n > 0 {
				require.NoError(h.t, l.SetAt(h.r.IntN(n), h.elem()))
			}
		case 7:
			l.Insert(h.elem(), h.elem(), h.r.IntN(2) == 0)
		case 8:
			l.Remove(h.elem(), h.r.IntN(5)-2)
		}
	}
	if n := l.Len(); n > 30 {
		l.Trim(h.r.IntN(10), n-1-h.r.IntN(10))
	}
}

func (h *history) hash(tx *Tx, key string) {
	v, err := tx.EditHash(key)
	if err != nil {
		return
	}
	for range 1 + h.r.IntN(8) {
		switch f := string(h.elem()); h.r.IntN(5) {
		case 0:
			v.Delete(f)
		case 1:
			_, _ = v.IncrBy(f, 7)
		case 2:
			_, _ = v.IncrByFloat(f, "1.5")
		default:
			v.Set(f, h.elem())
		}
	}
}

func (h *history) set(tx *Tx, key string) {
	v, err := tx.EditSet(key)
	if err != nil {
		return
	}
	for range 1 + h.r.IntN(8) {
		switch h.r.IntN(6) {
		case 0:
			v.Remove(string(h.elem()))
		case 1:
			v.Pop(h.r)
		default:
			v.Add(string(h.elem()))
		}
	}
}

func (h *history) zset(tx *Tx, key string) {
	v, err := tx.EditZSet(key)
	if err != nil {
		return
	}
	for range 1 + h.r.IntN(8) {
		m, score := string(h.elem()), float64(h.r.IntN(20))/4
		switch h.r.IntN(6) {
		case 0:
			v.Remove(m)
		case 1:
			_, _, err := v.Incr(m, score, 0)
			require.NoError(h.t, err)
		case 2:
			lo := h.r.IntN(v.Len() + 1)
			v.RemoveRange(lo, min(v.Len(), lo+h.r.IntN(3)))
		default:
			v.Add(m, score, types.ZRule(h.r.IntN(16)))
		}
	}
}

// empty takes everything out of a collection; the next step of the same
// transaction may find it so, and make something else of it.
func (h *history) empty(tx *Tx, key string) {
	if h.r.IntN(2) == 0 {
		_, err := tx.Expire(key, tx.Now()+5000)
		require.NoError(h.t, err)
	}
	switch tx.Kind(key) {
	case types.KindList:
		l, _ := tx.EditList(key)
		for l.Len() > 0 {
			l.PopBack()
		}
	case types.KindHash:
		v, _ := tx.EditHash(key)
		for v.Len() > 0 {
			f, _ := v.Random(h.r)
			v.Delete(string(f))
		}
	case types.KindSet:
		v, _ := tx.EditSet(key)
		for v.Len() > 0 {
			v.Pop(h.r)
		}
	case types.KindZSet:
		v, _ := tx.EditZSet(key)
		v.RemoveRange(0, v.Len())
	default:
		return
	}
	switch h.r.IntN(6) {
	case 0:
		_, err := tx.Incr(key, 1)
		require.NoError(h.t, err)
	case 1:
		_, err := tx.SetRange(key, 2, []byte("x"))
		require.NoError(h.t, err)
	case 2:
		h.list(tx, key)
	case 3:
		h.hash(tx, key)
	case 4:
		require.NoError(h.t, tx.PutString(key, h.elem(), KeepTTL))
	}
}

// update is an Update of the embedder, which fails now and then.
func (h *history) update() {
	fails := h.r.IntN(4) == 0
	err := h.db.Update(func(tx *Tx) error {
		for range 1 + h.r.IntN(14) {
			h.step(tx)
		}
		if fails {
			return errStop
		}
		return nil
	})
	if fails {
		require.ErrorIs(h.t, err, errStop)
		return
	}
	require.NoError(h.t, err)
}

// serve is what a server does: a MULTI of commands, each settled, with the
// commands that cannot be rolled back among them.
func (h *history) serve() {
	var locks LockSet
	locks.AddAll(h.db)
	require.NoError(h.t, h.tx.Begin(locks, true))
	for range 1 + h.r.IntN(5) {
		switch h.r.IntN(60) {
		case 0:
			require.NoError(h.t, h.tx.Flush(h.r.IntN(historyDBs)))
		case 1, 2:
			require.NoError(h.t, h.tx.Swap(h.r.IntN(historyDBs), h.r.IntN(historyDBs)))
		default:
			h.step(h.tx)
		}
		h.tx.Settle()
	}
	require.NoError(h.t, h.tx.End())
}

// wait puts a client in line that moves what it gets to another list, which
// may need other shards than the transaction that serves it.
func (h *history) wait() {
	if h.db.Waiting() > 6 {
		return
	}
	key, to := h.key(), h.key()
	var locks LockSet
	locks.Add(h.db, key)
	locks.Add(h.db, to)
	require.NoError(h.t, h.tx.Begin(locks, true))
	require.NoError(h.t, h.tx.Select(h.r.IntN(historyDBs)))
	h.tx.Wait(&Waiter{
		Kind: types.KindList, Locks: locks, Done: func(error) {},
		Serve: func(tx *Tx, key string) bool {
			if k := tx.Kind(to); k != types.KindNone && k != types.KindList {
				return false
			}
			from, err := tx.EditList(key)
			require.NoError(h.t, err)
			e, ok := from.PopFront()
			if !ok {
				return false
			}
			e = append([]byte(nil), e...)
			dst, err := tx.EditList(to)
			require.NoError(h.t, err)
			dst.PushBack(e)
			return true
		},
	}, 0, key)
	require.NoError(h.t, h.tx.End())
}

// contents is everything a client could ask for. A snapshot does not keep
// which form a value had before it shrank: forms says whether to look.
func (h *history) contents(db *DB, forms bool) (all []map[string]string) {
	for i := range historyDBs {
		require.NoError(h.t, db.View(func(tx *Tx) error {
			keys := textOf(h.t, tx)
			for k := range keys {
				if name, _ := tx.Encoding(k); forms || tx.Kind(k) == types.KindString {
					keys[k] += " " + name
				}
			}
			all = append(all, keys)
			return nil
		}, In(i)))
	}
	return all
}

// crash opens a copy of the file and compares.
func (h *history) crash(forms bool) {
	require.NoError(h.t, h.db.Sync())
	data, err := os.ReadFile(h.db.Path())
	require.NoError(h.t, err)
	path := h.db.Path() + ".copy"
	require.NoError(h.t, os.WriteFile(path, data, 0o600))
	opt := h.opt
	again, err := Open(path, &opt)
	require.NoError(h.t, err)
	require.NoError(h.t, again.Check())
	require.Equal(h.t, h.contents(h.db, forms), h.contents(again, forms))
	require.NoError(h.t, again.Close())
	require.NoError(h.t, h.db.Check())
}

// TestHistory lives many of them: without checkpoints, with one at each crash,
// and with checkpoints that run while the transactions do.
func TestHistory(t *testing.T) {
	limits := &types.Limits{HashEntries: 6, HashValue: 64, SetEntries: 6, SetValue: 64, SetInts: 4, ZSetEntries: 6, ZSetValue: 64, ListSize: 8}
	for _, mode := range []string{"journal", "snapshot", "both"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(6) {
				h := &history{t: t, r: rand.New(rand.NewPCG(seed, 7)), clock: newManual()}
				h.opt = Options{Databases: historyDBs, Clock: h.clock, Sync: Never, Limits: limits, Seed: seed + 1}
				if seed%2 == 1 {
					h.opt.Limits = nil
				}
				opt := h.opt
				h.db = open(t, filepath.Join(t.TempDir(), "app.db"), &opt)
				h.tx = h.db.NewTx()
				t.Logf("seed %d", seed)
				h.live(mode)
				require.NoError(t, h.db.Close())
			}
		})
	}
}

func (h *history) live(mode string) {
	var saving sync.WaitGroup
	for n := range 600 {
		switch h.r.IntN(12) {
		case 0:
			h.clock.advance(time.Duration(h.r.IntN(700)) * time.Millisecond)
		case 1:
			h.clock.set(h.clock.Now().Add(time.Duration(h.r.IntN(700)) * time.Millisecond)) // and no tick
		case 2:
			h.wait()
		case 3, 4, 5, 6:
			h.update()
		default:
			h.serve()
		}
		if mode == "both" && n%40 == 7 {
			saving.Wait()
			saving.Go(func() { require.NoError(h.t, h.db.Save()) })
		}
		if n%20 == 0 {
			require.NoError(h.t, h.db.Check())
		}
		if n%100 == 99 {
			saving.Wait()
			if mode == "snapshot" {
				require.NoError(h.t, h.db.Save())
			}
			h.crash(mode == "journal")
		}
	}
}
