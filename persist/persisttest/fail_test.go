package persisttest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist"
	"redstart/persist/internal/disk"
)

// A fault is what the n-th operation of a file fails with, and, if forever,
// those after it until it is healed.
type fault struct {
	n       int
	errno   syscall.Errno
	short   bool // of a write, half is done
	forever bool
}

func (f fault) String() string {
	text := fmt.Sprintf("operation %d fails with %q", f.n, f.errno)
	if f.short {
		text += " after half"
	}
	if f.forever {
		text += ", and so do others until healed"
	}
	return text
}

// concerns reports whether an operation of that kind can fail so: a disk that
// is full opens, syncs and closes; one that is broken does nothing.
func (f fault) concerns(op disk.Op) bool {
	if f.short {
		return op == disk.Write
	}
	return f.errno == syscall.EIO || op == disk.Write || op == disk.Truncate || op == disk.Rename ||
		op == disk.Open && !f.forever
}

// err returns the error of an operation, as the system's would look.
func (f fault) err(e disk.Event) error {
	var err error = f.errno
	if f.short {
		err = shortWrite{f.errno}
	}
	switch e.Op {
	case disk.Sync:
		return os.NewSyscallError("fdatasync", err)
	case disk.SyncDir:
		return fmt.Errorf("syncing directory %s: %w", e.Path, err)
	}
	return &fs.PathError{Op: e.Op.String(), Path: e.Path, Err: err}
}

// shortWrite is an error of a write that was done by half.
type shortWrite struct{ syscall.Errno }

func (s shortWrite) Is(target error) bool {
	return target == io.ErrShortWrite || target == error(s.Errno)
}

// A trial is work on a file while one fault happens.
type trial struct {
	*world
	fault
	policy persist.Policy
	count  int     // operations so far
	struck disk.Op // the first one that failed; 0: none yet
	healed bool
	acked  uint64 // on disk, as we were told
}

// strike decides which operations fail.
func (tr *trial) strike(e disk.Event) error {
	tr.count++
	now := tr.count == tr.n || tr.forever && tr.count > tr.n && tr.struck != 0
	if tr.healed || !now || !tr.concerns(e.Op) {
		return nil
	}
	if tr.struck == 0 {
		tr.struck = e.Op
	}
	if !tr.forever {
		tr.healed = true
	}
	return tr.err(e)
}

// heal ends the fault.
func (tr *trial) heal() {
	tr.rec.mu.Lock()
	defer tr.rec.mu.Unlock()
	tr.healed = true
}

// blames requires that err tells of the fault.
func (tr *trial) blames(err error) {
	tr.t.Helper()
	require.ErrorIs(tr.t, err, tr.errno)
	require.NotErrorIs(tr.t, err, persist.ErrCorrupt)
	require.NotErrorIs(tr.t, err, persist.ErrForeign)
}

// reopen opens the file, at the second go if the first one fails.
func (tr *trial) reopen() {
	tr.t.Helper()
	tr.rec.open()
	f, c, err := load(appFile(tr.dir), tr.policy)
	if err != nil {
		tr.blames(err)
		tr.heal()
		f, c, err = load(appFile(tr.dir), tr.policy)
		require.NoError(tr.t, err)
	}
	tr.file, tr.seq, tr.now = f, f.Appended(), c
	require.GreaterOrEqual(tr.t, tr.seq, tr.acked, "an acknowledged transaction is lost")
	require.Contains(tr.t, tr.history, tr.seq)
	require.Empty(tr.t, c.differs(tr.history[tr.seq]))
	tr.acknowledge()
	tr.recover()
}

// commit appends a transaction and waits for it, which may fail.
func (tr *trial) commit() {
	tr.t.Helper()
	if tr.policy == persist.Never { // something is written without a sync before
		tr.try(op{'s', "unsynced", tr.text()})
		tr.ticks <- time.Time{}
		tr.ticks <- disk.Mark
		tr.recover()
	}
	o := op{'s', fmt.Sprint("k", tr.seq%5), tr.text()}
	_, err := tr.try(o)
	if err == nil {
		err = tr.file.Wait(tr.seq)
	}
	if err == nil {
		tr.promise()
		return
	}
	tr.blames(err)
	tr.recover()
}

func (tr *trial) promise() {
	tr.acked = tr.seq
	tr.rec.promise(tr.seq)
}

func (tr *trial) acknowledge() {
	tr.acked = tr.seq
	tr.rec.acknowledge(tr.seq)
}

// save makes a checkpoint, which may fail, and then another, which may not.
func (tr *trial) save() {
	tr.t.Helper()
	for {
		err := tr.file.Checkpoint(contentView{tr.now, tr.seq})
		if err == nil {
			return
		}
		require.False(tr.t, tr.healed && tr.forever, "a checkpoint fails after all is well: %v", err)
		tr.blames(err)
		if tr.file.Err() == nil {
			tr.heal()
		}
		tr.recover()
	}
}

// rewrite has the file replaced, which may fail, and then again, which may not.
func (tr *trial) rewrite() {
	tr.t.Helper()
	for {
		view := contentView{tr.now, tr.seq}
		tr.commit()
		if tr.file.Stats().Covered > view.seq { // it had to be rewritten already
			view = contentView{tr.now, tr.seq}
		}
		err := tr.file.Rewrite(view)
		if err == nil {
			return
		}
		require.False(tr.t, tr.healed && tr.forever, "a rewrite fails after all is well: %v", err)
		tr.blames(err)
		if tr.file.Err() == nil {
			tr.heal()
		}
		tr.recover()
	}
}

