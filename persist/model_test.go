package persist

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
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

// A value is a key's value. Its elements are never changed in place.
type value struct {
	kind     types.Kind
	elems    []elem // of a string: one
	deadline int64
	mark     uint8
}

// An elem is an element of a list or set, a field of a hash, or a member.
type elem struct {
	a, b  string
	score float64
}

func stringValue(text string, deadline int64, mark uint8) value {
	return value{types.KindString, []elem{{a: text}}, deadline, mark}
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
	return m.change(tx)
}

// change makes the changes that effects describe.
func (m *model) change(tx []byte) error {
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
			m.set(db, key, stringValue(string(e.A), e.N, uint8(e.M)))
		case OpDelete:
			delete(m.dbs[db], key)
		case OpExpire:
			v.deadline = e.N
			m.set(db, key, v)
		case OpAppend:
			old := ""
			if len(v.elems) > 0 {
				old = v.elems[0].a
			}
			m.set(db, key, stringValue(old+string(e.A), v.deadline, MarkAppended))
		case OpSetRange:
			old := make([]byte, int(e.N)+len(e.A))
			if len(v.elems) > 0 {
				old = append([]byte(v.elems[0].a), old[min(len(v.elems[0].a), len(old)):]...)
			}
			copy(old[e.N:], e.A)
			m.set(db, key, stringValue(string(old), v.deadline, MarkAppended))
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
			m.set(db, key, v.with(types.KindList, elem{a: string(e.A)}))
		case types.OpListSet:
			if n := int64(len(v.elems)); n > 0 {
				v.elems = slices.Clone(v.elems)
				v.elems[min(e.N, n-1)].a = string(e.A)
				m.set(db, key, v)
			}
		case types.OpSetAdd:
			m.set(db, key, v.with(types.KindSet, elem{a: string(e.A)}))
		case types.OpHashSet:
			m.set(db, key, v.with(types.KindHash, elem{a: string(e.A), b: string(e.B)}))
		case types.OpZAdd:
			m.set(db, key, v.with(types.KindZSet, elem{a: string(e.A), score: math.Float64frombits(uint64(e.N))}))
		default:
			return fmt.Errorf("unknown op %d", e.Op)
		}
	}
	return nil
}

// with returns v with one more element, or another value of an old one.
func (v value) with(kind types.Kind, e elem) value {
	v.kind, v.elems = kind, slices.Clone(v.elems)
	if kind != types.KindList {
		for i := range v.elems {
			if v.elems[i].a == e.a {
				v.elems[i] = e
				return v
			}
		}
	}
	v.elems = append(v.elems, e)
	return v
}

// entry makes what a store would hand to a checkpoint.
func (v value) entry(db int, key string) Entry {
	e := Entry{DB: db, Key: []byte(key), Kind: v.kind, Deadline: v.deadline, Mark: v.mark}
	if v.kind == types.KindString {
		e.Value = []byte(v.elems[0].a)
		return e
	}
	e.Object = types.New(v.kind)
	for _, el := range v.elems {
		switch o := e.Object.(type) {
		case *types.List:
			o.PushBack([]byte(el.a))
		case *types.Set:
			o.Add(el.a)
		case *types.Hash:
			o.Set(el.a, []byte(el.b))
		case *types.ZSet:
			o.Add(el.a, el.score, 0)
		}
	}
	return e
}

// put takes an entry of a snapshot.
func (m *model) put(e Entry) error {
	if e.Patched {
		return m.patch(e)
	}
	if e.Deleted {
		delete(m.dbs[e.DB], string(e.Key))
		return nil
	}
	v := value{kind: e.Kind, deadline: e.Deadline, mark: e.Mark}
	add := func(e elem) bool {
		v.elems = append(v.elems, e)
		return true
	}
	switch o := e.Object.(type) {
	case nil:
		add(elem{a: string(e.Value)})
	case *types.List:
		o.Each(0, o.Len(), func(a []byte) bool { return add(elem{a: string(a)}) })
	case *types.Set:
		o.Each(func(a []byte) bool { return add(elem{a: string(a)}) })
	case *types.Hash:
		o.Each(func(a, b []byte) bool { return add(elem{a: string(a), b: string(b)}) })
	case *types.ZSet:
		o.Each(0, o.Len(), func(a []byte, s float64) bool { return add(elem{a: string(a), score: s}) })
	}
	m.set(e.DB, string(e.Key), v)
	return nil
}

// patch takes an entry with a patch.
func (m *model) patch(e Entry) error {
	place := types.AppendEffect(nil, types.OpPlace, int64(e.DB), 0, string(e.Key), "")
	if err := m.change(append(place, e.Patch...)); err != nil {
		return err
	}
	v := m.dbs[e.DB][string(e.Key)]
	length := len(v.elems)
	if v.kind == types.KindString {
		length = len(v.elems[0].a)
	}
	v.deadline, v.mark = e.Deadline, e.Mark
	m.set(e.DB, string(e.Key), v)
	return e.CheckPatched(v.kind, length)
}

// equal compares two values. Only lists have an order.
func (v value) equal(w value) bool {
	if v.kind != w.kind || v.deadline != w.deadline || v.mark != w.mark || len(v.elems) != len(w.elems) {
		return false
	}
	a, b := v.elems, w.elems
	if v.kind != types.KindList {
		byName := func(x, y elem) int { return cmp.Compare(x.a, y.a) }
		a, b = slices.SortedFunc(slices.Values(a), byName), slices.SortedFunc(slices.Values(b), byName)
	}
	return slices.Equal(a, b)
}

// same compares two models, apart from databases that are empty.
func (m *model) same(t testing.TB, want *model) {
	t.Helper()
	if diff := m.differs(want); diff != "" {
		t.Fatal(diff)
	}
}

// differs tells what m has and want has not, or the reverse; nothing if they
// are the same.
func (m *model) differs(want *model) string {
	switch {
	case m.seq != want.seq:
		return fmt.Sprintf("it ends at transaction %d instead of %d", m.seq, want.seq)
	case m.Len() != want.Len():
		return fmt.Sprintf("%d keys instead of %d", m.Len(), want.Len())
	}
	for db, keys := range want.dbs {
		for key, v := range keys {
			if got := m.dbs[db][key]; !got.equal(v) {
				return fmt.Sprintf("database %d, key %.40q: %.200q instead of %.200q", db, key, fmt.Sprint(got), fmt.Sprint(v))
			}
		}
	}
	return ""
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
			case 2:
				l.Add(OpSetRange, r.Int64N(30), 0, text, "")
			case 1:
				l.Add(OpSet, r.Int64N(1e13), int64(r.IntN(8)), text, "")
			default:
				l.Add(OpSet, 0, 0, text, "")
			}
		case 'l':
			if r.IntN(4) == 0 {
				l.Add(types.OpPushBack, 0, 0, text, "")
				l.Add(types.OpListSet, 0, 0, text+"!", "")
				break
			}
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
func setTx(key, text string) []byte { return setIn(0, key, text) }

// setIn is setTx for any database.
func setIn(db int, key, text string) []byte {
	var l types.Log
	l.Add(types.OpPlace, int64(db), 0, key, "")
	l.Add(OpSet, 0, 0, text, "")
	return l.Bytes()
}
