package store

// What follows is for servers, which run many small transactions for each of
// their clients and know which keys each of them needs. A client's Tx is made
// once and used again and again:
//
//	tx := db.NewTx()
//	…
//	tx.Begin(locks, writable)
//	… methods of tx, with tx.Settle() between the steps of a longer one …
//	err := tx.End()
//
// Such a transaction is not rolled back: its user checks first and writes then.

// NewTx returns a transaction that has not begun.
func (db *DB) NewTx() *Tx { return &Tx{db: db} }

// Begin locks what is in locks. To write, it returns [ErrReadOnly] if the file
// cannot be written; the transaction has then not begun.
func (tx *Tx) Begin(locks LockSet, writable bool) error {
	if tx.db.closing.Load() {
		return ErrClosed
	}
	if writable {
		if f := tx.db.file; f != nil && f.Crowded() {
			if tx.OnWait != nil {
				tx.OnWait()
			}
			f.Room()
		}
		if err := tx.db.Err(); err != nil {
			return err
		}
	}
	tx.locks, tx.writable = locks, writable
	tx.lock()
	return nil
}

// Release gives up the locks of a transaction that only reads, before its end.
// It must not touch a key any more; values it has cloned may be read on. (The
// clone of a value may be made while others read it.)
func (tx *Tx) Release() {
	if !tx.writable && !tx.frozen {
		tx.unlock()
		tx.locks = LockSet{}
	}
}

// End commits and unlocks. Under [Always] the changes are on disk only after
// the next [DB.WaitDurable].
func (tx *Tx) End() error {
	if !tx.writable {
		tx.unlock()
		tx.locks, tx.now = LockSet{}, 0 // the key may be borrowed
		return nil
	}
	db := tx.db
	_, late, err := tx.commit()
	served := tx.takeServed()
	tx.finish()
	done(served, err)
	if len(late) != 0 {
		db.serveLate(late)
	}
	return err
}

// Wrote reports whether the transactions of tx have written anything since it
// was last asked. If not, an error of [DB.WaitDurable] does not concern its user:
// reads go on when the file cannot be written.
func (tx *Tx) Wrote() bool {
	wrote := tx.wrote
	tx.wrote = false
	return wrote
}
