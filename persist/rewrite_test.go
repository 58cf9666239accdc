package persist

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/types"
)

// filled makes a file with some of everything: base, run, journal and pipeline.
func filled(t testing.TB, f *File, m *model, r *rand.Rand) {
	t.Helper()
	for i := range 90 {
		var l types.Log
		randomTx(r, &l)
		do(t, f, m, l.Bytes())
		if i == 30 || i == 60 {
			require.NoError(t, f.Checkpoint(m))
		}
		if i == 80 {
			require.NoError(t, f.Sync())
		}
	}
}

// reopened fails unless the file at path holds what m does.
func reopened(t testing.TB, path string, m *model) {
	t.Helper()
	f, got := mustOpen(t, path, testOptions(EverySecond))
	got.same(t, m)
	require.NoError(t, f.Close())
	require.NoFileExists(t, draftName(path))
}

func TestRewrite(t *testing.T) {
	for _, policy := range policies {
		t.Run(policy.String(), func(t *testing.T) {
			path := tempFile(t)
			f, m := mustOpen(t, path, testOptions(policy))
			r := rand.New(rand.NewPCG(7, uint64(policy)))
			filled(t, f, m, r)
			before, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, f.Rewrite(m))
			after, err := os.Stat(path)
			require.NoError(t, err)
			require.False(t, os.SameFile(before, after))
			require.Equal(t, m.seq, f.Durable(), "under every policy: the old file is gone")
			require.Equal(t, uint64(1), f.Stats().Rewrites)
			require.Equal(t, m.seq, f.Stats().Covered)
			filled(t, f, m, r)
			_, err = Open(path, testOptions(policy))
			require.ErrorAs(t, err, new(*LockedError), "the new file is locked, too")
			require.NoError(t, f.Close())
			reopened(t, path, m)
		})
	}
}

// Transactions that come after the view was taken, wherever they are when the
// file is replaced, are in the new one: large ones, too.
func TestRewriteOldView(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	r := rand.New(rand.NewPCG(8, 8))
	filled(t, f, m, r)
	view := m.clone()
	for i := range 60 {
		var l types.Log
		randomTx(r, &l)
		do(t, f, m, l.Bytes())
		do(t, f, m, setTx("large", strings.Repeat(fmt.Sprint(i), recordSize)))
		if i == 40 {
			require.NoError(t, f.Sync())
		}
	}
	require.NoError(t, f.Rewrite(view))
	require.Less(t, f.Stats().Covered, m.seq)
	do(t, f, m, setTx("after", "1"))
	require.NoError(t, f.Checkpoint(m))
	do(t, f, m, setTx("after", "2"))
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// A history of writes, checkpoints, rewrites and openings in any order.
func TestRewriteModel(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 9))
		path := tempFile(t)
		f, m := mustOpen(t, path, testOptions(policies[r.IntN(3)]))
		old := m.clone()
		for range 300 {
			switch r.IntN(24) {
			case 0:
				require.NoError(t, f.Rewrite(m), "seed %d", seed)
			case 1:
				if old.seq >= f.Stats().Covered {
					require.NoError(t, f.Rewrite(old), "seed %d", seed)
				}
			case 2:
				require.NoError(t, f.Checkpoint(m), "seed %d", seed)
			case 3:
				require.NoError(t, f.Close())
				f, old = mustOpen(t, path, testOptions(policies[r.IntN(3)]))
				old.same(t, m)
			case 4:
				require.NoError(t, f.Sync())
			case 5:
				old = m.clone()
			default:
				var l types.Log
				randomTx(r, &l)
				do(t, f, m, l.Bytes())
			}
		}
		require.NoError(t, f.Close())
		reopened(t, path, m)
	}
}

// A view from before the last checkpoint cannot be made whole: the journal does
// not reach back to it.
func TestRewriteTooOldView(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	old := m.clone()
	for i := range 5 {
		do(t, f, m, setTx("k", strings.Repeat(fmt.Sprint(i), 4*recordSize)))
	}
	require.NoError(t, f.Checkpoint(m))
	require.Error(t, f.Rewrite(old))
	require.NoFileExists(t, draftName(path))
	ahead := m.clone()
	ahead.seq++
	require.ErrorContains(t, f.Rewrite(ahead), "there are only")
	do(t, f, m, setTx("k", "after"))
	require.NoError(t, f.Close())
	reopened(t, path, m)
	require.ErrorIs(t, f.Rewrite(m), ErrClosed)
}

