package persist

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"redstart/persist/internal/disk"
	"redstart/types"
)

// staging returns options under which groups go to a small stage.
func staging(ticks <-chan time.Time) *Options {
	return &Options{Sync: Always, stageSize: 16 * stageUnit, ticks: ticks}
}

// openStaging opens a file that has a stage already.
func openStaging(t testing.TB, path string, opt *Options) (*File, *model) {
	t.Helper()
	f, m := mustOpen(t, path, opt)
	staged(t, f, m, setTx("first", "1"))
	require.Positive(t, f.stage.at)
	require.Zero(t, f.Stats().Staged, "the stage is made by an ordinary commit")
	return f, m
}

// staged appends a transaction and waits for it.
func staged(t testing.TB, f *File, m *model, tx []byte) {
	t.Helper()
	do(t, f, m, tx)
	require.NoError(t, f.Wait(m.seq))
}

// tick makes the committer do two rounds, of which the second folds what the
// first has staged, and waits until they are over.
func tick(ticks chan time.Time) {
	ticks <- time.Time{}
	ticks <- time.Time{}
	ticks <- disk.Mark
}

// whole tests the invariants of an idle file.
func whole(t testing.TB, f *File) {
	t.Helper()
	f.turn.Lock() // bbolt's check reads what a commit writes
	defer f.turn.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.NoError(t, f.stage.check(f.written))
	require.NoError(t, f.view(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		var s stage
		if err := s.locate(tx); err != nil {
			return err
		}
		require.Equal(t, s.at, f.stage.at, "the stage has moved")
		return nil
	}))
}

// duplicate copies a file as a crash of the process would leave it.
func duplicate(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	to := tempFile(t)
	require.NoError(t, os.WriteFile(to, content, 0o600))
	return to
}

// What is staged comes back after a crash of the process, is examined and
// recovered, and is in the journal after the file was closed.
func TestStageComesBack(t *testing.T) {
	path := tempFile(t)
	f, m := openStaging(t, path, staging(noTicks()))
	for i := range 5 {
		staged(t, f, m, setTx(fmt.Sprint("key", i), strings.Repeat("x", i*1500)))
	}
	whole(t, f)
	require.Equal(t, 5, f.stage.count)
	require.Positive(t, f.Stats().Staged)

	crashed := duplicate(t, path)
	want := m.clone()
	want.seq = 0
	got, sum, found := examined(t, crashed)
	require.Empty(t, found)
	require.Equal(t, 5, sum.Staged)
	require.Positive(t, sum.Stage)
	require.Equal(t, 6, sum.Transactions)
	require.False(t, sum.Unfinished)
	got.same(t, want)

	again, got := mustOpen(t, crashed, staging(noTicks()))
	got.same(t, m)
	require.Equal(t, m.seq, again.Durable())
	whole(t, again)
	staged(t, again, got, setTx("more", "1"))
	require.Equal(t, 6, again.stage.count)
	loaded, err := load(again)
	require.NoError(t, err)
	loaded.same(t, got)
	require.NoError(t, again.Close())

	require.NoError(t, f.Close())
	_, sum, found = examined(t, path)
	require.Empty(t, found)
	require.Zero(t, sum.Staged)
	require.Equal(t, 6, sum.Transactions)
}

// A file that nobody needs a stage for has none; its stamp tells.
func TestStageAndStamp(t *testing.T) {
	stagedIn := func(path string) bool {
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
		require.NoError(t, err)
		defer db.Close()
		var s stamp
		require.NoError(t, db.View(func(tx *bolt.Tx) error {
			s = stamp(tx.Bucket(metaBucket).Sequence())
			require.Equal(t, s.staged(), tx.Bucket(stageBucket) != nil)
			return nil
		}))
		return s.staged()
	}
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	staged(t, f, m, setTx("a", "1"))
	require.NoError(t, f.Close())
	require.False(t, stagedIn(path))

	f, m = mustOpen(t, path, testOptions(Always))
	require.NoError(t, f.Close())
	require.False(t, stagedIn(path))

	f, m = mustOpen(t, path, testOptions(Always))
	staged(t, f, m, setTx("a", "2"))
	require.NoError(t, f.Close())
	require.True(t, stagedIn(path))

	f, m = mustOpen(t, path, testOptions(EverySecond))
	staged(t, f, m, setTx("a", "3"))
	require.Equal(t, 1, f.stage.count, "what is there is used under every policy")
	require.NoError(t, f.Close())
}

