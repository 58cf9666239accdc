package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"redstart/persist/internal/disk"
)

// Rewrite writes a complete new file from v, which is the store as it is, and
// goes on with that one in place of the old. RewriteDue says when the file
// wants it:
//
//   - most of it is free space, which bbolt uses again but never gives back;
//   - it has failed in a way that it cannot be trusted after: a sync has failed,
//     it was removed or cut short, it does not open again, or it holds what it
//     should not. Then it is read-only, and what is in memory is
//     the only thing known to be right. If Rewrite ends well the file takes
//     writes again.
//
// A file for which there is no space at the moment (shortage.go) wants none, but
// may be rewritten as well: that ends the shortage, if there is space for a new
// file.
//
// Readers and writers go on meanwhile. Memory is bounded as with Checkpoint.
// If there is an error, for one because the new file finds no space, everything
// is as before, but for one case: the new file is in place, and the directory
// could not be synced. Then the file is, or stays, read-only until a Rewrite
// succeeds.
//
// # How
//
//  1. A draft (draft.go) is made from v beside the file, synced as it grows, and
//     read back. The old file takes transactions meanwhile.
//  2. Those that came after v are read from the old file's journal and appended
//     to the draft, until few are left.
//  3. The committer, between two groups, appends the last ones: what the old
//     file has got since, then what is in the pipeline. The draft is synced.
//  4. It is renamed over the old file, becomes the file's handle, and the
//     directory is synced. Only then is anything acknowledged.
//
// Only in 3 and 4 somebody waits: those who wait for their transactions to be
// on disk. Appending goes on.
//
// A crash before the rename leaves the old file with all that was acknowledged,
// and a draft, which is removed when the file is loaded again. A crash after it,
// and before the directory is synced, leaves one or the other under the name:
// both hold all that was acknowledged. After that there is only the new one.
//
// The draft is locked from its first byte, the old file until the new one is
// in its place: at no time does the name lead to a file that another process
// could open. One that opened the old file before and gets its lock now notices
// that the name leads elsewhere (openLocked).
//
// A symbolic link stays one: its target is replaced. Mode and owner are kept.
// If they cannot be, or the file has further names (hard links), which would
// go on leading to the old one, a file in good order is not rewritten; one
// that is not in good order is, with a warning. If the name leads to another
// file, that is not ours to replace.
func (f *File) Rewrite(v View) error {
	f.checkpoint.Lock()
	defer f.checkpoint.Unlock()
	before := f.Stats().FileBytes
	err := f.rewrite(v)
	f.rewritten(err, before)
	return explain(f.path, err)
}

func (f *File) rewrite(v View) error {
	failed, err := f.standing()
	if err != nil && !errors.Is(err, ErrReadOnly) {
		return err
	}
	if appended := f.appended.Load(); v.Seq() > appended {
		return fmt.Errorf("the view is of transaction %d, but there are only %d", v.Seq(), appended)
	}
	if covered := f.currentState().covered; !failed && v.Seq() < covered {
		return fmt.Errorf("the view is of transaction %d, but the snapshot is of %d already", v.Seq(), covered)
	}
	old := f.identity()
	if !failed && disk.Links(old) > 1 {
		return errManyNames
	}
	var unlike error
	d, err := newDraft(f.real, old, f.opt.Limits, func(err error) { unlike = err })
	if err != nil {
		return err
	}
	defer d.discard()
	switch {
	case unlike != nil && !failed:
		return fmt.Errorf("%w: %w", errUnlike, unlike)
	case unlike != nil:
		f.warn("the new file has not the mode and the owner of the old one", "error", unlike)
	}
	if err := f.begin(d, v.Seq(), failed); err != nil {
		f.condemn(err)
		return err
	}
	if err := d.write(v, nil, f.ending); err != nil {
		return err
	}
	if !failed {
		if err := f.follow(d); err != nil {
			f.condemn(err)
			return err
		}
	}
	return f.doNow(&step{draft: d, sync: true})
}

// standing returns why the file takes no writes, or nil if it does, and whether
// nothing but a rewrite can change that.
func (f *File) standing() (failed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats.Failed, f.err
}

