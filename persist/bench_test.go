package persist

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

func BenchmarkAppend(b *testing.B) {
	f, _ := mustOpen(b, tempFile(b), nil)
	tx := setTx("key:000000000001", "some value of an ordinary size")
	b.ReportAllocs()
	b.SetBytes(int64(len(tx)))
	for b.Loop() {
		if _, err := f.Append(tx); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, f.Close())
}

// BenchmarkAppendOnly is Append without the disk behind it.
func BenchmarkAppendOnly(b *testing.B) {
	f, _ := mustOpen(b, tempFile(b), testOptions(EverySecond))
	tx := setTx("key:000000000001", "some value of an ordinary size")
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, err := f.Append(tx); err != nil {
			b.Fatal(err)
		}
		if n++; n%50000 == 0 {
			f.mu.Lock()
			f.pipe.take(f.appended.Load())
			f.pipe.written()
			f.mu.Unlock()
		}
	}
}

func BenchmarkAlways(b *testing.B) {
	for i := range 6 {
		writers, how, size := []int{1, 10, 50}[i/2], []string{"commit", "stage"}[i%2], []int{-1, 0}[i%2]
		b.Run(fmt.Sprint(writers, how), func(b *testing.B) {
			f, err := Open(b.TempDir()+"/app.db", &Options{Sync: Always, stageSize: size})
			require.NoError(b, err)
			_, err = load(f)
			require.NoError(b, err)
			tx := setTx("key:000000000001", "some value of an ordinary size")
			b.ReportAllocs()
			b.ResetTimer()
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						seq, err := f.Append(tx)
						if err == nil {
							err = f.Wait(seq)
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/float64(f.Stats().Groups), "tx/group")
			require.NoError(b, f.Close())
		})
	}
}

// A flat view: n small strings, found by number.
type flat struct {
	n, version int
	seq        uint64
	key, value []byte
}

func (v *flat) entry(i int) Entry {
	v.key = fmt.Appendf(v.key[:0], "key:%012d", i)
	if v.value == nil {
		v.value = make([]byte, 64)
	}
	return Entry{Key: v.key, Kind: types.KindString, Value: v.value}
}

func (v *flat) Seq() uint64 { return v.seq }
func (v *flat) Len() int    { return v.n }
func (v *flat) Find(db int, key []byte) (Entry, bool) {
	e := v.entry(0)
	e.Key = key
	return e, true
}
func (v *flat) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := range v.n {
			if !yield(v.entry(i)) {
				return
			}
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	path := tempFile(b)
	f, _ := mustOpen(b, path, nil)
	require.NoError(b, f.Checkpoint(&flat{n: 1e6}))
	require.NoError(b, f.Close())
	for b.Loop() {
		f, err := Open(path, nil)
		require.NoError(b, err)
		n := 0
		require.NoError(b, f.Load(func(e Entry) error { n++; return nil }, nil))
		require.Equal(b, 1000000, n)
		require.NoError(b, f.Close())
	}
}

func BenchmarkLoadJournal(b *testing.B) {
	path := tempFile(b)
	f, _ := mustOpen(b, path, nil)
	for i := range 1000000 {
		_, err := f.Append(setTx(fmt.Sprintf("key:%012d", i), "some value of an ordinary size"))
		require.NoError(b, err)
	}
	require.NoError(b, f.Close())
	for b.Loop() {
		f, err := Open(path, nil)
		require.NoError(b, err)
		n := 0
		require.NoError(b, f.Load(nil, func(uint64, []byte) error { n++; return nil }))
		require.Equal(b, 1000000, n)
		require.NoError(b, f.Close())
	}
}

func BenchmarkCheckpointAll(b *testing.B) {
	f, _ := mustOpen(b, b.TempDir()+"/app.db", nil)
	v := &flat{n: 300000}
	var flush types.Log
	flush.Add(OpFlush, 5, 0, "", "")
	for b.Loop() {
		var err error
		v.seq, err = f.Append(flush.Bytes())
		require.NoError(b, err)
		require.NoError(b, f.Checkpoint(v))
	}
	b.ReportMetric(float64(f.Stats().BaseBytes), "bytes")
	require.NoError(b, f.Close())
}

// One per cent of 300 000 keys, each written 3 times.
func BenchmarkCheckpointDelta(b *testing.B) {
	f, _ := mustOpen(b, b.TempDir()+"/app.db", testOptions(EverySecond))
	v := &flat{n: 300000}
	require.NoError(b, f.Checkpoint(v))
	r := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		b.StopTimer()
		for range 3 {
			for i := range 3000 {
				var err error
				v.seq, err = f.Append(setTx(fmt.Sprintf("key:%012d", i*100+r.IntN(3)), "value"))
				require.NoError(b, err)
			}
		}
		require.NoError(b, f.Sync())
		b.StartTimer()
		require.NoError(b, f.Checkpoint(v))
	}
	require.NoError(b, f.Close())
}
