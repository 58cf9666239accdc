package persist

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Load reads the whole file: the entries of the snapshot, in an order in which
// a later Entry of a key replaces an earlier one, and then the effects of each
// transaction after it, in order. What it passes is valid until the function
// returns, except Entry.Object, which is the function's to keep. An error of
// either ends Load and is returned.
//
// Everything read is checked. If there is damage the error wraps ErrCorrupt,
// what was passed before is to be thrown away, and the file is left as it was.
// Only after a Load without error does the file take writes. It may be called
// again later, and then shows what is in the file.
func (f *File) Load(entry func(Entry) error, effects func(seq uint64, tx []byte) error) error {
	f.checkpoint.Lock()
	defer f.checkpoint.Unlock()
	var s state
	var abroad bool
	err := f.viewAbroad(&abroad, func(tx *bolt.Tx) error {
		if err := s.read(tx); err != nil {
			return err
		}
		return f.loadChunks(tx, &s, func(e Entry) error {
			abroad = true
			err := entry(e)
			abroad = false
			return err
		})
	})
	if err != nil {
		return explain(f.path, err)
	}
	sizes, err := f.scan(s.covered, effects)
	if err != nil {
		return explain(f.path, err)
	}
	return f.ready(sizes)
}

// loadChunks reads the chunks of the snapshot.
func (f *File) loadChunks(tx *bolt.Tx, s *state, entry func(Entry) error) error {
	r := reader{limits: f.opt.Limits, each: entry}
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
// reused soon. It returns the segments' sizes.
func (f *File) scan(after uint64, each func(seq uint64, tx []byte) error) (sizes []int, err error) {
	abroad := false
	p := replay{after: after, each: func(seq uint64, tx []byte) error {
		abroad = true
		err := each(seq, tx)
		abroad = false
		return err
	}}
	for name := []byte(nil); ; {
		size := 0
		err := f.viewAbroad(&abroad, func(tx *bolt.Tx) (err error) {
			name, size, err = p.segment(tx, name)
			return err
		})
		sizes = append(sizes, size)
		if err != nil || name == nil {
			return sizes, err
		}
	}
}

// ready opens the file for writing after its first Load.
func (f *File) ready(sizes []int) error {
	if f.Err() != errNotLoaded {
		return nil
	}
	f.handle.RLock()
	err := renew(f.os)
	f.handle.RUnlock()
	if err != nil {
		return explain(f.path, err)
	}
	f.mu.Lock()
	if f.err != errNotLoaded { // closed meanwhile
		f.mu.Unlock()
		return nil
	}
	f.err = nil
	f.durable.Store(f.written)
	for i := range f.journal.segments {
		f.journal.segments[i].bytes = sizes[i]
	}
	f.publish()
	f.mu.Unlock()
	if err := f.clean(); err != nil {
		f.warn("dropping what an unfinished checkpoint has left failed", "error", err)
	}
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
