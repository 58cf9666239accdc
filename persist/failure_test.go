package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"redstart/persist/internal/disk"
)

// failing makes commits of f fail with the errors in turn; nil lets one pass.
type failing struct {
	mu     sync.Mutex
	point  string
	errors []error
}

func (p *failing) hook(point string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if point != p.point || len(p.errors) == 0 {
		return nil
	}
	err := p.errors[0]
	p.errors = p.errors[1:]
	return err
}

func (p *failing) set(point string, errs ...error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.point, p.errors = point, errs
}

var errSpace = &fs.PathError{Op: "write", Path: "app.db", Err: syscall.ENOSPC}

// second lets one pass.
func second(ticks chan<- time.Time) {
	ticks <- time.Time{}
	ticks <- disk.Mark
}

// openFailing opens a file with ticks of the test's own.
func openFailing(t *testing.T, path string) (*File, *model, *failing, chan time.Time) {
	p, ticks := new(failing), make(chan time.Time)
	f, m := mustOpen(t, path, &Options{Sync: Always, ticks: ticks, hook: p.hook})
	do(t, f, m, setTx("before", "1"))
	require.NoError(t, f.Sync())
	return f, m, p, ticks
}

// A write error once: the group is written by a new handle and nobody notices.
func TestWriteErrorOnce(t *testing.T) {
	path := tempFile(t)
	f, m, p, _ := openFailing(t, path)
	p.set("commit", errSpace)
	do(t, f, m, setTx("a", "1"))
	require.NoError(t, f.Wait(m.seq))
	require.Equal(t, uint64(1), f.Stats().Failures)
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// An error after the commit has become visible: it is found to be there and
// not written twice.
func TestErrorAfterCommit(t *testing.T) {
	path := tempFile(t)
	f, m, p, _ := openFailing(t, path)
	p.set("committed", errSpace)
	do(t, f, m, setTx("a", "1"))
	require.NoError(t, f.Wait(m.seq))
	do(t, f, m, setTx("a", "2"))
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// No space for a while: nothing is acknowledged, and when there is space again
// everything goes out, in order, and writing resumes. What was appended between
// is refused and yet part of it: its caller has changed memory already.
func TestNoSpaceForAWhile(t *testing.T) {
	path := tempFile(t)
	f, m, p, ticks := openFailing(t, path)
	p.set("commit", errSpace, errSpace, errSpace)
	do(t, f, m, setTx("a", "1"))
	err := f.Wait(m.seq)
	require.ErrorIs(t, err, ErrReadOnly)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, path)
	for _, size := range []int{1, recordSize, 1} {
		tx := setTx("b", strings.Repeat("1", size))
		seq, err := f.Append(tx)
		require.ErrorIs(t, err, ErrReadOnly)
		require.NoError(t, m.apply(seq, tx))
	}
	require.ErrorIs(t, f.Checkpoint(m), ErrReadOnly)
	second(ticks) // fails again
	second(ticks) // a pause
	require.ErrorIs(t, f.Err(), syscall.ENOSPC)
	second(ticks) // succeeds
	require.NoError(t, f.Err())
	require.NoError(t, f.Wait(m.seq))
	do(t, f, m, setTx("b", "2"))
	require.NoError(t, f.Close())
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// While there is no space the file is opened again after 1, 2, 4 … seconds only,
// and otherwise it is tried whether zeros can be written.
func TestShortagePauses(t *testing.T) {
	for _, telling := range []bool{false, true} {
		path := tempFile(t)
		f, m, p, ticks := openFailing(t, path)
		full, zeroed := true, 0
		stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
			if e.Op == disk.Write && len(e.Data) == len(zeros) {
				zeroed++
				if telling && full {
					return errSpace
				}
			}
			return do()
		})
		p.set("commit", slices.Repeat([]error{errSpace}, 100)...)
		do(t, f, m, setTx("a", strings.Repeat("x", 3*recordSize)))
		require.ErrorIs(t, f.Wait(m.seq), syscall.ENOSPC)
		for range 8 {
			tx := setTx("late", strings.Repeat("y", flushBytes/4)) // which wakes the committer each time
			seq, err := f.Append(tx)
			require.ErrorIs(t, err, ErrReadOnly)
			require.NoError(t, m.apply(seq, tx))
		}
		failures := f.Stats().Failures
		require.Equal(t, uint64(2), failures)
		for _, pause := range []int{1, 2, 4, 8, 16, 32, 32} {
			for range pause {
				require.Equal(t, failures, f.Stats().Failures)
				second(ticks)
			}
			failures++
			require.Equal(t, failures, f.Stats().Failures)
			require.ErrorIs(t, f.Err(), syscall.ENOSPC)
		}
		if !telling {
			require.Less(t, zeroed, 200, "what was written once is there")
		}
		full = false
		p.set("")
		if second(ticks); !telling {
			require.ErrorIs(t, f.Err(), syscall.ENOSPC)
			for range 31 {
				second(ticks)
			}
		}
		require.NoError(t, f.Err())
		require.NoError(t, f.Wait(m.seq))
		stop()
		require.Zero(t, f.short)
		require.NoError(t, f.Close())
		reopened(t, path, m)
	}
}

