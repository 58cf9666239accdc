package wire

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// A conn is the transport of one net.Conn of any kind: its goroutine reads,
// runs the session and sends the replies. While it waits for the client it
// holds no buffer, if the connection has a file descriptor to wait on.
//
// What others cause (a served wait, a message) is done by a goroutine started
// for it, because the conn's own one is inside a read. The outbox lets only
// one of them send at a time.
type conn struct {
	srv     *Server
	net     net.Conn
	raw     syscall.RawConn // nil: read with a buffer in hand
	session *session

	receiver func(fd uintptr) bool // c.receive
	buf      []byte                // what receive returns
	n        int
	errno    error

	turns sync.Mutex // held for a turn

	mu        sync.Mutex
	attending bool // a goroutine does what others cause
	again     bool // and has to look once more
	over      bool
}

func newConn(srv *Server, nc net.Conn) *conn {
	c := &conn{srv: srv, net: nc}
	c.receiver = c.receive
	c.raw = waitable(nc)
	return c
}

// serve runs the connection until either side ends it.
func (c *conn) serve() {
	defer c.session.close()
	defer c.finish()
	for {
		buf, n, err := c.read()
		if n > 0 {
			c.srv.stats.in.Add(int64(n))
			more := c.turn(func() bool { return c.session.feed(buf[:n]) })
			buffers.put(buf)
			if !c.drain(more) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// read reads what the client has sent, into a buffer of the pool.
func (c *conn) read() (buf []byte, n int, err error) {
	if c.raw == nil {
		buf = buffers.get(bufferSize)
		n, err = c.net.Read(buf)
		return buf, n, err
	}
	c.n = 0
	err = c.raw.Read(c.receiver)
	buf, c.buf = c.buf, nil
	if err == nil {
		err = c.errno
	}
	if err == nil && c.n <= 0 {
		err = io.EOF
	}
	return buf, max(c.n, 0), err
}

// turn runs commands and publishes their replies. Turns do not overlap, so that
// no reply is published but those the disk was waited for.
func (c *conn) turn(run func() (more bool)) (more bool) {
	c.turns.Lock()
	defer c.turns.Unlock()
	more = run()
	c.session.publish(c.settle())
	return more
}

// stallTime is how long those who only read wait for what others have written to
// be on disk. Then the disk hangs, and they are told what is in memory, as they
// are when it fails.
const stallTime = time.Second

// settle waits until the client may be told what its commands did.
func (c *conn) settle() error {
	db := c.srv.db
	if !db.AwaitsDisk() || c.session.tellsOfChange() {
		return db.WaitDurable()
	}
	ctx, cancel := context.WithTimeout(context.Background(), stallTime)
	defer cancel()
	_ = db.WaitSeq(ctx, db.Seq()) // whoever has only read is answered in any case
	return nil
}

// drain sends the replies and, as long as there is more to run, runs it. It
// reports false when the connection is over.
func (c *conn) drain(more bool) bool {
	for {
		last, err := c.session.box.send(c.write)
		if last || err != nil {
			return false
		}
		if !more {
			return true
		}
		more = c.turn(c.session.feedMore)
	}
}

func (c *conn) write(b []byte) (kept bool, err error) {
	c.srv.stats.out.Add(int64(len(b)))
	_, err = c.net.Write(b)
	return false, err
}

// notify starts a goroutine to attend to the session, unless there is one.
func (c *conn) notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
	case c.attending:
		c.again = true
	default:
		c.attending = true
		c.srv.conns.Add(1) // serve counts as well, because it is not over
		go c.attend()
	}
}

func (c *conn) attend() {
	defer c.srv.conns.Done()
	for again := true; again; {
		if !c.drain(c.turn(c.session.resume)) {
			c.hangUp() // ends the read of serve
		}
		c.mu.Lock()
		again = c.again
		c.attending, c.again = again, false
		c.mu.Unlock()
	}
}

// finish closes the connection; nobody attends to it from now on.
func (c *conn) finish() {
	c.net.Close()
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
}

func (c *conn) hangUp() { c.net.Close() }

func (c *conn) yield() {} // it has one client

func (c *conn) addresses() (remote, local string) { return socketNames(c.net) }

// socketNames returns the addresses of a connection as CLIENT LIST shows them.
func socketNames(nc net.Conn) (remote, local string) {
	if nc.LocalAddr().Network() == "unix" {
		path := nc.LocalAddr().String() + ":0"
		return path, path
	}
	return nc.RemoteAddr().String(), nc.LocalAddr().String()
}

func (c *conn) fd() (n int) {
	if c.raw != nil {
		c.raw.Control(func(fd uintptr) { n = int(fd) })
	}
	return n
}
