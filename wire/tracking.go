package wire

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// How client-side caching works.
//
// A client that has sent CLIENT TRACKING ON may keep what it reads: it is told
// when that changes. The table remembers who has read which key, whatever the
// database, as Redis does; the first change of the key tells them all and
// forgets it. A client in the mode BCAST is remembered with its prefixes
// instead, and told of all changes of keys that begin so.
//
// A stale value must never stay in a cache, so the two orders matter:
//
//   - Keys are remembered under the locks under which they were read, and
//     changes are heard under those under which they are made (see
//     store.Listener). Nothing gets in between.
//   - What a client is told must not overtake the reply it is about. From a
//     read on, its outbox holds messages back until the replies are in it.
//
// What a session causes itself comes after the reply of the command that causes
// it: it waits in session.pending. Changes for prefixes gather in
// session.changed until the replies of the session are published, so that a
// pipeline makes one message of many keys.
//
// While no client of the server tracks, a command costs a look at session.track
// and a change a look at the listeners of the store.
type tracking struct {
	srv      *Server
	listener *store.Listener

	mu       sync.Mutex // below the locks of shards, above those of outboxes
	clients  map[int64]*tracker
	keys     map[string][]int64 // the IDs of those who have read it, sorted
	items    int                // IDs in keys
	prefixes map[string]map[*tracker]struct{}
	stray    []string // changed by no session of the server, to be told those who track by prefix
}

// A tracker is a client that tracks, or has done so.
type tracker struct {
	session *session

	// Only the session itself reads and writes these.
	optin, optout bool
	caching       bool // CLIENT CACHING was sent before the command

	// Only the session itself writes these, under tracking.mu.
	on, bcast, noloop bool
	redirect          int64    // the client that gets the messages; 0: it itself
	prefixes          []string // sorted

	broken bool // that client has gone; guarded by tracking.mu
}

// A notice is what a tracker is to be told after the command that is running.
type notice struct {
	to   *tracker
	keys []string // nil: all
}

// enable makes the options of c, which are complete, effective.
func (t *tracking) enable(c *tracker, s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clients[s.id] == nil {
		if len(t.clients) == 0 {
			t.begin(s.srv)
		}
		t.clients[s.id] = c
	}
	if old := s.track; old != nil {
		c.prefixes = slices.Concat(old.prefixes, c.prefixes)
		c.caching = old.caching
		t.dropPrefixes(old)
	}
	slices.Sort(c.prefixes)
	c.prefixes = slices.Compact(c.prefixes)
	for _, p := range c.prefixes {
		if t.prefixes[p] == nil {
			t.prefixes[p] = make(map[*tracker]struct{})
		}
		t.prefixes[p][c] = struct{}{}
	}
	t.clients[s.id] = c
	c.on = true
	s.track = c
}

// begin starts to listen, for the first client.
func (t *tracking) begin(srv *Server) {
	t.srv = srv
	t.clients = make(map[int64]*tracker)
	t.keys = make(map[string][]int64)
	t.prefixes = make(map[string]map[*tracker]struct{})
	t.listener = &store.Listener{Changed: t.changed, Cleared: t.cleared}
	srv.db.Listen(t.listener)
}

// disable ends the tracking of s. What it has read is not forgotten, as in
// Redis: should it turn tracking on again it may be told of that.
func (t *tracking) disable(s *session) {
	if s.track == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropPrefixes(s.track)
	*s.track = tracker{session: s}
}

func (t *tracking) dropPrefixes(c *tracker) {
	for _, p := range c.prefixes {
		delete(t.prefixes[p], c)
		if len(t.prefixes[p]) == 0 {
			delete(t.prefixes, p)
		}
	}
	c.prefixes = nil
}

// leave forgets a client that has gone, and everything with the last one.
func (t *tracking) leave(s *session) {
	if s.track == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropPrefixes(s.track)
	delete(t.clients, s.id)
	if len(t.clients) == 0 {
		t.srv.db.Unlisten(t.listener)
		t.keys, t.items, t.stray = nil, 0, nil
	}
}

