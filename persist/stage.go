package persist

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"unsafe"

	bolt "go.etcd.io/bbolt"

	"redstart/persist/internal/disk"
)

// A stage is where groups that somebody waits for become durable by one write
// and one sync, instead of the two syncs and the half dozen pages of a commit of
// bbolt. It is one value of bbolt, which no transaction touches once it is made,
// so that bbolt leaves its pages where they are; we overwrite them in place,
// below bbolt's surface. It is small at first, and when it is full a larger one
// takes its place, up to 4 MiB: at the moment in which nothing in it counts.
//
// What is staged belongs to the journal but is not in it yet. The bbolt journal
// stays the one truth that checkpoints, trimming and replay know: a fold, which
// is part of the next ordinary commit, appends to it all that was staged, from
// memory, and the stage begins again at its front. Nobody has to say that its
// old content is dead. Numbers of transactions never come twice, so a frame is
// alive if and only if it continues what the journal, and the frames before it,
// hold; and both change in the one moment in which bbolt's meta page does.
//
//	value      salt 8 | offset of the ring 4 | its size 4 | crc32c 4 | zeros | ring
//	ring       frames, each from a multiple of 4096 bytes of the file on
//	frame      crc32c | length of the body 4 | count 4 | first seq 8 | body | zeros
//	body       transactions, each behind its length as a varint, as in a record
//
// The checksum of a frame covers the stage's salt and the frame's position, too.
// The salt is a secret of the file: nobody can store a value that looks like
// a frame, and wait for a crash to bring it to life.
//
// Why a torn write harms nothing that was promised: there is one frame in flight
// at a time, the one behind the last; it begins on a page of its own, so no page
// with something that was promised is ever written again before a synced commit
// of bbolt has taken it over. Of the frame in flight some sectors may be new and
// some old: then its checksum is wrong and it is the end. On opening it is cut,
// and reported if its head can be read. If, however, any place behind the end
// holds a valid frame of a transaction not read yet, then the end is not where
// writing stopped but damage, and ErrCorrupt. What cannot be told from a torn
// write is damage in the very last frame; for as long as there is one, that is:
// a file at rest is folded within two seconds, and when it is closed.
//
// After a failed write the stage is not used again before the file is opened
// anew; the ordinary path takes over, which folds (commit.go). After a failed
// sync nobody knows what is on disk, as with any sync.
//
// Who may touch it: the committer only. It never runs a transaction of bbolt and
// a write in place at the same time, and nobody else writes to the file.
//
// How it is written: past the memory of the system (disk.Direct) where that can
// be, then fdatasync. For a small frame that took 57 µs of processor time; through
// the memory of the system 100, and 122 if the file was asked for its times before
// (disk.Size). To write with RWF_DSYNC instead of the fdatasync saved 5 more, and
// would have made an error of the write and one of the sync look the same.
//
// Figures, in one run: one who waits for each write gets 1.4 to 2 times the
// transactions a second that ordinary commits give him. Pages instead of sectors
// as the unit mean a fold every 1024 small groups instead of every 8192, which is
// 2 syncs in 1024; they spare every promise from being written again, and the
// kernel writes whole pages anyway. A second half, filled while the first is
// folded, was left out: the fold is a commit that somebody waits for, and takes
// as long as each commit did before there was a stage.
//
// Invariant: records hold, in order and without gaps, the transactions after
// the journal's last up to File.written; next is a multiple of stageUnit, and
// the frames of those transactions fill the ring up to there.
type stage struct {
	stageHead
	at      int64     // of the value in the file; 0: there is none
	next    int       // where in the ring the next frame goes
	records []*record // what was staged
	count   int       // transactions in them
	bytes   int       // and their bytes

	buf []byte // of a frame, whole units long
}

// A stageHead is the front of the value.
type stageHead struct {
	salt uint64
	lead uint32 // offset of the ring in the value
	size uint32 // of the ring
}

const (
	stageUnit     = 4096      // frames begin on multiples of it; no page is smaller in memory
	firstStage    = 256 << 10 // bytes of the ring of a new stage
	maxStage      = 4 << 20   // and of the largest
	stageHeadSize = 8 + 4 + 4 + 4
	frameHeader   = 4 + 4 + 4 + 8
)

