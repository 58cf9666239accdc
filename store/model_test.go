package store

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"redstart/types"
)

// The model: a database in the plainest form, without sharing, journal,
// rollback or anything else that could go wrong.

// A world is the contents of all databases.
type world struct {
	clock *manual
	dbs   []map[string]*thing
}

// A thing is what stands at a key.
type thing struct {
	kind   types.Kind
	text   string
	list   []string
	fields map[string]string // of a hash; the members of a set, each as ""
	scores map[string]float64
	at     int64 // when it expires, 0 if it does not
}

const modelDBs = 3

func newWorld(clock *manual) *world {
	w := &world{clock: clock}
	for range modelDBs {
		w.dbs = append(w.dbs, map[string]*thing{})
	}
	return w
}

func newThing(kind types.Kind) *thing {
	return &thing{kind: kind, fields: map[string]string{}, scores: map[string]float64{}}
}

func (x *thing) clone() *thing {
	c := *x
	c.list, c.fields, c.scores = slices.Clone(x.list), maps.Clone(x.fields), maps.Clone(x.scores)
	return &c
}

func (w *world) clone() *world {
	c := newWorld(w.clock)
	for i, keys := range w.dbs {
		for k, x := range keys {
			c.dbs[i][k] = x.clone()
		}
	}
	return c
}

func (x *thing) empty() bool {
	return x.kind != types.KindString && len(x.list)+len(x.fields)+len(x.scores) == 0
}

// live returns what a reader finds at key, nil if nothing.
func (w *world) live(i int, key string) *thing {
	x := w.dbs[i][key]
	if x == nil || x.empty() || x.at != 0 && x.at <= w.clock.Now().UnixMilli() {
		return nil
	}
	return x
}

// sweep drops what is no longer there.
func (w *world) sweep() {
	for i := range w.dbs {
		for k := range w.dbs[i] {
			if w.live(i, k) == nil {
				delete(w.dbs[i], k)
			}
		}
	}
}

func (w *world) keys(i int) (ks []string) {
	for k := range w.dbs[i] {
		if w.live(i, k) != nil {
			ks = append(ks, k)
		}
	}
	slices.Sort(ks)
	return ks
}

// text writes x down, so that two can be compared.
func (x *thing) String() string {
	if x == nil {
		return ""
	}
	return fmt.Sprint(x.kind, strconv.Quote(x.text), x.list, x.fields, x.scores, x.at)
}

func (w *world) text(i int) map[string]string {
	out := map[string]string{}
	for _, k := range w.keys(i) {
		out[k] = w.dbs[i][k].String()
	}
	return out
}

// textOf is the same of the database that tx has selected.
func textOf(t require.TestingT, tx *Tx) map[string]string {
	out := map[string]string{}
	for key := range tx.Keys("*") {
		x := newThing(tx.Kind(key))
		switch v := tx.Value(key).(type) {
		case nil:
			b, err := tx.Get(key)
			require.NoError(t, err)
			x.text = string(b)
		case *types.List:
			for _, e := range v.All() {
				x.list = append(x.list, string(e))
			}
		case *types.Hash:
			for f, e := range v.All() {
				x.fields[f] = string(e)
			}
		case *types.Set:
			for m := range v.All() {
				x.fields[m] = ""
			}
		case *types.ZSet:
			for _, m := range v.Ascend() {
				x.scores[m.Name] = m.Score
			}
		}
		x.at, _ = tx.Deadline(key)
		out[key] = x.String()
	}
	return out
}

// A machine does the same things to databases and to their models.
type machine struct {
	path  string
	opt   Options
	clock *manual
	dbs   []*twin // the first one has a file; the others are its forks
	snaps []twinSnap
}

type twin struct {
	db   *DB
	w    *world
	line []*modelWaiter // in the order they came
}

// A modelWaiter waits for an element of a list.
type modelWaiter struct {
	db   int
	key  string
	got  string
	done bool
}

type twinSnap struct {
	snap *Snapshot
	w    *world
	now  time.Time
}

