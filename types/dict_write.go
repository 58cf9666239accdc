package types

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// insert adds an entry that is not there and returns it. s must have a free slot
// for it.
func (d *Dict) insert(s *segment, h uint64, key string, f form, payload []byte, deadline int64, mark uint8) Ref {
	size := recordSize(keyField(key), len(payload), deadline != 0)
	d.reserve(s, size)
	off, r := s.extend(size)
	if len(key) >= longKey {
		r.setKeyStub(h, d.addKey(s, key))
	} else {
		r.setKeyByte(uint8(len(key)))
		copy(r.shortKey(), key)
		d.keys += len(key)
	}
	r.setHead(len(payload), f, deadline != 0, mark)
	copy(r.payload(), payload)
	if deadline != 0 {
		r.setDeadline(deadline)
	}
	d.count++
	return Ref{s, r, uint32(s.place(h, off))}
}

// rewrite gives the entry in slot another payload, deadline and mark: in place
// if that is allowed and there is enough of it, else at the end of the pages.
// payload may be that of the entry itself.
func (d *Dict) rewrite(s *segment, slot int, f form, payload []byte, deadline int64, mark uint8) {
	off := s.offset(slot)
	r := s.at(off)
	was, timed := r.size(), deadline != 0
	i := r.keyEnd()
	size := recordSize(i-headSize, len(payload), timed)
	if s.owns(off) && size <= was {
		if !timed && r.timed() && size+dueSize <= was {
			// Keeping room for a deadline lets SET and SETEX take turns in place.
			timed, size = true, size+dueSize
		}
		r.setHead(len(payload), f, timed, mark)
		copy(r.payload(), payload)
		if timed {
			r.setDeadline(deadline)
		}
		if size != was {
			s.garbage += uint32(was - size)
			d.tidy(s)
		}
		return
	}
	d.reserve(s, size) // may move r
	r = s.record(slot)
	off, to := s.extend(size)
	copy(to.part(0, i), r.part(0, i))
	to.setHead(len(payload), f, timed, mark)
	copy(to.payload(), payload)
	if timed {
		to.setDeadline(deadline)
	}
	s.setOffset(slot, off)
	s.garbage += uint32(was)
}

// lift returns the record of slot, moved to where it may be changed in place.
func (d *Dict) lift(s *segment, slot int) record {
	r := s.record(slot)
	if s.owns(s.offset(slot)) {
		return r
	}
	d.rewrite(s, slot, r.form(), r.payload(), r.deadline(), r.mark())
	return s.record(slot)
}

// growSmall is the length up to which a value that grows is written anew. A
// longer one goes out of line, where it can have spare capacity.
const growSmall = 128

// growInline is Grow for a value that lies in its record.
func (d *Dict) growInline(s *segment, slot, n int) []byte {
	r := d.lift(s, slot)
	old := r.payload()
	if n <= len(old) {
		return old
	}
	more := n - len(old)
	if size := r.size(); size+more <= maxRecord {
		p, i := int(s.offset(slot)>>pageBits), int(s.offset(slot)&pageMask)
		if p == s.pageCount()-1 && i+size == int(s.tail) && more <= s.room() {
			return d.stretch(s, r, n)
		}
		if n <= growSmall {
			var buf [growSmall]byte
			copy(buf[:], old)
			d.rewrite(s, slot, formInline, buf[:n], r.deadline(), r.mark())
			return s.record(slot).payload()
		}
	}
	var stub [stubValue]byte
	number := d.addBig(s, enlarge(old, n))
	binary.LittleEndian.PutUint32(stub[:], number)
	d.rewrite(s, slot, formBig, stub[:], r.deadline(), r.mark())
	return s.outer.bigs.items[number].buf
}

// stretch extends the value of r, the last record of its page, to n bytes.
func (d *Dict) stretch(s *segment, r record, n int) []byte {
	i, was, due := r.keyEnd(), len(r.payload()), r.deadline()
	r.setHead(n, r.form(), r.timed(), r.mark())
	clear(r.part(i+was, i+n))
	if r.timed() {
		r.setDeadline(due)
	}
	s.tail += uint16(n - was)
	return r.payload()
}

// enlarge returns a copy of b extended with zeros to n bytes. A value that
// grows in small steps gets spare capacity, one that leaps gets none.
func enlarge(b []byte, n int) []byte {
	capacity := max(n, len(b))
	switch {
	case capacity > 2*len(b):
	case capacity < 1<<20:
		capacity = 2 * len(b)
	default:
		capacity += capacity / 4
	}
	c := make([]byte, max(n, len(b)), capacity)
	copy(c, b)
	return c
}

