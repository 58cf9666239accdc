package store

import (
	"math/rand/v2"

	"redstart/persist"
	"redstart/types"
)

// A Tx is a transaction: a serial view of the keys it locked, in which writes
// happen at once. It is valid only while its function runs, and only in the
// goroutine that runs it.
//
// How a write becomes a fact. A writing method changes the table or the value
// at once. For each key that may need an afterthought the transaction keeps a
// touch: the value being edited, whose Recorder counts its changes and writes
// them down as effects; and, if the transaction can be rolled back, what stood
// there before (a collection is cloned on its first edit, in O(1), and the
// clone is edited). Settling then looks at every touch once: the value stops
// recording, an empty one is deleted, changed keys are announced to those who
// watch them and to those who wait for them. Commit settles, lets waiters take
// what has come, appends the effects to the journal as one record and unlocks.
// Rollback puts back what the touches remember, newest first; nobody has seen
// anything, and the journal knows nothing.
//
// Commands that come over the wire check first and change afterwards, and
// never need rolling back: for them a string leaves no touch at all unless
// somebody watches, and no collection is cloned.
type Tx struct {
	db       *DB
	opt      txOptions // of an Update or View; here because it need not be allocated
	index    int       // the database selected
	locks    LockSet
	declared []string // the only keys a user's transaction may touch; nil: any
	writable bool
	frozen   bool // reads a Snapshot: no locks, no time but its own
	undo     bool // can be rolled back
	replay   bool // applies a journal: nothing expires and nobody hears of it
	durable  bool // wait for the disk after the commit
	soon     bool // or have it synced without waiting
	wrote    bool // to the journal, since Wrote was last asked

	last uint64 // number of the last commit

	now     int64 // Unix milliseconds, 0 until asked
	log     types.Log
	touches []*touch         // behind its end, up to its capacity, those to use next
	byKey   map[place]*touch // of touches, once they are many
	ready   []place          // keys that may serve a waiter
	late    []place          // those whose waiters need more shards
	served  []*Waiter        // by this transaction
	changes int64
	offer   []byte     // see Offer
	rng     *rand.Rand // made when first asked for

	// Hits and Misses count reads of keys by Find and what is built on it.
	Hits, Misses int64

	// Owner is whoever began the transaction says it is, for listeners.
	Owner any

	// Still makes what the transaction reads not count as used.
	Still bool

	// OnWait, if it is not nil, is called before the transaction waits, for
	// longer than a moment, for others to give up a lock or, in Begin, for a
	// disk that is far behind.
	OnWait func()
}

// A place is a key of a database.
type place struct {
	db  int
	key string
}

// A touch is what a transaction remembers of a key it writes.
type touch struct {
	rec     types.Recorder // Key and DB are the place
	hash    uint64
	value   types.Value // being edited, or nil
	size    int         // of value, as its table knows it
	created bool        // by this transaction
	strings int         // changes of the key that rec does not count

	saved bool // old is what a rollback restores
	old   oldEntry
}

// An oldEntry is what stood at a key.
type oldEntry struct {
	there    bool
	value    types.Value
	bytes    []byte
	deadline int64
	mark     uint8
}

const (
	manyTouches = 8   // from here on touches are found by a map
	keepBytes   = 256 // the largest copy of an old string whose memory a touch keeps
)

// DB returns the database the transaction is on.
func (tx *Tx) DB() *DB { return tx.db }

// Index returns the number of the selected database.
func (tx *Tx) Index() int { return tx.index }

// Select makes the methods that follow work on database i. It returns
// ErrDatabase if there is none.
func (tx *Tx) Select(i int) error {
	if i < 0 || i >= tx.db.opt.Databases {
		return ErrDatabase
	}
	tx.index = i
	return nil
}

// Writable reports whether the transaction may write.
func (tx *Tx) Writable() bool { return tx.writable }

// Now returns the time of the transaction in Unix milliseconds. It stands
// still while the transaction runs.
func (tx *Tx) Now() int64 {
	if tx.now == 0 {
		tx.now = tx.db.nowMillis()
	}
	return tx.now
}

// Rand returns a source of randomness for the transaction's use.
func (tx *Tx) Rand() *rand.Rand { return tx.db.rand(tx) }

