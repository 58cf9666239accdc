package embedded

import (
	"github.com/alicebob/miniredis/v2"
	"github.com/nalgeon/redka"
	_ "modernc.org/sqlite"
)

func openRedka(string) (*Engine, error) {
	db, err := redka.Open("file:/bench?vfs=memdb", &redka.Options{DriverName: "sqlite"})
	if err != nil {
		return nil, err
	}
	// many calls set with some thousand items at a time.
	many := func(n int, item func(i int) (string, []byte), set func(map[string]any) error) error {
		return fill(n, item, func(run func(func(string, []byte) error) error) error {
			items := map[string]any{}
			err := run(func(name string, value []byte) error {
				items[name] = value
				return nil
			})
			if err != nil {
				return err
			}
			return set(items)
		})
	}
	return &Engine{
		Get: func(_ []byte, key string) ([]byte, error) {
			value, err := db.Str().Get(key)
			return value.Bytes(), err
		},
		Set: func(key string, value []byte) error { return db.Str().Set(key, value) },
		Load: func(n int, item func(i int) (string, []byte)) error {
			return many(n, item, db.Str().SetMany)
		},
		Incr: func(key string) (int64, error) {
			n, err := db.Str().Incr(key, 1)
			return int64(n), err
		},
		Update: func(keys [3]string, value []byte, see func(old []byte) error) error {
			return db.Update(func(tx *redka.Tx) error {
				for _, key := range keys {
					old, err := tx.Str().Get(key)
					if err != nil {
						return err
					}
					if err := see(old.Bytes()); err != nil {
						return err
					}
					if err := tx.Str().Set(key, value); err != nil {
						return err
					}
				}
				return nil
			})
		},
		HSet: func(key, field string, value []byte) error {
			_, err := db.Hash().Set(key, field, value)
			return err
		},
		HGet: func(key, field string) ([]byte, error) {
			value, err := db.Hash().Get(key, field)
			return value.Bytes(), err
		},
		Fields: func(key string, n int, field func(i int) (string, []byte)) error {
			return many(n, field, func(items map[string]any) error {
				_, err := db.Hash().SetMany(key, items)
				return err
			})
		},
		Each: func(key string, yield func(value []byte)) error {
			items, err := db.Hash().Items(key)
			for _, value := range items {
				yield(value.Bytes())
			}
			return err
		},
		ZAdd: func(key, member string, score float64) error {
			_, err := db.ZSet().Add(key, member, score)
			return err
		},
		ZRank: func(key, member string) (int, error) {
			rank, _, err := db.ZSet().GetRank(key, member)
			return rank, err
		},
		Serial: true, // SQLite in memory answers SQLITE_BUSY
		Close:  db.Close,
	}, nil
}

func openMiniredis(string) (*Engine, error) {
	m := miniredis.NewMiniRedis() // not started: it listens nowhere
	return &Engine{
		Get: func(dst []byte, key string) ([]byte, error) {
			value, err := m.Get(key)
			return append(dst, value...), err
		},
		Set: func(key string, value []byte) error { return m.Set(key, string(value)) },
		Incr: func(key string) (int64, error) {
			n, err := m.Incr(key, 1)
			return int64(n), err
		},
		HSet: func(key, field string, value []byte) error {
			m.HSet(key, field, string(value))
			return nil
		},
		HGet: func(key, field string) ([]byte, error) { return []byte(m.HGet(key, field)), nil },
		ZAdd: func(key, member string, score float64) error {
			_, err := m.ZAdd(key, score, member)
			return err
		},
		Close: func() error { m.Close(); return nil },
	}, nil
}
