package wire

import (
	"sync"
	"sync/atomic"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/pubsub"
	"redstart/wire/resp"
)

// A session is one client: bytes in, bytes out. It does no input or output of
// its own; a transport feeds it what the client sent and takes what is to be
// sent to it. See doc.go for the life of one command.
//
// A session is run by one goroutine at a time, the one that holds mu: the
// transport's, in feed; or, when a blocked command has been served, the one
// that the transport starts on notify, in resume. Others reach a session in
// three ways only: they serve the command it is blocked in (see block.go),
// push messages to its outbox, and read its card.
type session struct {
	srv  *Server
	id   int64
	link transport
	box  outbox
	card card

	mu     sync.Mutex
	in     []byte      // received, not yet run
	apart  apart       // an argument of the command at the front of in
	usual  int         // the size of the last one
	sip    atomic.Bool // and no command has come since
	partly atomic.Bool // there is something in it, which may be the beginning of a large command
	parser resp.Parser
	out    resp.Writer // replies of the commands run since the last publish
	call   command.Call
	tx     *store.Tx // its Owner is the session
	locks  store.LockSet
	keys   []command.Key

	db        int
	authed    bool
	noReply   bool        // CLIENT REPLY OFF
	skip      int         // CLIENT REPLY SKIP: replies not to send
	paused    bool        // there is input to run, once the replies are sent
	held      atomic.Bool // a command waits for the end of a CLIENT PAUSE
	ending    bool        // close when everything is sent
	dead      bool        // closed
	multi     *queue
	executing bool        // inside EXEC, which holds the locks
	after     resp.Writer // messages the session's own EXEC has sent it
	watch     store.Watch
	subs      subscriptions
	parked    *parked
	wrote     bool   // since the last publish
	served    bool   // since then, by the transaction of another
	servedSeq uint64 // a commit not before the last that served it
	wakeups   atomic.Pointer[wakeup]
	track     *tracker // nil until the client asks for tracking
	pending   []notice // of tracking, to be sent after the command's reply
	changed   []string // keys, since the last publish, for those who track by prefix
	wants     int      // bytes of replies at the last publish
	commands  int64    // run since the last publish
}

// A transport carries the bytes of a session.
type transport interface {
	// notify asks the transport, from any goroutine and without waiting, to
	// call resume and to send what is in the outbox.
	notify()
	// hangUp breaks the connection, from any goroutine.
	hangUp()
	// yield says that the session is about to wait for others, so that the
	// transport must not let its other clients wait for the session.
	yield()
	// addresses returns where the client is and where it connected to.
	addresses() (remote, local string)
	// fd returns the number of the socket, 0 if there is none.
	fd() int
}

const (
	outChunk    = 256 << 10 // of replies, after which they are sent before more commands run
	maxUnauthed = 1 << 20   // the largest query buffer before authentication
	keepKeys    = 64        // of a command, for which memory is kept
)

func newSession(srv *Server, link transport) *session {
	s := &session{srv: srv, id: srv.nextID.Add(1), link: link, tx: srv.db.NewTx()}
	s.tx.Owner = s
	s.tx.OnWait = link.yield
	s.out.Proto = 2
	s.out.More = buffers.grow
	s.authed = !srv.needsPassword()
	s.parser.Unauthenticated = !s.authed
	s.parser.MaxBulk = srv.config.live.Load().maxBulk
	s.call = command.Call{Peer: s, Reply: &s.out, Yield: s.tx.OnWait}
	s.box.idle.L = &s.box.mu
	s.card.init(s)
	srv.db.TrackAccess() // for OBJECT IDLETIME
	return s
}

// feed runs the commands in b, after those that were left before. It reports
// whether there is more to run once the replies are sent. The replies are not
// in the outbox before publish, which must follow.
func (s *session) feed(b []byte) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead || s.ending {
		return false
	}
	if len(s.in) == 0 && s.parked == nil {
		n := s.run(b)
		s.keep(b[n:])
	} else {
		s.keep(b)
		s.runKept()
	}
	return s.hasMore()
}

