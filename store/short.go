package store

import (
	"time"

	"redstart/persist"
	"redstart/types"
)

// one begins a transaction on one key of database 0. The caller must end it.
func (db *DB) one(key string, writable bool) (*Tx, error) {
	var locks LockSet
	locks.Add(db, key)
	tx := db.begin(locks, writable, 0)
	if err := tx.usable(); err != nil {
		tx.end()
		return nil, err
	}
	return tx, nil
}

// The short forms work on database 0, each as a transaction of its own.

// Get returns a copy of the string at key, or nil if there is none. The copy is
// its one allocation: who reads much takes AppendGet, or [Tx.Get] in a View,
// which lends the bytes.
func (db *DB) Get(key string) ([]byte, error) { return db.AppendGet(nil, key) }

// AppendGet appends the string at key to dst and returns it; it returns nil if
// there is no key. With room in dst it does not allocate.
func (db *DB) AppendGet(dst []byte, key string) (value []byte, err error) {
	h := types.HashOf(key)
	s := db.shardOf(h)
	s.mu.RLock()
	if r := s.tables[0].dict.Find(h, key); db.closing.Load() {
		err = ErrClosed
	} else if r.OK() {
		value, err = db.appendValue(dst, r)
	}
	s.mu.RUnlock()
	return value, err
}

// appendValue is AppendGet for an entry that is there.
func (db *DB) appendValue(dst []byte, r types.Ref) ([]byte, error) {
	value, plain := r.Plain()
	if !plain {
		if at := r.Deadline(); at != 0 && at <= db.nowMillis() {
			return nil, nil
		}
		if r.Kind() != types.KindString {
			return nil, ErrWrongType
		}
		value = r.Value()
	}
	if db.tracks.Load() {
		r.Touch(db.seconds.Load())
	}
	return append(present(dst), value...), nil
}

// Set makes value, which is copied, the string at key.
func (db *DB) Set(key string, value []byte, opts ...SetOption) error {
	if len(opts) == 0 {
		if ok, err := db.setQuietly(key, value); ok {
			return err
		}
	}
	tx, err := db.one(key, true)
	if err != nil {
		return err
	}
	return tx.short(tx.Set(key, value, opts...))
}

// setQuietly is Set where nobody hears of it or waits for it: there is no watched
// key, no listener, and no file that syncs each write. Then all that a
// transaction would do is to put the value into the table and to write that
// down, and to begin and commit one would cost more than that. It reports
// whether it has done it. A key that has a deadline or something else than a
// short string is left to the transaction, and so is what is long, for which each
// shard would keep a log as large, and a file that would make it wait.
func (db *DB) setQuietly(key string, value []byte) (ok bool, err error) {
	if len(key)+len(value) > keepLog || db.kept != nil ||
		db.file != nil && (!db.file.Ready() || db.file.Policy() == Always) {
		return false, nil
	}
	h := types.HashOf(key)
	s := db.shardOf(h)
	s.mu.Lock()
	if !db.closing.Load() && db.watches.count.Load() == 0 && db.listeners.Load() == nil {
		d, now, was := &s.tables[0].dict, db.seconds.Load(), types.KindNone
		if r := d.Find(h, key); !r.OK() {
			d.Add(h, key, value, 0, markAuto).Touch(now)
			ok = true
		} else if _, ok = r.Plain(); ok {
			was = types.KindString
			r.Touch(now)
			d.PutAt(r, h, key, value, 0, markAuto)
		}
		if ok {
			db.changes.Add(1)
			if db.file != nil {
				s.log.PlaceOf(0, key, was)
				s.log.Add(persist.OpSet, 0, markAuto, text(value), "")
				_, err = db.file.Append(s.log.Bytes())
				s.log.Reset()
			}
		}
	}
	s.mu.Unlock()
	return ok, err
}

// short commits a transaction of one step, whose error has changed nothing.
func (tx *Tx) short(err error) error {
	if e := tx.finishCommit(false); err == nil {
		err = e
	}
	return err
}

// Incr adds by to the integer at key and returns the sum. See [Tx.Incr].
func (db *DB) Incr(key string, by int64) (n int64, err error) {
	tx, err := db.one(key, true)
	if err != nil {
		return 0, err
	}
	n, err = tx.Incr(key, by)
	return n, tx.short(err)
}

// Append adds data to the string at key and returns the new length.
func (db *DB) Append(key string, data []byte) (n int, err error) {
	tx, err := db.one(key, true)
	if err != nil {
		return 0, err
	}
	n, err = tx.Append(key, data)
	return n, tx.short(err)
}

// Delete removes keys and returns how many of them there were.
func (db *DB) Delete(keys ...string) (n int, err error) {
	var locks LockSet
	for _, k := range keys {
		locks.Add(db, k)
	}
	tx := db.begin(locks, true, 0)
	if err := tx.usable(); err != nil {
		tx.end()
		return 0, err
	}
	for _, k := range keys {
		if was, _ := tx.Delete(k); was {
			n++
		}
	}
	return n, tx.short(nil)
}

// Exists reports whether there is a key.
func (db *DB) Exists(key string) (bool, error) {
	tx, err := db.one(key, false)
	if err != nil {
		return false, err
	}
	defer tx.end()
	return tx.Access(key), nil
}

// Expire makes key expire after d and reports whether there is a key. A d of
// zero or less deletes it.
func (db *DB) Expire(key string, d time.Duration) (ok bool, err error) {
	tx, err := db.one(key, true)
	if err != nil {
		return false, err
	}
	ok, err = tx.Expire(key, tx.Now()+d.Milliseconds())
	return ok, tx.short(err)
}

// Persist makes key never expire and reports whether there is a key.
func (db *DB) Persist(key string) (ok bool, err error) {
	tx, err := db.one(key, true)
	if err != nil {
		return false, err
	}
	ok, err = tx.Expire(key, 0)
	return ok, tx.short(err)
}

// TTL returns how long key has to live; ok is false if there is no key or it
// does not expire.
func (db *DB) TTL(key string) (d time.Duration, ok bool, err error) {
	tx, err := db.one(key, false)
	if err != nil {
		return 0, false, err
	}
	defer tx.end()
	d, ok = tx.TTL(key)
	return d, ok, nil
}

// Len returns the number of keys in database i.
func (db *DB) Len(i int) int {
	tx := db.begin(db.everything(), false, i)
	defer tx.end()
	return tx.Len()
}

// Expires returns how many keys of database i have a deadline.
func (db *DB) Expires(i int) int {
	tx := db.begin(db.everything(), false, i)
	defer tx.end()
	return tx.Expires()
}

// Flush deletes every key of database i, or of all databases if i is -1.
func (db *DB) Flush(i int) error {
	tx := db.begin(db.everything(), true, 0)
	if err := tx.usable(); err != nil {
		tx.end()
		return err
	}
	return tx.short(tx.Flush(i))
}
