package main

import (
	"os"
	"runtime"

	"redstart/store"
)

// spareProcs lets Go run one goroutine more at a time than there are processors,
// if every write waits for the disk and the environment has no GOMAXPROCS.
//
// Under Always two threads are in system calls most of the time: one that waits
// for clients, one that waits for the disk. To Go each of them takes a place of a
// goroutine that could run. When no place is free, the runtime looks every 20
// microseconds for one to take away, and its owner has to get it back: with two
// processors and 50 clients that was a tenth to a sixth of the server's processor
// time. With a free place it does not look.
//
// A library must not do this to its host, so it stands here.
func spareProcs(p store.Policy) {
	if p == store.Always && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