// Writers and waiters go on while the file is rewritten, again and again.
func TestRewriteWhileWriting(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, &Options{Sync: Always, MaxJournal: 512 << 10})
	var mu sync.Mutex
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 10))
			for {
				select {
				case <-stop:
					return
				default:
				}
				var l types.Log
				randomTx(r, &l)
				mu.Lock()
				seq, err := f.Append(l.Bytes())
				if err == nil {
					err = m.apply(seq, l.Bytes())
				}
				mu.Unlock()
				if err == nil {
					err = f.Wait(seq)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 12 {
		mu.Lock()
		view := m.clone()
		mu.Unlock()
		if i%3 == 2 {
			require.NoError(t, f.Checkpoint(view))
			continue
		}
		require.NoError(t, f.Rewrite(view))
	}
	close(stop)
	wg.Wait()
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// After a checkpoint that leaves mostly free space a rewrite is due, and gives
// it back; ordinary churn makes none due.
func TestRewriteDue(t *testing.T) {
	path := tempFile(t)
	opt := testOptions(EverySecond)
	opt.MaxFree = 4 << 20
	f, m := mustOpen(t, path, opt)
	for round := range 30 {
		for i := range 40 {
			do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat(fmt.Sprint(round%10), 100<<10)))
		}
		require.NoError(t, f.Checkpoint(m))
	}
	require.Empty(t, f.RewriteDue())
	var l types.Log
	l.Add(OpFlush, -1, 0, "", "")
	do(t, f, m, l.Bytes())
	require.NoError(t, f.Checkpoint(m))
	<-f.RewriteDue()
	before := f.Stats()
	require.Greater(t, before.FreeBytes, before.FileBytes/2)
	require.NoError(t, f.Rewrite(m))
	after := f.Stats()
	require.Less(t, after.FileBytes, before.FileBytes/50)
	require.Empty(t, f.RewriteDue())
	require.NoError(t, f.Close())

	// It is noticed on opening, too.
	f, m = mustOpen(t, path, testOptions(EverySecond))
	for i := range 40 {
		do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", 300<<10)))
	}
	require.NoError(t, f.Checkpoint(m))
	do(t, f, m, l.Bytes())
	require.NoError(t, f.Checkpoint(m))
	require.NoError(t, f.Close())
	f, m = mustOpen(t, path, opt)
	<-f.RewriteDue()
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// When the store has shrunk a checkpoint is due that the journal does not ask
// for, and then a rewrite; but not of a small snapshot.
func TestShrunk(t *testing.T) {
	path, ticks := tempFile(t), make(chan time.Time)
	f, m := mustOpen(t, path, &Options{MaxFree: 1 << 20, ticks: ticks})
	var l types.Log
	l.Add(OpFlush, -1, 0, "", "")
	for _, size := range []int{1000, 100 << 10} {
		for i := range 40 {
			do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", size)))
		}
		require.NoError(t, f.Checkpoint(m))
		second(ticks)
		require.Empty(t, f.CheckpointDue())
		view := m.clone()
		f.Shrunk()
		second(ticks)
		require.Empty(t, f.CheckpointDue(), "nothing has come yet")
		do(t, f, m, l.Bytes())
		second(ticks)
		if size == 1000 {
			require.Empty(t, f.CheckpointDue())
			continue
		}
		require.NoError(t, f.Checkpoint(view))
		second(ticks)
		<-f.CheckpointDue()
		require.NoError(t, f.Checkpoint(m))
		<-f.RewriteDue()
		require.NoError(t, f.Rewrite(m))
		second(ticks)
		require.Empty(t, f.CheckpointDue())
		require.Empty(t, f.RewriteDue())
	}
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// A sync error, healed: what was refused meanwhile is part of it, what was
// acknowledged is there, and the old file is gone.
func TestRewriteHeals(t *testing.T) {
	path := tempFile(t)
	f, m, p, ticks := openFailing(t, path)
	p.set("commit", syscall.EIO)
	tx := setTx("a", "1")
	seq, err := f.Append(tx)
	require.NoError(t, err)
	require.NoError(t, m.apply(seq, tx))
	require.ErrorIs(t, f.Wait(seq), ErrReadOnly)
	<-f.RewriteDue()
	tx = setTx("b", "2")
	seq, err = f.Append(tx)
	require.ErrorIs(t, err, ErrReadOnly)
	require.NoError(t, m.apply(seq, tx))
	require.ErrorIs(t, f.Checkpoint(m), ErrReadOnly)

	// It fails for a while, and is asked for again after 1, 2, 4 … ticks.
	for _, pause := range []int{1, 2, 4, 8, 16, 32, 32} {
		p.set("rename", syscall.EIO)
		require.ErrorIs(t, f.Rewrite(m), syscall.EIO)
		require.ErrorIs(t, f.Err(), ErrReadOnly)
		require.ErrorIs(t, f.Stats().RewriteErr, syscall.EIO)
		require.NoFileExists(t, draftName(path))
		for n := range pause {
			require.Empty(t, f.RewriteDue(), "%d of %d", n, pause)
			ticks <- time.Time{}
		}
		<-f.RewriteDue()
	}
	require.True(t, f.Stats().Failed)
	require.False(t, f.Stats().ReadOnlySince.IsZero())
	require.NoError(t, f.Rewrite(m))
	require.NoError(t, f.Err())
	require.NoError(t, f.Stats().RewriteErr)
	require.False(t, f.Stats().Failed)
	require.True(t, f.Stats().ReadOnlySince.IsZero())
	require.Equal(t, m.seq, f.Durable())
	do(t, f, m, setTx("a", "3"))
	require.NoError(t, f.Wait(m.seq))
	require.NoError(t, f.Checkpoint(m))
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// A file that fails while it is rewritten: the view is from before the error,
// and the rewrite makes good what the committer could not write.
func TestFailsWhileRewriting(t *testing.T) {
	for _, point := range []string{"commit", "committed"} {
		path := tempFile(t)
		f, m, p, _ := openFailing(t, path)
		view := m.clone()
		do(t, f, m, setTx("a", "1"))
		require.NoError(t, f.Sync())
		stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
			if e.Op == disk.Attributes { // the draft has begun
				tx := setTx("b", "1")
				p.set(point, syscall.EIO)
				seq, err := f.Append(tx)
				require.NoError(t, err)
				require.NoError(t, m.apply(seq, tx))
				require.ErrorIs(t, f.Wait(seq), ErrReadOnly)
			}
			return do()
		})
		require.ErrorIs(t, f.Rewrite(view), ErrReadOnly)
		stop()
		require.ErrorIs(t, f.Err(), ErrReadOnly)
		require.NoError(t, f.Rewrite(view), "all after the view is in the journal or in memory")
		require.NoError(t, f.Err())
		do(t, f, m, setTx("c", "1"))
		require.NoError(t, f.Close())
		reopened(t, path, m)
	}
}

// No space for commits: a rewrite may succeed where they did not.
func TestRewriteAfterNoSpace(t *testing.T) {
	path := tempFile(t)
	f, m, p, _ := openFailing(t, path)
	p.set("commit", errSpace, errSpace)
	do(t, f, m, setTx("a", "1"))
	require.ErrorIs(t, f.Wait(m.seq), syscall.ENOSPC)
	require.NoError(t, f.Rewrite(m))
	require.NoError(t, f.Wait(m.seq))
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// A file for which there is no space is sound: a rewrite goes by the rules for
// such files, keeps what Readers want, and leaves all as it was if it fails.
func TestRewriteInShortage(t *testing.T) {
	path := tempFile(t)
	f, m, p, ticks := openFailing(t, path)
	r, err := f.ReadAfter(0)
	require.NoError(t, err)
	defer r.Close()
	p.set("commit", slices.Repeat([]error{errSpace}, 1000)...)
	for i := range 3 {
		tx := setTx("big", strings.Repeat(fmt.Sprint(i), 2*recordSize))
		seq, err := f.Append(tx)
		require.Equal(t, i > 0, err != nil)
		require.NoError(t, m.apply(seq, tx))
		require.ErrorIs(t, f.Wait(seq), syscall.ENOSPC)
	}
	old := m.clone()
	tx := setTx("last", "1")
	seq, err := f.Append(tx)
	require.ErrorIs(t, err, ErrReadOnly)
	require.NoError(t, m.apply(seq, tx))

	stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
		if e.Op == disk.Commit && e.Path == draftName(path) {
			return &os.PathError{Op: "write", Path: e.Path, Err: syscall.ENOSPC}
		}
		return do()
	})
	err = f.Rewrite(old)
	stop()
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, draftName(path))
	require.NotErrorIs(t, err, ErrReadOnly, "that the new file has failed says nothing of this one")
	require.False(t, f.Stats().Failed)
	require.Empty(t, f.RewriteDue())
	require.NoFileExists(t, draftName(path))
	second(ticks)
	require.ErrorIs(t, f.Err(), ErrReadOnly)
	require.Empty(t, f.RewriteDue())

	require.NoError(t, os.Link(path, path+".link"))
	require.ErrorIs(t, f.Rewrite(old), errManyNames)
	require.NoError(t, os.Remove(path+".link"))
	require.NoError(t, f.Rewrite(old))
	require.NoError(t, f.Err())
	require.Zero(t, f.short)
	p.set("")
	do(t, f, m, setTx("after", "1"))
	require.NoError(t, f.Sync())
	for want := uint64(1); want <= m.seq; {
		txs, err := r.Next(t.Context())
		require.NoError(t, err)
		for i := range txs {
			require.Equal(t, want, txs[i].Seq)
			want++
		}
	}
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// A rewrite of a sound file that finds no space leaves it sound.
func TestRewriteFindsNoSpace(t *testing.T) {
	for n := 1; ; n++ {
		path := tempFile(t)
		f, m, _, ticks := openFailing(t, path)
		count := 0
		stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
			if e.Path == draftName(path) && (e.Op == disk.Commit || e.Op == disk.CommitNoSync || e.Op == disk.Write) {
				if count++; count >= n {
					return &os.PathError{Op: "write", Path: e.Path, Err: syscall.ENOSPC}
				}
			}
			return do()
		})
		view := m.clone()
		do(t, f, m, setTx("a", "1"))
		err := f.Rewrite(view)
		stop()
		if count < n {
			require.NoError(t, err)
			require.NoError(t, f.Close())
			require.Greater(t, n, 3)
			return
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.NotErrorIs(t, err, ErrReadOnly)
		require.NoError(t, f.Err())
		require.False(t, f.Stats().Failed)
		do(t, f, m, setTx("b", "1"))
		require.NoError(t, f.Sync())
		second(ticks)
		require.Empty(t, f.RewriteDue())
		require.NoError(t, f.Close())
		reopened(t, path, m)
	}
}

