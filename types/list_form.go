package types

import "math"

// The size of listpacks in Redis.
const (
	packAround  = 7       // header and end
	packSafety  = 8 << 10 // the limit where ListSize counts elements
	packLargest = 60_000  // what a chunk can address, nearly
)

// packLimit returns how many bytes and elements a listpack may have.
func (l *List) packLimit() (bytes, elements int) {
	size := l.rec.limits().ListSize
	if size < 0 {
		return 2048 << min(-size, 5), math.MaxInt
	}
	return packSafety, max(size, 1)
}

// fits reports whether one chunk is enough when elem is added.
func (l *List) fits(elem []byte) bool {
	_, elements := l.packLimit()
	return l.chunk.len() < elements && l.fitsBytes(len(elem))
}

func (l *List) fitsBytes(more int) bool {
	bytes, _ := l.packLimit()
	return packAround+int(l.pack)+more <= bytes && l.chunk.used()+more+2 <= packLargest
}

// own makes the buffer of the chunk writable and returns the chunk.
func (l *List) own() *listChunk {
	if l.shared {
		l.shared = false
		buf := append([]byte(nil), l.chunk.buf...)
		l.chunk.buf = buf[:cap(buf)]
	}
	return &l.chunk
}

// spread turns the chunk into a tree.
func (l *List) spread() {
	t := newListTree()
	c := *l.own()
	switch {
	case c.n == 0:
	case len(c.buf) <= listLeaf:
		t.back = t.leaf(c)
		t.n, t.pack = c.len(), int(l.pack)
	default:
		for i := range c.len() {
			t.push(c.at(i), false)
		}
	}
	l.clear()
	l.tree = t
}

// settle is called when elements were removed: it gives back memory, and makes
// a tree a chunk again if it has become small enough for that.
func (l *List) settle() {
	t := l.tree
	if t == nil {
		if c := &l.chunk; len(c.buf) > 256 && c.used() < len(c.buf)/4 {
			c.loosen()
			l.shared = false
		}
		return
	}
	if t.root != nil && t.height > 1 || t.front != nil && t.back != nil {
		return
	}
	if t.n == 0 {
		l.clear()
		return
	}
	only := t.single()
	if only == nil {
		return
	}
	if t.pack == 0 {
		t.pack = only.chunk.packed()
	}
	bytes, elements := l.packLimit()
	small := packAround+t.pack <= bytes/2
	if elements != math.MaxInt {
		small = t.n <= elements/2
	}
	if !small {
		return
	}
	pack := t.pack
	c := only.chunk
	c.loosen()
	l.clear()
	l.chunk, l.pack = c, uint32(pack)
}

// packed returns the size of the elements in a Redis listpack.
func (c *listChunk) packed() (size int) {
	for i := range c.len() {
		size += elemSize(c.at(i))
	}
	return size
}

// elemSize returns the bytes elem takes in a listpack of Redis: an integer
// in 1 to 9 bytes, or a length of 1, 2 or 5 bytes and the text; and behind it
// the length of all that once more.
func elemSize(elem []byte) int {
	size := len(elem)
	switch n, ok := ParseInt(elem); {
	case !ok && size < 64:
		return size + 2
	case !ok && size < 4096:
		size += 2
	case !ok:
		size += 5
	case n >= 0 && n < 128:
		return 2
	case n >= -1<<12 && n < 1<<12:
		return 3
	case n >= -1<<15 && n < 1<<15:
		return 4
	case n >= -1<<23 && n < 1<<23:
		return 5
	case n >= -1<<31 && n < 1<<31:
		return 6
	default:
		return 10
	}
	for rest := size; ; rest >>= 7 {
		size++
		if rest < 128 {
			return size
		}
	}
}
