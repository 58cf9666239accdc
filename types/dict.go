package types

import (
	"encoding/binary"
	"sync"
	"unsafe"
)

// A Dict maps keys to values, each with an optional deadline and mark. It is
// the table below the keyspace, hashes, sets and sorted sets. The zero value
// is empty and ready to use; a nil *Dict reads as empty.
//
// Every method that takes a hash wants HashOf(key). Bytes and Refs that come
// out of a Dict point into it and are valid until its next write. Bytes and
// strings that go in are copied, except by Give; they may be borrowed from the
// same Dict.
//
// # Layout
//
// A directory, indexed by the top bits of the hash, leads to segments of up to
// 512 slots, and a slot leads to a record in one of the segment's pages. A
// segment that is full splits in two, which may double the directory; two
// neighbours that are nearly empty merge, which may halve it. These are the
// longest steps: there is no rehashing of the whole, at once or bit by bit.
// A small table is one segment with fewer slots and one small page.
//
// Records are plain bytes. The garbage collector sees a few pointers per page
// and none per entry, unless the value is an object or out of line. A record
// is changed in place if it does not grow, and otherwise written anew at the
// end of the last page. When a quarter of a segment's bytes are garbage it is
// compacted.
//
// Entries are ordered by hash, up to the size of a group. This is what makes a
// Scan without state possible: whatever splits or merges, the entries before a
// hash stay before it.
//
// # Copy on write
//
// Clone copies the Dict struct alone and gives both sides a fresh owner. Each
// segment knows the owner that made it. A Dict that writes to a segment of
// another owner copies it first: the slots, the list of pages and the last
// page. The pages before are shared for good, so the copy remembers in water
// that their records must not be changed: writing one anew is all it takes.
// Objects have a bit each that says so, big values an owner. The directory is copied at the
// first write after a Clone. What is shared is never written to, so that a
// goroutine may read one side while another writes the other.
//
// Invariant: dir has 1<<depth cells (none if the Dict is empty), and a segment
// of depth n fills the 1<<(depth-n) cells whose top n bits are its own.
type Dict struct {
	dir     []*segment
	count   int
	depth   uint8
	shared  bool // dir may be read by a clone
	tracked bool // segments have an access array
	full    int  // segments whose depth is that of dir
	mem     int  // bytes of segments and big values
	keys    int  // bytes of the keys that lie in their records
	extra   int  // bytes of objects: see AddSize
	owner   *owner
	clones  *sync.Mutex // held while an object shared with a clone is cloned
	retired []scrap     // see retire
}

// maxDepth bounds the directory so that group boundaries fit a Scan cursor.
const maxDepth = cursorBits - 8

// Len returns the number of entries.
func (d *Dict) Len() int {
	if d == nil {
		return 0
	}
	return d.count
}

// Size returns the bytes of memory d takes, within 10 %, in O(1). What is
// shared with clones counts in full on each side.
func (d *Dict) Size() int {
	if d == nil {
		return 0
	}
	return int(unsafe.Sizeof(*d)) + len(d.dir)*8 + d.mem + d.extra
}

// AddSize adds n, which may be negative, to what Size returns. It is for whoever
// writes to an object, who alone knows by how many bytes its Size has changed,
// and must tell before the object is replaced or deleted.
func (d *Dict) AddSize(n int) { d.extra += n }

// Find returns the entry of key; the zero Ref if there is none. It is just
// small enough to be inlined.
func (d *Dict) Find(h uint64, key string) (r Ref) {
	if d != nil && d.count != 0 {
		return d.dir[h>>(64-d.depth)].find(h, key) // the cell, spelled out to be small
	}
	return
}

// cell returns the number of the directory's cell for h.
func (d *Dict) cell(h uint64) uint64 { return h >> (64 - d.depth) }

// Warm lets the processor fetch what a search for h looks at first, the group,
// while the caller does other things. Some time later WarmRecord does the same
// for the entry itself, which only the group tells. Together they spare the
// search most of its time if the Dict is larger than the caches.
func (d *Dict) Warm(h uint64) {
	if d.count != 0 {
		s := d.dir[d.cell(h)]
		grp := &s.groups[s.home(h)]
		prefetch(unsafe.Pointer(&grp.tags))
		prefetch(unsafe.Pointer(&grp.off[groupSlots-1])) // it may begin another line
	}
}

