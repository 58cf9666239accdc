package store

import "redstart/types"

// A TxOption changes how one transaction runs.
type TxOption func(*txOptions)

type txOptions struct {
	keys    []string
	durable bool
	seq     *uint64
	db      int

	shardsOf []string // lock only the shards of these
}

// reset makes o ready for its next use.
func (o *txOptions) reset() {
	clear(o.keys)
	*o = txOptions{keys: o.keys[:0]}
}

// Keys names the only keys the transaction will touch. Other keys then stay
// open to others meanwhile; touching one gives [ErrUndeclared].
func Keys(keys ...string) TxOption {
	return func(o *txOptions) { o.keys = append(o.keys, keys...) }
}

// Durable makes an Update return only when it is on disk, whatever the policy.
func Durable(o *txOptions) { o.durable = true }

// Seq puts the number of the commit in *seq when the Update, or the Commit of a
// Batch, returns: 0 if it has changed nothing or failed before it was one. See
// [DB.WaitSeq].
func Seq(seq *uint64) TxOption {
	return func(o *txOptions) { *seq, o.seq = 0, seq }
}

// In runs the transaction in database i instead of 0.
func In(i int) TxOption {
	return func(o *txOptions) { o.db = i }
}

// View runs fn in a read-only transaction and returns its error. Others can
// read meanwhile, but not write what it locks: everything, or the Keys given.
// For long reading take a [DB.Snapshot].
func (db *DB) View(fn func(tx *Tx) error, opts ...TxOption) error {
	tx, err := db.user(false, opts)
	if err != nil {
		return err
	}
	defer tx.end()
	return fn(tx)
}

// Update runs fn in a transaction that may write. If fn returns nil everything
// it did happens at once; if it returns an error, which Update returns, or
// panics, nothing has happened, in memory or on disk. fn may run for as long
// as it likes but must not begin another transaction.
//
// Update returns when the policy says so: with [Always], the option [Durable]
// or after [Tx.Sync], when the data is on disk. Should the disk fail then,
// Update returns [ErrReadOnly], and whether the transaction survives a restart
// is not known. Who wants to go on first and know later takes the option [Seq].
func (db *DB) Update(fn func(tx *Tx) error, opts ...TxOption) error {
	tx, err := db.user(true, opts)
	if err != nil {
		return err
	}
	return tx.run(fn)
}

// user begins the transaction of a user's function.
func (db *DB) user(writable bool, opts []TxOption) (*Tx, error) {
	tx := db.txs.Get().(*Tx)
	o := &tx.opt
	for _, opt := range opts {
		opt(o)
	}
	if o.db < 0 || o.db >= db.opt.Databases {
		tx.opt.reset()
		db.txs.Put(tx)
		return nil, ErrDatabase
	}
	locks := db.everything()
	if len(o.keys)+len(o.shardsOf) != 0 {
		locks = LockSet{}
	}
	for _, k := range o.keys {
		locks.Add(db, k)
	}
	for _, k := range o.shardsOf {
		locks.Add(db, k)
	}
	tx.begin(locks, writable, o.db)
	if err := tx.usable(); err != nil {
		tx.end()
		return nil, err
	}
	if len(o.keys) != 0 {
		tx.declared = o.keys
		if len(o.keys) > 1 {
			tx.warm(o.keys)
		}
	}
	tx.durable, tx.undo = o.durable, writable
	return tx, nil
}

// warm lets the processor fetch the entries of keys, several at once, before the
// transaction asks for one after the other and waits for each.
func (tx *Tx) warm(keys []string) {
	var hashes [8]uint64
	keys = keys[:min(len(keys), len(hashes))]
	for i, k := range keys {
		hashes[i] = types.HashOf(k)
		tx.table(hashes[i]).dict.Warm(hashes[i])
	}
	for _, h := range hashes[:len(keys)] {
		tx.table(h).dict.WarmRecord(h)
	}
}

// begin takes a transaction from the pool and locks its shards.
func (db *DB) begin(locks LockSet, writable bool, index int) *Tx {
	tx := db.txs.Get().(*Tx)
	tx.begin(locks, writable, index)
	return tx
}

func (tx *Tx) begin(locks LockSet, writable bool, index int) {
	tx.locks, tx.writable, tx.index = locks, writable, index
	tx.lock()
}

// end unlocks and gives the transaction back to the pool.
func (tx *Tx) end() {
	tx.finish()
	tx.opt.reset()
	tx.db.txs.Put(tx)
}

// keepLog is the largest buffer of effects that a transaction keeps for its
// next use. A server has a transaction for each client, idle ones too.
const keepLog = 32 << 10

// finish unlocks and makes the transaction ready for its next use.
func (tx *Tx) finish() {
	tx.unlock()
	tx.declared, tx.undo, tx.durable, tx.soon, tx.now = nil, false, false, false, 0
	tx.locks = LockSet{}
	tx.changes = 0
	if cap(tx.log.Bytes()) > keepLog {
		tx.log = types.Log{}
	}
}

// usable reports why the transaction cannot do its work, if so. It comes before
// anything was looked at: while the disk is far behind, it lets go of the locks.
func (tx *Tx) usable() error {
	for tx.writable && tx.db.file != nil && tx.db.file.Crowded() && tx.db.Err() == nil {
		tx.unlock()
		tx.db.file.Room()
		tx.lock()
	}
	if tx.db.closing.Load() {
		return ErrClosed
	}
	if tx.writable {
		return tx.db.Err()
	}
	return nil
}

// run runs fn, and commits or rolls back.
func (tx *Tx) run(fn func(*Tx) error) error {
	done := false
	defer func() {
		if !done { // fn panicked, or ended its goroutine
			tx.rollback()
			tx.end()
		}
	}()
	err := fn(tx)
	done = true
	if err != nil {
		tx.rollback()
		tx.end()
		return err
	}
	return tx.finishCommit(tx.durable)
}

// finishCommit commits, unlocks, tells the waiters that were served, and waits
// for the disk if the policy or durable says so.
func (tx *Tx) finishCommit(durable bool) error {
	db, soon := tx.db, tx.soon
	seq, late, err := tx.commit()
	if err != nil {
		tx.rollback()
	}
	if tx.opt.seq != nil {
		*tx.opt.seq = seq
	}
	served := tx.takeServed()
	tx.end()
	done(served, err)
	if err != nil {
		return err
	}
	db.serveLate(late)
	if seq == 0 || db.file == nil {
		return nil
	}
	if durable || db.file.Policy() == Always {
		return db.file.Wait(seq)
	}
	if soon {
		db.file.Hasten()
	}
	return nil
}

// commit makes the transaction a fact, all but the unlocking. It returns its
// sequence number in the journal, 0 if it has none, and the keys whose waiters
// could not be served under its locks.
func (tx *Tx) commit() (seq uint64, late []place, err error) {
	if tx.undo && tx.db.file != nil {
		if err := tx.db.file.Err(); err != nil { // while it can be undone
			return 0, nil, err
		}
	}
	tx.settleAll()
	if len(tx.ready) != 0 {
		tx.serveReady()
	}
	if tx.changes != 0 {
		tx.db.changes.Add(tx.changes)
	}
	if len(tx.log.Bytes()) != 0 {
		seq, err = tx.db.journal(tx.log.Bytes())
		tx.log.Reset()
		if tx.wrote = true; seq != 0 {
			tx.last = seq // not if the journal refused it
		}
	}
	if len(tx.late) != 0 {
		late = append(late, tx.late...)
		tx.late = tx.late[:0]
	}
	return seq, late, err
}
