package load

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A socket is a connection that the loop of sockets serves.
type socket struct {
	*conn
	fd    int
	place int32    // in the loop's sockets, which is what epoll calls it by
	out   [][]byte // what could not be written yet
}

// A loop sends and receives for all sockets, in one thread.
type loop struct {
	*run
	epoll   int
	sockets []*socket
	buf     []byte
	events  [128]unix.EpollEvent
}

// sockets carries out the run over sockets.
func (r *run) sockets() error {
	l := &loop{run: r, buf: make([]byte, 256<<10)}
	defer l.close()
	if err := l.open(); err != nil {
		return err
	}
	sharpenTimers()
	l.result.Began = time.Now()
	if r.load.Rate == 0 {
		return l.closedLoop()
	}
	return l.openLoop()
}

// openLoop sends what is due, receives, and sleeps until more is due.
func (l *loop) openLoop() error {
	for turn := 0; ; {
		now := l.now()
		for due := l.due(); due <= now && !l.over(due); due = l.due() {
			s := l.sockets[turn%len(l.sockets)]
			turn++
			if err := l.send(s, due); err != nil {
				return err
			}
		}
		wait := max(0, l.due()-l.now())
		if l.over(l.due()) {
			if l.idle() {
				return nil
			}
			wait = patience
		}
		if err := l.receive(min(wait, patience), func(*socket, int) error { return nil }); err != nil {
			return err
		}
		if l.over(now) && l.now()-l.result.Elapsed > patience {
			return errors.New("load: the last replies did not come")
		}
	}
}

// closedLoop sends a batch on each connection, and the next when the replies
// are there.
func (l *loop) closedLoop() error {
	next := func(s *socket, answered int) error {
		for ; answered > 0; answered-- {
			if err := l.send(s, l.now()); err != nil {
				return err
			}
		}
		return nil
	}
	for _, s := range l.sockets {
		if err := next(s, 1); err != nil {
			return err
		}
	}
	for !l.idle() {
		if err := l.receive(patience, next); err != nil {
			return err
		}
		if l.now()-l.result.Elapsed > patience {
			return errors.New("load: no replies come")
		}
	}
	return nil
}

// send sends the next batch on s, unless the run is over.
func (l *loop) send(s *socket, due time.Duration) error {
	batch := l.take(s.conn, due)
	if batch == nil {
		return nil
	}
	if len(s.out) > 0 {
		s.out = append(s.out, batch)
		return nil
	}
	n, err := write(s.fd, batch)
	if err != nil {
		return err
	}
	if n < len(batch) {
		s.out = append(s.out, batch[n:])
		return l.watch(s, unix.EPOLLIN|unix.EPOLLOUT)
	}
	return nil
}

// flush writes what could not be written before.
func (l *loop) flush(s *socket) error {
	for len(s.out) > 0 {
		n, err := write(s.fd, s.out[0])
		if err != nil {
			return err
		}
		if n < len(s.out[0]) {
			s.out[0] = s.out[0][n:]
			return nil
		}
		s.out = s.out[1:]
	}
	s.out = nil
	return l.watch(s, unix.EPOLLIN)
}

// write writes as much of p as fits into the socket.
func write(fd int, p []byte) (int, error) {
	n, err := unix.Write(fd, p)
	if err == unix.EAGAIN || err == unix.EINTR {
		return 0, nil
	}
	return max(n, 0), err
}

// receive waits for sockets to be ready, no longer than wait, and serves them.
// It tells how many batches of a socket are answered.
func (l *loop) receive(wait time.Duration, answered func(s *socket, n int) error) error {
	n, err := epollWait(l.epoll, l.events[:], wait)
	if err != nil {
		return err
	}
	for _, e := range l.events[:n] {
		s := l.sockets[e.Fd]
		if e.Events&unix.EPOLLOUT != 0 {
			if err := l.flush(s); err != nil {
				return err
			}
		}
		if e.Events&^unix.EPOLLOUT == 0 {
			continue
		}
		n, err := unix.Read(s.fd, l.buf)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("load: the server closed a connection: %w", io.ErrUnexpectedEOF)
		}
		batches, err := s.received(l.buf[:n])
		if err == nil {
			err = answered(s, batches)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open connects all sockets.
func (l *loop) open() error {
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for i, c := range l.conns {
		fd, err := connect(l.load.Network, l.load.Addr)
		if err != nil {
			return fmt.Errorf("load: connecting to %s: %w", l.load.Addr, err)
		}
		l.sockets = append(l.sockets, &socket{conn: c, fd: fd, place: int32(i)})
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return err
		}
	}
	return nil
}

// watch changes what s is waited for.
func (l *loop) watch(s *socket, events uint32) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, s.fd, &unix.EpollEvent{Events: events, Fd: s.place})
}

func (l *loop) close() {
	for _, s := range l.sockets {
		unix.Close(s.fd)
	}
	if l.epoll > 0 {
		unix.Close(l.epoll)
	}
}

// connect returns a connected socket that does not block.
func connect(network, addr string) (fd int, err error) {
	var to unix.Sockaddr
	family := unix.AF_UNIX
	if network == "unix" {
		to = &unix.SockaddrUnix{Name: addr}
	} else {
		host, err := netip.ParseAddrPort(addr)
		if err != nil || !host.Addr().Is4() {
			return -1, fmt.Errorf("not an address of IPv4: %s", addr)
		}
		family = unix.AF_INET
		to = &unix.SockaddrInet4{Port: int(host.Port()), Addr: host.Addr().As4()}
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	err = unix.Connect(fd, to)
	if err == nil && family == unix.AF_INET {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
	}
	return fd, err
}

// epollWait is epoll_pwait2: epoll_wait knows only milliseconds.
func epollWait(epoll int, events []unix.EpollEvent, wait time.Duration) (int, error) {
	timeout := unix.NsecToTimespec(int64(wait))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("load: epoll_pwait2, which Linux has since 5.11: %w", errno)
}

// sharpenTimers makes the thread's waits end when they should: by default they
// may be 50 µs late.
func sharpenTimers() { unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }

// sleep waits for d, more exactly than time.Sleep, which was measured to
// oversleep by up to a millisecond.
func sleep(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil)
}
