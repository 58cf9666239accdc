package persist

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// Preflight reads a file before bbolt does.
//
// bbolt trusts its pages: they have no checksums, and a file that is cut short
// or has a wrong byte in a page header makes it panic, loop, or fault in a
// goroutine where nobody can recover. So the whole tree of pages is walked here
// first, with plain reads: every page must be where and what its parent says,
// lie within the file, hold its elements within its bounds and in order, and
// belong to one parent only. That costs one small read per page, about 17 of
// which a snapshot chunk fills, and makes bbolt safe to open. What the values
// hold is not looked at: they have checksums of ours, which Load verifies.
type preflight struct {
	file io.ReaderAt
	size int64
	pageMeta
	used  []uint64 // bit per page: it has a parent
	depth int      // buckets within buckets
	free  [][]byte // buffers of one page each
}

// pageMeta is what we need of the meta page of bbolt, two of which begin the
// file; the valid one of the newest transaction counts.
type pageMeta struct {
	magic, version, pageSize uint32
	root, freelist, pages    uint64
	tx                       uint64
}

const (
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	noFreelist   = 1<<64 - 1
	pageHeader   = 16
	metaSize     = 64
	elementSize  = 16 // of a leaf and of a branch
	bucketHeader = 16

	pageBranch = 0x01
	pageLeaf   = 0x02

	maxDepth = 4  // of our buckets; bbolt recurses over them
	maxLevel = 64 // of pages in one bucket
)

// native is the byte order of bbolt's own structures.
var native = binary.NativeEndian

// inspect walks the file. It returns ErrForeign, ErrNewer or a damage; empty
// tells that the file is one that bbolt has begun, and maybe not finished, and
// nobody has used.
func inspect(file io.ReaderAt, size int64) (empty bool, err error) {
	if unborn(file, size) {
		return true, nil
	}
	p := &preflight{file: file, size: size}
	empty, err = p.inspect()
	if err == ErrForeign {
		switch {
		case p.ours():
			err = damagef("bucket %q is not where it should be, though its record of the format version is in the file", metaBucket)
		case p.hasRecord():
			err = damagef("page %d is not the root of the tree that should be there, though there are records of the journal in the file", p.root)
		}
	}
	return empty, err
}

func (p *preflight) inspect() (empty bool, err error) {
	if p.pageMeta, err = p.metas(); err != nil {
		return false, err
	}
	if have := uint64(p.size) / uint64(p.pageSize); have < p.pages {
		return false, damagef("it is cut short: %d bytes instead of at least %d", p.size, p.pages*uint64(p.pageSize))
	}
	p.used = make([]uint64, p.pages/64+1)
	root, err := p.format()
	if err != nil {
		return false, err
	}
	if root.count == 0 && root.leaf() && p.tx <= 1 {
		return true, nil
	}
	if p.freelist != noFreelist {
		list, err := p.page(p.freelist)
		if err != nil {
			return false, err
		}
		if err := p.take(&list); err != nil {
			return false, err
		}
	}
	return false, p.walk(p.root, nil, nil, 0)
}

// metas returns the meta page that counts.
func (p *preflight) metas() (m pageMeta, err error) {
	first, firstErr := p.meta(0)
	if firstErr == nil {
		second, secondErr := p.meta(int64(first.pageSize))
		return choose(first, second, secondErr)
	}
	for pageSize := int64(1024); pageSize <= 1<<24 && pageSize < p.size; pageSize *= 2 {
		if second, err := p.meta(pageSize); err == nil && int64(second.pageSize) == pageSize {
			return choose(second, first, firstErr)
		}
	}
	if first.magic != boltMagic {
		return m, ErrForeign
	}
	return m, firstErr
}

// choose returns the newer of two metas, of which other may be damaged. If
// the damaged one may have been the newer one, falling back to the older one
// could lose what was acknowledged: then it is damage. (A crash does not leave
// half a meta: it fits in one sector.)
func choose(good, other pageMeta, err error) (pageMeta, error) {
	switch {
	case err == nil && other.tx > good.tx:
		return other, nil
	case err == nil || other.tx+1 == good.tx:
		return good, nil
	}
	return good, err
}