// recover sees to it that a file that refuses writes does so by the rules, and
// takes them again when the fault is healed.
func (tr *trial) recover() {
	tr.t.Helper()
	err := tr.file.Err()
	if err == nil {
		return
	}
	require.ErrorIs(tr.t, err, persist.ErrReadOnly)
	tr.blames(err)
	_, err = tr.try(op{'s', "late", tr.text()})
	require.ErrorIs(tr.t, err, persist.ErrReadOnly)
	require.ErrorIs(tr.t, tr.file.Wait(tr.seq), persist.ErrReadOnly)
	require.LessOrEqual(tr.t, tr.file.Durable(), tr.seq-1)
	tr.reads()
	if tr.forever && !tr.healed {
		tr.ticks <- time.Time{}
		tr.ticks <- disk.Mark
		require.ErrorIs(tr.t, tr.file.Err(), persist.ErrReadOnly)
		tr.reads()
	}
	tr.heal()
	tr.ticks <- time.Time{}
	tr.ticks <- disk.Mark
	if tr.file.Err() != nil { // it cannot be trusted any more: then a new one is written
		require.True(tr.t, tr.file.Stats().Failed)
		<-tr.file.RewriteDue()
		require.NoError(tr.t, tr.file.Rewrite(contentView{tr.now, tr.seq}))
	}
	require.NoError(tr.t, tr.file.Err())
	require.NoError(tr.t, tr.file.Wait(tr.seq), "what was refused is not written although writing works again")
	tr.promise()
}

// reads requires that the file can be read while it takes no writes, and shows
// nothing that was not, and all that was acknowledged.
func (tr *trial) reads() {
	tr.t.Helper()
	c, last := content{}, uint64(0)
	err := tr.file.Load(c.put, func(seq uint64, tx []byte) error {
		last = seq
		return c.apply(seq, tx)
	})
	if errors.Is(err, persist.ErrClosed) {
		return // it could not be opened again: the store reads from memory, as ever
	}
	require.NoError(tr.t, err)
	last = max(last, tr.file.Stats().Covered)
	require.GreaterOrEqual(tr.t, last, tr.acked)
	require.Empty(tr.t, c.differs(tr.history[last]))
}

// close closes the file and requires that it tells of what is lost.
func (tr *trial) close() {
	tr.t.Helper()
	if err := tr.file.Close(); err != nil {
		tr.blames(err)
		return
	}
	tr.acknowledge()
}

// work is what the fault happens in: a file is created, written to, its
// snapshot made and brought up to date; it is rewritten, and opened again.
func (tr *trial) work() {
	tr.reopen()
	for i := range 3 {
		for range 3 {
			tr.commit()
		}
		if i == 1 {
			tr.try(op{'s', "big", strings.Repeat("b", 100<<10)})
			if err := tr.file.Err(); err != nil {
				tr.recover()
			}
		}
		tr.save()
	}
	tr.rewrite()
	if tr.policy != persist.Always {
		tr.try(op{'s', "second", tr.text()})
		tr.ticks <- time.Time{}
		tr.ticks <- disk.Mark
		tr.recover()
	}
	tr.close()
	tr.reopen()
	tr.commit()
	tr.close()
}

// For every n, the n-th operation fails: nothing acknowledged is lost, then or
// by a loss of power after it, nothing is said to be there that is not, writes
// are refused with the cause, and taken again when it is gone.
func TestFailNth(t *testing.T) {
	needHook(t)
	runs, dir := 0, memoryDir(t)
	x := newExplorer(t, persist.Always)
	faults := []fault{
		{errno: syscall.ENOSPC}, {errno: syscall.EIO}, {errno: syscall.ENOSPC, short: true},
		{errno: syscall.ENOSPC, forever: true}, {errno: syscall.EIO, forever: true}, {errno: syscall.ENOSPC, short: true, forever: true},
	}
	for policy, faults := range map[persist.Policy][]fault{
		persist.Always: faults, persist.EverySecond: faults[1:2], persist.Never: faults[1:4],
	} {
		x.mayRefuse = policy == persist.Never
		for _, f := range faults {
			for f.n = 1; ; f.n++ {
				runs++
				if tr := runTrial(t, dir, policy, f); tr.struck != 0 {
					x.after(tr)
				} else if tr.count < f.n {
					break
				}
			}
		}
	}
	t.Logf("%d faults, and %d states after them, %.2f s", runs, x.states, time.Since(x.began).Seconds())
}

// runTrial works with a fault.
func runTrial(t *testing.T, dir string, policy persist.Policy, f fault) *trial {
	tr := &trial{world: newWorld(t, dir, seeds()[0], newMedia()), fault: f, policy: policy}
	tr.rec.setFaults(tr.strike)
	failed := true
	defer func() {
		tr.leave()
		if failed {
			t.Logf("under %v, %v (it was %v)", policy, f, tr.struck)
		}
	}()
	tr.work()
	failed = false
	return tr
}

// after looks at what losses of power would leave of a trial.
func (x *explorer) after(tr *trial) {
	x.history = tr.history
	for range 4 {
		point, how := tr.rng.IntN(len(tr.rec.events)+1), fate(tr.rng.IntN(int(fates)))
		m, acked := tr.rec.after(point, 0)
		_, err := x.check(m.lose(how, tr.rng), acked, m.asked)
		require.NoError(x.t, err, "under %v, %v (it was %v); state after event %d (fate %v)", tr.policy, tr.fault, tr.struck, point, how)
	}
}
