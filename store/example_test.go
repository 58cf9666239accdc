package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"redstart/store"
)

func Example() {
	db, err := store.Open("", nil) // a path keeps everything in that file
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	if err := db.Set("greeting", []byte("hello"), store.TTL(time.Minute)); err != nil {
		log.Fatal(err)
	}
	v, err := db.Get("greeting")
	fmt.Printf("%s %v\n", v, err)
	v, err = db.Get("nobody")
	fmt.Println(v == nil, err)
	n, err := db.Incr("visits", 1)
	fmt.Println(n, err)
	_, err = db.Incr("greeting", 1)
	fmt.Println(err)
	// Output:
	// hello <nil>
	// true <nil>
	// 1 <nil>
	// value is not an integer
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "redstart")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.db")

	db, err := store.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = store.Open(path, nil)
	var locked *store.LockedError
	fmt.Println(errors.As(err, &locked), locked.PID == os.Getpid())
	if _, err := db.HSet("user:1", "name", []byte("ann")); err != nil {
		log.Fatal(err)
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}

	db, err = store.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	name, err := db.HGet("user:1", "name")
	fmt.Printf("%d key, %s, %v\n", db.Opened().Keys, name, err)
	// Output:
	// true true
	// 1 key, ann, <nil>
}

var errInsufficient = errors.New("insufficient funds")

func transfer(db *store.DB, amount int64, from, to string) error {
	return db.Update(func(tx *store.Tx) error {
		source, err := tx.EditHash(from)
		if err != nil {
			return err
		}
		target, err := tx.EditHash(to)
		if err != nil {
			return err
		}
		left, err := source.IncrBy("balance", -amount)
		if err != nil {
			return err
		}
		if left < 0 {
			return errInsufficient
		}
		_, err = target.IncrBy("balance", amount)
		return err
	}, store.Keys(from, to))
}

// A transfer that cannot be half done.
func ExampleDB_Update() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.HSet("account:1", "balance", []byte("300")); err != nil {
		log.Fatal(err)
	}

	for range 2 {
		err := transfer(db, 200, "account:1", "account:2")
		one, _ := db.HGet("account:1", "balance")
		two, _ := db.HGet("account:2", "balance")
		fmt.Printf("%s %s %v\n", one, two, err)
	}
	// Output:
	// 100 200 <nil>
	// 100 200 insufficient funds
}

// A panic undoes everything, too, and goes on to the caller.
func ExampleDB_Update_panic() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		db.Update(func(tx *store.Tx) error {
			if err := tx.Set("key", []byte("value")); err != nil {
				return err
			}
			panic("no")
		})
	}()
	fmt.Println(db.Exists("key"))
	// Output:
	// recovered: no
	// false <nil>
}

// A leaderboard.
func ExampleDB_View() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for name, score := range map[string]float64{"ann": 20, "bob": 35, "cid": 12.5, "dan": 7} {
		if _, err := db.ZAdd("board", name, score); err != nil {
			log.Fatal(err)
		}
	}

	err = db.View(func(tx *store.Tx) error {
		board, err := tx.ZSet("board")
		if err != nil {
			return err
		}
		for rank, m := range board.Descend() {
			if rank == 3 {
				break
			}
			fmt.Println(rank+1, m.Name, m.Score)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1 bob 35
	// 2 ann 20
	// 3 cid 12.5
	// <nil>
}

// A clean-up that writes while it iterates.
func ExampleTx_Keys() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for key, state := range map[string]string{"session:1": "idle", "session:2": "busy", "session:3": "idle", "other": "idle"} {
		if err := db.Set(key, []byte(state)); err != nil {
			log.Fatal(err)
		}
	}

	err = db.Update(func(tx *store.Tx) error {
		for key := range tx.Keys("session:*") {
			state, err := tx.Get(key)
			if err != nil {
				return err
			}
			if string(state) == "idle" {
				if _, err := tx.Delete(key); err != nil {
					return err
				}
			}
		}
		return nil
	})
	fmt.Println(db.Len(0), err)
	// Output: 2 <nil>
}

// A job queue: whoever has waited longest gets what is pushed.
func ExampleDB_BLPop() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	go db.RPush("jobs:low", []byte("tidy up"))
	key, job, err := db.BLPop(ctx, "jobs:high", "jobs:low")
	fmt.Printf("%s: %s, %v\n", key, job, err)

	cancel()
	_, _, err = db.BLPop(ctx, "jobs:high", "jobs:low")
	fmt.Println(err)
	// Output:
	// jobs:low: tidy up, <nil>
	// context canceled
}

// A long report that blocks nobody.
func ExampleDB_Snapshot() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.SAdd("guests", "ann", "bob"); err != nil {
		log.Fatal(err)
	}

	snap := db.Snapshot()
	defer snap.Close()
	if _, err := db.SAdd("guests", "cid"); err != nil {
		log.Fatal(err)
	}
	guests, err := snap.SetOf("guests")
	fmt.Println(guests.Len(), err)
	fmt.Println(db.SHas("guests", "cid"))
	// Output:
	// 2 <nil>
	// true <nil>
}

// A copy to try things on.
func ExampleDB_Fork() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := db.Set("price", []byte("100")); err != nil {
		log.Fatal(err)
	}

	what := db.Fork()
	defer what.Close()
	fmt.Println(what.Incr("price", 20))
	fmt.Println(db.Incr("price", 1))
	// Output:
	// 120 <nil>
	// 101 <nil>
}

