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
// ready (see store/wait.go), with a call and a reply buffer of its own: those of
// the session go on to be used for the commands before it, whose replies are
// being sent meanwhile. call and out belong to whoever serves the waiter from
// the moment the locks of the keys are given up until Done is called; then the
// session is resumed and takes the reply over.
type parked struct {
	srv    *Server
	waiter *store.Waiter
	null   func(*resp.Writer)
	call   command.Call
	out    resp.Writer
}

// A wakeup is the end of a wait: nil, or why nothing came.
type wakeup struct{ err error }

// park makes the session wait. It is called under the locks of the keys, so
// nobody serves it before it is complete.
func (s *session) park(cmd *command.Command, args [][]byte, w *command.Wait) {
	args = copyArgs(args)
	p := &parked{srv: s.srv, null: w.Null}
	p.out.Proto = s.out.Proto
	p.call.Peer, p.call.Reply = s, &p.out
	p.call.Start(cmd, args)
	p.waiter = &store.Waiter{
		Kind:  w.Kind,
		Locks: s.locksBeside(args, w.Keys),
		Serve: p.serve,
		Done: func(err error) {
			s.wakeups.Store(&wakeup{err})
			s.link.notify()
		},
	}
	s.parked = p
	s.tx.Wait(p.waiter, w.Timeout, w.Keys...)
	s.card.parked.Store(p)
}

// locksBeside returns the shards that the command needs besides that of the
// key it is served for: those of its keys at which it does not wait.
func (s *session) locksBeside(args [][]byte, waits []string) (locks store.LockSet) {
	for _, k := range s.keys {
		if k.Access&command.AccessNotKey != 0 {
			continue
		}
		if key := command.Text(args[k.Index]); !slices.Contains(waits, key) {
			locks.Add(s.srv.db, key)
		}
	}
	return locks
}

// serve runs the parked command for a key that has something, in the
// transaction of whoever put it there. It reports whether the command is over.
func (p *parked) serve(tx *store.Tx, key string) bool {
	p.call.Tx = tx
	p.call.Resume(key)
	if err := p.srv.invoke(&p.call); err != nil {
		p.out.Reset()
		p.call.Peer.(*session).fail(&p.out, err)
		return true
	}
	if p.call.Waiting() != nil {
		p.out.Reset()
		return false
	}
	return true
}

// resume goes on after a wait, if it is over. It reports whether there is more
// to run once the replies are sent.
func (s *session) resume() (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.Swap(false) && !s.dead { // a pause is over
		s.room()
		s.runKept()
	}
	w := s.wakeups.Swap(nil)
	if w == nil || s.parked == nil || s.dead {
		return s.hasMore()
	}
	s.room()
	before := s.out.Len()
	switch {
	case w.err == nil:
		s.served, s.servedSeq = true, s.srv.db.Seq()
		s.out.Raw(s.parked.out.Bytes())
	case errors.Is(w.err, store.ErrTimeout):
		s.parked.null(&s.out)
	case errors.Is(w.err, store.ErrClosed):
		s.ending = true
	default:
		s.fail(&s.out, w.err)
	}
	if s.noReply || s.skip > 0 {
		s.mute(before)
	}
	s.parked = nil
	s.card.parked.Store(nil)
	s.runKept()
	return s.hasMore()
}
