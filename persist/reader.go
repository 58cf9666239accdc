package persist

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// A Reader reads the transactions of the journal, in order, from some number
// on, and waits for those to come. It is used by one goroutine at a time.
//
// It reads what the policy has made as sure as it makes it: what is on disk, or
// under Never what was handed to the operating system. So whoever acts upon
// what a Reader shows is never ahead of what a crash leaves. Writers do not know
// of it and never wait: it reads the file, some records at a time in a short
// transaction of bbolt's, and the committer tells it when there is more.
//
// A checkpoint drops what it has covered. For a Reader that is behind it keeps
// up to Options.MaxJournal bytes more than Options.KeepJournal; one that is
// further behind gets a GoneError.
type Reader struct {
	f    *File
	seq  atomic.Uint64 // number of the last transaction read
	hint []byte        // name of the record that held it
}

// A Transaction is one of the journal: the effects of a commit of the store.
type Transaction struct {
	Seq     uint64
	Effects []byte // as a types.Log holds them
}

// readBytes is how much a Reader reads at a time, or one transaction if that is
// larger.
const readBytes = 1 << 20

// ReadAfter returns a Reader of the transactions after the one with number seq,
// or a *GoneError if the journal does not reach back to the first of them, or
// ErrFuture if there has been no transaction seq. It must be closed.
func (f *File) ReadAfter(seq uint64) (*Reader, error) {
	r := &Reader{f: f}
	r.seq.Store(seq)
	f.mu.Lock()
	if err := f.has(seq); err != nil {
		f.mu.Unlock()
		return nil, err
	}
	if f.readers == nil {
		f.readers = make(map[*Reader]bool)
	}
	f.readers[r] = true // from here on nothing it needs is dropped
	f.mu.Unlock()
	err := f.view(func(tx *bolt.Tx) error {
		_, err := f.locate(tx, seq)
		return err
	})
	if err != nil {
		f.condemn(err)
		r.Close()
		return nil, explain(f.path, err)
	}
	return r, nil
}

// Close lets the journal go.
func (r *Reader) Close() {
	r.f.mu.Lock()
	delete(r.f.readers, r)
	r.f.mu.Unlock()
}

