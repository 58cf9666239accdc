package persist

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
)

// A file that was not loaded, or whose loading failed, is left as it was, however
// long that took: what is staged in it is not folded into a journal that may be
// damaged.
func TestUnloadedFileIsLeftAsItIs(t *testing.T) {
	f, m := openStaging(t, tempFile(t), staging(noTicks()))
	staged(t, f, m, setTx("a", "1"))
	path := duplicate(t, f.path)
	require.NoError(t, f.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	ticks := make(chan time.Time)
	seconds := func() {
		for range 3 {
			ticks <- time.Time{}
		}
		ticks <- disk.Mark
	}
	f, err = Open(path, staging(ticks))
	require.NoError(t, err)
	seconds()
	failed := errors.New("no room")
	err = f.Load(func(Entry) error { return nil }, func(uint64, []byte) error {
		seconds()
		return failed
	})
	require.ErrorIs(t, err, failed)
	seconds()
	require.NoError(t, f.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, string(before) == string(after), "the file was changed")

	f, got := mustOpen(t, path, staging(noTicks()))
	got.same(t, m)
	require.NoError(t, f.Close())
}