// The errors of a file that was a draft once name it as its owner does.
func TestNameAfterRewrite(t *testing.T) {
	for _, size := range []int{1, 4 * recordSize} { // into the stage, and not
		path := tempFile(t)
		var log bytes.Buffer
		f, m := mustOpen(t, path, &Options{Sync: Always, ticks: noTicks(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, f.Rewrite(m))
		do(t, f, m, setTx("a", strings.Repeat("x", 2*recordSize)))
		require.NoError(t, f.Sync())
		do(t, f, m, setTx("a", "1"))
		require.NoError(t, f.Sync())
		require.Equal(t, draftName(path), f.os.Name())
		require.NoError(t, f.os.Close())
		do(t, f, m, setTx("b", strings.Repeat("x", size)))
		err := f.Sync()
		require.ErrorIs(t, err, ErrReadOnly)
		require.ErrorContains(t, err, "already closed")
		require.NotContains(t, err.Error(), "unfinished")
		require.NotContains(t, log.String(), "unfinished")
		require.ErrorIs(t, f.Close(), ErrReadOnly)
	}
}

// What happens to a file behind our back is noticed with the next tick, and made
// good; but not by overwriting another file.
func TestFileGone(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, path string){
		"removed":   func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
		"moved":     func(t *testing.T, path string) { require.NoError(t, os.Rename(path, path+".away")) },
		"truncated": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"halved":    func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 9000)) },
		"replaced": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path+".new", []byte("precious"), 0o600))
			require.NoError(t, os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := tempFile(t)
			f, m, _, ticks := openFailing(t, path)
			harm(t, path)
			ticks <- time.Time{}
			<-f.RewriteDue()
			ticks <- time.Time{}
			require.ErrorIs(t, f.Err(), ErrReadOnly)
			if name == "replaced" {
				require.ErrorIs(t, f.Rewrite(m), errStranger)
				content, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, "precious", string(content))
				require.NoError(t, os.Remove(path))
			}
			require.NoError(t, f.Rewrite(m))
			require.NoError(t, f.Err())
			do(t, f, m, setTx("a", "1"))
			require.NoError(t, f.Close())
			reopened(t, path, m)
		})
	}
}