// feedMore runs what feed has left.
func (s *session) feedMore() (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runKept()
	return s.hasMore()
}

func (s *session) hasMore() bool {
	return !s.ending && !s.dead && s.parked == nil && s.paused
}

// keep stores input that cannot be run yet.
func (s *session) keep(b []byte) {
	if len(b) == 0 || s.ending {
		return
	}
	if s.kept()+len(b) > s.maxQuery() {
		s.ending = true
		s.srv.log.Warn("closing client that reached the query buffer limit", "client", s.id)
		return
	}
	s.partly.Store(true)
	switch {
	case s.apart.coming():
		b = s.fill(b)
	case len(s.in) == 0:
		b = s.part(b)
	}
	if len(b) > 0 {
		s.makeRoom(len(b))
		s.in = append(s.in, b...)
	}
}

// kept returns how many bytes of input wait.
func (s *session) kept() int { return len(s.in) + len(s.apart.buf) }

// makeRoom makes room in s.in for n bytes more. It makes room for all of a
// large command at once, lest that be copied with each piece that comes; but
// not for more than some times of what has come, whatever the client claims.
func (s *session) makeRoom(n int) {
	size := len(s.in) + n
	if size <= cap(s.in) {
		return
	}
	want := min(s.parser.Need(), 16*size)
	if want < size { // of many small arguments, perhaps
		want = 2 * size
	}
	grown := buffers.get(want)[:len(s.in)]
	copy(grown, s.in)
	buffers.put(s.in)
	s.in = grown
}

// space returns where to read more of a large command, so that it need not be
// copied from where it was read: memory whose first n bytes feedSpace takes.
// It returns nil if there is no such command.
func (s *session) space() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parked != nil || s.ending || s.dead || s.kept() >= s.maxQuery() {
		return nil
	}
	if s.apart.coming() {
		return s.apart.space()
	}
	more := s.parser.Need() - len(s.in)
	if len(s.in) == 0 || more < bufferSize {
		return nil
	}
	s.makeRoom(bufferSize)
	return s.in[len(s.in):min(cap(s.in), len(s.in)+more)]
}

// feedSpace is feed for n bytes that were read into what space has returned.
func (s *session) feedSpace(n int) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead || s.ending {
		return false
	}
	if s.apart.coming() {
		s.advance(n)
	} else {
		s.in = s.in[:len(s.in)+n]
	}
	s.runKept()
	return s.hasMore()
}

// maxQuery returns how much input may be kept.
func (s *session) maxQuery() int {
	if !s.authed {
		return maxUnauthed
	}
	return s.srv.config.live.Load().maxQuery
}

func (s *session) runKept() {
	if s.parked != nil || s.ending || len(s.in) == 0 {
		s.paused = false
		return
	}
	n := s.run(s.in)
	switch {
	case n == len(s.in):
		buffers.put(s.in)
		s.in = nil
		s.partly.Store(false)
	case n > 0 && cap(s.in) > bufferSize && len(s.in)-n < cap(s.in)/4:
		left := append([]byte(nil), s.in[n:]...) // not in memory that a large command needed
		buffers.put(s.in)
		s.in = left
	case n > 0:
		s.in = append(s.in[:0], s.in[n:]...)
	}
	s.in = s.part(s.in)
}

// run executes the commands at the front of b and returns their length. It
// stops at an incomplete one, when the session blocks or ends, and when enough
// replies have gathered.
func (s *session) run(b []byte) (n int) {
	s.paused = false
	for n < len(b) && s.parked == nil && !s.ending {
		if s.out.Len() >= outChunk {
			s.paused = true
			break
		}
		args, size, err := s.parser.Next(b[n:])
		if err != nil {
			s.out.Error("ERR " + err.Error())
			s.ending = true
			return len(b)
		}
		if size == 0 {
			break
		}
		if s.srv.paused.Load() != nil && s.holds(args) {
			s.join()
			break
		}
		n += size
		switch {
		case s.apart.buf != nil:
			s.executeApart(args)
		case len(args) > 0:
			s.execute(args)
		}
	}
	return n
}