// begin begins d with what of the journal, up to transaction seq, Readers may
// still want. Of a file that has failed nothing is taken.
func (f *File) begin(d *draft, seq uint64, failed bool) error {
	if failed {
		return d.startAt(seq)
	}
	if err := f.drain(); err != nil {
		return err
	}
	from, err := f.wanted(seq)
	if err != nil {
		return err
	}
	if err := d.startAt(from); err != nil {
		return err
	}
	if err := f.copyTo(d, seq); err != nil || d.Appended() == seq {
		return err
	}
	// The rest is in the pipeline, for want of space.
	f.turn.Lock()
	defer f.turn.Unlock()
	if err := f.copyTo(d, seq); err != nil {
		return err
	}
	if err := f.waiting().replay(d.Appended(), d.upTo(seq)); !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

// drain has the pipeline written, unless there is no space for that.
func (f *File) drain() error {
	err := f.doNow(&step{})
	if failed, why := f.standing(); !failed && errors.Is(why, ErrReadOnly) {
		return nil
	}
	return err
}

// wanted returns the number of the transaction after which, up to the one
// numbered seq, Readers may want those that are in the journal.
func (f *File) wanted(seq uint64) (from uint64, err error) {
	f.turn.Lock()
	defer f.turn.Unlock()
	from = min(seq, f.droppable(seq))
	err = f.view(func(tx *bolt.Tx) error {
		_, err := f.locate(tx, from)
		if gone := (*GoneError)(nil); errors.As(err, &gone) {
			from, err = min(seq, gone.Oldest-1), nil
		}
		return err
	})
	return from, err
}

// waiting returns what is in the pipeline while the committer rests. What it
// holds does not change any more.
func (f *File) waiting() *group {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := new(group)
	for _, r := range f.pipe.open.records {
		still := *r
		g.records = append(g.records, &still)
	}
	return g
}

// ending returns an error if the file is being closed.
func (f *File) ending() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return ErrClosed
	}
	return nil
}

const (
	littleLeft = 1 << 20 // bytes that the committer may copy while others wait
	maxRounds  = 20      // of copying: if there is much left then, writers are faster
)

// follow appends to d what the file has got meanwhile, until little is left.
func (f *File) follow(d *draft) error {
	for range maxRounds {
		if err := f.drain(); err != nil {
			return err
		}
		before := d.Stats().AppendedBytes
		if err := f.copyTo(d, math.MaxUint64); err != nil {
			return err
		}
		if err := d.Sync(); err != nil {
			return err
		}
		if d.Stats().AppendedBytes-before <= littleLeft {
			break
		}
	}
	return nil
}

