package wire

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Dialer returns a function that connects to the server without a socket. It
// fits the Dialer or DialContext option of clients; the network and address
// are not looked at.
func (s *Server) Dialer() func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if s.isClosed() {
			return nil, ErrServerClosed
		}
		client, server := newPipe()
		s.serve(server)
		return client, nil
	}
}

// A pipeEnd is one end of a connection in memory. Unlike net.Pipe it buffers:
// a client that writes a whole pipeline before it reads must not block a
// server that does the same.
type pipeEnd struct {
	in, out *stream
	name    pipeAddr
}

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

// pipeBuffer is how many bytes one side can be ahead of the other.
const pipeBuffer = 64 << 10

func newPipe() (client, server *pipeEnd) {
	up, down := newStream(), newStream()
	return &pipeEnd{down, up, "pipe:client"}, &pipeEnd{up, down, "pipe:server"}
}

// Read returns what the other end has written, waiting until there is some.
func (p *pipeEnd) Read(b []byte) (int, error) { return p.in.read(b) }

// Write hands b to the other end, waiting while that is too far behind.
func (p *pipeEnd) Write(b []byte) (int, error) { return p.out.write(b) }

// Close ends both directions.
func (p *pipeEnd) Close() error {
	p.in.close(net.ErrClosed)
	p.out.close(io.ErrClosedPipe)
	return nil
}

func (p *pipeEnd) LocalAddr() net.Addr  { return p.name }
func (p *pipeEnd) RemoteAddr() net.Addr { return pipeAddr("pipe") }

// SetDeadline is as that of net.Conn.
func (p *pipeEnd) SetDeadline(t time.Time) error {
	p.in.readDeadline.set(t)
	p.out.writeDeadline.set(t)
	return nil
}

func (p *pipeEnd) SetReadDeadline(t time.Time) error {
	p.in.readDeadline.set(t)
	return nil
}

func (p *pipeEnd) SetWriteDeadline(t time.Time) error {
	p.out.writeDeadline.set(t)
	return nil
}

// A stream is one direction of a pipe.
type stream struct {
	mu   sync.Mutex
	cond *sync.Cond
	buf  []byte
	err  error // after close, what a reader gets once buf is empty

	readDeadline, writeDeadline alarm
}

func newStream() *stream {
	s := new(stream)
	s.cond = sync.NewCond(&s.mu)
	s.readDeadline.s, s.writeDeadline.s = s, s
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) == 0 && len(b) > 0 {
		switch {
		case s.err == io.ErrClosedPipe: // closed by its writer
			return 0, io.EOF
		case s.err != nil:
			return 0, s.err
		case s.readDeadline.passed:
			return 0, os.ErrDeadlineExceeded
		}
		s.cond.Wait()
	}
	n := copy(b, s.buf)
	if s.buf = s.buf[n:]; len(s.buf) == 0 {
		s.buf = nil
	}
	s.cond.Broadcast()
	return n, nil
}

func (s *stream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.err != nil:
			return n, io.ErrClosedPipe
		case s.writeDeadline.passed:
			return n, os.ErrDeadlineExceeded
		}
		room := min(pipeBuffer-len(s.buf), len(b))
		if room > 0 {
			s.buf = append(s.buf, b[:room]...)
			n, b = n+room, b[room:]
			s.cond.Broadcast()
		}
		if len(b) == 0 {
			return n, nil
		}
		s.cond.Wait()
	}
}

func (s *stream) close(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.cond.Broadcast()
}

// An alarm is a deadline of a stream.
type alarm struct {
	s      *stream
	timer  *time.Timer
	passed bool
}

func (a *alarm) set(t time.Time) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	a.passed = false
	if t.IsZero() {
		return
	}
	d := time.Until(t)
	if d <= 0 {
		a.passed = true
		a.s.cond.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		a.s.mu.Lock()
		defer a.s.mu.Unlock()
		if a.timer == timer {
			a.passed = true
			a.s.cond.Broadcast()
		}
	})
	a.timer = timer
}
