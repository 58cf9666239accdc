package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"redstart/types"
)

// How waiting works.
//
// A caller that finds nothing to take (BLPOP on empty lists) leaves a Waiter
// at each of its keys, under the very locks under which it found nothing, so
// that nothing can come in between. Waiters of a key stand in line.
//
// Whoever makes a key hold what somebody may wait for — by a push, a rename, a
// script, a committed Update — serves the line before giving up its locks: it
// runs the waiter's own function, which takes its element just as the plain
// command would. So the pair is atomic, first come is first served, and no
// newcomer can overtake. What the waiter does becomes part of the server's
// transaction and of its record in the journal.
//
// A waiter may need more shards than its server holds (BLMOVE also writes its
// destination). Then the line of that key is served right after the server's
// commit, in a transaction that locks them too: locks are never added to a
// transaction under way.
//
// A Waiter is served, or given up (timeout, context, a closed client), exactly
// once: both hold its lock for as long as they try, and find it still waiting.
// Giving up never loses an element, because an element is taken only for a
// waiter that can no longer be given up.

// A Waiter is one caller that waits for one of some keys.
type Waiter struct {
	// Kind is the kind of value waited for.
	Kind types.Kind
	// Locks are all the shards Serve needs.
	Locks LockSet
	// Serve tries to take something from key, in a transaction that holds
	// Locks with the waiter's database selected. It reports whether it did;
	// if not, it has changed nothing and the waiter stays in line.
	Serve func(tx *Tx, key string) bool
	// Done is called once, outside of all locks of keys, after Serve has
	// reported true and its transaction was committed (err is nil) or refused
	// by the journal, or with the reason why the waiter was given up. It must
	// not block.
	Done func(err error)

	db     int
	keys   []string    // copies
	alone  bool        // Serve is a user's: it may touch nothing but the key it gets
	cancel func() bool // of the timer
	inLine bool        // guarded by waitTable.mu

	mu   sync.Mutex // held while it is served or given up; taken before waitTable.mu
	over bool       // served or given up
}

// ErrTimeout is the reason a Waiter is given up for when its time has passed.
var ErrTimeout = context.DeadlineExceeded

// A waitTable keeps the lines. While nobody waits, a write costs one look at count.
type waitTable struct {
	count  atomic.Int64 // of waiters
	mu     sync.Mutex
	lines  map[place][]*Waiter
	closed bool
}

// Wait puts w in line at each of the keys of the selected database, which must
// be among the transaction's. A timeout of 0 means to wait for as long as it takes.
func (tx *Tx) Wait(w *Waiter, timeout time.Duration, keys ...string) {
	t := &tx.db.waits
	w.db = tx.index
	for _, k := range keys {
		if k = string([]byte(k)); !slices.Contains(w.keys, k) {
			w.keys = append(w.keys, k)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return // given up before it began
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		go tx.db.GiveUp(w, ErrClosed)
		return
	}
	if t.lines == nil {
		t.lines = make(map[place][]*Waiter)
	}
	for _, k := range w.keys {
		p := place{w.db, k}
		t.lines[p] = append(t.lines[p], w)
	}
	w.inLine = true
	t.count.Add(1)
	if timeout > 0 {
		db := tx.db
		w.cancel = db.clock.AfterFunc(timeout, func() { db.GiveUp(w, ErrTimeout) })
	}
}

// GiveUp takes w out of line and calls its Done with err. It reports false,
// and does nothing, if w has been served or given up already.
func (db *DB) GiveUp(w *Waiter, err error) bool {
	w.mu.Lock()
	first := !w.over
	w.over = true
	w.mu.Unlock()
	if first {
		db.waits.leave(w)
		w.Done(err)
	}
	return first
}

// leave takes w out of all its lines, if it is in any.
func (t *waitTable) leave(w *Waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !w.inLine {
		return
	}
	w.inLine = false
	for _, k := range w.keys {
		p := place{w.db, k}
		line := slices.DeleteFunc(t.lines[p], func(x *Waiter) bool { return x == w })
		if len(line) == 0 {
			delete(t.lines, p)
		} else {
			t.lines[p] = line
		}
	}
	t.count.Add(-1)
	if w.cancel != nil {
		w.cancel()
	}
}

// line returns those who wait at p now, first come first.
func (t *waitTable) line(p place) []*Waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines[p])
}

// places returns the keys of a database that somebody waits for.
func (t *waitTable) places(db int) (ps []place) {
	if t.count.Load() == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.lines {
		if p.db == db {
			ps = append(ps, p)
		}
	}
	return ps
}

