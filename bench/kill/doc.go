// Package kill holds tests only: a server under load is ended with SIGKILL at
// a random moment, started again, and must still know every write it has
// acknowledged.
//
// Each of several clients owns its keys and goes through a [history] of
// requests which its number and its position determine, so that the state
// after any number of requests can be computed again. A client knows how many
// of its requests were acknowledged and how many were sent. After a kill the
// server's state must be the history's after some number of requests between
// the two: one request too few is a lost write, half a MULTI is in no state at
// all. Beyond that, a counter which all clients increase in their batches must
// agree with the counts which each of them keeps in the same batch.
//
// SIGKILL takes the process, not the machine: what the server has handed to
// the operating system survives, synced or not. That the disk is synced before
// an answer is for the tests of package persist to show.
package kill
