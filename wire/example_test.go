package wire_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"

	"redstart/store"
	"redstart/wire"
)

// Serving a database on a port, and talking to it as redis-cli or a person
// with telnet does.
func Example() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	srv := wire.NewServer(db, nil)
	defer srv.Shutdown(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0") // or srv.ListenAndServe("127.0.0.1:6379")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(l)

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "ZADD board 20 ann\r\nZSCORE board ann\r\nGET board\r\n")
	for r, i := bufio.NewReader(conn), 0; i < 4; i++ {
		line, err := r.ReadString('\n')
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", line)
	}
	// Output:
	// ":1\r\n"
	// "$2\r\n"
	// "20\r\n"
	// "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
}

// A client in the same process needs no port: clients take a Dialer. What one
// side does the other sees.
func ExampleServer_Dialer() {
	db, err := store.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	srv := wire.NewServer(db, nil)
	defer srv.Shutdown(context.Background())

	conn, err := srv.Dialer()(context.Background(), "tcp", "anywhere")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	go db.RPush("jobs", []byte("tidy up")) // from Go, to a client that waits
	fmt.Fprint(conn, "BLPOP jobs 0\r\n")
	reply := make([]byte, len("*2\r\n$4\r\njobs\r\n$7\r\ntidy up\r\n"))
	if _, err := io.ReadFull(conn, reply); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", reply)
	// Output: "*2\r\n$4\r\njobs\r\n$7\r\ntidy up\r\n"
}