// closeWaits gives up everybody, now and from now on.
func (db *DB) closeWaits() {
	t := &db.waits
	t.mu.Lock()
	t.closed = true
	var all []*Waiter
	for _, line := range t.lines {
		all = append(all, line...)
	}
	t.mu.Unlock()
	for _, w := range all {
		db.GiveUp(w, ErrClosed)
	}
}

// serveReady serves the lines of the keys that the transaction has made ready,
// and of those that serving makes ready in turn.
func (tx *Tx) serveReady() {
	selected := tx.index
	for i := 0; i < len(tx.ready); i++ {
		tx.serveLine(tx.ready[i])
	}
	for i := range tx.ready {
		tx.ready[i] = place{}
	}
	tx.ready, tx.index = tx.ready[:0], selected
}

// serveLine serves the line at p for as long as there is something to take.
func (tx *Tx) serveLine(p place) {
	tx.index = p.db
	for _, w := range tx.db.waits.line(p) {
		kind := tx.Kind(p.key)
		if kind == types.KindNone {
			return
		}
		if kind != w.Kind {
			continue
		}
		if w.Locks.mask&^tx.locks.mask != 0 {
			tx.late = append(tx.late, place{p.db, string([]byte(p.key))})
			return
		}
		tx.serve(w, p.key)
	}
}

// serve lets one waiter take from key.
func (tx *Tx) serve(w *Waiter, key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return false
	}
	// Its own copy: the one at hand may be borrowed from a network buffer, and
	// the waiter may keep what it gets.
	if i := slices.Index(w.keys, key); i >= 0 {
		key = w.keys[i]
	}
	undo, declared := tx.undo, tx.declared
	tx.undo, tx.declared = w.alone, nil // what the waiter does is not the user's to undo
	if w.alone {
		tx.declared = []string{key}
	}
	tx.index = w.db
	w.over = w.Serve(tx, key)
	tx.settleAll()
	tx.index = w.db
	tx.undo, tx.declared = undo, declared
	if w.over {
		tx.db.waits.leave(w)
		tx.served = append(tx.served, w)
	}
	return w.over
}

// serveLate serves the lines whose waiters needed more shards than the
// transaction that made their key ready.
func (db *DB) serveLate(late []place) {
	for len(late) > 0 {
		p := late[0]
		late = late[1:]
		line := db.waits.line(p)
		if len(line) == 0 {
			continue
		}
		var locks LockSet
		locks.Add(db, p.key)
		for _, w := range line {
			locks.AddSet(w.Locks)
		}
		tx := db.begin(locks, true, p.db)
		tx.ready = append(tx.ready, p)
		_, more, err := tx.commit()
		served := tx.takeServed()
		tx.end()
		if err != nil {
			db.opt.Logger.Error("a waiter was served but the journal refused its change", "err", err)
		}
		done(served, err)
		late = append(late, more...)
	}
}

// takeServed returns those served by the transaction, to be told after it.
func (tx *Tx) takeServed() []*Waiter {
	if len(tx.served) == 0 {
		return nil
	}
	s := slices.Clone(tx.served)
	clear(tx.served)
	tx.served = tx.served[:0]
	return s
}

// done tells those served how the commit of what they took has ended.
func done(ws []*Waiter, err error) {
	for _, w := range ws {
		w.Done(err)
	}
}

// BLPop takes the first element of the first of the lists at keys that has
// one, and waits until one has. It returns the list's key and the element, or
// the error of ctx, or [ErrWrongType] if a key in front holds something else.
func (db *DB) BLPop(ctx context.Context, keys ...string) (key string, elem []byte, err error) {
	return db.bpop(ctx, keys, (*types.List).PopFront)
}

// BRPop is BLPop for the last element.
func (db *DB) BRPop(ctx context.Context, keys ...string) (key string, elem []byte, err error) {
	return db.bpop(ctx, keys, (*types.List).PopBack)
}

func (db *DB) bpop(ctx context.Context, keys []string, pop func(*types.List) ([]byte, bool)) (key string, elem []byte, err error) {
	take := func(tx *Tx, k string) bool {
		l, err := tx.EditList(k)
		if err != nil {
			return false
		}
		e, ok := pop(l)
		if ok {
			key, elem = k, append([]byte{}, e...)
		}
		return ok
	}
	err = db.Await(ctx, types.KindList, keys, func(tx *Tx, k string) (bool, error) {
		if kind := tx.Kind(k); kind != types.KindNone && kind != types.KindList {
			return false, ErrWrongType
		}
		return take(tx, k), nil
	})
	return key, elem, err
}

