package persisttest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/store"
)

// A large file whose keys are all flushed becomes small in the background, though
// nothing else is written; also if the process ends before, and opens it again.
func TestFlushedFileShrinks(t *testing.T) {
	for _, restart := range []bool{false, true} {
		dir, ticks := memoryDir(t), make(chan time.Time)
		stop := disk.Pace(dir, ticks)
		opt := &store.Options{MaxFree: 4 << 20}
		db, err := store.Open(appFile(dir), opt)
		require.NoError(t, err)
		value := make([]byte, 100<<10)
		for i := range 100 {
			require.NoError(t, db.Set(fmt.Sprint(i), value))
		}
		require.NoError(t, db.Save())
		require.Greater(t, size(t, dir), int64(10<<20))
		require.NoError(t, db.Flush(-1))
		if restart {
			require.NoError(t, db.Close())
			require.Greater(t, size(t, dir), int64(10<<20))
			db, err = store.Open(appFile(dir), opt)
			require.NoError(t, err)
		}
		for deadline := time.Now().Add(20 * time.Second); size(t, dir) > 1<<20; {
			require.True(t, time.Now().Before(deadline))
			ticks <- time.Time{}
		}
		require.NoError(t, db.Close())
		stop()
	}
}

func size(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(appFile(dir))
	require.NoError(t, err)
	return info.Size()
}