// When what is staged goes to the journal.
func TestFold(t *testing.T) {
	ticks := make(chan time.Time)
	path := tempFile(t)
	f, m := openStaging(t, path, staging(ticks))
	count := func() int {
		whole(t, f)
		return f.stage.count
	}
	fill := func() {
		staged(t, f, m, setTx("a", fmt.Sprint(m.seq)))
		require.Positive(t, count())
	}
	fill()
	do(t, f, m, setTx("nobody waits", "1"))
	tick(ticks)
	require.Equal(t, m.seq, f.Durable())
	require.Zero(t, count(), "the second tick found nothing to stage")
	fill()
	require.NoError(t, f.Checkpoint(m.clone()))
	require.Zero(t, count())
	fill()
	f.SetPolicy(Never)
	tick(ticks)
	require.Zero(t, count())
	fill()
	do(t, f, m, setTx("b", "1"))
	tick(ticks)
	require.Zero(t, count())
	require.Equal(t, m.seq, f.Durable(), "a fold is synced under Never, too")
	f.SetPolicy(Always)
	fill()
	staged(t, f, m, setTx("too large for the stage", strings.Repeat("x", 5*stageUnit)))
	require.Zero(t, count())
	fill()
	staged(t, f, m, setTx("in pieces", strings.Repeat("x", 2*recordSize)))
	require.Zero(t, count())
	for range 40 { // full twice
		staged(t, f, m, setTx("a", fmt.Sprint(m.seq)))
	}
	require.Equal(t, 6, count())
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// Random histories: of everything, in any order, with crashes of the process,
// with a look at what is where after each step.
func TestStageHistories(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 9))
		ticks := make(chan time.Time)
		path := tempFile(t)
		f, m := openStaging(t, path, staging(ticks))
		at := f.stage.at
		for range 120 {
			switch r.IntN(16) {
			default:
				var l types.Log
				for range 1 + r.IntN(4) {
					randomTx(r, &l)
					do(t, f, m, l.Bytes())
					l.Reset()
				}
				if r.IntN(4) > 0 {
					require.NoError(t, f.Wait(m.seq))
				}
			case 0:
				require.NoError(t, f.Checkpoint(m.clone()))
			case 1:
				tick(ticks)
			case 2:
				f.SetPolicy(policies[r.IntN(3)])
			case 3:
				f.SetPolicy(Always)
			case 4:
				require.NoError(t, f.Sync())
				crashed := duplicate(t, path)
				require.NoError(t, f.Close())
				path = crashed
				var got *model
				f, got = mustOpen(t, path, staging(ticks))
				got.same(t, m)
			case 5:
				require.NoError(t, f.Sync())
				got, err := load(f)
				require.NoError(t, err)
				got.same(t, m)
			case 6:
				require.NoError(t, f.Close())
				var got *model
				f, got = mustOpen(t, path, staging(ticks))
				got.same(t, m)
			}
			require.NoError(t, f.Wait(m.seq))
			whole(t, f)
			require.Equal(t, at, f.stage.at)
		}
		require.NoError(t, f.Close())
	}
}

// ringOf returns a ring with laps of frames, the last lap ending after some.
func ringOf(r *rand.Rand, s *stage) (ring []byte, after uint64) {
	ring = make([]byte, s.size)
	seq := uint64(1)
	for range r.IntN(3) {
		for put(r, s, ring, &seq) {
		}
		s.reset()
	}
	after = seq - 1
	for range r.IntN(6) {
		put(r, s, ring, &seq)
	}
	return ring, after
}