func TestModel(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		m := &machine{path: filepath.Join(dir, fmt.Sprint(n, ".db")), clock: newManual()}
		m.opt = Options{
			Clock: m.clock, Databases: modelDBs, Sync: Never,
			Shards: rapid.SampledFrom([]int{1, 4, 16}).Draw(t, "shards"),
		}
		if rapid.Bool().Draw(t, "small limits") {
			m.opt.Limits = &types.Limits{HashEntries: 2, HashValue: 8, SetEntries: 2, SetValue: 8, SetInts: 1, ZSetEntries: 2, ZSetValue: 8, ListSize: 2}
		}
		m.dbs = []*twin{{db: m.open(t), w: newWorld(m.clock)}}
		defer m.close(t)
		t.Repeat(map[string]func(*rapid.T){
			"":         m.check,
			"update":   m.update,
			"update2":  m.update,
			"update3":  m.update,
			"driver":   m.driver,
			"short":    m.short,
			"batch":    m.batch,
			"time":     m.time,
			"wait":     m.wait,
			"snapshot": m.snapshot,
			"fork":     m.fork,
			"save":     func(t *rapid.T) { require.NoError(t, m.dbs[0].db.Save()) },
			"reopen":   m.reopen,
			"reopen2":  m.reopen,
		})
	})
}

func (m *machine) open(t *rapid.T) *DB {
	opt := m.opt
	db, err := Open(m.path, &opt)
	require.NoError(t, err)
	return db
}

func (m *machine) close(t *rapid.T) {
	if t.Failed() {
		for _, d := range m.dbs {
			_ = d.db.Close()
		}
		return
	}
	for _, d := range m.dbs {
		m.same(t, d)
		require.NoError(t, d.db.Check())
		require.NoError(t, d.db.Close())
	}
	for _, s := range m.snaps {
		m.sameSnap(t, s)
	}
}

func (m *machine) same(t *rapid.T, d *twin) {
	for i := range modelDBs {
		require.NoError(t, d.db.View(func(tx *Tx) error {
			require.Equal(t, d.w.text(i), textOf(t, tx))
			return nil
		}, In(i)))
	}
}

func (m *machine) sameSnap(t *rapid.T, s twinSnap) {
	now := m.clock.Now()
	m.clock.set(s.now) // for the model: a snapshot's own time stands still
	defer m.clock.set(now)
	for i := range modelDBs {
		require.NoError(t, s.snap.Select(i))
		require.Equal(t, s.w.text(i), textOf(t, s.snap.Tx))
	}
}

func (m *manual) set(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now
}

func (m *machine) check(t *rapid.T) {
	for _, d := range m.dbs {
		d.serve(t)
		m.same(t, d)
	}
}

// time goes by, and the tick deletes what has expired, or comes too late.
func (m *machine) time(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond
	if rapid.Bool().Draw(t, "tick") {
		m.clock.advance(d)
		return
	}
	m.clock.set(m.clock.Now().Add(d))
}

func (m *machine) pick(t *rapid.T) *twin {
	return m.dbs[rapid.IntRange(0, len(m.dbs)-1).Draw(t, "database")]
}

func (m *machine) snapshot(t *rapid.T) {
	d := m.pick(t)
	if len(m.snaps) == 3 {
		m.sameSnap(t, m.snaps[0])
		m.snaps[0].snap.Close()
		m.snaps = m.snaps[1:]
	}
	m.snaps = append(m.snaps, twinSnap{d.db.Snapshot(), d.w.clone(), m.clock.Now()})
}

func (m *machine) fork(t *rapid.T) {
	d := m.pick(t)
	if len(m.dbs) == 3 {
		require.NoError(t, m.dbs[1].db.Check())
		require.NoError(t, m.dbs[1].db.Close())
		m.dbs = slices.Delete(m.dbs, 1, 2)
		return
	}
	m.dbs = append(m.dbs, &twin{db: d.db.Fork(), w: d.w.clone()})
}

// wait puts somebody in line for a list that is not there.
func (m *machine) wait(t *rapid.T) {
	d := m.pick(t)
	x := &modelWaiter{db: drawDB(t), key: drawKey(t)}
	if there := d.w.live(x.db, x.key); there != nil && there.kind == types.KindList {
		return
	}
	var locks LockSet
	locks.Add(d.db, x.key)
	tx := d.db.NewTx()
	require.NoError(t, tx.Begin(locks, true))
	defer func() { require.NoError(t, tx.End()) }()
	require.NoError(t, tx.Select(x.db))
	d.line = append(d.line, x)
	tx.Wait(&Waiter{
		Kind:  types.KindList,
		Locks: locks,
		Serve: func(tx *Tx, key string) bool {
			l, err := tx.EditList(key)
			if err != nil {
				return false
			}
			e, ok := l.PopFront()
			x.got = string(e)
			return ok
		},
		Done: func(error) { x.done = true },
	}, 0, x.key)
}

