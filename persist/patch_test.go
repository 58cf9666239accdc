package persist

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// largeValues is a transaction that makes a large value of each kind: keys s,
// l, h, t and z.
func largeValues() []byte {
	var l types.Log
	l.Place(0, "s")
	l.Add(OpSet, 0, 0, strings.Repeat("0123456789", 5000), "")
	for i := range 1000 {
		name := fmt.Sprintf("element %06d", i)
		l.Place(0, "l")
		l.Add(types.OpPushBack, 0, 0, name, "")
		l.Place(0, "h")
		l.Add(types.OpHashSet, 0, 0, name, "value")
		l.Place(0, "t")
		l.Add(types.OpSetAdd, 0, 0, name, "")
		l.Place(0, "z")
		l.Add(types.OpZAdd, 0, 0, name, "")
	}
	return l.Bytes()
}

// An effect on key of database 0.
type keyEffect struct {
	key string
	op  types.Op
	n   int64
	a   string
	b   string
}

func effectsTx(effects ...keyEffect) []byte {
	var l types.Log
	for _, e := range effects {
		l.Place(0, e.key)
		l.Add(e.op, e.n, 0, e.a, e.b)
	}
	return l.Bytes()
}

// Little changes of large values are written as such, whatever the value.
func TestPatchesAreSmall(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	do(t, f, m, largeValues())
	require.NoError(t, f.Checkpoint(m))
	base := f.Stats()

	for _, tx := range [][]byte{
		effectsTx(keyEffect{key: "l", op: types.OpPushBack, a: "one more"}),
		effectsTx(keyEffect{key: "h", op: types.OpHashSet, a: "element 000007", b: "other"}),
		effectsTx(keyEffect{key: "t", op: types.OpSetAdd, a: "one more"}, keyEffect{key: "t", op: OpExpire, n: 1e13}),
		effectsTx(keyEffect{key: "z", op: types.OpZAdd, n: 1 << 62, a: "element 000007"}),
		effectsTx(keyEffect{key: "s", op: OpAppend, a: "more"}, keyEffect{key: "s", op: OpSetRange, n: 7, a: "x"}),
		effectsTx(keyEffect{key: "l", op: OpExpire, n: 1e13}),
		effectsTx(keyEffect{key: "l", op: OpExpire}, keyEffect{key: "h", op: OpExpire, n: 7}),
	} {
		do(t, f, m, tx)
		before := f.Stats().DeltaBytes
		require.NoError(t, f.Checkpoint(m))
		s := f.Stats()
		require.Equal(t, base.Generation, s.Generation)
		require.Less(t, s.DeltaBytes-before, int64(300))
	}
	require.NoError(t, f.Close())

	f, got := mustOpen(t, path, testOptions(EverySecond))
	got.same(t, m)
	require.NoError(t, f.Close())
	s, err := Check(path, func(p string) { t.Error(p) })
	require.NoError(t, err)
	require.Equal(t, 5, s.Keys)
	_, err = Recover(path, path+"2", func(p string) { t.Error(p) })
	require.NoError(t, err)
	f, err = Open(path+"2", nil)
	require.NoError(t, err)
	saved := newModel()
	require.NoError(t, f.Load(saved.put, nil))
	saved.seq = m.seq
	saved.same(t, m)
	require.NoError(t, f.Close())
}

// What had other effects than on elements, or too many of them, is written
// whole.
func TestNoPatch(t *testing.T) {
	many := strings.Repeat("many bytes ", 2000)
	list, other := keyEffect{key: "l", op: types.OpPushBack, a: "one more"}, keyEffect{key: "s", op: OpAppend, a: "x"}
	for name, tx := range map[string][]byte{
		"set":     effectsTx(other, keyEffect{key: "s", op: OpSet, a: many}, other),
		"deleted": effectsTx(list, keyEffect{key: "l", op: OpDelete}, list, keyEffect{key: "l", op: types.OpPushBack, a: many}),
		"renamed": effectsTx(list, keyEffect{key: "s", op: OpRename, a: "l"}, keyEffect{key: "l", op: OpAppend, a: "x"}),
		"left":    effectsTx(other, keyEffect{key: "s", op: OpRename, a: "new"}, keyEffect{key: "s", op: OpSetRange, n: 20000, a: "x"}),
		"copied":  effectsTx(list, keyEffect{key: "z", op: OpCopy, a: "l"}, keyEffect{key: "l", op: types.OpZAdd, a: "one more"}),
		"much":    effectsTx(keyEffect{key: "l", op: types.OpPushBack, a: many}),
		"search": effectsTx(list, keyEffect{key: "l", op: types.OpInsertBefore, a: "a", b: "b"}, keyEffect{key: "l", op: types.OpInsertAfter, a: "a", b: "b"},
			keyEffect{key: "l", op: types.OpListRemove, a: "a"}, keyEffect{key: "l", op: types.OpListRemove, a: "a"}, keyEffect{key: "l", op: types.OpListRemove, a: "a"}),
		"a kind of op that is not known": effectsTx(list, keyEffect{key: "l", op: 77}),
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel()
			require.NoError(t, m.change(largeValues()))
			require.NoError(t, m.change(append(effectsTx(keyEffect{key: "new", op: OpSet, a: many}), effectsTx(list)...)))
			c := changeReader{view: m, from: patchFrom}
			require.NoError(t, c.transaction(tx))
			require.Empty(t, c.patches)
			require.Zero(t, c.patched)
			require.False(t, c.all)
			for e := range c.entries(m) {
				require.False(t, e.Patched)
			}
		})
	}
}

