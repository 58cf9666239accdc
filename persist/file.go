package persist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"redstart/persist/internal/disk"
	"redstart/types"
)

// A Policy says when transactions reach the disk by themselves.
type Policy int

const (
	// EverySecond writes and syncs once a second. A crash, of the process or
	// the machine, loses what was appended in the last second or so.
	EverySecond Policy = iota
	// Always means that every transaction is waited for with Wait, which
	// returns once it is on disk.
	Always
	// Never writes once a second and leaves it to the operating system when
	// that reaches the disk. A crash of the process loses the last second or
	// so. A crash of the machine may lose more, and may leave a file that Open
	// or Load finds damaged; but from the first on who asks for the disk (Wait,
	// Sync, Hasten, OnDisk) it is EverySecond, until the file is closed.
	Never
)

// String returns the policy's name as appendfsync spells it.
func (p Policy) String() string {
	switch p {
	case EverySecond:
		return "everysec"
	case Always:
		return "always"
	case Never:
		return "no"
	}
	return fmt.Sprintf("policy(%d)", int(p))
}

// Options of Open. Nil, and the zero value of each, mean the defaults.
type Options struct {
	Sync        Policy           // default EverySecond
	Logger      *slog.Logger     // default none
	MaxJournal  int64            // bytes of journal that make a checkpoint due; default 64 MiB
	KeepJournal int64            // bytes of journal that a checkpoint leaves for Readers; default none
	MaxFree     int64            // bytes of free space, beyond twice what is used, that make a rewrite due; default three times MaxJournal, negative: no limit
	Now         func() time.Time // for Stats; default time.Now
	Limits      *types.Limits    // of compact forms of loaded values; default types.DefaultLimits

	stageSize int // tests: bytes of the stage's ring for ever; below 0: none is made

	ticks    <-chan time.Time                                 // tests: instead of one a second
	openFile func(string, int, os.FileMode) (*os.File, error) // tests: instead of disk.OpenFile
	hook     func(point string) error                         // tests: called where things can go wrong

	patchFrom int // tests: instead of the constant

	draft bool // it is a draft, and given up when it fails
}

const defaultMaxJournal = 64 << 20

// defaultMaxFree leaves room for a checkpoint to write a new base beside the old
// one with its runs, and for the journal, which under load is half as large again
// as its limit before a checkpoint has ended: what is free for a while only. With
// less, every base would be followed by a rewrite of it.
func (o *Options) defaultMaxFree() int64 {
	if o.MaxJournal > math.MaxInt64/3 {
		return -1
	}
	return 3 * o.MaxJournal
}

// A File is an open database file. Its methods may be called by any goroutine
// at any time, except that Load comes before all others.
//
// Who owns what: mu guards the groups and all that Append and Wait touch.
// The handle of bbolt, the journal, the stage and the state are changed by the
// committer only (commit.go), who is whoever holds turn; handle is held for
// reading by whoever else reads the file, so that the committer can replace a
// broken handle.
type File struct {
	path string
	real string // absolute, and no symbolic link
	opt  Options
	log  *slog.Logger

	policy   atomic.Int32
	appended atomic.Uint64 // number of the last transaction appended; written under mu
	durable  atomic.Uint64 // number of the last one known to be on disk
	promised atomic.Bool   // somebody counts on the disk (promise.go); written under mu
	loose    atomic.Bool   // there is a commit that was not synced; written under mu

	crowded atomic.Bool // much waits for the disk; written under mu
	sound   atomic.Bool // err is nil; written under mu

	mu        sync.Mutex
	pipe      pipeline
	err       error // why nothing can be appended
	readers   map[*Reader]bool
	moved     chan struct{} // closed when more has been written; nil: nobody waits
	stats     Stats
	closing   bool
	condemned error // damage that was found in use; nil: none that the committer has not heard of

	wake chan struct{} // the committer has something to do before the next tick
	due  chan struct{}
	done chan struct{} // closed by the committer when it returns

	rewriteDue chan struct{}
	pause      int    // ticks to the next try to rewrite; guarded by mu
	left       int    // of them; guarded by mu
	savePause  int    // ticks to the next try of a checkpoint; guarded by mu
	saveLeft   int    // of them; guarded by mu
	shrunk     uint64 // the transaction with which most of the store was gone; guarded by mu

	turn    sync.Mutex
	handle  sync.RWMutex
	db      *bolt.DB
	os      *os.File    // what bbolt has open
	direct  *os.File    // the same file, for writes to the stage; nil: they use os
	directs *os.File    // the os that direct was opened for
	info    os.FileInfo // which file it is
	jammed  atomic.Bool // bbolt has panicked, and may hold its locks for ever
	journal journal
	stage   stage // what others see of it is changed under mu
	noStage bool  // it cannot be made, or a write to it has failed
	state   state
	written uint64 // number of the last transaction given to the operating system
	size    int64  // of the file, as of the last commit
	free    int64
	length  int64 // of the file as the system sees it, when it was looked at last
	broken  error // why the committer has given the file up, until it is rewritten
	short   shortage

	closers    sync.WaitGroup // of handles that were replaced
	checkpoint sync.Mutex     // held by Checkpoint, Rewrite and Load
}

