package store

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"redstart/persist"
	"redstart/types"
)

// A Policy says when a committed transaction is on disk.
type Policy = persist.Policy

// The policies.
const (
	// EverySecond: within a second; the default. A crash of the process or of
	// the machine may lose the last second of commits.
	EverySecond = persist.EverySecond
	// Always: before the commit returns.
	Always = persist.Always
	// Never: written within a second, and on disk when the operating system
	// likes, or after Sync or Close. A crash of the process may lose the last
	// second of commits. A crash of the machine may lose more, and may leave a
	// file that does not open any more. From the first commit on that somebody
	// has asked to be on disk (Sync, Durable, WaitSeq, Tx.Sync), until the
	// database is closed, it is as with EverySecond.
	Never = persist.Never
)

// Options change how a database works. A nil *Options means all the defaults.
type Options struct {
	// Databases is how many numbered databases there are. Default: 16.
	Databases int
	// Sync says when committed transactions are on disk. Default: EverySecond.
	Sync Policy
	// MaxJournal is the size in bytes from which the journal is folded into
	// the snapshot in the background. Default: 64 MiB.
	MaxJournal int64
	// MaxFree is how many bytes of the file may be free space, beyond twice what
	// is in use, before the file is written anew in the background; negative: any
	// number. Default: three times MaxJournal.
	MaxFree int64
	// KeepJournal is how many bytes of the journal are kept, beyond what is
	// needed to open the file, so that [DB.Changes] can be resumed from there. A
	// database in memory has no journal but this, and no changes to tell
	// without it; there each commit counts for 64 bytes more than its changes.
	// Default: none.
	KeepJournal int64
	// Clock tells the time. Default: the system's.
	Clock Clock
	// Logger is told of what nobody waits for: recovery, failed writes. Default: silent.
	Logger *slog.Logger
	// Shards is how many parts of the keyspace are locked separately: a power
	// of two up to 64. Default: 16.
	Shards int
	// Seed makes random choices (SPOP, RANDOMKEY) repeatable. Default 0: they are not.
	Seed uint64
	// Progress, if it is not nil, is called while Open loads the file, often,
	// with how many bytes were read of how many, about. It must be quick.
	Progress func(done, total int64)
	// Limits are the sizes up to which collections keep their compact form.
	// Default: those of Redis 7.2.
	Limits *types.Limits
}

// A DB is a set of numbered databases. It is safe for concurrent use.
type DB struct {
	opt       Options
	path      string
	shards    []shard
	shardMask uint64
	clock     Clock
	limits    atomic.Pointer[types.Limits]
	file      *persist.File // nil: in memory only
	shrank    bool          // the journal that was loaded emptied most of what was there
	kept      *keptJournal  // in memory, for Changes; nil: none
	opened    Opened

	waits   waitTable
	watches watchTable

	listeners atomic.Pointer[[]*Listener] // nil: none

	seconds atomic.Uint32 // of the clock, as of the last tick: when keys were used
	closing atomic.Bool   // set by Close: no new transactions
	tracks  atomic.Bool   // reads note the time, for Idle
	changes atomic.Int64  // since the last checkpoint
	expired atomic.Int64
	seeds   atomic.Uint64 // how many sources of randomness were given out
	txs     sync.Pool

	mu      sync.Mutex // guards what follows; below the shard locks
	closed  bool
	stop    func() bool // of the next tick
	saves   Saves
	ending  chan struct{} // closed by Close
	workers sync.WaitGroup

	checkpointing sync.Mutex
}

// Opened tells what Open found in the file.
type Opened struct {
	Keys int           // keys, in all databases
	Took time.Duration // to load them
}

// Open opens the database in the file path, creating it if there is none. With
// an empty path everything is in memory and gone on Close. Only one process
// can have a file open: another gets a [*LockedError]. A file that is damaged
// ([ErrCorrupt]), is no database of ours ([ErrForeign]) or was written by a
// newer version ([ErrNewer]) is left untouched.
func Open(path string, opt *Options) (*DB, error) {
	db, err := newDB(opt)
	if err != nil {
		return nil, err
	}
	db.path = path
	switch {
	case path != "":
		if err := db.load(path); err != nil {
			return nil, err
		}
		db.removeStreams()
	case db.opt.KeepJournal > 0:
		db.kept = newKeptJournal(db.opt.KeepJournal)
	}
	db.start()
	return db, nil
}

