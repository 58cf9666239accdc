package persist

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// limitEnv names the file on which a child works under a limit of file size.
const limitEnv = "PERSIST_TEST_LIMIT"

// A real limit of the system: writes fail cleanly, reads go on, and when the
// limit is lifted everything that was taken is there.
func TestFileSizeLimit(t *testing.T) {
	if path := os.Getenv(limitEnv); path != "" {
		underLimit(t, path)
		return
	}
	if testing.Short() {
		t.Skip("starts a process")
	}
	path := tempFile(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$", "-test.v")
	cmd.Env = append(os.Environ(), limitEnv+"="+path)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "limit reached")
	f, m := mustOpen(t, path, nil)
	for i := range int(m.seq) {
		require.Contains(t, m.dbs[0], fmt.Sprint(i))
	}
	require.NoError(t, f.Close())
}

func underLimit(t *testing.T, path string) {
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	limit := old
	limit.Cur = 3 << 20
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	f, m := mustOpen(t, path, testOptions(Always))
	for i := 0; ; i++ {
		do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", 100<<10)))
		if err := f.Wait(m.seq); err != nil {
			require.ErrorIs(t, err, ErrReadOnly)
			t.Log("limit reached:", err)
			break
		}
	}
	got, err := load(f)
	require.NoError(t, err)
	require.Equal(t, m.seq-1, got.seq)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))
	require.ErrorIs(t, f.Wait(m.seq), ErrReadOnly, "only a round of the committer can heal")
	require.NoError(t, f.Close(), "closing writes what was held")
}

// There is no room for a new file: the old one stays, and nobody is harmed.
func TestRewriteWithoutRoom(t *testing.T) {
	if os.Getenv(limitEnv) == "" {
		if testing.Short() {
			t.Skip("starts a process")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestRewriteWithoutRoom$")
		cmd.Env = append(os.Environ(), limitEnv+"="+tempFile(t))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	path := os.Getenv(limitEnv)
	f, m := mustOpen(t, path, testOptions(Always))
	for i := range 30 {
		do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", 100<<10)))
	}
	require.NoError(t, f.Sync())
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	limit := old
	limit.Cur = 1 << 20
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	require.ErrorIs(t, f.Rewrite(m), syscall.EFBIG)
	require.NoFileExists(t, draftName(path))
	require.NoError(t, f.Err())
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))
	do(t, f, m, setTx("after", "1"))
	require.NoError(t, f.Wait(m.seq))
	require.NoError(t, f.Rewrite(m))
	require.NoError(t, f.Close())
	reopened(t, path, m)
}
