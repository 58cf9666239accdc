package store

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"redstart/persist"
	"redstart/types"
)

// How a part of the database is followed.
//
// Who asks for some keys is told what happens to them as if there were no
// others, so that who makes the changes has what is there, after every Commit.
// What crosses the border has to be told as something else:
//
//   - What leaves, by RENAME or MOVE, is deleted. A copy that leaves is nothing.
//   - FLUSHALL flushes the databases asked for.
//   - What arrives, by RENAME, COPY, MOVE, or in a database that is exchanged for
//     one that was not asked for, is made anew.
//
// To make it anew one needs its value, and the journal has only its name: to
// write down a million elements because they were renamed, in case somebody
// reads it who has asked for one name and not for the other, would be dear. So
// the value is taken from a [Snapshot] of now. That has the commits that the
// reader has yet to come to, which may have changed the key further; to tell of
// them one by one, but for this key, would do until the follower stops half way
// and goes on later, and nobody knows any more which key is ahead. So all commits
// up to that of the snapshot are told as one: first what they did to other keys,
// then what there is at those that have arrived. It is a few commits for who
// is near the end. For who is far behind it may be many: if they have more to
// tell than gatherLimit, he is too late, and begins anew as all do who are. So does
// everybody if that much arrives at once.

// A scope is the keys that were asked for: all that begin with one of prefixes, in
// one of dbs. None of either means any.
type scope struct {
	prefixes []string
	dbs      []int
}

func (s *scope) database(i int) bool { return len(s.dbs) == 0 || slices.Contains(s.dbs, i) }

func (s *scope) key(db int, key string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(key, prefix) }
	return s.database(db) && (len(s.prefixes) == 0 || slices.ContainsFunc(s.prefixes, begins))
}

// A teller makes of commits what a follower is told.
//
// Invariant: the keys of ahead and of databases that are in aheadDBs are in the
// scope, and the follower has none of them; both are empty if snap is nil,
// between two commits.
type teller struct {
	db *DB
	*changesOptions

	list []Change // what is to be told
	size int      // bytes of it, about

	snap     *Snapshot      // commits up to its are told as one; nil: they are told one by one
	ahead    map[place]bool // keys of which nothing is told until then
	aheadDBs map[int]bool   // and databases
}

// gatherLimit is how many bytes of changes are gathered to be told as one before
// the next arrival is looked up, or the next commit read. They may all be of one
// commit: somebody may exchange two databases, and the memory is ours.
const gatherLimit = 64 << 20

// changeSize is what a Change costs beside its texts.
const changeSize = 256

// commit returns what is told of a commit. It is nothing yet if afterwards there is
// a snap.
func (t *teller) commit(tx persist.Transaction) ([]Change, error) {
	if err := eachChange(tx.Effects, t.take); err != nil {
		return nil, err
	}
	if t.snap == nil && len(t.ahead)+len(t.aheadDBs) > 0 {
		t.snap = t.db.Snapshot()
	}
	if t.snap != nil {
		if tx.Seq < t.snap.Seq() {
			return nil, t.check()
		}
		if err := t.arrive(); err != nil {
			return nil, err
		}
	}
	list := t.list
	t.reset()
	return list, nil
}

// check returns an error if there is too much to be told as one.
func (t *teller) check() error {
	if t.size <= gatherLimit {
		return nil
	}
	return fmt.Errorf("%w: keys were renamed, copied or moved to where they are followed, and that, with what has changed since, is more than %d MiB",
		ErrGone, gatherLimit>>20)
}

func (t *teller) reset() {
	if t.snap != nil {
		t.snap.Close()
	}
	*t = teller{db: t.db, changesOptions: t.changesOptions}
}

// tell adds a change to what is told.
func (t *teller) tell(c Change) {
	c.clock, c.undated = t.db.clock, t.undated
	t.list = append(t.list, c)
	t.size += changeSize + len(c.Key) + len(c.Effect.A) + len(c.Effect.B)
}

// has reports whether the follower has what is at a key.
func (t *teller) has(db int, key string) bool {
	return t.key(db, key) && !t.aheadDBs[db] && !t.ahead[place{db, key}]
}

// take tells of a change what is in the scope.
func (t *teller) take(c Change) {
	switch c.Effect.Op {
	case OpFlush:
		t.flush(c)
	case OpSwap:
		t.swap(c)
	case OpRename, OpCopy:
		t.transfer(c)
	default:
		if t.has(c.DB, c.Key) {
			t.tell(c)
		}
	}
}

func (t *teller) flush(c Change) {
	switch {
	case c.DB < 0 && len(t.dbs) > 0:
		for _, i := range t.dbs {
			t.tell(flushOf(i))
		}
	case c.DB < 0 || t.database(c.DB):
		t.tell(c)
	}
}

func flushOf(i int) Change {
	return Change{DB: i, Effect: types.Effect{Op: OpFlush, N: int64(i)}}
}

func (t *teller) swap(c Change) {
	a, b := c.DB, int(c.Effect.M)
	switch hasA, hasB := t.database(a), t.database(b); {
	case hasA && hasB:
		t.tell(c)
		t.swapAhead(a, b)
	case hasA:
		t.replace(a)
	case hasB:
		t.replace(b)
	}
}

