package persist

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"redstart/types"
)

// An Examiner tells what is in a file, and how whole it is. It locks the file
// and only ever reads it; Compact puts another one in its place. All keys are in memory meanwhile. The zero value is
// ready to use.
//
// Whatever a file holds, nothing but an error comes of it: pages are read with
// plain reads, lengths are compared with what there is before they are
// believed, and bbolt is not asked.
type Examiner struct {
	// Report is passed each damage, with its place. Default: nobody is.
	Report func(problem string)
	// Progress is told what is read, or written, next, and how much is done of
	// how much; total is 0 as long as nobody knows. Default: nobody is.
	Progress func(what string, done, total int64)
}

// A Summary is what Check has found in a file, or Recover has saved.
type Summary struct {
	Keys         int
	Databases    map[int]map[types.Kind]int // keys of each kind, of databases that have any
	Expiring     int                        // keys with a deadline
	Transactions int                        // of the journal and the stage, after the snapshot
	Staged       int                        // of these, those in the stage
	Unfinished   bool                       // a crash has cut off a write to the stage, that nobody was promised
	Damage       int                        // places that are damaged

	Format     int    // version of the layout; 0: an empty file
	Sequence   uint64 // number of the last transaction
	Covered    uint64 // of the last one that the snapshot holds
	Generation uint64 // of the snapshot; 0: there is none

	Size    int64 // bytes of the file
	Free    int64 // of those, what is not in use
	Journal int64 // bytes of the journal's records
	Stage   int64 // bytes of the transactions that are staged
	Base    int64 // of the snapshot: all keys at one time
	Deltas  int64 // of the snapshot: changes since

	// Largest are the largest keys of each kind, at most ten, in order.
	Largest map[types.Kind][]KeySize
}

// A KeySize tells how large a key is.
type KeySize struct {
	DB    int
	Key   string
	Len   int   // elements; 1 of a string
	Bytes int64 // of memory that its value takes
}

// Check reads everything in the file. The error is nil if the file is whole;
// it wraps ErrCorrupt if it is not, and then the Summary is of what is whole.
// It is a *LockedError, or wraps ErrForeign or ErrNewer, if the file was not
// examined.
func (x *Examiner) Check(path string) (Summary, error) {
	c, err := newExamination(x.report(), nil, x.Progress).read(path)
	if err == nil && c.Damage > 0 {
		err = fmt.Errorf("%s: %w (damaged places: %d)", path, ErrCorrupt, c.Damage)
	}
	return c.Summary, err
}

// Recover writes a new file, newPath, with what is whole in the file at path:
// the entries of all undamaged chunks of the snapshot, and the transactions of
// the journal up to the first record that is damaged. Report is passed each
// damage, and what it means for which keys. If chunks are lost, so are their
// keys, but for what the journal holds about them; or they are as they were in
// an earlier chunk.
//
// The file at path may be whole. Nothing may exist at newPath; the new file
// appears there when it is complete and on disk, and not at all if there is an
// error.
func (x *Examiner) Recover(path, newPath string) (Summary, error) {
	if err := mustNotExist(newPath); err != nil {
		return Summary{}, err
	}
	report := x.report()
	c, err := newExamination(report, report, x.Progress).read(path)
	if err != nil {
		return c.Summary, err
	}
	return c.Summary, WriteFile(newPath, numbered{c.keys, c.Sequence}, x.writing())
}

// writing returns what passes Progress which of the keys is written next, and
// then read back.
func (x *Examiner) writing() func(done, total int64) {
	if x.Progress == nil {
		return nil
	}
	return func(done, total int64) {
		what, n := "writing", done
		if keys := total / 2; n > keys {
			what, n = "reading back", n-keys
		}
		x.Progress(fmt.Sprintf("%s key %d of %d", what, n, total/2), done, total)
	}
}

func (x *Examiner) report() func(string) {
	if x.Report == nil {
		return func(string) {}
	}
	return x.Report
}

// Check is Check of an Examiner that only reports.
func Check(path string, report func(problem string)) (Summary, error) {
	return (&Examiner{Report: report}).Check(path)
}