func newDB(opt *Options) (*DB, error) {
	db := &DB{ending: make(chan struct{})}
	if opt != nil {
		db.opt = *opt
	}
	o := &db.opt
	if o.Databases == 0 {
		o.Databases = 16
	}
	if o.Shards == 0 {
		o.Shards = defaultShards
	}
	if o.Databases < 1 || o.Shards < 1 || o.Shards > maxShards || o.Shards&(o.Shards-1) != 0 {
		return nil, fmt.Errorf("store: bad options: %d databases, %d shards (a power of two up to %d)",
			o.Databases, o.Shards, maxShards)
	}
	if o.Sync < EverySecond || o.Sync > Never {
		return nil, fmt.Errorf("store: bad options: there is no policy %d", int(o.Sync))
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Limits == nil {
		o.Limits = types.DefaultLimits()
	}
	db.clock = o.Clock
	limits := *o.Limits // the caller may change his
	db.limits.Store(&limits)
	db.shards = make([]shard, o.Shards)
	db.shardMask = uint64(o.Shards - 1)
	for i := range db.shards {
		db.shards[i].tables = make([]*table, o.Databases)
		for j := range db.shards[i].tables {
			db.shards[i].tables[j] = newTable()
		}
	}
	db.txs.New = func() any { return &Tx{db: db} }
	db.seconds.Store(uint32(db.nowMillis() / 1000))
	return db, nil
}

// start begins the work in the background: the tick, and for a file the checkpoints.
func (db *DB) start() {
	db.saves.Last = db.clock.Now()
	db.mu.Lock()
	db.stop = db.clock.AfterFunc(tickEvery, db.tick)
	db.mu.Unlock()
	if db.file != nil {
		db.workers.Go(db.saveWhenDue)
	}
}

// Close ends the database: everything committed is on disk when it returns,
// under every policy. Waiting calls return [ErrClosed]. Close must not be
// called from within a transaction.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return ErrClosed
	}
	db.closed = true
	stop := db.stop
	db.closing.Store(true)
	close(db.ending)
	db.mu.Unlock()
	stop()
	db.closeWaits()
	db.workers.Wait()
	db.saveAtLast()
	// The locks are taken so that transactions under way end before the file does.
	tx := db.begin(db.everything(), true, 0)
	defer tx.end()
	if db.kept != nil {
		db.kept.close()
	}
	if db.file != nil {
		return db.file.Close()
	}
	return nil
}

// Path returns the path Open was given.
func (db *DB) Path() string { return db.path }

// Clock returns the clock the database goes by.
func (db *DB) Clock() Clock { return db.clock }

// Databases returns how many numbered databases there are.
func (db *DB) Databases() int { return db.opt.Databases }

// Opened returns what Open found.
func (db *DB) Opened() Opened { return db.opened }

// Err returns why the file cannot be written, or nil. While it is not nil
// every write fails with [ErrReadOnly]; reads go on, and it is tried again and
// again to make the file take writes.
func (db *DB) Err() error {
	if db.file == nil {
		return nil
	}
	return db.file.Err()
}

// Limits returns the sizes up to which collections keep their compact form.
func (db *DB) Limits() types.Limits { return *db.limits.Load() }

// SetLimits changes those sizes, for values that are written from now on.
func (db *DB) SetLimits(l types.Limits) { db.limits.Store(&l) }

// FileStats say how the file of a database stands and what it has cost: how far
// commits are on disk, sizes, writes, checkpoints, failures. INFO persistence of
// a server tells the same.
type FileStats = persist.Stats

// Stats returns the state of the file; ok is false if there is none. It costs
// next to nothing, so a program may publish it wherever it publishes its own. (As
// JSON an error is {}: give its text.)
func (db *DB) Stats() (s FileStats, ok bool) {
	if db.file == nil {
		return s, false
	}
	return db.file.Stats(), true
}

// Unsaved returns how many changes there were since the last checkpoint.
func (db *DB) Unsaved() int64 { return db.changes.Load() }

// Expired returns how many keys have expired since Open.
func (db *DB) Expired() int64 { return db.expired.Load() }

// TrackAccess makes reads of a key note the time, for [Tx.Idle]; without it
// only writes do. A server that serves the database asks for it. It costs each
// read a look at memory that is read for nothing else.
func (db *DB) TrackAccess() { db.tracks.Store(true) }

// Seconds returns the time of the last tick in Unix seconds: good to a second or
// so, and cheap.
func (db *DB) Seconds() int64 { return int64(db.seconds.Load()) }

// Waiting returns how many callers wait for a key.
func (db *DB) Waiting() int { return int(db.waits.count.Load()) }

// journals reports whether effects are taken down.
func (db *DB) journals() bool { return db.file != nil || db.kept != nil }

// journal takes the effects of a transaction that is being committed, under its
// locks, and returns its number.
func (db *DB) journal(effects []byte) (seq uint64, err error) {
	if db.file == nil {
		return db.kept.append(effects), nil
	}
	return db.file.Append(effects)
}

func (db *DB) nowMillis() int64 { return db.clock.Now().UnixMilli() }

func (db *DB) everything() LockSet { return LockSet{mask: db.allShards()} }

// rand returns the source of randomness of tx. The first transaction's follows
// from Options.Seed alone, so a program that uses one goroutine repeats itself.
func (db *DB) rand(tx *Tx) *rand.Rand {
	if tx.rng == nil {
		if db.opt.Seed != 0 {
			tx.rng = rand.New(rand.NewPCG(db.opt.Seed, db.seeds.Add(1)))
		} else {
			tx.rng = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
		}
	}
	return tx.rng
}

// sameString reports whether a and b are the very same bytes in memory. Empty
// strings are none.
func sameString(a, b string) bool {
	return len(a) == len(b) && len(a) != 0 && unsafe.StringData(a) == unsafe.StringData(b)
}

func wrapPath(path string, err error) error {
	if err == nil || strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}
