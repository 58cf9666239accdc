package store

import (
	"testing"

	"redstart/persist"
	"redstart/types"
)

// FuzzReplay replays damaged journals. A checksum protects the real ones, but
// whatever it lets through must give an error or a database that is whole.
func FuzzReplay(f *testing.F) {
	add := func(write func(l *types.Log)) {
		var l types.Log
		write(&l)
		f.Add(l.Bytes())
	}
	add(func(l *types.Log) {
		l.Place(0, "s")
		l.Add(persist.OpSet, 1_800_000_000_000, 1, "value", "")
		l.Add(persist.OpAppend, 0, 0, "more", "")
		l.Add(persist.OpSetRange, 3, 0, "x", "")
		l.Add(persist.OpExpire, 1_800_000_000_001, 0, "", "")
		l.Add(persist.OpCopy, 1, 0, "copy", "")
		l.Add(persist.OpRename, 0, 0, "t", "")
	})
	add(func(l *types.Log) {
		l.Place(1, "l")
		l.Add(types.OpPushFront, 0, 0, "a", "")
		l.Add(types.OpPushBack, 0, 0, "b", "")
		l.Add(types.OpInsertAfter, 0, 0, "a", "c")
		l.Add(types.OpListSet, 1, 0, "d", "")
		l.Add(types.OpListRemove, 1, 0, "b", "")
		l.Add(types.OpPopFront, 1, 0, "", "")
		l.Add(types.OpPopBack, 1, 0, "", "")
	})
	add(func(l *types.Log) {
		l.Place(0, "h")
		l.Add(types.OpHashSet, 0, 0, "f", "v")
		l.Add(types.OpHashDelete, 0, 0, "f", "")
		l.Place(0, "h")
		l.Add(types.OpSetAdd, 0, 0, "m", "")
		l.Add(types.OpSetRemove, 0, 0, "m", "")
	})
	add(func(l *types.Log) {
		l.Place(0, "z")
		l.Add(types.OpZAdd, 1<<62, 0, "m", "")
		l.Add(types.OpZAdd, 0, 0, "n", "")
		l.Add(types.OpZRemoveRange, 0, 1, "", "")
		l.Add(types.OpZRemove, 0, 0, "m", "")
		l.Add(persist.OpDelete, 0, 0, "", "")
		l.Add(persist.OpSwap, 0, 1, "", "")
		l.Add(persist.OpFlush, -1, 0, "", "")
	})
	f.Fuzz(func(t *testing.T, effects []byte) {
		for e := range types.Effects(effects) {
			if e.Op == persist.OpSetRange && e.N > 1<<16 {
				t.Skip("a string may be that long, but not a thousand of them in a test")
			}
		}
		db, err := newDB(&Options{Databases: 2, Clock: newManual()})
		if err != nil {
			t.Fatal(err)
		}
		tx := db.begin(db.everything(), true, 0)
		tx.replay = true
		err = tx.replayAll(effects)
		tx.end()
		if err != nil {
			return // the database is not opened
		}
		if err := db.Check(); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			s := db.Snapshot()
			if err := s.Select(i); err != nil {
				t.Fatal(err)
			}
			textOf(t, s.Tx)
		}
	})
}
