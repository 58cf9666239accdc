package persist

import "encoding/binary"

// A chunk is one value of bbolt that holds entries of a snapshot, or a piece of
// an entry too large for a chunk.
//
//	crc32c  4 bytes, of the chunk's generation and index and all that follows
//	kind    1 byte
//	count   4 bytes: entries that end in this chunk
//	body    the entries, or the piece
type chunk struct {
	buf   []byte // chunkHeader bytes to be filled in by seal, then the body
	kind  chunkKind
	count uint32
}

type chunkKind uint8

const (
	chunkWhole chunkKind = 1
	chunkPiece chunkKind = 2 // more pieces follow in the next chunks; before format 4 the first one, too
	chunkLast  chunkKind = 3 // the last piece
	chunkFirst chunkKind = 4 // the first piece
)

const (
	chunkHeader = 4 + 1 + 4
	chunkSize   = 64<<10 - 64 // two of them and the headers of their page fill whole pages
	partChunks  = 256         // chunks that share a bucket, and are dropped at once
)

// chunkPlace names a chunk to its checksum: its generation and index.
func chunkPlace(generation, index uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, generation), index)
}

// seal fills in the header.
func (c *chunk) seal(place []byte) {
	c.buf[4] = byte(c.kind)
	binary.LittleEndian.PutUint32(c.buf[5:], c.count)
	binary.LittleEndian.PutUint32(c.buf, checksum(place, c.buf))
}

// openChunk checks a chunk and returns its fields; buf points to its body.
func openChunk(place, value []byte) (c chunk, err error) {
	if len(value) < chunkHeader {
		return c, damagef("snapshot chunk %x is cut short", place)
	}
	if binary.LittleEndian.Uint32(value) != checksum(place, value) {
		return c, damagef("snapshot chunk %x has a wrong checksum", place)
	}
	c.kind = chunkKind(value[4])
	c.count = binary.LittleEndian.Uint32(value[5:])
	c.buf = value[chunkHeader:]
	return c, nil
}
