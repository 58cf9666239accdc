package persist

import (
	"encoding/binary"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// A journal keeps committed transactions, in order, until a checkpoint has
// made them superfluous. Everything that knows how they are stored is in this
// file: the committer appends records within a transaction of bbolt, Load and
// Checkpoint read them back, a checkpoint trims. What was waited for may be
// staged first and come here later: see stage.go.
//
// Layout: bucket "journal" holds one bucket per segment, named by the number
// of its first record; a segment holds records under their numbers (8 bytes,
// big endian). Numbers count up by one and never restart; the sequence of
// bucket "journal" is the number of the last record, so that a lost tail is
// noticed like a lost record in the middle. Trimming drops whole segments: it
// costs pages, not records.
//
// A journal belongs to the committer; its invariant: segments ascend, the last
// one holds record number last unless it is full, bytes is the sum of theirs, and
// each has as many more before it than the first as those between have.
type journal struct {
	last     uint64 // number of the last record
	segments []segment
	bytes    int64 // of all segments
	guess    int64 // what bytes may be: it is known only when they have been read
}

// A segment is a piece of the journal that is dropped at once.
type segment struct {
	first uint64 // number of its first record; its name
	seq   uint64 // number of the last transaction it holds something of
	bytes int

	before int64 // bytes of those before it, and of some that have been dropped
}

// segmentSize is when a new segment begins. bbolt rewrites the leaf that a
// record is added to, and does not split it before it has four records, however
// large: so what is already in the segment is written once more with the next
// group. With segments of 1 MiB a group of 100 KB a second cost four times its
// bytes; with these it costs 1.15 times, and one of 20 KB 2.2 instead of 5.
// Smaller ones would cost those who open the file more than they save.
const segmentSize = 32 << 10

// A record is what the journal writes as one value of bbolt: some whole
// transactions, or a piece of one that is too large for a record.
//
//	crc32c  4 bytes, of the record's number and all that follows
//	kind    1 byte
//	count   4 bytes: transactions that end in this record
//	seq     8 bytes: number of the first transaction
//	body    whole: transactions, each behind its length as a varint
//	        piece: bytes of the transaction
//
// Integers are little endian.
type record struct {
	buf   []byte // recordHeader bytes to be filled in by seal, then the body
	kind  recordKind
	first uint64
	count uint32
}

type recordKind uint8

const (
	recordWhole recordKind = 1
	recordFirst recordKind = 2 // the first piece; more follow in the next records
	recordPiece recordKind = 3
	recordLast  recordKind = 4
)

const (
	recordHeader = 4 + 1 + 4 + 8
	recordSize   = 256 << 10 // of the buffer of an ordinary record
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC-32C of a value without its first four bytes, preceded by
// where the value belongs, so that one found elsewhere is not taken for good.
func checksum(place, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(place, castagnoli), castagnoli, value[4:])
}

// seal fills in the header. place is the record's key.
func (r *record) seal(place []byte) {
	r.buf[4] = byte(r.kind)
	binary.LittleEndian.PutUint32(r.buf[5:], r.count)
	binary.LittleEndian.PutUint64(r.buf[9:], r.first)
	binary.LittleEndian.PutUint32(r.buf, checksum(place, r.buf))
}

// openRecord checks a record and returns its fields; buf points to its body.
func openRecord(place, value []byte) (r record, err error) {
	if len(value) < recordHeader {
		return r, damagef("journal record %x is cut short", place)
	}
	if binary.LittleEndian.Uint32(value) != checksum(place, value) {
		return r, damagef("journal record %x has a wrong checksum", place)
	}
	r.kind = recordKind(value[4])
	r.count = binary.LittleEndian.Uint32(value[5:])
	r.first = binary.LittleEndian.Uint64(value[9:])
	r.buf = value[recordHeader:]
	return r, nil
}

// A journalMark is a journal at one time. A commit changes none but its last
// segment in place.
type journalMark struct {
	journal
	tail segment
}

func (j *journal) mark() journalMark {
	m := journalMark{journal: *j}
	if n := len(j.segments); n > 0 {
		m.tail = j.segments[n-1]
	}
	return m
}

// goBack makes j what it was, after a commit that failed.
func (j *journal) goBack(m journalMark) {
	if *j = m.journal; len(j.segments) > 0 {
		j.segments[len(j.segments)-1] = m.tail
	}
}

// open reads where the journal ends. It returns the number of the last
// transaction, or covered if the journal holds none after it.
func (j *journal) open(tx *bolt.Tx, covered uint64) (seq uint64, err error) {
	root := tx.Bucket(journalBucket)
	bytes := make(map[uint64]int) // nobody but Load reads enough to count them
	for _, s := range j.segments {
		bytes[s.first] = s.bytes
	}
	*j = journal{last: root.Sequence()}
	c := root.Cursor()
	for name, _ := c.First(); name != nil; name, _ = c.Next() {
		b := root.Bucket(name)
		if b == nil || len(name) != 8 {
			return 0, damagef("journal segment %x is not one", name)
		}
		s := segment{first: binary.BigEndian.Uint64(name)}
		s.bytes, s.before = bytes[s.first], j.bytes
		j.bytes += int64(s.bytes)
		key, value := b.Cursor().Last()
		if key == nil {
			return 0, damagef("journal segment %x is empty", name)
		}
		r, err := openRecord(key, value)
		if err != nil {
			return 0, err
		}
		s.seq = r.end()
		j.segments = append(j.segments, s)
		j.guess += int64(max(len(value), segmentSize))
		seq = s.seq
	}
	return max(seq, covered), nil
}

// end returns the number of the last transaction of which r holds something.
func (r *record) end() uint64 { return r.first + uint64(max(r.count, 1)) - 1 }

// append writes records behind those that are there.
func (j *journal) append(tx *bolt.Tx, records []*record) error {
	if len(records) == 0 {
		return nil
	}
	root := tx.Bucket(journalBucket)
	var b *bolt.Bucket
	for _, r := range records {
		j.last++
		key := binary.BigEndian.AppendUint64(nil, j.last)
		n := len(j.segments)
		if n == 0 || j.segments[n-1].bytes >= segmentSize {
			s := segment{first: j.last}
			if n > 0 {
				s.before = j.segments[n-1].before + int64(j.segments[n-1].bytes)
			}
			j.segments = append(j.segments, s)
			n, b = n+1, nil
		}
		s := &j.segments[n-1]
		if b == nil {
			var err error
			if b, err = root.CreateBucketIfNotExists(binary.BigEndian.AppendUint64(nil, s.first)); err != nil {
				return err
			}
			b.FillPercent = 1
		}
		r.seal(key)
		if err := b.Put(key, r.buf); err != nil {
			return err
		}
		s.seq = r.end()
		s.bytes += len(r.buf)
		j.bytes += int64(len(r.buf))
	}
	return root.SetSequence(j.last)
}

// trim drops up to limit segments whose transactions are all covered. It
// reports whether there are more of them. The last segment stays: a journal
// that has had records always has its last one, or is damaged.
func (j *journal) trim(tx *bolt.Tx, covered uint64, limit int) (more bool, err error) {
	root := tx.Bucket(journalBucket)
	for ; len(j.segments) > 1 && j.segments[0].seq <= covered; limit-- {
		if limit == 0 {
			return true, nil
		}
		if err := root.DeleteBucket(binary.BigEndian.AppendUint64(nil, j.segments[0].first)); err != nil {
			return false, err
		}
		j.bytes -= int64(j.segments[0].bytes)
		j.segments = j.segments[1:]
	}
	return false, nil
}

// check tests the invariant.
func (j *journal) check() error {
	sum := int64(0)
	for i := range j.segments {
		s := &j.segments[i]
		if i > 0 && (s.first <= j.segments[i-1].first || s.seq < j.segments[i-1].seq) {
			return damagef("BUG: segment %d of the journal does not ascend", i)
		}
		if s.before-j.segments[0].before != sum {
			return damagef("BUG: %d bytes before segment %d of the journal, and it says %d", sum, i, s.before-j.segments[0].before)
		}
		sum += int64(s.bytes)
	}
	if sum != j.bytes {
		return damagef("BUG: the journal has %d bytes, and says %d", sum, j.bytes)
	}
	return nil
}

// count takes the sizes of the segments, which only reading them tells.
func (j *journal) count(sizes []int) {
	j.bytes = 0
	for i := range j.segments {
		j.segments[i].bytes, j.segments[i].before = sizes[i], j.bytes
		j.bytes += int64(sizes[i])
	}
}

// A replay reads the journal back, segment by segment, and checks that
// nothing is missing.
type replay struct {
	after  uint64 // transactions up to here are skipped
	number uint64 // of the last record read; 0 before the first
	seq    uint64 // of the last transaction read
	pieces []byte // of a transaction that is not whole yet
	open   bool   // its first piece has been read
	each   func(seq uint64, tx []byte) error
	seen   shed
}

// segment reads the segment named name, or the first one if that is nil. It
// returns the name of the next, nil if it was the last one, and its size.
func (p *replay) segment(tx *bolt.Tx, name []byte) (next []byte, bytes int, err error) {
	root := tx.Bucket(journalBucket)
	c := root.Cursor()
	if name, _ = c.Seek(name); name != nil {
		b := root.Bucket(name)
		if b == nil {
			return nil, 0, damagef("journal segment %x is not one", name)
		}
		records := b.Cursor()
		for key, value := records.First(); key != nil; key, value = records.Next() {
			bytes += len(value)
			p.seen.add(value)
			if err := p.record(key, value); err != nil {
				return nil, 0, err
			}
		}
		if next, _ := c.Next(); next != nil {
			return append([]byte(nil), next...), bytes, nil
		}
	}
	if p.number != root.Sequence() || p.open {
		return nil, 0, damagef("the journal ends at record %d of %d", p.number, root.Sequence())
	}
	return nil, bytes, nil
}

// record reads one record.
func (p *replay) record(key, value []byte) error {
	r, err := openRecord(key, value)
	if err != nil {
		return err
	}
	if len(key) != 8 {
		return damagef("journal record %x has no number", key)
	}
	number := binary.BigEndian.Uint64(key)
	if p.number == 0 {
		if r.first > p.after+1 {
			return damagef("the journal begins at transaction %d instead of %d", r.first, p.after+1)
		}
		p.number, p.seq = number-1, r.first-1
	}
	if number != p.number+1 || r.first != p.seq+1 {
		return damagef("journal record %d with transaction %d follows record %d with transaction %d",
			number, r.first, p.number, p.seq)
	}
	p.number = number
	return p.body(&r)
}

// body reads the body of the record that follows the last one.
func (p *replay) body(r *record) error {
	if r.kind == recordWhole && !p.open {
		return p.whole(r)
	}
	return p.piece(r)
}

// whole hands out the transactions of an ordinary record.
func (p *replay) whole(r *record) error {
	rest := r.buf
	for range r.count {
		tx, next, ok := cutBytes(rest)
		if !ok {
			break
		}
		if err := p.transaction(tx); err != nil {
			return err
		}
		rest = next
	}
	if len(rest) > 0 || p.seq != r.end() {
		return damagef("journal record %d does not hold the %d transactions it should", p.number, r.count)
	}
	return nil
}

// piece collects the pieces of a large transaction. Trimming may have dropped
// the first ones of a transaction that is skipped, and of no other.
func (p *replay) piece(r *record) error {
	switch begun := p.open || p.seq < p.after; {
	case r.kind == recordFirst && r.count == 0 && !p.open:
		p.open = true
	case r.kind == recordPiece && r.count == 0 && begun:
	case r.kind == recordLast && r.count == 1 && begun:
		tx := append(p.pieces, r.buf...)
		p.open, p.pieces = false, nil
		return p.transaction(tx)
	default:
		return damagef("journal record %d is not the piece of a transaction it should be", p.number)
	}
	if p.seq >= p.after {
		p.pieces = append(p.pieces, r.buf...)
	}
	return nil
}

// staged hands out the transactions of a record that was staged when the
// reading began; a fold may have brought it into the journal since.
func (p *replay) staged(r *record) error {
	p.seq = max(p.seq, p.after)
	if r.end() <= p.seq {
		return nil
	}
	return eachTransaction(r.first, r.count, r.buf, func(seq uint64, tx []byte) error {
		if seq <= p.seq {
			return nil
		}
		if seq != p.seq+1 {
			return damagef("transaction %d is staged and follows transaction %d", seq, p.seq)
		}
		return p.transaction(tx)
	})
}

func (p *replay) transaction(tx []byte) error {
	p.seq++
	if p.seq <= p.after {
		return nil
	}
	return p.each(p.seq, tx)
}

// cutBytes returns the field at the front of buf, which stands behind its
// length as a varint, and what follows it.
func cutBytes(buf []byte) (field, rest []byte, ok bool) {
	size, n := binary.Uvarint(buf)
	if n <= 0 || size > uint64(len(buf)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return buf[n:end:end], buf[end:], true
}