// This write is on disk when Update returns; those before it are, too.
func ExampleDurable() {
	dir, err := os.MkdirTemp("", "redstart")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := store.Open(filepath.Join(dir, "app.db"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	charge := func(tx *store.Tx) error {
		_, err := tx.Incr("charged", 995)
		return err
	}
	fmt.Println(db.Update(charge))
	fmt.Println(db.Update(charge, store.Durable))
	fmt.Println(db.Incr("charged", 0))
	// Output:
	// <nil>
	// <nil>
	// 1990 <nil>
}

func ExampleDB_Batch() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	err = db.Batch().Set("a", []byte("1")).Set("b", []byte("x")).Expire("a", time.Hour).Commit()
	fmt.Println(err)
	err = db.Batch().Incr("a", 1).Incr("b", 1).Commit()
	a, _ := db.Get("a")
	fmt.Printf("a is %s: %v\n", a, err)
	// Output:
	// <nil>
	// a is 1: value is not an integer
}

// A clock that is set by hand; timers are the system's.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(c.offset.Load()))
}

func (c *clock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// Time, size and policy are the owner's to choose.
func ExampleOptions() {
	c := new(clock)
	db, err := store.Open("", &store.Options{Clock: c, Databases: 4, Sync: store.Always})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	if err := db.Set("token", []byte("secret"), store.TTL(time.Minute)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.TTL("token"))
	c.offset.Add(int64(2 * time.Minute))
	fmt.Println(db.Exists("token"))
	// Output:
	// 1m0s true <nil>
	// false <nil>
}

func ExampleSetOption() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	lock := func(owner string) error {
		return db.Set("lock", []byte(owner), store.IfAbsent, store.TTL(time.Minute))
	}
	fmt.Println(lock("ann"))
	fmt.Println(errors.Is(lock("bob"), store.ErrExists))
	fmt.Println(db.Set("none", nil, store.IfExists))
	// Output:
	// <nil>
	// true
	// no such key
}

// A string.
func ExampleTx_Get() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	err = db.Update(func(tx *store.Tx) error {
		if _, err := tx.Append("log", []byte("one two")); err != nil {
			return err
		}
		if _, err := tx.SetRange("log", 4, []byte("2, three")); err != nil {
			return err
		}
		b, err := tx.Get("log")
		fmt.Printf("%s\n", b)
		return err
	})
	fmt.Println(err)
	// Output:
	// one 2, three
	// <nil>
}

func ExampleTx_EditList() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	err = db.Update(func(tx *store.Tx) error {
		l, err := tx.EditList("stops")
		if err != nil {
			return err
		}
		for _, s := range strings.Fields("Basel Bern Brig") {
			l.PushBack([]byte(s))
		}
		l.Insert([]byte("Brig"), []byte("Thun"), false)
		for i, stop := range l.All() {
			fmt.Printf("%d %s\n", i, stop)
		}
		last, _ := l.PopBack()
		fmt.Printf("last: %s of %d\n", last, l.Len()+1)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 0 Basel
	// 1 Bern
	// 2 Thun
	// 3 Brig
	// last: Brig of 4
	// <nil>
}

func ExampleTx_EditHash() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	err = db.Update(func(tx *store.Tx) error {
		user, err := tx.EditHash("user:1")
		if err != nil {
			return err
		}
		user.Set("name", []byte("ann"))
		user.Set("mail", []byte("ann@example.org"))
		if _, err := user.IncrBy("visits", 3); err != nil {
			return err
		}
		user.Delete("mail")
		for field, value := range user.All() {
			fmt.Printf("%s: %s\n", field, value)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// name: ann
	// visits: 3
	// <nil>
}

func ExampleTx_SetOf() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.SAdd("primes", "2", "3", "5"); err != nil {
		log.Fatal(err)
	}

	err = db.View(func(tx *store.Tx) error {
		primes, err := tx.SetOf("primes")
		if err != nil {
			return err
		}
		for p := range primes.All() {
			fmt.Println(p)
		}
		none, err := tx.SetOf("nothing here")
		fmt.Println(none == nil, none.Len(), none.Has("2"))
		return err
	})
	fmt.Println(err)
	// Output:
	// 2
	// 3
	// 5
	// true 0 false
	// <nil>
}

func ExampleTx_EditZSet() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	err = db.Update(func(tx *store.Tx) error {
		z, err := tx.EditZSet("temperatures")
		if err != nil {
			return err
		}
		z.Add("Basel", 14.5, 0)
		z.Add("Bern", 11, 0)
		z.Add("Brig", 17, 0)
		rank, score, _ := z.Rank("Basel")
		fmt.Println(rank, score)
		for _, m := range z.Ascend() {
			if m.Score < 14 {
				z.Remove(m.Name)
			}
		}
		fmt.Println(z.Len())
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1 14.5
	// 2
	// <nil>
}

// Errors are values to compare with.
func ExampleDB_Memory() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	for i := range 100_000 {
		if err := db.Set(fmt.Sprintf("user:%06d", i), make([]byte, 64)); err != nil {
			log.Fatal(err)
		}
	}
	m := db.Memory()
	fmt.Println(m.Entries, "keys, bytes of each:")
	for part, n := range m.All() {
		if part == "keys" || part == "values" || part == "headers" { // the others vary
			fmt.Println(part, m.PerEntry(n))
		}
	}
	// Output:
	// 100000 keys, bytes of each:
	// keys 11
	// values 64
	// headers 3
}

func ExampleErrWrongType() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := db.Set("name", []byte("ann")); err != nil {
		log.Fatal(err)
	}

	_, err = db.RPush("name", []byte("x"))
	fmt.Println(errors.Is(err, store.ErrWrongType), err)
	err = db.View(func(tx *store.Tx) error { return tx.Set("name", nil) })
	fmt.Println(err)
	err = db.Update(func(tx *store.Tx) error { return tx.Set("other", nil) }, store.Keys("name"))
	fmt.Println(err)
	// Output:
	// true key holds a value of another type
	// transaction is read-only
	// transaction touches a key it did not declare
}
