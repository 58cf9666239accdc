package persist

import (
	"encoding/binary"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// The buckets and keys of a file; doc.go draws them.
var (
	metaBucket    = []byte("redstart")
	journalBucket = []byte("journal")
	dataBucket    = []byte("data")
	stageBucket   = []byte("stage")

	formatKey = []byte("format")
	stateKey  = []byte("state")
	stageKey  = []byte("stage")
)

// The versions of the layout. A program refuses a file of a version that it
// does not know, rather than read it wrong or write to it what is wrong. This one
// reads all there have been, and makes a file one of the newest with the first
// commit.
//
//	1	the first
//	2	entries of a snapshot may be patches
//	3	there is a stage
//	4	the root has a stamp (stamp.go), which tells whether there is a stage
const (
	stageFormat   = 3
	stampFormat   = 4
	formatVersion = 4
)

// A state says which part of the file is the snapshot. It is written by the
// last transaction of a checkpoint; until then everything the checkpoint wrote
// is a leftover that nobody reads.
type state struct {
	covered    uint64 // the snapshot holds every transaction up to this one
	generation uint64 // of the chunks; 0: there is no snapshot
	chunks     uint64 // how many there are: base, then delta runs
	baseBytes  uint64
	deltaBytes uint64
}

func (s *state) fields() []*uint64 {
	return []*uint64{&s.covered, &s.generation, &s.chunks, &s.baseBytes, &s.deltaBytes}
}

// sealed appends to b its checksum.
func sealed(place, b []byte) []byte {
	sum := crc32.Update(crc32.Checksum(place, castagnoli), castagnoli, b)
	return binary.LittleEndian.AppendUint32(b, sum)
}

// unsealed checks and cuts off the checksum. Not ok: it is wrong.
func unsealed(place, b []byte) (body []byte, ok bool) {
	if len(b) < 4 {
		return nil, false
	}
	body = b[:len(b)-4]
	sum := crc32.Update(crc32.Checksum(place, castagnoli), castagnoli, body)
	return body, sum == binary.LittleEndian.Uint32(b[len(b)-4:])
}

func (s *state) write(tx *bolt.Tx) error {
	var b []byte
	for _, field := range s.fields() {
		b = binary.LittleEndian.AppendUint64(b, *field)
	}
	return tx.Bucket(metaBucket).Put(stateKey, sealed(stateKey, b))
}

func (s *state) read(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil || tx.Bucket(journalBucket) == nil || tx.Bucket(dataBucket) == nil {
		return damagef("one of the buckets %q, %q, %q is missing", metaBucket, journalBucket, dataBucket)
	}
	return s.decode(meta.Get(stateKey))
}

func (s *state) decode(value []byte) error {
	b, ok := unsealed(stateKey, value)
	fields := s.fields()
	if !ok || len(b) != 8*len(fields) {
		return damagef("the record of the snapshot's state has a wrong checksum")
	}
	for i, field := range fields {
		*field = binary.LittleEndian.Uint64(b[8*i:])
	}
	return nil
}

// create lays out an empty file.
func create(tx *bolt.Tx) error {
	for _, name := range [][]byte{metaBucket, journalBucket, dataBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	if err := putFormat(tx, formatVersion); err != nil {
		return err
	}
	if err := new(state).write(tx); err != nil {
		return err
	}
	return putStamp(tx)
}

// raiseFormat makes the file say that it has the newest layout.
func raiseFormat(tx *bolt.Tx) error {
	b, ok := unsealed(formatKey, tx.Bucket(metaBucket).Get(formatKey))
	if !ok || len(b) != 4 {
		return damagef("the format version has a wrong checksum")
	}
	if binary.LittleEndian.Uint32(b) >= formatVersion {
		return nil
	}
	return putFormat(tx, formatVersion)
}

func putFormat(tx *bolt.Tx, version uint32) error {
	b := binary.LittleEndian.AppendUint32(nil, version)
	return tx.Bucket(metaBucket).Put(formatKey, sealed(formatKey, b))
}

// partName names the bucket of up to partChunks chunks of a generation, by the
// index of the first of them.
func partName(generation, first uint64) []byte { return chunkPlace(generation, first) }

// leftovers returns the names of up to limit buckets of chunks that are not
// part of the snapshot s describes.
func (s *state) leftovers(tx *bolt.Tx, limit int) (names [][]byte) {
	c := tx.Bucket(dataBucket).Cursor()
	for name, _ := c.First(); name != nil && len(names) < limit; name, _ = c.Next() {
		if len(name) == 16 && binary.BigEndian.Uint64(name) == s.generation &&
			binary.BigEndian.Uint64(name[8:]) <= s.chunks {
			continue
		}
		names = append(names, append([]byte(nil), name...))
	}
	return names
}

// clean drops up to limit buckets of leftovers and reports whether there may
// be more.
func (s *state) clean(tx *bolt.Tx, limit int) (more bool, err error) {
	names := s.leftovers(tx, limit)
	for _, name := range names {
		if err := tx.Bucket(dataBucket).DeleteBucket(name); err != nil {
			return false, err
		}
	}
	return len(names) == limit, nil
}
