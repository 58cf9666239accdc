package persist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

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
	rewriting  backoff // of a file that has failed; guarded by mu
	saving     backoff // checkpoints; guarded by mu
	shrunk     uint64  // the transaction with which most of the store was gone; guarded by mu

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

// resolve finds out where the file really is.
func (f *File) resolve() (err error) {
	if f.real, err = filepath.EvalSymlinks(f.path); err != nil {
		return err
	}
	f.real, err = filepath.Abs(f.real)
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
