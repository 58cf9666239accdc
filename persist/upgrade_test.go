package persist

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unpacked writes the sample of a version, of testdata, to path.
func unpacked(t testing.TB, sample, path string) {
	t.Helper()
	f, err := os.Open(sample)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	whole, err := io.ReadAll(z)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, whole, 0o600))
}

// dump writes a model as testdata/write.go does a store.
func (m *model) dump() string {
	var b strings.Builder
	for _, db := range slices.Sorted(maps.Keys(m.dbs)) {
		for _, key := range slices.Sorted(maps.Keys(m.dbs[db])) {
			v := m.dbs[db][key]
			elems := make([]string, len(v.elems))
			for i, e := range v.elems {
				switch v.kind.String() {
				case "hash":
					elems[i] = fmt.Sprintf("%q=%q", e.a, e.b)
				case "zset":
					elems[i] = fmt.Sprintf("%q=%v", e.a, e.score)
				default:
					elems[i] = fmt.Sprintf("%q", e.a)
				}
			}
			if kind := v.kind.String(); kind == "hash" || kind == "set" {
				slices.Sort(elems)
			}
			what := strings.Join(elems, " ")
			if len(what) > 200 {
				what = fmt.Sprintf("sha256 %x", sha256.Sum256([]byte(what)))
			}
			fmt.Fprintf(&b, "%d %q %v %d %d: %s\n", db, key, v.kind, v.deadline, len(elems), what)
		}
	}
	return b.String()
}

// A file of every version there has been opens, holds what it held, is whole,
// and goes on to be written to. testdata/write.go makes them.
func TestUpgrade(t *testing.T) {
	samples, err := filepath.Glob("testdata/*.db.gz")
	require.NoError(t, err)
	require.NotEmpty(t, samples)
	for _, sample := range samples {
		t.Run(filepath.Base(sample), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(sample, ".db.gz") + ".txt")
			require.NoError(t, err)
			path := tempFile(t)
			unpacked(t, sample, path)
			c, err := examine(path, func(problem string) { t.Error(problem) }, nil)
			require.NoError(t, err)
			require.Positive(t, c.state.baseBytes)
			require.Positive(t, c.state.deltaBytes)
			require.Positive(t, c.Transactions)
			require.Equal(t, bytes.Count(want, []byte("\n")), c.Keys)
			require.Equal(t, filepath.Base(sample), fmt.Sprintf("v%d.db.gz", c.Format))
			require.Equal(t, c.Format >= stageFormat, c.Staged > 0)

			hold := func(texts ...string) {
				t.Helper()
				f, err := Open(path, testOptions(EverySecond))
				require.NoError(t, err)
				k := keyspace{} // the model does not know every effect
				m := newModel()
				require.NoError(t, f.Load(k.put, func(seq uint64, tx []byte) error {
					return k.apply(tx, false, func(db int, key string, err error) { t.Errorf("key %q: %v", key, err) })
				}))
				for e := range k.All() {
					require.NoError(t, m.put(e))
				}
				for _, text := range texts {
					require.Equal(t, stringValue(text, 0, 0), m.dbs[7][text])
				}
				delete(m.dbs, 7)
				require.Equal(t, string(want), m.dump())
				added := fmt.Sprint("added ", len(texts))
				e := Entry{DB: 7, Kind: stringValue("", 0, 0).kind, Value: []byte(added)}
				k.set(7, added, &e)
				_, err = f.Append(setIn(7, added, added))
				require.NoError(t, err)
				if len(texts) == 1 {
					require.NoError(t, f.Checkpoint(at{k, f.Appended()}))
				}
				require.NoError(t, f.Close())
			}
			hold()
			s, err := Check(path, func(problem string) { t.Error(problem) })
			require.NoError(t, err)
			require.Equal(t, formatVersion, s.Format)
			hold("added 0")
			hold("added 0", "added 1")
		})
	}
}

// at is a View of a keyspace as it is after some transaction.
type at struct {
	keyspace
	seq uint64
}

func (a at) Seq() uint64 { return a.seq }
