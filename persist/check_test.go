package persist

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// problems collects what is reported.
type problems []string

func (p *problems) add(text string) { *p = append(*p, text) }

// examined checks a file, recovers it, and returns what was recovered. The
// file must not change.
func examined(t testing.TB, path string) (m *model, sum Summary, found problems) {
	t.Helper()
	before := digest(t, path)
	checked, err := Check(path, found.add)
	if len(found) == 0 {
		require.NoError(t, err)
	} else {
		require.ErrorIs(t, err, ErrCorrupt)
	}
	require.Equal(t, len(found), checked.Damage)

	to := filepath.Join(filepath.Dir(path), "new.db")
	_ = os.Remove(to)
	var lost problems
	sum, err = Recover(path, to, lost.add)
	require.NoError(t, err)
	require.Equal(t, checked, sum)
	require.Subset(t, lost, found)
	require.Equal(t, before, digest(t, path), "the file was changed")
	f, m := mustOpen(t, to, testOptions(EverySecond))
	require.NoError(t, f.Close())
	require.Equal(t, sum.Keys, m.Len())
	var again problems
	_, err = Check(to, again.add)
	require.NoError(t, err, again)
	m.seq = 0
	return m, sum, found
}

func TestCheckWhole(t *testing.T) {
	path := tempFile(t)
	_, err := Check(path, nil)
	require.ErrorIs(t, err, os.ErrNotExist)

	want := sample(t, path)
	got, sum, found := examined(t, path)
	require.Empty(t, found)
	require.Positive(t, sum.Transactions)
	want.seq = 0
	got.same(t, want)
	count := 0
	for db, kinds := range sum.Databases {
		n := 0
		for _, k := range kinds {
			n += k
		}
		require.Len(t, want.dbs[db], n)
		count += n
	}
	require.Equal(t, want.Len(), count)

	f, err := Open(path, testOptions(EverySecond))
	require.NoError(t, err)
	var locked *LockedError
	_, err = Check(path, nil)
	require.ErrorAs(t, err, &locked)
	_, err = Recover(path, path+".new", nil)
	require.ErrorAs(t, err, &locked)
	require.NoFileExists(t, path+".new")
	require.NoError(t, f.Close())

	_, err = Recover(path, path, nil)
	require.ErrorIs(t, err, os.ErrExist)
	_, err = Recover(path, filepath.Join(path, "x"), nil)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, sum, found = examined(t, path)
	require.Empty(t, found)
	require.Zero(t, sum.Keys)
}

// Files that are not for us to examine say what to do about them.
func TestCheckForeign(t *testing.T) {
	path := tempFile(t)
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("not a database ", 10000)), 0o600))
	for _, examine := range []func() error{
		func() error { _, err := Check(path, nil); return err },
		func() error { _, err := Recover(path, path+".new", nil); return err },
		func() error { _, err := Open(path, nil); return err },
	} {
		err := examine()
		require.ErrorIs(t, err, ErrForeign)
		require.ErrorContains(t, err, path+": not a Redstart file (it was left as it is; give another path, or move it away)")
	}
	_, err := Check(filepath.Dir(path), nil)
	require.ErrorIs(t, err, ErrForeign)
	require.NoFileExists(t, path+".new")

	require.NoError(t, os.Remove(path))
	sample(t, path)
	edit(t, path, func(tx *bolt.Tx) error {
		return tx.Bucket(metaBucket).Put(formatKey, sealed(formatKey, []byte{formatVersion + 1, 0, 0, 0}))
	})
	_, err = Check(path, nil)
	require.ErrorIs(t, err, ErrNewer)
	require.ErrorContains(t, err, "open it with a newer redstart")
}

// edit changes a file by way of bbolt.
func edit(t testing.TB, path string, change func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true})
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error { return errors.Join(change(tx), putStamp(tx)) }))
	require.NoError(t, db.Close())
}

// layered makes a file whose places hold known keys: base chunks, a delta run
// over them, and one journal record for each of ten transactions. versions
// holds what each key has been, in order.
func layered(t testing.TB, path string) (want *model, versions map[string][]string) {
	t.Helper()
	f, m := mustOpen(t, path, testOptions(EverySecond))
	versions = map[string][]string{}
	set := func(key, text string) {
		do(t, f, m, setTx(key, text))
		versions[key] = append(versions[key], text)
	}
	for i := range 60 {
		set(fmt.Sprintf("k%02d", i), strings.Repeat(fmt.Sprint("base", i), 2000))
	}
	set("large", strings.Repeat("0123456789", 20000))
	require.NoError(t, f.Checkpoint(m))
	for i := range 10 {
		set(fmt.Sprintf("k%02d", i), strings.Repeat(fmt.Sprint("delta", i), 1000))
	}
	require.NoError(t, f.Checkpoint(m))
	for i := range 10 {
		set(fmt.Sprintf("k%02d", i+5), fmt.Sprintf("journal%d", i))
		set(fmt.Sprintf("new%d", i), strings.Repeat("n", 3000))
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Close())
	m.seq = 0
	return m, versions
}

// valuesOf returns where the records and chunks of a file are.
func valuesOf(t testing.TB, path string) (records, chunks []extent) {
	t.Helper()
	c, err := examine(path, func(text string) { t.Fatal(text) }, nil)
	require.NoError(t, err)
	for n := c.first; n <= c.sequence; n++ {
		records = append(records, c.records[n])
	}
	for i := uint64(1); i <= c.state.chunks; i++ {
		chunks = append(chunks, c.chunks[chunkID{c.state.generation, i}])
	}
	return records, chunks
}

