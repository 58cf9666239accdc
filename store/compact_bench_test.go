package store

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkCompact writes anew a file of about 1 GB, a fifth of which is in use,
// while one writer sets keys and another waits for the disk each time. The
// second compaction and later ones are of a file without free space.
func BenchmarkCompact(b *testing.B) {
	path := filepath.Join(b.TempDir(), "app.db")
	db, err := Open(path, &Options{MaxFree: -1, MaxJournal: 1 << 40})
	require.NoError(b, err)
	defer db.Close()
	bulk := []byte(strings.Repeat("x", 1<<20))
	for i := range 700 {
		require.NoError(b, db.Set(fmt.Sprint("bulk", i), bulk))
	}
	require.NoError(b, db.Save())
	for i := range 700 {
		_, err := db.Delete(fmt.Sprint("bulk", i))
		require.NoError(b, err)
	}
	require.NoError(b, db.Save())
	value := []byte(strings.Repeat("v", 64))
	for i := range 2_000_000 {
		require.NoError(b, db.Set(fmt.Sprintf("key:%012d", i), value))
	}
	require.NoError(b, db.Save())
	before, err := os.Stat(path)
	require.NoError(b, err)
	for b.Loop() {
		var stop atomic.Bool
		plain, durable := make(chan time.Duration), make(chan time.Duration)
		go longest(&stop, plain, func(i int) error {
			return db.Set(fmt.Sprintf("key:%012d", i*7919%2_000_000), value)
		})
		go longest(&stop, durable, func(i int) error {
			return db.Update(func(tx *Tx) error { return tx.Set(fmt.Sprintf("key:%012d", i*7907%2_000_000), value) }, Durable)
		})
		time.Sleep(time.Second)
		var calm, during runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&calm)
		began := time.Now()
		require.NoError(b, db.Compact())
		took := time.Since(began)
		runtime.ReadMemStats(&during)
		stop.Store(true)
		b.ReportMetric(took.Seconds(), "s/compaction")
		b.ReportMetric(float64((<-plain).Microseconds())/1000, "ms-longest-set")
		b.ReportMetric(float64((<-durable).Microseconds())/1000, "ms-longest-durable")
		b.ReportMetric(float64(int64(during.HeapAlloc)-int64(calm.HeapAlloc))/1e6, "MB-heap-more")
	}
	after, err := os.Stat(path)
	require.NoError(b, err)
	b.ReportMetric(float64(before.Size())/1e6, "MB-before")
	b.ReportMetric(float64(after.Size())/1e6, "MB-after")
}

// longest calls do again and again and passes on how long the longest call took.
func longest(stop *atomic.Bool, result chan<- time.Duration, do func(i int) error) {
	most := time.Duration(0)
	for i := 0; !stop.Load(); i++ {
		began := time.Now()
		if do(i) != nil {
			break
		}
		most = max(most, time.Since(began))
		time.Sleep(50 * time.Microsecond)
	}
	result <- most
}
