package embedded

import (
	"path/filepath"

	"redstart/store"
)

func openRedstart(string) (*Engine, error) { return redstart("") }

func openFile(dir string) (*Engine, error) { return redstart(filepath.Join(dir, "redstart.db")) }

func openCopies(string) (*Engine, error) {
	return variant(func(db *store.DB, e *Engine) {
		e.Get = func(_ []byte, key string) ([]byte, error) { return db.Get(key) }
		e.Each = func(key string, yield func(value []byte)) error {
			return db.View(func(tx *store.Tx) error {
				h, err := tx.Hash(key)
				for _, value := range h.All() {
					yield(value)
				}
				return err
			})
		}
	})
}

func openViews(string) (*Engine, error) {
	return variant(func(db *store.DB, e *Engine) {
		e.Get = func(dst []byte, key string) (value []byte, err error) {
			err = db.View(func(tx *store.Tx) error {
				v, err := tx.Get(key)
				value = append(dst, v...)
				return err
			}, store.Keys(key))
			return value, err
		}
	})
}

// variant opens a database in memory that is used in another way than others.
// Only Set and what change sets remain.
func variant(change func(*store.DB, *Engine)) (*Engine, error) {
	db, err := store.Open("", nil)
	if err != nil {
		return nil, err
	}
	all := engineOf(db)
	e := &Engine{Set: all.Set, Fields: all.Fields, Close: all.Close}
	change(db, e)
	return e, nil
}

func redstart(path string) (*Engine, error) {
	db, err := store.Open(path, nil)
	if err != nil {
		return nil, err
	}
	return engineOf(db), nil
}

func engineOf(db *store.DB) *Engine {
	return &Engine{
		Get:  db.AppendGet,
		Set:  func(key string, value []byte) error { return db.Set(key, value) },
		Incr: func(key string) (int64, error) { return db.Incr(key, 1) },
		Update: func(keys [3]string, value []byte, see func(old []byte) error) error {
			return db.Update(func(tx *store.Tx) error {
				for _, key := range keys {
					old, err := tx.Get(key)
					if err != nil {
						return err
					}
					if err := see(old); err != nil {
						return err
					}
					if err := tx.Set(key, value); err != nil {
						return err
					}
				}
				return nil
			}, store.Keys(keys[:]...))
		},
		HSet: func(key, field string, value []byte) error {
			_, err := db.HSet(key, field, value)
			return err
		},
		HGet: db.HGet,
		Fields: func(key string, n int, field func(i int) (string, []byte)) error {
			if _, err := db.Delete(key); err != nil {
				return err
			}
			return db.Update(func(tx *store.Tx) error {
				h, err := tx.EditHash(key)
				for i := range n {
					h.Set(field(i))
				}
				return err
			}, store.Keys(key))
		},
		Each: func(key string, yield func(value []byte)) error {
			return db.View(func(tx *store.Tx) error {
				h, err := tx.Hash(key)
				h.Each(func(_, value []byte) bool {
					yield(value)
					return true
				})
				return err
			}, store.Keys(key))
		},
		ZAdd: func(key, member string, score float64) error {
			_, err := db.ZAdd(key, member, score)
			return err
		},
		ZRank: func(key, member string) (rank int, err error) {
			err = db.View(func(tx *store.Tx) error {
				z, err := tx.ZSet(key)
				rank, _, _ = z.Rank(member)
				return err
			}, store.Keys(key))
			return rank, err
		},
		Close: db.Close,
	}
}
