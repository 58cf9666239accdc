package persist

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/types"
)

// A summary says what the file and the model know in other ways.
func TestSummary(t *testing.T) {
	w := newWreck(t)
	w.write(t, w.whole)
	f, m := mustOpen(t, w.path, testOptions(EverySecond))
	stats, state := f.Stats(), f.currentState()
	require.NoError(t, f.Close())
	var x Examiner
	sum, err := x.Check(w.path)
	require.NoError(t, err)

	require.Equal(t, m.seq, sum.Sequence)
	require.Equal(t, state.covered, sum.Covered)
	require.Equal(t, state.generation, sum.Generation)
	require.Equal(t, int(m.seq-state.covered), sum.Transactions)
	require.Equal(t, stats.BaseBytes, sum.Base)
	require.Equal(t, stats.DeltaBytes, sum.Deltas)
	require.Equal(t, stats.JournalBytes, sum.Journal)
	require.Positive(t, sum.Journal)
	require.Positive(t, sum.Format)
	require.Equal(t, int64(len(w.whole)), sum.Size)
	used := int64(2)
	for _, bits := range w.survey(t).used {
		for ; bits != 0; bits &= bits - 1 {
			used++
		}
	}
	require.Equal(t, sum.Size-used*int64(w.pageSize), sum.Free)

	expiring, sizes := 0, map[types.Kind][]KeySize{}
	for e := range m.All() {
		if e.Deadline != 0 {
			expiring++
		}
		k := KeySize{DB: e.DB, Key: string(e.Key), Len: 1, Bytes: int64(len(e.Value))}
		if e.Object != nil {
			k.Len, k.Bytes = e.Object.Len(), 0
		}
		sizes[e.Kind] = append(sizes[e.Kind], k)
	}
	require.Equal(t, expiring, sum.Expiring)
	for kind, keys := range sizes {
		require.Len(t, sum.Largest[kind], min(len(keys), largest))
		require.True(t, slices.IsSortedFunc(sum.Largest[kind], KeySize.compare))
	}
	strings := sizes[types.KindString]
	slices.SortFunc(strings, KeySize.compare)
	require.Equal(t, strings[:largest], sum.Largest[types.KindString])
	require.Equal(t, "large20", strings[0].Key)
}

// Progress goes from the first byte to the last, and says where it is.
func TestProgress(t *testing.T) {
	w := newWreck(t)
	w.write(t, w.whole)
	var steps []string
	last, end, phases := int64(0), int64(0), 0
	x := Examiner{Progress: func(what string, done, total int64) {
		steps = append(steps, what)
		if total != end {
			last, end = 0, total
			phases++
		}
		require.GreaterOrEqual(t, done, last, what)
		require.LessOrEqual(t, done, total, what)
		last = done
	}}
	sum, err := x.Check(w.path)
	require.NoError(t, err)
	require.Equal(t, 1, phases)
	require.Contains(t, steps[0], "byte 0")
	require.Regexp(t, `\bsnapshot chunk 1 of \d+\b`, strings.Join(steps, ", "))
	require.Greater(t, last, end-toldBytes-chunkSize) // all but what was not told of the end
	require.Regexp(t, `^(snapshot chunk|journal record) \d+ of \d+$`, steps[len(steps)-1])

	to := filepath.Join(filepath.Dir(w.path), "new.db")
	_, err = x.Recover(w.path, to)
	require.NoError(t, err)
	require.FileExists(t, to)
	require.Equal(t, last, end)
	require.Equal(t, fmt.Sprintf("reading back key %d of %d", sum.Keys, sum.Keys), steps[len(steps)-1])
}

// Whoever examines a file does it no harm: it is opened for reading only, and
// works with a file that nobody may write.
func TestExaminedReadOnly(t *testing.T) {
	w := newWreck(t)
	w.write(t, w.whole)
	require.NoError(t, os.Chmod(w.path, 0o400))
	before := digest(t, w.path)
	done := map[disk.Op]string{}
	stop := disk.Watch(filepath.Dir(w.path), func(e disk.Event, do func() error) error {
		done[e.Op] = e.Path
		return do()
	})
	_, err := Check(w.path, nil)
	require.NoError(t, err)
	stop()
	require.Empty(t, done)
	_, err = Recover(w.path, strings.TrimSuffix(w.path, "app.db")+"new.db", nil)
	require.NoError(t, err)
	require.Equal(t, before, digest(t, w.path))
}
