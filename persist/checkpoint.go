package persist

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"
)

// A View is the store as it was after transaction Seq: a copy-on-write clone
// that stands still while writers go on.
type View interface {
	// Seq returns the number of the last transaction the view holds.
	Seq() uint64
	// Find returns the entry of key; false if there is none.
	Find(db int, key []byte) (Entry, bool)
	// All yields every entry. They are valid until the next is asked for. It is
	// called at most once, and then Find and Len are not called any more: so a
	// View can let go of what it has yielded.
	All() iter.Seq[Entry]
	// Len returns the number of entries.
	Len() int
}

const (
	partsPerStep    = 8         // buckets of chunks dropped by one commit: about 128 MiB
	segmentsPerStep = 1024      // of the journal: 32 MiB or more
	busyStep        = 256 << 10 // bytes of chunks a commit takes along if somebody waits for commits
	quietStep       = 4 << 20   // and otherwise
	draftStep       = 1 << 20   // and of a draft, which does not sync them: memory is all that matters
	minDelta        = 256 << 10 // bytes of deltas below which a base is never rewritten
	minUnread       = 8 << 20   // bytes of the journal below which it is always read
	maxDirty        = 256 << 20 // bytes of names of changed keys that are kept in memory
)

// Checkpoint makes the snapshot in the file hold what v holds, and drops the
// journal up to there. Writers go on meanwhile; memory is bounded by the
// changed keys' names, at most 256 MiB, whatever the size of v.
//
// The keys that changed since the last checkpoint are read back from the
// journal: writers keep no account of them. They are appended to the snapshot
// as a delta run, each once, with their values of now, or as gone, or with what
// has changed in a large value (patch.go). If the runs would pass half the
// size of the base, or whole databases were flushed or swapped, everything is
// written as a new generation instead, and the old one dropped when the new
// one is complete. So it is, and the journal not even read, if it is larger than
// the snapshot: to write a key takes less time than to read a transaction and
// to look up whether its key is known already, which on 100,000 keys in steady
// use was a fifth of the process's time. The last transaction moves the state
// (layout.go); a crash before it leaves the old snapshot and the whole journal.
//
// A second Checkpoint waits for the first.
func (f *File) Checkpoint(v View) error {
	f.checkpoint.Lock()
	defer f.checkpoint.Unlock()
	cost, err := f.writeCheckpoint(v)
	f.condemn(err)
	if err == nil {
		f.consider()
	}
	f.count(func(s *Stats) {
		s.ChunkWrites += uint64(cost.Bytes)
		if s.CheckpointErr = err; err != nil {
			f.saving.failed()
		} else {
			f.saving = backoff{}
			s.Checkpoints++
			s.Last = cost
		}
		if err != nil || s.uncovered() <= f.opt.MaxJournal { // it was due until it ended
			select {
			case <-f.due:
			default:
			}
		}
	})
	return explain(f.path, err)
}

// writeCheckpoint returns what it wrote, also if there is an error.
func (f *File) writeCheckpoint(v View) (cost CheckpointCost, err error) {
	if err := f.Err(); err != nil {
		return cost, err
	}
	seq := v.Seq()
	if appended := f.appended.Load(); seq > appended {
		return cost, fmt.Errorf("the view is of transaction %d, but there are only %d", seq, appended)
	}
	if err := f.clean(); err != nil {
		return cost, err
	}
	if err := f.doNow(&step{}); err != nil { // the journal is read from the file
		return cost, err
	}
	s := f.currentState()
	if seq < s.covered {
		return cost, fmt.Errorf("the view is of transaction %d, but the snapshot is of %d already", seq, s.covered)
	}
	if seq == s.covered && s.generation != 0 {
		return cost, f.trim(seq)
	}
	changed := &dirty{all: true}
	if stats := f.Stats(); !s.outgrown(stats.uncovered()) {
		if changed, err = f.changes(s.covered, seq, v); err != nil {
			return cost, err
		}
	}
	w := snapshotWriter{f: f, state: s}
	if changed.all || s.wantsBase(changed, v) {
		err = w.base(v)
	} else {
		err = w.delta(v, changed)
	}
	if err == nil {
		err = w.finish(seq)
	}
	return w.cost, err
}

// finish writes what is left, makes all that was written the snapshot, as of
// transaction seq, and drops what nobody needs any more.
func (w *snapshotWriter) finish(seq uint64) error {
	f := w.f
	w.state.covered = seq
	chunks := w.write()
	more := false
	if err := f.doNow(&step{sync: true, run: func(tx *bolt.Tx) (err error) {
		if err := chunks(tx); err != nil {
			return err
		}
		if err := w.state.write(tx); err != nil {
			return err
		}
		f.setState(w.state)
		more, err = f.journal.trim(tx, f.droppable(seq), segmentsPerStep)
		return err
	}}); err != nil {
		return err
	}
	if err := f.clean(); err != nil || !more {
		return err
	}
	return f.trim(seq)
}

// trim drops the journal up to transaction seq.
func (f *File) trim(seq uint64) error {
	for more := true; more; {
		if err := f.doNow(&step{run: func(tx *bolt.Tx) (err error) {
			more, err = f.journal.trim(tx, f.droppable(seq), segmentsPerStep)
			return err
		}}); err != nil {
			return err
		}
	}
	return nil
}

// outgrown reports whether a journal of this size costs more to read than a new
// base to write, as it does if there is no snapshot yet.
func (s *state) outgrown(journal int64) bool {
	return s.generation == 0 || journal >= max(minUnread, int64(s.baseBytes+s.deltaBytes))
}

