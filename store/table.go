package store

import (
	"fmt"
	"unsafe"

	"github.com/google/btree"

	"redstart/types"
)

// A table holds the keys of one database in one shard.
//
// Invariant: deadlines holds exactly one item for each entry of dict that has
// a deadline.
type table struct {
	dict      types.Dict
	deadlines *btree.BTreeG[deadline] // nil until a key gets a deadline
}

// A deadline says that some key with that hash expires at that time. It holds
// no pointer, so that millions of them cost the garbage collector nothing.
type deadline struct {
	at   int64 // Unix milliseconds
	hash uint64
}

func earlier(a, b deadline) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return a.hash < b.hash
}

func newTable() *table {
	t := new(table)
	t.dict.TrackAccess()
	return t
}

// clone returns a copy of t in O(1).
func (t *table) clone() *table {
	c := &table{dict: *t.dict.Clone()}
	if t.deadlines != nil {
		c.deadlines = t.deadlines.Clone()
	}
	return c
}

// moveDeadline keeps the index in step with an entry's deadline; 0 is none.
func (t *table) moveDeadline(h uint64, from, to int64) {
	if from == to {
		return
	}
	if t.deadlines == nil {
		t.deadlines = btree.NewG(32, earlier)
	}
	if from != 0 {
		t.deadlines.Delete(deadline{from, h})
	}
	if to != 0 {
		t.deadlines.ReplaceOrInsert(deadline{to, h})
	}
}

// delete removes a key and its deadline and reports whether it was there.
func (t *table) delete(h uint64, key string) bool {
	r := t.dict.Find(h, key)
	if !r.OK() {
		return false
	}
	t.moveDeadline(h, r.Deadline(), 0)
	return t.dict.Delete(h, key)
}

// deadline returns when key expires, 0 if it does not or is not there.
func (t *table) deadline(h uint64, key string) int64 {
	if r := t.dict.Find(h, key); r.OK() {
		return r.Deadline()
	}
	return 0
}

// put stores a string.
func (t *table) put(h uint64, key string, value []byte, deadline int64, mark uint8) {
	if t.deadlines != nil || deadline != 0 {
		t.moveDeadline(h, t.deadline(h, key), deadline)
	}
	t.dict.Put(h, key, value, deadline, mark)
}

// putObject stores a collection.
func (t *table) putObject(h uint64, key string, v types.Value, deadline int64) {
	if t.deadlines != nil || deadline != 0 {
		t.moveDeadline(h, t.deadline(h, key), deadline)
	}
	t.dict.PutObject(h, key, v, deadline)
}

// setDeadline changes when a key that is there expires; 0 is never.
func (t *table) setDeadline(h uint64, key string, at int64) {
	t.moveDeadline(h, t.dict.Find(h, key).Deadline(), at)
	t.dict.SetDeadline(h, key, at)
}

func (t *table) expires() int {
	if t.deadlines == nil {
		return 0
	}
	return t.deadlines.Len()
}

// memory returns what the memory of t is for.
func (t *table) memory() types.Memory {
	m := t.dict.Memory()
	m.Directories += int(unsafe.Sizeof(*t) - unsafe.Sizeof(t.dict))
	n := t.expires()
	m.Values -= n * deadlineSize // the times in the entries
	m.Deadlines += n * (deadlineSize + indexedSize)
	return m
}

// size returns the sum of all that, within 10 %, at once.
func (t *table) size() int { return t.dict.Size() + t.expires()*indexedSize }

const (
	deadlineSize = 8  // of a deadline in an entry
	indexedSize  = 32 // and in the index: 16 in nodes that are half full, with what is around them
)

func (t *table) check() error {
	if err := t.dict.Check(); err != nil {
		return err
	}
	n := 0
	for r := range t.dict.All() {
		key := string(r.Key())
		if v := r.Object(); v != nil {
			if err := types.Check(v); err != nil {
				return fmt.Errorf("key %q: %w", key, err)
			}
			if v.Len() == 0 {
				return fmt.Errorf("key %q holds an empty %s", key, v.Kind())
			}
		}
		if at := r.Deadline(); at != 0 {
			n++
			if t.deadlines == nil || !t.deadlines.Has(deadline{at, types.HashOf(key)}) {
				return fmt.Errorf("key %q: its deadline %d is not in the index", key, at)
			}
		}
	}
	if n != t.expires() {
		return fmt.Errorf("%d deadlines in the index, %d keys have one", t.expires(), n)
	}
	return nil
}