func (tx *Tx) table(h uint64) *table { return tx.db.shardOf(h).tables[tx.index] }

func (tx *Tx) hash(key string) uint64 {
	if sameString(key, tx.locks.key) {
		return tx.locks.hash
	}
	return types.HashOf(key)
}

// admit checks that the transaction holds the shard of a key.
func (tx *Tx) admit(h uint64, key string) error {
	if tx.declared != nil {
		for _, k := range tx.declared {
			if k == key {
				return nil
			}
		}
		return ErrUndeclared
	}
	if tx.locks.mask&tx.db.shardBit(h) == 0 && !tx.frozen {
		panic("BUG: transaction touches a key outside its shards: " + key)
	}
	return nil
}

// find returns the entry of key, a zero Ref if there is none or it expired.
func (tx *Tx) find(key string) (types.Ref, error) { return tx.findAt(tx.hash(key), key) }

// findAt is find for a key with hash h.
func (tx *Tx) findAt(h uint64, key string) (types.Ref, error) {
	if err := tx.admit(h, key); err != nil {
		return types.Ref{}, err
	}
	r := tx.table(h).dict.Find(h, key)
	if !r.OK() {
		return r, nil
	}
	if at := r.Deadline(); at != 0 && !tx.replay && at <= tx.Now() {
		tx.expire(h, key)
		return types.Ref{}, nil
	}
	if len(tx.touches) != 0 {
		if v := r.Object(); v != nil && v.Len() == 0 {
			return types.Ref{}, nil // emptied in this transaction
		}
	}
	return r, nil
}

// read is find for those who use the value: it counts and marks the access.
func (tx *Tx) read(key string) (types.Ref, error) {
	r, err := tx.find(key)
	if tx.frozen {
		return r, err // by several goroutines, perhaps
	}
	if !r.OK() {
		tx.Misses++
		return r, err
	}
	tx.Hits++
	if !tx.Still && tx.db.tracks.Load() {
		r.Touch(tx.db.seconds.Load())
	}
	return r, nil
}

// prepare admits a change beside the value of key (its deadline): it returns
// the key's hash, or why it must not be written.
func (tx *Tx) prepare(key string) (uint64, error) {
	if !tx.writable {
		return 0, ErrTxReadOnly
	}
	h := tx.hash(key)
	if err := tx.admit(h, key); err != nil {
		return 0, err
	}
	if tx.undo {
		tx.save(h, key)
	}
	return h, nil
}

// write is prepare for a change that puts something else at key, or nothing:
// a value that is being edited there is the key's no more.
func (tx *Tx) write(key string) (uint64, error) {
	h, err := tx.prepare(key)
	if err == nil && len(tx.touches) != 0 {
		if t := tx.touched(key); t != nil {
			tx.release(t)
		}
	}
	return h, err
}

// release ends the editing of the key's value, which is about to be replaced.
func (tx *Tx) release(t *touch) {
	if t.value == nil {
		return
	}
	tx.weigh(t)
	t.value.Record(nil)
	t.strings += t.rec.Changes
	t.rec.Changes = 0
	t.value, t.created = nil, false
}

// weigh tells the table how the value that t edits has grown or shrunk.
func (tx *Tx) weigh(t *touch) {
	if size := t.value.Size(); size != t.size {
		tx.db.shardOf(t.hash).tables[t.rec.DB].dict.AddSize(size - t.size)
		t.size = size
	}
}

// touch returns the transaction's touch of key, making one if there is none.
func (tx *Tx) touch(h uint64, key string) *touch {
	if t := tx.touched(key); t != nil {
		return t
	}
	t := tx.nextTouch()
	t.hash = h
	t.rec.DB, t.rec.Key, t.rec.Limits = tx.index, key, tx.db.limits.Load()
	if tx.db.journals() && !tx.replay {
		t.rec.Log = &tx.log
	}
	switch {
	case tx.byKey != nil:
		tx.byKey[place{tx.index, key}] = t
	case len(tx.touches) > manyTouches:
		tx.byKey = make(map[place]*touch)
		for _, t := range tx.touches {
			tx.byKey[place{t.rec.DB, t.rec.Key}] = t
		}
	}
	return t
}