// A frame is one group in the stage.
type frame struct {
	first uint64
	count uint32
	body  []byte
}

// last returns the number of the frame's last transaction.
func (fr *frame) last() uint64 { return fr.first + uint64(fr.count) - 1 }

// units returns how many bytes of the ring a frame with a body of n takes.
func units(n int) int { return (frameHeader + n + stageUnit - 1) / stageUnit * stageUnit }

func (h *stageHead) encode() []byte {
	b := binary.LittleEndian.AppendUint64(nil, h.salt)
	b = binary.LittleEndian.AppendUint32(b, h.lead)
	b = binary.LittleEndian.AppendUint32(b, h.size)
	return sealed(stageKey, b)
}

// decode reads the front of a value of length bytes.
func (h *stageHead) decode(front []byte, length int) error {
	if len(front) < stageHeadSize {
		return damagef("the head of the stage is cut short")
	}
	b, ok := unsealed(stageKey, front[:stageHeadSize])
	if !ok {
		return damagef("the head of the stage has a wrong checksum")
	}
	h.salt = binary.LittleEndian.Uint64(b)
	h.lead = binary.LittleEndian.Uint32(b[8:])
	h.size = binary.LittleEndian.Uint32(b[12:])
	if h.lead < stageHeadSize || uint64(h.lead)+uint64(h.size) != uint64(length) || h.size%stageUnit != 0 {
		return damagef("the head of the stage does not fit its %d bytes", length)
	}
	return nil
}

// sum is the checksum of a frame at position at of the ring; b is the frame
// without the padding.
func (h *stageHead) sum(at int, b []byte) uint32 {
	var place [12]byte
	binary.LittleEndian.PutUint64(place[:], h.salt)
	binary.LittleEndian.PutUint32(place[8:], uint32(at))
	return checksum(place[:], b)
}

// frame reads the frame at position at of the ring. plausible says that there
// is the head of one, whole says that all of it is.
func (h *stageHead) frame(ring []byte, at int) (fr frame, plausible, whole bool) {
	b := ring[at:]
	if len(b) < frameHeader {
		return fr, false, false
	}
	length := uint64(binary.LittleEndian.Uint32(b[4:]))
	fr.count = binary.LittleEndian.Uint32(b[8:])
	fr.first = binary.LittleEndian.Uint64(b[12:])
	if fr.count == 0 || length < uint64(fr.count) || length > uint64(len(b)-frameHeader) {
		return fr, false, false
	}
	end := frameHeader + int(length)
	fr.body = b[frameHeader:end:end]
	return fr, true, binary.LittleEndian.Uint32(b) == h.sum(at, b[:end])
}

// A stageContent is what a ring holds that the journal does not.
type stageContent struct {
	frames     []frame
	end        int    // of the ring's live part
	last       uint64 // number of the last transaction, of the journal's if there are no frames
	unfinished bool   // a frame after it was begun and is not whole
}

// read reads a ring, given the number of the last transaction in the journal.
// With an error the content is what comes before the damage.
func (h *stageHead) read(ring []byte, after uint64) (c stageContent, err error) {
	c.last = after
	for c.end < len(ring) {
		fr, plausible, whole := h.frame(ring, c.end)
		if !whole || fr.first != c.last+1 {
			c.unfinished = plausible && !whole && fr.first == c.last+1
			break
		}
		c.frames = append(c.frames, fr)
		c.end += units(len(fr.body))
		c.last = fr.last()
	}
	for at := c.end; at < len(ring); at += stageUnit {
		if fr, _, whole := h.frame(ring, at); whole && fr.last() > c.last {
			return c, damagef("the stage, at byte %d of %d, holds transactions %d to %d, but what comes after transaction %d is damaged",
				at, len(ring), fr.first, fr.last(), c.last)
		}
	}
	return c, nil
}

// last returns the number of the last transaction of any frame that is whole.
func (h *stageHead) last(ring []byte) (seq uint64) {
	for at := 0; at < len(ring); at += stageUnit {
		if fr, _, whole := h.frame(ring, at); whole {
			seq = max(seq, fr.last())
		}
	}
	return seq
}

