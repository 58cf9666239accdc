package persist

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"redstart/types"
)

// digest returns a hash of a file and its times.
func digest(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	return fmt.Sprintf("%x %v %d", sha256.Sum256(b), info.ModTime(), len(b))
}

// refused opens a file that must be refused with want, and left alone.
func refused(t *testing.T, path string, want error, texts ...string) {
	t.Helper()
	before := digest(t, path)
	f, err := Open(path, testOptions(EverySecond))
	if err == nil {
		_, err = load(f)
		require.NoError(t, f.Close())
	}
	require.ErrorIs(t, err, want)
	for _, text := range append(texts, path) {
		require.ErrorContains(t, err, text)
	}
	require.Equal(t, before, digest(t, path), "the file was changed")
}

// sample makes a file with a snapshot, a delta run and a journal, and returns
// what it holds.
func sample(t testing.TB, path string) *model {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 5))
	f, m := mustOpen(t, path, testOptions(EverySecond))
	for i := range 120 {
		var l types.Log
		if randomTx(r, &l); strings.Contains(string(l.Bytes()), string(byte(OpFlush))) || len(l.Bytes()) > 10<<10 {
			continue
		}
		do(t, f, m, l.Bytes())
		if i == 60 || i == 90 {
			require.NoError(t, f.Checkpoint(m))
		}
		if i%10 == 0 {
			require.NoError(t, f.Sync())
		}
	}
	require.NoError(t, f.Close())
	return m
}

func TestForeignFiles(t *testing.T) {
	path := tempFile(t)
	for _, content := range []string{"x", "hello, world\n", strings.Repeat("not a database ", 10000), strings.Repeat("\x00", 20000)} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		refused(t, path, ErrForeign)
	}
	require.NoError(t, os.Remove(path))
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		for i := range 500 {
			b, err := tx.CreateBucket(fmt.Appendf(nil, "somebody's %d", i))
			if err != nil {
				return err
			}
			if err := b.Put([]byte("key"), []byte("value")); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, db.Close())
	refused(t, path, ErrForeign)
	_, err = Open(t.TempDir(), nil)
	require.Error(t, err)
}

func TestNewerFile(t *testing.T) {
	path := tempFile(t)
	sample(t, path)
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true})
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(metaBucket).Put(formatKey, sealed(formatKey, []byte{formatVersion + 1, 0, 0, 0}))
	}))
	require.NoError(t, db.Close())
	refused(t, path, ErrNewer, fmt.Sprintf("its format is %d, this program knows up to %d", formatVersion+1, formatVersion),
		"it was left as it is; open it with a newer redstart")
}

// Whatever trees bbolt makes of puts and deletes, growing and shrinking, pass
// the inspection, which demands of pages what bbolt relies on.
func TestInspectionOfRandomTrees(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true, NoSync: true})
	require.NoError(t, err)
	require.NoError(t, db.Update(create))
	r := rand.New(rand.NewPCG(9, 9))
	for round := range 300 {
		require.NoError(t, db.Update(func(tx *bolt.Tx) error {
			grow := round%100 < 60
			for range 1 + r.IntN(60) {
				b, err := tx.Bucket(dataBucket).CreateBucketIfNotExists([]byte{byte(r.IntN(3))})
				if err != nil {
					return err
				}
				key := fmt.Appendf(nil, "%03d%s", r.IntN(400), strings.Repeat("k", r.IntN(200)))
				if grow || r.IntN(4) == 0 {
					err = b.Put(key, make([]byte, r.IntN(1+r.IntN(3000))))
				} else if found, _ := b.Cursor().Seek(key); found != nil {
					err = b.Delete(found)
				}
				if err != nil {
					return err
				}
			}
			return putStamp(tx)
		}))
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = inspect(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err, round)
	}
	require.NoError(t, db.Close())
}

// A file that bbolt began and a crash interrupted is an empty one.
func TestUnfinishedCreation(t *testing.T) {
	path := tempFile(t)
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	f, m := mustOpen(t, path, nil)
	do(t, f, m, setTx("a", "1"))
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// So is one of which a crash has left some sectors; newborn knows what bbolt
// writes. Anything else is not.
func TestTornCreation(t *testing.T) {
	path := tempFile(t)
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, newborn(os.Getpagesize()), whole)
	for _, torn := range [][]byte{whole[:512], whole[:len(whole)-512], make([]byte, len(whole)),
		append(make([]byte, 4096), whole[4096:]...), append(slices.Clone(whole[:4096]), make([]byte, 4096)...)} {
		require.NoError(t, os.WriteFile(path, torn, 0o600))
		_, err = Check(path, func(string) {})
		require.NoError(t, err)
		f, m := mustOpen(t, path, nil)
		do(t, f, m, setTx("a", "1"))
		require.NoError(t, f.Close())
		f, got := mustOpen(t, path, nil)
		got.same(t, m)
		require.NoError(t, f.Close())
	}
	wrong := slices.Clone(whole)
	wrong[9000] = 1
	require.NoError(t, os.WriteFile(path, wrong[:12<<10], 0o600))
	refused(t, path, ErrCorrupt)
}

func TestLockedFile(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(Always))
	do(t, f, m, setTx("a", "1"))
	_, err := Open(path, nil)
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	if locked.PID != 0 {
		require.Equal(t, os.Getpid(), locked.PID)
		require.ErrorContains(t, err, fmt.Sprintf("%s is open in process %d", path, os.Getpid()))
	}
	require.NoError(t, f.Close())
	f, _ = mustOpen(t, path, nil)
	require.NoError(t, f.Close())
}

// What a checkpoint has left unfinished is dropped when the file is loaded.
func TestUnfinishedCheckpoint(t *testing.T) {
	for _, point := range []int{1, 2, 3, 4} {
		path := tempFile(t)
		f, m := mustOpen(t, path, testOptions(EverySecond))
		for i := range 50 {
			do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", 300<<10)))
		}
		require.NoError(t, f.Checkpoint(m))
		for i := range 30 {
			do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("y", 300<<10)))
		}
		require.NoError(t, f.Sync())
		commits := 0
		f.opt.hook = func(string) error { // the process "dies" at this commit
			if commits++; commits > 2*point {
				return errors.New("crash")
			}
			return nil
		}
		require.Error(t, f.Checkpoint(m))
		_ = f.Close()
		f, got := mustOpen(t, path, testOptions(EverySecond))
		got.same(t, m)
		s := f.currentState()
		require.NoError(t, f.view(func(tx *bolt.Tx) error {
			require.Empty(t, s.leftovers(tx, 10))
			return nil
		}))
		require.NoError(t, f.Checkpoint(m))
		require.NoError(t, f.Close())
		f, got = mustOpen(t, path, testOptions(EverySecond))
		got.same(t, m)
		require.NoError(t, f.Close())
	}
}
