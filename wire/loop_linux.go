package wire

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// How the event loop works.
//
// On Linux the plain TCP and unix sockets of a server are served by one
// goroutine, the loop, instead of one each: with many clients that spares the
// system more than half of the work that is not the kernel's own. (Or by a few
// loops: see Options. On two cores a second one cost 3 to 38 % more for each
// request, for at most a fifth more of them.) A turn of it:
//
//  1. ask which sockets have something, without waiting if there is work left;
//  2. read each of them once into the loop's one buffer, and run the session;
//  3. resume the sessions in the mailbox: served waits, messages to send;
//  4. under the policy Always, if something was written, let the replies wait
//     until all of that is on disk, and others have their turns meanwhile: see
//     gather_linux.go;
//  5. send the replies, once for each client.
//
// So a busy server makes few and large turns, which cost least, by itself. A
// command that takes long does not hold up the others: see relief_linux.go.
//
// Rules, each learned the hard way by somebody:
//
//   - Events come at edges: a socket is reported when something arrives, not
//     while something is there. A read that filled the buffer, or came with the
//     end of the stream, goes on in the next turn without a report.
//   - Only the loop closes a socket, so that the number of a closed one, which
//     the system uses again, is never mistaken for a new one's. hangUp shuts
//     the connection down, which the loop then sees.
//   - What a client does not take is kept in unsent, and the client is not read
//     until it has: it slows down nobody but itself. Nor does one that takes a
//     large reply as fast as it is sent: it gets a piece of it in each turn.
//   - Others reach the loop by its mailbox. They ring the bell only if it may
//     be asleep; it looks into the mailbox after it has said that it will be.
//   - The loop never waits for anything but events, locks of keys and the disk, and
//     for the latter two not for long (relief_linux.go).
type loop struct {
	srv    *Server
	epoll  int
	bell   int // an eventfd
	asleep atomic.Bool
	coming atomic.Int64 // clients that will be posted, or dropped: the loop is not over

	mu   sync.Mutex
	mail []*loopConn

	// What follows is the runner's: the goroutine that turns at the moment.
	conns   map[int32]*loopConn
	touched []*loopConn // in this turn: replies to send
	ready   []*loopConn // with something to do in the next turn
	doing   []*loopConn // those of this turn; the memory of the next ready
	next    int         // the first of doing that has not had its turn
	current *loopConn   // whose session runs, or ran last
	buf     []byte

	gathering gathering
	relief    relief
}

const (
	loopEvents = 128
	loopBuffer = 64 << 10
	loopPiece  = 1<<20 + 4<<10 // the most that one client is sent in a turn, or that is read of it
	loopSip    = 4 << 10       // the same of one whose command may be large
	edges      = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
)

// A loopConn is the transport of one client of a loop.
type loopConn struct {
	loop          *loop
	srv           *Server
	session       *session
	remote, local string
	socket        int

	mu     sync.Mutex // guards socket against being shut down after it was closed
	closed bool

	mailed    bool // guarded by loop.mu
	back      bool // guarded by loop.mu: the session's run, which was away, is over
	opened    bool
	away      bool // the session runs in a goroutine that is the runner no more
	broken    bool // and is to be closed when that is over
	isTouched bool
	isReady   bool
	waits     bool                       // its replies do, for the disk: it has no turn until they are sent
	onlyMail  bool                       // but it was away when that began, and only messages of others are sent
	readable  bool                       // there may be something to read
	ended     bool                       // the client has sent all it will
	more      bool                       // the session has more to run
	resumes   bool                       // others have done something for the session
	unsent    []byte                     // in the memory of base, if that is not nil
	base      []byte                     // a buffer of the pool, perhaps
	takes     bool                       // the client took all of a piece, and there is more in unsent
	writer    func([]byte) (bool, error) // c.write
	space     []byte                     // of the session, into which was read
	stint     uint64                     // of the session's run: see relief
	sync      uint64                     // number of the last one that its replies waited for
}

// newLoop starts a loop.
func newLoop(srv *Server) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, err
	}
	l := &loop{srv: srv, epoll: epoll, bell: bell, conns: make(map[int32]*loopConn), buf: make([]byte, loopBuffer)}
	l.relief.init()
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(bell)}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, bell, &event); err != nil {
		unix.Close(bell)
		unix.Close(epoll)
		return nil, err
	}
	return l, nil
}

