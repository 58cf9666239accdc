package store

import (
	"iter"
	"strings"
	"time"
	"unsafe"

	"redstart/persist"
	"redstart/types"
)

func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// get returns the value of type P at key for reading: nil if there is no key.
func get[T any, P interface {
	*T
	types.Value
}](tx *Tx, key string) (P, error) {
	r, err := tx.read(key)
	if !r.OK() {
		return nil, err
	}
	v, ok := r.Object().(P)
	if !ok {
		return nil, ErrWrongType
	}
	return v, nil
}

// edit returns the value of type P at key for writing, created if absent.
func edit[T any, P interface {
	*T
	types.Value
}](tx *Tx, key string) (P, error) {
	v, err := tx.edit(key, P(nil).Kind())
	if err != nil {
		return nil, err
	}
	return v.(P), nil
}

// alter returns the value of type P at key for writing, nil if there is no key.
func alter[T any, P interface {
	*T
	types.Value
}](tx *Tx, key string) (P, error) {
	v, err := tx.alter(key, P(nil).Kind())
	if v == nil {
		return nil, err
	}
	return v.(P), nil
}

// List returns the list at key for reading, nil if there is no key.
func (tx *Tx) List(key string) (*types.List, error) { return get[types.List](tx, key) }

// Hash returns the hash at key for reading, nil if there is no key.
func (tx *Tx) Hash(key string) (*types.Hash, error) { return get[types.Hash](tx, key) }

// SetOf returns the set at key for reading, nil if there is no key. (Set, as in
// Redis, writes a string.)
func (tx *Tx) SetOf(key string) (*types.Set, error) { return get[types.Set](tx, key) }

// ZSet returns the sorted set at key for reading, nil if there is no key.
func (tx *Tx) ZSet(key string) (*types.ZSet, error) { return get[types.ZSet](tx, key) }

// EditList is like List, but creates an empty list if there is no key. A list
// left empty is deleted when tx commits. So with the others.
func (tx *Tx) EditList(key string) (*types.List, error) { return edit[types.List](tx, key) }

// EditHash is like Hash, but creates an empty hash if there is no key.
func (tx *Tx) EditHash(key string) (*types.Hash, error) { return edit[types.Hash](tx, key) }

// EditSet is like SetOf, but creates an empty set if there is no key.
func (tx *Tx) EditSet(key string) (*types.Set, error) { return edit[types.Set](tx, key) }

// EditZSet is like ZSet, but creates an empty sorted set if there is no key.
func (tx *Tx) EditZSet(key string) (*types.ZSet, error) { return edit[types.ZSet](tx, key) }

// AlterList is like EditList, but returns nil if there is no key. So with the
// others.
func (tx *Tx) AlterList(key string) (*types.List, error) { return alter[types.List](tx, key) }

// AlterHash is like EditHash, but returns nil if there is no key.
func (tx *Tx) AlterHash(key string) (*types.Hash, error) { return alter[types.Hash](tx, key) }

// AlterSet is like EditSet, but returns nil if there is no key.
func (tx *Tx) AlterSet(key string) (*types.Set, error) { return alter[types.Set](tx, key) }

// AlterZSet is like EditZSet, but returns nil if there is no key.
func (tx *Tx) AlterZSet(key string) (*types.ZSet, error) { return alter[types.ZSet](tx, key) }

// Exists reports whether there is a key.
func (tx *Tx) Exists(key string) bool {
	r, _ := tx.find(key)
	return r.OK()
}

// Access is Exists for a reader: it counts as a use of the key (TOUCH, EXISTS).
func (tx *Tx) Access(key string) bool {
	r, _ := tx.read(key)
	return r.OK()
}

// Kind returns the kind of the value at key, KindNone if there is no key.
func (tx *Tx) Kind(key string) types.Kind {
	r, _ := tx.find(key)
	if !r.OK() {
		return types.KindNone
	}
	return r.Kind()
}

// Value returns the collection at key for reading, nil if there is no key or
// it holds a string.
func (tx *Tx) Value(key string) types.Value {
	r, _ := tx.read(key)
	if !r.OK() {
		return nil
	}
	return r.Object()
}

