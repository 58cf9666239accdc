package persisttest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/store"
)

// A disk that hangs while a checkpoint or a rewrite is made, at any operation of
// it, holds up neither readers nor writers; and while it hangs at writing the new
// file, those who wait for their writes in the old one go on, too.
func TestStalledSave(t *testing.T) {
	for name, save := range map[string]func(*store.DB) error{"checkpoint": (*store.DB).Save, "rewrite": (*store.DB).Compact} {
		t.Run(name, func(t *testing.T) {
			waited := 0
			for nth := 1; ; nth++ {
				e := stallSave(t, nth, save)
				if e.Op == 0 {
					break
				}
				if beside(e) {
					waited++
				}
			}
			require.Equal(t, name == "rewrite", waited > 3)
		})
	}
}

// beside reports whether e is of a new file that is being written: not of the end,
// when it is synced and takes the place of the old one, for which those who wait for
// their writes wait as well.
func beside(e disk.Event) bool {
	switch e.Op {
	case disk.Open, disk.Attributes, disk.Write, disk.Commit, disk.CommitNoSync:
		return strings.HasSuffix(e.Path, ".unfinished")
	}
	return false
}

// stallSave has the n-th operation of save hang, and returns it; none if there are
// fewer.
func stallSave(t *testing.T, nth int, save func(*store.DB) error) (hung disk.Event) {
	dir, ticks := memoryDir(t), make(chan time.Time)
	defer disk.Pace(dir, ticks)()
	db, err := store.Open(appFile(dir), &store.Options{Sync: store.EverySecond})
	require.NoError(t, err)
	for i := range 100 {
		require.NoError(t, db.Set(fmt.Sprint(i), make([]byte, 20<<10)))
	}
	require.NoError(t, db.Sync())

	entered, release := make(chan disk.Event), make(chan bool)
	count := 0
	gate := make(chan bool, 1) // operations come from several goroutines
	gate <- true
	stop := disk.Watch(dir, func(e disk.Event, do func() error) error {
		<-gate
		count++
		mine := count == nth
		gate <- true
		if mine {
			select {
			case entered <- e:
				<-release
			case <-release: // the old file is closed after all is done
			}
		}
		return do()
	})
	saved := make(chan error, 1)
	go func() { saved <- save(db) }()
	select {
	case hung = <-entered:
		for i := range 100 {
			_, err := db.Get(fmt.Sprint(i))
			require.NoError(t, err)
			require.NoError(t, db.Set(fmt.Sprint(i), []byte("new")))
		}
		if beside(hung) {
			require.NoError(t, db.Sync())
		}
		if hung.Op != disk.Close { // of the old file, which nobody waits for
			require.Empty(t, saved)
		}
		close(release)
		require.NoError(t, <-saved)
	case err := <-saved:
		close(release)
		require.NoError(t, err)
	}
	stop()
	require.NoError(t, db.Close())
	db, err = store.Open(appFile(dir), nil)
	require.NoError(t, err)
	for i := range 100 {
		value, err := db.Get(fmt.Sprint(i))
		require.NoError(t, err)
		require.Equal(t, hung.Op != 0, string(value) == "new")
	}
	require.NoError(t, db.Close())
	return hung
}