// take makes nc, whose socket becomes the loop's own, a client of the loop. It
// reports false if nc has no socket to take.
func (l *loop) take(nc net.Conn) (*loopConn, bool) {
	var raw syscall.RawConn
	var err error
	switch nc := nc.(type) {
	case *net.TCPConn:
		raw, err = nc.SyscallConn()
	case *net.UnixConn:
		raw, err = nc.SyscallConn()
	default:
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	c := &loopConn{loop: l, srv: l.srv, socket: -1}
	c.writer = c.write
	c.remote, c.local = socketNames(nc)
	raw.Control(func(fd uintptr) {
		c.socket, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err != nil {
		return nil, false
	}
	return c, true
}

// drop gives up a client that was taken but never posted.
func (c *loopConn) drop() {
	unix.Close(c.socket)
	c.loop.arrived()
}

// expect says that a client will be posted, or dropped.
func (l *loop) expect() { l.coming.Add(1) }

// arrived ends the coming of a client for which the server has chosen the loop.
func (l *loop) arrived() {
	l.coming.Add(-1)
	l.ring()
}

// run turns until the server is closed and has no clients left, or until
// another goroutine has relieved this one.
func (l *loop) run() {
	var events [loopEvents]unix.EpollEvent
	for l.work() {
		more, still := l.answer(events[:])
		if !still {
			return
		}
		if more {
			continue
		}
		if l.over() {
			l.relief.end()
			l.gathering.end()
			l.mu.Lock() // nobody rings a bell that is another file by now
			unix.Close(l.bell)
			l.bell = -1
			l.mu.Unlock()
			unix.Close(l.epoll)
			return
		}
		l.relief.pause()
		n := l.wait(events[:])
		for i := range events[:n] {
			l.event(&events[i])
		}
		l.readMail()
		l.doing, l.ready, l.next = l.ready, l.doing[:0], 0
	}
}

// poll returns the sockets that have something, without waiting.
func (l *loop) poll(events []unix.EpollEvent) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 { // EINTR
		return 0
	}
	return int(n)
}

// wait returns the sockets that have something. It sleeps if nothing is left
// to do and nothing is in the mailbox.
func (l *loop) wait(events []unix.EpollEvent) int {
	if n := l.poll(events); n > 0 {
		return n
	}
	if len(l.ready) > 0 {
		return 0
	}
	l.asleep.Store(true)
	defer l.asleep.Store(false)
	if l.hasMail() || l.gathering.isSynced() || l.gathering.isLate() || l.over() {
		return 0
	}
	woken, err := unix.EpollWait(l.epoll, events, -1)
	if err != nil { // EINTR
		return 0
	}
	return woken
}

func (l *loop) hasMail() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.mail) > 0
}

// over reports whether there is nothing left to do, for ever.
func (l *loop) over() bool {
	return len(l.conns) == 0 && l.srv.isClosed() && l.coming.Load() == 0 && !l.hasMail()
}

// post puts c into the mailbox.
func (l *loop) post(c *loopConn) {
	l.mu.Lock()
	first := !c.mailed
	if first {
		c.mailed = true
		l.mail = append(l.mail, c)
	}
	l.mu.Unlock()
	if first {
		l.ring()
	}
}

// ring wakes the loop if it sleeps.
func (l *loop) ring() {
	if l.asleep.CompareAndSwap(true, false) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one := [8]byte{1}; l.bell >= 0 {
			unix.Write(l.bell, one[:])
		}
	}
}

// event notes what is new of a socket.
func (l *loop) event(e *unix.EpollEvent) {
	if e.Fd == int32(l.bell) {
		var sink [8]byte
		unix.Read(l.bell, sink[:])
		return
	}
	c := l.conns[e.Fd]
	if c == nil {
		return
	}
	if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.readable = true
	}
	if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.ended = true
	}
	if len(c.unsent) > 0 && e.Events&unix.EPOLLOUT != 0 {
		c.takes = true
	}
	l.enqueue(c)
}

// enqueue makes c do its work in the next turn.
func (l *loop) enqueue(c *loopConn) {
	if !c.isReady && !c.waits && (c.takes || !c.away && (c.resumes || (c.readable || c.more) && len(c.unsent) == 0)) {
		c.isReady = true
		l.ready = append(l.ready, c)
	}
}

// touch makes the turn end with sending what c has to send.
func (l *loop) touch(c *loopConn) {
	if !c.isTouched && !c.waits {
		c.isTouched = true
		l.touched = append(l.touched, c)
	}
}

// readMail opens new clients and notes those others have done something for.
func (l *loop) readMail() {
	l.mu.Lock()
	mail := l.mail
	l.mail = nil
	for _, c := range mail {
		c.mailed = false
		if c.back {
			c.back, c.away = false, false
		}
	}
	l.mu.Unlock()
	for _, c := range mail {
		switch {
		case c.closed:
		case !c.opened:
			c.opened = true
			l.coming.Add(-1)
			l.conns[int32(c.socket)] = c
			event := unix.EpollEvent{Events: edges, Fd: int32(c.socket)}
			if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.socket, &event); err != nil {
				l.srv.log.Error("cannot watch a connection", "err", err)
				l.close(c)
			}
		case c.broken && !c.away:
			l.close(c)
		default:
			c.resumes = true
			l.enqueue(c)
			l.touch(c)
		}
	}
}

