package store

import (
	"sync"
	"sync/atomic"
)

// A Watch remembers some keys and learns whether any of them has changed. The
// zero value watches nothing.
type Watch struct {
	changed atomic.Bool
	places  []place
	expired []place // had expired already when they were watched
}

// Changed reports whether a watched key was changed, deleted or has expired
// since it was watched. The transaction must hold the shards of the keys.
func (w *Watch) Changed(tx *Tx) bool {
	if w.changed.Load() {
		return true
	}
	for _, p := range w.places {
		if tx.overdue(p) && !w.wasExpired(p) {
			return true
		}
	}
	return false
}

func (w *Watch) wasExpired(p place) bool {
	for _, q := range w.expired {
		if p == q {
			return true
		}
	}
	return false
}

// Active reports whether any key is watched.
func (w *Watch) Active() bool { return len(w.places) != 0 }

// Len returns how many keys are watched.
func (w *Watch) Len() int { return len(w.places) }

// AddTo adds the shards of the watched keys to a lock set.
func (w *Watch) AddTo(s *LockSet, db *DB) {
	for _, p := range w.places {
		s.Add(db, p.key)
	}
}

// Watch adds a key of the selected database, whose shard the transaction
// holds, to w.
func (tx *Tx) Watch(w *Watch, key string) {
	p := place{tx.index, string([]byte(key))}
	overdue := tx.overdue(p)
	if !tx.db.watches.add(w, p, overdue) {
		return
	}
	w.places = append(w.places, p)
	if overdue {
		w.expired = append(w.expired, p)
	}
}

// Unwatch makes w watch nothing.
func (db *DB) Unwatch(w *Watch) {
	db.watches.remove(w)
	w.places, w.expired = nil, nil
	w.changed.Store(false)
}

// overdue reports whether the key at p is there but has expired.
func (tx *Tx) overdue(p place) bool {
	h := tx.hash(p.key)
	r := tx.db.shardOf(h).tables[p.db].dict.Find(h, p.key)
	return r.OK() && r.Deadline() != 0 && r.Deadline() <= tx.Now()
}

// A watchTable finds the watches of a key. While nobody watches, a write costs
// one look at count.
type watchTable struct {
	count atomic.Int64 // of places watched
	mu    sync.Mutex
	by    map[place]map[*Watch]bool // true: the key had expired already
}

// add makes w a watch of p and reports whether it was not one before.
func (t *watchTable) add(w *Watch, p place, overdue bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.by[p][w]; there {
		return false
	}
	if t.by == nil {
		t.by = make(map[place]map[*Watch]bool)
	}
	if t.by[p] == nil {
		t.by[p] = make(map[*Watch]bool)
	}
	t.by[p][w] = overdue
	t.count.Add(1)
	return true
}

func (t *watchTable) remove(w *Watch) {
	if len(w.places) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range w.places {
		delete(t.by[p], w)
		if len(t.by[p]) == 0 {
			delete(t.by, p)
		}
		t.count.Add(-1)
	}
}

// changed tells the watches of a key.
func (t *watchTable) changed(db int, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for w := range t.by[place{db, key}] {
		w.changed.Store(true)
	}
}

// expired tells the watches of a key that it was deleted because its time had
// passed, which is no news to those that saw it expired.
func (t *watchTable) expired(db int, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for w, overdue := range t.by[place{db, key}] {
		if !overdue {
			w.changed.Store(true)
		}
	}
}

// changedAll tells the watches of all keys of a database for which there is.
func (t *watchTable) changedAll(db int, there func(db int, key string) bool) {
	if t.count.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, watches := range t.by {
		if p.db != db || !there(db, p.key) {
			continue
		}
		for w := range watches {
			w.changed.Store(true)
		}
	}
}