// Delete removes key and reports whether it was there.
func (tx *Tx) Delete(key string) (bool, error) {
	r, err := tx.find(key)
	if !r.OK() {
		return false, err
	}
	was := r.Kind()
	h, err := tx.write(key)
	if err != nil {
		return false, err
	}
	tx.table(h).delete(h, key)
	tx.changed(h, key, was, persist.OpDelete, 0, 0, "")
	return true, nil
}

// Deadline returns when key expires in Unix milliseconds, 0 if it does not; ok
// is false if there is no key.
func (tx *Tx) Deadline(key string) (at int64, ok bool) {
	r, _ := tx.find(key)
	if !r.OK() {
		return 0, false
	}
	return r.Deadline(), true
}

// TTL returns how long key has to live; ok is false if there is no key or it
// does not expire.
func (tx *Tx) TTL(key string) (d time.Duration, ok bool) {
	at, ok := tx.Deadline(key)
	if !ok || at == 0 {
		return 0, false
	}
	return time.Duration(at-tx.Now()) * time.Millisecond, true
}

// Expire makes key expire at the Unix millisecond at; 0 means never. A time
// that has passed deletes the key at once. It reports whether there is a key.
func (tx *Tx) Expire(key string, at int64) (bool, error) {
	r, err := tx.find(key)
	if !r.OK() {
		return false, err
	}
	if at != 0 && !tx.replay && at <= tx.Now() {
		return tx.Delete(key)
	}
	if r.Deadline() == at {
		return true, nil
	}
	was := r.Kind()
	h, err := tx.prepare(key)
	if err != nil {
		return false, err
	}
	tx.table(h).setDeadline(h, key, at)
	tx.changed(h, key, was, persist.OpExpire, at, 0, "")
	return true, nil
}

// Rename moves what is at key to another key, in database db, with its
// deadline; what was there is gone. It returns [ErrNoKey] if there is no key.
func (tx *Tx) Rename(key string, db int, to string) error {
	return tx.transfer(key, db, to, true)
}

// Copy is like Rename, but leaves key as it is. It costs O(1) for collections.
func (tx *Tx) Copy(key string, db int, to string) error {
	return tx.transfer(key, db, to, false)
}

func (tx *Tx) transfer(key string, db int, to string, move bool) error {
	r, err := tx.find(key)
	if err != nil {
		return err
	}
	if !r.OK() {
		return ErrNoKey
	}
	if db < 0 || db >= tx.db.opt.Databases {
		return ErrDatabase
	}
	from := tx.index
	if key == to && db == from {
		return nil
	}
	h := tx.hash(key)
	if move {
		if _, err := tx.write(key); err != nil {
			return err
		}
	}
	tx.index = db
	hto, err := tx.write(to)
	tx.index = from
	if err != nil {
		return err
	}
	src, dst := tx.table(h), tx.db.shardOf(hto).tables[db]
	r = src.dict.Find(h, key)
	was, replaced := r.Kind(), types.KindNone
	if there := dst.dict.Find(hto, to); there.OK() {
		replaced = there.Kind()
	}
	at, mark, v := r.Deadline(), r.Mark(), r.Object()
	used := tx.db.seconds.Load()
	if move {
		used = r.Touched()
	}
	switch {
	case v == nil:
		dst.put(hto, to, append([]byte(nil), r.Value()...), at, mark)
	case move && !tx.undo:
		v = src.dict.EditObject(h, key)
		dst.putObject(hto, to, v, at)
	default:
		dst.putObject(hto, to, types.Clone(v), at)
	}
	dst.dict.Find(hto, to).Touch(used)
	if move {
		src.delete(h, key)
		tx.changed(h, key, was, persist.OpRename, int64(db), int64(replaced)+1, to)
	} else {
		tx.logAt(key, was, persist.OpCopy, int64(db), int64(replaced)+1, to)
	}
	tx.index = db
	if tx.undo {
		tx.touch(hto, to).strings++
	} else {
		tx.announce(to)
		tx.arrived(to)
	}
	tx.index = from
	return nil
}

