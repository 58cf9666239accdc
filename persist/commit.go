package persist

import (
	"errors"
	"runtime"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"redstart/persist/internal/disk"
)

// A step is work on the file that a checkpoint, or a rewrite, gives to the
// committer.
type step struct {
	run   func(tx *bolt.Tx) error // nil: only write what is in the pipeline
	draft *draft                  // not nil: the file that takes the place of this one
	sync  bool                    // under Never, too
	done  chan error
}

// serve is the committer, the one goroutine that writes to the file, but for those
// who lead a group of their own. Each round of it
// takes the open group and, if a checkpoint has some work waiting, one step of
// that, and commits both by one transaction of bbolt: so a checkpoint never
// holds bbolt's writer lock against a group, and shares its fdatasyncs.
//
// A commit that fails is retry's affair.
func (f *File) serve() {
	defer close(f.done)
	ticks := f.opt.ticks
	if ticks == nil {
		seconds, stop := disk.Seconds(f.path)
		defer stop()
		ticks = seconds
	}
	for closing := false; !closing; {
		ticked := false
		select {
		case <-f.wake:
		case tick := <-ticks:
			ticked = !tick.Equal(disk.Mark)
		}
		f.turn.Lock()
		closing = f.round(ticked)
		f.turn.Unlock()
	}
}

// lead writes the open group to the stage in the goroutine of one who waits
// for it, if the committer is at rest and has nothing else to do: that spares two
// changes of goroutine, and often of thread, for each write of a lone client.
// It is the committer meanwhile.
func (f *File) lead() {
	if !f.turn.TryLock() {
		return
	}
	defer f.turn.Unlock()
	f.mu.Lock()
	if f.pipe.together {
		f.mu.Unlock()
		for range gatherYields {
			runtime.Gosched()
		}
		f.mu.Lock()
	}
	g := f.pipe.open
	if f.closing || f.err != nil || f.pipe.step != nil || !f.mayStage(g) {
		f.mu.Unlock()
		return
	}
	f.pipe.take(f.appended.Load())
	g.stage, g.sync = true, true
	f.mu.Unlock()
	_, err := f.commitGroup(g, nil)
	f.settle(g, err)
}

// gatherYields is how often the committer lets others run before it takes a
// group that somebody waits for: whoever the last group woke is likely to
// append again, and then shares this one. If it woke nobody there is none to
// yield to, and it would cost: the Go scheduler wakes a thread at each yield, and
// as often as not the one who yields goes on in that.
const gatherYields = 4

// round does what there is to do. It reports whether it was the last.
func (f *File) round(ticked bool) (closing bool) {
	f.mu.Lock()
	if f.pipe.open.sync {
		f.mu.Unlock()
		for range gatherYields {
			runtime.Gosched()
		}
		f.mu.Lock()
	}
	p := &f.pipe
	closing = f.closing
	if f.err == errNotLoaded { // it may be damaged, and is left as it is
		f.mu.Unlock()
		return closing
	}
	s := p.step
	wanted := p.open.sync || closing || s != nil || p.open.bytes >= flushBytes || ticked || f.condemned != nil
	if !wanted {
		f.mu.Unlock()
		return false
	}
	if p.step = nil; ticked {
		f.saving.tick()
	}
	g := p.take(f.appended.Load())
	g.stage = !closing && s == nil && (g.sync || ticked && f.Policy() == Always)
	g.sync = g.sync || closing || s != nil && s.sync || f.Policy() != Never || f.promised.Load() ||
		f.stage.count > 0 // it folds, and the frames will be overwritten
	if !g.sync && (len(g.records) > 0 || s != nil && s.run != nil) {
		f.loose.Store(true)
	}
	if closing && f.err == nil {
		f.setErr(ErrClosed) // nothing is taken that nobody would write
	}
	f.mu.Unlock()

	if ticked || closing {
		f.tick()
	}
	if f.short.err != nil {
		f.short.due = closing || ticked && f.endured(g)
	}
	stepErr, err := f.commitGroup(g, s)
	f.settle(g, err)
	if s != nil {
		s.done <- errors.Join(stepErr, err)
	}
	return closing
}

