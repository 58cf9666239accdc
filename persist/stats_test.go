package persist

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Stats count what was written, and what it was written for.
func TestStatsOfWrites(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	require.Zero(t, new(Stats).Amplification())
	appended := 0
	for i := range 200 {
		tx := setTx(fmt.Sprint("key", i), strings.Repeat("x", 1000))
		appended += len(tx)
		do(t, f, m, tx)
	}
	require.NoError(t, f.Sync())
	s := f.Stats()
	require.EqualValues(t, appended, s.AppendedBytes)
	require.Greater(t, s.JournalWrites, uint64(appended))
	require.Greater(t, s.PageWrites, s.JournalWrites)
	require.Zero(t, s.ChunkWrites)

	require.NoError(t, f.Checkpoint(m))
	s = f.Stats()
	require.Equal(t, CheckpointCost{Base: true, Keys: 200, Bytes: int64(s.ChunkWrites)}, s.Last)
	require.Greater(t, s.PageWrites, s.JournalWrites+s.ChunkWrites)
	require.Less(t, s.Amplification(), 4.0)

	before := s.ChunkWrites
	do(t, f, m, setTx("key7", "x"))
	require.NoError(t, f.Checkpoint(m))
	s = f.Stats()
	require.Equal(t, CheckpointCost{Keys: 1, Bytes: int64(s.ChunkWrites - before)}, s.Last)
	require.Less(t, s.Last.Bytes, int64(50))

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.LessOrEqual(t, s.FileBytes, info.Size())
	require.Greater(t, s.FileBytes, s.JournalBytes+s.BaseBytes)
	require.Greater(t, s.FreeBytes, int64(0))
	require.Less(t, s.FreeBytes, s.FileBytes)
	require.NoError(t, f.Close())
}

// A file in which as much changes in each round as in the one before does not
// grow: what is free is used again.
func TestFreeSpaceIsUsedAgain(t *testing.T) {
	f, m := mustOpen(t, tempFile(t), testOptions(EverySecond))
	largest, late := int64(0), int64(0)
	for round := range 60 {
		for i := range 100 {
			do(t, f, m, setTx(fmt.Sprint("key", (i*7+round*31)%500), strings.Repeat("x", 1000+round%7*100)))
		}
		require.NoError(t, f.Checkpoint(m))
		if size := f.Stats().FileBytes; round < 20 {
			largest = max(largest, size)
		} else {
			late = max(late, size)
		}
	}
	require.Less(t, float64(late), 1.6*float64(largest)) // with nothing used again, 3 times
	require.NoError(t, f.Close())
}
