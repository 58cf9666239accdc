package store

import (
	"errors"
	"time"
)

// Saves tells of the checkpoints of a database.
type Saves struct {
	Last    time.Time // when the last one that succeeded ended; the opening, before
	Running bool
	Began   time.Time // of the one that runs
	Took    time.Duration
	Err     error // of the last one
	Count   int   // that succeeded since the opening
}

// ErrNoFile is returned by what needs a file when everything is in memory.
var ErrNoFile = errors.New("database is in memory only")

// ErrSaving is returned by Save while another checkpoint runs.
var ErrSaving = errors.New("a checkpoint is already running")

// Saves returns the state of checkpoints.
func (db *DB) Saves() Saves {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.saves
}

// Save folds the journal into the snapshot of the file: it writes the keys
// that changed since the last time, from a copy-on-write view, while readers
// and writers go on. It is done in the background as well, when the journal
// has grown; calling it makes the next opening faster, not the data safer.
func (db *DB) Save() error {
	if db.file == nil {
		return ErrNoFile
	}
	if !db.checkpointing.TryLock() {
		return ErrSaving
	}
	defer db.checkpointing.Unlock()
	began := db.clock.Now()
	db.mu.Lock()
	db.saves.Running, db.saves.Began = true, began
	db.mu.Unlock()

	before := db.changes.Load()
	snap := db.Snapshot()
	err := db.file.Checkpoint(keysView{snap})
	snap.Close()

	db.mu.Lock()
	defer db.mu.Unlock()
	db.saves.Running, db.saves.Err = false, err
	if err == nil {
		now := db.clock.Now()
		db.saves.Last, db.saves.Took = now, now.Sub(began)
		db.saves.Count++
		db.changes.Add(-before)
	}
	return err
}

// checkpointWhenDue saves when the journal has outgrown its limit.
func (db *DB) checkpointWhenDue() {
	for {
		select {
		case <-db.ending:
			return
		case <-db.file.CheckpointDue():
		}
		if err := db.Save(); err != nil && !errors.Is(err, ErrSaving) {
			db.opt.Logger.Error("checkpoint failed; the journal is kept", "file", db.path, "err", err)
		}
	}
}