// BZPopMin takes the member with the lowest score of the first of the sorted
// sets at keys that has one, and waits until one has.
func (db *DB) BZPopMin(ctx context.Context, keys ...string) (key string, m types.ZMember, err error) {
	return db.bzpop(ctx, keys, func(*types.ZSet) int { return 0 })
}

// BZPopMax is BZPopMin for the highest score.
func (db *DB) BZPopMax(ctx context.Context, keys ...string) (key string, m types.ZMember, err error) {
	return db.bzpop(ctx, keys, func(z *types.ZSet) int { return z.Len() - 1 })
}

func (db *DB) bzpop(ctx context.Context, keys []string, rank func(*types.ZSet) int) (key string, m types.ZMember, err error) {
	err = db.Await(ctx, types.KindZSet, keys, func(tx *Tx, k string) (bool, error) {
		if kind := tx.Kind(k); kind != types.KindZSet {
			if kind != types.KindNone {
				return false, ErrWrongType
			}
			return false, nil
		}
		z, err := tx.EditZSet(k)
		if err != nil {
			return false, err
		}
		name, score, ok := z.At(rank(z))
		if !ok {
			return false, nil
		}
		key, m = k, types.ZMember{Name: string(name), Score: score}
		z.Remove(m.Name)
		return true, nil
	})
	return key, m, err
}

// Await calls take for each of keys, in order, until it reports that it took
// something, and waits its turn until it does. take may touch nothing but the
// key it is given, in a transaction that may be somebody else's; it must change
// nothing if it reports false or an error. The wait is for values of one kind.
// Under the policy Always, or after [Tx.Sync] in take, that it was taken is on disk
// when Await returns.
func (db *DB) Await(ctx context.Context, kind types.Kind, keys []string, take func(tx *Tx, key string) (bool, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a := &awaiting{db: db, take: take, finished: make(chan error, 1)}
	w := &Waiter{Kind: kind, alone: true, Serve: a.serve, Done: func(err error) { a.finished <- err }}
	took, err := a.begin(w, keys)
	switch {
	case took:
		return err
	case err != nil:
		if db.GiveUp(w, err) {
			return err
		}
		return a.end() // served before the journal refused the beginning
	}
	select {
	case err := <-a.finished:
		a.finished <- err
	case <-ctx.Done():
		if db.GiveUp(w, ctx.Err()) {
			return ctx.Err()
		}
		// Served at the last moment: what was taken is the caller's.
	}
	return a.end()
}

// An awaiting is one call of Await.
type awaiting struct {
	db       *DB
	take     func(tx *Tx, key string) (bool, error)
	finished chan error // has room for the one error there is
	panicked any        // what take panicked with in the transaction of another
	durable  bool       // take has asked for it there, by Tx.Sync
	soon     bool
}

// begin tries to take at once, and puts w in line if there is nothing.
func (a *awaiting) begin(w *Waiter, keys []string) (took bool, err error) {
	var locks LockSet
	for _, k := range keys {
		locks.Add(a.db, k)
	}
	tx := a.db.begin(locks, true, 0)
	if err := tx.usable(); err != nil {
		tx.end()
		return false, err
	}
	tx.declared, tx.undo = keys, true
	err = tx.run(func(tx *Tx) (err error) {
		for _, k := range keys {
			if took, err = a.take(tx, k); took || err != nil {
				return err
			}
		}
		tx.Wait(w, 0, keys...)
		return nil
	})
	return took, err
}

// serve is the Serve of the waiter. A panic in take is the caller's, and not
// of whoever made the key ready. Unless something was taken nothing has
// happened, as in a transaction of the caller's own.
func (a *awaiting) serve(tx *Tx, key string) (over bool) {
	logged, changes, took := len(tx.log.Bytes()), tx.changes, false
	durable, soon := tx.durable, tx.soon
	tx.durable, tx.soon = false, false
	defer func() {
		a.durable, a.soon = tx.durable, tx.soon
		tx.durable, tx.soon = durable, soon // it is not the other who waits
		if p := recover(); p != nil {
			a.panicked, over = p, true
		}
		if !took {
			tx.putBack()
			tx.log.Truncate(logged)
			tx.changes = changes
		}
	}()
	ok, err := a.take(tx, key)
	took = ok && err == nil
	return took
}

// end returns what Await returns after it was served or given up.
func (a *awaiting) end() error {
	err := <-a.finished
	if a.panicked != nil {
		panic(a.panicked)
	}
	if err != nil {
		return err
	}
	if a.durable {
		return a.db.Sync()
	}
	if a.soon && a.db.file != nil {
		a.db.file.Hasten()
	}
	return a.db.WaitDurable()
}
