package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"redstart/store"
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

// Who begins, or comes too late for the journal, takes a snapshot and then the
// changes since.
func ExampleSnapshot_Seq() {
	db, err := store.Open("", &store.Options{KeepJournal: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.Set("a", []byte("1"))

	ctx := context.Background()
	snap := db.Snapshot()
	defer snap.Close()
	if err := db.WaitSeq(ctx, snap.Seq()); err != nil { // a crash could take back what is not on disk
		log.Fatal(err)
	}
	index := map[string]int{}
	for key := range snap.Keys("*") {
		index[key]++
	}
	db.Set("b", []byte("2"))
	for commit, err := range db.Changes(ctx, snap.Seq()) {
		if err != nil {
			log.Fatal(err)
		}
		for _, c := range commit.Changes {
			index[c.Key]++
		}
		break // or go on for ever
	}
	fmt.Println(index)
	// Output:
	// map[a:1 b:1]
}
