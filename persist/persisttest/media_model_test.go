package persisttest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
)

// What is synced survives a loss of power, and what is not may or may not.
func TestMedia(t *testing.T) {
	dir := memoryDir(t)
	rec, stop := record(dir, newMedia())
	defer stop()
	path, other := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	f, err := disk.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer f.Close()
	old, fresh := bytes.Repeat([]byte("o"), 2048), bytes.Repeat([]byte("n"), 1024)
	require.NoError(t, disk.WriteAt(f, old, 0))
	lost := func(how fate) map[string][]byte {
		m, _ := rec.after(len(rec.events), 0)
		return m.lose(how, rand.New(rand.NewPCG(1, 1)))
	}
	require.Equal(t, map[string][]byte{"a": old}, lost(keepAll))
	require.Empty(t, lost(keepNone), "nobody synced the directory")
	require.NoError(t, disk.SyncDirectory(dir))
	require.Equal(t, map[string][]byte{"a": nil}, lost(keepNone), "nobody synced the file")
	require.NoError(t, disk.SyncData(f))
	require.Equal(t, map[string][]byte{"a": old}, lost(keepNone))

	require.NoError(t, disk.WriteAt(f, fresh, 512))
	require.Equal(t, old, lost(keepNone)["a"])
	seen := map[string]bool{}
	for i := range uint64(200) {
		m, _ := rec.after(len(rec.events), 0)
		content := m.lose(keepTorn, rand.New(rand.NewPCG(1, i)))["a"]
		require.Len(t, content, 2048)
		sectors := ""
		for at := 0; at < len(content); at += sectorSize {
			require.Equal(t, bytes.Repeat(content[at:at+1], sectorSize), content[at:at+sectorSize], "a torn sector")
			sectors += string(content[at])
		}
		seen[sectors] = true
	}
	require.Equal(t, map[string]bool{"oooo": true, "onoo": true, "oono": true, "onno": true}, seen)

	// A rename is kept or lost as one. The handle follows the file.
	require.NoError(t, disk.RenameFile(path, other))
	require.NoError(t, disk.SyncData(f))
	require.Contains(t, lost(keepNone), "a")
	require.Contains(t, lost(keepAll), "b")
	require.Len(t, lost(keepSome), 1)
	require.NoError(t, disk.SyncDirectory(dir))
	require.Equal(t, []byte("n"), lost(keepNone)["b"][512:513])

	// What a failed sync should have made durable never is, for all one knows.
	rec.setFaults(func(e disk.Event) error {
		if e.Op == disk.Sync {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	require.NoError(t, disk.WriteAt(f, old[:512], 512))
	require.Error(t, disk.SyncData(f))
	rec.setFaults(nil)
	require.NoError(t, disk.WriteAt(f, old[:512], 1024))
	require.NoError(t, disk.SyncData(f))
	require.Equal(t, "ono", sectorsOf(lost(keepNone)["b"])[:3])
	require.Equal(t, "ooo", sectorsOf(lost(keepAll)["b"])[:3])

	require.NoError(t, disk.RemoveFile(other))
	require.Empty(t, lost(keepAll))
	require.Len(t, lost(keepNone), 1)
}

// sectorsOf returns the first byte of each sector.
func sectorsOf(content []byte) (s string) {
	for at := 0; at < len(content); at += sectorSize {
		s += string(content[at])
	}
	return s
}