// Space that comes while a try is failing is noticed with the next second.
func TestSpaceDuringTry(t *testing.T) {
	for during := 2; during <= 6; during++ {
		path, ticks := tempFile(t), make(chan time.Time)
		var full, counting atomic.Bool
		var tries atomic.Int32
		f, m := mustOpen(t, path, &Options{Sync: Always, ticks: ticks, hook: func(point string) error {
			if point != "commit" || !counting.Load() {
				return nil
			}
			if tries.Add(1) == int32(during) {
				full.Store(false)
				counting.Store(false)
			}
			return errSpace
		}})
		do(t, f, m, setTx("before", "1"))
		require.NoError(t, f.Sync())
		stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
			if e.Op == disk.Write && len(e.Data) == len(zeros) && full.Load() {
				return errSpace
			}
			return do()
		})
		full.Store(true)
		counting.Store(true)
		do(t, f, m, setTx("a", strings.Repeat("x", 3*recordSize)))
		require.ErrorIs(t, f.Wait(m.seq), syscall.ENOSPC)
		for counting.Load() {
			second(ticks)
		}
		second(ticks)
		require.NoError(t, f.Err())
		stop()
		require.NoError(t, f.Close())
		reopened(t, path, m)
	}
}

// Closing is the last moment to try.
func TestCloseInShortage(t *testing.T) {
	path := tempFile(t)
	f, m, p, ticks := openFailing(t, path)
	p.set("commit", errSpace, errSpace, errSpace)
	do(t, f, m, setTx("a", "1"))
	require.ErrorIs(t, f.Wait(m.seq), syscall.ENOSPC)
	second(ticks)
	require.NoError(t, f.Close())
	reopened(t, path, m)
}

// A sync error: what is on disk is unknown, so the file is given up.
func TestSyncError(t *testing.T) {
	path := tempFile(t)
	f, m, p, ticks := openFailing(t, path)
	durable := f.Durable()
	p.set("commit", syscall.EIO)
	seq, err := f.Append(setTx("a", "1"))
	require.NoError(t, err)
	require.ErrorIs(t, f.Wait(seq), ErrReadOnly)
	ticks <- time.Time{}
	ticks <- time.Time{}
	require.ErrorIs(t, f.Err(), ErrReadOnly)
	require.Equal(t, durable, f.Durable())
	require.ErrorIs(t, f.Close(), ErrReadOnly)
	f, got := mustOpen(t, path, nil)
	got.same(t, m)
	require.NoError(t, f.Close())
}

// A file that has changed under us is given up.
func TestFileReplaced(t *testing.T) {
	path := tempFile(t)
	f, m, p, _ := openFailing(t, path)
	require.NoError(t, os.Remove(path))
	p.set("commit", errSpace)
	seq, err := f.Append(setTx("a", "1"))
	require.NoError(t, err)
	require.ErrorIs(t, f.Wait(seq), ErrReadOnly)
	require.ErrorIs(t, f.Close(), ErrReadOnly)
	require.NoFileExists(t, path)
	require.Equal(t, uint64(1), m.seq)
}

