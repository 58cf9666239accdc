package persist

import (
	"time"

	bolt "go.etcd.io/bbolt"
)

// Stats are counters of a File, from its opening on, and sizes.
type Stats struct {
	Appended      uint64 // number of the last transaction appended
	Written       uint64 // number of the last transaction given to the operating system
	Durable       uint64 // number of the last transaction known to be on disk
	Covered       uint64 // number of the last transaction the snapshot holds
	Pending       int    // bytes appended and not written yet
	JournalBytes  int64  // written and not dropped by a checkpoint yet
	Staged        int64  // of these, what is in the stage
	KeptBytes     int64  // of these, what a checkpoint has covered: for Readers
	Readers       int    // that follow the journal
	BaseBytes     int64  // of the snapshot: all keys at one time
	DeltaBytes    int64  // of the snapshot: changes since
	Generation    uint64 // of the base; 0: there is no snapshot
	Groups        uint64 // group commits
	Syncs         uint64 // commits that ended with the data on disk
	Checkpoints   uint64 // that ended well
	Failures      uint64 // of commits
	CheckpointErr error  // of the last checkpoint

	// What it cost to keep what was appended, in bytes since the opening.
	AppendedBytes uint64 // of effects
	JournalWrites uint64 // of records of the journal
	ChunkWrites   uint64 // of chunks of the snapshot
	PageWrites    uint64 // of pages of the file: all that, and what holds it together

	FileBytes int64          // of the file, up to the last page that was ever in use
	FreeBytes int64          // of it: pages that what is written next will use
	Last      CheckpointCost // of the last checkpoint that ended well

	Rewrites      uint64    // that ended well
	RewriteErr    error     // of the last rewrite
	ReadOnlySince time.Time // when writing to the file began to fail; zero: it does not
	Failed        bool      // nothing but a rewrite makes it take writes again
}

// A CheckpointCost says what a checkpoint wrote.
type CheckpointCost struct {
	Base    bool  // it wrote a new generation, not a delta run
	Keys    int   // that were written, or written as gone
	Patches int   // of them: those of which only the changes were written
	Bytes   int64 // of chunks
}

// Amplification returns how many bytes were written to the file for each byte
// of effects appended; 0 if there were none.
func (s *Stats) Amplification() float64 {
	if s.AppendedBytes == 0 {
		return 0
	}
	return float64(s.PageWrites) / float64(s.AppendedBytes)
}

// uncovered returns the bytes of the journal that no checkpoint has covered.
func (s *Stats) uncovered() int64 { return s.JournalBytes - s.KeptBytes }

// Stats returns how the file stands.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Appended, s.Durable, s.Pending = f.appended.Load(), f.durable.Load(), f.pipe.bytes()
	s.Readers = len(f.readers)
	return s
}

// publish makes the committer's figures visible to Stats, and wakes Readers. It
// is called under mu.
func (f *File) publish() {
	f.stats.Written, f.stats.Covered = f.written, f.state.covered
	f.stats.JournalBytes, f.stats.KeptBytes = f.journalBytes(), f.journal.kept(f.state.covered)
	f.stats.Staged = int64(f.stage.bytes)
	f.stats.BaseBytes = int64(f.state.baseBytes)
	f.stats.DeltaBytes = int64(f.state.deltaBytes)
	f.stats.Generation = f.state.generation
	f.stats.FileBytes, f.stats.FreeBytes = f.size, f.free
	f.stats.Failed = f.broken != nil
	f.tell()
}

// measure finds out, for publish, how large the file is and what of it is free.
// They are only figures: if the file cannot be read, they stay what they were.
func (f *File) measure() {
	_ = f.view(func(tx *bolt.Tx) error {
		f.size = tx.Size()
		s := tx.DB().Stats()
		f.free = int64((s.FreePageN + s.PendingPageN) * tx.DB().Info().PageSize)
		return nil
	})
}
