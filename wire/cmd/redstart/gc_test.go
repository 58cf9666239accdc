package main

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPercentFor(t *testing.T) {
	for _, test := range []struct {
		live, more uint64
		least      int
		want       int
	}{
		{0, 0, gcPercent, gcMost},
		{mib, 0, gcPercent, gcMost},            // little is alive: garbage may be more
		{16 * mib, 0, gcPercent, 99},           // as much as gcSlack
		{640 * mib, 0, gcPercent, 24},          // a quarter, rounded down
		{640 * mib, 0, gcLoading, 99},          //
		{400 * mib, 400 * mib, gcPercent, 149}, // a quarter of 800 above 800
		{mib, 800 * mib, gcPercent, 99999},     // from nothing to 800
	} {
		got := percentFor(test.live, test.more, test.least)
		require.InDelta(t, test.want, got, 1+float64(test.want)/100, "%+v", test)
	}
}

// A collection is put off by what the database has grown by, until there was
// one.
func TestTunerFollows(t *testing.T) {
	t.Setenv("GOGC", "")
	os.Unsetenv("GOGC")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	var none *tuner
	none.loaded(func() int { return 0 }) // tells nobody

	size := 0
	g := &tuner{live: 400 * mib, percent: gcPercent}
	g.follow()
	require.Equal(t, gcPercent, g.percent, "nothing is known while the file is loaded")
	g.size, g.then = func() int { return size }, 400*mib
	for _, step := range []struct{ size, percent int }{
		{400 * mib, 25}, // as it was
		{300 * mib, 25}, // shrunk: the thrift's business
		{410 * mib, 25}, // not worth stopping the world
		{500 * mib, 56},
		{800 * mib, 149},
		{700 * mib, 149}, // what may be garbage is collected soon enough
	} {
		size = step.size
		g.follow()
		require.InDelta(t, step.percent, g.percent, 2, "%d MiB", size/mib)
	}
}