// Open opens the file at path, or creates it. If the file is open elsewhere,
// damaged, foreign or too new, the error is a *LockedError or wraps ErrCorrupt,
// ErrForeign or ErrNewer, and the file is as it was. What the values hold is
// checked by Load, which must be called next.
func Open(path string, opt *Options) (*File, error) {
	f := &File{
		path: path,
		wake: make(chan struct{}, 1),
		due:  make(chan struct{}, 1),
		done: make(chan struct{}),
		err:  errNotLoaded,

		rewriteDue: make(chan struct{}, 1),
	}
	if opt != nil {
		f.opt = *opt
	}
	if f.opt.MaxJournal <= 0 {
		f.opt.MaxJournal = defaultMaxJournal
	}
	if f.opt.Now == nil {
		f.opt.Now = time.Now
	}
	if f.opt.MaxFree == 0 {
		f.opt.MaxFree = f.opt.defaultMaxFree()
	}
	f.noStage = f.opt.stageSize < 0
	if f.log = f.opt.Logger; f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.policy.Store(int32(f.opt.Sync))
	f.pipe.init(&f.mu)
	if err := f.openHandle(); err != nil {
		return nil, explain(path, err)
	}
	if err := f.resolve(); err != nil {
		f.closeBolt()
		return nil, explain(path, err)
	}
	f.look()
	f.appended.Store(f.written)
	f.measure()
	go f.serve()
	return f, nil
}

// openHandle opens the handle of bbolt and reads the state and where the
// journal ends.
func (f *File) openHandle() error {
	if err := f.openBolt(os.O_CREATE); err != nil {
		return err
	}
	err := f.reread()
	if err != nil {
		f.closeBolt()
	}
	return err
}

// resolve finds out where the file really is.
func (f *File) resolve() (err error) {
	if f.real, err = filepath.EvalSymlinks(f.path); err != nil {
		return err
	}
	f.real, err = filepath.Abs(f.real)
	return err
}

// openBolt locks and inspects the file, then hands it to bbolt.
// With os.O_CREATE as flag, it makes a new file if there is none.
func (f *File) openBolt(flag int) (err error) {
	open := f.opt.openFile
	if open == nil {
		open = disk.OpenFile
	}
	file, info, err := openLocked(f.path, func() (*os.File, error) { return open(f.path, os.O_RDWR|flag, 0o600) })
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			unlock(file)
			file.Close()
		}
	}()
	empty, err := inspected(file)
	if err != nil {
		return err
	}
	if err := f.handOver(file); err != nil {
		return err
	}
	f.info = info
	if empty {
		err = withCause(f.db.Update(create))
	}
	if err == nil {
		err = f.syncName(empty)
	}
	if err != nil {
		f.closeBolt()
	}
	return err
}

// inspected inspects a file that nobody else has open. empty tells that bbolt
// is to begin it.
func inspected(file *os.File) (empty bool, err error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, ErrForeign
	case info.Size() == 0:
		return true, nil
	}
	empty, err = inspect(file, info.Size())
	if err == nil && empty { // but for what was begun already
		err = disk.TruncateFile(file, 0)
	}
	return empty, err
}

// renew makes durable what an earlier process has written: it may be in the
// memory of the system only, and nobody must take that for being on disk, or
// write over what was there before it.
//
// If that process was killed, a sync would do. If its last sync has failed, the
// system may call pages clean that are not on disk, and a sync does nothing for
// them. Of those, only a meta page can matter, for it is written when all that
// it leads to is durable; so both are written again as they are, and synced.
// Nobody else may write meanwhile.
func renew(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	p := preflight{file: file, size: info.Size()}
	meta, err := p.metas()
	if err != nil {
		return err
	}
	for _, at := range []int64{0, int64(meta.pageSize)} {
		var b [pageHeader + metaSize]byte
		if _, err := file.ReadAt(b[:], at); err != nil {
			return p.readError(err, at)
		}
		err := disk.WriteAt(file, b[:], at)
		if errors.Is(err, syscall.ENOSPC) {
			break // a full disk that writes elsewhere what is written again can still be read
		}
		if err != nil {
			return err
		}
	}
	return disk.SyncData(file)
}

// syncName makes the file's name durable. That of an old file should be, but
// the process that made it may have been killed before: then it matters as much.
func (f *File) syncName(fresh bool) error {
	real, err := filepath.EvalSymlinks(f.path) // a link says nothing of the directory it leads to
	if err != nil {
		return err
	}
	err = disk.SyncDirectory(filepath.Dir(real))
	if !fresh && errors.Is(err, fs.ErrPermission) {
		return nil // whoever may not read a directory has not made files in it
	}
	return err
}