// serve takes from the model what the waiters must have taken, and requires
// that they have.
func (d *twin) serve(t *rapid.T) {
	d.line = slices.DeleteFunc(d.line, func(x *modelWaiter) bool {
		there := d.w.live(x.db, x.key)
		served := there != nil && there.kind == types.KindList
		require.Equal(t, served, x.done, "%d %q", x.db, x.key)
		if served {
			require.Equal(t, there.list[0], x.got)
			there.list = there.list[1:]
			d.w.sweep()
		}
		return served
	})
}

// reopen closes the file and opens it again; strings keep their encodings.
func (m *machine) reopen(t *rapid.T) {
	d := m.dbs[0]
	before := encodings(d.db)
	require.NoError(t, d.db.Check())
	require.NoError(t, d.db.Close())
	for _, x := range d.line {
		require.True(t, x.done, "a waiter was not given up")
	}
	d.line = nil
	d.db = m.open(t)
	require.Equal(t, before, encodings(d.db))
}

func encodings(db *DB) map[string]string {
	out := map[string]string{}
	for i := range modelDBs {
		_ = db.View(func(tx *Tx) error {
			for k := range tx.Keys("*") {
				if tx.Kind(k) == types.KindString {
					out[fmt.Sprint(i, k)], _ = tx.Encoding(k)
				}
			}
			return nil
		}, In(i))
	}
	return out
}

var errModel = errors.New("model says no")

// update runs an Update of some steps that commits, fails or panics.
func (m *machine) update(t *rapid.T) {
	d := m.pick(t)
	before := d.w.clone()
	outcome := rapid.SampledFrom([]string{"commit", "commit", "error", "panic"}).Draw(t, "outcome")
	var opts []TxOption
	if rapid.Bool().Draw(t, "declared") {
		opts = append(opts, Keys(modelKeys...))
	}
	var seen watched
	seen.begin(t, d)
	run := func() (err error) {
		defer func() {
			if e := recover(); e != nil {
				if e != any(errModel) {
					panic(e)
				}
				err = errModel
			}
		}()
		return d.db.Update(func(tx *Tx) error {
			s := &stepper{tx: tx, w: d.w, held: map[string]pair{}, all: opts == nil}
			for range rapid.IntRange(1, 8).Draw(t, "steps") {
				s.step(t)
			}
			if outcome == "panic" {
				panic(errModel)
			}
			if outcome == "error" {
				return errModel
			}
			return nil
		}, opts...)
	}
	err := run()
	if outcome == "commit" {
		require.NoError(t, err)
		d.w.sweep()
	} else {
		require.ErrorIs(t, err, errModel)
		d.w = before
	}
	seen.end(t, d, outcome != "commit")
}

// driver runs a transaction as a server does: it is not rolled back, and each
// command is settled.
func (m *machine) driver(t *rapid.T) {
	d := m.pick(t)
	var locks LockSet
	locks.AddAll(d.db)
	tx := d.db.NewTx()
	require.NoError(t, tx.Begin(locks, true))
	defer func() { require.NoError(t, tx.End()) }()
	s := &stepper{tx: tx, w: d.w, all: true}
	for range rapid.IntRange(1, 4).Draw(t, "commands") {
		s.held = map[string]pair{}
		switch rapid.IntRange(0, 19).Draw(t, "command") {
		case 0:
			i := rapid.IntRange(-1, modelDBs-1).Draw(t, "flush")
			require.NoError(t, tx.Flush(i))
			for j := range d.w.dbs {
				if i < 0 || i == j {
					d.w.dbs[j] = map[string]*thing{}
				}
			}
		case 1:
			a, b := drawDB(t), drawDB(t)
			require.NoError(t, tx.Swap(a, b))
			d.w.dbs[a], d.w.dbs[b] = d.w.dbs[b], d.w.dbs[a]
		default:
			s.step(t)
		}
		tx.Settle()
		d.w.sweep()
	}
}

// watched is a watch of one key, and what stood there.
type watched struct {
	watch Watch
	db    int
	key   string
	text  string
}

func (s *watched) in(t *rapid.T, d *twin, fn func(*Tx)) {
	var locks LockSet
	locks.Add(d.db, s.key)
	tx := d.db.NewTx()
	require.NoError(t, tx.Begin(locks, false))
	defer func() { require.NoError(t, tx.End()) }()
	require.NoError(t, tx.Select(s.db))
	fn(tx)
}

func (s *watched) begin(t *rapid.T, d *twin) {
	s.db, s.key = drawDB(t), drawKey(t)
	s.text = d.w.live(s.db, s.key).String()
	s.in(t, d, func(tx *Tx) { tx.Watch(&s.watch, s.key) })
}