// WarmRecord is the second step of Warm.
func (d *Dict) WarmRecord(h uint64) {
	if d.count != 0 {
		s := d.dir[d.cell(h)]
		grp := &s.groups[s.home(h)]
		for m := matchTag(grp.tags, h) & matchFull(grp.tags); m != 0; m &= m - 1 {
			prefetch(s.at(grp.off[first(m)]).p)
		}
	}
}

// Put makes value, deadline (0: none) and mark (0 to 7) those of key, whatever
// they were, and reports whether the key was added. The value may be up to
// 512 MiB long; above 1/4 page it lies out of line.
func (d *Dict) Put(h uint64, key string, value []byte, deadline int64, mark uint8) (added bool) {
	s := d.writable(h)
	r := s.find(h, key)
	if !r.OK() {
		s = d.makeRoom(s, h)
	}
	return d.put(s, r, h, key, value, deadline, mark)
}

// PutAt is Put for a caller who knows where the key is: r is what Find has
// returned for it, and d was not written to since. It saves the search.
func (d *Dict) PutAt(r Ref, h uint64, key string, value []byte, deadline int64, mark uint8) {
	if !d.holds(r) {
		d.Put(h, key, value, deadline, mark)
		return
	}
	d.put(r.seg, r, h, key, value, deadline, mark)
}

// Give is PutAt for a value, too large to lie beside its key, whose memory d is
// to keep instead of a copy; r may be the zero Ref if there is no such key. It
// returns memory that is the caller's from now on: that of the value it has
// replaced, if nobody else may read it, or nil.
func (d *Dict) Give(r Ref, h uint64, key string, value []byte, deadline int64, mark uint8) (left []byte) {
	if !d.holds(r) {
		s := d.writable(h)
		if r = s.find(h, key); !r.OK() {
			s = d.makeRoom(s, h)
			stub := d.bigStub(s, value)
			d.insert(s, h, key, formBig, stub[:], deadline, mark)
			return nil
		}
	}
	s := r.seg
	if r.rec.form() != formBig {
		d.dropPayload(s, r.rec)
		stub := d.bigStub(s, value)
		d.rewrite(s, int(r.slot), formBig, stub[:], deadline, mark)
		return nil
	}
	b := &s.outer.bigs.items[r.rec.number()]
	if b.owner == d.owner {
		left = b.buf
	}
	d.setBig(b, value)
	d.rewrite(s, int(r.slot), formBig, r.rec.payload(), deadline, mark)
	return left
}

// holds reports whether r is an entry that d may change where it is.
func (d *Dict) holds(r Ref) bool { return r.OK() && r.seg.owner == d.owner && len(d.retired) == 0 }

// Add is Put for a key that is not there, as Find has told. It returns the new
// entry. Put, and Find for the entry, would search twice more.
func (d *Dict) Add(h uint64, key string, value []byte, deadline int64, mark uint8) Ref {
	s := d.makeRoom(d.writable(h), h)
	if recordSize(keyField(key), len(value), deadline != 0) > maxRecord {
		stub := d.bigStub(s, clip(value))
		return d.insert(s, h, key, formBig, stub[:], deadline, mark)
	}
	return d.insert(s, h, key, formInline, value, deadline, mark)
}

// AddObject is PutObject for a key that is not there. It returns the new entry.
func (d *Dict) AddObject(h uint64, key string, v Value, deadline int64) Ref {
	s := d.makeRoom(d.writable(h), h)
	stub := d.objectStub(s, v)
	return d.insert(s, h, key, formObject, stub[:], deadline, 0)
}

// Insert is Put for a key that may not be there: if it is, nothing changes.
func (d *Dict) Insert(h uint64, key string, value []byte) (added bool) {
	s := d.writable(h)
	r := s.find(h, key)
	if r.OK() {
		return false
	}
	return d.put(d.makeRoom(s, h), r, h, key, value, 0, 0)
}

