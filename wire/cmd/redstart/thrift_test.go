package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

// looks tells t what h is, n times, and returns at which look a collection was
// due; 0 if at none.
func looks(t *thrift, n int, h *heapLook, allocs uint64) int {
	for i := range n {
		h.allocs += allocs
		h.now += allocs
		if t.look(*h) {
			return i + 1
		}
	}
	return 0
}

// collected is what a collection does to h.
func collected(h *heapLook, other uint64) {
	h.live = h.size + other
	h.now, h.free, h.cycles = h.live, 0, h.cycles+1
}

func TestThrift(t *testing.T) {
	start := func(size uint64) (*thrift, *heapLook) {
		h := &heapLook{size: size}
		collected(h, 10*mib)
		th := new(thrift)
		require.Zero(t, looks(th, 10, h, 0), "nothing to be had")
		return th, h
	}
	t.Run("large values are deleted under load", func(t *testing.T) {
		th, h := start(300 * mib)
		h.size = 100 * mib
		require.Equal(t, muchLooks, looks(th, 10, h, 2*mib))
		collected(h, 10*mib)
		require.Zero(t, looks(th, 10, h, 2*mib))
	})
	t.Run("large values are deleted just after a collection", func(t *testing.T) {
		th, h := start(300 * mib)
		collected(h, 10*mib)
		h.size = 100 * mib
		require.Equal(t, muchLooks, looks(th, 10, h, 2*mib))
	})
	t.Run("a little is deleted", func(t *testing.T) {
		th, h := start(300 * mib)
		h.size = 250 * mib
		require.Zero(t, looks(th, 10, h, 2*mib), "not while there is something to do")
		require.Equal(t, calmLooks, looks(th, 10, h, 0))
		collected(h, 10*mib)
		require.Zero(t, looks(th, 100, h, 0), "once is enough")
	})
	t.Run("memory is free", func(t *testing.T) {
		th, h := start(300 * mib)
		h.free = 200 * mib
		require.Equal(t, muchLooks, looks(th, 10, h, 2*mib))
	})
	t.Run("others hold memory", func(t *testing.T) {
		th, h := start(100 * mib)
		collected(h, 500*mib)
		require.Zero(t, looks(th, 100, h, 0))
	})
	t.Run("the database grows", func(t *testing.T) {
		th, h := start(100 * mib)
		for range 100 {
			h.size += 5 * mib
			require.Zero(t, looks(th, 1, h, 6*mib))
			if h.now > h.live*5/4 {
				collected(h, 10*mib)
			}
		}
	})
	t.Run("a small heap", func(t *testing.T) {
		th, h := start(mib)
		h.now += 3 * mib
		require.Zero(t, looks(th, 100, h, 0))
	})
}
