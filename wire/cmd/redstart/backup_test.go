package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
)

func TestCompactCommand(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	db, err := store.Open(path, &store.Options{MaxFree: -1})
	require.NoError(t, err)
	for i := range 60 {
		require.NoError(t, db.Set(fmt.Sprint(i), []byte(strings.Repeat("x", 500<<10))))
	}
	require.NoError(t, db.Save())
	require.NoError(t, db.Flush(0))
	require.NoError(t, db.Set("k", []byte("v")))
	status, _, stderr := redstart(dir, "compact", "app.db")
	require.Equal(t, statusFailed, status)
	require.Regexp(t, `^redstart: app\.db is open in .*: a server does this by itself, and at once when it gets the command BGREWRITEAOF\n$`, stderr)
	require.NoError(t, db.Close())

	status, stdout, stderr := redstart(dir, "compact", "app.db")
	require.Equal(t, statusOK, status, stderr)
	require.Regexp(t, `^app\.db: 1 key, \d\d MiB before, 32 KiB now\n$`, stdout)
	status, stdout, _ = redstart(dir, "check", "app.db")
	require.Equal(t, statusOK, status, stdout)
	require.Contains(t, stdout, "1 key, 0 transactions in the journal")

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, 9000))
	status, _, stderr = redstart(dir, "compact", "app.db")
	require.Equal(t, statusDamaged, status)
	require.Contains(t, stderr, "damaged")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// A file that nobody has open is copied; that of a server by the server, while
// it goes on.
func TestBackupCommand(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	p := start(t, dir, "app.db", "--port", port)
	require.Equal(t, "OK", ask(t, "tcp", p.addr, "SET k v", "SET l w"))
	status, stdout, stderr := redstart(dir, "backup", "app.db", "copy.db")
	require.Equal(t, statusOK, status, stderr)
	require.Equal(t, "copy.db is a backup of app.db, written by the server that has it open\n", stdout)
	status, stdout, _ = redstart(dir, "check", "copy.db")
	require.Equal(t, statusOK, status)
	require.Contains(t, stdout, "copy.db is whole: 2 keys, 0 transactions in the journal")
	status, _, stderr = redstart(dir, "backup", "app.db", "copy.db")
	require.Equal(t, statusFailed, status)
	require.Contains(t, stderr, "copy.db: file already exists")

	// What others have left at its place: a backup is somebody's for a while, a
	// request that nobody waits for is dropped.
	request := requestName(filepath.Join(dir, "app.db"))
	require.NoError(t, os.WriteFile(request, []byte("a backup"), 0o600))
	status, _, stderr = redstart(dir, "backup", "app.db", "copy2.db")
	require.Equal(t, statusFailed, status)
	require.Contains(t, stderr, "is being fetched: another backup is being made")
	old := time.Now().Add(-time.Minute)
	require.NoError(t, os.Chtimes(request, old, old))
	status, _, stderr = redstart(dir, "backup", "app.db", "copy2.db")
	require.Equal(t, statusOK, status, stderr)
	status, _, _ = redstart(dir, "check", "copy2.db")
	require.Equal(t, statusOK, status)
	require.NoError(t, os.Remove(filepath.Join(dir, "copy2.db")))
	require.NoError(t, os.WriteFile(request, nil, 0o600))
	require.Eventually(t, func() bool { _, err := os.Stat(request); return os.IsNotExist(err) }, 20*time.Second, time.Millisecond)

	// The server cannot write it: whoever asked is told.
	require.NoError(t, os.Mkdir(answerName(filepath.Join(dir, "app.db")), 0o700))
	status, _, stderr = redstart(dir, "backup", "app.db", "copy3.db")
	require.Equal(t, statusFailed, status)
	require.Contains(t, stderr, "its backup failed: see its log")
	require.NoError(t, os.Remove(answerName(filepath.Join(dir, "app.db"))))
	p.end(os.Interrupt)

	status, stdout, stderr = redstart(dir, "backup", "app.db", "copy4.db")
	require.Equal(t, statusOK, status, stderr)
	require.Contains(t, stdout, "copy4.db is a backup of app.db: 2 keys")
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 3, names)
}

