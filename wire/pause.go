package wire

import (
	"time"

	"redstart/wire/command"
)

// A pause is a time in which commands, or only those that write, are held
// back. A session that comes to such a command stops there and keeps its input;
// when the pause ends all sessions are told to go on.
type pause struct {
	until time.Time
	all   bool // not only what writes
	stop  func() bool
}

// holdBack begins a pause, or makes the present one longer and stricter.
func (s *Server) holdBack(d time.Duration, all bool) {
	if d == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &pause{until: s.now().Add(d), all: all}
	if old := s.paused.Load(); old != nil {
		old.stop()
		p.all = p.all || old.all
		if old.until.After(p.until) {
			p.until = old.until
		}
	}
	p.stop = s.db.Clock().AfterFunc(p.until.Sub(s.now()), func() { s.letGo(p) })
	s.paused.Store(p)
}

// letGo ends the pause p, if that is the present one; nil means any.
func (s *Server) letGo(p *pause) {
	s.mu.Lock()
	now := s.paused.Load()
	if now == nil || p != nil && p != now {
		s.mu.Unlock()
		return
	}
	now.stop()
	s.paused.Store(nil)
	s.mu.Unlock()
	for _, x := range s.clients() {
		if x.held.Load() {
			x.link.notify()
		}
	}
}

// holds reports whether the command in args has to wait for the end of a pause.
func (s *session) holds(args [][]byte) bool {
	p := s.srv.paused.Load()
	if p == nil || len(args) == 0 {
		return false
	}
	cmd := s.srv.table.Resolve(args)
	if cmd == nil || !p.all && !s.mayWrite(cmd) {
		return false
	}
	// Once this is set the end of the pause finds it; if that was before, it is seen here.
	s.held.Store(true)
	if s.srv.paused.Load() == nil {
		s.held.Store(false)
		return false
	}
	return true
}

// mayWrite reports whether cmd, or for EXEC what is queued, changes anything.
func (s *session) mayWrite(cmd *command.Command) bool {
	const writes = command.Write | command.MayReplicate
	if cmd.Name == "EXEC" && s.multi != nil {
		for _, st := range s.multi.steps {
			if st.cmd.Flags&writes != 0 {
				return true
			}
		}
	}
	return cmd.Flags&writes != 0
}
