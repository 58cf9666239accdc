package store

import "time"

// A Batch collects writes to strings and keys of database 0 and makes them all
// at once. It must not be used by several goroutines at a time.
type Batch struct {
	db    *DB
	keys  []string
	steps []func(*Tx) error
}

// Batch returns an empty batch.
func (db *DB) Batch() *Batch { return &Batch{db: db} }

func (b *Batch) add(key string, step func(*Tx) error) *Batch {
	b.keys = append(b.keys, key)
	b.steps = append(b.steps, step)
	return b
}

// Set adds a Set. value must not change before the Commit.
func (b *Batch) Set(key string, value []byte, opts ...SetOption) *Batch {
	return b.add(key, func(tx *Tx) error { return tx.Set(key, value, opts...) })
}

// Delete adds the deletion of a key.
func (b *Batch) Delete(key string) *Batch {
	return b.add(key, func(tx *Tx) error { _, err := tx.Delete(key); return err })
}

// Expire adds making a key expire d after the Commit.
func (b *Batch) Expire(key string, d time.Duration) *Batch {
	return b.add(key, func(tx *Tx) error {
		_, err := tx.Expire(key, tx.Now()+d.Milliseconds())
		return err
	})
}

// Incr adds adding to an integer.
func (b *Batch) Incr(key string, by int64) *Batch {
	return b.add(key, func(tx *Tx) error { _, err := tx.Incr(key, by); return err })
}

// HashSet adds setting a field of a hash.
func (b *Batch) HashSet(key, field string, value []byte) *Batch {
	return b.add(key, func(tx *Tx) error {
		h, err := tx.EditHash(key)
		if err == nil {
			h.Set(field, value)
		}
		return err
	})
}

// Do adds whatever fn does with key, and nothing but key.
func (b *Batch) Do(key string, fn func(*Tx) error) *Batch { return b.add(key, fn) }

// Len returns the number of writes in the batch.
func (b *Batch) Len() int { return len(b.steps) }

// Commit makes the writes in order, all or, if one returns an error, none. The
// batch is empty afterwards.
func (b *Batch) Commit(opts ...TxOption) error {
	steps, keys := b.steps, b.keys
	b.steps, b.keys = nil, nil
	if len(steps) == 0 {
		return nil
	}
	return b.db.Update(func(tx *Tx) error {
		for _, step := range steps {
			if err := step(tx); err != nil {
				return err
			}
		}
		return nil
	}, append(opts, lockOnly(keys))...)
}

// lockOnly locks the shards of keys without comparing what is touched.
func lockOnly(keys []string) TxOption {
	return func(o *txOptions) { o.shardsOf = keys }
}
