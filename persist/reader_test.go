package persist

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// written returns transaction i of a history: some are small, some fill
// records, some take several, over the bounds of segments.
func written(i uint64) []byte {
	size := int(i*7919%97) * 10
	switch {
	case i%101 == 0:
		size = 1_300_000
	case i%11 == 0:
		size = 90_000
	}
	return setTx(fmt.Sprint("k", i%50), strings.Repeat(fmt.Sprint(i, "."), size/5))
}

// appendTo appends the history up to transaction to.
func appendTo(t testing.TB, f *File, m *model, to uint64) {
	t.Helper()
	for i := f.Appended() + 1; i <= to; i++ {
		do(t, f, m, written(i))
	}
}

// read reads the history from after up to transaction to.
func readTo(t testing.TB, r *Reader, after, to uint64) {
	t.Helper()
	for after < to {
		txs, err := r.Next(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, txs)
		for _, tx := range txs {
			after++
			require.Equal(t, after, tx.Seq)
			require.Equal(t, written(after), tx.Effects)
		}
	}
	require.Equal(t, to, after)
}

func TestReaderFollowsWriters(t *testing.T) {
	for _, policy := range policies {
		t.Run(policy.String(), func(t *testing.T) {
			opt := testOptions(policy)
			opt.ticks, opt.MaxJournal = nil, 256<<20
			f, m := mustOpen(t, tempFile(t), opt)
			const last = 300
			var readers sync.WaitGroup
			for _, after := range []uint64{0, 0, 0} {
				r, err := f.ReadAfter(after)
				require.NoError(t, err)
				readers.Go(func() {
					defer r.Close()
					readTo(t, r, after, last)
				})
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for f.Appended() < last {
				appendTo(t, f, m, min(last, f.Appended()+1+rng.Uint64N(30)))
				if policy != EverySecond || rng.IntN(3) == 0 {
					require.NoError(t, f.Sync())
				}
				if rng.IntN(8) == 0 {
					require.NoError(t, f.Checkpoint(m))
				}
			}
			readers.Wait()
			require.NoError(t, f.Close())
		})
	}
}

// From wherever one begins, after a restart as well, everything comes.
func TestReaderBeginsAnywhere(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	const last = 350
	for f.Appended() < last {
		appendTo(t, f, m, f.Appended()+7)
		require.NoError(t, f.Sync())
	}
	for range 2 {
		for after := uint64(0); after <= last; after++ {
			r, err := f.ReadAfter(after)
			require.NoError(t, err)
			if after%10 == 0 {
				readTo(t, r, after, last)
			} else if after < last {
				txs, err := r.Next(t.Context())
				require.NoError(t, err)
				require.Equal(t, after+1, txs[0].Seq)
				require.Equal(t, written(after+1), txs[0].Effects)
			}
			r.Close()
		}
		require.NoError(t, f.Close())
		f, _ = mustOpen(t, path, testOptions(EverySecond))
	}
	require.NoError(t, f.Close())
}

// What a checkpoint has dropped is gone, and it is said what is there.
func TestReaderOfWhatIsGone(t *testing.T) {
	f, m := mustOpen(t, tempFile(t), testOptions(EverySecond))
	appendTo(t, f, m, 350)
	require.NoError(t, f.Checkpoint(m))
	_, err := f.ReadAfter(0)
	var gone *GoneError
	require.ErrorAs(t, err, &gone)
	require.ErrorIs(t, err, ErrGone)
	require.Zero(t, gone.After)
	require.Greater(t, gone.Oldest, uint64(1))
	require.LessOrEqual(t, gone.Oldest, uint64(351))
	_, err = f.ReadAfter(gone.Oldest - 2)
	require.ErrorIs(t, err, ErrGone)
	r, err := f.ReadAfter(gone.Oldest - 1)
	require.NoError(t, err)
	defer r.Close()
	appendTo(t, f, m, 360)
	require.NoError(t, f.Sync())
	readTo(t, r, gone.Oldest-1, 360)
	require.NoError(t, f.Close())
}

// A Reader that is behind holds what it needs, up to MaxJournal bytes.
func TestReaderHoldsTheJournal(t *testing.T) {
	opt := testOptions(EverySecond)
	opt.MaxJournal = 8 << 20
	f, m := mustOpen(t, tempFile(t), opt)
	r, err := f.ReadAfter(0)
	require.NoError(t, err)
	defer r.Close()
	appendTo(t, f, m, 120)
	require.NoError(t, f.Checkpoint(m))
	appendTo(t, f, m, 150)
	require.NoError(t, f.Checkpoint(m))
	require.Positive(t, f.Stats().KeptBytes)
	readTo(t, r, 0, 150)
	appendTo(t, f, m, 160)
	require.NoError(t, f.Checkpoint(m))
	require.LessOrEqual(t, f.Stats().KeptBytes, int64(2*segmentSize+recordSize), "what was read is dropped")
	readTo(t, r, 150, 160)

	for to := uint64(400); to <= 2000; to += 400 { // some 20 MB
		appendTo(t, f, m, to)
		require.NoError(t, f.Checkpoint(m))
	}
	require.LessOrEqual(t, f.Stats().KeptBytes, opt.MaxJournal)
	require.NoError(t, f.journal.check())
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, ErrGone)
	require.NoError(t, f.Close())
}

