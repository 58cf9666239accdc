//go:build unix

package persist

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a rewrite may not do to the names, the mode and the owner of a file.
func TestRewriteKeepsAppearance(t *testing.T) {
	path := tempFile(t)
	dir := filepath.Dir(path)
	real := filepath.Join(dir, "elsewhere.db")
	require.NoError(t, os.WriteFile(real, nil, 0o640))
	require.NoError(t, os.Symlink("elsewhere.db", path))
	f, m := mustOpen(t, path, testOptions(EverySecond))
	do(t, f, m, setTx("k", "1"))
	require.NoError(t, os.Chmod(real, 0o664))
	chowned := os.Getuid() == 0 && os.Chown(real, 1, 2) == nil
	require.NoError(t, f.Rewrite(m))

	target, err := os.Readlink(path)
	require.NoError(t, err)
	require.Equal(t, "elsewhere.db", target)
	info, err := os.Stat(real)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o664), info.Mode())
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && chowned {
		require.Equal(t, []uint32{1, 2}, []uint32{stat.Uid, stat.Gid})
	}
	require.NoError(t, os.Link(real, real+".link"))
	require.ErrorContains(t, f.Rewrite(m), "more than one name")
	require.NoError(t, os.Remove(real+".link"))
	require.NoError(t, f.Rewrite(m))
	do(t, f, m, setTx("k", "2"))
	require.NoError(t, f.Close())
	reopened(t, path, m)
}
