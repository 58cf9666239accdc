package persist

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"redstart/types"
)

// A Loader takes what Load reads. An error of its functions ends Load and is
// returned.
type Loader struct {
	// Entries takes those of the snapshot, some ten thousand at once, in an order
	// in which a later Entry of a key replaces or changes an earlier one. They are
	// valid until it returns, except what Entry.Object is, which is its to
	// keep. ahead is about how many are still to come.
	Entries func(batch []Entry, ahead int) error
	// Effects takes those of each transaction after the snapshot, in order. They
	// are valid until it returns.
	Effects func(seq uint64, tx []byte) error
	// Progress, if it is not nil, is told now and then how many bytes were
	// read, of how many in all, about.
	Progress func(done, total int64)
}

// Load is LoadInto for those who take entries one by one. Either function may
// be nil if it is known not to be called.
func (f *File) Load(entry func(Entry) error, effects func(seq uint64, tx []byte) error) error {
	return f.LoadInto(Loader{Effects: effects, Entries: func(batch []Entry, _ int) error {
		for i := range batch {
			if err := entry(batch[i]); err != nil {
				return err
			}
		}
		return nil
	}})
}

// LoadInto reads the whole file: the entries of the snapshot and then the
// effects of each transaction after it. While the Loader takes some entries the
// next are decoded by another goroutine.
//
// Everything read is checked. If there is damage the error wraps ErrCorrupt,
// what was passed before is to be thrown away, and the file is left as it was.
// Only after a load without error does the file take writes. It may be loaded
// again later, and then shows what is in the file.
func (f *File) LoadInto(l Loader) error {
	f.checkpoint.Lock()
	defer f.checkpoint.Unlock()
	var s state
	var abroad bool
	p := progress{tell: l.Progress}
	journal := f.journalGuess()
	err := f.viewAbroad(&abroad, func(tx *bolt.Tx) error {
		if err := s.read(tx); err != nil {
			return err
		}
		p.total = int64(s.baseBytes+s.deltaBytes) + journal
		return f.loadEntries(tx, &s, func(b *batch) error {
			abroad = true
			p.add(b.bytes)
			err := l.Entries(b.entries, b.ahead)
			abroad = false
			return err
		})
	})
	if err != nil {
		return explain(f.path, err)
	}
	p.done = p.total - journal
	sizes, err := f.scan(s.covered, l.Effects, func(size int) { p.add(size) })
	if err != nil {
		return explain(f.path, err)
	}
	return f.ready(sizes)
}

// journalGuess returns about how many bytes of the journal there are to read.
// Before the first load nobody changes it; later it is the committer's.
func (f *File) journalGuess() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == errNotLoaded {
		return f.journal.guess
	}
	return f.stats.JournalBytes
}

// A progress counts the bytes that were read.
type progress struct {
	done, total int64
	tell        func(done, total int64) // nil: nobody wants to know
}

func (p *progress) add(n int) {
	if p.done = min(p.done+int64(n), p.total); p.tell != nil {
		p.tell(p.done, p.total)
	}
}

// A batch is entries that a Loader takes at once.
type batch struct {
	entries []Entry
	ahead   int
	bytes   int // of chunks
}

const (
	batchEntries = 1 << 16 // a batch is full with so many
	batchBytes   = 8 << 20 // or with so many bytes of chunks
)

// loadEntries passes the entries of the snapshot to take. Two batches exist:
// while take has one, a goroutine fills the other.
func (f *File) loadEntries(tx *bolt.Tx, s *state, take func(*batch) error) error {
	full, empty := make(chan *batch), make(chan *batch, 2)
	empty <- new(batch)
	empty <- new(batch)
	stop := make(chan struct{})
	var failed error
	go func() {
		defer close(full)
		d := decoder{state: s, full: full, empty: empty, stop: stop}
		failed = guard(new(bool), func() error { return d.run(tx, f.opt.Limits) })
	}()
	defer func() { // take may have panicked, and tx must not end before the goroutine
		close(stop)
		for range full {
		}
	}()
	for b := range full {
		if err := take(b); err != nil {
			return err
		}
		empty <- b
	}
	return failed
}

// A decoder fills batches with the entries of the snapshot.
type decoder struct {
	state       *state
	full, empty chan *batch
	stop        chan struct{} // closed when nobody takes any more
	b           *batch
	read        int // bytes
	count       int // entries
}

func (d *decoder) run(tx *bolt.Tx, limits *types.Limits) error {
	d.b = <-d.empty
	err := d.state.loadChunks(tx, limits, d.chunk, d.entry)
	if err == nil && len(d.b.entries) > 0 {
		err = d.pass()
	}
	return err
}

// chunk is told of each chunk that is begun.
func (d *decoder) chunk(value []byte) error {
	if d.b.bytes >= batchBytes && len(d.b.entries) > 0 {
		if err := d.pass(); err != nil {
			return err
		}
	}
	d.b.bytes += len(value)
	return nil
}

func (d *decoder) entry(e Entry) error {
	if len(d.b.entries) == batchEntries {
		if err := d.pass(); err != nil {
			return err
		}
	}
	d.b.entries = append(d.b.entries, e)
	return nil
}