// meta reads the meta page at off. With an error, fields are as far as known.
func (p *preflight) meta(off int64) (m pageMeta, err error) {
	var b [pageHeader + metaSize]byte
	if _, err := p.file.ReadAt(b[:], off); err != nil {
		m.magic = native.Uint32(b[pageHeader:])
		return m, p.readError(err, off)
	}
	f := b[pageHeader:]
	whole := mendMeta(f)
	m = pageMeta{
		magic: native.Uint32(f), version: native.Uint32(f[4:]), pageSize: native.Uint32(f[8:]),
		root: native.Uint64(f[16:]), freelist: native.Uint64(f[32:]), pages: native.Uint64(f[40:]),
		tx: native.Uint64(f[48:]),
	}
	switch {
	case !whole || m.magic != boltMagic:
		return m, damagef("the meta page at byte %d is damaged", off)
	case (m.tx%2 == 0) != (off == 0): // they take turns
		return m, damagef("the meta page at byte %d is a copy of the other one", off)
	case m.version != boltVersion:
		return m, fmt.Errorf("%w (its pages are of version %d, not %d)", ErrNewer, m.version, boltVersion)
	case m.pageSize < 512 || m.pageSize > 1<<24 || m.pageSize&(m.pageSize-1) != 0 || m.pages > 1<<48:
		return m, damagef("the meta page at byte %d is damaged", off)
	}
	return m, nil
}

// mendMeta reports whether the meta f has the right checksum. If not, but one
// flipped bit is all that is wrong with it, it is flipped back: choose must know
// which transaction a damaged meta was of. (Bit 1 of the newer one's number makes
// it look older than the other.)
func mendMeta(f []byte) (whole bool) {
	right := func() bool {
		sum := fnv.New64a()
		sum.Write(f[:metaSize-8])
		return sum.Sum64() == native.Uint64(f[metaSize-8:])
	}
	if right() {
		return true
	}
	for bit := range metaSize * 8 {
		if f[bit/8] ^= 1 << (bit % 8); right() {
			return false
		}
		f[bit/8] ^= 1 << (bit % 8)
	}
	return false
}

func (p *preflight) readError(err error, off int64) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return damagef("it ends at byte %d, before what should be at byte %d", p.size, off)
	}
	return fmt.Errorf("reading byte %d: %w", off, err)
}

// A page is a header and where its elements are.
type page struct {
	id       uint64
	flags    uint16
	count    int
	overflow uint32
	off      int64  // of the page in the file
	size     int    // with overflow
	front    []byte // header and table of elements, at least
}

func (g *page) leaf() bool { return g.flags == pageLeaf }

// page reads a page's header and elements, without what they hold.
func (p *preflight) page(id uint64) (g page, err error) {
	if id < 2 || id >= p.pages {
		return g, damagef("page %d is referred to, but there are %d", id, p.pages)
	}
	g.off = int64(id) * int64(p.pageSize)
	if n := len(p.free); n > 0 {
		g.front, p.free = p.free[n-1], p.free[:n-1]
	} else {
		g.front = make([]byte, p.pageSize)
	}
	if _, err := p.file.ReadAt(g.front, g.off); err != nil {
		return g, p.readError(err, g.off)
	}
	g.header()
	if g.id != id || id+uint64(g.overflow) >= p.pages {
		return g, damagef("page %d has a damaged header", id)
	}
	g.size = (int(g.overflow) + 1) * int(p.pageSize)
	if table := pageHeader + g.count*elementSize; table > len(g.front) && table <= g.size {
		g.front = make([]byte, table)
		if _, err := p.file.ReadAt(g.front, g.off); err != nil {
			return g, p.readError(err, g.off)
		}
	}
	return g, nil
}

func (g *page) header() {
	g.id = native.Uint64(g.front)
	g.flags = native.Uint16(g.front[8:])
	g.count = int(native.Uint16(g.front[10:]))
	g.overflow = native.Uint32(g.front[12:])
}

// take marks the page as used.
func (p *preflight) take(g *page) error {
	for id := g.id; id <= g.id+uint64(g.overflow); id++ {
		if p.used[id/64]&(1<<(id%64)) != 0 {
			return damagef("page %d has two parents", id)
		}
		p.used[id/64] |= 1 << (id % 64)
	}
	return nil
}

