package store

import (
	"math/bits"
	"sync"

	"redstart/types"
)

// How the keyspace is locked.
//
// Every key belongs to one of a fixed number of shards, by some bits of its
// hash; all databases share the shards, so that SWAPDB, MOVE and COPY between
// databases need nothing more. A shard has one reader-writer lock. A
// transaction holds the locks of all its shards from before its first read
// until after its last write, which makes it atomic and serial.
//
//   - Deadlock cannot happen because locks are only ever taken together, in
//     ascending order of shards, by Tx.lock, and never more of them later. A
//     transaction that turns out to need another shard must give up what it
//     holds and begin again (see wait.go, the one place where that happens).
//     Get and Set of one key, in short.go, are no transactions and lock their
//     one shard themselves, holding nothing else.
//   - Who knows its keys locks their shards: a command by its key
//     specification, EXEC by those of all its commands and of the watched
//     keys, Update by the option Keys. Who does not know them locks all.
//   - Touching a key outside the locked shards would be a data race. It is
//     refused: ErrUndeclared for a user's transaction, whose keys are compared
//     one by one so that the answer does not depend on the hash; a panic for
//     our own commands.
//   - Under the shard locks the small locks of waiting, watching and the
//     journal are taken, one at a time, and nothing is locked below them.
//   - Nobody waits for a disk, a client or a clock while holding a shard.
//
// A lock set is a word of bits, hence at most 64 shards. Sixteen were enough
// to make two cores independent and keep a transaction over everything at
// some hundred nanoseconds.

const (
	defaultShards = 16
	maxShards     = 64
	shardShift    = 7 // the bits of the hash below are a Dict's tags, the top ones its directory
)

// A shard is a part of the keyspace of every database.
type shard struct {
	mu     sync.RWMutex
	tables []*table  // by database
	log    types.Log // of what is written without a transaction; empty between two of them
	_      [64]byte  // keeps the locks of neighbours out of one cache line
}

// A LockSet is a set of shards to lock. The zero value is empty.
type LockSet struct {
	mask uint64
	// The last key added and its hash, so that a transaction of one key hashes once.
	key  string
	hash uint64
}

// Add adds the shard of key, which must not change while the set is in use.
func (s *LockSet) Add(db *DB, key string) {
	s.key, s.hash = key, types.HashOf(key)
	s.mask |= db.shardBit(s.hash)
}

// AddAll adds every shard.
func (s *LockSet) AddAll(db *DB) { s.mask = db.allShards() }

// AddSet adds the shards of t.
func (s *LockSet) AddSet(t LockSet) { s.mask |= t.mask }

// Empty reports whether there is no shard in the set.
func (s *LockSet) Empty() bool { return s.mask == 0 }

// Reset empties the set.
func (s *LockSet) Reset() { *s = LockSet{} }

func (db *DB) shardBit(h uint64) uint64 { return 1 << (h >> shardShift & db.shardMask) }

func (db *DB) allShards() uint64 { return 1<<(db.shardMask+1) - 1 }

func (db *DB) shardOf(h uint64) *shard { return &db.shards[h>>shardShift&db.shardMask] }

// lock takes the locks of tx.locks in ascending order.
func (tx *Tx) lock() {
	for m := tx.locks.mask; m != 0; m &= m - 1 {
		s := &tx.db.shards[bits.TrailingZeros64(m)]
		if tx.OnWait != nil {
			if s.lockSoon(tx.writable) {
				continue
			}
			tx.OnWait()
		}
		if tx.writable {
			s.mu.Lock()
		} else {
			s.mu.RLock()
		}
	}
}

// patience is how often a lock is tried before whoever holds it is taken for
// one who will hold it for long: ten to seventy microseconds.
const patience = 10_000

// lockSoon takes the lock if it is free, or will be in a moment.
func (s *shard) lockSoon(writable bool) bool {
	for range patience {
		if writable && s.mu.TryLock() || !writable && s.mu.TryRLock() {
			return true
		}
	}
	return false
}

func (tx *Tx) unlock() {
	for m := tx.locks.mask; m != 0; m &= m - 1 {
		s := &tx.db.shards[bits.TrailingZeros64(m)]
		if tx.writable {
			s.mu.Unlock()
		} else {
			s.mu.RUnlock()
		}
	}
}