// copyTo appends to d the transactions up to the one numbered to that are in
// the file's journal and not in d.
func (f *File) copyTo(d *draft, to uint64) error {
	_, err := f.scan(d.Appended(), d.upTo(to), nil)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// upTo is next for transactions up to the one numbered to; then it returns
// errEnough.
func (d *draft) upTo(to uint64) func(seq uint64, tx []byte) error {
	return func(seq uint64, tx []byte) error {
		if seq > to {
			return errEnough
		}
		return d.next(seq, tx)
	}
}

// next appends transaction seq, if d has not got it.
func (d *draft) next(seq uint64, tx []byte) error {
	switch have := d.Appended(); {
	case seq <= have:
		return nil
	case seq != have+1:
		return damagef("transaction %d follows %d", seq, have)
	}
	if _, err := d.Append(tx); err != nil {
		return err
	}
	if d.sent += len(tx); d.sent < sentAtOnce {
		return nil
	}
	d.sent = 0
	return d.Sync()
}

// sentAtOnce is how much of a journal waits in memory to be written to a draft.
const sentAtOnce = 2 << 20

// replace makes d the file, with what is in the old one and in g. It is the
// committer's. d is left to its owner if stepErr is not nil: then g is written
// to the old file.
func (f *File) replace(d *draft, g *group) (stepErr, err error) {
	stepErr = f.complete(d, g)
	if stepErr == nil {
		stepErr = f.putInPlace(d)
	}
	if stepErr != nil {
		_, err = f.commitGroup(g, nil)
		return stepErr, err
	}
	f.adopt(d)
	if err := disk.SyncDirectory(filepath.Dir(f.real)); err != nil {
		err = f.abandon(fmt.Errorf("the new file is in place, but maybe not after a crash: %w", err))
		return err, err
	}
	return nil, nil
}

// complete brings d up to the end of g, and syncs it.
func (f *File) complete(d *draft, g *group) error {
	if d.Appended() < f.written {
		if err := f.copyTo(d, f.written); err != nil {
			return err
		}
	}
	if err := g.replay(d.Appended(), d.next); err != nil {
		return err
	}
	if d.Appended() != g.last {
		return damagef("the new file ends at transaction %d instead of %d", d.Appended(), g.last)
	}
	return d.finish()
}

// replay passes each the transactions of g after the one numbered after.
func (g *group) replay(after uint64, each func(seq uint64, tx []byte) error) error {
	p := replay{after: after, each: each}
	for i, r := range g.records {
		body := *r
		body.buf = r.buf[recordHeader:]
		if i == 0 {
			p.seq = r.first - 1
		}
		if err := p.body(&body); err != nil {
			return err
		}
	}
	return nil
}

// putInPlace renames d, if the name still leads to the file or to nothing.
func (f *File) putInPlace(d *draft) error {
	if err := f.point("rename"); err != nil {
		return err
	}
	if f.db == nil { // so it is not locked
		old, err := disk.OpenFile(f.real, os.O_RDWR, 0)
		if err == nil {
			defer old.Close()
			err = lock(old, f.real)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return d.takePlace(f.info)
}

// adopt takes over what d has. The old handle is closed behind everybody's back. Everything in File that
// is about the contents of the file, and not about who uses it, changes here.
func (f *File) adopt(d *draft) {
	f.handle.Lock()
	defer f.handle.Unlock()
	d.handle.Lock()
	defer d.handle.Unlock()
	old := f.takeBolt()
	f.closers.Go(func() { // with it, maybe, gigabytes of it go
		if err := old(); err != nil {
			f.warn("closing the file that was replaced", "error", err)
		}
	})
	f.db, d.db = d.db, nil
	f.os, f.info = d.os, d.info
	f.look()
	f.journal = d.journal
	f.mu.Lock()
	f.stage = stage{} // what was staged is in the new journal
	f.mu.Unlock()
	f.noStage = f.opt.stageSize < 0
	f.setState(d.state)
	f.written = d.written
	f.size, f.free = d.size, d.free
	f.broken = nil
}

// rewritten notes how a Rewrite of a file of so many bytes has ended.
func (f *File) rewritten(err error, before int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.RewriteErr = err
	select {
	case <-f.rewriteDue: // it was until now
	default:
	}
	if err == nil {
		f.log.Info("the file was rewritten", "file", f.path, "bytes", f.stats.FileBytes, "before", before)
		f.stats.Rewrites++
		f.rewriting = backoff{}
		return
	}
	f.rewriting.failed()
}

// wantRewrite tells that the file should be rewritten.
func (f *File) wantRewrite() {
	select {
	case f.rewriteDue <- struct{}{}:
	default:
	}
}

// tick looks once a second whether the file is well, and whether it is time for
// another try to make it so. It is the committer's.
func (f *File) tick() {
	if f.broken == nil {
		if err := f.astray(); err != nil {
			f.abandon(err)
		}
		return
	}
	f.mu.Lock()
	f.rewriting.tick()
	again := f.rewriting.due()
	f.mu.Unlock()
	if again {
		f.wantRewrite()
	}
}

// astray returns what has happened to the file behind our back, if anything.
func (f *File) astray() error {
	there, err := os.Stat(f.real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the file was removed: %w", err)
	case err != nil:
		return nil // not even that can be known
	case !os.SameFile(there, f.info):
		return errStranger
	}
	return f.noteLength(there.Size())
}

// cutShort returns an error if the file is smaller than it was.
func (f *File) cutShort() error {
	size, err := disk.Size(f.os)
	if err != nil {
		return err
	}
	return f.noteLength(size)
}

func (f *File) noteLength(size int64) error {
	if size < f.length {
		return damagef("it was cut short: %d bytes instead of %d", size, f.length)
	}
	f.length = size
	return nil
}

// look notes how large the file is. It never shrinks by itself.
func (f *File) look() {
	f.length = 0
	if size, err := disk.Size(f.os); err == nil {
		f.length = size
	}
}

// consider says that the file should be rewritten if too much of it is free.
func (f *File) consider() {
	f.mu.Lock()
	defer f.mu.Unlock()
	used := f.stats.FileBytes - f.stats.FreeBytes
	if limit := f.opt.MaxFree; limit >= 0 && f.stats.FreeBytes > 2*used+limit {
		f.wantRewrite()
	}
}

// Shrunk tells that with the next transaction most of what the store holds is
// gone, as after a FLUSHALL. That makes a checkpoint due however short the
// journal is, if it may make a rewrite due: if the snapshot is larger than
// Options.MaxFree.
func (f *File) Shrunk() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shrunk = f.appended.Load() + 1
}

// saveDue reports whether a checkpoint is.
func (f *File) saveDue() bool {
	s := &f.state
	long := f.journalBytes()-f.journal.kept(s.covered) > f.opt.MaxJournal
	stale := s.covered < min(f.shrunk, f.written)
	return f.saving.due() && (long || stale && f.opt.MaxFree >= 0 && s.baseBytes+s.deltaBytes > uint64(f.opt.MaxFree))
}

// RewriteDue returns a channel that receives a value when Rewrite should be
// called. It is always the same channel. A file that has failed asks at once and
// then, as long as Rewrite fails, again and again, at intervals that grow from
// a second to half a minute.
func (f *File) RewriteDue() <-chan struct{} { return f.rewriteDue }
