package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"redstart/persist"
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
// has grown; calling it makes the next opening faster, not the data safer. If
// the file has failed it does what Compact does.
func (db *DB) Save() error {
	if db.file == nil {
		return ErrNoFile
	}
	if db.file.Stats().Failed {
		return db.Compact()
	}
	return db.save(db.file.Checkpoint)
}

// Compact writes a complete new file, without free space, and goes on with
// that one in place of the old, while readers and writers go on. It is done in
// the background as well: when most of the file is free space, and when the
// file has failed and takes no writes until there is a new one.
func (db *DB) Compact() error {
	if db.file == nil {
		return ErrNoFile
	}
	return db.save(db.file.Rewrite)
}

// save writes all there is in one of two ways.
func (db *DB) save(write func(persist.View) error) error {
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
	err := write(keysView{snap})
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

// saveWhenDue saves when the journal has outgrown its limit, and has the file
// written anew when that asks for it.
func (db *DB) saveWhenDue() {
	for {
		select {
		case <-db.ending:
			return
		case <-db.file.CheckpointDue():
			if err := db.Save(); err != nil && !errors.Is(err, ErrSaving) {
				db.opt.Logger.Error("checkpoint failed; the journal is kept", "file", db.path, "err", err)
			}
		case <-db.file.RewriteDue():
			if err := db.Compact(); err != nil && !errors.Is(err, ErrSaving) {
				db.opt.Logger.Error("writing the file anew failed", "file", db.path, "err", err)
			}
		}
	}
}

// saveAtLast tries once more, when nobody writes any more, to save what a file
// that has failed did not take.
func (db *DB) saveAtLast() {
	if db.file == nil || !db.file.Stats().Failed {
		return
	}
	if err := db.Compact(); err != nil {
		db.opt.Logger.Error("writing the file anew failed", "file", db.path, "err", err)
	}
}

// BackupFile writes a new file with everything in the database as it is now,
// while readers and writers go on. It can be opened like any other, and carries
// the number of the last transaction in it. A database in memory can be
// backed up, too. Nothing may exist at path; the file appears there when it is
// complete, read back and on disk, and not at all if there is an error.
func (db *DB) BackupFile(path string) error { return db.BackupFileProgress(path, nil) }

// BackupFileProgress is BackupFile, and calls progress now and then with how much
// is done of which total.
func (db *DB) BackupFileProgress(path string, progress func(done, total int64)) error {
	if db.closing.Load() {
		return ErrClosed
	}
	snap := db.Snapshot()
	defer snap.Close()
	return persist.WriteFile(path, keysView{snap}, progress)
}

// Backup writes to w what BackupFile would write to a file. It needs the space
// for that meanwhile: beside the file of the database, or in the system's
// directory for temporary files if everything is in memory. If the process is
// killed before that is complete, the next Open removes what is left.
func (db *DB) Backup(w io.Writer) error {
	near, prefix := streamPlace(db.path)
	dir, err := os.MkdirTemp(near, prefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "backup.db")
	if err := db.BackupFile(path); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	os.RemoveAll(dir) // it is read without a name, where that is possible: w may take long
	_, err = io.Copy(w, file)
	return err
}

// streamPlace returns where Backup makes a directory for the file it writes, and
// how the directory's name begins.
func streamPlace(path string) (near, prefix string) {
	if path == "" {
		return os.TempDir(), "redstart-backup-"
	}
	return filepath.Dir(path), "." + filepath.Base(path) + ".backup-stream-"
}

// removeStreams removes what Backup has left in a process that was killed. Nobody
// else has the file of the database open.
func (db *DB) removeStreams() {
	near, prefix := streamPlace(db.path)
	entries, err := os.ReadDir(near)
	if err != nil {
		return // not even a list: it is no harm
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(near, e.Name())); err != nil {
			db.opt.Logger.Warn("what an unfinished backup has left cannot be removed", "err", err)
		}
	}
}