func (d *Dict) put(s *segment, r Ref, h uint64, key string, value []byte, deadline int64, mark uint8) (added bool) {
	if recordSize(keyField(key), len(value), deadline != 0) > maxRecord {
		return d.putBig(s, r, h, key, value, deadline, mark)
	}
	if r.OK() {
		d.dropPayload(s, r.rec)
	}
	return d.store(s, r, h, key, formInline, value, deadline, mark)
}

// putBig is Put for a value that lies out of line. r is the entry there is.
func (d *Dict) putBig(s *segment, r Ref, h uint64, key string, value []byte, deadline int64, mark uint8) (added bool) {
	if r.OK() && r.rec.form() == formBig {
		b := &s.outer.bigs.items[r.rec.number()]
		if b.owner == d.owner && cap(b.buf) >= len(value) && cap(b.buf) <= 2*len(value) {
			b.buf = b.buf[:len(value)]
			copy(b.buf, value)
		} else {
			d.setBig(b, clip(value))
		}
		d.rewrite(s, int(r.slot), formBig, r.rec.payload(), deadline, mark)
		return false
	}
	if r.OK() {
		d.dropPayload(s, r.rec)
	}
	stub := d.bigStub(s, clip(value))
	return d.store(s, r, h, key, formBig, stub[:], deadline, mark)
}

// bigStub puts value, which is d's own, into s and returns what stands for it in
// a record.
func (d *Dict) bigStub(s *segment, value []byte) (stub [stubValue]byte) {
	binary.LittleEndian.PutUint32(stub[:], d.addBig(s, value))
	return stub
}

// objectStub does the same for v.
func (d *Dict) objectStub(s *segment, v Value) (stub [stubValue]byte) {
	o := d.outerOf(s)
	was := o.objs.size()
	binary.LittleEndian.PutUint32(stub[:], uint32(o.objs.put(v, false)))
	d.mem += o.objs.size() - was
	d.extra += v.Size()
	return stub
}

// store inserts an entry or, if r is the one there is, rewrites it.
func (d *Dict) store(s *segment, r Ref, h uint64, key string, f form, payload []byte, deadline int64, mark uint8) (added bool) {
	if r.OK() {
		d.rewrite(s, int(r.slot), f, payload, deadline, mark)
		return false
	}
	d.insert(s, h, key, f, payload, deadline, mark)
	return true
}

// PutObject makes v the value of key, with mark 0, and reports whether the key
// was added. The entry holds v itself, which is d's from now on: EditObject
// gives it out for writing.
func (d *Dict) PutObject(h uint64, key string, v Value, deadline int64) (added bool) {
	s := d.writable(h)
	r := s.find(h, key)
	if r.OK() {
		d.dropPayload(s, r.rec)
	} else {
		s = d.makeRoom(s, h)
	}
	stub := d.objectStub(s, v)
	return d.store(s, r, h, key, formObject, stub[:], deadline, 0)
}

// EditObject returns the object of key, ready to be written to; nil if there
// is none. Changes of its Size belong into AddSize. If the object is shared
// with a clone of d it is cloned first.
func (d *Dict) EditObject(h uint64, key string) Value {
	s, slot := d.edit(h, key)
	if slot < 0 {
		return nil
	}
	r := s.record(slot)
	if r.form() != formObject {
		return nil
	}
	o := &s.outer.objs
	v := o.get(r.object())
	if o.isForeign(r.object().number()) {
		// Clone writes to the original. Nobody else does, since it is shared,
		// except another clone of d that is about to do the same.
		d.clones.Lock()
		was := v.Size()
		v = Clone(v)
		d.clones.Unlock()
		d.extra += v.Size() - was // a clone may lack what the original keeps in reserve
		o.replace(r.object(), v)
	}
	return v
}

// EditAt is EditObject for a caller who knows where the key is: see PutAt.
func (d *Dict) EditAt(r Ref, h uint64, key string) Value {
	if d.holds(r) && r.rec.form() == formObject {
		if o := &r.seg.outer.objs; !o.isForeign(r.rec.object().number()) {
			return o.get(r.rec.object())
		}
	}
	return d.EditObject(h, key)
}