// put writes a random group to the ring; false if it does not fit.
func put(r *rand.Rand, s *stage, ring []byte, seq *uint64) bool {
	g := randomGroup(r, seq)
	if !s.fits(g) {
		*seq -= uint64(g.records[0].count)
		return false
	}
	copy(ring[s.next:], s.encode(g))
	s.took(g)
	return true
}

func randomGroup(r *rand.Rand, seq *uint64) *group {
	rec := &record{buf: make([]byte, recordHeader), kind: recordWhole, first: *seq}
	g := &group{records: []*record{rec}}
	size := []int{10, 300, 2000, 9000}[r.IntN(4)]
	for range 1 + r.IntN(4) {
		n := r.IntN(min(size, 125))
		rec.buf = append(rec.buf, byte(n))
		for range n {
			rec.buf = append(rec.buf, byte(r.IntN(4)))
		}
		rec.count++
	}
	for len(rec.buf) < size {
		rec.buf = append(rec.buf, 100)
		rec.buf = append(rec.buf, make([]byte, 100)...)
		rec.count++
	}
	*seq += uint64(rec.count)
	g.bytes = len(rec.buf) - recordHeader
	return g
}

// Of the write in flight when the machine stops, any sectors may have arrived:
// what was promised before is read in full, and the rest is whole or cut.
func TestTornFrames(t *testing.T) {
	const sector = 512
	unfinished, arrived := 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := &stage{stageHead: stageHead{salt: r.Uint64(), size: 24 * stageUnit}}
		old, after := ringOf(r, s)
		promised, _ := s.read(old, after)
		require.Equal(t, s.next, promised.end)
		begin, before := s.next, promised.last
		seq := before + 1
		full := bytes.Clone(old)
		if !put(r, s, full, &seq) {
			continue
		}
		fr, _, ok := s.frame(full, begin)
		require.True(t, ok)
		end := begin + frameHeader + len(fr.body)
		for range 40 {
			torn := bytes.Clone(old)
			for at := begin; at < s.next; at += sector {
				if r.IntN(2) == 0 {
					copy(torn[at:at+sector], full[at:])
				}
			}
			got, err := s.read(torn, after)
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(got.frames), len(promised.frames))
			for i := range promised.frames {
				require.Equal(t, promised.frames[i], got.frames[i])
			}
			if bytes.Equal(torn[begin:end], full[begin:end]) {
				require.Equal(t, seq-1, got.last)
				arrived++
			} else {
				require.Equal(t, before, got.last)
			}
			if got.unfinished {
				unfinished++
			}
		}
	}
	t.Logf("6000 states: %d arrived whole, %d were seen to be unfinished", arrived, unfinished)
	require.Positive(t, arrived)
	require.Positive(t, unfinished)
}

// Damage of anything that was promised is noticed, unless it is in the frame
// written last, which looks as if it had been interrupted.
func TestDamagedFrames(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := &stage{stageHead: stageHead{salt: r.Uint64(), size: 24 * stageUnit}}
		ring, after := ringOf(r, s)
		want, err := s.read(ring, after)
		require.NoError(t, err)
		if len(want.frames) == 0 {
			continue
		}
		lastAt := want.end - units(len(want.frames[len(want.frames)-1].body))
		at, at2 := 0, r.IntN(len(want.frames))
		for i := range at2 {
			at += units(len(want.frames[i].body))
		}
		hit := at + r.IntN(frameHeader+len(want.frames[at2].body))
		ring[hit] ^= 1 << r.IntN(8)
		got, err := s.read(ring, after)
		require.Len(t, got.frames, at2)
		if at < lastAt {
			require.ErrorIs(t, err, ErrCorrupt)
			require.ErrorContains(t, err, fmt.Sprint("after transaction ", got.last))
			continue
		}
		require.NoError(t, err)
	}
}

