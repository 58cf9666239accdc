package persist

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// A survey finds out where the values of a damaged file are. It reads the
// pages as a preflight does, and never by way of bbolt, but reports what is
// wrong and goes on with the rest.
//
// What the tree of pages does not lead to any more may still be in the file:
// on a page whose parent is damaged, or on an old copy of a page, for bbolt
// writes a page that changes to another place. These are strays. Only what
// has a right checksum for its place counts, so a stray is as good as what the
// tree leads to, but for one thing: it may be from a commit that never ended.
// So a stray is taken for a value only if nothing contradicts it: see value
// and adopt.
type survey struct {
	preflight
	report func(error)
	broken bool // the tree is damaged: it may not lead to everything

	format   uint32 // version of the layout; 0: not found
	stamp    stamp  // of the root, if the format has one
	state    *state // nil: not found
	sequence uint64 // number of the last record, as the journal's bucket says
	last     bool   // and it is the newest that says so
	records  map[uint64]extent
	chunks   map[chunkID]extent
	stage    extent // length 0: there is none
	first    uint64 // of the records the tree leads to; above all if there are none

	scanned  bool
	strays   map[uint64][]extent // values with that number as key
	oldState *state              // the newest of those on strays

	strayStages []extent
}

// An extent is where a value is.
type extent struct {
	at     int64
	length int
}

// A chunkID names a chunk of the snapshot.
type chunkID struct{ generation, index uint64 }

// fail reports damage of the tree.
func (s *survey) fail(err error) {
	s.broken = true
	s.report(err)
}

// run surveys the file. foreign says that at first sight it is not ours: then
// it must hold a state of ours somewhere, or the error is ErrForeign. (If it is
// one by its records it is not foreign, but damaged.)
func (s *survey) run(foreign bool) error {
	s.records, s.chunks, s.strays = map[uint64]extent{}, map[chunkID]extent{}, map[uint64][]extent{}
	meta, metaErr := s.metas()
	s.useMeta(meta)
	if s.pageSize == 0 {
		s.guessPages()
	}
	if foreign {
		if s.scan(); s.oldState == nil {
			return ErrForeign
		}
	}
	if metaErr != nil {
		s.fail(metaErr)
	}
	if meta.pageSize != 0 {
		if s.pages < meta.pages {
			s.fail(damagef("it is cut short: %d bytes instead of at least %d", s.size, meta.pages*uint64(meta.pageSize)))
		}
		s.last = metaErr == nil
		s.tree()
	}
	if s.state == nil {
		s.fail(damagef("the record of the snapshot's state is lost"))
		s.scan()
		s.state = s.oldState
	}
	s.first = math.MaxUint64
	for number := range s.records {
		s.first = min(s.first, number)
	}
	if s.broken {
		s.adopt()
	}
	return nil
}

// useMeta takes a meta page for the one that counts, but for pages that are
// not there.
func (s *survey) useMeta(m pageMeta) {
	s.pageMeta, s.free = m, nil
	if m.pageSize != 0 {
		s.pages = min(m.pages, uint64(s.size)/uint64(m.pageSize))
		s.used = make([]uint64, s.pages/64+1)
	}
}

// guessPages finds the size of pages when no meta page tells it.
func (s *survey) guessPages() {
	for _, size := range []uint32{4 << 10, 8 << 10, 16 << 10, 64 << 10} {
		s.useMeta(pageMeta{pageSize: size, pages: uint64(s.size) / uint64(size)})
		s.scanned = false
		if s.scan(); s.oldState != nil {
			return
		}
	}
}

// tree walks the tree of pages and notes where the values are.
func (s *survey) tree() {
	missing := map[string]bool{string(metaBucket): true, string(journalBucket): true, string(dataBucket): true}
	s.walk(s.root, nil, nil, 0, func(g *page, e *element) {
		delete(missing, string(e.key))
		switch {
		case bytes.Equal(e.key, metaBucket):
			s.stamp = stamp(s.bucket(g, e, s.metaValue))
		case bytes.Equal(e.key, journalBucket):
			s.sequence = s.bucket(g, e, s.segment)
		case bytes.Equal(e.key, dataBucket):
			s.bucket(g, e, s.part)
		case bytes.Equal(e.key, stageBucket):
			s.bucket(g, e, s.stageValue)
		default:
			s.other(g, e)
		}
	})
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		s.fail(damagef("bucket %q is missing", name))
	}
	staged := s.format == stageFormat
	if s.format >= stampFormat {
		staged = s.stamp.staged()
		if err := s.stamp.fits(s.root, s.tx); err != nil {
			s.fail(err)
			s.last = false
		}
	}
	if staged && s.stage.length == 0 {
		s.fail(stageMissing(s.root))
	}
	s.last = s.last && !missing[string(journalBucket)]
}