// Encoding returns the name OBJECT ENCODING has for how the value at key is
// stored; ok is false if there is no key.
func (tx *Tx) Encoding(key string) (name string, ok bool) {
	r, _ := tx.find(key)
	switch {
	case !r.OK():
		return "", false
	case r.Object() != nil:
		return r.Object().Encoding(), true
	}
	b := r.Value()
	if r.Mark() == markRaw {
		return "raw", true
	}
	if _, isInt := types.ParseInt(b); isInt && r.Mark() == markAuto {
		return "int", true
	}
	if len(b) <= 44 {
		return "embstr", true
	}
	return "raw", true
}

// Idle returns how long ago key was last used, read or written, or only written
// unless [DB.TrackAccess] was called; ok is false if there is none.
func (tx *Tx) Idle(key string) (d time.Duration, ok bool) {
	r, _ := tx.find(key)
	if !r.OK() {
		return 0, false
	}
	return time.Duration(max(0, tx.Now()/1000-int64(r.Touched()))) * time.Second, true
}

// Size returns the bytes of memory the key and its value take.
func (tx *Tx) Size(key string) (n int, ok bool) {
	r, _ := tx.find(key)
	if !r.OK() {
		return 0, false
	}
	n = len(key) + 16
	if v := r.Object(); v != nil {
		return n + v.Size(), true
	}
	return n + len(r.Value()), true
}

// everywhere panics if the transaction does not hold every shard: what walks
// over all keys would race with others, and the answer would be wrong.
func (tx *Tx) everywhere() {
	if !tx.frozen && (tx.declared != nil || tx.locks.mask != tx.db.allShards()) {
		panic("store: a transaction that declared its keys cannot walk over all keys")
	}
}

// Len returns the number of keys in the selected database. Keys that have
// expired count until they are removed, some tens of milliseconds later. Like
// Expires, RandomKey, Scan and Keys it needs a transaction over all keys, and
// panics in one that declared its own.
func (tx *Tx) Len() int {
	tx.everywhere()
	n := 0
	for i := range tx.db.shards {
		n += tx.db.shards[i].tables[tx.index].dict.Len()
	}
	return n
}

// Expires returns how many keys of the selected database have a deadline.
func (tx *Tx) Expires() int {
	tx.everywhere()
	n := 0
	for i := range tx.db.shards {
		n += tx.db.shards[i].tables[tx.index].expires()
	}
	return n
}

// RandomKey returns one of the keys of the selected database, each as likely
// as any other; ok is false if there is none. The transaction must hold every shard.
func (tx *Tx) RandomKey() (key string, ok bool) {
	n := tx.Len()
	for tries := 0; n > 0 && tries < 100; tries++ {
		i := tx.Rand().IntN(n)
		for s := range tx.db.shards {
			d := &tx.db.shards[s].tables[tx.index].dict
			if i >= d.Len() {
				i -= d.Len()
				continue
			}
			r := d.Random(tx.Rand())
			if at := r.Deadline(); at == 0 || at > tx.Now() {
				return string(r.Key()), true
			}
			break
		}
	}
	for key := range tx.Keys("*") { // nearly all have expired
		return key, true
	}
	return "", false
}

// Scan calls yield for some of the keys of the selected database, about count
// of them, beginning where cursor says, and returns the cursor of what
// follows; 0 begins, and 0 is returned at the end. Every key that is there
// from the beginning to the end is yielded at least once, whatever is written
// meanwhile. The transaction must hold every shard; yield must not write.
func (tx *Tx) Scan(cursor uint64, count int, yield func(types.Ref)) (next uint64) {
	tx.everywhere()
	bits := tx.db.shardBits()
	i, at := cursor&tx.db.shardMask, cursor>>bits
	for seen := 0; i < uint64(len(tx.db.shards)); {
		d := &tx.db.shards[i].tables[tx.index].dict
		at = d.Scan(at, count-seen, func(r types.Ref) {
			seen++
			if end := r.Deadline(); end == 0 || end > tx.Now() {
				yield(r)
			}
		})
		if at == 0 {
			i++
		}
		if seen >= count && i < uint64(len(tx.db.shards)) {
			return at<<bits | i
		}
	}
	return 0
}

