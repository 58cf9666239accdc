package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
)

// A hook sees the operations of its directory and of no other, may fail them,
// and is gone after stop.
func TestWatch(t *testing.T) {
	mine, other := t.TempDir(), t.TempDir()
	refused := errors.New("refused")
	var seen []disk.Op
	stop := disk.Watch(mine, func(e disk.Event, do func() error) error {
		seen = append(seen, e.Op)
		if e.Op == disk.Rename {
			return refused
		}
		return do()
	})
	path := filepath.Join(mine, "a")
	f, err := disk.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, disk.WriteAt(f, []byte("abc"), 1))
	require.NoError(t, disk.SyncData(f))
	require.ErrorIs(t, disk.RenameFile(path, path+"2"), refused)
	require.FileExists(t, path)
	require.NoError(t, disk.SyncDirectory(mine))
	elsewhere, err := disk.OpenFile(filepath.Join(other, "a"), os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	require.NoError(t, elsewhere.Close())
	require.Equal(t, []disk.Op{disk.Open, disk.Write, disk.Sync, disk.Rename, disk.SyncDir}, seen)

	stop()
	require.NoError(t, disk.RenameFile(path, path+"2"))
	require.NoError(t, disk.RemoveFile(path+"2"))
	require.Len(t, seen, 5)
	content, err := os.ReadFile(path + "2")
	require.ErrorIs(t, err, os.ErrNotExist, "%q", content)
}

// The files of a directory go by its pace, others by the clock.
func TestPace(t *testing.T) {
	mine := make(chan time.Time)
	stop := disk.Pace("dir/", mine)
	ticks, end := disk.Seconds(filepath.Join("dir", "a"))
	require.Equal(t, (<-chan time.Time)(mine), ticks)
	end()
	for range 2 {
		ticks, end = disk.Seconds(filepath.Join("other", "a"))
		require.NotEqual(t, (<-chan time.Time)(mine), ticks)
		end()
		stop()
	}
}