// A checkpoint that fails harms neither writers nor the next checkpoint.
func TestCheckpointFails(t *testing.T) {
	for _, point := range []string{"commit", "committed"} {
		for n := range 8 {
			path := tempFile(t)
			f, m, p, _ := openFailing(t, path)
			for i := range 20 {
				do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", 300<<10)))
			}
			require.NoError(t, f.Sync())
			p.set(point, append(make([]error, n), errSpace)...)
			err := f.Checkpoint(m)
			require.True(t, err == nil || errors.Is(err, syscall.ENOSPC), err)
			p.set("")
			do(t, f, m, setTx("a", "1"))
			require.NoError(t, f.Sync())
			require.NoError(t, f.Checkpoint(m))
			do(t, f, m, setTx("b", "1"))
			require.NoError(t, f.Close())
			f, got := mustOpen(t, path, nil)
			got.same(t, m)
			require.NoError(t, f.Close())
		}
	}
}

// A checkpoint for which there is no space is not tried all the time.
func TestCheckpointPauses(t *testing.T) {
	p, ticks := new(failing), make(chan time.Time)
	f, m := mustOpen(t, tempFile(t), &Options{MaxJournal: 1 << 10, ticks: ticks, hook: p.hook})
	do(t, f, m, setTx("a", strings.Repeat("x", 2<<10)))
	second(ticks)
	for _, pause := range []int{1, 2, 4, 8, 16, 32, 32} {
		<-f.CheckpointDue()
		p.set("commit", errSpace)
		require.ErrorIs(t, f.Checkpoint(m), syscall.ENOSPC)
		for range pause {
			do(t, f, m, setTx("b", "1"))
			require.NoError(t, f.Sync())
			require.Empty(t, f.CheckpointDue())
			second(ticks)
		}
	}
	<-f.CheckpointDue()
	require.NoError(t, f.Checkpoint(m))
	require.Empty(t, f.CheckpointDue())
	do(t, f, m, setTx("a", strings.Repeat("x", 2<<10)))
	second(ticks)
	<-f.CheckpointDue()
	require.NoError(t, f.Close())
}

// Work that fails by itself syncs nothing: what was written without a sync
// before is said to be durable only after one.
func TestFailedStepIsNoSync(t *testing.T) {
	path, ticks := tempFile(t), make(chan time.Time)
	flushed := false
	stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
		flushed = flushed || e.Op == disk.Flush
		return do()
	})
	defer stop()
	f, m := mustOpen(t, path, &Options{Sync: Never, ticks: ticks})
	do(t, f, m, setTx("a", "1"))
	ticks <- time.Time{}
	ticks <- time.Time{}
	require.Zero(t, f.Durable())
	mine := errors.New("mine")
	require.ErrorIs(t, f.doNow(&step{sync: true, run: func(*bolt.Tx) error { return mine }}), mine)
	require.NoError(t, f.Sync())
	require.True(t, flushed)
	require.NoError(t, f.Close())
}

// A writer that is far ahead of the disk waits instead of filling memory, and
// goes on, or is told, when the commit is over.
func TestBackPressure(t *testing.T) {
	path := tempFile(t)
	gate := make(chan error)
	f, _ := mustOpen(t, path, &Options{ticks: noTicks(), hook: func(point string) error {
		if point == "commit" {
			return <-gate
		}
		return nil
	}})
	big := []byte(strings.Repeat("x", 1<<20))
	done := make(chan int)
	go func() {
		n := 0
		for ; n < 100; n++ {
			if _, err := f.Append(big); err != nil {
				break
			}
		}
		done <- n
	}()
	gate <- nil
	for n := 0; n == 0; {
		select {
		case gate <- nil:
		case n = <-done:
			require.Equal(t, 100, n)
		}
	}
	close(gate)
	require.NoError(t, f.Close())
}

// The size of the journal is the same after a checkpoint that could not trim it.
func TestSizeAfterFailedTrim(t *testing.T) {
	full := false
	opt := testOptions(EverySecond)
	opt.hook = func(point string) error {
		if full && point == "commit" {
			return &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		}
		return nil
	}
	f, m := mustOpen(t, tempFile(t), opt)
	for i := range 8 {
		do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", segmentSize)))
	}
	require.NoError(t, f.Sync())
	size := f.Stats().JournalBytes
	require.Greater(t, size, int64(8*segmentSize))
	full = true
	require.Error(t, f.Checkpoint(m))
	full = false
	require.NoError(t, f.Sync())
	require.Equal(t, size, f.Stats().JournalBytes)
	require.NoError(t, f.Checkpoint(m))
	require.Less(t, f.Stats().JournalBytes, int64(2*segmentSize))
	require.NoError(t, f.Close())
}