// pass passes the batch on, and begins the next.
func (d *decoder) pass() error {
	d.read += d.b.bytes
	d.count += len(d.b.entries)
	d.b.ahead = 0
	if left := int(d.state.baseBytes) - d.read; left > 0 {
		d.b.ahead = int(float64(d.count) * float64(left) / float64(d.read))
	}
	select {
	case d.full <- d.b:
	case <-d.stop:
		return errEnough
	}
	select {
	case d.b = <-d.empty:
	case <-d.stop:
		return errEnough
	}
	clear(d.b.entries)
	d.b.entries, d.b.bytes = d.b.entries[:0], 0
	return nil
}

// loadChunks reads the chunks of the snapshot: it passes each, as it is in the
// map of the file, then the entries that end in it.
func (s *state) loadChunks(tx *bolt.Tx, limits *types.Limits, begin func(value []byte) error, entry func(Entry) error) error {
	r := reader{limits: limits, each: entry}
	next := uint64(1)
	c := tx.Bucket(dataBucket).Cursor()
	for name, _ := c.Seek(partName(s.generation, 0)); name != nil && next <= s.chunks; name, _ = c.Next() {
		part := tx.Bucket(dataBucket).Bucket(name)
		if part == nil || string(name) != string(partName(s.generation, next)) {
			break
		}
		chunks := part.Cursor()
		for key, value := chunks.First(); key != nil; key, value = chunks.Next() {
			if len(key) != 8 || binary.BigEndian.Uint64(key) != next {
				return damagef("snapshot chunk %d is missing", next)
			}
			chunk, err := openChunk(chunkPlace(s.generation, next), value)
			if err != nil {
				return err
			}
			if err := begin(value); err != nil {
				return err
			}
			if err := r.chunk(&chunk); err != nil {
				return fmt.Errorf("snapshot chunk %d: %w", next, err)
			}
			next++
		}
	}
	if next != s.chunks+1 || r.pending {
		return damagef("the snapshot ends at chunk %d of %d", next-1, s.chunks)
	}
	return nil
}

// scan passes each the transactions after the one numbered after. Each segment
// is read in a transaction of its own, so that pages freed meanwhile can be
// reused soon. If read is not nil, all segments are read: it is passed their sizes,
// which are returned. Otherwise it begins where those transactions do.
func (f *File) scan(after uint64, each func(seq uint64, tx []byte) error, read func(size int)) (sizes []int, err error) {
	staged := f.stagedNow()
	abroad := false
	p := replay{after: after, each: func(seq uint64, tx []byte) error {
		abroad = true
		err := each(seq, tx)
		abroad = false
		return err
	}}
	name := []byte(nil)
	if read == nil {
		if name, err = f.beginning(after); err != nil {
			return nil, err
		}
	}
	for {
		size := 0
		err := f.viewAbroad(&abroad, func(tx *bolt.Tx) (err error) {
			defer p.seen.release()
			name, size, err = p.segment(tx, name)
			return err
		})
		if sizes = append(sizes, size); read != nil {
			read(size)
		}
		if err != nil {
			return sizes, err
		}
		if name == nil {
			break
		}
	}
	for i := range staged {
		if err := p.staged(&staged[i]); err != nil {
			return sizes, err
		}
	}
	return sizes, nil
}

// beginning returns the name of the segment where the transactions after the one
// numbered after begin, which a checkpoint has left there.
func (f *File) beginning(after uint64) (name []byte, err error) {
	err = f.view(func(tx *bolt.Tx) error {
		name, err = f.locate(tx, after)
		return err
	})
	if gone := (*GoneError)(nil); errors.As(err, &gone) {
		err = damagef("the journal begins at transaction %d instead of %d", gone.Oldest, after+1)
	}
	return name, err
}

// ready opens the file for writing after its first Load.
func (f *File) ready(sizes []int) error {
	if f.Err() != errNotLoaded {
		return nil
	}
	f.handle.RLock()
	err := errors.Join(f.stage.renew(f.os), renew(f.os))
	f.handle.RUnlock()
	if err != nil {
		return explain(f.path, err)
	}
	f.mu.Lock()
	if f.err != errNotLoaded { // closed meanwhile
		f.mu.Unlock()
		return nil
	}
	f.setErr(nil)
	f.durable.Store(f.written)
	f.journal.count(sizes)
	f.publish()
	f.mu.Unlock()
	if err := f.clean(); err != nil {
		f.warn("dropping what an unfinished checkpoint has left failed", "error", err)
	}
	if err := removeDraft(f.real); err != nil {
		f.warn("removing what an unfinished rewrite has left failed", "error", err)
	}
	f.consider()
	return nil
}

// clean drops what a checkpoint that did not end has left, or the generation
// that one has replaced.
func (f *File) clean() error {
	for more := true; more; {
		s, left := f.currentState(), false
		err := f.view(func(tx *bolt.Tx) error {
			left = len(s.leftovers(tx, 1)) > 0
			return nil
		})
		if err != nil || !left {
			return err
		}
		err = f.doNow(&step{run: func(tx *bolt.Tx) (err error) {
			more, err = s.clean(tx, partsPerStep)
			return err
		}})
		if err != nil {
			return err
		}
	}
	return nil
}
