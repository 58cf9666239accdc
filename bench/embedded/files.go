package embedded

import (
	"bytes"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/tidwall/buntdb"
	bolt "go.etcd.io/bbolt"
)

// fill calls set for n fields, some thousand in each transaction.
func fill(n int, field func(i int) (string, []byte), update func(run func(set func(name string, value []byte) error) error) error) error {
	const many = 10_000
	for i := 0; i < n; i += many {
		err := update(func(set func(name string, value []byte) error) error {
			for j := i; j < min(i+many, n); j++ {
				name, value := field(j)
				if err := set(name, bytes.Clone(value)); err != nil { // some keep it until they commit
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func openBunt(string) (*Engine, error) {
	db, err := buntdb.Open(":memory:")
	if err != nil {
		return nil, err
	}
	set := func(tx *buntdb.Tx, key string, value []byte) error {
		_, _, err := tx.Set(key, string(value), nil)
		return err
	}
	get := func(key string) (value string, err error) {
		err = db.View(func(tx *buntdb.Tx) error {
			value, err = tx.Get(key)
			return err
		})
		return value, err
	}
	return &Engine{
		Get: func(dst []byte, key string) ([]byte, error) {
			value, err := get(key)
			return append(dst, value...), err
		},
		Set: func(key string, value []byte) error {
			return db.Update(func(tx *buntdb.Tx) error { return set(tx, key, value) })
		},
		Incr: func(key string) (n int64, err error) {
			err = db.Update(func(tx *buntdb.Tx) error {
				old, err := tx.Get(key)
				if err != nil && err != buntdb.ErrNotFound {
					return err
				}
				var value []byte
				if value, n, err = plusOne([]byte(old)); err != nil {
					return err
				}
				return set(tx, key, value)
			})
			return n, err
		},
		Update: func(keys [3]string, value []byte, see func(old []byte) error) error {
			return db.Update(func(tx *buntdb.Tx) error {
				for _, key := range keys {
					old, err := tx.Get(key)
					if err != nil {
						return err
					}
					if err := see([]byte(old)); err != nil {
						return err
					}
					if err := set(tx, key, value); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Fields: func(_ string, n int, field func(i int) (string, []byte)) error {
			return fill(n, field, func(run func(func(string, []byte) error) error) error {
				return db.Update(func(tx *buntdb.Tx) error {
					return run(func(name string, value []byte) error { return set(tx, name, value) })
				})
			})
		},
		Each: func(_ string, yield func(value []byte)) error {
			return db.View(func(tx *buntdb.Tx) error {
				var buf []byte
				return tx.Ascend("", func(_, value string) bool {
					buf = append(buf[:0], value...)
					yield(buf)
					return true
				})
			})
		},
		Close: db.Close,
	}, nil
}

func openBadger(string) (*Engine, error) {
	db, err := badger.Open(badger.DefaultOptions("").WithInMemory(true).WithLogger(nil))
	if err != nil {
		return nil, err
	}
	// A transaction keeps the value it is given until it is committed.
	set := func(tx *badger.Txn, key string, value []byte) error { return tx.Set([]byte(key), value) }
	return &Engine{
		Get: func(dst []byte, key string) (value []byte, err error) {
			err = db.View(func(tx *badger.Txn) error {
				item, err := tx.Get([]byte(key))
				if err != nil {
					return err
				}
				value, err = item.ValueCopy(dst)
				return err
			})
			return value, err
		},
		Set: func(key string, value []byte) error {
			return db.Update(func(tx *badger.Txn) error { return set(tx, key, value) })
		},
		Incr: func(key string) (n int64, err error) {
			err = db.Update(func(tx *badger.Txn) error {
				var old []byte
				item, err := tx.Get([]byte(key))
				switch {
				case err == nil:
					old, err = item.ValueCopy(nil)
				case err == badger.ErrKeyNotFound:
					err = nil
				}
				if err != nil {
					return err
				}
				var value []byte
				if value, n, err = plusOne(old); err != nil {
					return err
				}
				return set(tx, key, value)
			})
			return n, err
		},
		Update: func(keys [3]string, value []byte, see func(old []byte) error) error {
			return db.Update(func(tx *badger.Txn) error {
				for _, key := range keys {
					item, err := tx.Get([]byte(key))
					if err != nil {
						return err
					}
					if err := item.Value(see); err != nil {
						return err
					}
					if err := set(tx, key, value); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Close: db.Close,
	}, nil
}

func openBolt(dir string) (*Engine, error) {
	db, err := bolt.Open(filepath.Join(dir, "bolt.db"), 0o600, &bolt.Options{
		NoSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
	})
	if err != nil {
		return nil, err
	}
	main := []byte("main")
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(main)
		return err
	})
	if err != nil {
		return nil, err
	}
	load := func(bucket []byte, n int, item func(i int) (string, []byte)) error {
		return fill(n, item, func(run func(func(string, []byte) error) error) error {
			return db.Update(func(tx *bolt.Tx) error {
				b, err := tx.CreateBucketIfNotExists(bucket)
				if err != nil {
					return err
				}
				return run(func(name string, value []byte) error { return b.Put([]byte(name), value) })
			})
		})
	}
	return &Engine{
		Load: func(n int, item func(i int) (string, []byte)) error { return load(main, n, item) },
		Get: func(dst []byte, key string) (value []byte, err error) {
			err = db.View(func(tx *bolt.Tx) error {
				value = append(dst, tx.Bucket(main).Get([]byte(key))...)
				return nil
			})
			return value, err
		},
		Set: func(key string, value []byte) error {
			return db.Update(func(tx *bolt.Tx) error { return tx.Bucket(main).Put([]byte(key), value) })
		},
		Incr: func(key string) (n int64, err error) {
			err = db.Update(func(tx *bolt.Tx) error {
				b, k := tx.Bucket(main), []byte(key)
				var value []byte
				if value, n, err = plusOne(b.Get(k)); err != nil {
					return err
				}
				return b.Put(k, value)
			})
			return n, err
		},
		Update: func(keys [3]string, value []byte, see func(old []byte) error) error {
			return db.Update(func(tx *bolt.Tx) error {
				b := tx.Bucket(main)
				for _, key := range keys {
					k := []byte(key)
					if err := see(b.Get(k)); err != nil {
						return err
					}
					if err := b.Put(k, value); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Fields: func(key string, n int, field func(i int) (string, []byte)) error {
			return load([]byte(key), n, field)
		},
		Each: func(key string, yield func(value []byte)) error {
			return db.View(func(tx *bolt.Tx) error {
				return tx.Bucket([]byte(key)).ForEach(func(_, value []byte) error {
					yield(value)
					return nil
				})
			})
		},
		Close: db.Close,
	}, nil
}
