package persist

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// rootOf returns the meta page that counts, the root it leads to, and the stamp
// of that.
func rootOf(t testing.TB, file []byte) (pageMeta, []byte, stamp) {
	t.Helper()
	p := preflight{file: strings.NewReader(string(file)), size: int64(len(file))}
	m, err := p.metas()
	require.NoError(t, err)
	p.pageMeta = m
	root, err := p.page(m.root)
	require.NoError(t, err)
	for i := range root.count {
		e, err := p.element(&root, i)
		require.NoError(t, err)
		require.Less(t, e.value+int64(e.length)-root.off, int64(sectorSize), "the root is more than a disk writes as a whole")
		if string(e.key) == string(metaBucket) {
			return m, file[root.off : root.off+int64(m.pageSize)], stamp(native.Uint64(file[e.value+8:]))
		}
	}
	t.Fatal("there is no bucket of ours")
	return m, nil, 0
}

// stamped requires that the root of a file has the stamp of its transaction.
func stamped(t testing.TB, path string) {
	t.Helper()
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	m, _, s := rootOf(t, file)
	require.Equal(t, m.tx, s.tx())
}

// Whatever is committed, and by whom, the root has its stamp.
func TestStampOfEachCommit(t *testing.T) {
	path, commits := tempFile(t), 0
	for _, policy := range []Policy{EverySecond, Always, Never} {
		opt := testOptions(policy)
		opt.hook = func(point string) error {
			if point == "committed" {
				stamped(t, path)
				commits++
			}
			return nil
		}
		f, m := mustOpen(t, path, opt)
		r := rand.New(rand.NewPCG(3, uint64(policy)))
		for i := range 60 {
			var l types.Log
			randomTx(r, &l)
			do(t, f, m, l.Bytes())
			switch {
			case i%20 == 5:
				require.NoError(t, f.Checkpoint(m))
			case i%20 == 15:
				require.NoError(t, f.Rewrite(m))
			case i%4 == 1:
				require.NoError(t, f.Sync())
			}
		}
		require.NoError(t, f.doNow(&step{})) // which changes nothing
		copied := fmt.Sprint(path, policy)
		require.NoError(t, WriteFile(copied, m, nil))
		require.NoError(t, f.Close())
		stamped(t, path)
		stamped(t, copied)
		_, _, err := new(Examiner).Compact(copied)
		require.NoError(t, err)
		stamped(t, copied)
		_, err = Recover(path, copied+".new", func(problem string) { t.Error(problem) })
		require.NoError(t, err)
		stamped(t, copied+".new")
	}
	require.Greater(t, commits, 60)
	fresh := tempFile(t)
	f, _ := mustOpen(t, fresh, nil)
	stamped(t, fresh)
	require.NoError(t, f.Close())
	require.Equal(t, 4, stampFormat, "a number in files must not change")
}

// twoCommits returns a file after each of two commits: of transactions 1 and 2.
func twoCommits(t testing.TB, path string) (older, newer []byte) {
	t.Helper()
	f, m := mustOpen(t, path, testOptions(EverySecond))
	for _, file := range []*[]byte{&older, &newer} {
		do(t, f, m, setTx("a", fmt.Sprint(f.Appended()+1)))
		require.NoError(t, f.Sync())
		var err error
		*file, err = os.ReadFile(path)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	return older, newer
}

// holds requires that a file opens as of a transaction of twoCommits, and goes on.
func holds(t testing.TB, path string, file []byte, seq uint64) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, file, 0o600))
	_, err := Check(path, func(problem string) { t.Error(problem) })
	require.NoError(t, err)
	for more := range uint64(3) {
		f, m := mustOpen(t, path, testOptions(EverySecond))
		require.Equal(t, seq+more, m.seq)
		require.Equal(t, stringValue(fmt.Sprint(seq), 0, 0), m.dbs[0]["a"])
		do(t, f, m, setTx("b", "more"))
		require.NoError(t, f.Close())
	}
}

// refusedRoot requires that a file of twoCommits is refused for its root, which
// says that it is of commit tx, and that all that was committed is still there.
func refusedRoot(t *testing.T, path string, file []byte, root, tx uint64) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, file, 0o600))
	refused(t, path, ErrCorrupt, fmt.Sprintf("page %d, the root of the tree, was written by commit %d", root, tx), "redstart recover")
	got, sum, found := examined(t, path)
	require.Len(t, found, 1)
	require.Contains(t, found[0], "the root of the tree")
	require.Equal(t, 1, sum.Damage)
	require.Equal(t, stringValue("2", 0, 0), got.dbs[0]["a"])
}

// A root that is older than its meta is refused, though the tree it leads to is
// whole.
func TestOldRoot(t *testing.T) {
	path := tempFile(t)
	older, newer := twoCommits(t, path)
	_, before, _ := rootOf(t, older)
	m, now, _ := rootOf(t, newer)
	stale := slices.Clone(newer)
	copy(stale[int64(m.root)*int64(m.pageSize)+8:], before[8:]) // all but its own number
	require.NotEqual(t, before[8:], now[8:])
	refusedRoot(t, path, stale, m.root, m.tx-1)

	holds(t, path, older, 1)
	holds(t, path, newer, 2)
}

// So is one that is younger.
func TestYoungRoot(t *testing.T) {
	path := tempFile(t)
	older, newer := twoCommits(t, path)
	m, _, _ := rootOf(t, older)
	_, now, _ := rootOf(t, newer)
	young := slices.Clone(newer)
	copy(young[:2*m.pageSize], older)
	copy(young[int64(m.root)*int64(m.pageSize)+8:], now[8:])
	refusedRoot(t, path, young, m.root, m.tx+1)
}

// A root that has lost its stage is refused.
func TestRootWithoutStage(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(Always))
	for i := range 3 {
		staged(t, f, m, setTx("a", fmt.Sprint(i)))
	}
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, root, s := rootOf(t, file)
	require.True(t, s.staged())
	at := strings.LastIndex(string(root), string(stageBucket))
	root[at+len(stageBucket)-1]++ // it is called stagf
	require.NoError(t, os.WriteFile(path, file, 0o600))
	refused(t, path, ErrCorrupt, "the stage is missing")
	_, _, found := examined(t, path)
	require.NotEmpty(t, found)
}

// A file of ours whose root, and all there ever were, were overwritten with
// something else is damaged, not foreign: nobody must be told to move it away.
func TestNoRootAtAll(t *testing.T) {
	path := tempFile(t)
	_, file := twoCommits(t, path)
	m, _, _ := rootOf(t, file)
	size := int(m.pageSize)
	var record []byte
	for at := 2 * size; at < len(file); at += size {
		page := file[at : at+size]
		if strings.Contains(string(page), string(formatKey)) {
			clear(page)
		} else if strings.Contains(string(page), string(setTx("a", "2"))) {
			record = page
		}
	}
	require.NotNil(t, record)
	root := file[int(m.root)*size:][:size]
	copy(root[8:], record[8:])
	native.PutUint64(root, m.root)
	require.NoError(t, os.WriteFile(path, file, 0o600))
	refused(t, path, ErrCorrupt, fmt.Sprintf("page %d is not the root of the tree", m.root))
	got, _, found := examined(t, path)
	require.NotEmpty(t, found)
	require.Equal(t, stringValue("2", 0, 0), got.dbs[0]["a"])
}