// Mutable returns the value of key for writing in place; nil if there is none
// or it is an object.
func (d *Dict) Mutable(h uint64, key string) []byte {
	s, slot := d.edit(h, key)
	if slot < 0 {
		return nil
	}
	switch r := s.record(slot); r.form() {
	case formObject:
		return nil
	case formBig:
		b := &s.outer.bigs.items[r.number()]
		if b.owner != d.owner {
			d.setBig(b, clip(b.buf))
		}
		return b.buf
	}
	return d.lift(s, slot).payload()
}

// Grow extends the value of key with zeros to n bytes, if it is shorter, and
// returns it for writing in place; nil if there is none or it is an object. To
// grow a value again and again costs O(1) per byte.
func (d *Dict) Grow(h uint64, key string, n int) []byte {
	s, slot := d.edit(h, key)
	if slot < 0 {
		return nil
	}
	switch r := s.record(slot); r.form() {
	case formObject:
		return nil
	case formBig:
		b := &s.outer.bigs.items[r.number()]
		if b.owner != d.owner || n > cap(b.buf) {
			d.setBig(b, enlarge(b.buf, n))
		} else if was := len(b.buf); n > was {
			b.buf = b.buf[:n]
			clear(b.buf[was:])
		}
		return b.buf
	}
	return d.growInline(s, slot, n)
}

// SetDeadline sets the deadline of key, 0 for none, and reports whether there
// is such a key.
func (d *Dict) SetDeadline(h uint64, key string, t int64) bool {
	s, slot := d.edit(h, key)
	if slot < 0 {
		return false
	}
	r := s.record(slot)
	if r.deadline() != t {
		d.rewrite(s, slot, r.form(), r.payload(), t, r.mark())
	}
	return true
}

// SetMark sets the mark of key, 0 to 7, and reports whether there is such a key.
func (d *Dict) SetMark(h uint64, key string, mark uint8) bool {
	s, slot := d.edit(h, key)
	if slot < 0 {
		return false
	}
	r := s.record(slot)
	if r.mark() != mark {
		r = d.lift(s, slot)
		r.setHead(len(r.payload()), r.form(), r.timed(), mark)
	}
	return true
}

// Delete removes key and reports whether it was there.
func (d *Dict) Delete(h uint64, key string) bool {
	s, slot := d.edit(h, key)
	if slot < 0 {
		return false
	}
	r := s.record(slot)
	d.dropPayload(s, r)
	if r.keyByte() == longKey {
		d.dropKey(s, r.keyNumber())
	} else {
		d.keys -= int(r.keyByte())
	}
	s.garbage += uint32(r.size())
	s.vacate(slot)
	d.count--
	d.shrink(s, h)
	return true
}

// Clear removes all entries. It costs O(1).
func (d *Dict) Clear() {
	*d = Dict{owner: d.owner, clones: d.clones, tracked: d.tracked}
}

// Clone returns a copy of d in O(1). Each side copies what it writes to, when
// it does. Clone counts as a write to d; afterwards d and its clone may be used
// by different goroutines.
func (d *Dict) Clone() *Dict {
	if d == nil {
		return new(Dict)
	}
	if d.clones == nil {
		d.clones = new(sync.Mutex)
	}
	d.flush()
	d.owner, d.shared = new(owner), true
	c := *d
	c.owner, c.retired = new(owner), nil
	return &c
}

// writable returns the segment for h, ready to be written to.
func (d *Dict) writable(h uint64) *segment {
	if len(d.retired) > 0 {
		d.flush()
	}
	if len(d.dir) == 0 {
		d.begin()
	}
	s := d.dir[d.cell(h)]
	if s.owner != d.owner {
		s = d.takeOver(s, h)
	}
	return s
}

// edit returns the segment of key, ready to be written to, and the key's slot;
// -1 if there is none, and nothing has been copied.
func (d *Dict) edit(h uint64, key string) (*segment, int) {
	if len(d.dir) == 0 {
		return nil, -1
	}
	r := d.dir[d.cell(h)].find(h, key)
	if !r.OK() {
		return nil, -1
	}
	return d.writable(h), int(r.slot)
}

// clip returns a copy of b with no more capacity than the allocator gives anyway.
func clip(b []byte) []byte { return append([]byte{}, b...) }
