package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"redstart/store"
)

// terminal returns both sides of a new terminal.
func terminal(t *testing.T) (main, side *os.File) {
	t.Helper()
	main, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	t.Cleanup(func() { main.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(main.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(main.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	side, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	require.NoError(t, unix.IoctlSetWinsize(int(side.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 90, Row: 20}))
	return main, side
}

// examineOnTerminal runs the program with a terminal as its standard error and
// returns what it shows there.
func examineOnTerminal(t *testing.T, dir string, args ...string) (shown, stdout string) {
	t.Helper()
	main, side := terminal(t)
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, side
	require.NoError(t, cmd.Start())
	side.Close()
	var text bytes.Buffer
	buf := make([]byte, 1<<10)
	for {
		n, err := main.Read(buf)
		text.Write(buf[:n])
		if err != nil { // EIO: nobody has the other side any more
			break
		}
	}
	require.NoError(t, cmd.Wait())
	return text.String(), out.String()
}

// On a terminal, what takes long shows a line that is gone at the end. How many
// keys take long is the machine's affair.
func TestProgressOnTerminal(t *testing.T) {
	shown := ""
	for n := 200_000; shown == ""; n *= 2 {
		require.Less(t, n, 10_000_000, "nothing takes long, or nothing is shown")
		dir := t.TempDir()
		db, err := store.Open(filepath.Join(dir, "app.db"), nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(func(tx *store.Tx) error {
			for i := range n {
				if err := tx.Set(fmt.Sprint("key ", i), []byte("value")); err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, db.Save())
		require.NoError(t, db.Close())
		var stdout string
		shown, stdout = examineOnTerminal(t, dir, "recover", "app.db", "new.db")
		require.Contains(t, stdout, "new.db holds what is whole in app.db, which is whole: "+digits(int64(n))+" keys")
	}
	require.Regexp(t, `^(\rredstart: recovering app\.db \[[#.]{24}\] +\d+ %  (snapshot chunk|journal record|writing key|reading back key)[^\r\n]*\x1b\[K)+\r\x1b\[K$`, shown)
}
