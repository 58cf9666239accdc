package store

import "redstart/types"

// change runs fn, which must check before it changes, as a transaction on key.
func (db *DB) change(key string, fn func(tx *Tx) error) error {
	tx, err := db.one(key, true)
	if err != nil {
		return err
	}
	return tx.short(fn(tx))
}

// LPush adds elems, one after the other, at the front of the list at key,
// creating it, and returns its new length. Who waits for an element gets it.
func (db *DB) LPush(key string, elems ...[]byte) (n int, err error) {
	return db.push(key, elems, (*types.List).PushFront)
}

// RPush is LPush for the back of the list.
func (db *DB) RPush(key string, elems ...[]byte) (n int, err error) {
	return db.push(key, elems, (*types.List).PushBack)
}

func (db *DB) push(key string, elems [][]byte, push func(*types.List, []byte)) (n int, err error) {
	err = db.change(key, func(tx *Tx) error {
		l, err := tx.EditList(key)
		if err != nil {
			return err
		}
		for _, e := range elems {
			push(l, e)
		}
		n = l.Len()
		return nil
	})
	return n, err
}

// LPop takes the first element of the list at key; it returns nil if there is
// no key. To wait for one, see [DB.BLPop].
func (db *DB) LPop(key string) (elem []byte, err error) {
	return db.pop(key, (*types.List).PopFront)
}

// RPop is LPop for the last element.
func (db *DB) RPop(key string) (elem []byte, err error) {
	return db.pop(key, (*types.List).PopBack)
}

func (db *DB) pop(key string, pop func(*types.List) ([]byte, bool)) (elem []byte, err error) {
	err = db.change(key, func(tx *Tx) error {
		l, err := tx.EditList(key)
		if err != nil {
			return err
		}
		if e, ok := pop(l); ok {
			elem = append([]byte{}, e...)
		}
		return nil
	})
	return elem, err
}

// HSet gives field of the hash at key a value, which is copied, creating the
// hash. It reports whether the field is new.
func (db *DB) HSet(key, field string, value []byte) (added bool, err error) {
	err = db.change(key, func(tx *Tx) error {
		h, err := tx.EditHash(key)
		if err == nil {
			added = h.Set(field, value)
		}
		return err
	})
	return added, err
}

// HGet returns a copy of a field of the hash at key, or nil if there is none.
func (db *DB) HGet(key, field string) (value []byte, err error) {
	tx, err := db.one(key, false)
	if err != nil {
		return nil, err
	}
	defer tx.end()
	h, err := tx.Hash(key)
	if v, ok := h.Get(field); ok {
		value = append([]byte{}, v...)
	}
	return value, err
}

// SAdd adds members to the set at key, creating it, and returns how many of
// them are new.
func (db *DB) SAdd(key string, members ...string) (n int, err error) {
	err = db.change(key, func(tx *Tx) error {
		s, err := tx.EditSet(key)
		if err != nil {
			return err
		}
		for _, m := range members {
			if s.Add(m) {
				n++
			}
		}
		return nil
	})
	return n, err
}

// SHas reports whether the set at key has a member (SISMEMBER).
func (db *DB) SHas(key, member string) (ok bool, err error) {
	tx, err := db.one(key, false)
	if err != nil {
		return false, err
	}
	defer tx.end()
	s, err := tx.SetOf(key)
	return s.Has(member), err
}

// ZAdd gives member of the sorted set at key a score, creating the set, and
// reports whether the member is new. It returns [ErrNaN] if score is no number.
func (db *DB) ZAdd(key, member string, score float64) (added bool, err error) {
	if score != score {
		return false, ErrNaN
	}
	err = db.change(key, func(tx *Tx) error {
		z, err := tx.EditZSet(key)
		if err == nil {
			added, _ = z.Add(member, score, 0)
		}
		return err
	})
	return added, err
}

// ZIncr adds by to the score of member of the sorted set at key, 0 if it is
// new, and returns the sum. It returns [ErrNaN] if there is no such sum.
func (db *DB) ZIncr(key, member string, by float64) (score float64, err error) {
	err = db.change(key, func(tx *Tx) error {
		z, err := tx.EditZSet(key)
		if err == nil {
			score, _, err = z.Incr(member, by, 0)
		}
		return err
	})
	return score, err
}