// tellsOfChange reports whether the replies that were not published yet do.
func (s *session) tellsOfChange() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told()
}

// told is tellsOfChange under mu.
func (s *session) told() bool {
	s.wrote = s.tx.Wrote() || s.wrote
	return s.wrote || s.served
}

// publish moves the replies to the outbox. Under the policy Always that must
// wait until what they tell of is on disk: err says that it never will be, so
// that nothing may be said about it; whoever has only read is answered. A
// transport asks WaitDurable once for all the sessions it has fed.
func (s *session) publish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wrote := s.told()
	s.served, s.wrote = false, false
	if s.out.Len() > 0 {
		s.wants = min(s.out.Len(), outChunk)
		s.limitReplies()
		if err != nil && wrote {
			s.ending = true
			s.out.Reset()
			s.out.Error(spell(err))
		}
		s.box.put(&s.out)
	} else {
		s.box.release()
	}
	if len(s.changed) > 0 {
		s.tellPrefixes()
	}
	s.letGo()
	if s.commands != 0 {
		s.srv.stats.commands.Add(s.commands)
		if s.tx.Hits|s.tx.Misses != 0 {
			s.srv.stats.hits.Add(s.tx.Hits)
			s.srv.stats.misses.Add(s.tx.Misses)
		}
		s.commands, s.tx.Hits, s.tx.Misses = 0, 0, 0
	}
	s.card.update(s)
	if s.ending {
		s.box.end()
	}
}

// letGo gives buffers back, and forgets those of others: a client may be idle
// from now on.
func (s *session) letGo() {
	if cap(s.out.Bytes()) > 0 {
		buffers.put(s.out.Swap(nil))
	}
	s.call.Forget()
	s.locks.Reset()
	if cap(s.keys) > keepKeys {
		s.keys = nil
	}
	if len(s.in) == 0 && !s.ending {
		s.parser.Reset()
	}
}

// limitReplies drops the replies of a client, and the client with them, if they
// are more than client-output-buffer-limit allows. A session runs no more
// commands before its replies are sent, so what is here is all there is.
func (s *session) limitReplies() {
	limit := s.srv.config.live.Load().replies.hard
	if limit != 0 && s.out.Len() > limit {
		s.srv.log.Warn("closing client that reached the output buffer limit", "client", s.id)
		s.out.Reset()
		s.ending = true
	}
}

// close ends the session: the transport has lost its client.
func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return
	}
	s.dead, s.in, s.apart, s.multi = true, nil, apart{}, nil
	if s.parked != nil {
		s.srv.db.GiveUp(s.parked.waiter, errGone)
	}
	s.srv.db.Unwatch(&s.watch)
	s.srv.hub.Leave(s)
	s.srv.tracking.leave(s)
	s.box.end()
	s.srv.forget(s)
}

// reset makes the session as a new one, as RESET does.
func (s *session) reset() {
	s.discard()
	s.srv.tracking.disable(s)
	s.srv.hub.Leave(s)
	s.subs = subscriptions{}
	s.db = 0
	s.speak(2)
	s.noReply, s.skip = false, 0
	s.tx.Still = false
	s.card.reset()
	s.authed = !s.srv.needsPassword()
	s.parser.Unauthenticated = !s.authed
}

// speak changes the protocol. Messages change theirs after the reply that
// tells the client, for which they wait.
func (s *session) speak(proto int) {
	s.out.Proto = proto
	s.box.hold(proto)
}

// An outbox holds what is to be sent to a client. Replies and pushed messages
// meet here, in order. One goroutine at a time sends; another that has
// something to send waits for it, and so runs no more commands of a client
// that does not take their replies.
type outbox struct {
	mu      sync.Mutex
	idle    sync.Cond // sending became false
	proto   int       // of messages
	buf     []byte
	held    []byte // messages that wait for the replies being written
	holding bool
	sending bool
	ended   bool  // nothing comes any more: close when sent
	broken  bool  // the client has gone or is to go: nothing is kept
	behind  int64 // since when, in seconds, more than the soft limit is here; 0: it is not
}

