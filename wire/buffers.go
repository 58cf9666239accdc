package wire

import (
	"math/bits"
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

// arguments are buffers for large arguments, which the store may keep.
var arguments argumentPool

// An argumentPool recycles memory that is kept as a value or was one. What is
// in it has no more room than it needs, but for a sixteenth.
type argumentPool [argumentSteps * (maxArgument - minArgument)]sync.Pool // of the address of the first byte

const (
	minArgument   = 15 // the smallest has 32 KiB, and a step more
	maxArgument   = 25 // the largest 32 MiB
	argumentSteps = 16 // for each power of two
)

// argumentSize returns the size of the buffers in the pool of a number.
func argumentSize(pool int) int {
	power := pool/argumentSteps + minArgument
	return 1<<power + (pool%argumentSteps+1)<<power/argumentSteps
}

// argumentPoolOf returns the number of the pool whose buffers have at least n bytes,
// and not much more; there may be no such pool.
func argumentPoolOf(n int) int {
	if n <= 1<<minArgument {
		return -1
	}
	power := bits.Len(uint(n-1)) - 1
	step := 1 << power / argumentSteps
	return (power-minArgument)*argumentSteps + (n-1-1<<power)/step
}

// get returns a buffer of at least n bytes, with any content.
func (p *argumentPool) get(n int) []byte {
	i := argumentPoolOf(n)
	if i < 0 || i >= len(p) {
		return make([]byte, n)
	}
	if first, ok := p[i].Get().(*byte); ok {
		return unsafe.Slice(first, argumentSize(i))
	}
	return make([]byte, argumentSize(i))
}

// put takes the memory of b back, which must not be used any more.
func (p *argumentPool) put(b []byte) {
	i := argumentPoolOf(cap(b))
	if i >= 0 && i < len(p) && argumentSize(i) > cap(b) {
		i-- // it is larger than those
	}
	if i >= 0 && i < len(p) {
		p[i].Put(unsafe.SliceData(b))
	}
}
