package durable

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"redstart/bench/load"
	"redstart/store"
)

// A Checkpoint is what one of our checkpoints cost.
type Checkpoint struct {
	Keys    int           // that the database holds
	Changed int           // of them, since the last checkpoint
	Patches int           // of those: large values of which the changes were written
	Base    bool          // everything was written anew
	Bytes   int64         // of keys and values, or of changes, that were written
	Pages   int64         // bytes written to the file for it
	Wall    time.Duration // of the checkpoint
	CPU     time.Duration // of the process meanwhile
	File    int64         // bytes of the file afterwards
	Free    int64         // of it, bytes that can be used again
}

// Written returns the bytes written to the file for each byte changed.
func (c Checkpoint) Written() float64 { return float64(c.Pages) / float64(max(c.Bytes, 1)) }

// Checkpoints fills a database with n keys, ordinary strings of 64 B under keys
// of 16 B or mixed ones, and then changes one key in a hundred before each of
// some checkpoints. The first of the result is the one that wrote everything.
func Checkpoints(n, rounds int, mixed bool) (all []Checkpoint, err error) {
	return withFile(nil, func(db *store.DB) ([]Checkpoint, error) {
		d := Data{Strings: n}
		if mixed {
			d = Mixed(n)
		}
		if err := d.put(db); err != nil {
			return nil, err
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for round := range rounds + 1 {
			if round > 0 {
				if err := d.change(db, rng, n/100); err != nil {
					return nil, err
				}
			}
			if err := db.Sync(); err != nil { // what the journal costs is not the checkpoint's
				return nil, err
			}
			c, err := checkpoint(db)
			if err != nil {
				return nil, err
			}
			c.Keys = d.Keys()
			all = append(all, c)
		}
		return all, nil
	})
}

// OnePush makes a list of n elements, saves, pushes one more, and saves.
func OnePush(n int) (c Checkpoint, err error) {
	return withFile(nil, func(db *store.DB) (c Checkpoint, err error) {
		push := func(from, to int) error {
			return db.Update(func(tx *store.Tx) error {
				l, err := tx.EditList("list")
				for i := from; i < to && err == nil; i++ {
					l.PushBack([]byte(load.Element(i)))
				}
				return err
			})
		}
		if err := push(0, n); err != nil {
			return c, err
		}
		if _, err := checkpoint(db); err != nil {
			return c, err
		}
		if err := push(n, n+1); err != nil {
			return c, err
		}
		return checkpoint(db)
	})
}

// checkpoint makes one, when no other runs.
func checkpoint(db *store.DB) (c Checkpoint, err error) {
	for {
		before, _ := db.Stats()
		cpu, began := ownCPU(), time.Now()
		err := db.Save()
		if err == store.ErrSaving {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if err != nil {
			return c, err
		}
		after, _ := db.Stats()
		return Checkpoint{
			Changed: after.Last.Keys, Patches: after.Last.Patches, Base: after.Last.Base, Bytes: after.Last.Bytes,
			Pages: int64(after.PageWrites - before.PageWrites),
			Wall:  time.Since(began),
			CPU:   ownCPU() - cpu,
			File:  after.FileBytes,
			Free:  after.FreeBytes,
		}, nil
	}
}

// put stores the data in this process.
func (d Data) put(db *store.DB) error {
	const group = 1000
	for from := 0; from < d.Keys(); from += group {
		err := db.Update(func(tx *store.Tx) error {
			for i := from; i < min(from+group, d.Keys()); i++ {
				if err := d.putOne(tx, i, 0); err != nil {
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

// change changes n of the keys.
func (d Data) change(db *store.DB, rng *rand.Rand, n int) error {
	for range n {
		i, version := rng.IntN(d.Keys()), rng.Int()
		if err := db.Update(func(tx *store.Tx) error { return d.putOne(tx, i, version) }); err != nil {
			return err
		}
	}
	return nil
}

// putOne makes key number i, or changes something about it.
func (d Data) putOne(tx *store.Tx, i, version int) error {
	if i < d.Strings {
		return tx.Set(load.Key(i), []byte(value(i+version)))
	}
	if i -= d.Strings; i < d.Hashes {
		h, err := tx.EditHash(fmt.Sprint("user:", i))
		if err != nil {
			return err
		}
		h.Set("score", fmt.Append(nil, i+version))
		if version == 0 {
			h.Set("name", fmt.Append(nil, "user number ", i))
			h.Set("age", fmt.Append(nil, i%90))
			h.Set("city", []byte("Springfield"))
			h.Set("active", []byte("1"))
		}
		return nil
	}
	i -= d.Hashes
	members := elements(i)
	if version != 0 {
		members = []string{fmt.Sprint("element ", version)}
	}
	if i < d.Lists {
		return pushAll(tx, fmt.Sprint("list:", i), members)
	}
	if i -= d.Lists; i < d.Sets {
		return addAll(tx, fmt.Sprint("set:", i), members)
	}
	if i -= d.Sets; i < d.ZSets {
		return scoreAll(tx, fmt.Sprint("zset:", i), members, i)
	}
	if version == 0 {
		members = make([]string, d.Large)
		for j := range members {
			members[j] = load.Element(j)
		}
	}
	switch i - d.ZSets {
	case 0:
		return pushAll(tx, "large:list", members)
	case 1:
		return addAll(tx, "large:set", members)
	case 2:
		return scoreAll(tx, "large:zset", members, version)
	}
	h, err := tx.EditHash("large:hash")
	if err != nil {
		return err
	}
	for _, m := range members {
		h.Set(m, []byte(value(len(m))))
	}
	return nil
}

func pushAll(tx *store.Tx, key string, elements []string) error {
	l, err := tx.EditList(key)
	if err != nil {
		return err
	}
	for _, e := range elements {
		l.PushBack([]byte(e))
	}
	return nil
}

func addAll(tx *store.Tx, key string, members []string) error {
	s, err := tx.EditSet(key)
	if err != nil {
		return err
	}
	for _, m := range members {
		s.Add(m)
	}
	return nil
}

func scoreAll(tx *store.Tx, key string, members []string, score int) error {
	z, err := tx.EditZSet(key)
	if err != nil {
		return err
	}
	for j, m := range members {
		z.Add(m, float64(score+j), 0)
	}
	return nil
}

// withFile opens a database in a temporary directory for do.
func withFile[T any](opt *store.Options, do func(db *store.DB) (T, error)) (result T, err error) {
	dir, err := os.MkdirTemp("", "durable-")
	if err != nil {
		return result, err
	}
	defer os.RemoveAll(dir)
	db, err := store.Open(filepath.Join(dir, "app.db"), opt)
	if err != nil {
		return result, err
	}
	result, err = do(db)
	if closed := db.Close(); err == nil {
		err = closed
	}
	return result, err
}

// ownCPU is the processor time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("BUG: getrusage: %v", err)) // no argument of it can be wrong
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
