package store

import (
	"iter"

	"redstart/persist"
	"redstart/types"
)

// A Snapshot is everything as it was at one moment. Its methods are the
// reading ones of [Tx]; the writing ones return [ErrTxReadOnly]. It blocks
// nobody however long it is used, costs memory only for what is changed
// meanwhile, and may be used by several goroutines at once, except for Select
// and what is random.
type Snapshot struct {
	*Tx
	seq uint64 // of the last transaction it contains
}

// Snapshot returns a view of all databases as they are now. It costs some
// microseconds, whatever the size; writers copy what they touch from then on.
func (db *DB) Snapshot() *Snapshot { return db.snapshot(0, db.opt.Databases) }

// SnapshotOf is Snapshot for database i alone, which is selected. The others
// read as empty; those who write to them copy nothing.
func (db *DB) SnapshotOf(i int) *Snapshot {
	s := db.snapshot(i, i+1)
	s.index = i
	return s
}

func (db *DB) snapshot(from, to int) *Snapshot {
	still, seq := db.freeze(from, to)
	tx := &Tx{db: still, frozen: true, now: db.nowMillis()}
	return &Snapshot{Tx: tx, seq: seq}
}

// Seq returns the number of the last commit that the snapshot holds: who has read
// it goes on with [DB.Changes] from there. That commit may not be on disk yet, and
// a crash takes it back and uses its number again: who keeps what he has read, or
// the number, first has [DB.WaitSeq] say that it is there.
func (s *Snapshot) Seq() uint64 { return s.seq }

// Close lets go of the memory that only the snapshot holds. It may be left to
// the garbage collector instead.
func (s *Snapshot) Close() { s.Tx.db = nil }

// freeze returns a DB that shares with db the databases from ≤ i < to as of now.
func (db *DB) freeze(from, to int) (*DB, uint64) {
	still := &DB{
		opt:       db.opt,
		shards:    make([]shard, len(db.shards)),
		shardMask: db.shardMask,
		clock:     db.clock,
		ending:    make(chan struct{}),
	}
	still.limits.Store(db.limits.Load())
	still.seconds.Store(db.seconds.Load())
	still.txs.New = func() any { return &Tx{db: still} }
	tx := db.begin(db.everything(), true, 0) // a clone is a write
	defer tx.end()
	for s := range db.shards {
		tables := make([]*table, len(db.shards[s].tables))
		for i, t := range db.shards[s].tables {
			if from <= i && i < to {
				tables[i] = t.clone()
			} else {
				tables[i] = new(table)
			}
		}
		still.shards[s].tables = tables
	}
	return still, db.Seq()
}

// Fork returns a second database with the contents of db as they are now. It
// is in memory only, costs no more than a Snapshot, and neither sees what is
// written to the other. Close it when done.
func (db *DB) Fork() *DB {
	fork, _ := db.freeze(0, db.opt.Databases)
	fork.opt.Sync = EverySecond
	fork.start()
	return fork
}

// keysView is what a checkpoint sees of a snapshot. What All has yielded is not in
// the snapshot any more: of what is written to in the meantime the old version is
// of use to nobody else.
type keysView struct{ *Snapshot }

func (v keysView) Seq() uint64 { return v.seq }

func (v keysView) Len() int {
	n := 0
	for s := range v.db.shards {
		for _, t := range v.db.shards[s].tables {
			n += t.dict.Len()
		}
	}
	return n
}

func (v keysView) Find(db int, key []byte) (persist.Entry, bool) {
	if db < 0 || db >= v.db.opt.Databases {
		return persist.Entry{}, false
	}
	h := types.HashOf(text(key))
	r := v.db.shardOf(h).tables[db].dict.Find(h, text(key))
	if !r.OK() {
		return persist.Entry{}, false
	}
	return entryOf(db, r), true
}

func (v keysView) All() iter.Seq[persist.Entry] {
	return func(yield func(persist.Entry) bool) {
		for s := range v.db.shards {
			for i, t := range v.db.shards[s].tables {
				for r := range t.dict.All() {
					if !yield(entryOf(i, r)) {
						return
					}
				}
				v.db.shards[s].tables[i] = new(table)
			}
		}
	}
}

func entryOf(db int, r types.Ref) persist.Entry {
	return persist.Entry{
		DB: db, Key: r.Key(), Kind: r.Kind(), Deadline: r.Deadline(), Mark: r.Mark(),
		Value: r.Value(), Object: r.Object(),
	}
}

// Check returns an error that names the first broken invariant of the
// database, if any. It costs a pass over everything; tests call it at their end.
func (db *DB) Check() error {
	still, _ := db.freeze(0, db.opt.Databases)
	for s := range still.shards {
		for _, t := range still.shards[s].tables {
			if err := t.check(); err != nil {
				return err
			}
		}
	}
	return nil
}