// However much of the journal is kept, a Reader, a checkpoint and a commit look at
// what is theirs: damage elsewhere is not noticed.
func TestReaderReadsWhatItNeeds(t *testing.T) {
	path := tempFile(t)
	opt := testOptions(EverySecond)
	opt.KeepJournal, opt.MaxJournal = 64<<20, 64<<20
	f, m := mustOpen(t, path, opt)
	for f.Appended() < 500 {
		appendTo(t, f, m, f.Appended()+1)
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Checkpoint(m))
	require.NoError(t, f.journal.check())
	const damaged = 20 // of the first segments
	require.Greater(t, len(f.journal.segments), 2*damaged)
	require.NoError(t, f.doNow(&step{run: func(tx *bolt.Tx) error {
		for i := 1; i < damaged; i += 2 {
			b := tx.Bucket(journalBucket).Bucket(binary.BigEndian.AppendUint64(nil, f.journal.segments[i].first))
			key, value := b.Cursor().First()
			bad := bytes.Clone(value)
			bad[len(bad)-1]++
			if err := b.Put(bytes.Clone(key), bad); err != nil {
				return err
			}
		}
		return nil
	}}))
	require.NoError(t, f.Checkpoint(m))
	appendTo(t, f, m, 510)
	require.NoError(t, f.Checkpoint(m))
	require.NoError(t, f.journal.check())
	r, err := f.ReadAfter(480)
	require.NoError(t, err)
	readTo(t, r, 480, 510)
	r.Close()
	r, err = f.ReadAfter(0)
	if err == nil {
		_, err = r.Next(t.Context())
	}
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorIs(t, f.Close(), ErrReadOnly, "now that it is known")
}

// KeepJournal bytes are kept for those who come later, also after a restart.
func TestReaderOfWhatIsKept(t *testing.T) {
	path := tempFile(t)
	opt := testOptions(EverySecond)
	opt.KeepJournal = 16 << 20
	f, m := mustOpen(t, path, opt)
	appendTo(t, f, m, 300)
	require.NoError(t, f.Checkpoint(m))
	require.Empty(t, f.CheckpointDue(), "what is kept makes no checkpoint due")
	require.NoError(t, f.Close())
	_, err := Check(path, func(problem string) { t.Error(problem) })
	require.NoError(t, err)

	f, got := mustOpen(t, path, opt)
	got.same(t, m)
	require.Positive(t, f.Stats().KeptBytes)
	require.NoError(t, f.journal.check())
	r, err := f.ReadAfter(0)
	require.NoError(t, err)
	appendTo(t, f, m, 310)
	require.NoError(t, f.Checkpoint(m))
	readTo(t, r, 0, 310)
	r.Close()
	for range 3 { // 20 MB
		appendTo(t, f, m, f.Appended()+400)
		require.NoError(t, f.Checkpoint(m))
	}
	require.LessOrEqual(t, f.Stats().KeptBytes, opt.KeepJournal)
	require.NoError(t, f.Close())

	opt.KeepJournal = 0
	f, got = mustOpen(t, path, opt)
	got.same(t, m)
	require.NoError(t, f.Checkpoint(got))
	require.LessOrEqual(t, f.Stats().JournalBytes, int64(2*segmentSize+recordSize))
	require.NoError(t, f.Close())
}

// A Reader shows nothing that a crash could take back.
func TestReaderShowsWhatIsSure(t *testing.T) {
	f, m := mustOpen(t, tempFile(t), testOptions(EverySecond))
	r, err := f.ReadAfter(0)
	require.NoError(t, err)
	defer r.Close()
	appendTo(t, f, m, 5)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Next(ctx)
	require.ErrorIs(t, err, context.Canceled, "nothing was written yet")
	require.NoError(t, f.Wait(3))
	readTo(t, r, 0, 5)

	waiting := make(chan error)
	go func() {
		_, err := r.Next(t.Context())
		waiting <- err
	}()
	require.NoError(t, f.Close())
	require.ErrorIs(t, <-waiting, ErrClosed)
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, ErrClosed)
	_, err = f.ReadAfter(6)
	require.ErrorIs(t, err, ErrFuture)
	_, err = f.ReadAfter(0)
	require.True(t, errors.Is(err, ErrClosed))
}