// subset fails unless every key that was recovered has, or has had, that value.
func subset(t testing.TB, got *model, versions map[string][]string, what string) {
	t.Helper()
	for db, keys := range got.dbs {
		for key, v := range keys {
			if db != 0 || len(v.elems) != 1 {
				t.Fatalf("%s: key %q of database %d was never there", what, key, db)
			}
			require.Contains(t, versions[key], v.elems[0].a, "%s: key %q", what, key)
		}
	}
}

// wipe damages all of a value, wherever copies of it are, so that nothing but
// what stands elsewhere can be saved.
func wipe(whole []byte, x extent) []byte {
	b := append([]byte(nil), whole...)
	value := string(whole[x.at : x.at+int64(x.length)])
	for at := 0; ; {
		i := strings.Index(string(b[at:]), value)
		if i < 0 {
			return b
		}
		at += i
		b[at+x.length-1] ^= 1
	}
}

func TestRecoverDamagedChunks(t *testing.T) {
	path := tempFile(t)
	want, versions := layered(t, path)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	_, chunks := valuesOf(t, path)
	require.Greater(t, len(chunks), 8)
	for i, x := range chunks {
		require.NoError(t, os.WriteFile(path, wipe(whole, x), 0o600))
		got, sum, found := examined(t, path)
		require.Equal(t, 1, sum.Damage, found)
		require.Contains(t, found[0], fmt.Sprintf("snapshot chunk %d of %d: at byte %d: it has a wrong checksum", i+1, len(chunks), x.at))
		subset(t, got, versions, found[0])
		// The journal is whole: what it says is there, and so is what is neither
		// in this chunk nor a part of what is.
		for key, v := range want.dbs[0] {
			inJournal := strings.HasPrefix(key, "new") || strings.HasPrefix(v.elems[0].a, "journal")
			inChunk := strings.Contains(string(whole[x.at:x.at+int64(x.length)]), key)
			if inJournal || !inChunk && key != "large" {
				require.Equal(t, v, got.dbs[0][key], "chunk %d, key %q", i+1, key)
			}
		}
	}
}

func TestRecoverDamagedJournal(t *testing.T) {
	path := tempFile(t)
	want, versions := layered(t, path)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	records, _ := valuesOf(t, path)
	records = records[len(records)-10:]
	for i, x := range records {
		require.NoError(t, os.WriteFile(path, wipe(whole, x), 0o600))
		got, sum, found := examined(t, path)
		require.Equal(t, 1, sum.Damage, found)
		require.Contains(t, found[0], fmt.Sprintf("at byte %d: it has a wrong checksum", x.at))
		require.Equal(t, 2*i, sum.Transactions)
		subset(t, got, versions, found[0])
		for n := range 10 {
			key := fmt.Sprint("new", n)
			require.Equal(t, n < i, got.dbs[0][key].elems != nil, key)
		}
		require.Equal(t, want.Len()-(10-i), got.Len())

		// One copy of the record is damaged, and an older page has another.
		b := append([]byte(nil), whole...)
		b[x.at+int64(x.length)-1] ^= 1
		require.NoError(t, os.WriteFile(path, b, 0o600))
		got, _, found = examined(t, path)
		require.Len(t, found, 1)
		subset(t, got, versions, found[0])
		if strings.Contains(found[0], "older copy") {
			got.same(t, want)
		}
	}
}

// Random damage of every sort: bits, lost pages, a lost end, no beginning.
func TestRecoverAnything(t *testing.T) {
	path := tempFile(t)
	want, versions := layered(t, path)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(8, 8))
	rounds := 100
	if testing.Short() {
		rounds = 30
	}
	pages := len(whole) / 4096
	damaged := 0
	for round := range rounds {
		b := append([]byte(nil), whole...)
		switch page := b[r.IntN(pages)*4096:][:4096]; round % 5 {
		case 0:
			page[r.IntN(4096)] ^= 1 << r.IntN(8)
		case 1:
			page[r.IntN(96)] ^= 1 << r.IntN(8)
		case 2:
			clear(page)
		case 3:
			copy(page, whole[r.IntN(pages)*4096:])
		case 4:
			b = b[:len(b)/2+r.IntN(len(b)/2)]
		}
		what := fmt.Sprintf("round %d", round)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		got, _, found := examined(t, path)
		subset(t, got, versions, what)
		f, err := Open(path, testOptions(EverySecond))
		if err == nil {
			_, err = load(f)
			require.NoError(t, f.Close())
		}
		if len(found) == 0 {
			require.NoError(t, err, what)
			got.same(t, want)
		} else {
			damaged++
			require.True(t, err != nil, "%s: %v", what, found)
		}
	}
	require.Greater(t, damaged, rounds/5)
}

// Both meta pages are gone, and the root of the tree with the state: old
// copies of pages lead to everything.
func TestRecoverWithoutBeginning(t *testing.T) {
	path := tempFile(t)
	want, versions := layered(t, path)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	b := append([]byte(nil), whole...)
	clear(b[:2*4096])
	require.NoError(t, os.WriteFile(path, b, 0o600))
	got, _, found := examined(t, path)
	require.NotEmpty(t, found)
	subset(t, got, versions, "no meta pages")
	require.Equal(t, want.Len(), got.Len())

	p := preflight{file: strings.NewReader(string(whole)), size: int64(len(whole))}
	meta, err := p.metas()
	require.NoError(t, err)
	b = append(b[:0], whole...)
	clear(b[meta.root*4096:][:4096])
	require.NoError(t, os.WriteFile(path, b, 0o600))
	got, _, _ = examined(t, path)
	subset(t, got, versions, "no root")
	require.Equal(t, want.Len(), got.Len())
}