// A file that is cut short under us may be noticed by a fault within bbolt, which
// holds its locks for ever then.
func TestFileCutWhileWriting(t *testing.T) {
	path := tempFile(t)
	f, m, _, _ := openFailing(t, path)
	require.NoError(t, os.Truncate(path, 0))
	tx := setTx("a", "1")
	seq, err := f.Append(tx)
	require.NoError(t, err)
	require.NoError(t, m.apply(seq, tx))
	require.ErrorIs(t, f.Wait(seq), ErrReadOnly)
	require.ErrorIs(t, f.Checkpoint(m), ErrReadOnly)
	_, err = load(f)
	require.ErrorIs(t, err, ErrCorrupt)
	require.NoError(t, f.Rewrite(m))
	do(t, f, m, setTx("b", "1"))
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// A file that could not be opened again is not locked any more. If another
// process has it by now it is that one's.
func TestRewriteNotLocked(t *testing.T) {
	path := tempFile(t)
	f, m, p, _ := openFailing(t, path)
	require.NoError(t, os.Rename(path, path+".away"))
	p.set("commit", errSpace)
	do(t, f, m, setTx("a", "1"))
	require.ErrorIs(t, f.Wait(m.seq), ErrReadOnly)
	require.NoError(t, os.Rename(path+".away", path))
	other, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, lock(other, path))
	require.ErrorAs(t, f.Rewrite(m), new(*LockedError))
	require.NoError(t, other.Close())
	require.NoError(t, f.Rewrite(m))
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// Every operation of a rewrite fails once. What is under the name is whole, old
// or new, the file takes writes or says that it does not, and the next rewrite
// makes it well.
func TestRewriteOperationsFail(t *testing.T) {
	for _, sick := range []bool{false, true} {
		for nth, over := 0, false; !over; nth++ {
			path := tempFile(t)
			f, m, p, _ := openFailing(t, path)
			view := m.clone()
			do(t, f, m, setTx("a", "1"))
			require.NoError(t, f.Sync())
			durable := m.clone()
			if sick {
				p.set("commit", syscall.EIO)
			}
			do(t, f, m, setTx("b", "1"))
			if sick {
				require.ErrorIs(t, f.Sync(), ErrReadOnly)
			}
			failed, n := disk.Event{}, 0
			stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
				if n++; n == nth+1 {
					failed = e
					return &os.PathError{Op: e.Op.String(), Path: e.Path, Err: syscall.EIO}
				}
				return do()
			})
			err := f.Rewrite(view)
			stop()
			over = failed.Op == 0
			switch {
			case over:
				require.NoError(t, err)
			case err == nil:
				require.Contains(t, []disk.Op{disk.Attributes, disk.Remove}, failed.Op)
			}
			require.NoFileExists(t, draftName(path))
			copied := filepath.Join(t.TempDir(), "copy.db")
			content, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			require.NoError(t, os.WriteFile(copied, content, 0o600))
			crashed, got := mustOpen(t, copied, nil)
			require.NoError(t, crashed.Close())
			if got.seq == durable.seq {
				got.same(t, durable)
			} else {
				got.same(t, m)
			}
			if readOnly := errors.Is(f.Err(), ErrReadOnly); readOnly {
				require.True(t, sick || failed.Op == disk.SyncDir || failed.Path == path, failed)
				require.NoError(t, f.Rewrite(m))
			}
			do(t, f, m, setTx("c", "1"))
			require.NoError(t, f.Wait(m.seq))
			require.NoError(t, f.Rewrite(m))
			require.NoError(t, f.Close())
			reopened(t, path, m)
		}
	}
}