// identity returns which file it is, with its mode and owner as far as known.
func (f *File) identity() os.FileInfo {
	f.handle.RLock()
	defer f.handle.RUnlock()
	if there, err := os.Stat(f.real); err == nil && os.SameFile(there, f.info) {
		return there
	}
	return f.info
}

// openLocked opens and locks a file. It may get the lock because the one who
// had it has put another file in its place: then the other one is what is
// wanted.
func openLocked(path string, open func() (*os.File, error)) (file *os.File, info os.FileInfo, err error) {
	for range 10 {
		if file, err = open(); err != nil {
			return nil, nil, err
		}
		if err = lock(file, path); err == nil {
			info, err = file.Stat()
		}
		if err == nil && !info.Mode().IsRegular() {
			err = ErrForeign
		}
		if err == nil {
			there, err := os.Stat(file.Name())
			if err == nil && os.SameFile(info, there) {
				return file, info, nil
			}
		}
		file.Close()
		if err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, &LockedError{Path: path}
}

// handOver opens bbolt on file, which it closes from now on.
func (f *File) handOver(file *os.File) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damagef("its pages are inconsistent (%v)", r)
		}
	}()
	f.os = file
	f.db, err = bolt.Open(f.path, 0o600, &bolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		OpenFile:       func(string, int, os.FileMode) (*os.File, error) { return file, nil },
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return &LockedError{Path: f.path}
	}
	return err
}

// closeBolt closes the handle, if there is one.
func (f *File) closeBolt() error { return f.takeBolt()() }

// takeBolt takes the handle, if there is one, from the File and returns what
// closes it. Of one that is jammed no more than its map of the file stays behind.
func (f *File) takeBolt() (close func() error) {
	db, file := f.db, f.os
	f.db = nil
	f.closeDirect()
	switch {
	case db == nil:
		return func() error { return nil }
	case f.jammed.Swap(false):
		return func() error {
			unlock(file)
			return file.Close() // the map of it stays
		}
	}
	return func() error { return guard(new(bool), db.Close) }
}

// guard runs do and turns a panic of bbolt, or a fault in its map of the file,
// into damage. A panic of what do calls while it says it is abroad is not ours.
func guard(abroad *bool, do func() error) (err error) {
	fault := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(fault)
		if r := recover(); r != nil {
			if *abroad {
				panic(r)
			}
			err = damagef("its pages are inconsistent (%v)", r)
		}
	}()
	return inconsistent(do())
}

// guard is guard for what uses the handle.
func (f *File) guard(abroad *bool, do func() error) error {
	if f.jammed.Load() {
		return damagef("its pages are inconsistent")
	}
	ended := false
	err := guard(abroad, func() error {
		err := do()
		ended = true
		return err
	})
	if !ended {
		f.jammed.Store(true)
	}
	return err
}

// view reads the file in a short transaction.
func (f *File) view(do func(tx *bolt.Tx) error) error { return f.viewAbroad(new(bool), do) }

// viewAbroad is view for what calls functions of the user's.
func (f *File) viewAbroad(abroad *bool, do func(tx *bolt.Tx) error) error {
	f.handle.RLock()
	defer f.handle.RUnlock()
	if f.db == nil { // closed, or not opened again after an error
		return cmp.Or(f.Err(), ErrClosed)
	}
	err := f.guard(abroad, func() error { return f.db.View(do) })
	if err != nil && f.jammed.Load() {
		f.condemn(err)
	}
	return err
}

// Policy returns the policy in force.
func (f *File) Policy() Policy { return Policy(f.policy.Load()) }

// SetPolicy changes the policy from now on.
func (f *File) SetPolicy(p Policy) {
	f.policy.Store(int32(p))
	f.signal()
}

// Path returns the path the file was opened by.
func (f *File) Path() string { return f.path }

// CheckpointDue returns a channel that receives a value when the journal has
// outgrown Options.MaxJournal, or the store has Shrunk. It is always the same channel. After a Checkpoint
// that has failed it receives again and again, at intervals that grow from a
// second to half a minute.
func (f *File) CheckpointDue() <-chan struct{} { return f.due }