// nextTouch lengthens touches by one, used before if there is one.
func (tx *Tx) nextTouch() *touch {
	n := len(tx.touches)
	if n < cap(tx.touches) {
		if t := tx.touches[:n+1][n]; t != nil {
			tx.touches = tx.touches[:n+1]
			return t
		}
	}
	t := new(touch)
	tx.touches = append(tx.touches, t)
	return t
}

func (tx *Tx) touched(key string) *touch {
	if tx.byKey != nil {
		return tx.byKey[place{tx.index, key}]
	}
	for _, t := range tx.touches {
		if t.rec.Key == key && t.rec.DB == tx.index {
			return t
		}
	}
	return nil
}

// save remembers what stands at key, the first time it is about to change.
func (tx *Tx) save(h uint64, key string) *touch {
	t := tx.touch(h, key)
	if t.saved {
		return t
	}
	t.saved = true
	if r := tx.table(h).dict.Find(h, key); r.OK() {
		t.old = oldEntry{there: true, value: r.Object(), deadline: r.Deadline(), mark: r.Mark(), bytes: t.old.bytes}
		if t.old.value == nil {
			t.old.bytes = append(t.old.bytes, r.Value()...)
		}
	}
	return t
}

// edit returns the value of key ready to be written, created if absent.
func (tx *Tx) edit(key string, kind types.Kind) (types.Value, error) {
	if !tx.writable {
		return nil, ErrTxReadOnly
	}
	h := tx.hash(key)
	r, err := tx.findAt(h, key)
	if err != nil {
		return nil, err
	}
	return tx.editAt(r, h, key, kind)
}

// alter is edit for a key that must be there; otherwise it returns nil.
func (tx *Tx) alter(key string, kind types.Kind) (types.Value, error) {
	if !tx.writable {
		return nil, ErrTxReadOnly
	}
	h := tx.hash(key)
	r, err := tx.findAt(h, key)
	if !r.OK() {
		return nil, err
	}
	return tx.editAt(r, h, key, kind)
}

// editAt is edit for a key whose entry is r.
func (tx *Tx) editAt(r types.Ref, h uint64, key string, kind types.Kind) (types.Value, error) {
	t := tx.touched(key)
	if t != nil && t.value != nil {
		if t.value.Kind() != kind {
			if t.value.Len() != 0 {
				return nil, ErrWrongType
			}
			tx.drop(t) // emptied, and now of another type
		} else {
			return t.value, nil
		}
	}
	if r.OK() && r.Kind() != kind {
		return nil, ErrWrongType
	}
	if tx.undo {
		t = tx.save(h, key)
	} else if t == nil {
		t = tx.touch(h, key)
	}
	d := &tx.table(h).dict
	switch {
	case !r.OK():
		t.rec.Was = types.KindNone
		t.value, t.created = types.New(kind), true
		d.AddObject(h, key, t.value, 0).Touch(tx.db.seconds.Load())
	case tx.undo && t.value == nil && r.Object() == t.old.value:
		t.rec.Was = kind
		t.value = types.Clone(t.old.value)
		d.PutObject(h, key, t.value, r.Deadline())
		d.Find(h, key).Touch(tx.db.seconds.Load())
	default:
		t.rec.Was = kind
		r.Touch(tx.db.seconds.Load())
		t.value = d.EditAt(r, h, key)
	}
	t.size = t.value.Size()
	t.value.Record(&t.rec)
	return t.value, nil
}

// drop ends the editing of a value that was emptied, and deletes the key.
func (tx *Tx) drop(t *touch) {
	existed, was := !t.created || t.rec.Changes != 0, t.value.Kind()
	tx.release(t)
	tx.table(t.hash).delete(t.hash, t.rec.Key)
	if existed {
		tx.logAt(t.rec.Key, was, persist.OpDelete, 0, 0, "")
	}
}

// logAt writes down an effect on key itself, at which there was a value of a kind.
func (tx *Tx) logAt(key string, was types.Kind, op types.Op, n, m int64, a string) {
	if tx.db.journals() && !tx.replay {
		tx.log.PlaceOf(tx.index, key, was)
		tx.log.Add(op, n, m, a, "")
	}
}

