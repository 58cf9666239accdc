package persist

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// A model is a store in the plainest form: what a File must give back.
type model struct {
	seq uint64
	dbs map[int]map[string]value
}

// A value is a key's value as text, one element per line, so that two of them
// are compared as strings.
type value struct {
	kind     types.Kind
	elems    string
	deadline int64
	mark     uint8
}

func newModel() *model { return &model{dbs: map[int]map[string]value{}} }

func (m *model) clone() *model {
	c := &model{seq: m.seq, dbs: map[int]map[string]value{}}
	for db, keys := range m.dbs {
		c.dbs[db] = maps.Clone(keys)
	}
	return c
}

func (m *model) set(db int, key string, v value) {
	if m.dbs[db] == nil {
		m.dbs[db] = map[string]value{}
	}
	m.dbs[db][key] = v
}

// apply does one transaction.
func (m *model) apply(seq uint64, tx []byte) error {
	if seq != m.seq+1 {
		return fmt.Errorf("transaction %d follows %d", seq, m.seq)
	}
	m.seq = seq
	db, key := 0, ""
	for e, err := range types.Effects(tx) {
		if err != nil {
			return err
		}
		v, ok := m.dbs[db][key]
		if !ok && (e.Op == OpExpire || e.Op == OpRename || e.Op == OpCopy) {
			continue
		}
		switch e.Op {
		case types.OpPlace:
			db, key = int(e.N), string(e.A)
		case OpSet:
			m.set(db, key, value{types.KindString, string(e.A), e.N, uint8(e.M)})
		case OpDelete:
			delete(m.dbs[db], key)
		case OpExpire:
			v.deadline = e.N
			m.set(db, key, v)
		case OpAppend:
			v.kind, v.elems = types.KindString, v.elems+string(e.A)
			m.set(db, key, v)
		case OpRename:
			delete(m.dbs[db], key)
			m.set(int(e.N), string(e.A), v)
		case OpCopy:
			m.set(int(e.N), string(e.A), v)
		case OpFlush:
			if e.N < 0 {
				clear(m.dbs)
			}
			delete(m.dbs, int(e.N))
		case OpSwap:
			m.dbs[int(e.N)], m.dbs[int(e.M)] = m.dbs[int(e.M)], m.dbs[int(e.N)]
		case types.OpPushBack:
			m.set(db, key, v.with(types.KindList, fmt.Sprintf("%q", e.A)))
		case types.OpSetAdd:
			m.set(db, key, v.with(types.KindSet, fmt.Sprintf("%q", e.A)))
		case types.OpHashSet:
			m.set(db, key, v.with(types.KindHash, fmt.Sprintf("%q=%q", string(e.A)+string(e.B), e.B)))
		case types.OpZAdd:
			m.set(db, key, v.with(types.KindZSet, fmt.Sprintf("%q=%v", e.A, math.Float64frombits(uint64(e.N)))))
		default:
			return fmt.Errorf("unknown op %d", e.Op)
		}
	}
	return nil
}

// with returns v with one more element. Elements of other kinds than lists are
// sorted.
func (v value) with(kind types.Kind, elem string) value {
	v.kind = kind
	elems := strings.Fields(v.elems)
	if kind == types.KindList || !slices.Contains(elems, elem) {
		elems = append(elems, elem)
	}
	if kind != types.KindList {
		sort.Strings(elems)
	}
	v.elems = strings.Join(elems, "\n")
	return v
}

// entry makes what a store would hand to a checkpoint.
func (v value) entry(db int, key string) Entry {
	e := Entry{DB: db, Key: []byte(key), Kind: v.kind, Deadline: v.deadline, Mark: v.mark}
	if v.kind == types.KindString {
		e.Value = []byte(v.elems)
		return e
	}
	e.Object = types.New(v.kind)
	for elem := range strings.FieldsSeq(v.elems) {
		var a, b string
		var score float64
		switch o := e.Object.(type) {
		case *types.List:
			scan(elem, "%q", &a)
			o.PushBack([]byte(a))
		case *types.Set:
			scan(elem, "%q", &a)
			o.Add(a)
		case *types.Hash:
			scan(elem, "%q=%q", &a, &b)
			o.Set(a, []byte(b))
		case *types.ZSet:
			scan(elem, "%q=%g", &a, &score)
			o.Add(a, score, 0)
		}
	}
	return e
}

func scan(s, format string, args ...any) {
	if _, err := fmt.Sscanf(s, format, args...); err != nil {
		panic(err)
	}
}

// put takes an entry of a snapshot.
func (m *model) put(e Entry) error {
	if e.Deleted {
		delete(m.dbs[e.DB], string(e.Key))
		return nil
	}
	v := value{kind: e.Kind}
	switch o := e.Object.(type) {
	case nil:
		v.elems = string(e.Value)
	case *types.List:
		o.Each(0, o.Len(), func(a []byte) bool { v = v.with(e.Kind, fmt.Sprintf("%q", a)); return true })
	case *types.Set:
		o.Each(func(a []byte) bool { v = v.with(e.Kind, fmt.Sprintf("%q", a)); return true })
	case *types.Hash:
		o.Each(func(a, b []byte) bool { v = v.with(e.Kind, fmt.Sprintf("%q=%q", a, b)); return true })
	case *types.ZSet:
		o.Each(0, o.Len(), func(a []byte, s float64) bool { v = v.with(e.Kind, fmt.Sprintf("%q=%v", a, s)); return true })
	}
	v.deadline, v.mark = e.Deadline, e.Mark
	m.set(e.DB, string(e.Key), v)
	return nil
}

