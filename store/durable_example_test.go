package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"redstart/store"
)

// The Update does not wait for the disk; who must know later asks by its number.
func ExampleSeq() {
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

	var seq uint64
	err = db.Update(func(tx *store.Tx) error {
		_, err := tx.Incr("charged", 995)
		return err
	}, store.Seq(&seq))
	fmt.Println(err)
	// … other work, and then:
	fmt.Println(db.WaitSeq(context.Background(), seq))
	fmt.Println("on disk:", db.Durable(seq))
	// Output:
	// <nil>
	// <nil>
	// on disk: true
}
