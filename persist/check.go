package persist

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
)

// An examination goes through everything in a file.
type examination struct {
	Summary
	survey
	keys       keyspace
	incomplete bool         // keys of the snapshot are lost
	consequent func(string) // is told what that means; nil: nobody wants to know
	told       map[string]bool
	steps      steps
	keep       bool     // the file is to stay open, and locked
	kept       *os.File // and is
}

// examine reads the file at path.
func examine(path string, report, consequent func(string)) (*examination, error) {
	return newExamination(report, consequent, nil).read(path)
}

// newExamination returns one that reports to the functions given; consequent
// and progress may be nil.
func newExamination(report, consequent func(string), progress func(string, int64, int64)) *examination {
	c := &examination{keys: keyspace{}, told: map[string]bool{}, consequent: consequent}
	c.steps.report = progress
	c.survey.report = func(err error) {
		c.Damage++
		report(err.Error())
	}
	return c
}

// read reads the file at path.
func (c *examination) read(path string) (*examination, error) {
	err := c.open(path)
	c.sum()
	return c, explain(path, err)
}

// open locks the file and reads it.
func (c *examination) open(path string) error {
	// A pipe would keep us waiting for somebody who writes to it.
	if info, err := os.Stat(path); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return ErrForeign
	}
	file, info, err := openLocked(path, func() (*os.File, error) { return os.Open(path) })
	if err != nil {
		return err
	}
	if c.keep {
		c.kept = file
	} else {
		defer file.Close() // and with it the lock
	}
	if info.Size() == 0 {
		return nil
	}
	c.Size = info.Size()
	empty, damaged := inspect(c.steps.reader(file), info.Size())
	if empty || errors.Is(damaged, ErrNewer) {
		return damaged
	}
	c.file, c.size = c.steps.reader(file), info.Size()
	if err := c.run(errors.Is(damaged, ErrForeign)); err != nil {
		return err
	}
	c.steps.expect(c.values())
	c.snapshot()
	c.journal()
	if damaged != nil && c.Damage == 0 {
		c.fail(damaged) // what bars it from being opened is always reported
	}
	return nil
}

// snapshot reads the chunks that state counts.
func (c *examination) snapshot() {
	if c.state == nil {
		c.state = new(state)
		if len(c.chunks) > 0 {
			c.lose(damagef("the snapshot is lost: nothing tells which of its %d chunks count", len(c.chunks)))
		}
		return
	}
	r := reader{each: c.entry}
	doubtful := false // the chunk before is lost, or may continue a value that is
	for index := uint64(1); index <= c.state.chunks; index++ {
		chunk, err := c.chunk(index)
		piece := err == nil && (chunk.kind == chunkPiece || chunk.kind == chunkLast)
		if err == nil && !piece && r.pending {
			c.unfinished(&r, index-1, doubtful)
		}
		consequent := doubtful && piece
		switch {
		case err != nil:
		case consequent:
			// Not decoded: what a user has stored may look like an entry.
			err = damagef("a piece of a large value")
		default:
			err = guard(new(bool), func() error { return r.chunk(&chunk) })
		}
		if err != nil {
			err = fmt.Errorf("snapshot chunk %d of %d: %w", index, c.state.chunks, err)
			if consequent {
				c.tell("", err.Error()+": it continues one that is lost")
			} else {
				c.lose(err)
			}
			c.cut(&r, index)
		}
		doubtful = err != nil && !consequent || consequent && chunk.kind == chunkPiece
	}
	if r.pending {
		c.unfinished(&r, c.state.chunks, doubtful)
	}
}

// entry takes an entry of the snapshot. A patch that does not fit is no reason
// to lose those that follow.
func (c *examination) entry(e Entry) error {
	err := c.keys.put(e)
	switch {
	case err == nil:
	case c.incomplete:
		c.tell(fmt.Sprint(e.DB, string(e.Key)), err.Error())
	default:
		c.fail(err)
	}
	return nil
}

// unfinished gives up a value that should go on after a chunk and does not.
func (c *examination) unfinished(r *reader, index uint64, doubtful bool) {
	if !doubtful {
		c.lose(damagef("snapshot chunk %d of %d: the rest of its value is missing", index, c.state.chunks))
	}
	c.cut(r, index)
}

// cut gives up the value that r has read pieces of, if any.
func (c *examination) cut(r *reader, index uint64) {
	if r.pending && r.part.headed {
		c.tell("", fmt.Sprintf("database %d, key %.80q is lost: its value goes on in, or after, snapshot chunk %d", r.part.DB, r.part.Key, index))
	}
	*r = reader{each: r.each}
}

// lose reports damage that some keys of the snapshot are lost by.
func (c *examination) lose(err error) {
	c.incomplete = true
	c.fail(err)
}

