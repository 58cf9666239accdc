package persist

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/types"
)

// bloated makes a file that once held much more than it does.
func bloated(t testing.TB, path string) *model {
	t.Helper()
	f, m := mustOpen(t, path, testOptions(EverySecond))
	for i := range 60 {
		do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", 200<<10)))
	}
	require.NoError(t, f.Checkpoint(m))
	var l types.Log
	l.Add(OpFlush, -1, 0, "", "")
	do(t, f, m, l.Bytes())
	filled(t, f, m, rand.New(rand.NewPCG(20, 20)))
	require.NoError(t, f.Close())
	return m
}

func TestCompact(t *testing.T) {
	path := tempFile(t)
	m := bloated(t, path)
	steps := 0
	x := Examiner{Progress: func(string, int64, int64) { steps++ }}
	sum, size, err := x.Compact(path)
	require.NoError(t, err)
	require.Positive(t, steps)
	require.Equal(t, m.Len(), sum.Keys)
	require.Greater(t, sum.Size, 2*size)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, size, info.Size())
	reopened(t, path, m)

	f, _ := mustOpen(t, path, testOptions(EverySecond))
	_, _, err = x.Compact(path)
	require.ErrorAs(t, err, new(*LockedError))
	require.NoError(t, f.Close())
	require.NoError(t, os.Link(path, path+".link"))
	_, _, err = x.Compact(path)
	require.ErrorContains(t, err, "more than one name")
	_, _, err = x.Compact(path + ".none")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path+".empty", nil, 0o600))
	_, _, err = x.Compact(path + ".empty")
	require.NoError(t, err)
	reopened(t, path, m)
}

// Whatever operation of it fails, the file is there, whole, and opens; a draft
// is not.
func TestCompactFails(t *testing.T) {
	path := tempFile(t)
	m := bloated(t, path)
	for nth := 0; ; nth++ {
		n, failed := 0, disk.Event{}
		stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
			if n++; n == nth+1 {
				failed = e
				return &os.PathError{Op: e.Op.String(), Path: e.Path, Err: syscall.EIO}
			}
			return do()
		})
		_, _, err := new(Examiner).Compact(path)
		stop()
		require.NoFileExists(t, draftName(path))
		reopened(t, path, m)
		if failed.Op == 0 {
			require.NoError(t, err)
			break
		}
		require.Error(t, err, failed)
		require.ErrorIs(t, err, syscall.EIO)
	}
}

// Neither Compact nor Copy takes a damaged file for a whole one.
func TestCompactDamaged(t *testing.T) {
	path := tempFile(t)
	layered(t, path)
	_, chunks := valuesOf(t, path)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[chunks[2].at+100] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
	sum, _, err := new(Examiner).Compact(path)
	require.ErrorIs(t, err, ErrCorrupt)
	require.Equal(t, 1, sum.Damage)
	_, err = new(Examiner).Copy(path, path+".new")
	require.ErrorIs(t, err, ErrCorrupt)
	require.NoFileExists(t, path+".new")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, content, after)
}

func TestCopy(t *testing.T) {
	path := tempFile(t)
	m := bloated(t, path)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	sum, err := new(Examiner).Copy(path, path+".new")
	require.NoError(t, err)
	require.Equal(t, m.Len(), sum.Keys)
	reopened(t, path+".new", m)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	_, err = new(Examiner).Copy(path, path+".new")
	require.ErrorIs(t, err, os.ErrExist)
}
