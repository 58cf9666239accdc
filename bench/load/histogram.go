package load

import (
	"fmt"
	"math/bits"
	"time"
)

const (
	exactBits = 6                  // values below 64 ns have a bucket each
	half      = 1 << exactBits / 2 // of the buckets for each further power of two
	buckets   = (64-exactBits)*half + 2*half
)

// A Histogram counts durations in buckets whose width is at most 1/32 of the
// durations in them. The zero value is empty and ready to use.
//
// Invariant: n is the sum of counts.
type Histogram struct {
	counts [buckets]uint32
	n      uint64
	max    time.Duration
}

// bucket returns the number of the bucket that counts v: v itself if it is
// small, else its highest bits, from the highest one that is set.
func bucket(v uint64) int {
	shift := bits.Len64(v) - exactBits
	if shift <= 0 {
		return int(v)
	}
	return shift*half + int(v>>shift)
}

// highest returns the largest value that bucket i counts.
func highest(i int) uint64 {
	if i < 2*half {
		return uint64(i)
	}
	shift := i/half - 1
	return (uint64(i-shift*half)+1)<<shift - 1
}

// Add counts d, a negative d as 0.
func (h *Histogram) Add(d time.Duration) { h.AddN(d, 1) }

// AddN counts d n times.
func (h *Histogram) AddN(d time.Duration, n int) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))] += uint32(n)
	h.n += uint64(n)
	h.max = max(h.max, d)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// Count returns how many durations were added.
func (h *Histogram) Count() int { return int(h.n) }

// Max returns the longest duration, exactly; 0 if there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns the duration that the part q, from 0 to 1, of all durations
// does not exceed: too long by at most 1/32. It is 0 if there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.n))
	if float64(rank) < q*float64(h.n) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, n := range h.counts {
		if seen += uint64(n); seen >= rank {
			return min(time.Duration(highest(i)), h.max)
		}
	}
	return h.max
}

// check tests the invariant.
func (h *Histogram) check() error {
	var sum uint64
	for _, n := range h.counts {
		sum += uint64(n)
	}
	if sum != h.n {
		return fmt.Errorf("load: %d durations are counted, %d were added", sum, h.n)
	}
	return nil
}