// A program that serves no requests does not keep anybody waiting for ever.
func TestBackupNotAnswered(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(filepath.Join(dir, "app.db"), nil)
	require.NoError(t, err)
	defer db.Close()
	status, _, stderr := redstart(dir, "backup", "app.db", "copy.db", "--timeout", "1s")
	require.Equal(t, statusFailed, status)
	require.Regexp(t, `^redstart: app\.db is open in (process \d+|another process), and it does not answer: only 'redstart serve' does\n$`, stderr)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// Whoever waits for a backup has it to themselves.
func TestBackupTwice(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(filepath.Join(dir, "app.db"), nil)
	require.NoError(t, err)
	defer db.Close()
	first, err := newRequest(requestName(db.Path()))
	require.NoError(t, err)
	status, _, stderr := redstart(dir, "backup", "app.db", "copy.db")
	require.Equal(t, statusFailed, status)
	require.Contains(t, stderr, ".app.db.backup-request is in use: another backup is being made\n")
	require.FileExists(t, first.Name())
	require.NoError(t, first.Close())
	second, err := newRequest(requestName(db.Path()))
	require.NoError(t, err, "one that was left is taken over")
	require.NoError(t, second.Close())
	require.NoError(t, os.Remove(second.Name()))
}

// A client of the server that is killed leaves nothing, nor does a copy that
// somebody ends.
func TestBackupEnded(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "app.db", "--port", freePort(t))
	for i := range 40 {
		require.Equal(t, "OK", ask(t, "tcp", p.addr, fmt.Sprintf("SETRANGE k%d 500000 x", i), "SET k v"))
	}
	backup := func(name string) *exec.Cmd {
		cmd := exec.Command(binary, "backup", "app.db", name)
		cmd.Dir = dir
		require.NoError(t, cmd.Start())
		return cmd
	}
	exists := func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return err == nil
	}
	killed := backup("killed.db")
	require.Eventually(t, func() bool { return exists(".app.db.backup-request") }, 20*time.Second, time.Millisecond)
	require.NoError(t, killed.Process.Kill())
	killed.Wait()
	status, _, stderr := redstart(dir, "backup", "app.db", "copy.db")
	require.Equal(t, statusOK, status, stderr)
	p.end(os.Interrupt)

	ended := backup("ended.db")
	require.Eventually(t, func() bool { return exists("ended.db.unfinished") || exists("ended.db") }, 20*time.Second, time.Millisecond)
	ended.Process.Signal(os.Interrupt)
	ended.Wait()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.Contains(t, []string{"app.db", "copy.db", "ended.db"}, e.Name())
	}
}

// A request can be opened by a server that runs as another user, whatever the
// umask; one that cannot be is told of once.
func TestBackupRequestOfAnother(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "request")
	require.NoError(t, os.WriteFile(name, nil, 0o600)) // as a umask of 077 makes it
	request, err := newRequest(name)
	require.NoError(t, err)
	info, err := request.Stat()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(requestMode), info.Mode().Perm())
	require.NoError(t, request.Close())

	if os.Getuid() == 0 {
		return // who can open everything
	}
	db, err := store.Open(filepath.Join(dir, "app.db"), nil)
	require.NoError(t, err)
	defer db.Close()
	request, err = newRequest(requestName(db.Path()))
	require.NoError(t, err)
	defer request.Close()
	require.NoError(t, request.Chmod(0))
	require.ErrorIs(t, answerRequest(db, db.Path()), errUnanswered)
	require.FileExists(t, request.Name())
}

// The names that are needed meanwhile are nobody's to choose, and those that
// people choose are not needed: starting a server takes nothing away.
func TestBackupNames(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(filepath.Join(dir, "app.db"), nil)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "link")))
	for _, name := range []string{".app.db.backup-request", ".app.db.backup-ready", "link/.app.db.backup-ready", "app.db.unfinished", "x.unfinished"} {
		status, _, stderr := redstart(dir, "backup", "app.db", name)
		require.Equal(t, statusUsage, status)
		require.Contains(t, stderr, name+" is a name that is needed while a backup is made: choose another\n")
	}
	require.Error(t, nameable(filepath.Join(dir, "app.db"), filepath.Join(dir, ".app.db.backup-ready")))
	require.NoError(t, nameable(filepath.Join(dir, "app.db"), filepath.Join(t.TempDir(), ".app.db.backup-ready")))

	for _, name := range []string{"app.db.backup", "app.db.backup.new", "app.db.bak"} {
		status, _, stderr := redstart(dir, "backup", "app.db", name)
		require.Equal(t, statusOK, status, stderr)
	}
	p := start(t, dir, "app.db", "--port", "0", "--unixsocket", "s")
	status, _, stderr := redstart(dir, "backup", "app.db", "another.db")
	require.Equal(t, statusOK, status, stderr)
	p.end(os.Interrupt)
	for _, name := range []string{"app.db.backup", "app.db.backup.new", "app.db.bak", "another.db"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
}

// Who waits for a backup does not give up as long as the file is touched, and
// gives up when it is not.
func TestBackupPatience(t *testing.T) {
	dir := t.TempDir()
	request, err := newRequest(filepath.Join(dir, "request"))
	require.NoError(t, err)
	defer request.Close()
	answer := filepath.Join(dir, "answer")
	require.NoError(t, os.WriteFile(answer+unfinished, nil, 0o600))
	touch := touching(answer + unfinished)
	const still = 2 * time.Second
	var gone atomic.Bool
	began := time.Now()
	go func() {
		tick := time.NewTicker(2 * lookedEvery)
		defer tick.Stop()
		for time.Since(began) < 2*still {
			<-tick.C
			touch(1, 2)
		}
		gone.Store(true)
	}()
	got, err := awaitBackup(request, answer, time.Nanosecond, still, newProgress(io.Discard, ""))
	require.False(t, got)
	require.ErrorContains(t, err, "it does not answer")
	require.True(t, gone.Load())
}
