package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A server that cannot write its file at the end says so, once, and does not
// end with status 0.
func TestEndWithoutRoom(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ) // the server inherits it
	t.Cleanup(func() { signal.Reset(syscall.SIGXFSZ) })
	p := start(t, t.TempDir(), "app.db", "--port", freePort(t), "--loglevel", "nothing")
	require.NoError(t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}, nil))
	lines := make([]string, 30)
	for i := range lines {
		lines[i] = fmt.Sprintf("SET k%d %s", i, strings.Repeat("v", 50_000))
	}
	ask(t, "tcp", p.addr, lines...)
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Error(t, p.cmd.Wait())
	require.Equal(t, 1, p.cmd.ProcessState.ExitCode())
	require.Equal(t, 1, strings.Count(p.stderr.String(), "redstart: "), "%s", &p.stderr)
	require.Equal(t, 1, strings.Count(p.stderr.String(), "file too large"), "%s", &p.stderr)
}