// eachTransaction passes the transactions of a frame, or a record, to do.
func eachTransaction(first uint64, count uint32, body []byte, do func(seq uint64, tx []byte) error) error {
	rest := body
	for i := range count {
		tx, next, ok := cutBytes(rest)
		if !ok {
			return damagef("what is staged of transaction %d is damaged", first+uint64(i))
		}
		if err := do(first+uint64(i), tx); err != nil {
			return err
		}
		rest = next
	}
	if len(rest) > 0 {
		return damagef("there are more transactions staged than the %d from %d on", count, first)
	}
	return nil
}

// createStage adds a stage to the file, or puts a new one in the place of one of
// which nothing is needed any more when tx is committed.
func createStage(tx *bolt.Tx, size int) error {
	if tx.Bucket(stageBucket) != nil {
		if err := tx.DeleteBucket(stageBucket); err != nil {
			return err
		}
	}
	b, err := tx.CreateBucket(stageBucket)
	if err != nil {
		return err
	}
	// The only element of a leaf: its value comes after both headers and the key.
	head := stageHead{lead: uint32(stageUnit - pageHeader - elementSize - len(stageKey)), size: uint32(size)}
	var salt [8]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return err
	}
	head.salt = binary.LittleEndian.Uint64(salt[:])
	value := make([]byte, int(head.lead)+size)
	copy(value, head.encode())
	return b.Put(stageKey, value)
}

// locate finds the stage of the file, if there is one, in a transaction that
// reads: bbolt's map of the file does not move meanwhile.
func (s *stage) locate(tx *bolt.Tx) error {
	s.at, s.stageHead = 0, stageHead{}
	b := tx.Bucket(stageBucket)
	if b == nil {
		return nil
	}
	value := b.Get(stageKey)
	if err := s.decode(value, len(value)); err != nil {
		return err
	}
	s.at = int64(uintptr(unsafe.Pointer(&value[0])) - tx.DB().Info().Data)
	return nil
}

// usable reports whether frames can be written: a file that another program
// has rewritten may have its pages elsewhere.
func (s *stage) usable() bool { return s.at > 0 && (s.at+int64(s.lead))%stageUnit == 0 }

// load reads what is staged, given the number of the last transaction in the
// journal. It returns the number of the last transaction of all.
func (s *stage) load(file *os.File, after uint64) (c stageContent, err error) {
	s.reset()
	c.last = after
	if s.at == 0 {
		return c, nil
	}
	// Not through the map: not every system shows there what was written in place.
	ring := make([]byte, s.size)
	if _, err := file.ReadAt(ring, s.at+int64(s.lead)); err != nil {
		return c, err
	}
	if c, err = s.read(ring, after); err != nil {
		return c, err
	}
	for i := range c.frames {
		fr := &c.frames[i]
		err := eachTransaction(fr.first, fr.count, fr.body, func(seq uint64, tx []byte) error {
			if len(tx) > recordSize-recordHeader-binary.MaxVarintLen64 {
				return damagef("transaction %d in the stage is too large", seq)
			}
			r := s.tail(seq, len(tx)+binary.MaxVarintLen64)
			r.buf = binary.AppendUvarint(r.buf, uint64(len(tx)))
			r.buf = append(r.buf, tx...)
			r.count++
			return nil
		})
		if err != nil {
			return c, err
		}
		s.count, s.bytes = s.count+int(fr.count), s.bytes+len(fr.body)
	}
	s.next = c.end
	return c, nil
}

// tail returns the record that takes size more bytes, of transaction seq on.
func (s *stage) tail(seq uint64, size int) *record {
	if n := len(s.records); n > 0 && cap(s.records[n-1].buf)-len(s.records[n-1].buf) >= size {
		return s.records[n-1]
	}
	// Not one that was used before: others may read its bytes still.
	r := &record{buf: make([]byte, recordHeader, recordSize), kind: recordWhole, first: seq}
	s.records = append(s.records, r)
	return r
}

