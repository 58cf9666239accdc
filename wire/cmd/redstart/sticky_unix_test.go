//go:build unix

package main

import (
	"bufio"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/store"
)

// another is a user who is not root.
const another = 65534

// In a sticky directory nobody renames over another's file. Root gets a backup
// all the same, and a request that cannot be answered keeps nobody busy.
func TestBackupInStickyDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("starts a server as another user, which only root can")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777|fs.ModeSticky))
	for _, open := range []string{filepath.Dir(binary), filepath.Dir(dir)} {
		require.NoError(t, os.Chmod(open, 0o755))
	}
	cmd := exec.Command(binary, "serve", "app.db", "--port", freePort(t))
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: another, Gid: another}}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	if err := cmd.Start(); err != nil {
		t.Skip("another user cannot start it here: ", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	status, _, stderr := redstart(dir, "backup", "app.db", "copy.db")
	require.Equal(t, statusOK, status, stderr)
	require.FileExists(t, filepath.Join(dir, "copy.db"))
	require.NoFileExists(t, requestName(filepath.Join(dir, "app.db")))

	// Who is neither root nor the owner is told at once; and a server that is
	// asked all the same writes nothing.
	path := filepath.Join(dir, "other.db")
	db, err := store.Open(path, nil)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, os.Chown(dir, 1, 1))
	require.NoError(t, os.Chown(path, 2, 2))
	as := func(user int) {
		require.NoError(t, syscall.Seteuid(0))
		require.NoError(t, syscall.Seteuid(user))
	}
	defer as(0)
	as(another)
	request, err := newRequest(requestName(path))
	require.NoError(t, err)
	defer request.Close()
	require.ErrorContains(t, giveTo(request, path), "the server of user 2 cannot answer in a sticky directory: ask it as that user, or as root")
	as(2)
	require.ErrorIs(t, answerRequest(db, path), errUnanswered)
	require.NoFileExists(t, answerName(path))
	require.FileExists(t, request.Name())
}

// What somebody else has put in the place of the request, and would never open or
// leads elsewhere, is left alone and named.
func TestBackupRequestIsNoFile(t *testing.T) {
	name := requestName(filepath.Join(t.TempDir(), "app.db"))
	for _, put := range []func() error{
		func() error { return syscall.Mkfifo(name, 0o666) },
		func() error { return os.Symlink("elsewhere", name) },
		func() error { return os.Mkdir(name, 0o700) },
	} {
		require.NoError(t, put())
		_, err := newRequest(name)
		require.EqualError(t, err, name+" is in the way: it is no regular file")
		require.NoFileExists(t, filepath.Join(filepath.Dir(name), "elsewhere"))
		require.NoError(t, os.Remove(name))
	}
}