// put moves what w holds to the outbox.
func (o *outbox) put(w *resp.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.broken:
		w.Reset()
	case len(o.buf) == 0:
		o.buf = w.Swap(nil)
	default:
		o.buf = append(o.buf, w.Bytes()...)
		w.Reset()
	}
	o.letThrough()
}

// hold keeps messages, in proto, back until the next put or release.
func (o *outbox) hold(proto int) {
	o.mu.Lock()
	o.holding, o.proto = true, proto
	o.mu.Unlock()
}

// release ends a hold without replies.
func (o *outbox) release() {
	o.mu.Lock()
	o.letThrough()
	o.mu.Unlock()
}

func (o *outbox) letThrough() {
	if o.holding {
		o.buf = append(o.buf, o.held...)
		o.held, o.holding = nil, false
	}
}

// push adds a message. It reports false if the client has now fallen too far
// behind for limit: what is here is then dropped, and the client is to be
// dropped. now is in seconds.
func (o *outbox) push(m pubsub.Message, limit *outputLimit, now int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || o.broken {
		return true
	}
	w := o.open()
	writeMessage(&w, m)
	return o.add(&w, limit, now)
}

// pushInvalidation is push for the messages of client-side caching.
func (o *outbox) pushInvalidation(m *invalidation, subscribed bool, limit *outputLimit, now int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || o.broken {
		return true
	}
	w := o.open()
	m.write(&w, subscribed)
	return o.add(&w, limit, now)
}

// target returns where messages go at the moment.
func (o *outbox) target() *[]byte {
	if o.holding {
		return &o.held
	}
	return &o.buf
}

// open returns a writer for one message.
func (o *outbox) open() resp.Writer {
	to := o.target()
	if *to == nil {
		*to = buffers.get(0)[:0]
	}
	w := resp.Writer{Proto: o.proto}
	w.Swap((*to)[len(*to):]) // it writes behind what is there, if there is room
	return w
}

// add adds the message in w. Its result is that of push.
func (o *outbox) add(w *resp.Writer, limit *outputLimit, now int64) bool {
	to := o.target()
	*to = append(*to, w.Bytes()...)
	if !o.within(limit, now) {
		o.fail()
		return false
	}
	return true
}

// within reports whether what is here is within limit.
func (o *outbox) within(limit *outputLimit, now int64) bool {
	size := len(o.buf) + len(o.held)
	switch {
	case limit.soft == 0 || size <= limit.soft:
		o.behind = 0
	case o.behind == 0:
		o.behind = now
	case now-o.behind > limit.seconds:
		return false
	}
	return limit.hard == 0 || size <= limit.hard
}

// fail drops everything, now and from now on.
func (o *outbox) fail() { o.broken, o.buf, o.held = true, nil, nil }

func (o *outbox) end() {
	o.mu.Lock()
	o.ended = true
	o.mu.Unlock()
}

// send passes what there is to write, until there is nothing, after waiting
// for whoever is doing so. If write has kept its argument, that is its own from
// then on. last reports that the session has ended and
// everything was sent, or that nothing more can be.
func (o *outbox) send(write func([]byte) (kept bool, err error)) (last bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.sending {
		o.idle.Wait()
	}
	o.sending = true
	for len(o.buf) > 0 && err == nil {
		b := o.buf
		o.buf = nil
		o.mu.Unlock()
		kept := false
		if kept, err = write(b); !kept {
			buffers.put(b)
		}
		o.mu.Lock()
	}
	o.sending = false
	if err != nil {
		o.fail()
	}
	o.idle.Broadcast()
	return o.broken || o.ended && len(o.buf) == 0, err
}

func (o *outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf)
}
