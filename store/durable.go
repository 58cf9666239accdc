package store

import (
	"context"

	"redstart/persist"
)

// How durable is a write?
//
// A commit that changes something has a number, which counts up by one in the
// order of all commits and goes on after a restart. When a commit is on disk,
// so are all before it. Three things say when it is:
//
//   - the policy of the database: [Always], before Update returns; [EverySecond],
//     within a second; [Never], when the operating system likes;
//   - for one transaction, the option [Durable], or [Tx.Sync] from inside, which
//     raise the policy and never lower it;
//   - afterwards, [DB.WaitSeq] for a number that the option [Seq] or [DB.Seq] has
//     told, or [DB.Sync] for everything so far: both have it synced at once.
//
// What was said to be on disk stays there, under every policy: a database with
// the policy Never syncs nothing as long as nobody asks, but from the first who
// does on, until it is closed, it syncs what it writes, once a second, like one
// with EverySecond. (Otherwise a loss of power could take what was synced with
// what was not: see package persist.) When it is opened again nobody has asked yet:
// with Never as its policy everything in the file is at risk again.
//
// Those who wait at the same time share one sync. In a database without a file
// nothing is ever on disk, so there is nothing to wait for: every wait ends at
// once and without an error, and all numbers are 0, unless it has a journal in
// memory (Options.KeepJournal) and counts its commits for [DB.Changes].

// ErrFuture is returned for the number of a commit that there has not been yet.
// Such a number is of another file, or of commits that a crash has undone.
var ErrFuture = persist.ErrFuture

// Sync returns when everything committed so far is on disk.
func (db *DB) Sync() error {
	if db.file == nil {
		return nil
	}
	return db.file.Sync()
}

// Policy returns when committed transactions are on disk.
func (db *DB) Policy() Policy {
	if db.file == nil {
		return db.opt.Sync
	}
	return db.file.Policy()
}

// SetPolicy changes it.
func (db *DB) SetPolicy(p Policy) {
	if db.file != nil {
		db.file.SetPolicy(p)
	}
}

// WaitDurable returns when what was committed so far is as durable as the
// policy promises: at once unless it is Always. A server calls it before it
// sends its replies.
func (db *DB) WaitDurable() error {
	if db.file == nil || db.file.Policy() != Always {
		return nil
	}
	return db.file.Wait(db.file.Appended())
}

// AwaitsDisk reports whether [DB.WaitDurable] would have to wait.
func (db *DB) AwaitsDisk() bool {
	return db.file != nil && db.file.Policy() == Always && !db.file.OnDisk(db.file.Appended())
}

// Seq returns the number of the last commit: of the caller's own or a later one,
// once that has returned. It is how the short forms, which take no option [Seq],
// tell theirs.
func (db *DB) Seq() uint64 {
	switch {
	case db.file != nil:
		return db.file.Appended()
	case db.kept != nil:
		return db.kept.last()
	}
	return 0
}

// Durable reports whether the commit with number seq, and all before it, are
// known to be on disk, and to stay there.
func (db *DB) Durable(seq uint64) bool {
	return db.file == nil || db.file.OnDisk(seq)
}

// WaitSeq has the commit with number seq, and all before it, written to disk
// now, and returns when they are there; or with the error of ctx, [ErrFuture], or
// [ErrReadOnly] if the disk failed: then it is not known whether they are. It
// may be asked again.
func (db *DB) WaitSeq(ctx context.Context, seq uint64) error {
	if db.Durable(seq) {
		return nil
	}
	return db.file.WaitContext(ctx, seq)
}

// Sync raises the policy for the transaction: with [Always] the Update returns
// when it is on disk; with [EverySecond], in a database with the policy [Never],
// it is there within a second. A policy that promises less than that of the
// database, or than an earlier Sync, changes nothing. The transactions of a
// server ([Tx.Begin]) are as durable as its database.
func (tx *Tx) Sync(p Policy) {
	switch p {
	case Always:
		tx.durable = true
	case EverySecond:
		tx.soon = tx.db.Policy() == Never
	}
}

// LastSeq returns the number of the last commit of the transactions of tx that
// changed something, 0 if there was none. It is for servers, whose transactions
// are used again and again.
func (tx *Tx) LastSeq() uint64 { return tx.last }
