package store

import (
	"time"

	"redstart/persist"
	"redstart/types"
)

// Expired keys are never visible: whoever finds one treats it as absent, and
// deletes it if it may write. The tick deletes the others in the order of
// their deadlines, a few at a time under one shard's lock, so that a million
// keys with the same deadline hold nobody up: a batch holds its lock for less
// time than a server's loop spins for it (see lock), and the ticks in a hurry
// take about a quarter of one core.
const (
	tickEvery     = 100 * time.Millisecond
	tickBatch     = 16                   // keys deleted under one lock
	tickBudget    = 1_600                // keys deleted in one tick
	tickHurry     = 5 * time.Millisecond // until the next one, if keys are left
	hashBatchSize = 4
)

// expire deletes a key whose deadline has passed, if the transaction may.
func (tx *Tx) expire(h uint64, key string) {
	if !tx.writable || tx.frozen {
		return
	}
	if tx.undo {
		tx.save(h, key) // the journal forgets with a rollback: so must we
	}
	was := tx.table(h).dict.Find(h, key).Kind()
	tx.table(h).delete(h, key)
	tx.logAt(key, was, persist.OpDelete, 0, 0, "")
	tx.changes++
	if tx.db.watches.count.Load() != 0 {
		tx.db.watches.expired(tx.index, key)
	}
	tx.tellChanged(key)
	tx.db.expired.Add(1)
}

// tick is what happens ten times a second.
func (db *DB) tick() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return
	}
	now := db.clock.Now()
	db.seconds.Store(uint32(now.Unix()))
	next := tickEvery
	db.mu.Unlock()
	if db.expireDue(now.UnixMilli()) {
		next = tickHurry
	}
	db.mu.Lock()
	if !db.closed {
		db.stop = db.clock.AfterFunc(next, db.tick)
	}
}

// expireDue deletes keys whose deadline has passed, and reports whether there
// are more of them than one tick may take.
func (db *DB) expireDue(now int64) (more bool) {
	if db.Err() != nil {
		return false // what cannot be journaled stays, invisible
	}
	budget := tickBudget
	for s := range db.shards {
		for budget > 0 {
			n := db.expireShard(s, now)
			budget -= n
			if n < tickBatch {
				break
			}
		}
	}
	return budget <= 0
}

// expireShard deletes some keys of one shard and returns how many.
func (db *DB) expireShard(s int, now int64) (n int) {
	sh := &db.shards[s]
	if !sh.due(now) {
		return 0
	}
	tx := db.begin(LockSet{mask: 1 << s}, true, 0)
	if tx.usable() != nil { // since expireDue looked
		tx.end()
		return 0
	}
	tx.now = now
	for i := range sh.tables {
		tx.index = i
		for n < tickBatch && sh.tables[i].expires() > 0 {
			first, _ := sh.tables[i].deadlines.Min()
			if first.at > now {
				break
			}
			n += tx.expireHash(sh.tables[i], first)
		}
	}
	// Nobody is told of it, so nobody waits for the disk, not under Always either.
	_, _, err := tx.commit()
	tx.end()
	if err != nil {
		db.opt.Logger.Warn("expired keys could not be journaled", "err", err)
	}
	return n
}

// expireHash deletes the keys that an item of the deadline index stands for.
func (tx *Tx) expireHash(t *table, d deadline) int {
	var room [hashBatchSize]string
	keys := room[:0]
	t.dict.FindHash(d.hash, func(r types.Ref) bool {
		if r.Deadline() != 0 && r.Deadline() <= tx.now {
			keys = append(keys, string(r.Key()))
		}
		return true
	})
	for _, key := range keys {
		tx.expire(d.hash, key)
	}
	t.deadlines.Delete(d) // two keys of one hash and deadline share an item
	return max(len(keys), 1)
}

// due reports whether some key of the shard has expired.
func (s *shard) due(now int64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, t := range s.tables {
		if t.expires() == 0 {
			continue
		}
		if first, _ := t.deadlines.Min(); first.at <= now {
			return true
		}
	}
	return false
}
