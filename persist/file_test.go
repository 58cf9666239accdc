package persist

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/types"
)

var policies = []Policy{EverySecond, Always, Never}

func TestRoundTrip(t *testing.T) {
	for _, policy := range policies {
		t.Run(policy.String(), func(t *testing.T) {
			path := tempFile(t)
			f, m := mustOpen(t, path, testOptions(policy))
			require.Zero(t, m.Len())
			r := rand.New(rand.NewPCG(1, uint64(policy)))
			for range 200 {
				var l types.Log
				randomTx(r, &l)
				do(t, f, m, l.Bytes())
			}
			require.Equal(t, m.seq, f.Appended())
			require.NoError(t, f.Close())

			f, got := mustOpen(t, path, testOptions(policy))
			got.same(t, m)
			require.Equal(t, m.seq, f.Durable())
			require.NoError(t, f.Checkpoint(got))
			require.NoError(t, f.Close())

			f, got = mustOpen(t, path, testOptions(policy))
			got.same(t, m)
			require.Equal(t, m.seq, f.Stats().Covered)
			require.NoError(t, f.Close())
		})
	}
}

// Every kind, with large values and large collections, through the snapshot.
func TestSnapshotOfLargeValues(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	big := strings.Repeat("x", 300<<10)
	m.set(0, "big", stringValue(big, 0, 3))
	m.set(0, "", stringValue("", 17, 0))
	m.set(0, big, stringValue("key", 0, 0))
	var elems, pairs, members []elem
	for i := range 5000 {
		a := fmt.Sprintf("%05d%s", i, big[:i%100])
		if i == 77 {
			a += big
		}
		elems = append(elems, elem{a: a})
		pairs = append(pairs, elem{a: a, b: big[:(5000-i)%777]})
		members = append(members, elem{a: a, score: float64(i) / 3})
	}
	m.set(1, "list", value{types.KindList, elems, 99, 0})
	m.set(1, "set", value{types.KindSet, elems, 0, 0})
	m.set(2, "hash", value{types.KindHash, pairs, 0, 0})
	m.set(2, "zset", value{types.KindZSet, members, 0, 7})

	var l types.Log
	l.Add(OpFlush, -1, 0, "", "")
	seq, err := f.Append(l.Bytes())
	require.NoError(t, err)
	m.seq = seq
	require.NoError(t, f.Checkpoint(m))
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// Nobody waits for what was never appended.
func TestWaitForTheFuture(t *testing.T) {
	f, m := mustOpen(t, tempFile(t), testOptions(EverySecond))
	require.ErrorIs(t, f.Wait(1), ErrFuture)
	do(t, f, m, setTx("k", "v"))
	require.ErrorIs(t, f.Wait(2), ErrFuture)
	require.Zero(t, f.Durable(), "and nothing was synced for it")
	require.NoError(t, f.Wait(1))
	require.NoError(t, f.Close())
}

func TestWaitMakesDurableUnderEveryPolicy(t *testing.T) {
	for _, policy := range policies {
		f, m := mustOpen(t, tempFile(t), testOptions(policy))
		for i := range 3 {
			do(t, f, m, setTx("key", fmt.Sprint(i)))
			require.Equal(t, m.seq-1, f.Durable())
			require.NoError(t, f.Wait(m.seq))
			require.Equal(t, m.seq, f.Durable())
		}
		require.NoError(t, f.Close())
	}
}

// Under Never a group is written without a sync; Sync makes up for it.
func TestSyncAfterNever(t *testing.T) {
	ticks := make(chan time.Time)
	f, m := mustOpen(t, tempFile(t), &Options{Sync: Never, ticks: ticks})
	do(t, f, m, setTx("key", "value"))
	ticks <- time.Time{}
	ticks <- time.Time{} // the round of the first is over when this is taken
	require.Zero(t, f.Stats().Pending)
	require.Zero(t, f.Durable())
	require.NoError(t, f.Sync())
	require.Equal(t, m.seq, f.Durable())
	require.NoError(t, f.Close())
}

// What another process has left is synced before it is said to be durable.
func TestOpenSyncs(t *testing.T) {
	path := tempFile(t)
	f, _ := mustOpen(t, path, testOptions(Never))
	require.NoError(t, f.Close())
	var synced []string
	stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
		if e.Op == disk.Sync || e.Op == disk.SyncDir {
			synced = append(synced, e.Path)
		}
		return do()
	})
	defer stop()
	f, _ = mustOpen(t, path, testOptions(Never))
	require.Equal(t, []string{filepath.Dir(path), path}, synced)
	require.NoError(t, f.Close())
}