// same compares two models, apart from databases that are empty.
func (m *model) same(t testing.TB, want *model) {
	t.Helper()
	full := func(m *model) map[string]value {
		all := map[string]value{}
		for db, keys := range m.dbs {
			for key, v := range keys {
				all[fmt.Sprintf("%d %q", db, key)] = v
			}
		}
		return all
	}
	require.Equal(t, want.seq, m.seq)
	if got, want := full(m), full(want); !maps.Equal(got, want) {
		require.Equal(t, want, got)
	}
}

// The model as a View.
func (m *model) Seq() uint64 { return m.seq }

func (m *model) Len() (n int) {
	for _, keys := range m.dbs {
		n += len(keys)
	}
	return n
}

func (m *model) Find(db int, key []byte) (Entry, bool) {
	v, ok := m.dbs[db][string(key)]
	if !ok {
		return Entry{}, false
	}
	return v.entry(db, string(key)), true
}

func (m *model) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for db, keys := range m.dbs {
			for key, v := range keys {
				if !yield(v.entry(db, key)) {
					return
				}
			}
		}
	}
}

// randomTx appends random effects to l.
func randomTx(r *rand.Rand, l *types.Log) {
	for range 1 + r.IntN(4) {
		db := r.IntN(3)
		key := fmt.Sprintf("%s%d", []string{"s", "l", "h", "t", "z"}[r.IntN(5)], r.IntN(40))
		text := randomText(r)
		l.Add(types.OpPlace, int64(db), 0, key, "")
		switch key[0] {
		case 's':
			switch r.IntN(8) {
			case 0:
				l.Add(OpAppend, 0, 0, text, "")
			case 1:
				l.Add(OpSet, r.Int64N(1e13), int64(r.IntN(8)), text, "")
			default:
				l.Add(OpSet, 0, 0, text, "")
			}
		case 'l':
			l.Add(types.OpPushBack, 0, 0, text, "")
		case 'h':
			l.Add(types.OpHashSet, 0, 0, fmt.Sprintf("f%d", r.IntN(30)), text)
		case 't':
			l.Add(types.OpSetAdd, 0, 0, text, "")
		case 'z':
			l.Add(types.OpZAdd, int64(math.Float64bits(r.NormFloat64())), 0, fmt.Sprint("m", r.Uint64()), "")
		}
	}
	switch db, to := int64(r.IntN(3)), int64(r.IntN(3)); r.IntN(60) {
	case 0, 1, 2, 3, 4, 5:
		l.Add(OpDelete, 0, 0, "", "")
	case 6, 7:
		l.Add(OpExpire, r.Int64N(1e13), 0, "", "")
	case 8, 9:
		l.Add(OpRename, to, 0, fmt.Sprint("r", r.IntN(10)), "")
	case 10, 11:
		l.Add(OpCopy, to, 0, fmt.Sprint("c", r.IntN(10)), "")
	case 12:
		l.Add(OpSwap, db, to, "", "")
	case 13:
		if r.IntN(4) == 0 {
			l.Add(OpFlush, db-1, 0, "", "")
		}
	}
}

// randomText has no white space, so that model can split by it.
func randomText(r *rand.Rand) string {
	n := r.IntN(20)
	if r.IntN(50) == 0 {
		n = r.IntN(3 * recordSize)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefgh\x00\xff\"%="[r.IntN(13)]
	}
	return string(b)
}

// noTicks keeps the committer from writing once a second.
func noTicks() <-chan time.Time { return make(chan time.Time) }

func testOptions(p Policy) *Options { return &Options{Sync: p, ticks: noTicks()} }

// tempFile returns a path for a file in a directory of the test's own: in
// memory if there is such a file system, because most tests are about what is
// in a file and would only wait for a disk.
func tempFile(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "persist")
	if err != nil {
		return filepath.Join(t.TempDir(), "app.db")
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "app.db")
}

// mustOpen opens and loads the file.
func mustOpen(t testing.TB, path string, opt *Options) (*File, *model) {
	t.Helper()
	f, err := Open(path, opt)
	require.NoError(t, err)
	m, err := load(f)
	require.NoError(t, err)
	return f, m
}

func load(f *File) (*model, error) {
	m := newModel()
	covered := f.currentState().covered
	m.seq = covered
	err := f.Load(m.put, m.apply)
	return m, err
}

// do appends a transaction to the file and does it to the model.
func do(t testing.TB, f *File, m *model, tx []byte) {
	t.Helper()
	seq, err := f.Append(tx)
	require.NoError(t, err)
	require.NoError(t, m.apply(seq, tx))
}

// setTx returns the transaction that sets a key of database 0.
func setTx(key, text string) []byte {
	var l types.Log
	l.Add(types.OpPlace, 0, 0, key, "")
	l.Add(OpSet, 0, 0, text, "")
	return l.Bytes()
}
