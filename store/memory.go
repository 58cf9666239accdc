package store

import "redstart/types"

// A Memory tells what the bytes of a database are for.
type Memory = types.Memory

// Memory returns what the memory of all databases is for, in parts that sum up
// to what the database adds to the heap of the program, within a few percent:
// what is not told is the garbage that Go has yet to collect and, for a
// database with a file, what persisting takes. Entries that have expired count
// until they are removed.
//
// It costs some microseconds for each 10 000 keys and locks one shard at a
// time, for reading: others go on, so that the parts are of slightly different
// moments.
func (db *DB) Memory() Memory {
	var m Memory
	for i := range db.shards {
		s := &db.shards[i]
		s.mu.RLock()
		for _, t := range s.tables {
			m.Add(t.memory())
		}
		s.mu.RUnlock()
	}
	return m
}

// Size returns the bytes of memory that the database takes, as [DB.Memory] sums
// them up, within 10 %. It costs a microsecond or two, however large it is.
func (db *DB) Size() int {
	n := 0
	for i := range db.shards {
		s := &db.shards[i]
		s.mu.RLock()
		for _, t := range s.tables {
			n += t.size()
		}
		s.mu.RUnlock()
	}
	return n
}

// Memory returns what the memory of the selected database is for: see
// [DB.Memory]. Like Len it needs a transaction over all keys.
func (tx *Tx) Memory() Memory {
	tx.everywhere()
	var m Memory
	for i := range tx.db.shards {
		m.Add(tx.db.shards[i].tables[tx.index].memory())
	}
	return m
}