// work gives each client that is ready its turn. It reports false if this
// goroutine is the runner no more: then it must not touch the loop again.
func (l *loop) work() bool {
	for l.next < len(l.doing) {
		c := l.doing[l.next]
		l.doing[l.next] = nil
		l.next++
		c.isReady = false
		if c.takes {
			l.touch(c)
		}
		if c.closed || c.away || len(c.unsent) > 0 && !c.resumes {
			continue
		}
		n := 0
		if !c.resumes && !c.more {
			var ok bool
			if n, ok = l.read(c); !ok {
				l.close(c)
				continue
			}
		}
		if (c.resumes || c.more || n > 0) && !l.runSession(c, n) {
			return false
		}
		l.enqueue(c)
	}
	return true
}

// runSession runs the session of c, with the n bytes read if there are any. It
// reports false if the runner has been relieved meanwhile.
func (l *loop) runSession(c *loopConn, n int) bool {
	resumes, more, space, input := c.resumes, c.more, c.space != nil, l.buf[:min(n, loopBuffer)]
	c.resumes = false
	l.begin(c) // from here to finish the loop may become another's
	switch {
	case resumes:
		more = c.session.resume() || more
	case more:
		more = c.session.feedMore()
	case space:
		more = c.session.feedSpace(n)
	default:
		more = c.session.feed(input)
	}
	if !l.finish(c) {
		l.giveBack(c, more)
		return false
	}
	c.more = more
	l.touch(c)
	return true
}

// read reads a client once, into the loop's buffer or, if it is in the middle
// of a large command, into c.space. It reports false if the connection is over.
func (l *loop) read(c *loopConn) (n int, ok bool) {
	buf := l.buf
	c.space = nil
	if c.session.partly.Load() {
		if c.space = c.session.space(); c.space != nil {
			buf = c.space[:min(len(c.space), loopPiece)]
		}
	} else if c.session.sip.Load() {
		c.session.sip.Store(false)
		buf = buf[:loopSip]
	}
	r, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.socket),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == unix.EINTR:
		return 0, true
	case errno == unix.EAGAIN:
		c.readable = false
		return 0, !c.ended
	case errno != 0 || r == 0:
		return 0, false
	}
	if int(r) < len(buf) && !c.ended {
		c.readable = false
	}
	l.srv.stats.in.Add(int64(r))
	return int(r), true
}

// send sends what clients have to send; err is why what they wrote is not on
// disk, if it has to be. It returns the memory of the list.
func (l *loop) send(clients []*loopConn, err error) []*loopConn {
	for i, c := range clients {
		clients[i] = nil
		mail := c.away || c.onlyMail
		c.isTouched, c.waits, c.onlyMail = false, false, false
		if c.closed {
			continue
		}
		if !mail { // else only messages of others are sent
			c.session.publish(err)
		}
		if !c.flush() {
			l.close(c)
			continue
		}
		l.enqueue(c)
	}
	return clients[:0]
}

// flush sends as much as the client takes. It reports false if the connection
// is over.
func (c *loopConn) flush() bool {
	if len(c.unsent) > 0 {
		n, err := c.transmit(c.unsent)
		if err != nil {
			return false
		}
		if c.unsent = c.unsent[n:]; len(c.unsent) > 0 {
			return true
		}
		buffers.put(c.base)
		c.unsent, c.base, c.takes = nil, nil, false
	}
	last, err := c.session.box.send(c.writer)
	return err == nil && (!last || len(c.unsent) > 0)
}

// write sends b and keeps what the client does not take.
func (c *loopConn) write(b []byte) (kept bool, err error) {
	if len(c.unsent) > 0 {
		c.unsent, c.base = append(c.unsent, b...), nil
		return false, nil
	}
	n, err := c.transmit(b)
	if err != nil || n == len(b) {
		return false, err
	}
	c.unsent, c.base = b[n:], b
	return true, nil
}

// transmit sends what the client takes of b, up to a piece.
func (c *loopConn) transmit(b []byte) (sent int, err error) {
	c.takes = len(b) > loopPiece
	b = b[:min(len(b), loopPiece)]
	for sent < len(b) {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(c.socket),
			uintptr(unsafe.Pointer(&b[sent])), uintptr(len(b)-sent), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
			c.srv.stats.out.Add(int64(n))
		case unix.EINTR:
		case unix.EAGAIN:
			c.takes = false
			return sent, nil
		default:
			return sent, errno
		}
	}
	return sent, nil
}

// close ends a client, or makes it end when its session is back.
func (l *loop) close(c *loopConn) {
	if c.away {
		c.broken = true
		return
	}
	c.mu.Lock()
	c.closed = true
	delete(l.conns, int32(c.socket))
	unix.Close(c.socket)
	c.mu.Unlock()
	c.unsent = nil
	c.session.close()
	l.srv.conns.Done()
}

func (c *loopConn) notify() { c.loop.post(c) }

func (c *loopConn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		unix.Shutdown(c.socket, unix.SHUT_RDWR)
	}
}

func (c *loopConn) addresses() (remote, local string) { return c.remote, c.local }

func (c *loopConn) fd() int { return c.socket }