// other visits an element that is not ours.
func (s *survey) other(g *page, e *element) {
	if e.bucket {
		s.bucket(g, e, s.other)
	}
}

// metaValue visits an element of bucket "redstart".
func (s *survey) metaValue(_ *page, e *element) {
	if e.bucket || e.length > 1<<10 {
		return
	}
	value, err := s.read(extent{e.value, e.length})
	if bytes.Equal(e.key, formatKey) {
		if body, ok := unsealed(formatKey, value); ok && len(body) == 4 {
			s.format = binary.LittleEndian.Uint32(body)
		}
	}
	if !bytes.Equal(e.key, stateKey) {
		return
	}
	found := new(state)
	if err == nil {
		err = found.decode(value)
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.state = found
}

// stageValue visits an element of bucket "stage".
func (s *survey) stageValue(g *page, e *element) {
	if e.bucket || !bytes.Equal(e.key, stageKey) {
		s.fail(damagef("page %d: %x is not the stage", g.id, e.key))
		return
	}
	s.stage = extent{e.value, e.length}
}

// segment visits an element of bucket "journal".
func (s *survey) segment(g *page, e *element) {
	if !e.bucket || len(e.key) != 8 {
		s.fail(damagef("page %d: journal segment %x is not one", g.id, e.key))
		return
	}
	before := len(s.records)
	s.bucket(g, e, func(g *page, e *element) {
		if e.bucket || len(e.key) != 8 {
			s.fail(damagef("page %d: journal record %x has no number", g.id, e.key))
			return
		}
		s.records[binary.BigEndian.Uint64(e.key)] = extent{e.value, e.length}
	})
	if len(s.records) == before {
		s.fail(damagef("page %d: journal segment %x is empty", g.id, e.key))
	}
}

// part visits an element of bucket "data".
func (s *survey) part(g *page, e *element) {
	if !e.bucket || len(e.key) != 16 {
		s.fail(damagef("page %d: part %x of the snapshot is not one", g.id, e.key))
		return
	}
	generation, first := binary.BigEndian.Uint64(e.key), uint64(0)
	s.bucket(g, e, func(g *page, e *element) {
		if e.bucket || len(e.key) != 8 {
			s.fail(damagef("page %d: snapshot chunk %x has no number", g.id, e.key))
			return
		}
		index := binary.BigEndian.Uint64(e.key)
		s.chunks[chunkID{generation, index}] = extent{e.value, e.length}
		if first == 0 {
			first = index
		}
	})
	if !bytes.Equal(e.key, partName(generation, first)) {
		s.fail(damagef("page %d: part %x of the snapshot begins with chunk %d", g.id, e.key, first))
	}
}

// walk visits the elements of all leaves at and below a page. The bounds are
// those of preflight.walk.
func (s *survey) walk(id uint64, low, high []byte, level int, visit func(*page, *element)) {
	g, err := s.page(id)
	if err == nil {
		err = s.take(&g)
	}
	if err == nil && (!g.leaf() && (g.flags != pageBranch || g.count == 0) || level > maxLevel) {
		err = damagef("page %d is not of a tree", id)
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.elements(&g, low, high, func(e *element, bound []byte) {
		if g.leaf() {
			visit(&g, e)
		} else {
			s.walk(e.child, e.key, bound, level+1, visit)
		}
	})
}

// elements calls each for every element of a page that is within its bounds.
func (s *survey) elements(g *page, low, high []byte, each func(e *element, bound []byte)) {
	var whole []element
	for i := range g.count {
		e, err := s.element(g, i)
		if err != nil {
			s.fail(err)
			if pageHeader+(i+1)*elementSize > len(g.front) {
				break
			}
			continue
		}
		whole = append(whole, e)
	}
	ordered := true
	for i := range whole {
		e, bound := &whole[i], high
		if i+1 < len(whole) {
			bound = whole[i+1].key
		}
		if ordered && (bytes.Compare(e.key, low) < 0 || bound != nil && bytes.Compare(e.key, bound) >= 0) {
			ordered = false // said once a page
			s.fail(damagef("page %d: key %x is out of order", g.id, e.key))
		}
		each(e, bound)
		low = e.key
	}
}

// bucket visits the elements of a bucket and returns its sequence.
func (s *survey) bucket(parent *page, e *element, visit func(*page, *element)) (sequence uint64) {
	if s.depth++; s.depth > maxDepth || !e.bucket || e.length < bucketHeader {
		s.fail(damagef("page %d: bucket %q is not one", parent.id, e.key))
		s.depth--
		return 0
	}
	defer func() { s.depth-- }()
	header, err := s.read(extent{e.value, bucketHeader})
	if err != nil {
		s.fail(err)
		return 0
	}
	sequence = native.Uint64(header[8:])
	if root := native.Uint64(header); root != 0 {
		s.walk(root, nil, nil, 0, visit)
		return sequence
	}
	g, err := s.inlinePage(e)
	if err == nil && (!g.leaf() || g.overflow != 0) {
		err = damagef("page %d: bucket %q has a damaged page", parent.id, e.key)
	}
	if err != nil {
		s.fail(err)
		return sequence
	}
	g.id = parent.id
	s.elements(&g, nil, nil, func(e *element, _ []byte) { visit(&g, e) })
	return sequence
}

// read returns what is at x.
func (s *survey) read(x extent) ([]byte, error) {
	b := make([]byte, x.length)
	if _, err := s.file.ReadAt(b, x.at); err != nil {
		return nil, s.readError(err, x.at)
	}
	return b, nil
}

// scan looks for strays: on all pages but those the tree has led to.
func (s *survey) scan() {
	if s.scanned {
		return
	}
	s.scanned = true
	clear(s.strays)
	s.strayStages = nil
	for id := uint64(2); id < s.pages; id++ {
		if s.used[id/64]&(1<<(id%64)) != 0 {
			continue
		}
		g, err := s.page(id)
		if err == nil && g.leaf() {
			s.stray(&g)
		}
		if g.front != nil {
			s.free = append(s.free, g.front[:s.pageSize])
		}
	}
}

// stray notes what is on a leaf that the tree does not lead to.
func (s *survey) stray(g *page) {
	for i := range g.count {
		e, err := s.element(g, i)
		switch {
		case err != nil && pageHeader+(i+1)*elementSize > len(g.front):
			return
		case err != nil:
		case !e.bucket && len(e.key) == 8:
			number := binary.BigEndian.Uint64(e.key)
			s.strays[number] = append(s.strays[number], extent{e.value, e.length})
		case !e.bucket && bytes.Equal(e.key, stateKey) && e.length < 1<<10:
			s.strayState(&e)
		case !e.bucket && bytes.Equal(e.key, stageKey):
			s.strayStages = append(s.strayStages, extent{e.value, e.length})
		case e.bucket && e.length > bucketHeader && s.depth < maxDepth:
			s.depth++
			if inner, err := s.inlinePage(&e); err == nil && inner.leaf() {
				s.stray(&inner)
			}
			s.depth--
		}
	}
}

// strayState keeps the newest of the states found.
func (s *survey) strayState(e *element) {
	value, err := s.read(extent{e.value, e.length})
	found := new(state)
	if err != nil || found.decode(value) != nil {
		return
	}
	if old := s.oldState; old == nil || found.covered > old.covered || found.covered == old.covered && found.chunks > old.chunks {
		s.oldState = found
	}
}

// adopt takes strays for the records and chunks that the tree should lead to
// and does not.
func (s *survey) adopt() {
	s.scan()
	if s.stage.length == 0 && len(s.strayStages) == 1 {
		s.stage = s.strayStages[0] // it has never been anywhere else
	}
	for number, found := range s.strays {
		place := binary.BigEndian.AppendUint64(nil, number)
		if _, ok := s.records[number]; !ok && (number <= s.sequence || !s.last) {
			if x, ok := s.only(found, place); ok {
				s.records[number] = x
			}
		}
		if s.state == nil || number == 0 || number > s.state.chunks {
			continue
		}
		id := chunkID{s.state.generation, number}
		if _, ok := s.chunks[id]; !ok {
			if x, ok := s.only(found, chunkPlace(id.generation, id.index)); ok {
				s.chunks[id] = x
			}
		}
	}
}

// only returns the one stray that has the right checksum for its place. If
// there are several that differ, nothing tells which one counts: then none.
func (s *survey) only(found []extent, place []byte) (x extent, ok bool) {
	var seen []byte
	for _, f := range found {
		value, err := s.read(f)
		if err != nil || !intact(place, value) {
			continue
		}
		if seen != nil && !bytes.Equal(seen, value) {
			return extent{}, false
		}
		x, ok, seen = f, true, value
	}
	return x, ok
}

// value reads a value with the key number and makes sure that it is intact. If
// it is not, but a stray is that has the checksum written in it, that is
// what it was: then both value and err are returned.
func (s *survey) value(x extent, number uint64, place []byte) (value []byte, err error) {
	value, err = s.read(x)
	if err != nil {
		return nil, err
	}
	if intact(place, value) {
		return value, nil
	}
	err = damagef("it has a wrong checksum")
	if len(value) < 4 {
		return nil, err
	}
	s.scan()
	for _, f := range s.strays[number] {
		copied, readErr := s.read(f)
		if readErr == nil && len(copied) == len(value) && bytes.Equal(copied[:4], value[:4]) && intact(place, copied) {
			return copied, damagef("it has a wrong checksum (but an older copy of it is whole)")
		}
	}
	return nil, err
}

// intact reports whether a record or chunk has the right checksum.
func intact(place, value []byte) bool {
	return len(value) >= 4 && binary.LittleEndian.Uint32(value) == checksum(place, value)
}
