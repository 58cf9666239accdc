package store

import "slices"

// A Listener hears of changes, whoever makes them, at the moment they happen:
// under the locks of the transaction that makes them, so its functions must
// return quickly, wait for nothing and begin no transaction. It may hear of a
// change that is rolled back after all because the journal refused it.
type Listener struct {
	// Changed is called for a key of the selected database of tx whose value or
	// deadline has changed, or that is gone: deleted or expired. The key is
	// valid until Changed returns.
	Changed func(tx *Tx, key string)
	// Cleared is called when databases were flushed, or exchanged.
	Cleared func(tx *Tx)
}

// Listen makes l hear of what happens from now on, until Unlisten. A
// transaction that was under way may or may not be heard.
func (db *DB) Listen(l *Listener) {
	db.editListeners(func(ls []*Listener) []*Listener { return append(ls, l) })
}

// Unlisten undoes Listen. A call of l that was under way may still end later.
func (db *DB) Unlisten(l *Listener) {
	db.editListeners(func(ls []*Listener) []*Listener {
		return slices.DeleteFunc(ls, func(x *Listener) bool { return x == l })
	})
}

// editListeners replaces the listeners by what edit makes of a copy of them.
func (db *DB) editListeners(edit func([]*Listener) []*Listener) {
	for {
		old := db.listeners.Load()
		var next *[]*Listener
		var ls []*Listener
		if old != nil {
			ls = slices.Clone(*old)
		}
		if ls = edit(ls); len(ls) > 0 {
			next = &ls
		}
		if db.listeners.CompareAndSwap(old, next) {
			return
		}
	}
}

// tellChanged tells the listeners of a key. While nobody listens it costs one look.
func (tx *Tx) tellChanged(key string) {
	if ls := tx.db.listeners.Load(); ls != nil {
		for _, l := range *ls {
			l.Changed(tx, key)
		}
	}
}

func (tx *Tx) tellCleared() {
	if ls := tx.db.listeners.Load(); ls != nil {
		for _, l := range *ls {
			l.Cleared(tx)
		}
	}
}
