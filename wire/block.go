package wire

import (
	"errors"
	"slices"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// errGone is the reason a wait ends for when the client has gone.
var errGone = errors.New("client has gone")

// A parked is the command that a session is blocked in.
//
// While a session is parked its goroutine runs nothing; what the client sends
// is kept. The command itself is run again by whoever makes one of its keys
// ready (see store/wait.go), with the session's call, which therefore belongs
// to the waiter's server from the moment the locks of the keys are given up
// until Done is called. Its reply goes to a buffer of its own, because those of
// the commands before it are being sent meanwhile. Then the session is resumed.
type parked struct {
	waiter *store.Waiter
	wait   *command.Wait
	out    resp.Writer
}

// A wakeup is the end of a wait: nil, or why nothing came.
type wakeup struct{ err error }

// park makes the session wait. It is called under the locks of the keys.
func (s *session) park(cmd *command.Command, args [][]byte, w *command.Wait) {
	args = copyArgs(args)
	s.call.Start(cmd, args)
	p := &parked{wait: w}
	p.out.Proto = s.out.Proto
	s.call.Reply = &p.out
	p.waiter = &store.Waiter{
		Kind:  w.Kind,
		Locks: s.locksBeside(args, w.Keys),
		Serve: func(tx *store.Tx, key string) bool { return s.serve(&p.out, tx, key) },
		Done: func(err error) {
			s.wakeups.Store(&wakeup{err})
			s.link.notify()
		},
	}
	s.parked = p
	s.card.parked.Store(p)
	s.tx.Wait(p.waiter, w.Timeout, w.Keys...)
}

// locksBeside returns the shards that the command needs besides that of the
// key it is served for: those of its keys at which it does not wait.
func (s *session) locksBeside(args [][]byte, waits []string) (locks store.LockSet) {
	for _, k := range s.keys {
		if key := command.Text(args[k.Index]); !slices.Contains(waits, key) {
			locks.Add(s.srv.db, key)
		}
	}
	return locks
}

// serve runs the parked command for a key that has something, in the
// transaction of whoever put it there. It reports whether the command is over.
func (s *session) serve(out *resp.Writer, tx *store.Tx, key string) bool {
	s.call.Tx = tx
	s.call.Resume(key)
	if err := s.invoke(); err != nil {
		out.Reset()
		out.Error(spell(err))
		return true
	}
	if s.call.Waiting() != nil {
		out.Reset()
		return false
	}
	return true
}

// resume goes on after a wait, if it is over. It reports whether there is more
// to run once the replies are sent.
func (s *session) resume() (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.wakeups.Swap(nil)
	if w == nil || s.parked == nil || s.dead {
		return false
	}
	before := s.out.Len()
	s.call.Reply = &s.out
	switch {
	case w.err == nil:
		s.out.Raw(s.parked.out.Bytes())
	case errors.Is(w.err, store.ErrTimeout):
		s.parked.wait.Null(&s.out)
	case errors.Is(w.err, store.ErrClosed):
		s.ending = true
	case errors.Is(w.err, errGone):
		return false
	default:
		s.out.Error(spell(w.err))
	}
	if s.noReply || s.skip > 0 {
		s.mute(before)
	}
	s.parked = nil
	s.card.parked.Store(nil)
	s.runKept()
	return s.hasMore()
}