func TestEverySecondTick(t *testing.T) {
	ticks := make(chan time.Time)
	f, m := mustOpen(t, tempFile(t), &Options{ticks: ticks})
	do(t, f, m, setTx("key", "value"))
	ticks <- time.Time{}
	ticks <- time.Time{}
	require.Equal(t, m.seq, f.Durable())
	f.SetPolicy(Always)
	require.Equal(t, Always, f.Policy())
	require.NoError(t, f.Close())
}

func TestManyWaiters(t *testing.T) {
	path := tempFile(t)
	f, _ := mustOpen(t, path, testOptions(Always))
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			for i := range 30 {
				seq, err := f.Append(setTx(fmt.Sprint(w), fmt.Sprint(i)))
				if err == nil {
					err = f.Wait(seq)
				}
				if err != nil || f.Durable() < seq {
					t.Error(err, f.Durable(), seq)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, uint64(600), f.Durable())
	require.Less(t, f.Stats().Groups, uint64(600), "commits were not shared")
	require.NoError(t, f.Close())
	f, m := mustOpen(t, path, nil)
	require.Equal(t, 20, m.Len())
	for w := range 20 {
		require.Equal(t, "29", m.dbs[0][fmt.Sprint(w)].elems[0].a)
	}
	require.NoError(t, f.Close())
}

func TestCheckpointDue(t *testing.T) {
	f, m := mustOpen(t, tempFile(t), &Options{MaxJournal: 2 << 20, ticks: noTicks()})
	for i := range 24 {
		do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", 100<<10)))
	}
	require.NoError(t, f.Sync())
	<-f.CheckpointDue()
	require.NoError(t, f.Checkpoint(m))
	s := f.Stats()
	require.LessOrEqual(t, s.JournalBytes, int64(segmentSize+recordSize))
	require.Equal(t, uint64(1), s.Generation)
	require.Empty(t, f.CheckpointDue())
	require.NoError(t, f.Close())
}

func TestLifeCycle(t *testing.T) {
	path := tempFile(t)
	f, err := Open(path, nil)
	require.NoError(t, err)
	_, err = f.Append([]byte("x"))
	require.ErrorIs(t, err, errNotLoaded)
	_, err = load(f)
	require.NoError(t, err)
	seq, err := f.Append(setTx("a", "1"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	_, err = f.Append([]byte("x"))
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, f.Wait(seq))
	require.ErrorIs(t, f.Wait(seq+1), ErrClosed)
	require.ErrorIs(t, f.Checkpoint(newModel()), ErrClosed)
}

// A panic of what Load calls is the caller's own, not damage.
func TestLoadCallbackPanics(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, nil)
	do(t, f, m, setTx("a", "1"))
	require.NoError(t, f.Checkpoint(m))
	do(t, f, m, setTx("a", "2"))
	require.NoError(t, f.Close())
	f, err := Open(path, nil)
	require.NoError(t, err)
	require.PanicsWithValue(t, "mine", func() { _ = f.Load(func(Entry) error { panic("mine") }, m.apply) })
	require.PanicsWithValue(t, "mine", func() {
		_ = f.Load(newModel().put, func(uint64, []byte) error { panic("mine") })
	})
	other := errors.New("mine")
	require.ErrorIs(t, f.Load(newModel().put, func(uint64, []byte) error { return other }), other)
	got, err := load(f)
	require.NoError(t, err)
	got.same(t, m)
	require.NoError(t, f.Close())
}

func TestEntriesThatHaveNoForm(t *testing.T) {
	f, m := mustOpen(t, tempFile(t), nil)
	m.set(0, "none", value{kind: types.KindNone})
	require.ErrorContains(t, f.Checkpoint(m), "no form in a file")
	delete(m.dbs[0], "none")
	m.set(0, "empty", value{kind: types.KindList})
	m.set(0, "a", stringValue("1", 0, 0))
	require.NoError(t, f.Checkpoint(m))
	got, err := load(f)
	require.NoError(t, err)
	delete(m.dbs[0], "empty")
	got.same(t, m)
	require.NoError(t, f.Close())
}

func TestOutgrownJournalIsNotRead(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	write := func(key string, n int) {
		for i := range n {
			do(t, f, m, setTx(key, strings.Repeat(string(rune('a'+i%26)), 100<<10)))
		}
	}
	for i := range 10 {
		write(fmt.Sprint(i), 1)
	}
	require.NoError(t, f.Checkpoint(m))
	write("hot", 60) // 6 MB beside a base of 1 MB, but little
	require.NoError(t, f.Checkpoint(m))
	require.False(t, f.Stats().Last.Base)
	write("hot", 90)
	require.NoError(t, f.Checkpoint(m))
	require.True(t, f.Stats().Last.Base)
	require.Equal(t, 11, f.Stats().Last.Keys)

	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}