// remember notes what s has just read, while it still holds the locks.
func (s *session) remember(cmd *command.Command, args [][]byte) {
	c := s.track
	if !c.on || cmd.Flags&command.Read == 0 || cmd.Flags&command.PubSub != 0 {
		return
	}
	s.box.hold(s.out.Proto)
	if c.bcast || c.optin && !c.caching || c.optout && c.caching {
		return
	}
	t := &s.srv.tracking
	limit := s.srv.config.live.Load().tracked
	s.keys, _ = cmd.Keys(args, s.keys[:0])
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range s.keys {
		if k.Access&(command.AccessNotKey|command.AccessUnknown) == 0 {
			t.add(args[k.Index], s.id)
		}
	}
	t.shrink(limit, s)
}

func (t *tracking) add(key []byte, id int64) {
	ids := t.keys[command.Text(key)]
	at, there := slices.BinarySearch(ids, id)
	if there {
		return
	}
	t.keys[string(key)] = slices.Insert(ids, at, id)
	t.items++
}

// shrink tells of some keys as if they had changed, so that at most limit are
// left, because of by; 0 is no limit.
func (t *tracking) shrink(limit int, by *session) {
	for limit > 0 && len(t.keys) > limit {
		for key := range t.keys { // begins anywhere
			t.invalidate(key, by, false)
			break
		}
	}
}

// limit makes a new limit of keys effective.
func (t *tracking) limit(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shrink(n, nil)
}

// owner returns the session of the server that runs tx, or nil.
func (t *tracking) owner(tx *store.Tx) *session {
	if s, ok := tx.Owner.(*session); ok && s.srv == t.srv {
		return s
	}
	return nil
}

// changed hears that a key has changed.
func (t *tracking) changed(tx *store.Tx, key string) {
	by := t.owner(tx)
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.prefixes {
		if strings.HasPrefix(key, p) {
			t.gather(strings.Clone(key), by)
			break
		}
	}
	t.invalidate(key, by, true)
}

// gather keeps a key that has changed for those who track by prefix.
func (t *tracking) gather(key string, by *session) {
	if by != nil {
		by.changed = append(by.changed, key)
		return
	}
	t.stray = append(t.stray, key)
	if len(t.stray) == 1 { // told by another goroutine, so that many make one message
		go t.tellStray()
	}
}

func (t *tracking) tellStray() {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := t.stray
	t.stray = nil
	t.broadcast(keys, nil)
}

// tellPrefixes tells those who track by prefix what s has changed.
func (s *session) tellPrefixes() {
	t := &s.srv.tracking
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broadcast(s.changed, s)
	s.changed = nil
}

func (t *tracking) broadcast(keys []string, by *session) {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for _, p := range slices.Sorted(maps.Keys(t.prefixes)) {
		// Those that begin with p follow each other.
		from, _ := slices.BinarySearch(keys, p)
		n := 0
		for from+n < len(keys) && strings.HasPrefix(keys[from+n], p) {
			n++
		}
		if n == 0 {
			continue
		}
		for c := range t.prefixes[p] {
			if !c.noloop || c.session != by {
				t.send(c, keys[from:from+n], nil)
			}
		}
	}
}

// invalidate forgets a key and tells those who have read it. loops says that
// those who do not want to hear of their own changes are to be spared.
func (t *tracking) invalidate(key string, by *session, loops bool) {
	ids, ok := t.keys[key]
	if !ok {
		return
	}
	delete(t.keys, key)
	t.items -= len(ids)
	keys := []string{strings.Clone(key)}
	for _, id := range ids {
		c := t.clients[id]
		if c != nil && c.on && !c.bcast && !(loops && c.noloop && c.session == by) {
			t.tell(c, keys, by)
		}
	}
}

