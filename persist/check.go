package persist

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"redstart/persist/internal/disk"
	"redstart/types"
)

// A Summary is what Check has found in a file, or Recover has saved.
type Summary struct {
	Keys         int
	Databases    map[int]map[types.Kind]int // keys of each kind, of databases that have any
	Transactions int                        // of the journal, after the snapshot
	Damage       int                        // places that are damaged
}

// Check reads everything in the file and passes each damage it finds, with its
// place, to report. The error is nil if the file is whole; it wraps ErrCorrupt
// if it is not, and then the Summary is of what is whole. It is a
// *LockedError, or wraps ErrForeign or ErrNewer, if the file was not examined.
// The file is locked, and only read. Its keys are in memory meanwhile.
func Check(path string, report func(problem string)) (Summary, error) {
	c, err := examine(path, report, nil)
	if err == nil && c.Damage > 0 {
		err = fmt.Errorf("%s: %w (damaged places: %d)", path, ErrCorrupt, c.Damage)
	}
	return c.Summary, err
}

// Recover writes a new file, newPath, with what is whole in the file at path:
// the entries of all undamaged chunks of the snapshot, and the transactions of
// the journal up to the first record that is damaged. It passes each damage, and
// what it means for which keys, to report. If chunks are lost, so are their
// keys, but for what the journal holds about them; or they are as they were in
// an earlier chunk.
//
// The file at path is locked and only read, and may be whole. Nothing may exist
// at newPath; the new file appears there when it is complete and on disk, and
// not at all if there is an error. Its keys are in memory meanwhile.
func Recover(path, newPath string, report func(problem string)) (Summary, error) {
	if err := mustNotExist(newPath); err != nil {
		return Summary{}, err
	}
	c, err := examine(path, report, report)
	if err != nil {
		return c.Summary, err
	}
	return c.Summary, c.keys.save(newPath)
}

// An examination goes through everything in a file.
type examination struct {
	Summary
	survey
	keys       keyspace
	incomplete bool         // keys of the snapshot are lost
	consequent func(string) // is told what that means; nil: nobody wants to know
	told       map[string]bool
}

// examine reads the file at path.
func examine(path string, report, consequent func(string)) (*examination, error) {
	c := &examination{keys: keyspace{}, told: map[string]bool{}, consequent: consequent}
	c.survey.report = func(err error) {
		c.Damage++
		report(err.Error())
	}
	err := c.open(path)
	c.count()
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
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // and with it the lock
	if err := lock(file, path); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	empty, damaged := inspect(file, info.Size())
	if empty || errors.Is(damaged, ErrNewer) {
		return damaged
	}
	c.file, c.size = file, info.Size()
	if err := c.run(errors.Is(damaged, ErrForeign)); err != nil {
		return err
	}
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
		piece := err == nil && chunk.kind != chunkWhole
		if err == nil && !piece && r.pending {
			c.unfinished(&r, index-1, doubtful)
		}
		if err == nil {
			err = guard(new(bool), func() error { return r.chunk(&chunk) })
		}
		consequent := doubtful && piece
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
	if !whole && end > max(p.seq, c.state.covered) {
		c.tell("", fmt.Sprintf("the journal's transactions %d to %d are lost: they are of a damaged record, or come after one",
			max(p.seq, c.state.covered)+1, end))
	}
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

// count sums up what was read.
func (c *examination) count() {
	c.Databases = make(map[int]map[types.Kind]int)
	for e := range c.keys.All() {
		if c.Databases[e.DB] == nil {
			c.Databases[e.DB] = make(map[types.Kind]int)
		}
		c.Databases[e.DB][e.Kind]++
		c.Keys++
	}
}

// save writes the keys to a new file. Until it is complete it has another
// name, so that nobody takes a part of it for the whole.
func (k keyspace) save(path string) (err error) {
	part := path + ".unfinished"
	f, err := Open(part, &Options{Sync: Never, openFile: openNew})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			disk.RemoveFile(part)
		}
	}()
	err = f.Load(func(Entry) error { return nil }, func(uint64, []byte) error { return nil })
	if err == nil {
		err = f.Checkpoint(k)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := mustNotExist(path); err != nil {
		return err
	}
	if err := disk.RenameFile(part, path); err != nil {
		return err
	}
	return disk.SyncDirectory(filepath.Dir(path))
}

// openNew is disk.OpenFile that creates no file over an old one.
func openNew(path string, flag int, mode os.FileMode) (*os.File, error) {
	if flag&os.O_CREATE != 0 {
		flag |= os.O_EXCL
	}
	return disk.OpenFile(path, flag, mode)
}

func mustNotExist(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}
