package wire

import (
	"io"
	"net"
	"syscall"
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
}

func newConn(srv *Server, nc net.Conn) *conn {
	c := &conn{srv: srv, net: nc}
	switch nc := nc.(type) {
	case *net.TCPConn:
		c.raw, _ = nc.SyscallConn()
	case *net.UnixConn:
		c.raw, _ = nc.SyscallConn()
	}
	return c
}

// serve runs the connection until either side ends it.
func (c *conn) serve() {
	defer c.net.Close()
	defer c.session.close()
	for {
		buf, n, err := c.read()
		if n > 0 {
			c.srv.stats.in.Add(int64(n))
			more := c.session.feed(buf[:n])
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
	var errno error
	err = c.raw.Read(func(fd uintptr) bool {
		if buf == nil {
			buf = buffers.get(bufferSize)
		}
		for {
			n, errno = syscall.Read(int(fd), buf)
			if errno != syscall.EINTR {
				break
			}
		}
		if errno == syscall.EAGAIN {
			buffers.put(buf)
			buf = nil
			return false
		}
		return true
	})
	if err == nil {
		err = errno
	}
	if err == nil && n <= 0 {
		err = io.EOF
	}
	return buf, max(n, 0), err
}

// drain sends the replies and, as long as there is more to run, runs it. It
// reports false when the connection is over.
func (c *conn) drain(more bool) bool {
	for {
		c.session.publish(c.srv.db.WaitDurable())
		last, err := c.session.box.send(c.write)
		if last || err != nil {
			return false
		}
		if !more {
			return true
		}
		more = c.session.feedMore()
	}
}

func (c *conn) write(b []byte) error {
	c.srv.stats.out.Add(int64(len(b)))
	_, err := c.net.Write(b)
	return err
}

func (c *conn) notify() {
	go func() {
		if !c.drain(c.session.resume()) {
			c.hangUp() // ends the read of serve
		}
	}()
}

func (c *conn) hangUp() { c.net.Close() }

func (c *conn) addresses() (remote, local string) {
	remote, local = c.net.RemoteAddr().String(), c.net.LocalAddr().String()
	if c.net.LocalAddr().Network() == "unix" {
		return local + ":0", local + ":0"
	}
	return remote, local
}

func (c *conn) fd() (n int) {
	if c.raw != nil {
		c.raw.Control(func(fd uintptr) { n = int(fd) })
	}
	return n
}