// chunk reads one chunk.
func (c *examination) chunk(index uint64) (k chunk, err error) {
	x, ok := c.chunks[chunkID{c.state.generation, index}]
	if !ok {
		return k, damagef("it is missing")
	}
	c.steps.next(int64(x.length), "snapshot chunk %d of %d", index, c.state.chunks)
	place := chunkPlace(c.state.generation, index)
	value, err := c.value(x, index, place)
	if err != nil {
		err = fmt.Errorf("at byte %d: %w", x.at, err)
		if value == nil {
			return k, err
		}
		c.fail(fmt.Errorf("snapshot chunk %d of %d: %w", index, c.state.chunks, err))
	}
	return openChunk(place, value)
}

// journal reads the records, and makes their changes until one is damaged.
func (c *examination) journal() {
	p := replay{after: c.state.covered, each: c.transaction}
	numbers := slices.Sorted(maps.Keys(c.records))
	whole, end := true, c.state.covered
	for _, number := range numbers[c.begin(numbers):] {
		c.steps.next(int64(c.records[number].length), "journal record %d of %d", number, c.sequence)
		r, key, value, err := c.record(number)
		if err != nil {
			c.fail(fmt.Errorf("journal record %d at byte %d: %w", number, c.records[number].at, err))
		}
		if value == nil {
			whole = false
			continue
		}
		end = max(end, r.end())
		if !whole {
			continue
		}
		if err := guard(new(bool), func() error { return p.record(key, value) }); err != nil {
			c.fail(err)
			whole = false
		}
	}
	if whole && (p.open || len(numbers) > 0 && p.number != c.sequence && c.last || len(numbers) == 0 && c.sequence > 0) {
		c.fail(damagef("the journal ends at record %d of %d", p.number, c.sequence))
	}
	if whole {
		c.staged(&p)
	}
	c.Sequence = max(p.seq, c.state.covered)
	if _, last, _ := c.readStage(c.Sequence); last > end {
		whole, end = false, last
	}
	if !whole && end > c.Sequence {
		c.tell("", fmt.Sprintf("the journal's transactions %d to %d are lost: they are of a damaged record, or come after one",
			c.Sequence+1, end))
	}
}

// staged makes the changes of the transactions in the stage, which follow what
// p has read.
func (c *examination) staged(p *replay) {
	content, _, err := c.readStage(max(p.seq, c.state.covered))
	if err != nil {
		c.fail(err)
	}
	before := c.Transactions
	for _, fr := range content.frames {
		r := record{first: fr.first, count: fr.count, buf: fr.body}
		if err := guard(new(bool), func() error { return p.staged(&r) }); err != nil {
			c.fail(err)
			break
		}
		c.Stage += int64(len(fr.body))
	}
	c.Staged, c.Unfinished = c.Transactions-before, content.unfinished
}

// readStage reads what is in the stage after a transaction, and the number of
// the last one that is whole in it, wherever it is.
func (c *examination) readStage(after uint64) (content stageContent, last uint64, err error) {
	content.last = after
	if c.stage.length == 0 {
		return content, 0, nil
	}
	value, err := c.survey.read(c.stage)
	if err != nil {
		return content, 0, err
	}
	var head stageHead
	if err := head.decode(value, len(value)); err != nil {
		return content, 0, fmt.Errorf("at byte %d: %w", c.stage.at, err)
	}
	ring := value[head.lead:]
	content, err = head.read(ring, after)
	return content, head.last(ring), err
}

// begin returns which of the numbered records is the first to be read. Those
// before the tree's are strays: of them no more is taken than is needed to
// follow the snapshot.
func (c *examination) begin(numbers []uint64) int {
	first, seq := 0, uint64(0)
	for i, number := range numbers {
		if number > c.first {
			break
		}
		r, _, value, _ := c.record(number)
		if value != nil && r.first <= c.state.covered+1 && r.first != seq { // not a further piece
			first, seq = i, r.first
		}
	}
	return first
}

// record reads one record. If value is not nil it is whole, whatever err says
// of another copy.
func (c *examination) record(number uint64) (r record, key, value []byte, err error) {
	key = binary.BigEndian.AppendUint64(nil, number)
	value, err = c.value(c.records[number], number, key)
	if value == nil {
		return r, key, nil, err
	}
	r, openErr := openRecord(key, value)
	if openErr != nil {
		return r, key, nil, openErr
	}
	return r, key, value, err
}

// transaction makes the changes of one.
func (c *examination) transaction(seq uint64, tx []byte) error {
	err := c.keys.apply(tx, c.incomplete, func(db int, key string, err error) {
		text := fmt.Sprintf("transaction %d, database %d, key %.80q: %v", seq, db, key, err)
		if c.incomplete {
			c.tell(fmt.Sprint(db, key), text)
		} else {
			c.fail(damagef("%s", text))
		}
	})
	if err != nil {
		return damagef("transaction %d: %v", seq, err)
	}
	c.Transactions++
	return nil
}

// tell reports a consequence of damage, once about a key.
func (c *examination) tell(key, text string) {
	if c.consequent == nil || key != "" && c.told[key] {
		return
	}
	c.told[key] = true
	c.consequent(text)
}
