package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// transferred starts writers that move amounts between accounts, whose sum stays.
func transferred(t *testing.T, db *DB) (stop func()) {
	const accounts = 50
	for i := range accounts {
		require.NoError(t, db.Set(fmt.Sprint("account", i), []byte("100")))
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := w; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				from, to := fmt.Sprint("account", i%accounts), fmt.Sprint("account", (i*7+1)%accounts)
				err := db.Update(func(tx *Tx) error {
					if _, err := tx.Incr(from, -1); err != nil {
						return err
					}
					_, err := tx.Incr(to, 1)
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() { close(done); wg.Wait() }
}

// consistent fails unless the file at path opens and the accounts add up.
func consistent(t *testing.T, path string) {
	t.Helper()
	db := open(t, path, nil)
	sum := 0
	for i := range 50 {
		v, err := db.Get(fmt.Sprint("account", i))
		require.NoError(t, err)
		n, err := strconv.Atoi(string(v))
		require.NoError(t, err)
		sum += n
	}
	require.Equal(t, 5000, sum)
	require.NoError(t, db.Close())
}

// Backups are consistent while writers, checkpoints and compactions go on, of a
// file and of a database in memory.
func TestBackup(t *testing.T) {
	for _, name := range []string{"app.db", ""} {
		dir := t.TempDir()
		path := name
		if name != "" {
			path = filepath.Join(dir, name)
		}
		db := open(t, path, nil)
		stop := transferred(t, db)
		for i := range 4 {
			to := filepath.Join(dir, fmt.Sprint("copy", i))
			var done, total int64
			require.NoError(t, db.BackupFileProgress(to, func(d, t int64) { done, total = d, t }))
			require.Positive(t, total)
			require.Equal(t, total, done)
			consistent(t, to)
			var b bytes.Buffer
			require.NoError(t, db.Backup(&b))
			to = filepath.Join(dir, fmt.Sprint("stream", i))
			require.NoError(t, os.WriteFile(to, b.Bytes(), 0o600))
			consistent(t, to)
			if path != "" && i%2 == 0 {
				require.NoError(t, db.Save())
			} else if path != "" {
				require.NoError(t, db.Compact())
			}
		}
		stop()
		require.ErrorIs(t, db.BackupFile(filepath.Join(dir, "copy0")), os.ErrExist)
		require.NoError(t, db.Close())
		require.ErrorIs(t, db.BackupFile(filepath.Join(dir, "late")), ErrClosed)
		if path != "" {
			consistent(t, path)
		}
	}
}

// full is a writer that has no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

// Nothing is left of a backup that failed.
func TestBackupFails(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "app.db"), nil)
	defer db.Close()
	require.NoError(t, db.Set("k", []byte("v")))
	require.ErrorContains(t, db.Backup(full{}), "no room")
	require.ErrorIs(t, db.BackupFile(filepath.Join(dir, "no", "where")), os.ErrNotExist)
	require.NoError(t, db.Backup(io.Discard))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// looker is a writer that looks which files there are.
type looker struct {
	dir  string
	seen []string
}

func (l *looker) Write(b []byte) (int, error) {
	entries, err := os.ReadDir(l.dir)
	for _, e := range entries {
		l.seen = append(l.seen, e.Name())
	}
	return len(b), err
}

// A process that is killed while it writes a backup to somebody slow leaves
// nothing, and what one leaves that is killed before is removed when the file is
// opened: but nothing else.
func TestBackupKilled(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	db := open(t, path, nil)
	require.NoError(t, db.Set("k", []byte("v")))
	if runtime.GOOS != "windows" { // where a file that is open has a name
		l := looker{dir: dir}
		require.NoError(t, db.Backup(&l))
		require.NotEmpty(t, l.seen)
		require.Subset(t, []string{"app.db"}, l.seen)
	}
	require.NoError(t, db.Close())

	_, prefix := streamPlace(path)
	for _, name := range []string{prefix + "123", prefix + "4"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "backup.db.unfinished"), []byte("half"), 0o600))
	}
	others := []string{".app.db.backup", ".b.db.backup-stream-1", "app.db.backup-stream-1"}
	for _, name := range others {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, prefix+"file"), nil, 0o600))
	require.NoError(t, open(t, path, nil).Close())
	l := looker{dir: dir}
	_, err := l.Write(nil)
	require.NoError(t, err)
	require.ElementsMatch(t, append(others, "app.db", prefix+"file"), l.seen)
}

// After everything was deleted the file gives its space back.
func TestCompactInBackground(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db := open(t, path, &Options{MaxFree: 1 << 20})
	value := []byte(strings.Repeat("x", 100<<10))
	for i := range 100 {
		require.NoError(t, db.Set(fmt.Sprint(i), value))
	}
	require.NoError(t, db.Save())
	require.NoError(t, db.Flush(0))
	require.NoError(t, db.Set("k", []byte("v")))
	require.NoError(t, db.Save())
	eventually(t, func() bool { s, _ := db.Stats(); return s.Rewrites == 1 }, "a rewrite")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(1<<20))
	require.NoError(t, db.Set("k2", []byte("v")))
	require.NoError(t, db.Close())
	db = open(t, path, nil)
	require.Equal(t, 2, db.Len(0))
	require.NoError(t, db.Close())
}

// A file that somebody has removed under a running database is there again soon,
// with everything, and writes that were refused between are taken again.
func TestFileRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db := open(t, path, nil)
	require.NoError(t, db.Set("before", []byte("v")))
	require.NoError(t, db.Sync())
	require.NoError(t, os.Remove(path))
	eventually(t, func() bool { s, _ := db.Stats(); return s.Rewrites == 1 && db.Err() == nil }, "a rewrite")
	require.NoError(t, db.Set("after", []byte("v")))
	require.NoError(t, db.Close())
	db = open(t, path, nil)
	require.Equal(t, 2, db.Len(0))
	require.NoError(t, os.Remove(path))
	require.ErrorIs(t, db.Close(), ErrReadOnly, "nobody has noticed before")
}

// What a backup or a rewrite has read of its view is let go at once, and only of
// the view.
func TestViewLetsGo(t *testing.T) {
	db := open(t, "", nil)
	for i := range 5000 {
		require.NoError(t, db.Set(fmt.Sprint(i), []byte("v")))
	}
	v := keysView{db.Snapshot()}
	require.Equal(t, 5000, v.Len())
	n := 0
	for range v.All() {
		if n++; n%500 == 0 {
			require.LessOrEqual(t, v.Len(), 5000-n+len(db.shards)+5000/len(db.shards)*2, "but for the table that is read")
		}
	}
	require.Equal(t, 5000, n)
	require.Zero(t, v.Len())
	require.Equal(t, 5000, db.Len(0))
	require.NoError(t, db.Close())
}
