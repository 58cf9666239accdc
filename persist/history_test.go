package persist

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// Random histories with checkpoints and reopenings at random points give back
// what a plain map holds.
func TestHistories(t *testing.T) {
	histories := 30
	if testing.Short() {
		histories = 10
	}
	for seed := range uint64(histories) {
		history(t, seed)
	}
}

func history(t *testing.T, seed uint64) {
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	r := rand.New(rand.NewPCG(seed, 7))
	path := tempFile(t)
	options := func() *Options {
		opt := testOptions(policies[r.IntN(3)])
		opt.patchFrom = []int{0, 1, 100}[r.IntN(3)]
		return opt
	}
	f, m := mustOpen(t, path, options())
	views := []*model{}
	for range 10 + r.IntN(150) {
		switch r.IntN(24) {
		case 0:
			require.NoError(t, f.Checkpoint(m))
			views = nil
		case 1: // a view that writers have left behind
			views = append(views, m.clone())
		case 2:
			if len(views) > 0 {
				require.NoError(t, f.Checkpoint(views[0]))
				views = views[1:]
			}
		case 3:
			require.NoError(t, f.Sync())
		case 4:
			require.NoError(t, f.Close())
			var got *model
			f, got = mustOpen(t, path, options())
			got.same(t, m)
			views = nil
		default:
			var l types.Log
			randomTx(r, &l)
			do(t, f, m, l.Bytes())
		}
	}
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, options())
	got.same(t, m)
	require.NoError(t, f.Close())
}