// Close does not wait for a rewrite to end.
func TestCloseWhileRewriting(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	for i := range 3 * meteredEvery {
		do(t, f, m, setTx(fmt.Sprint(i), "x"))
	}
	closed := make(chan error, 1)
	view := m.clone()
	stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
		if e.Op == disk.Attributes {
			go func() { closed <- f.Close() }()
			<-f.done
		}
		return do()
	})
	defer stop()
	require.ErrorIs(t, f.Rewrite(view), ErrClosed)
	require.NoError(t, <-closed)
	reopened(t, path, m)
}

// What a crash has left of a rewrite is removed by the next opening.
func TestDraftLeft(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	do(t, f, m, setTx("k", "v"))
	require.NoError(t, os.WriteFile(draftName(path), []byte("half of it"), 0o600))
	require.NoError(t, f.Rewrite(m))
	require.NoFileExists(t, draftName(path))
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(draftName(path), []byte("half of it"), 0o600))
	reopened(t, path, m)
	require.NoError(t, os.Mkdir(draftName(path), 0o700))
	f, m = mustOpen(t, path, testOptions(EverySecond))
	require.ErrorContains(t, f.Rewrite(m), "no file of ours")
	require.NoError(t, f.Close())
}

// A process that has opened the old file, and gets its lock when it is
// replaced, ends up with the new one.
func TestOpenWhileReplaced(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	do(t, f, m, setTx("k", "v"))
	tries := 0
	_, err := Open(path, &Options{openFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
		file, err := os.OpenFile(name, flag, mode)
		if tries++; tries == 1 {
			require.NoError(t, f.Rewrite(m))
			f.closers.Wait() // so that it gets the lock of the old one
		}
		return file, err
	}})
	require.ErrorAs(t, err, new(*LockedError))
	require.Equal(t, 2, tries)
	require.NoError(t, f.Close())
}