// reserve makes room for n bytes in the last page of s. It may move records.
func (d *Dict) reserve(s *segment, n int) {
	if s.room() >= n {
		return
	}
	if int(s.garbage)*4 > s.filled() {
		d.compact(s)
		if s.room() >= n {
			return
		}
	}
	size := pageSize
	if len(s.pages) == 0 {
		size = int(s.tail) + n
	}
	if size > pageSize/2 {
		d.addPage(s)
		return
	}
	small := make([]byte, max(1<<bits.Len(uint(size-1)), minPage))
	copy(small, s.small)
	d.mem += len(small) - len(s.small)
	s.small = small
}

// addPage appends a page to s, or makes its small page one of full size.
func (d *Dict) addPage(s *segment) {
	was := cap(s.pages)
	if len(s.pages) == was && was > 0 { // in steps of a quarter: append would double
		pages := make([]*page, was, was+max(was/4, 4))
		copy(pages, s.pages)
		s.pages = pages
	}
	p := newPage()
	if len(s.pages) > 0 {
		s.lost += uint32(s.room())
	}
	s.pages = append(s.pages, p)
	d.mem += pageSize + (cap(s.pages)-was)*8
	if s.small == nil {
		s.tail = 0
		return
	}
	copy(p[:], s.small[:s.tail])
	d.mem -= len(s.small)
	s.small = nil
}

// tidy compacts s if much of it is garbage. A segment of a page or two waits
// until it needs room.
func (d *Dict) tidy(s *segment) {
	if s.garbage > 2*pageSize && int(s.garbage)*4 > s.filled() {
		d.compact(s)
	}
}

// compact writes all records of s anew, in the order of their slots.
func (d *Dict) compact(s *segment) {
	was := s.size()
	old := *s
	live := s.filled() - int(s.garbage)
	s.pages, s.small, s.tail, s.garbage, s.lost, s.water = nil, nil, 0, 0, 0, 0
	switch {
	case live > pageSize/2:
		s.pages = make([]*page, 0, live/pageSize+2)
	case live > 0:
		s.small = make([]byte, max(1<<bits.Len(uint(live-1)), minPage))
	}
	for slot := range s.slots {
		r := old.record(slot)
		n := r.size()
		if s.room() < n {
			if len(s.pages) > 0 {
				s.lost += uint32(s.room())
			}
			s.pages = append(s.pages, newPage())
			s.tail = 0
		}
		off, to := s.extend(n)
		copy(to.part(0, n), r.bytes())
		s.setOffset(slot, off)
	}
	d.mem += s.size() - was
	d.retire(nil, old.pages, old.water)
}

// outerOf returns what s keeps outside its pages.
func (d *Dict) outerOf(s *segment) *outer {
	if s.outer == nil {
		s.outer = new(outer)
		d.mem += int(unsafe.Sizeof(outer{}))
	}
	return s.outer
}

// addKey puts a copy of a long key into s and returns its number.
func (d *Dict) addKey(s *segment, key string) uint32 {
	o := d.outerOf(s)
	was := o.keys.size()
	b := []byte(key)
	i := o.keys.add(b)
	d.mem += o.keys.size() - was + cap(b)
	return i
}

func (d *Dict) dropKey(s *segment, i uint32) {
	b := &s.outer.keys
	was := b.size() + cap(b.items[i])
	b.drop(i)
	d.mem += b.size() - was
}

// addBig puts buf, which is d's own, into s and returns its number.
func (d *Dict) addBig(s *segment, buf []byte) uint32 {
	o := d.outerOf(s)
	was := o.bigs.size()
	i := o.bigs.add(bigValue{buf, d.owner})
	d.mem += o.bigs.size() - was + cap(buf)
	return i
}

// setBig makes buf, which is d's own, the bytes of b.
func (d *Dict) setBig(b *bigValue, buf []byte) {
	d.mem += cap(buf) - cap(b.buf)
	b.buf, b.owner = buf, d.owner
}

// dropPayload gives up what r's payload refers to.
func (d *Dict) dropPayload(s *segment, r record) {
	switch r.form() {
	case formObject:
		b := &s.outer.objs
		was := b.size()
		d.extra -= b.get(r.object()).Size()
		b.drop(r.object().number())
		d.mem += b.size() - was
	case formBig:
		b := &s.outer.bigs
		was := b.size() + cap(b.items[r.number()].buf)
		b.drop(r.number())
		d.mem += b.size() - was
	}
}