// Next returns the transactions that follow, at least one: it waits until there
// is one, ctx is done, or the file is closed (ErrClosed). They are the caller's.
func (r *Reader) Next(ctx context.Context) ([]Transaction, error) {
	f := r.f
	for {
		f.mu.Lock()
		limit, err := f.settled(), f.err
		if f.moved == nil {
			f.moved = make(chan struct{})
		}
		moved := f.moved
		f.mu.Unlock()
		if limit > r.seq.Load() {
			txs, err := r.read(limit)
			if err != nil {
				f.condemn(err)
				return nil, explain(f.path, err)
			}
			if len(txs) > 0 {
				return txs, nil
			}
		}
		if errors.Is(err, ErrClosed) {
			return nil, ErrClosed
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// settled returns the number of the last transaction for which the policy has
// nothing more to do. It is called under mu.
func (f *File) settled() uint64 {
	if f.Policy() == Never {
		return f.stats.Written
	}
	return f.durable.Load()
}

// tell wakes the Readers that wait. It is called under mu.
func (f *File) tell() {
	if f.moved != nil {
		close(f.moved)
		f.moved = nil
	}
}

// read reads some of the transactions up to limit.
func (r *Reader) read(limit uint64) (txs []Transaction, err error) {
	size, last := 0, r.seq.Load()
	p := replay{after: last, each: func(seq uint64, tx []byte) error {
		if seq > limit {
			return errEnough
		}
		txs = append(txs, Transaction{seq, append([]byte(nil), tx...)})
		size, last = size+len(tx), seq
		return nil
	}}
	hint, more := r.hint, false
	staged := r.f.stagedNow()
	err = r.f.view(func(tx *bolt.Tx) error {
		name, from, err := r.place(tx, p.after)
		if name == nil || err != nil {
			return err
		}
		segments := tx.Bucket(journalBucket).Cursor()
		for name, _ = segments.Seek(name); name != nil; name, _ = segments.Next() {
			b := tx.Bucket(journalBucket).Bucket(name)
			if b == nil {
				return damagef("journal segment %x is not one", name)
			}
			records := b.Cursor()
			key, value := records.Seek(from)
			from = nil
			for ; key != nil; key, value = records.Next() {
				if size >= readBytes && !p.open {
					more = true
					return nil
				}
				if err := p.record(key, value); err != nil {
					return err
				}
				hint = append(hint[:0:0], key...)
			}
		}
		return nil
	})
	for i := range staged {
		if err != nil || more {
			break
		}
		err = p.staged(&staged[i])
	}
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	r.hint = hint
	r.seq.Store(last)
	return txs, nil
}

// place returns where what follows transaction after begins: the names of a
// segment and of a record there, or nil for its first. Both are nil if there is
// nothing yet.
func (r *Reader) place(tx *bolt.Tx, after uint64) (name, from []byte, err error) {
	if r.hint != nil && after > 0 {
		c := tx.Bucket(journalBucket).Cursor()
		if name, _ = c.Seek(r.hint); name == nil {
			name, _ = c.Last()
		} else if !bytes.Equal(name, r.hint) {
			name, _ = c.Prev()
		}
		if name != nil && r.holds(tx.Bucket(journalBucket).Bucket(name), after) {
			return bytes.Clone(name), r.hint, nil
		}
	}
	name, err = r.f.locate(tx, after)
	return name, nil, err
}

// holds reports whether a segment holds the record that was read last, so that
// what follows transaction after begins there or behind it.
func (r *Reader) holds(b *bolt.Bucket, after uint64) bool {
	if b == nil {
		return false
	}
	value := b.Get(r.hint)
	if value == nil {
		return false
	}
	rec, err := openRecord(r.hint, value)
	return err == nil && rec.begins(after)
}

// begins reports whether the transactions behind the one with number after can
// be read from r on.
func (r *record) begins(after uint64) bool {
	return r.first <= after || r.first == after+1 && (r.kind == recordWhole || r.kind == recordFirst)
}

// locate returns the name of the segment from which on the transactions behind
// the one with number after can be read, nil if there are none yet. The error
// is a *GoneError if they are not there any more.
//
// Segments are named by records and looked for by a transaction. Both ascend, so
// that halving the range of names finds it in about as many steps as names
// have digits; who goes through 30,000 segments for each batch does nothing else.
func (f *File) locate(tx *bolt.Tx, after uint64) (name []byte, err error) {
	c := tx.Bucket(journalBucket).Cursor()
	first, _ := c.First()
	if first == nil {
		var s state
		if err := s.read(tx); err != nil || after >= s.covered {
			return nil, err
		}
		return nil, &GoneError{After: after, Oldest: s.covered + 1}
	}
	r, err := firstRecord(tx, first)
	if err != nil {
		return nil, err
	}
	if !r.begins(after) {
		gone := &GoneError{After: after, Oldest: r.first}
		if r.kind != recordWhole && r.kind != recordFirst {
			gone.Oldest++
		}
		return nil, gone
	}
	name = bytes.Clone(first)
	last, _ := c.Last()
	low, high := nameNumber(first), nameNumber(last)+1 // one can begin at low, and nowhere from high on
	for high-low > 1 {
		middle := low + (high-low)/2
		next, _ := c.Seek(binary.BigEndian.AppendUint64(nil, middle))
		if next != nil && nameNumber(next) < middle { // or it would be found again and again
			return nil, damagef("journal segment %x is not one", next)
		}
		if next == nil || nameNumber(next) >= high {
			high = middle
			continue
		}
		if r, err = firstRecord(tx, next); err != nil {
			return nil, err
		}
		if !r.begins(after) {
			high = middle
			continue
		}
		low, name = nameNumber(next), bytes.Clone(next)
	}
	return name, nil
}

// nameNumber returns the number that a segment or a record has for a name.
func nameNumber(name []byte) (n uint64) {
	if len(name) == 8 { // or it is damage, which is found where it is read
		n = binary.BigEndian.Uint64(name)
	}
	return n
}

// firstRecord returns the first record of a segment.
func firstRecord(tx *bolt.Tx, name []byte) (r record, err error) {
	b := tx.Bucket(journalBucket).Bucket(name)
	if b == nil {
		return r, damagef("journal segment %x is not one", name)
	}
	key, value := b.Cursor().First()
	return openRecord(key, value)
}

// A GoneError says that the journal does not reach back far enough: what was
// asked for was dropped by a checkpoint, whose snapshot holds what came of it.
type GoneError struct {
	After  uint64 // what was asked for: the transactions after this one
	Oldest uint64 // the number of the oldest transaction there is
}

// ErrGone is what every GoneError is.
var ErrGone = errors.New("the journal does not reach back so far")

func (e *GoneError) Error() string {
	return fmt.Sprintf("%v: transaction %d was asked for, the oldest is %d", ErrGone, e.After+1, e.Oldest)
}

func (e *GoneError) Unwrap() error { return ErrGone }

// droppable returns up to which transaction a checkpoint that covers those up
// to covered may drop the journal: it leaves the last KeepJournal bytes of what
// it covers, and what Readers have not read yet as long as that is not much.
func (f *File) droppable(covered uint64) uint64 {
	needed := covered
	f.mu.Lock()
	for r := range f.readers {
		needed = min(needed, r.seq.Load())
	}
	f.mu.Unlock()
	kept := int64(0)
	for i := len(f.journal.segments) - 1; i >= 0; i-- {
		s := &f.journal.segments[i]
		if s.seq > covered {
			continue
		}
		kept += int64(s.bytes)
		switch {
		case kept <= f.opt.KeepJournal:
		case s.seq > needed && kept <= f.opt.KeepJournal+f.opt.MaxJournal:
		default:
			return s.seq
		}
	}
	return 0
}

// kept returns the bytes of segments whose transactions are all covered.
func (j *journal) kept(covered uint64) (bytes int64) {
	n := sort.Search(len(j.segments), func(i int) bool { return j.segments[i].seq > covered })
	if n == len(j.segments) {
		return j.bytes
	}
	return j.segments[n].before - j.segments[0].before
}
