package store

import (
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// samples unpacks a file of every version there has been, and returns their
// paths and what they hold. See persist/testdata/write.go.
func samples(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../persist/testdata/*.db.gz")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	found := map[string]string{}
	for _, name := range names {
		want, err := os.ReadFile(strings.TrimSuffix(name, ".db.gz") + ".txt")
		require.NoError(t, err)
		f, err := os.Open(name)
		require.NoError(t, err)
		z, err := gzip.NewReader(f)
		require.NoError(t, err)
		whole, err := io.ReadAll(z)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		path := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(name), ".gz"))
		require.NoError(t, os.WriteFile(path, whole, 0o600))
		found[path] = string(want)
	}
	return found
}

// lines writes everything in db as persist/testdata/write.go does.
func lines(t *testing.T, db *DB) string {
	t.Helper()
	var b strings.Builder
	for i := range db.Databases() {
		require.NoError(t, db.View(func(tx *Tx) error {
			for _, key := range slices.Sorted(tx.Keys("*")) {
				elems := elements(tx, key)
				what := strings.Join(elems, " ")
				if len(what) > 200 {
					what = fmt.Sprintf("sha256 %x", sha256.Sum256([]byte(what)))
				}
				at, _ := tx.Deadline(key)
				fmt.Fprintf(&b, "%d %q %v %d %d: %s\n", i, key, tx.Kind(key), at, len(elems), what)
			}
			return nil
		}, In(i)))
	}
	return b.String()
}

// elements writes the elements of a value, in order if they have one.
func elements(tx *Tx, key string) (elems []string) {
	switch v := tx.Value(key).(type) {
	case nil:
		text, _ := tx.Get(key)
		elems = append(elems, fmt.Sprintf("%q", text))
	case *types.List:
		for _, e := range v.All() {
			elems = append(elems, fmt.Sprintf("%q", e))
		}
	case *types.Hash:
		for f, e := range v.All() {
			elems = append(elems, fmt.Sprintf("%q=%q", f, e))
		}
		slices.Sort(elems)
	case *types.Set:
		for e := range v.All() {
			elems = append(elems, fmt.Sprintf("%q", e))
		}
		slices.Sort(elems)
	case *types.ZSet:
		for _, e := range v.Ascend() {
			elems = append(elems, fmt.Sprintf("%q=%v", e.Name, e.Score))
		}
	}
	return elems
}

// A file that an older version wrote opens and holds what it held, for as long
// as its deadlines let it, also after it was saved by this one.
func TestUpgrade(t *testing.T) {
	for path, want := range samples(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			clock := newManual()
			clock.set(time.UnixMilli(946684800000)) // when it was written
			db := open(t, path, &Options{Clock: clock})
			require.Equal(t, want, lines(t, db))
			require.Equal(t, strings.Count(want, "\n"), db.Opened().Keys)
			require.NoError(t, db.Save())
			require.Equal(t, want, lines(t, db))
			require.NoError(t, db.Close())
			var left strings.Builder
			for line := range strings.Lines(want) {
				if !strings.Contains(line, " 946771200000 ") {
					left.WriteString(line)
				}
			}
			db = open(t, path, nil)
			require.Equal(t, left.String(), lines(t, db))
		})
	}
}