// wantsBase guesses, before it is written, whether one more delta run would
// make the runs larger than half the base.
//
// The average of all entries tells at once if they are all alike. Only if it
// does not speak for a run are the changed ones looked at.
func (s *state) wantsBase(changed *dirty, v View) bool {
	limit := max(s.baseBytes/2, minDelta)
	perEntry := s.baseBytes / uint64(max(v.Len(), 1))
	if s.deltaBytes+uint64(changed.count)*max(perEntry, 16) <= limit {
		return false
	}
	run := s.deltaBytes
	for e := range changed.entries(v) {
		run += uint64(16 + len(e.Key) + e.size())
		if run > limit {
			return true
		}
	}
	return false
}

// changes reads the journal and returns which keys the transactions after the
// one numbered from, up to to, have changed. v is as of the last of them.
func (f *File) changes(from, to uint64, v View) (*dirty, error) {
	c := changeReader{view: v, from: cmp.Or(f.opt.patchFrom, patchFrom)}
	_, err := f.scan(from, func(seq uint64, tx []byte) error {
		if seq > to || c.all {
			return errEnough
		}
		return c.transaction(tx)
	}, nil)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return &c.dirty, err
}

// errEnough ends a scan early.
var errEnough = errors.New("enough")

// A snapshotWriter writes chunks, in steps, behind those of its state or as a
// new generation. While the committer writes one step the next is encoded.
type snapshotWriter struct {
	f     *File
	state state // with what has been written
	cost  CheckpointCost
	part  uint64
	batch []*chunk
	bytes int
	free  [][]byte

	running <-chan error // the step under way; nil: none
	taken   []*chunk     // what it writes
}

// base writes everything as a new generation.
func (w *snapshotWriter) base(v View) error {
	w.state = state{generation: w.state.generation + 1}
	w.cost.Base = true
	p := w.packer()
	var err error
	for e := range v.All() {
		w.cost.Keys++
		if err = p.entry(&e); err != nil {
			break
		}
	}
	err = w.end(p, err)
	w.state.baseBytes = uint64(p.bytes)
	return err
}

// delta writes the changed keys as a new run.
func (w *snapshotWriter) delta(v View, changed *dirty) error {
	p := w.packer()
	var err error
	for e := range changed.entries(v) {
		if err = p.entry(&e); err != nil {
			break
		}
	}
	err = w.end(p, err)
	w.cost.Keys, w.cost.Patches = changed.count, len(changed.patches)
	w.state.deltaBytes += uint64(p.bytes)
	for _, patch := range changed.patches {
		w.state.deltaBytes += uint64(patch.cost - len(patch.effects))
	}
	return err
}

func (w *snapshotWriter) packer() *packer {
	return &packer{empty: w.buffer, emit: w.chunk}
}

// buffer returns one for a chunk.
func (w *snapshotWriter) buffer() []byte {
	if n := len(w.free); n > 0 {
		b := w.free[n-1]
		w.free = w.free[:n-1]
		return b
	}
	return make([]byte, 0, chunkSize)
}

// chunk takes one from the packer.
func (w *snapshotWriter) chunk(c *chunk) error {
	w.batch = append(w.batch, c)
	w.bytes += len(c.buf)
	w.cost.Bytes += int64(len(c.buf))
	limit := quietStep
	switch {
	case w.f.opt.draft:
		limit = draftStep
	case w.f.Policy() == Always:
		limit = busyStep
	}
	if w.bytes < limit {
		return nil
	}
	return w.flush()
}

// flush gives the batch to the committer when it is done with the last one.
func (w *snapshotWriter) flush() error {
	if err := w.wait(); err != nil {
		return err
	}
	w.taken = w.batch
	var err error
	w.running, err = w.f.do(&step{run: w.write()})
	return err
}

// write returns the work of writing the batch, and begins a new one.
func (w *snapshotWriter) write() func(tx *bolt.Tx) error {
	batch, first := w.batch, w.state.chunks+1
	if w.part == 0 {
		w.part = first
	}
	part, generation := w.part, w.state.generation
	w.state.chunks += uint64(len(batch))
	if w.state.chunks >= part+partChunks-1 {
		w.part = 0
	}
	w.batch, w.bytes = nil, 0
	return func(tx *bolt.Tx) error {
		if len(batch) == 0 {
			return nil
		}
		return writeChunks(tx, generation, part, first, batch)
	}
}

// writeChunks writes chunks from index first on into one part.
func writeChunks(tx *bolt.Tx, generation, part, first uint64, chunks []*chunk) error {
	b, err := tx.Bucket(dataBucket).CreateBucketIfNotExists(partName(generation, part))
	if err != nil {
		return err
	}
	b.FillPercent = 1
	for i, c := range chunks {
		index := first + uint64(i)
		c.seal(chunkPlace(generation, index))
		if err := b.Put(binary.BigEndian.AppendUint64(nil, index), c.buf); err != nil {
			return err
		}
	}
	return nil
}

// wait waits for the step under way.
func (w *snapshotWriter) wait() error {
	if w.running == nil {
		return nil
	}
	err := <-w.running
	for _, c := range w.taken {
		w.free = append(w.free, c.buf)
	}
	w.running, w.taken = nil, nil
	return err
}

// end waits for what is being written. What is left is in the batch.
func (w *snapshotWriter) end(p *packer, err error) error {
	if err == nil {
		err = p.close()
	}
	return errors.Join(err, w.wait())
}
