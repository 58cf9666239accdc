package persisttest

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/store"
)

// A file system that is really full: writes are refused with the cause, reads
// go on, nothing acknowledged is lost, and with more space everything that was
// taken is written, without a restart.
func TestFullFileSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounts a small file system, which only root can")
	}
	dir := t.TempDir()
	if err := syscall.Mount("redstart", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("a small file system cannot be mounted here: ", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	for _, policy := range []store.Policy{store.Always, store.EverySecond} {
		t.Run(policy.String(), func(t *testing.T) {
			require.NoError(t, syscall.Mount("redstart", dir, "tmpfs", syscall.MS_REMOUNT, "size=2m"))
			fill(t, dir, policy)
			require.NoError(t, os.Remove(appFile(dir)))
		})
	}
}

func fill(t *testing.T, dir string, policy store.Policy) {
	ticks := make(chan time.Time)
	defer disk.Pace(dir, ticks)()
	second := func() {
		ticks <- time.Time{}
		ticks <- time.Time{}
	}
	db, err := store.Open(appFile(dir), &store.Options{Sync: policy})
	require.NoError(t, err)
	value := make([]byte, 30<<10)
	n := 0
	for ; err == nil; n++ {
		require.Less(t, n, 100)
		if err = db.Set(fmt.Sprint(n), value); err == nil && policy != store.Always {
			second()
			err = db.Err()
		}
	}
	require.ErrorIs(t, err, store.ErrReadOnly)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Greater(t, n, 10)
	require.ErrorIs(t, db.Set("refused", nil), store.ErrReadOnly)
	require.ErrorIs(t, db.Save(), syscall.ENOSPC)
	second()
	require.ErrorIs(t, db.Err(), syscall.ENOSPC)
	for i := range n - 1 {
		got, err := db.Get(fmt.Sprint(i))
		require.NoError(t, err)
		require.Len(t, got, len(value))
	}

	require.NoError(t, syscall.Mount("redstart", dir, "tmpfs", syscall.MS_REMOUNT, "size=20m"))
	second()
	require.NoError(t, db.Err())
	require.NoError(t, db.Set("later", value))
	require.NoError(t, db.Save())
	require.NoError(t, db.Close())
	db, err = store.Open(appFile(dir), nil)
	require.NoError(t, err)
	for i := range n {
		got, err := db.Get(fmt.Sprint(i))
		require.NoError(t, err)
		require.Len(t, got, len(value), "key %d of %d", i, n)
	}
	require.NoError(t, db.Close())
}