// A patch of a key that was not there makes it.
func TestPatchOfNothing(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	do(t, f, m, largeValues())
	require.NoError(t, f.Checkpoint(m))
	do(t, f, m, effectsTx(keyEffect{key: "new", op: OpSetRange, n: 50000, a: "end"}))
	require.NoError(t, f.Checkpoint(m))
	require.Less(t, f.Stats().DeltaBytes, int64(100))
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, testOptions(EverySecond))
	got.same(t, m)
	require.NoError(t, f.Close())
}

// Patches of one key do not add up without end: a new base takes their place.
func TestPatchesEndInABase(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	var l types.Log
	for i := range 9 {
		l.Place(0, fmt.Sprint("s", i))
		l.Add(OpSet, 0, 0, strings.Repeat("x", 100_000), "")
	}
	do(t, f, m, l.Bytes())
	require.NoError(t, f.Checkpoint(m))
	rounds := 0
	for ; f.Stats().Generation == 1; rounds++ {
		do(t, f, m, effectsTx(keyEffect{key: "s3", op: OpSetRange, n: int64(rounds), a: strings.Repeat("y", 20_000)}))
		require.NoError(t, f.Checkpoint(m))
		s := f.Stats()
		require.LessOrEqual(t, s.DeltaBytes, s.BaseBytes/2+20_100)
		require.Less(t, rounds, 100)
	}
	require.Greater(t, rounds, 15)
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, testOptions(EverySecond))
	got.same(t, m)
	require.NoError(t, f.Close())
}

// Effects that take long to apply count for more than their bytes.
func TestSearchesCountAsBytes(t *testing.T) {
	f, m := mustOpen(t, tempFile(t), testOptions(EverySecond))
	do(t, f, m, largeValues())
	require.NoError(t, f.Checkpoint(m))
	// The model knows no such op, and the value need not be changed by it.
	seq, err := f.Append(effectsTx(keyEffect{key: "l", op: types.OpListRemove, a: "none"}))
	require.NoError(t, err)
	m.seq = seq
	require.NoError(t, f.Checkpoint(m))
	require.Greater(t, f.Stats().DeltaBytes, int64(900))
	require.NoError(t, f.Close())
}

// A patch that does not fit what is there is damage, and no more is lost by it.
func TestPatchesThatDoNotFit(t *testing.T) {
	k := keyspace{}
	require.NoError(t, k.put(Entry{Key: []byte("s"), Kind: types.KindString, Value: []byte("abc")}))
	push := types.AppendEffect(nil, types.OpPushBack, 0, 0, "a", "")
	more := types.AppendEffect(nil, OpAppend, 0, 0, "de", "")
	for name, e := range map[string]Entry{
		"kind":   {Key: []byte("s"), Kind: types.KindList, Patched: true, Patch: push, Length: 1},
		"length": {Key: []byte("s"), Kind: types.KindString, Patched: true, Patch: more, Length: 90},
		"none":   {Key: []byte("n"), Kind: types.KindSet, Patched: true, Length: 9},
	} {
		require.ErrorIs(t, k.put(e), ErrCorrupt, name)
		var problems []string
		c := examination{keys: k, told: map[string]bool{}}
		c.survey.report = func(err error) { problems = append(problems, err.Error()) }
		require.NoError(t, c.entry(e), name)
		require.Len(t, problems, 1, name)

		c.incomplete = true
		var told []string
		c.consequent = func(text string) { told = append(told, text) }
		require.NoError(t, c.entry(e), name)
		require.Len(t, problems, 1, name)
		require.Len(t, told, 1, name)
	}
	for name, e := range map[string]Entry{
		"effect": {Key: []byte("s"), Kind: types.KindString, Patched: true, Patch: push, Length: 1},
		"bytes":  {Key: []byte("s"), Kind: types.KindList, Patched: true, Patch: []byte("x"), Length: 1},
	} {
		rd := reader{each: k.put}
		for _, c := range pack(t, []Entry{e}) {
			require.ErrorIs(t, rd.chunk(&chunk{buf: c.buf[chunkHeader:], kind: c.kind, count: c.count}), ErrCorrupt, name)
		}
	}
}