// Damage of the stage in a file: where it is, and what is saved of it.
func TestDamagedStage(t *testing.T) {
	path := tempFile(t)
	f, m := openStaging(t, path, staging(noTicks()))
	var models []*model
	for i := range 4 {
		models = append(models, m.clone())
		staged(t, f, m, setTx("key", fmt.Sprint(i)))
	}
	s := f.stage
	crashed := duplicate(t, path)
	require.NoError(t, f.Close())
	damage := func(off int64) string {
		to := duplicate(t, crashed)
		file, err := os.OpenFile(to, os.O_RDWR, 0)
		require.NoError(t, err)
		defer file.Close()
		b := []byte{0}
		_, err = file.ReadAt(b, off)
		require.NoError(t, err)
		b[0] ^= 4
		_, err = file.WriteAt(b, off)
		require.NoError(t, err)
		return to
	}
	ring := s.at + int64(s.lead)
	for i := range 3 {
		to := damage(ring + int64(i*stageUnit) + 30)
		refused(t, to, ErrCorrupt, fmt.Sprint("holds transactions ", i+3, " to"))
		got, sum, found := examined(t, to)
		require.Len(t, found, 1)
		require.Equal(t, i, sum.Staged)
		want := models[i]
		want.seq = 0
		got.same(t, want)
	}

	to := damage(ring + 3*stageUnit + 30)
	_, sum, found := examined(t, to)
	require.Empty(t, found)
	require.True(t, sum.Unfinished)
	var log bytes.Buffer
	opt := staging(noTicks())
	opt.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f, got := mustOpen(t, to, opt)
	require.Contains(t, log.String(), "transaction=5")
	models[3].seq = got.seq
	got.same(t, models[3])
	require.NoError(t, f.Close())

	to = damage(s.at + 1)
	refused(t, to, ErrCorrupt, "the head of the stage")
	got, sum, found = examined(t, to)
	require.Len(t, found, 1)
	require.Equal(t, 1, sum.Transactions)
	models[0].seq = 0
	got.same(t, models[0])
}

// A write to the stage that fails for once, and one that is cut short: nobody
// notices, and the stage is left alone from then on.
func TestStageWriteFails(t *testing.T) {
	for _, arrives := range []int{0, 1, 512, stageUnit} {
		path := tempFile(t)
		f, m := openStaging(t, path, staging(noTicks()))
		staged(t, f, m, setTx("a", "1"))
		writes := 0
		stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
			if e.Op == disk.Write && e.Offset >= f.stage.at {
				writes++
				_, err := f.os.WriteAt(e.Data[:arrives], e.Offset)
				require.NoError(t, err)
				return &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
			}
			return do()
		})
		for i := range 3 {
			staged(t, f, m, setTx("b", fmt.Sprint(i)))
		}
		stop()
		require.Equal(t, 1, writes)
		require.Equal(t, uint64(1), f.Stats().Failures)
		whole(t, f)
		crashed := duplicate(t, path)
		require.NoError(t, f.Close())
		for _, path := range []string{path, crashed} {
			f, got := mustOpen(t, path, staging(noTicks()))
			got.same(t, m)
			staged(t, f, got, setTx("c", "1"))
			require.Equal(t, 1, f.stage.count, "a new run tries again")
			require.NoError(t, f.Close())
		}
	}
}

// A disk that takes no frames past the memory of the system gets them by it.
func TestStageNotDirect(t *testing.T) {
	path := tempFile(t)
	f, m := openStaging(t, path, staging(noTicks()))
	staged(t, f, m, setTx("a", "1"))
	past := -uintptr(unsafe.Pointer(&f.stage.buf[:1][0])) % disk.DirectUnit
	require.Zero(t, past)
	f.stage.buf = make([]byte, 2*stageUnit+1)
	if uintptr(unsafe.Pointer(&f.stage.buf[0]))%disk.DirectUnit == 0 {
		f.stage.buf = f.stage.buf[1:] // it is in no place for that
	}
	for i := range 3 {
		staged(t, f, m, setTx("b", fmt.Sprint(i)))
	}
	require.Equal(t, 4, f.stage.count)
	require.Zero(t, f.Stats().Failures)
	whole(t, f)
	crashed := duplicate(t, path)
	require.NoError(t, f.Close())
	f, got := mustOpen(t, crashed, staging(noTicks()))
	got.same(t, m)
	require.NoError(t, f.Close())
}