// end checks that a difference was noticed, and that nothing was if nothing happened.
func (s *watched) end(t *rapid.T, d *twin, undone bool) {
	s.in(t, d, func(tx *Tx) {
		if d.w.live(s.db, s.key).String() != s.text {
			require.True(t, s.watch.Changed(tx), "the change of %s was not noticed", s.key)
		}
		if undone {
			require.False(t, s.watch.Changed(tx), "%s was not changed", s.key)
		}
	})
	d.db.Unwatch(&s.watch)
}

func (m *machine) short(t *rapid.T) {
	d, key := m.pick(t), drawKey(t)
	x := d.w.live(0, key)
	put := func(kind types.Kind) *thing {
		if x == nil {
			x = newThing(kind)
			d.w.dbs[0][key] = x
		}
		return x
	}
	fits := func(err error, kind types.Kind) bool {
		if x != nil && x.kind != kind {
			require.ErrorIs(t, err, ErrWrongType)
			return false
		}
		require.NoError(t, err)
		return true
	}
	e := drawText(t)
	switch rapid.SampledFrom([]string{"get", "rpush", "lpop", "hset", "hget", "sadd", "zincr", "delete", "persist"}).Draw(t, "short") {
	case "get":
		got, err := d.db.Get(key)
		if fits(err, types.KindString) {
			require.Equal(t, x != nil, got != nil)
			require.True(t, x == nil || x.text == string(got))
		}
	case "rpush":
		n, err := d.db.RPush(key, []byte(e))
		if fits(err, types.KindList) {
			put(types.KindList).list = append(x.list, e)
			require.Len(t, x.list, n)
		}
	case "lpop":
		got, err := d.db.LPop(key)
		if fits(err, types.KindList) && x != nil {
			require.Equal(t, x.list[0], string(got))
			x.list = x.list[1:]
		}
	case "hset":
		added, err := d.db.HSet(key, e, []byte(e+"!"))
		if fits(err, types.KindHash) {
			_, was := put(types.KindHash).fields[e]
			require.Equal(t, !was, added)
			x.fields[e] = e + "!"
		}
	case "hget":
		got, err := d.db.HGet(key, e)
		if fits(err, types.KindHash) && x != nil {
			require.Equal(t, x.fields[e], string(got))
		}
	case "sadd":
		_, err := d.db.SAdd(key, e, "7")
		if fits(err, types.KindSet) {
			put(types.KindSet).fields[e], x.fields["7"] = "", ""
			has, err := d.db.SHas(key, e)
			require.True(t, has && err == nil)
		}
	case "zincr":
		got, err := d.db.ZIncr(key, e, 1.5)
		if fits(err, types.KindZSet) {
			put(types.KindZSet).scores[e] += 1.5
			require.Equal(t, x.scores[e], got)
		}
	case "delete":
		n, err := d.db.Delete(key, "none")
		require.NoError(t, err)
		require.Equal(t, x != nil, n == 1)
		delete(d.w.dbs[0], key)
	case "persist":
		ok, err := d.db.Persist(key)
		require.NoError(t, err)
		require.Equal(t, x != nil, ok)
		if x != nil {
			x.at = 0
		}
	}
	d.w.sweep()
}

func (m *machine) batch(t *rapid.T) {
	d := m.pick(t)
	after := d.w.clone()
	var want error
	b := d.db.Batch()
	for range rapid.IntRange(0, 5).Draw(t, "writes") {
		key, e := drawKey(t), drawText(t)
		x := after.live(0, key)
		switch rapid.SampledFrom([]string{"set", "delete", "incr", "expire"}).Draw(t, "write") {
		case "set":
			b.Set(key, []byte(e))
			after.dbs[0][key] = newThing(types.KindString)
			after.dbs[0][key].text = e
		case "delete":
			b.Delete(key)
			delete(after.dbs[0], key)
		case "incr":
			b.Incr(key, 3)
			if err := after.incr(0, key, 3); want == nil {
				want = err
			}
		case "expire":
			b.Expire(key, time.Second)
			if x != nil {
				x.at = m.clock.Now().UnixMilli() + 1000
			}
		}
	}
	err := b.Commit()
	require.ErrorIs(t, err, want)
	if want == nil {
		d.w = after
	}
}

func (w *world) incr(i int, key string, by int64) error {
	x := w.live(i, key)
	if x == nil {
		x = newThing(types.KindString)
		x.text = "0"
	}
	if x.kind != types.KindString {
		return ErrWrongType
	}
	n, err := strconv.ParseInt(x.text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != x.text {
		return ErrNotInteger
	}
	x.text = strconv.FormatInt(n+by, 10)
	w.dbs[i][key] = x
	return nil
}