// swapAhead exchanges what is ahead, as what is told exchanges what is not.
func (t *teller) swapAhead(a, b int) {
	other := map[int]int{a: b, b: a}
	keys := make(map[place]bool)
	for p := range t.ahead {
		if i, ok := other[p.db]; ok {
			p.db = i
		}
		keys[p] = true
	}
	dbs := make(map[int]bool)
	for i := range t.aheadDBs {
		if j, ok := other[i]; ok {
			i = j
		}
		dbs[i] = true
	}
	t.ahead, t.aheadDBs = keys, dbs
}

// replace tells that other data has come into database i.
func (t *teller) replace(i int) {
	t.tell(flushOf(i))
	if t.aheadDBs == nil {
		t.aheadDBs = make(map[int]bool)
	}
	t.aheadDBs[i] = true
}

func (t *teller) transfer(c Change) {
	from, to := t.has(c.DB, c.Key), t.has(c.ToDB, c.To)
	if from && to {
		t.tell(c)
		return
	}
	if from && c.Effect.Op == OpRename {
		t.tell(deleted(c.DB, c.Key, c.Old))
	}
	if !to {
		return
	}
	if c.Replaced != types.KindNone {
		t.tell(deleted(c.ToDB, c.To, c.Replaced))
	}
	if t.ahead == nil {
		t.ahead = make(map[place]bool)
	}
	t.ahead[place{c.ToDB, c.To}] = true
}

func deleted(db int, key string, was types.Kind) Change {
	return Change{DB: db, Key: key, Old: was, Effect: types.Effect{Op: OpDelete}}
}

// arrive tells what there is where nothing was told.
func (t *teller) arrive() error {
	places := slices.SortedFunc(maps.Keys(t.ahead), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.db, b.db), strings.Compare(a.key, b.key))
	})
	for _, p := range places {
		e, ok := keysView{t.snap}.Find(p.db, []byte(p.key))
		if !ok || t.aheadDBs[p.db] {
			continue
		}
		if err := t.anew(&e); err != nil {
			return err
		}
	}
	for _, i := range slices.Sorted(maps.Keys(t.aheadDBs)) {
		for e := range t.snap.entries(i) {
			if !t.key(i, text(e.Key)) {
				continue
			}
			if err := t.anew(&e); err != nil {
				return err
			}
		}
	}
	return nil
}

// anew tells what makes an entry of the snapshot.
func (t *teller) anew(e *persist.Entry) error {
	if err := t.check(); err != nil {
		return err
	}
	t.snap.tell(e, func(c Change) bool { t.tell(c); return true })
	return nil
}

// Changes yields what makes the contents of the snapshot out of nothing: keys
// one after the other, by database, each with all its elements and then its
// deadline. It is how a copy begins that goes on with those of [DB.Changes] after
// Seq, and takes the same options.
func (s *Snapshot) Changes(opts ...ChangesOption) iter.Seq[Change] {
	o := newChangesOptions(opts)
	return func(yield func(Change) bool) {
		give := func(c Change) bool {
			c.clock, c.undated = s.db.clock, o.undated
			return yield(c)
		}
		for i := range s.db.opt.Databases {
			if !o.database(i) {
				continue
			}
			for e := range s.entries(i) {
				if o.key(i, text(e.Key)) && !s.tell(&e, give) {
					return
				}
			}
		}
	}
}

// entries yields those of database i.
func (s *Snapshot) entries(i int) iter.Seq[persist.Entry] {
	return func(yield func(persist.Entry) bool) {
		for shard := range s.db.shards {
			for r := range s.db.shards[shard].tables[i].dict.All() {
				if !yield(entryOf(i, r)) {
					return
				}
			}
		}
	}
}

// tell yields what makes an entry, unless it has expired: then it was never there.
// It reports whether to go on.
func (s *Snapshot) tell(e *persist.Entry, yield func(Change) bool) bool {
	if e.Deadline != 0 && e.Deadline <= s.Now() {
		return true
	}
	c := Change{DB: e.DB, Key: string(e.Key), New: e.Kind}
	more := true
	tell := func(op types.Op, n, m int64, a, b []byte) bool {
		c.Effect = types.Effect{Op: op, N: n, M: m, A: slices.Clone(a), B: slices.Clone(b)}
		more = yield(c)
		c.Old = e.Kind
		return more
	}
	switch v := e.Object.(type) {
	case nil:
		return tell(OpSet, e.Deadline, int64(e.Mark), e.Value, nil)
	case *types.List:
		v.Each(0, v.Len(), func(elem []byte) bool { return tell(types.OpPushBack, 0, 0, elem, nil) })
	case *types.Hash:
		v.Each(func(field, value []byte) bool { return tell(types.OpHashSet, 0, 0, field, value) })
	case *types.Set:
		v.Each(func(member []byte) bool { return tell(types.OpSetAdd, 0, 0, member, nil) })
	case *types.ZSet:
		v.Each(0, v.Len(), func(member []byte, score float64) bool {
			return tell(types.OpZAdd, int64(math.Float64bits(score)), 0, member, nil)
		})
	default:
		panic(fmt.Sprintf("BUG: a %v cannot be told", e.Kind))
	}
	return more && (e.Deadline == 0 || tell(OpExpire, e.Deadline, 0, nil, nil))
}
