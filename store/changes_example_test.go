package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"redstart/store"
	"redstart/types"
)

// Changes tells what was committed, in order, from the number on that the
// receiver has come to, also after a restart.
func ExampleDB_Changes() {
	dir, err := os.MkdirTemp("", "redstart")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := store.Open(filepath.Join(dir, "app.db"), &store.Options{
		KeepJournal: 64 << 20, // how far back one may come
	})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	db.Set("user:1", []byte("ann"))
	db.Batch().Set("user:2", []byte("bob")).HashSet("job", "for", []byte("bob")).Commit()
	db.Delete("user:1")
	db.Sync() // or they are told within a second: those on disk only

	seq := uint64(0) // as stored with what was made of the changes before
	for commit, err := range db.Changes(context.Background(), seq, store.Prefix("user:")) {
		if err != nil {
			log.Fatal(err)
		}
		for _, c := range commit.Changes {
			fmt.Println(commit.Seq, c.Key, c.Old, "->", c.New, c.Commands())
		}
		if seq = commit.Seq; seq == db.Seq() {
			break
		}
	}
	// Output:
	// 1 user:1 none -> string [[SET user:1 ann]]
	// 2 user:2 none -> string [[SET user:2 bob]]
	// 3 user:1 string -> none [[DEL user:1]]
}

// A copy begins with what there is, and goes on with what changes. Who comes too
// late for the journal begins again.
func ExampleSnapshot_Changes() {
	db, err := store.Open("", &store.Options{KeepJournal: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.Set("a", []byte("1"))
	db.Update(func(tx *store.Tx) error {
		list, err := tx.EditList("b")
		if err != nil {
			return err
		}
		list.PushBack([]byte("x"))
		list.PushBack([]byte("y"))
		return nil
	}, store.In(3))

	selected := 0
	run := func(c *store.Change) { // sends what c changes to a Redis, say
		if c.DB != selected && c.DB >= 0 {
			selected = c.DB
			fmt.Println("SELECT", selected)
		}
		for _, words := range c.Commands() {
			fmt.Println(strings.Join(words, " "))
		}
	}

	// follow returns when ctx is done, or when it has to begin again.
	follow := func(ctx context.Context) error {
		fmt.Println("FLUSHALL")
		snap := db.Snapshot()
		for c := range snap.Changes() {
			run(&c)
		}
		seq := snap.Seq()
		snap.Close()
		if err := db.WaitSeq(ctx, seq); err != nil { // a crash could take back what is not on disk
			return err
		}
		db.Delete("a")
		db.Set("c", []byte("2"))
		for commit, err := range db.Changes(ctx, seq) {
			if err != nil {
				return err // again, if it is store.ErrGone
			}
			for _, c := range commit.Changes {
				run(&c)
			}
			if commit.Seq == db.Seq() { // or go on for ever
				return nil
			}
		}
		return nil
	}
	if err := follow(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// FLUSHALL
	// SET a 1
	// SELECT 3
	// RPUSH b x
	// RPUSH b y
	// SELECT 0
	// DEL a
	// SET c 2
}

// A cache of what is made of some keys forgets what has changed. What was there
// before it began does not matter to it.
func ExampleDB_Changes_cache() {
	db, err := store.Open("", &store.Options{KeepJournal: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.Set("user:1", []byte("ann"))
	db.Set("user:2", []byte("bob"))

	cache := map[string]string{}
	seq := db.Seq() // before anything is read for the cache
	for _, key := range []string{"user:1", "user:2"} {
		name, _ := db.Get(key)
		cache[key] = string(name) + "'s page"
	}

	db.Update(func(tx *store.Tx) error { return tx.Rename("user:1", 0, "former:1") })
	db.Set("user:3", nil)

	for commit, err := range db.Changes(context.Background(), seq, store.OfDatabase(0), store.Prefix("user:")) {
		if errors.Is(err, store.ErrGone) {
			clear(cache) // and again from db.Seq(), taken before
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		for _, c := range commit.Changes {
			switch c.Effect.Op {
			case store.OpFlush, store.OpSwap: // all keys have changed
				clear(cache)
			case store.OpRename: // of one user to another
				delete(cache, c.Key)
				delete(cache, c.To)
			case store.OpCopy:
				delete(cache, c.To)
			default:
				delete(cache, c.Key)
			}
		}
		if commit.Seq == db.Seq() { // or go on for ever
			break
		}
	}
	fmt.Println(cache)
	// Output:
	// map[user:2:bob's page]
}

// Who sends on what was committed keeps the number of the last commit that he has
// dealt with, and goes on there after a restart: nothing is missed, and what
// was sent without the number having been kept is sent again.
func ExampleDB_Changes_outbox() {
	dir, err := os.MkdirTemp("", "redstart")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	place := filepath.Join(dir, "sent")

	// send sends orders, and stops after so many, as if the program ended.
	send := func(db *store.DB, limit int) error {
		seq := uint64(0)
		if kept, err := os.ReadFile(place); err == nil {
			if seq, err = strconv.ParseUint(string(kept), 10, 64); err != nil {
				return err
			}
		}
		for commit, err := range db.Changes(context.Background(), seq, store.Prefix("orders")) {
			if err != nil {
				return err // store.ErrGone: KeepJournal was too little for the time it was down
			}
			for _, c := range commit.Changes {
				if c.Effect.Op == types.OpPushBack {
					fmt.Printf("commit %d: %s\n", commit.Seq, c.Effect.A)
				}
			}
			if err := os.WriteFile(place, fmt.Append(nil, commit.Seq), 0o600); err != nil {
				return err
			}
			if limit--; limit == 0 || commit.Seq == db.Seq() {
				return nil
			}
		}
		return nil
	}
	order := func(db *store.DB, what string) {
		err := db.Update(func(tx *store.Tx) error {
			orders, err := tx.EditList("orders")
			if err != nil {
				return err
			}
			orders.PushBack([]byte(what))
			return nil
		}, store.Durable)
		if err != nil {
			log.Fatal(err)
		}
	}

	for limit := 1; limit <= 2; limit++ { // the program runs twice
		db, err := store.Open(filepath.Join(dir, "app.db"), &store.Options{KeepJournal: 64 << 20})
		if err != nil {
			log.Fatal(err)
		}
		order(db, "tea")
		order(db, "milk")
		if err := send(db, limit); err != nil {
			log.Fatal(err)
		}
		fmt.Println("the program ends")
		db.Close()
	}
	// Output:
	// commit 1: tea
	// the program ends
	// commit 2: milk
	// commit 3: tea
	// the program ends
}
