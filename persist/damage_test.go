package persist

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
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

// A file cut at any page, and within pages, is refused.
func TestTruncation(t *testing.T) {
	path := tempFile(t)
	sample(t, path)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	end := 0 // of the pages in use: what follows was only reserved
	p := preflight{file: strings.NewReader(string(whole)), size: int64(len(whole))}
	meta, err := p.metas()
	require.NoError(t, err)
	end = int(meta.pages) * int(meta.pageSize)
	step := int(meta.pageSize)
	if testing.Short() {
		step *= 7
	}
	for size := step; size < end; size += step {
		for _, n := range []int{size, size - 1, size - 700} {
			require.NoError(t, os.WriteFile(path, whole[:n], 0o600))
			refused(t, path, ErrCorrupt, "redstart check", "redstart recover")
		}
	}
	require.NoError(t, os.WriteFile(path, whole[:30], 0o600))
	refused(t, path, ErrCorrupt)
}

// One flipped bit anywhere: the file is refused, or gives back exactly what it
// held, or, if the bit was in the older meta page or in free pages, does not
// matter. Nothing panics, and what is refused is not written to.
func TestBitFlips(t *testing.T) {
	path := tempFile(t)
	want := sample(t, path)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	flips := 1200
	if testing.Short() {
		flips = 300
	}
	r := rand.New(rand.NewPCG(3, 3))
	harmless := 0
	for range flips {
		at := r.IntN(len(whole))
		if r.IntN(2) == 0 { // headers are where structure is
			at = at&^4095 + r.IntN(128)
		}
		bit := byte(1) << r.IntN(8)
		b := append([]byte(nil), whole...)
		b[at] ^= bit
		require.NoError(t, os.WriteFile(path, b, 0o600))
		if flip(t, path, want, fmt.Sprintf("byte %d, bit %#x", at, bit)) {
			harmless++
		}
	}
	t.Logf("%d of %d flips were refused", flips-harmless, flips)
}

// flip opens a file with a flipped bit. It reports whether that did no harm.
func flip(t *testing.T, path string, want *model, what string) bool {
	t.Helper()
	before := digest(t, path)
	f, err := Open(path, testOptions(EverySecond))
	var got *model
	if err == nil {
		got, err = load(f)
		if err == nil {
			got.same(t, want)
		}
		require.NoError(t, f.Close(), what)
	}
	if err == nil {
		return true
	}
	if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrNewer) {
		t.Fatalf("%s: %v", what, err)
	}
	require.Equal(t, before, digest(t, path), what)
	return false
}

// Whole pages that hold something else: zeros, another page of the file, noise.
func TestLostPages(t *testing.T) {
	path := tempFile(t)
	want := sample(t, path)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(4, 4))
	pages := len(whole) / 4096
	for n := range pages {
		for kind := range 3 {
			b := append([]byte(nil), whole...)
			page := b[n*4096 : (n+1)*4096]
			switch kind {
			case 0:
				clear(page)
			case 1:
				copy(page, whole[r.IntN(pages)*4096:])
			case 2:
				for i := range page {
					page[i] = byte(r.Uint32())
				}
			}
			require.NoError(t, os.WriteFile(path, b, 0o600))
			flip(t, path, want, fmt.Sprintf("page %d, kind %d", n, kind))
		}
	}
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