func TestWriteFile(t *testing.T) {
	path := tempFile(t)
	m := newModel()
	r := rand.New(rand.NewPCG(12, 12))
	for range 300 {
		var l types.Log
		randomTx(r, &l)
		require.NoError(t, m.apply(m.seq+1, l.Bytes()))
	}
	for i := range 3000 {
		m.set(2, fmt.Sprint(i), stringValue("x", 0, 0))
	}
	last := int64(0)
	require.NoError(t, WriteFile(path, m, func(done, total int64) {
		require.Equal(t, int64(2*m.Len()), total)
		require.Greater(t, done, last)
		last = done
	}))
	require.Equal(t, int64(2*m.Len()), last)
	reopened(t, path, m)
	require.ErrorIs(t, WriteFile(path, m, nil), os.ErrExist)

	for nth := 0; ; nth++ {
		n, to := 0, filepath.Join(filepath.Dir(path), "copy.db")
		stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
			if n++; n == nth+1 {
				return &os.PathError{Op: e.Op.String(), Path: e.Path, Err: syscall.EIO}
			}
			return do()
		})
		err := WriteFile(to, m, nil)
		stop()
		require.NoFileExists(t, draftName(to))
		if err == nil {
			require.LessOrEqual(t, n, nth, "an error was not noticed")
			reopened(t, to, m)
			break
		}
		require.ErrorIs(t, err, syscall.EIO)
		require.NoFileExists(t, to)
	}
}

// A Reader follows the journal from the old file to the new one, whatever it
// has read of it, and KeepJournal is kept.
func TestReaderAcrossRewrites(t *testing.T) {
	path := tempFile(t)
	opt := testOptions(Always)
	opt.MaxJournal = 1 << 30
	f, m := mustOpen(t, path, opt)
	defer f.Close()
	r, err := f.ReadAfter(0)
	require.NoError(t, err)
	defer r.Close()
	want := uint64(1)
	read := func(to uint64) {
		for want <= to {
			txs, err := r.Next(t.Context())
			require.NoError(t, err)
			for _, tx := range txs {
				require.Equal(t, want, tx.Seq)
				require.Equal(t, setTx(fmt.Sprint(want), strings.Repeat("x", 100<<10)), tx.Effects)
				want++
			}
		}
	}
	for round := range 6 {
		old := m.clone()
		for range 40 {
			do(t, f, m, setTx(fmt.Sprint(m.seq+1), strings.Repeat("x", 100<<10)))
		}
		require.NoError(t, f.Sync())
		switch round {
		case 1:
			read(m.seq - 20)
		case 3:
			read(m.seq)
		}
		require.NoError(t, f.Rewrite(old))
		require.NoError(t, f.Rewrite(m))
	}
	read(m.seq)
	require.NoError(t, f.Rewrite(m))
	_, err = f.ReadAfter(0)
	require.ErrorIs(t, err, ErrGone)
	r2, err := f.ReadAfter(m.seq)
	require.NoError(t, err)
	r2.Close()
}

// Under a steady load of writes the journal needs again what a checkpoint has
// just freed, however small the data: no rewrite is due for that.
func TestSteadyLoadMakesNoRewriteDue(t *testing.T) {
	path := tempFile(t)
	opt := testOptions(EverySecond)
	opt.MaxJournal = 2 << 20
	f, m := mustOpen(t, path, opt)
	for range 10 {
		for i := range 32 { // half as much again as the limit
			do(t, f, m, setTx(fmt.Sprint(i%4), strings.Repeat("x", 100<<10)))
		}
		require.NoError(t, f.Checkpoint(m))
	}
	require.Greater(t, f.Stats().FreeBytes, int64(2<<20))
	require.Empty(t, f.RewriteDue())
	require.NoError(t, f.Close())
}
