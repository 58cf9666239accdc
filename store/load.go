package store

import (
	"errors"
	"fmt"

	"redstart/persist"
	"redstart/types"
)

// load opens the file and fills the database from it.
func (db *DB) load(path string) error {
	began := db.clock.Now()
	f, err := persist.Open(path, &persist.Options{
		Sync: db.opt.Sync, Logger: db.opt.Logger, MaxJournal: db.opt.MaxJournal, KeepJournal: db.opt.KeepJournal,
		MaxFree: db.opt.MaxFree, Limits: db.limits.Load(), Now: db.clock.Now,
	})
	if err != nil {
		return err
	}
	tx := db.begin(db.everything(), true, 0)
	tx.replay = true
	l := loader{tx: tx}
	err = f.LoadInto(persist.Loader{Entries: l.entries, Progress: db.opt.Progress, Effects: func(seq uint64, effects []byte) error {
		if err := tx.replayAll(effects); err != nil {
			return fmt.Errorf("transaction %d: %w", seq, err)
		}
		return nil
	}})
	if err == nil {
		l.end()
	}
	tx.index = 0
	tx.forget()
	tx.replay = false
	tx.end()
	if err != nil {
		return errors.Join(wrapPath(path, err), f.Close())
	}
	db.changes.Store(0)
	if db.file = f; db.shrank {
		f.Shrunk()
	}
	db.opened = Opened{Took: db.clock.Now().Sub(began)}
	for i := range db.opt.Databases {
		db.opened.Keys += db.Len(i)
	}
	return nil
}

// restore puts one entry of the snapshot in its place.
func (tx *Tx) restore(h uint64, e *persist.Entry) error {
	tx.index = e.DB
	key := text(e.Key)
	t := tx.table(h)
	switch {
	case e.Patched:
		return tx.amend(h, key, e)
	case e.Deleted:
		t.delete(h, key)
	case e.Object != nil:
		t.putObject(h, key, e.Object, e.Deadline)
	default:
		t.put(h, key, e.Value, e.Deadline, e.Mark)
	}
	return nil
}

// amend makes the changes of a patch to what an earlier entry of key has left.
func (tx *Tx) amend(h uint64, key string, e *persist.Entry) error {
	for effect := range types.Effects(e.Patch) {
		if err := tx.replayOne(key, effect); err != nil {
			return fmt.Errorf("key %.40q: %w", key, err)
		}
	}
	tx.settleAll()
	t := tx.table(h)
	r := t.dict.Find(h, key)
	if !r.OK() {
		return e.CheckPatched(types.KindNone, 0)
	}
	length := len(r.Value())
	if v := r.Object(); v != nil {
		length = v.Len()
	}
	if err := e.CheckPatched(r.Kind(), length); err != nil {
		return err
	}
	if r.Deadline() != e.Deadline {
		t.setDeadline(h, key, e.Deadline)
	}
	return nil
}

// noDatabase says what to do about a file with more databases than there are.
func (tx *Tx) noDatabase(i int) error {
	return fmt.Errorf("%w: the file uses database %d, and Options.Databases is %d: open it with at least %d",
		ErrDatabase, i, tx.db.opt.Databases, i+1)
}

// replayAll makes the changes of one journaled transaction.
func (tx *Tx) replayAll(effects []byte) error {
	key := ""
	for e, err := range types.Effects(effects) {
		if err != nil {
			return err
		}
		if e.Op == types.OpPlace {
			if err := tx.Select(int(e.N)); err != nil {
				return fmt.Errorf("key %.40q: %w", e.A, tx.noDatabase(int(e.N)))
			}
			key = text(e.A)
			continue
		}
		if err := tx.replayOne(key, e); err != nil {
			return fmt.Errorf("key %.40q: %w", key, err)
		}
	}
	tx.settleAll()
	return nil
}

func (tx *Tx) replayOne(key string, e types.Effect) error {
	if kind := e.Op.Kind(); kind != types.KindNone {
		v, err := tx.edit(key, kind)
		if err != nil {
			return err
		}
		return v.Apply(e)
	}
	var err error
	switch e.Op {
	case persist.OpSet:
		err = tx.putString(key, e.A, e.N, uint8(e.M))
	case persist.OpDelete:
		_, err = tx.Delete(key)
		tx.settleAll()
	case persist.OpExpire:
		_, err = tx.Expire(key, e.N)
	case persist.OpAppend:
		_, err = tx.Append(key, e.A)
	case persist.OpSetRange:
		_, err = tx.SetRange(key, int(e.N), e.A)
	case persist.OpRename:
		err = tx.Rename(key, int(e.N), text(e.A))
	case persist.OpCopy:
		err = tx.Copy(key, int(e.N), text(e.A))
	case persist.OpFlush:
		err = tx.Flush(int(e.N))
	case persist.OpSwap:
		err = tx.Swap(int(e.N), int(e.M))
	default:
		err = fmt.Errorf("%w: op %d", types.ErrEffect, e.Op)
	}
	if errors.Is(err, ErrDatabase) {
		return tx.noDatabase(int(max(e.N, e.M)))
	}
	return err
}
