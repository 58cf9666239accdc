package persist

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// loadFile makes a file of n keys, some more in the journal, and opens it.
func loadFile(t *testing.T, n int) *File {
	path := tempFile(t)
	f, _ := mustOpen(t, path, testOptions(EverySecond))
	v := &flat{n: n}
	require.NoError(t, f.Checkpoint(v))
	for i := range 5000 {
		_, err := f.Append(setTx(fmt.Sprint("journaled ", i), fmt.Sprintf("%0300d", i)))
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	f, err := Open(path, testOptions(EverySecond))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// Entries come in batches, all of them, with a good guess of how many follow,
// and progress goes from nothing to all.
func TestLoadInto(t *testing.T) {
	const n = 300_000
	f := loadFile(t, n)
	entries, batches, txs, done := 0, 0, 0, int64(0)
	err := f.LoadInto(Loader{
		Entries: func(batch []Entry, ahead int) error {
			require.LessOrEqual(t, len(batch), batchEntries)
			entries += len(batch)
			batches++
			require.InDelta(t, n-entries, ahead, n/50)
			return nil
		},
		Effects: func(seq uint64, tx []byte) error {
			require.Equal(t, n, entries)
			txs++
			return nil
		},
		Progress: func(d, total int64) {
			require.GreaterOrEqual(t, d, done)
			require.LessOrEqual(t, d, total)
			if done = d; txs == 5000 {
				require.Greater(t, done, total*3/4)
			}
		},
	})
	require.NoError(t, err)
	require.Equal(t, n, entries)
	require.GreaterOrEqual(t, batches, n/batchEntries)
	require.Equal(t, 5000, txs)
}

// However the Loader ends, the goroutine that decodes ends with it.
func TestLoadIntoEndsEarly(t *testing.T) {
	f := loadFile(t, 300_000)
	before := runtime.NumGoroutine()
	mine := errors.New("mine")
	for stop := range 4 {
		batches := 0
		entries := func(panics bool) func([]Entry, int) error {
			return func([]Entry, int) error {
				if batches++; batches <= stop {
					return nil
				}
				if panics {
					panic(mine)
				}
				return mine
			}
		}
		require.ErrorIs(t, f.LoadInto(Loader{Entries: entries(false)}), mine)
		batches = 0
		require.PanicsWithValue(t, mine, func() { _ = f.LoadInto(Loader{Entries: entries(true)}) })
	}
	// Eventually has one of its own.
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 10*time.Second, time.Millisecond)
}

// Large values end a batch before its time.
func TestLoadBatchesAreBounded(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	var l types.Log
	for i := range 40 {
		l.Place(0, fmt.Sprint(i))
		l.Add(OpSet, 0, 0, string(make([]byte, 1<<20)), "")
	}
	do(t, f, m, l.Bytes())
	require.NoError(t, f.Checkpoint(m))
	batches := 0
	require.NoError(t, f.LoadInto(Loader{Entries: func(batch []Entry, _ int) error {
		batches++
		require.LessOrEqual(t, len(batch), 10)
		return nil
	}, Effects: func(uint64, []byte) error { return nil }}))
	require.GreaterOrEqual(t, batches, 4)
	require.NoError(t, f.Close())
}

// From wherever the journal is read, all that comes after is passed, and what is
// not there any more is missed.
func TestScanFromAnywhere(t *testing.T) {
	opt := testOptions(Always)
	opt.KeepJournal = 40 * segmentSize
	f, m := mustOpen(t, tempFile(t), opt)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range 300 {
		size := r.IntN(segmentSize)
		if i%40 == 0 {
			size = 3 * recordSize
		}
		do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", size)))
		if r.IntN(3) == 0 {
			require.NoError(t, f.Sync())
		}
		if i == 150 {
			require.NoError(t, f.Checkpoint(m))
		}
	}
	require.NoError(t, f.Sync())
	oldest := uint64(0)
	for after := range m.seq + 1 {
		want := after + 1
		_, err := f.scan(after, func(seq uint64, tx []byte) error {
			require.Equal(t, want, seq)
			want++
			return nil
		}, nil)
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			require.Zero(t, oldest)
			continue
		}
		if oldest == 0 {
			oldest = after
		}
		require.Equal(t, m.seq+1, want, after)
	}
	require.Greater(t, oldest, uint64(50))
	require.Less(t, oldest, uint64(150))
	require.NoError(t, f.Close())
}