// commitGroup writes g and does s. err is why g is not written, stepErr why s
// is not done although g may be.
func (f *File) commitGroup(g *group, s *step) (stepErr, err error) {
	if err := f.condemnation(); err != nil && f.broken == nil {
		f.abandon(err)
	}
	if s != nil && s.draft != nil {
		return f.replace(s.draft, g)
	}
	if f.broken != nil {
		return f.broken, f.broken
	}
	if err := f.short.err; err != nil && !f.short.due {
		return err, err
	}
	if g.stage && f.mayStage(g) {
		if err := f.stageGroup(g); err != nil {
			return nil, f.retry(g, err)
		}
		return nil, nil
	}
	if len(g.records) == 0 && (s == nil || s.run == nil) && f.stage.count == 0 {
		return nil, f.syncOnly(g)
	}
	stepErr, err = f.transact(g, s)
	if err != nil {
		return err, f.retry(g, err)
	}
	switch {
	case stepErr == nil:
	case len(g.records) == 0:
		err = f.syncOnly(g) // the sync that the step would have brought
	default:
		if _, err = f.transact(g, nil); err != nil {
			err = f.retry(g, err)
		}
	}
	return stepErr, err
}

// syncOnly makes durable what was written without a sync.
func (f *File) syncOnly(g *group) error {
	if !g.sync || f.durable.Load() >= f.written && !f.loose.Load() {
		return nil
	}
	if err := f.flush(); err != nil {
		return f.abandon(err)
	}
	f.count(func(s *Stats) { s.Syncs++ })
	return nil
}

// flush syncs what bbolt wrote.
func (f *File) flush() error {
	return f.guard(new(bool), func() error {
		return f.underName(disk.Do(disk.Event{Op: disk.Flush, Path: f.path}, f.db.Sync))
	})
}

// mayStage reports whether g can be written to the stage.
func (f *File) mayStage(g *group) bool {
	return len(g.records) > 0 && !f.noStage && f.stage.usable() && f.stage.fits(g)
}

// stageGroup writes g to the stage. After an error the stage is left alone.
func (f *File) stageGroup(g *group) error {
	err := f.point("commit")
	if err == nil {
		// To write behind the end of a file that was cut short is no error.
		err = f.cutShort()
	}
	if err == nil {
		err = f.writeFrame(f.stage.encode(g))
	}
	if err == nil {
		err = f.point("committed")
	}
	if err != nil {
		f.noStage = true
		return f.underName(err)
	}
	f.count(func(s *Stats) {
		s.Groups++
		s.Syncs++
		s.PageWrites += uint64(units(g.bytes))
		f.stage.took(g)
	})
	return nil
}

// writeFrame makes a frame durable. It goes past the memory of the system if it
// can. What it is written to is the same place of the same file either way, and so
// it is if both are tried; and an error means the same.
func (f *File) writeFrame(frame []byte) error {
	if f.directs != f.os {
		f.closeDirect()
		f.direct, f.directs = disk.Direct(f.os), f.os
	}
	err := error(syscall.EINVAL)
	if f.direct != nil {
		err = disk.WriteAt(f.direct, frame, f.stage.place())
	}
	if errors.Is(err, syscall.EINVAL) { // the disk wants larger units than ours
		f.closeDirect()
		f.directs = f.os
		err = disk.WriteAt(f.os, frame, f.stage.place())
	}
	if err != nil {
		return err
	}
	return disk.SyncData(f.os)
}

// closeDirect closes the handle for writes to the stage, if there is one.
func (f *File) closeDirect() {
	if f.direct != nil {
		f.direct.Close() // nothing waits in it
	}
	f.direct, f.directs = nil, nil
}

// wantsStage returns the size of the stage that the commit of g makes: the first
// one, or one four times as large if g comes to the journal because it is full; 0:
// none. If it fails, it is tried again without: there may be space for g alone.
func (f *File) wantsStage(g *group) (size int) {
	if !g.stage || f.Policy() != Always || f.noStage {
		return 0
	}
	size = firstStage
	if f.opt.stageSize > 0 {
		size = f.opt.stageSize
	}
	if f.stage.at != 0 {
		if size = min(4*int(f.stage.size), maxStage); f.opt.stageSize > 0 || !f.stage.full(g) || size <= int(f.stage.size) {
			return 0
		}
	}
	f.noStage = true
	return size
}