// After a sync error, what is on disk is unknown.
func TestStageSyncFails(t *testing.T) {
	path := tempFile(t)
	f, m := openStaging(t, path, staging(noTicks()))
	staged(t, f, m, setTx("a", "1"))
	stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
		if e.Op == disk.Sync {
			return os.NewSyscallError("fdatasync", syscall.EIO)
		}
		return do()
	})
	defer stop()
	do(t, f, m, setTx("b", "1"))
	require.ErrorIs(t, f.Wait(m.seq), ErrReadOnly)
	require.Equal(t, m.seq-1, f.Durable())
	_, err := f.Append(setTx("c", "1"))
	require.ErrorIs(t, err, ErrReadOnly)
	require.True(t, errors.Is(f.Close(), ErrReadOnly))
}

// No space for a stage: then there is none, and nobody notices.
func TestNoSpaceForStage(t *testing.T) {
	path := tempFile(t)
	p := new(failing)
	f, m := mustOpen(t, path, &Options{Sync: Always, ticks: noTicks(), hook: p.hook})
	p.set("commit", errSpace)
	for range 3 {
		staged(t, f, m, setTx("a", "1"))
	}
	require.Zero(t, f.stage.at)
	require.Equal(t, uint64(1), f.Stats().Failures)
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// A stage that is full makes room for a larger one, up to a limit.
func TestStageGrows(t *testing.T) {
	path := tempFile(t)
	f, m := openStaging(t, path, testOptions(Always))
	require.Equal(t, firstStage, int(f.stage.size))
	big := strings.Repeat("x", firstStage/4-stageUnit)
	sizes := map[int]bool{}
	for i := range 150 {
		staged(t, f, m, setTx(fmt.Sprint("key", i%10), big))
		if !sizes[int(f.stage.size)] {
			whole(t, f)
			crashed := duplicate(t, path)
			again, got := mustOpen(t, crashed, testOptions(EverySecond))
			got.same(t, m)
			require.NoError(t, again.Close())
		}
		sizes[int(f.stage.size)] = true
	}
	require.Equal(t, map[int]bool{firstStage: true, 1 << 20: true, maxStage: true}, sizes)
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// FuzzStage reads rings that the fuzzer makes, of which frames get right
// checksums at the places it says, or it would never get further.
func FuzzStage(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 5 {
		s := &stage{stageHead: stageHead{salt: 1, size: 24 * stageUnit}}
		ring, after := ringOf(r, s)
		f.Add(ring, after, uint32(7))
	}
	f.Fuzz(func(t *testing.T, ring []byte, after uint64, right uint32) {
		if len(ring) > 1<<20 {
			return
		}
		h := stageHead{salt: 1, size: uint32(len(ring))}
		for i := range 32 {
			if at := i * stageUnit; right&(1<<i) != 0 && at < len(ring) {
				if fr, plausible, _ := h.frame(ring, at); plausible {
					b := ring[at : at+frameHeader+len(fr.body)]
					sum := h.sum(at, b)
					copy(b, []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
				}
			}
		}
		c, err := h.read(ring, after)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		seq := after
		for _, fr := range c.frames {
			if fr.first != seq+1 {
				t.Fatalf("transaction %d follows %d", fr.first, seq)
			}
			seq = fr.last()
			err := eachTransaction(fr.first, fr.count, fr.body, func(uint64, []byte) error { return nil })
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		}
		if seq != c.last {
			t.Fatalf("the last transaction is %d, not %d", c.last, seq)
		}
	})
}
