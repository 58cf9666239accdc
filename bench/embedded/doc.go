// Package embedded measures Redstart as a library beside other Go libraries
// that keep data in the process: what an embedder would otherwise use.
//
// An [Engine] is one such library, opened and ready, as the operations that it
// has. A [Task] is something to do many times, the same for each engine. Every
// answer is verified while it is measured: a value carries the number of its
// key, a counter is compared with a count kept beside it, a rank with the one
// that is known. A measurement of the wrong thing fails instead of shining.
//
// Each peer is measured against Redstart alone, the two opened in one process
// and taking turns, so that a machine shared with others disturbs both alike
// and nobody pays for marking the garbage of a third.
//
// The same tasks run as Go benchmarks (go test -bench . ./embedded) and in
// command embedded, which prints the table.
package embedded