// Recover is Recover of an Examiner that only reports.
func Recover(path, newPath string, report func(problem string)) (Summary, error) {
	return (&Examiner{Report: report}).Recover(path, newPath)
}

// values returns how many bytes of chunks and records are to be read.
func (c *examination) values() (total int64) {
	for id, x := range c.chunks {
		if c.state != nil && id.generation == c.state.generation && id.index <= c.state.chunks {
			total += int64(x.length)
		}
	}
	for _, x := range c.records {
		total += int64(x.length)
		c.Journal += int64(x.length)
	}
	return total
}

// largest is how many of the largest keys of a kind are told.
const largest = 10

// sum sums up what was read.
func (c *examination) sum() {
	c.Databases = make(map[int]map[types.Kind]int)
	c.Largest = make(map[types.Kind][]KeySize)
	for e := range c.keys.All() {
		if c.Databases[e.DB] == nil {
			c.Databases[e.DB] = make(map[types.Kind]int)
		}
		c.Databases[e.DB][e.Kind]++
		c.Keys++
		if e.Deadline != 0 {
			c.Expiring++
		}
		c.measure(&e)
	}
	for _, keys := range c.Largest {
		slices.SortFunc(keys, KeySize.compare)
	}
	c.Format = int(c.format)
	if s := c.state; s != nil {
		c.Covered, c.Generation = s.covered, s.generation
		c.Base, c.Deltas = int64(s.baseBytes), int64(s.deltaBytes)
	}
	if c.used == nil {
		return
	}
	c.Free = c.Size - 2*int64(c.pageSize)
	for id := uint64(2); id < c.pages; id++ {
		if c.used[id/64]&(1<<(id%64)) != 0 {
			c.Free -= int64(c.pageSize)
		}
	}
	c.Free = max(c.Free, 0)
}

// compare orders the larger one first.
func (k KeySize) compare(other KeySize) int {
	return cmp.Or(-cmp.Compare(k.Bytes, other.Bytes), cmp.Compare(k.DB, other.DB), cmp.Compare(k.Key, other.Key))
}

// measure keeps e if it is one of the largest. They are few: the smallest of
// them is looked for.
func (c *examination) measure(e *Entry) {
	k := KeySize{DB: e.DB, Key: string(e.Key), Len: 1, Bytes: int64(len(e.Value))}
	if e.Object != nil {
		k.Len, k.Bytes = e.Object.Len(), int64(e.Object.Size())
	}
	keys := c.Largest[e.Kind]
	if len(keys) < largest {
		c.Largest[e.Kind] = append(keys, k)
		return
	}
	last := 0
	for i := range keys {
		if keys[i].compare(keys[last]) > 0 {
			last = i
		}
	}
	if k.compare(keys[last]) < 0 {
		keys[last] = k
	}
}

// steps count what an examination has read.
type steps struct {
	report      func(what string, done, total int64)
	done, total int64
	told        int64 // what was done when it was told
	reads       int
}

const (
	toldBytes = 16 << 10 // of values are told at once
	toldReads = 16       // and so many reads of pages
)

// expect says that total bytes will be read in steps.
func (s *steps) expect(total int64) { s.total, s.told = total, -toldBytes }

// next says that n bytes, which are called so, are read next.
func (s *steps) next(n int64, what string, args ...any) {
	if s.report == nil {
		return
	}
	if s.done-s.told >= toldBytes {
		s.report(fmt.Sprintf(what, args...), s.done, s.total)
		s.told = s.done
	}
	s.done += n
}

// reader returns file, of which reads are told until a total is known.
func (s *steps) reader(file io.ReaderAt) io.ReaderAt {
	if s.report == nil {
		return file
	}
	return &stepReader{file, s}
}

type stepReader struct {
	file  io.ReaderAt
	steps *steps
}

func (r *stepReader) ReadAt(b []byte, at int64) (int, error) {
	if s := r.steps; s.total == 0 {
		if s.reads%toldReads == 0 {
			s.report(fmt.Sprintf("byte %d", at), 0, 0)
		}
		s.reads++
	}
	return r.file.ReadAt(b, at)
}
