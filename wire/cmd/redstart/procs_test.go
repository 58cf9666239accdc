package main

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/store"
)

func TestSpareProcs(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "")
	spareProcs(store.EverySecond)
	require.Equal(t, before, runtime.GOMAXPROCS(0))
	spareProcs(store.Always)
	require.Equal(t, before+1, runtime.GOMAXPROCS(0))
	t.Setenv("GOMAXPROCS", "2")
	spareProcs(store.Always)
	require.Equal(t, before+1, runtime.GOMAXPROCS(0), "the environment is respected")
}
