package command

import (
	"time"

	"redstart/store"
	"redstart/types"
	"redstart/wire/resp"
)

// A Call is one execution of a command: what its handler is given. A handler
// takes its arguments one after the other with the methods in args.go, asks
// Done whether all was well, works on Tx, writes exactly one reply to Reply,
// and returns nil; or it returns an error, whatever it wrote by then is taken
// back, and the error is the reply.
//
// A Call is reused: nothing of it may be kept after the handler returns, and
// arguments are borrowed from the network buffer.
type Call struct {
	// Tx is the transaction the command runs in. It holds the keys that the
	// command's syntax names, and the right database is selected.
	Tx *store.Tx
	// Reply takes the reply, in the protocol of the client.
	Reply *resp.Writer
	// Command is the command being run.
	Command *Command
	// Peer is the session the command runs for. Only the commands of the
	// server itself look at it.
	Peer any
	// Pinned keeps the keys locked until the command ends: somebody notes then
	// what it has read.
	Pinned bool
	// Yield, if it is not nil, lets the server serve others meanwhile.
	Yield func()

	args [][]byte // after the command's name
	all  [][]byte // with it
	pos  int
	err  error // the first thing that was wrong with the arguments

	nowait bool   // in MULTI and scripts nobody waits
	ready  string // the key that has come, when a wait is over
	woken  bool
	wait   *Wait
}

// A Wait is what a blocking command asks for when there is nothing to take.
type Wait struct {
	Kind    types.Kind    // of value that is waited for
	Keys    []string      // at which one is enough
	Timeout time.Duration // 0: for ever
	Null    func(*resp.Writer)
}

// heavy is a number of elements that take about a millisecond to go through.
const heavy = 10_000

// Heavy says that the command is about to go through n elements, and reports
// whether those are many: other clients are then served meanwhile, unless they
// want a key that the command holds.
func (c *Call) Heavy(n int) bool {
	if n < heavy {
		return false
	}
	if c.Yield != nil {
		c.Yield()
	}
	return true
}

// Still is Heavy for a command that only reads, and has read all it needs: if n
// elements are many, copy, which must clone the values that the command is
// about to go through, is called, and the keys are given up. The command must
// not touch a key any more. size is about how many bytes it is going to reply,
// 0 if it cannot tell.
func (c *Call) Still(n, size int, copy func()) {
	if !c.Heavy(n) {
		return
	}
	if c.mayRelease() {
		copy()
		c.Tx.Release()
	}
	c.Reply.Grow(size)
}

// mayRelease reports whether the keys are held for this command alone.
func (c *Call) mayRelease() bool { return !c.nowait && !c.woken && !c.Pinned && !c.Tx.Writable() }

// Start makes c ready to run cmd with args, the command's name included.
func (c *Call) Start(cmd *Command, args [][]byte) {
	c.Command = cmd
	c.all, c.args = args, args[min(cmd.words(), len(args)):]
	c.pos, c.err, c.wait = 0, nil, nil
	c.ready, c.woken = "", false
}

// Forget drops what c has borrowed for its last command.
func (c *Call) Forget() {
	c.Tx, c.Command = nil, nil
	c.all, c.args, c.ready, c.err, c.wait = nil, nil, "", nil, nil
}

// NoWait says whether to wait means to get nothing, as in MULTI and scripts.
func (c *Call) NoWait(no bool) { c.nowait = no }

// MayWait reports whether the command may wait: not in MULTI and scripts.
func (c *Call) MayWait() bool { return !c.nowait }

// Resume makes c run its command once more, for the key that has come.
func (c *Call) Resume(key string) {
	c.pos, c.err, c.wait = 0, nil, nil
	c.ready, c.woken = key, true
}

// Waiting returns what the handler that has just returned waits for, or nil.
func (c *Call) Waiting() *Wait { return c.wait }

// Ready returns those of keys that a blocking command should look at: all of
// them at first, and only the one that has come when its wait is over.
func (c *Call) Ready(keys []string) []string {
	if !c.woken {
		return keys
	}
	for i, k := range keys {
		if k == c.ready {
			return keys[i : i+1]
		}
	}
	return nil
}

// Wait ends a blocking command that found nothing to take: `return c.Wait(w)`.
// The command runs again when one of w.Keys has something; when it does not in
// time, and in MULTI and scripts at once, the reply is w.Null, a null array if
// that is nil.
func (c *Call) Wait(w Wait) error {
	if w.Null == nil {
		w.Null = (*resp.Writer).NullArray
	}
	if c.nowait {
		w.Null(c.Reply)
		return nil
	}
	c.wait = &w
	return nil
}
