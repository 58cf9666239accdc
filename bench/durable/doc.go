// Package durable measures what it costs to keep data in a file: opening it,
// checkpoints, flushing, and the sizes of files.
//
// Each function does one measurement and returns its figures as a struct; a
// command prints them. What compares with redis-server starts both in turn, in
// one run, with the same [Data]; what is about our file only runs in this
// process, on files in a temporary directory that is removed at the end.
//
// The machine may be busy: figures of one run compare with each other and with
// nothing else. Processor time is less disturbed than time by the clock, so
// where it can be told both are given.
package durable
