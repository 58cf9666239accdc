package persist

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"

	"redstart/types"
)

// A keyspace is all keys of a file in memory, in the plainest form. It is what
// Check counts and Recover writes; a store has its own.
//
// Neither DB nor Key of its entries is set: their places in the maps are.
type keyspace map[int]map[string]*Entry

// MarkAppended is the mark of a string that APPEND or SETRANGE has changed. It
// is written to files.
const MarkAppended = 1

// MaxString is the length a string may have, in bytes.
const MaxString = 512 << 20

var (
	errNoKey   = errors.New("there is no such key")
	errPartial = errors.New("it may lack what it held before")
)

// put takes an entry of a snapshot.
func (k keyspace) put(e Entry) error {
	if e.Patched {
		return k.patch(e)
	}
	db, key := e.DB, string(e.Key)
	if e.Deleted {
		delete(k[db], key)
		return nil
	}
	e.DB, e.Key, e.Value = 0, nil, bytes.Clone(e.Value)
	k.set(db, key, &e)
	return nil
}

func (k keyspace) set(db int, key string, e *Entry) {
	if k[db] == nil {
		k[db] = make(map[string]*Entry)
	}
	k[db][key] = e
}

// apply makes the changes of one transaction. An effect that does not fit what
// it is on changes nothing and is passed to skipped. So is one that creates a
// key although the key should be there, if snapshots are known to lack keys:
// as errPartial, and it is done.
func (k keyspace) apply(tx []byte, incomplete bool, skipped func(db int, key string, err error)) error {
	for e, err := range types.Effects(tx) { // all of it or nothing
		if err != nil {
			return damagef("%v", err)
		}
		if e.Op == types.OpPlace && (e.N < 0 || e.N > math.MaxInt32) {
			return damagef("it is on database %d", e.N)
		}
	}
	db, key := 0, ""
	for e := range types.Effects(tx) {
		if e.Op == types.OpPlace {
			db, key = int(e.N), string(e.A)
			continue
		}
		old := k[db][key]
		if err := k.effect(db, key, old, e); err != nil {
			skipped(db, key, err)
		} else if incomplete && old == nil && k[db][key] != nil && e.Op != OpSet {
			skipped(db, key, errPartial)
		}
	}
	return nil
}

// effect makes one change. old is what the key holds, nil if there is none.
func (k keyspace) effect(db int, key string, old *Entry, e types.Effect) error {
	switch {
	case e.Op.Kind() != types.KindNone:
		return k.element(db, key, old, e)
	case old == nil && (e.Op == OpExpire || e.Op == OpRename || e.Op == OpCopy):
		return errNoKey
	}
	switch e.Op {
	case OpSet:
		k.set(db, key, &Entry{Kind: types.KindString, Value: bytes.Clone(e.A), Deadline: e.N, Mark: uint8(e.M)})
	case OpDelete:
		delete(k[db], key)
	case OpExpire:
		old.Deadline = e.N
	case OpAppend:
		return k.write(db, key, old, atEnd, e.A)
	case OpSetRange:
		return k.write(db, key, old, e.N, e.A)
	case OpRename, OpCopy:
		return k.transfer(db, key, old, e)
	case OpFlush:
		if delete(k, int(e.N)); e.N == -1 {
			clear(k)
		}
	case OpSwap:
		a, b := int(e.N), int(e.M)
		if a < 0 || b < 0 || a > math.MaxInt32 || b > math.MaxInt32 {
			return fmt.Errorf("%w: databases %d and %d", types.ErrEffect, a, b)
		}
		k[a], k[b] = k[b], k[a]
	default:
		return fmt.Errorf("%w: op %d", types.ErrEffect, e.Op)
	}
	return nil
}

// element changes an element of a collection.
func (k keyspace) element(db int, key string, old *Entry, e types.Effect) error {
	kind := e.Op.Kind()
	if old != nil && old.Kind == kind {
		return old.Object.Apply(e)
	}
	if old != nil && (old.Object == nil || old.Object.Len() > 0) {
		return fmt.Errorf("%w: op %d on a %v", types.ErrEffect, e.Op, old.Kind)
	}
	v := types.New(kind)
	if err := v.Apply(e); err != nil {
		return err
	}
	k.set(db, key, &Entry{Kind: kind, Object: v})
	return nil
}

// atEnd stands for the offset that is a string's length.
const atEnd = math.MaxInt64

// write overwrites a string from an offset on, filling a gap with zero bytes.
func (k keyspace) write(db int, key string, old *Entry, offset int64, data []byte) error {
	switch {
	case old == nil:
		old = &Entry{Kind: types.KindString}
	case old.Object != nil:
		return fmt.Errorf("%w: one of a string on a %v", types.ErrEffect, old.Kind)
	}
	if offset == atEnd {
		offset = int64(len(old.Value))
	}
	if offset < 0 || offset > int64(MaxString-len(data)) {
		return fmt.Errorf("%w: %d bytes at %d of a string", types.ErrEffect, len(data), offset)
	}
	end := int(offset) + len(data)
	if gap := end - len(old.Value); gap > 0 {
		old.Value = append(old.Value, make([]byte, gap)...)
	}
	copy(old.Value[offset:end], data)
	old.Mark = MarkAppended
	k.set(db, key, old)
	return nil
}

// transfer moves or copies a key.
func (k keyspace) transfer(db int, key string, old *Entry, e types.Effect) error {
	to, name := int(e.N), string(e.A)
	switch {
	case to < 0 || to > math.MaxInt32:
		return fmt.Errorf("%w: to database %d", types.ErrEffect, to)
	case to == db && name == key:
		return nil
	case e.Op == OpRename:
		delete(k[db], key)
		k.set(to, name, old)
		return nil
	}
	c := *old
	c.Value = bytes.Clone(old.Value)
	if old.Object != nil {
		c.Object = types.Clone(old.Object)
	}
	k.set(to, name, &c)
	return nil
}

// A keyspace is a View of itself, for the checkpoint that writes it.

func (k keyspace) Seq() uint64 { return 0 }

func (k keyspace) Len() (n int) {
	for range k.All() {
		n++
	}
	return n
}

func (k keyspace) Find(db int, key []byte) (Entry, bool) {
	e := k[db][string(key)]
	if e == nil {
		return Entry{}, false
	}
	return *e, true
}

func (k keyspace) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for db, keys := range k {
			for key, e := range keys {
				if e.Object != nil && e.Object.Len() == 0 {
					continue
				}
				entry := *e
				entry.DB, entry.Key = db, []byte(key)
				if !yield(entry) {
					return
				}
			}
		}
	}
}