// cleared hears that databases were flushed or exchanged.
func (t *tracking) cleared(tx *store.Tx) {
	by := t.owner(tx)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(t.clients)) {
		if c := t.clients[id]; c.on {
			t.tell(c, nil, by)
		}
	}
	t.keys, t.items = make(map[string][]int64), 0
}

// tell sends c a message, now or, if it would get into the reply of the session
// that causes it, after that.
func (t *tracking) tell(c *tracker, keys []string, by *session) {
	if by != nil && (c.session == by || t.receiver(c) == by) {
		by.pending = append(by.pending, notice{c, keys})
		return
	}
	t.send(c, keys, nil)
}

// tellPending sends what the command that has just replied has caused.
func (s *session) tellPending() {
	t := &s.srv.tracking
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range s.pending {
		t.send(n.to, n.keys, s)
	}
	s.pending = nil
}

// receiver returns who gets the messages for c, nil if that client has gone.
func (t *tracking) receiver(c *tracker) *session {
	if c.redirect == 0 {
		return c.session
	}
	return t.srv.client(c.redirect)
}

// send sends a message. The session of the calling goroutine, by, gets it behind
// its replies.
func (t *tracking) send(c *tracker, keys []string, by *session) {
	m := invalidation{keys: keys, redirected: c.redirect != 0}
	to := t.receiver(c)
	if to == nil {
		c.broken = true
		m.lost, to = c.redirect, c.session
	}
	subscribed := t.srv.hub.Has(to)
	if to == by {
		m.write(&by.out, subscribed)
		return
	}
	live := t.srv.config.live.Load()
	limit := &live.replies
	if subscribed {
		limit = &live.pushes
	}
	if !to.box.pushInvalidation(&m, subscribed, limit, t.srv.seconds()) {
		t.srv.log.Warn("closing client that fell behind with invalidation messages", "client", to.id)
		to.link.hangUp()
		return
	}
	to.link.notify()
}

// An invalidation tells of keys that have changed.
type invalidation struct {
	keys       []string // nil: all
	redirected bool     // it is for another client's cache
	lost       int64    // the client that should have got it and has gone; 0: none
}

// write writes the message in the form of the client's protocol. In RESP2 that
// is one of a channel, and comes only to a client that has subscribed.
func (m *invalidation) write(w *resp.Writer, subscribed bool) {
	switch {
	case m.lost != 0:
		if w.Proto > 2 {
			w.Push(2)
			w.BulkString("tracking-redir-broken")
			w.Int(m.lost)
		}
		return
	case w.Proto > 2:
		w.Push(2)
		w.BulkString("invalidate")
	case m.redirected && subscribed:
		w.Array(3)
		w.BulkString("message")
		w.BulkString("__redis__:invalidate")
	default:
		return
	}
	if m.keys == nil {
		w.Null()
		return
	}
	w.Array(len(m.keys))
	for _, key := range m.keys {
		w.BulkString(key)
	}
}

// forgetCaching ends the effect of CLIENT CACHING, which is for one command
// or transaction. Other sub-commands of CLIENT do not count.
func (s *session) forgetCaching(args [][]byte) {
	cmd := s.srv.table.Resolve(args)
	if s.multi == nil && (cmd == nil || cmd.Name != "CLIENT" && (cmd.Parent() == nil || cmd.Parent().Name != "CLIENT")) {
		s.track.caching = false
	}
}

// totals returns what INFO tells.
func (t *tracking) totals() (clients, keys, items, prefixes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.clients {
		if c.on {
			clients++
		}
	}
	return clients, len(t.keys), t.items, len(t.prefixes)
}

// look returns what others may know of the tracking of a client.
func (t *tracking) look(id int64) (flags string, redirect int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.clients[id]
	if c == nil || !c.on {
		return "", -1
	}
	flags = "t"
	if c.broken {
		flags += "R"
	}
	if c.bcast {
		flags += "B"
	}
	return flags, c.redirect
}