// fits reports whether the group can be written as the next frame.
func (s *stage) fits(g *group) bool {
	return s.takes(g, int(s.size)) && s.next+units(g.bytes) <= int(s.size)
}

// takes reports whether the group may be a frame in a ring of a size: one
// that takes much of it might as well be committed.
func (s *stage) takes(g *group, size int) bool {
	for _, r := range g.records {
		if r.kind != recordWhole {
			return false
		}
	}
	return units(g.bytes) <= size/4
}

// full reports whether the group would fit in a larger ring.
func (s *stage) full(g *group) bool { return !s.fits(g) && s.takes(g, maxStage) }

// encode returns the group as a frame, in memory that disk.Direct can write. It
// is valid until the next call.
func (s *stage) encode(g *group) []byte {
	size := units(g.bytes)
	if cap(s.buf) < size {
		s.buf = make([]byte, size+disk.DirectUnit)
		past := uintptr(unsafe.Pointer(&s.buf[0])) % disk.DirectUnit
		s.buf = s.buf[disk.DirectUnit-past:]
	}
	b := s.buf[:frameHeader]
	count := uint32(0)
	for _, r := range g.records {
		b = append(b, r.buf[recordHeader:]...)
		count += r.count
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameHeader))
	binary.LittleEndian.PutUint32(b[8:], count)
	binary.LittleEndian.PutUint64(b[12:], g.records[0].first)
	binary.LittleEndian.PutUint32(b, s.sum(s.next, b))
	clear(b[len(b):size])
	return b[:size]
}

// place is where in the file the next frame goes.
func (s *stage) place() int64 { return s.at + int64(s.lead) + int64(s.next) }

// took notes that the group is staged.
func (s *stage) took(g *group) {
	s.next += units(g.bytes)
	s.bytes += g.bytes
	for _, r := range g.records {
		body := r.buf[recordHeader:]
		t := s.tail(r.first, len(body))
		t.buf = append(t.buf, body...)
		t.count += r.count
		s.count += int(r.count)
	}
}

// reset empties the stage: what was in it is in the journal.
func (s *stage) reset() {
	clear(s.records)
	s.records, s.next, s.count, s.bytes = s.records[:0], 0, 0, 0
}

// renew writes the frames again as they are: what an earlier process wrote may
// be in the memory of the system only, and a failed sync may have made it look as
// if it were on disk (see the other renew, which also syncs).
func (s *stage) renew(file *os.File) error {
	if s.next == 0 {
		return nil
	}
	frames := make([]byte, s.next)
	at := s.at + int64(s.lead)
	if _, err := file.ReadAt(frames, at); err != nil {
		return err
	}
	err := disk.WriteAt(file, frames, at)
	if errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return err
}

// stagedNow returns what is staged; buf points to the bodies, which do not
// change. It is asked before the journal is read, which holds what has been folded
// since.
func (f *File) stagedNow() (records []record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.stage.records {
		records = append(records, record{kind: recordWhole, first: r.first, count: r.count, buf: r.buf[recordHeader:]})
	}
	return records
}

// check tests the invariant; written is the number of the last transaction.
func (s *stage) check(written uint64) error {
	count, bytes := uint64(0), 0
	for i, r := range s.records {
		if r.kind != recordWhole || i > 0 && r.first != s.records[i-1].end()+1 {
			return damagef("BUG: record %d of the stage does not continue the one before", i)
		}
		if err := eachTransaction(r.first, r.count, r.buf[recordHeader:], func(uint64, []byte) error { return nil }); err != nil {
			return err
		}
		count, bytes = count+uint64(r.count), bytes+len(r.buf)-recordHeader
	}
	if int(count) != s.count || bytes != s.bytes || s.next%stageUnit != 0 || s.next > int(s.size) {
		return damagef("BUG: the stage holds %d transactions in %d bytes, not %d in %d", count, bytes, s.count, s.bytes)
	}
	if n := len(s.records); n > 0 && s.records[n-1].end() != written {
		return damagef("BUG: the stage ends at transaction %d, not %d", s.records[n-1].end(), written)
	}
	return nil
}
