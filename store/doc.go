// Package store is Redis inside a Go program: databases of keys, whose values
// are strings or the collections of package types, with times to live, atomic
// transactions, waiting and watching, in memory and, if wanted, in one file.
//
// The nouns:
//
//   - A [DB] is what [Open] returns: some numbered databases, all of them in
//     memory, and the file that makes them durable.
//   - A [Tx] is one transaction. [DB.View] and [DB.Update] give one to a
//     function; when the function of an Update returns an error or panics,
//     nothing has happened. The short forms ([DB.Get], [DB.Set], …) are
//     transactions of one step, and a [Batch] one of many writes.
//   - A [Snapshot] is a view of everything at one moment, which blocks nobody.
//     [DB.Fork] makes a second, writable database from such a moment, and
//     [DB.BackupFile] a file.
//   - A [Memory] tells what the bytes of a database are for, by part and by key.
//   - A [Commit] is what a transaction has changed, as [DB.Changes] tells it to
//     those who follow. It has a number, by which one can wait for the disk
//     ([DB.WaitSeq]): see durable.go.
//   - A shard is a part of the keyspace with a lock of its own; see locks.go.
//   - A touch is what a transaction remembers of a key it writes; see tx.go.
//
// Values are read with the methods of their types ([Tx.Hash], [Tx.ZSet], …):
// a nil value means that there is no key, and reads as empty. [Tx.EditHash]
// and the like create a value that is not there; one that is left empty is
// gone when the transaction commits.
//
// Bytes that a transaction hands out belong to the store and are valid until
// the transaction ends or writes that key; the short forms hand out copies.
package store
