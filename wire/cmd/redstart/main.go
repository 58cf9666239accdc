// Command redstart serves a database in one file to Redis clients.
package main

import (
	"fmt"
	"os"

	"redstart/store"
	"redstart/wire"
)

func main() {
	db, err := store.Open("", nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	srv := wire.NewServer(db, nil)
	fmt.Println(srv.ListenAndServe("127.0.0.1:" + os.Args[1]))
}
