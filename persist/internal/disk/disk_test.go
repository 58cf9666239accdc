package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

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

// What is written past the memory of the system is what others read, before and
// after they have the page there.
func TestDirect(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a"))
	require.NoError(t, err)
	defer f.Close()
	page := make([]byte, 2*disk.DirectUnit)
	_, err = f.Write(page)
	require.NoError(t, err)
	size, err := disk.Size(f)
	require.NoError(t, err)
	require.EqualValues(t, len(page), size)
	direct := disk.Direct(f)
	if direct == nil {
		t.Skip("no file here can be written so")
	}
	defer direct.Close()
	require.Equal(t, f.Name(), direct.Name())
	past := -uintptr(unsafe.Pointer(&page[0])) % disk.DirectUnit
	page = page[past : past+disk.DirectUnit]
	for i := range byte(3) {
		page[0], page[len(page)-1] = i, i
		require.NoError(t, disk.WriteAt(direct, page, disk.DirectUnit))
		require.NoError(t, disk.SyncData(f))
		got := make([]byte, len(page))
		_, err = f.ReadAt(got, disk.DirectUnit)
		require.NoError(t, err)
		require.Equal(t, page, got)
	}
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
