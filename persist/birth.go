package persist

import (
	"bytes"
	"hash/fnv"
	"io"
	"os"
)

const (
	pageMetas    = 0x04 // flags of the other kinds of pages
	pageFreelist = 0x10

	firstPages = 4   // that bbolt writes into a new file
	sectorSize = 512 // that a disk writes as a whole
)

// unborn reports whether the file is what a crash may leave of one that bbolt
// was creating: some sectors of its first pages, zeros for the others, and
// nothing else. Nobody was promised anything then, and nothing can be in it.
func unborn(file io.ReaderAt, size int64) bool {
	want := newborn(os.Getpagesize())
	if size > int64(len(want)) || size%sectorSize != 0 {
		return false
	}
	have := make([]byte, size)
	if _, err := file.ReadAt(have, 0); err != nil {
		return false
	}
	for at := 0; at < len(have); at += sectorSize {
		sector := have[at : at+sectorSize]
		if !bytes.Equal(sector, want[at:at+sectorSize]) && len(bytes.Trim(sector, "\x00")) > 0 {
			return false
		}
	}
	return true
}

// newborn returns the pages that bbolt writes into a new file: two metas, a
// freelist and a leaf, both without anything in them.
func newborn(pageSize int) []byte {
	b := make([]byte, firstPages*pageSize)
	for id, flags := range []uint16{pageMetas, pageMetas, pageFreelist, pageLeaf} {
		page := b[id*pageSize:]
		native.PutUint64(page, uint64(id))
		native.PutUint16(page[8:], flags)
		if flags != pageMetas {
			continue
		}
		m := page[pageHeader : pageHeader+metaSize]
		native.PutUint32(m, boltMagic)
		native.PutUint32(m[4:], boltVersion)
		native.PutUint32(m[8:], uint32(pageSize))
		native.PutUint64(m[16:], 3) // root
		native.PutUint64(m[32:], 2) // freelist
		native.PutUint64(m[40:], firstPages)
		native.PutUint64(m[48:], uint64(id)) // transaction
		sum := fnv.New64a()
		sum.Write(m[:metaSize-8])
		native.PutUint64(m[metaSize-8:], sum.Sum64())
	}
	return b
}