// changed takes down an effect on key itself, after it happened.
func (tx *Tx) changed(h uint64, key string, was types.Kind, op types.Op, n, m int64, a string) {
	tx.logAt(key, was, op, n, m, a)
	if tx.undo {
		tx.touch(h, key).strings++
		return
	}
	tx.announce(key)
}

// announce tells the watchers of key, and the listeners, that it changed.
func (tx *Tx) announce(key string) {
	tx.changes++
	if tx.replay {
		return
	}
	if tx.db.watches.count.Load() != 0 {
		tx.db.watches.changed(tx.index, key)
	}
	tx.tellChanged(key)
}

// arrived notes that key may have what a waiter waits for.
func (tx *Tx) arrived(key string) {
	if tx.db.waits.count.Load() != 0 && !tx.replay {
		tx.ready = append(tx.ready, place{tx.index, key})
	}
}

// Settle ends one step of a transaction of many steps that is not to be rolled
// back: values left empty are gone, and what changed is announced. Values that
// the step was editing must be asked for again.
func (tx *Tx) Settle() {
	if !tx.undo {
		tx.settleAll()
	}
}

func (tx *Tx) settleAll() {
	if len(tx.touches) == 0 {
		return
	}
	selected := tx.index
	for _, t := range tx.touches {
		tx.settle(t)
	}
	tx.index = selected
	tx.forget()
}

// forget ends all touches and keeps their memory for the next ones.
func (tx *Tx) forget() {
	for _, t := range tx.touches {
		t.reset()
	}
	tx.touches, tx.byKey = tx.touches[:0], nil
	// The log must not take the Recorder of a touch that is used again for the
	// one whose place it has named already.
	tx.log.Truncate(len(tx.log.Bytes()))
}

// reset makes t ready for its next use. Most touches have saved nothing, and
// there are as many of them as commands.
func (t *touch) reset() {
	t.rec.Key, t.rec.Log, t.rec.Changes = "", nil, 0
	t.value, t.created, t.strings = nil, false, 0
	if t.saved {
		bytes := t.old.bytes[:0]
		if cap(bytes) > keepBytes {
			bytes = nil
		}
		t.saved, t.old = false, oldEntry{bytes: bytes}
	}
}

func (tx *Tx) settle(t *touch) {
	tx.index = t.rec.DB
	if v := t.value; v != nil {
		tx.weigh(t)
		v.Record(nil)
		changes := t.rec.Changes + t.strings
		switch {
		case v.Len() == 0:
			tx.table(t.hash).delete(t.hash, t.rec.Key)
			if changes != 0 {
				tx.logAt(t.rec.Key, v.Kind(), persist.OpDelete, 0, 0, "")
			}
		case changes != 0:
			tx.arrived(t.rec.Key)
		}
		if changes != 0 {
			tx.announce(t.rec.Key)
			tx.changes += int64(changes - 1)
		}
		return
	}
	if t.strings != 0 {
		tx.announce(t.rec.Key)
		tx.arrived(t.rec.Key)
	}
}

// rollback puts back everything the touches remember, and forgets the rest.
func (tx *Tx) rollback() {
	tx.putBack()
	tx.ready = tx.ready[:0]
	tx.changes = 0
	tx.log.Reset()
}

// putBack puts back everything the touches remember, newest first, and ends them.
func (tx *Tx) putBack() {
	for i := len(tx.touches) - 1; i >= 0; i-- {
		t := tx.touches[i]
		if t.value != nil {
			tx.weigh(t)
			t.value.Record(nil)
		}
		tx.index = t.rec.DB
		tb := tx.table(t.hash)
		switch old := t.old; {
		case !t.saved:
		case !old.there:
			tb.delete(t.hash, t.rec.Key)
		case old.value != nil:
			// A snapshot may hold old.value: what is put back must not be it.
			tb.putObject(t.hash, t.rec.Key, types.Clone(old.value), old.deadline)
		default:
			tb.put(t.hash, t.rec.Key, old.bytes, old.deadline, old.mark)
		}
	}
	tx.forget()
}