// Err returns why the file takes no writes, or nil if it does.
func (f *File) Err() error {
	if f.sound.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// setErr says why nothing can be appended. It is called under mu.
func (f *File) setErr(err error) {
	f.err = err
	f.sound.Store(err == nil)
}

// Ready reports whether Append takes a transaction at once: the file can be
// written, and Room would not wait.
func (f *File) Ready() bool { return f.sound.Load() && !f.crowded.Load() }

// Stats are counters of a File, from its opening on, and sizes.
type Stats struct {
	Appended      uint64 // number of the last transaction appended
	Written       uint64 // number of the last transaction given to the operating system
	Durable       uint64 // number of the last transaction known to be on disk
	Covered       uint64 // number of the last transaction the snapshot holds
	Pending       int    // bytes appended and not written yet
	JournalBytes  int64  // written and not dropped by a checkpoint yet
	Staged        int64  // of these, what is in the stage
	KeptBytes     int64  // of these, what a checkpoint has covered: for Readers
	Readers       int    // that follow the journal
	BaseBytes     int64  // of the snapshot: all keys at one time
	DeltaBytes    int64  // of the snapshot: changes since
	Generation    uint64 // of the base; 0: there is no snapshot
	Groups        uint64 // group commits
	Syncs         uint64 // commits that ended with the data on disk
	Checkpoints   uint64 // that ended well
	Failures      uint64 // of commits
	CheckpointErr error  // of the last checkpoint

	// What it cost to keep what was appended, in bytes since the opening.
	AppendedBytes uint64 // of effects
	JournalWrites uint64 // of records of the journal
	ChunkWrites   uint64 // of chunks of the snapshot
	PageWrites    uint64 // of pages of the file: all that, and what holds it together

	FileBytes int64          // of the file, up to the last page that was ever in use
	FreeBytes int64          // of it: pages that what is written next will use
	Last      CheckpointCost // of the last checkpoint that ended well

	Rewrites      uint64    // that ended well
	RewriteErr    error     // of the last rewrite
	ReadOnlySince time.Time // when writing to the file began to fail; zero: it does not
	Failed        bool      // nothing but a rewrite makes it take writes again
}

// A CheckpointCost says what a checkpoint wrote.
type CheckpointCost struct {
	Base    bool  // it wrote a new generation, not a delta run
	Keys    int   // that were written, or written as gone
	Patches int   // of them: those of which only the changes were written
	Bytes   int64 // of chunks
}

// Amplification returns how many bytes were written to the file for each byte
// of effects appended; 0 if there were none.
func (s *Stats) Amplification() float64 {
	if s.AppendedBytes == 0 {
		return 0
	}
	return float64(s.PageWrites) / float64(s.AppendedBytes)
}

// Stats returns how the file stands.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Appended, s.Durable, s.Pending = f.appended.Load(), f.durable.Load(), f.pipe.bytes()
	s.Readers = len(f.readers)
	return s
}

// publish makes the committer's figures visible to Stats, and wakes Readers. It
// is called under mu.
func (f *File) publish() {
	f.stats.Written, f.stats.Covered = f.written, f.state.covered
	f.stats.JournalBytes, f.stats.KeptBytes = f.journalBytes(), f.journal.kept(f.state.covered)
	f.stats.Staged = int64(f.stage.bytes)
	f.stats.BaseBytes = int64(f.state.baseBytes)
	f.stats.DeltaBytes = int64(f.state.deltaBytes)
	f.stats.Generation = f.state.generation
	f.stats.FileBytes, f.stats.FreeBytes = f.size, f.free
	f.stats.Failed = f.broken != nil
	f.tell()
}

// measure finds out, for publish, how large the file is and what of it is free.
// They are only figures: if the file cannot be read, they stay what they were.
func (f *File) measure() {
	_ = f.view(func(tx *bolt.Tx) error {
		f.size = tx.Size()
		s := tx.DB().Stats()
		f.free = int64((s.FreePageN + s.PendingPageN) * tx.DB().Info().PageSize)
		return nil
	})
}

// Close writes and syncs, under every policy, what was appended, and closes
// the file. A running Checkpoint is given up. It returns why something that was
// appended is not on disk. Only the first call does anything.
func (f *File) Close() error {
	if !f.end() {
		return nil
	}
	return f.shut()
}

// end has the committer do its last round. It reports whether it was the first to.
func (f *File) end() bool {
	f.mu.Lock()
	first := !f.closing
	f.closing = true
	f.mu.Unlock()
	f.signal()
	<-f.done
	return first
}

// shut closes the file after the committer has ended.
func (f *File) shut() error {
	f.checkpoint.Lock()
	defer f.checkpoint.Unlock()
	f.mu.Lock()
	err := f.err
	if errors.Is(err, errNotLoaded) || errors.Is(err, ErrClosed) {
		err = nil
	}
	f.setErr(ErrClosed)
	f.pipe.fail()
	f.tell()
	f.mu.Unlock()
	f.handle.Lock()
	defer f.handle.Unlock()
	err = errors.Join(err, explain(f.path, f.closeBolt()))
	f.closers.Wait()
	return err
}

func (f *File) warn(msg string, args ...any) {
	f.log.Log(context.Background(), slog.LevelWarn, msg, append([]any{"file", f.path}, args...)...)
}
