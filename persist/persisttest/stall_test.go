package persisttest

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/store"
)

// A disk that hangs holds up those who wait for it and nobody else: readers go
// on, of every key, and writers until 56 MiB wait for the disk, and when it
// comes back nothing is lost.
func TestStalledSync(t *testing.T) {
	dir, ticks := memoryDir(t), make(chan time.Time)
	defer disk.Pace(dir, ticks)()
	stalled, entered, release := atomic.Bool{}, make(chan bool), make(chan bool)
	defer disk.Watch(dir, func(e disk.Event, do func() error) error {
		if e.Op == disk.Commit && stalled.Load() {
			entered <- true
			<-release
			stalled.Store(false)
		}
		return do()
	})()
	db, err := store.Open(appFile(dir), nil)
	require.NoError(t, err)
	const keys, size = 60, 1 << 20
	for i := range keys {
		require.NoError(t, db.Set(fmt.Sprint(i), []byte("old")))
	}
	require.NoError(t, db.Sync())

	stalled.Store(true)
	require.NoError(t, db.Set("0", []byte("new")))
	ticks <- time.Time{}
	<-entered
	big := make([]byte, size)
	for i := range 50 {
		require.NoError(t, db.Set(fmt.Sprint(i), big))
	}
	synced, written := make(chan error, 1), make(chan error, 1)
	go func() { synced <- db.Sync() }()
	go func() {
		var err error
		for i := range keys {
			if err == nil {
				err = db.Set(fmt.Sprint(i), big)
			}
		}
		written <- err
	}()
	for { // until that writer waits
		if stats, _ := db.Stats(); stats.Pending > 56<<20 {
			break
		}
		runtime.Gosched()
	}
	for i := range keys {
		_, err := db.Get(fmt.Sprint(i))
		require.NoError(t, err)
	}
	require.NoError(t, db.View(func(tx *store.Tx) error {
		require.Equal(t, keys, tx.Len())
		return nil
	}))
	require.Empty(t, synced)
	require.Empty(t, written)

	close(release)
	require.NoError(t, <-synced)
	require.NoError(t, <-written)
	require.NoError(t, db.Close())
	db, err = store.Open(appFile(dir), nil)
	require.NoError(t, err)
	for i := range keys {
		value, err := db.Get(fmt.Sprint(i))
		require.NoError(t, err)
		require.Len(t, value, size)
	}
	require.NoError(t, db.Close())
}
