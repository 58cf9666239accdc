package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsLieSideBySide(t *testing.T) {
	for i := range buckets - 1 {
		high := highest(i)
		if bucket(high) != i || bucket(high+1) != i+1 {
			t.Fatalf("the highest value of bucket %d, %d, is in %d, and the next in %d", i, high, bucket(high), bucket(high+1))
		}
	}
	if got := bucket(math.MaxUint64); got != buckets-1 {
		t.Errorf("the largest value is in bucket %d of %d", got, buckets)
	}
}

func TestQuantile(t *testing.T) {
	const n = 20000
	rng := rand.New(rand.NewPCG(1, 2))
	var parts [2]Histogram
	var all []time.Duration
	for i := range n {
		d := time.Duration(math.Exp(rng.Float64() * math.Log(10e9))) // 1 ns to 10 s
		all = append(all, d)
		parts[i%2].Add(d)
	}
	var h Histogram
	h.Merge(&parts[0])
	h.Merge(&parts[1])
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		exact := all[max(0, int(math.Ceil(q*n))-1)]
		got := h.Quantile(q)
		if got < exact || float64(got) > float64(exact)*(1+1./32) {
			t.Errorf("quantile %g is %v, want %v or at most 1/32 more", q, got, exact)
		}
	}
	if h.Max() != all[n-1] || h.Count() != n {
		t.Errorf("max %v of %d, want %v of %d", h.Max(), h.Count(), all[n-1], n)
	}
	if err := h.check(); err != nil {
		t.Error(err)
	}
}

func TestEmptyHistogram(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 || h.Count() != 0 {
		t.Error("an empty histogram holds something")
	}
	h.Add(-time.Second)
	if h.Quantile(1) != 0 || h.Count() != 1 {
		t.Error("a negative duration does not count as 0")
	}
}
