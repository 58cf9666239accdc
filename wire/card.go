package wire

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"redstart/wire/command"
)

// A card is what others may read of a session at any time: the line of it in
// CLIENT LIST. The session brings it up to date after each batch of commands.
type card struct {
	id            int64
	remote, local string
	since         int64 // seconds

	last   atomic.Pointer[command.Command]
	parked atomic.Pointer[parked]
	proto  atomic.Int32
	active atomic.Int64 // seconds, of the last batch
	state  atomic.Pointer[cardState]

	mu               sync.Mutex
	name             string
	libName, libVer  string
	noEvict, noTouch bool
}

// A cardState is what changes rarely.
type cardState struct {
	db, multi, watch int
	subs             subscriptions
	authed           bool
}

func (c *card) init(s *session) {
	c.id = s.id
	c.remote, c.local = s.link.addresses()
	c.since = s.srv.now().Unix()
	c.active.Store(c.since)
	c.update(s)
}

// ran notes the command that the session runs: mostly the same as the last.
func (c *card) ran(cmd *command.Command) {
	if c.last.Load() != cmd {
		c.last.Store(cmd)
	}
}

// update takes over what the session's commands have changed.
func (c *card) update(s *session) {
	c.active.Store(s.srv.seconds())
	c.proto.Store(int32(s.out.Proto))
	now := cardState{db: s.db, multi: -1, subs: s.subs, authed: s.authed, watch: s.watch.Len()}
	if s.multi != nil {
		now.multi = len(s.multi.steps)
	}
	if old := c.state.Load(); old == nil || *old != now {
		fresh := now // so that only a change costs memory
		c.state.Store(&fresh)
	}
}

// reset forgets what RESET makes a client forget.
func (c *card) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name, c.noEvict, c.noTouch = "", false, false
}

// setName names the client; it returns an error if the name is not fit for a list.
func (c *card) setName(name string) error {
	if !printable(name) {
		return command.Error("ERR Client names cannot contain spaces, newlines or special characters.")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name = name
	return nil
}

func (c *card) getName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name
}

// printable reports whether s has no byte that would break a line of CLIENT LIST.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}

// kind returns the class of client that CLIENT LIST TYPE and KILL TYPE know.
func (c *card) kind() string {
	if st := c.state.Load(); st.subs.active() {
		return "pubsub"
	}
	return "normal"
}

// line returns the client's line of CLIENT LIST, without its end.
func (c *card) line(s *session, now int64) string {
	st := c.state.Load()
	c.mu.Lock()
	name, lib, ver, noEvict, noTouch := c.name, c.libName, c.libVer, c.noEvict, c.noTouch
	c.mu.Unlock()
	tracks, redirect := s.srv.tracking.look(c.id)
	cmd := "NULL"
	if last := c.last.Load(); last != nil {
		cmd = last.FullName()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d multi=%d",
		c.id, c.remote, c.local, s.link.fd(), name, max(0, now-c.since), max(0, now-c.active.Load()),
		c.flags(st, tracks, noEvict, noTouch), st.db, st.subs[0], st.subs[1], st.subs[2], st.multi)
	fmt.Fprintf(&b, " qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=%d rbp=0 obl=0 oll=0 omem=%d tot-mem=%d",
		bufferSize, s.box.size(), s.box.size()+sessionSize)
	fmt.Fprintf(&b, " events=r cmd=%s user=default redir=%d resp=%d lib-name=%s lib-ver=%s", cmd, redirect, c.proto.Load(), lib, ver)
	return b.String()
}

// sessionSize is about what an idle session takes, in bytes.
const sessionSize = 2048

func (c *card) flags(st *cardState, tracks string, noEvict, noTouch bool) string {
	f := ""
	if st.subs.active() {
		f += "P"
	}
	if st.multi >= 0 {
		f += "x"
	}
	if c.parked.Load() != nil {
		f += "b"
	}
	f += tracks
	if noEvict {
		f += "e"
	}
	if noTouch {
		f += "T"
	}
	if f == "" {
		return "N"
	}
	return f
}