// An element is one of a page: a key with a child, or with a value.
type element struct {
	bucket bool
	child  uint64
	key    []byte
	value  int64 // where it is in the file
	length int
}

// element returns element i of g.
func (p *preflight) element(g *page, i int) (e element, err error) {
	at := pageHeader + i*elementSize
	if at+elementSize > len(g.front) {
		return e, damagef("page %d has %d elements, more than fit", g.id, g.count)
	}
	f := g.front[at:]
	var pos, keySize, valueSize uint32
	if g.leaf() {
		flags := native.Uint32(f)
		pos, keySize, valueSize = native.Uint32(f[4:]), native.Uint32(f[8:]), native.Uint32(f[12:])
		e.bucket = flags == 1
		if flags > 1 {
			return e, damagef("page %d, element %d: unknown kind %d", g.id, i, flags)
		}
	} else {
		pos, keySize, e.child = native.Uint32(f), native.Uint32(f[4:]), native.Uint64(f[8:])
	}
	end := uint64(at) + uint64(pos) + uint64(keySize) + uint64(valueSize)
	if keySize == 0 || keySize > 1<<15 || uint64(at)+uint64(pos) < uint64(pageHeader+g.count*elementSize) || end > uint64(g.size) {
		return e, damagef("page %d, element %d: out of the page's bounds", g.id, i)
	}
	begin := at + int(pos)
	e.value, e.length = g.off+int64(begin)+int64(keySize), int(valueSize)
	if begin+int(keySize) <= len(g.front) {
		e.key = g.front[begin : begin+int(keySize)]
		return e, nil
	}
	e.key = make([]byte, keySize)
	if _, err := p.file.ReadAt(e.key, g.off+int64(begin)); err != nil {
		return e, p.readError(err, g.off+int64(begin))
	}
	return e, nil
}

// walk checks the page and all below it. Its keys must be at least low and,
// unless high is nil, below high. On a page with a parent the first one is low:
// bbolt finds a page's place in its parent by it, and would write the page in a
// second place if it did not find the first.
func (p *preflight) walk(id uint64, low, high []byte, level int) error {
	g, err := p.page(id)
	if err != nil {
		return err
	}
	defer func() { p.free = append(p.free, g.front[:p.pageSize]) }()
	if err := p.take(&g); err != nil {
		return err
	}
	if !g.leaf() && (g.flags != pageBranch || g.count == 0) || level > maxLevel {
		return damagef("page %d is not of a tree", id)
	}
	if level > 0 && g.count == 0 {
		return damagef("page %d is empty", id)
	}
	var next element
	for i := range g.count {
		e := next
		if i == 0 {
			if e, err = p.element(&g, 0); err != nil {
				return err
			}
		}
		bound := high
		if i+1 < g.count {
			if next, err = p.element(&g, i+1); err != nil {
				return err
			}
			bound = next.key
		}
		if bytes.Compare(e.key, low) < 0 || bound != nil && bytes.Compare(e.key, bound) >= 0 ||
			i == 0 && level > 0 && !bytes.Equal(e.key, low) {
			return damagef("page %d, element %d: its key is out of order", id, i)
		}
		if err := p.below(&g, &e, bound, level); err != nil {
			return err
		}
		low = e.key
	}
	return nil
}

// below checks what hangs on an element.
func (p *preflight) below(g *page, e *element, bound []byte, level int) error {
	if !g.leaf() {
		return p.walk(e.child, e.key, bound, level+1)
	}
	if !e.bucket {
		return nil
	}
	if e.length < bucketHeader {
		return damagef("page %d: bucket %q has no header", g.id, e.key)
	}
	header := make([]byte, bucketHeader)
	if _, err := p.file.ReadAt(header, e.value); err != nil {
		return p.readError(err, e.value)
	}
	if p.depth++; p.depth > maxDepth {
		return damagef("page %d: bucket %q is within too many others", g.id, e.key)
	}
	defer func() { p.depth-- }()
	if root := native.Uint64(header); root != 0 {
		return p.walk(root, nil, nil, 0)
	}
	return p.inline(g, e)
}

