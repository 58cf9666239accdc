package persist

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
)

// A careless is a file under Never, of which a test knows how it is written.
type careless struct {
	*File
	m        *model
	ticks    chan time.Time
	commits  int // that were synced
	unsynced int // and not
	leave    func()
}

func openCareless(t *testing.T, path string) *careless {
	c := &careless{ticks: make(chan time.Time)}
	stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
		switch e.Op {
		case disk.Commit, disk.Flush:
			c.commits++
		case disk.CommitNoSync:
			c.unsynced++
		}
		return do()
	})
	c.File, c.m = mustOpen(t, path, &Options{Sync: Never, ticks: c.ticks})
	c.leave = func() {
		require.NoError(t, c.Close())
		stop()
	}
	return c
}

// write has a transaction written, and returns how it was.
func (c *careless) write(t *testing.T) string {
	t.Helper()
	commits, unsynced := c.commits, c.unsynced
	do(t, c.File, c.m, setTx("k", fmt.Sprint(c.m.seq)))
	tick(c.ticks)
	require.Equal(t, c.m.seq, c.Stats().Written)
	return fmt.Sprintf("%d synced, %d not", c.commits-commits, c.unsynced-unsynced)
}

// Under Never nothing is synced until somebody asks for the disk, and then
// everything.
func TestPromise(t *testing.T) {
	const unsynced, synced = "0 synced, 1 not", "1 synced, 0 not"
	for name, ask := range map[string]func(c *careless) error{
		"wait": func(c *careless) error { return c.Wait(c.m.seq) },
		"sync": func(c *careless) error { return c.Sync() },
		"hasten": func(c *careless) error {
			c.Hasten()
			tick(c.ticks)
			return nil
		},
		"wait for less": func(c *careless) error { return c.Wait(1) },
	} {
		t.Run(name, func(t *testing.T) {
			path := tempFile(t)
			for range 2 { // what was asked before it was closed does not count
				c := openCareless(t, path)
				for range 3 {
					require.Equal(t, unsynced, c.write(t))
				}
				require.True(t, c.OnDisk(0))
				require.False(t, c.OnDisk(c.m.seq))
				require.Equal(t, unsynced, c.write(t), "nobody was told anything")

				require.NoError(t, ask(c))
				require.Equal(t, c.m.seq, c.Durable())
				for range 3 {
					require.Equal(t, synced, c.write(t))
					require.True(t, c.OnDisk(c.m.seq))
				}
				c.leave()
			}
		})
	}
}

// Who asks for a transaction that there has not been yet gets an error, and nothing
// that would have to hold.
func TestPromiseOfWhatIsNotThere(t *testing.T) {
	c := openCareless(t, tempFile(t))
	c.write(t)
	require.ErrorIs(t, c.Wait(c.m.seq+1), ErrFuture)
	require.Equal(t, "0 synced, 1 not", c.write(t))
	require.NoError(t, c.Wait(c.m.seq))
	require.Equal(t, "1 synced, 0 not", c.write(t))
	c.leave()
}

// What a checkpoint has made durable is at risk with the next commit that is not
// synced. So who asks for it after that waits for a sync, and who asks before has
// the commit synced.
func TestPromiseOfWhatWasSynced(t *testing.T) {
	c := openCareless(t, tempFile(t))
	c.write(t)
	require.NoError(t, c.Checkpoint(c.m))
	seq := c.Durable()
	require.Equal(t, c.m.seq, seq)
	require.Equal(t, "0 synced, 1 not", c.write(t))
	require.Equal(t, seq, c.Durable())
	require.False(t, c.OnDisk(seq))
	before := c.commits
	require.NoError(t, c.Wait(seq))
	require.Equal(t, before+1, c.commits)
	require.True(t, c.OnDisk(c.m.seq))
	c.leave()

	c = openCareless(t, tempFile(t))
	c.write(t)
	require.NoError(t, c.Checkpoint(c.m))
	require.True(t, c.OnDisk(c.m.seq))
	require.Equal(t, "1 synced, 0 not", c.write(t))
	c.leave()
}
