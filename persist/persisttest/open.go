package persisttest

import (
	"path/filepath"
	"time"

	"redstart/persist/internal/disk"
	"redstart/store"
)

// TB is what Open needs of a *testing.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	TempDir() string
	Cleanup(func())
}

// A DB is a database in a file of a test's own, on a machine of the test's own
// that can lose its power. The seconds of its file pass only when Second is
// called, so what is written when does not depend on how fast a test runs. (The
// time of keys is that of Options.Clock, as ever.)
type DB struct {
	*store.DB // another one after Crash and Kill

	t       TB
	opt     store.Options
	path    string
	machine *machine
	ticks   chan time.Time
}

// Open opens a new database in a directory of the test's, and closes it when
// the test ends. What fails ends the test.
func Open(t TB, opt *store.Options) *DB {
	t.Helper()
	dir := t.TempDir()
	db := &DB{t: t, path: filepath.Join(dir, "app.db"), machine: newMachine(), ticks: make(chan time.Time)}
	if opt != nil {
		db.opt = *opt
	}
	stopWatch := disk.Watch(dir, db.machine.hook)
	stopPace := disk.Pace(dir, db.ticks)
	db.reopen()
	t.Cleanup(func() {
		db.DB.Close() // says ErrClosed if the test has
		stopWatch()
		stopPace()
	})
	return db
}

func (db *DB) reopen() {
	db.t.Helper()
	next, err := store.Open(db.path, &db.opt)
	if err != nil {
		db.t.Fatalf("persisttest: %v", err)
	}
	db.DB = next
}

// Second lets a second pass for the file: what it writes once a second, under
// EverySecond and Never, is written when Second returns, and under EverySecond
// on disk.
func (db *DB) Second() {
	db.t.Helper()
	for _, tick := range []time.Time{{}, disk.Mark} {
		select {
		case db.ticks <- tick:
		case <-time.After(time.Minute):
			db.t.Fatalf("persisttest: the database is closed, or its disk hangs")
		}
	}
}

// Crash ends the database as a loss of power does, at once and without a word,
// and opens it again from what was durable: every transaction whose Update
// returned nil under Always or with store.Durable, or before a Sync or Save that
// returned nil; under EverySecond also those before the last Second, and under
// Never if somebody had asked for the disk before (store.Never). No others
// survive but those of a write to disk that was under way, and what is left is
// always the first transactions, without a gap.
//
// Whoever still uses the *store.DB of before gets errors. Names of files that
// were changed count as durable; what package persist does about those that
// are not is its own tests' to find out.
func (db *DB) Crash() {
	db.t.Helper()
	db.end(true)
}

// Kill ends the database as the death of its process does, and opens it again.
// The machine lives on: what was written survives, synced or not. So it differs
// from Crash under Never only, where it loses what came after the last Second.
func (db *DB) Kill() {
	db.t.Helper()
	db.end(false)
}

func (db *DB) end(lose bool) {
	db.t.Helper()
	db.machine.cut()
	db.DB.Close() // cannot write any more, and says so
	if lose {
		if err := db.machine.lose(); err != nil {
			db.t.Fatalf("persisttest: %v", err)
		}
	}
	db.machine.start()
	db.reopen()
}