// inlinePage reads a bucket so small that its page is part of its parent's
// value.
func (p *preflight) inlinePage(e *element) (g page, err error) {
	g = page{off: e.value + bucketHeader, size: e.length - bucketHeader}
	if g.size < pageHeader || g.size > int(p.pageSize) {
		return g, damagef("bucket %q has no page", e.key)
	}
	g.front = make([]byte, g.size)
	if _, err := p.file.ReadAt(g.front, g.off); err != nil {
		return g, p.readError(err, g.off)
	}
	g.header()
	return g, nil
}

// inline checks a bucket within its parent's value.
func (p *preflight) inline(parent *page, e *element) error {
	g, err := p.inlinePage(e)
	if err != nil {
		return err
	}
	if !g.leaf() || g.overflow != 0 {
		return damagef("page %d: bucket %q has a damaged page", parent.id, e.key)
	}
	var last []byte
	for i := range g.count {
		inner, err := p.element(&g, i)
		if err != nil {
			return err
		}
		if inner.bucket || i > 0 && bytes.Compare(inner.key, last) <= 0 {
			return damagef("page %d: bucket %q, element %d is damaged", parent.id, e.key, i)
		}
		last = inner.key
	}
	return nil
}

// format checks that the file is one of ours, of a version we know. It looks
// at nothing else, so that a file of another program is not called damaged. It
// returns the root page.
func (p *preflight) format() (root page, err error) {
	if root, err = p.page(p.root); err != nil {
		return root, err
	}
	if root.count == 0 && root.leaf() {
		if p.tx <= 1 {
			return root, nil
		}
		return root, ErrForeign
	}
	for i := range root.count {
		e, err := p.element(&root, i)
		if err != nil {
			return root, err
		}
		if root.leaf() && e.bucket && bytes.Equal(e.key, metaBucket) {
			version, err := p.version(&e)
			if err == nil && version >= stampFormat {
				err = p.stamp(&root, &e)
			}
			return root, err
		}
	}
	return root, ErrForeign
}

// version checks the format version in the meta bucket e.
func (p *preflight) version(e *element) (version uint32, err error) {
	value, err := p.find(e, formatKey)
	if err != nil {
		return 0, err
	}
	body, ok := unsealed(formatKey, value)
	if !ok || len(body) != 4 {
		return 0, damagef("the format version has a wrong checksum")
	}
	if version = binary.LittleEndian.Uint32(body); version > formatVersion {
		return version, fmt.Errorf("%w (its format is %d, this program knows up to %d)", ErrNewer, version, formatVersion)
	}
	return version, nil
}

// stamp checks the stamp in the header of the meta bucket e.
func (p *preflight) stamp(root *page, e *element) error {
	header := make([]byte, bucketHeader)
	if _, err := p.file.ReadAt(header, e.value); err != nil {
		return p.readError(err, e.value)
	}
	s := stamp(native.Uint64(header[8:]))
	if err := s.fits(root.id, p.tx); err != nil || !s.staged() {
		return err
	}
	for i := range root.count {
		if e, err := p.element(root, i); err != nil || e.bucket && bytes.Equal(e.key, stageBucket) {
			return err
		}
	}
	return stageMissing(root.id)
}

// find returns the value of key in the small bucket e: one page, within its
// parent or not.
func (p *preflight) find(e *element, key []byte) ([]byte, error) {
	header := make([]byte, bucketHeader)
	if e.length < bucketHeader {
		return nil, damagef("bucket %q has no header", e.key)
	}
	if _, err := p.file.ReadAt(header, e.value); err != nil {
		return nil, p.readError(err, e.value)
	}
	g, err := page{}, error(nil)
	if root := native.Uint64(header); root != 0 {
		g, err = p.page(root)
	} else {
		g, err = p.inlinePage(e)
	}
	if err != nil {
		return nil, err
	}
	for i := range g.count {
		inner, err := p.element(&g, i)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(inner.key, key) && inner.length <= 1<<10 {
			value := make([]byte, inner.length)
			if _, err := p.file.ReadAt(value, inner.value); err != nil {
				return nil, p.readError(err, inner.value)
			}
			return value, nil
		}
	}
	return nil, damagef("bucket %q has no %q", e.key, key)
}