// transact commits g and s, and with them what is staged. An error of s leaves
// nothing of either.
func (f *File) transact(g *group, s *step) (stepErr, err error) {
	newStage := f.wantsStage(g)
	before := f.journal.mark()
	var pages uint64 // bytes of them
	err = f.guard(new(bool), func() error {
		tx, err := f.db.Begin(true)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		if newStage > 0 {
			if err := createStage(tx, newStage); err != nil {
				return err
			}
		}
		if err := f.journal.append(tx, f.stage.records); err != nil {
			return err
		}
		if err := f.journal.append(tx, g.records); err != nil {
			return err
		}
		if s != nil && s.run != nil {
			if stepErr = inconsistent(s.run(tx)); stepErr != nil {
				f.condemn(stepErr)
				return nil
			}
		}
		if err := putStamp(tx); err != nil {
			return err
		}
		if err := f.point("commit"); err != nil {
			return err
		}
		event := disk.Event{Op: disk.Commit, Path: f.path}
		if f.db.NoSync = !g.sync; f.db.NoSync {
			event.Op = disk.CommitNoSync
		}
		if err := disk.Do(event, tx.Commit); err != nil {
			return f.underName(withCause(err))
		}
		stats := tx.Stats()
		pages = uint64(stats.GetPageAlloc()) + uint64(f.db.Info().PageSize) // and the meta page
		return f.point("committed")
	})
	if err != nil || stepErr != nil {
		f.journal.goBack(before) // or the sizes of what was trimmed are lost
	}
	if stepErr != nil {
		return stepErr, errors.Join(err, f.reread())
	}
	if err != nil {
		return nil, err
	}
	f.count(func(st *Stats) {
		st.Groups++
		if g.sync {
			st.Syncs++
		}
		for _, records := range [][]*record{f.stage.records, g.records} {
			for _, r := range records {
				st.JournalWrites += uint64(len(r.buf))
			}
		}
		st.PageWrites += pages
		f.stage.reset()
	})
	f.measure()
	if newStage > 0 {
		err = f.view(f.stage.locate)
		f.noStage = err != nil
	}
	return nil, err
}

// currentState returns the state; setState changes it, in the committer.
func (f *File) currentState() state {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

func (f *File) setState(s state) {
	f.mu.Lock()
	f.state = s
	f.mu.Unlock()
}

// settle tells everybody how the commit of g ended.
func (f *File) settle(g *group, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.publish()
	if err != nil {
		f.pipe.unwritten()
		f.pipe.fail()
		if f.setErr(err); f.stats.ReadOnlySince.IsZero() {
			f.stats.ReadOnlySince = f.opt.Now()
		}
		return
	}
	if errors.Is(f.err, ErrReadOnly) {
		f.warn("writing works again")
		f.short = shortage{}
		f.stats.ReadOnlySince = time.Time{}
		if f.setErr(nil); f.closing {
			f.setErr(ErrClosed)
		}
	}
	f.written = max(f.written, g.last)
	if g.sync {
		f.durable.Store(f.written)
		f.loose.Store(false)
	}
	f.pipe.written()
	f.crowded.Store(f.pipe.bytes() > crowded)
	if f.saveDue() {
		select {
		case f.due <- struct{}{}:
		default:
		}
	}
}

// journalBytes returns the size of the journal with what is staged.
func (f *File) journalBytes() int64 { return f.journal.bytes + int64(f.stage.bytes) }

// count changes the counters.
func (f *File) count(change func(*Stats)) {
	f.mu.Lock()
	change(&f.stats)
	f.mu.Unlock()
}

// point is where tests make things go wrong.
func (f *File) point(name string) error {
	if f.opt.hook == nil {
		return nil
	}
	return f.opt.hook(name)
}

// do gives the committer a step. The channel receives its outcome.
func (f *File) do(s *step) (<-chan error, error) {
	s.done = make(chan error, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil && (s.draft == nil || !errors.Is(f.err, ErrReadOnly)) {
		return nil, f.err
	}
	if f.closing {
		return nil, ErrClosed
	}
	f.pipe.step = s
	f.signal()
	return s.done, nil
}

// doNow gives the committer a step and waits for it.
func (f *File) doNow(s *step) error {
	done, err := f.do(s)
	if err != nil {
		return err
	}
	return <-done
}