// Keys yields the keys of the selected database that match a glob-style
// pattern, in no order. The loop may write: keys it deletes are not yielded
// any more, keys it adds may be. The transaction must hold every shard.
func (tx *Tx) Keys(pattern string) iter.Seq[string] {
	return func(yield func(string) bool) {
		var batch []string
		for cursor := uint64(0); ; {
			batch = batch[:0]
			cursor = tx.Scan(cursor, 64, func(r types.Ref) {
				if pattern == "*" || Match(pattern, text(r.Key())) {
					batch = append(batch, string(r.Key()))
				}
			})
			for _, key := range batch {
				if tx.Exists(key) && !yield(strings.Clone(key)) {
					return
				}
			}
			if cursor == 0 {
				return
			}
		}
	}
}

// Flush deletes every key of database i, or of all databases if i is -1. The
// transaction must hold every shard. It cannot be rolled back, so an Update
// does not offer it: see [DB.Flush].
func (tx *Tx) Flush(i int) error {
	if !tx.writable || tx.undo {
		return ErrTxReadOnly
	}
	if i < -1 || i >= tx.db.opt.Databases {
		return ErrDatabase
	}
	tx.everywhere()
	tx.settleAll()
	gone, left := 0, 0
	for d := range tx.db.opt.Databases {
		if i >= 0 && d != i {
			left += tx.db.lenOf(d)
			continue
		}
		tx.db.watches.changedAll(d, tx.existsIn)
		gone += tx.db.lenOf(d)
		for s := range tx.db.shards {
			tx.db.shards[s].tables[d] = newTable()
		}
	}
	tx.changes += int64(gone)
	if gone > left {
		tx.db.shrink()
	}
	if tx.db.journals() && !tx.replay {
		tx.log.Place(0, "")
		tx.log.Add(persist.OpFlush, int64(i), 0, "", "")
	}
	tx.tellCleared()
	return nil
}

// shrink tells the file that most of what it holds is about to go.
func (db *DB) shrink() {
	if db.file == nil { // there is none, or it is being loaded
		db.shrank = true
		return
	}
	db.file.Shrunk()
}

// lenOf returns the number of keys of database i, whose shards are all locked.
func (db *DB) lenOf(i int) (n int) {
	for s := range db.shards {
		n += db.shards[s].tables[i].dict.Len()
	}
	return n
}

// Swap exchanges the contents of two databases. The transaction must hold
// every shard; it cannot be rolled back.
func (tx *Tx) Swap(a, b int) error {
	if !tx.writable || tx.undo {
		return ErrTxReadOnly
	}
	tx.everywhere()
	if a < 0 || b < 0 || a >= tx.db.opt.Databases || b >= tx.db.opt.Databases {
		return ErrDatabase
	}
	if a == b {
		return nil
	}
	tx.settleAll()
	watched := func(i int, key string) bool { return tx.existsIn(a, key) || tx.existsIn(b, key) }
	tx.db.watches.changedAll(a, watched)
	tx.db.watches.changedAll(b, watched)
	for s := range tx.db.shards {
		t := tx.db.shards[s].tables
		t[a], t[b] = t[b], t[a]
	}
	tx.changes++
	if tx.replay {
		return nil
	}
	if tx.db.journals() {
		tx.log.Place(0, "")
		tx.log.Add(persist.OpSwap, int64(a), int64(b), "", "")
	}
	tx.ready = append(tx.ready, tx.db.waits.places(a)...)
	tx.ready = append(tx.ready, tx.db.waits.places(b)...)
	tx.tellCleared()
	return nil
}

// existsIn reports whether there is a key in database i. It leaves one that has
// expired where it is: it is called by the watch table, which could not be told.
func (tx *Tx) existsIn(i int, key string) bool {
	h := types.HashOf(key)
	r := tx.db.shardOf(h).tables[i].dict.Find(h, key)
	return r.OK() && (r.Deadline() == 0 || r.Deadline() > tx.Now())
}

func (db *DB) shardBits() uint {
	n := uint(0)
	for 1<<n < len(db.shards) {
		n++
	}
	return n
}
