package wire

import (
	"sync"
	"unsafe"
)

// buffers are those of replies and requests that nobody uses at the moment.
var buffers bufferPool

// A bufferPool recycles buffers of a few sizes, so that an idle client holds
// none, and one that reads or writes much makes no garbage: a value of a
// megabyte that passes through would else cost more by being collected than by
// being copied.
type bufferPool [len(bufferSizes)]sync.Pool // of the address of the first byte

// bufferSizes leave room for what is around a value of a round size.
var bufferSizes = [...]int{bufferSize, 80 << 10, outChunk + 64<<10, 1280 << 10, 5 << 20}

// bufferSize is that of the smallest buffers.
const bufferSize = 16 << 10

// get returns a buffer of at least n bytes, with any content.
func (p *bufferPool) get(n int) []byte {
	for i, size := range bufferSizes {
		if n > size {
			continue
		}
		if first, ok := p[i].Get().(*byte); ok {
			return unsafe.Slice(first, size)
		}
		return make([]byte, size)
	}
	return make([]byte, n)
}

// put takes b back, which must not be used any more.
func (p *bufferPool) put(b []byte) {
	for i, size := range bufferSizes {
		if cap(b) == size {
			p[i].Put(unsafe.SliceData(b))
			return
		}
	}
}

// grow returns a buffer with what is in b and room for n bytes more, twice as
// large at least, and takes b back.
func (p *bufferPool) grow(b []byte, n int) []byte {
	c := p.get(max(len(b)+n, 2*cap(b)))[:len(b)]
	copy(c, b)
	p.put(b)
	return c
}
