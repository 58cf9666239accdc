//go:build unix

package wire

import (
	"net"
	"syscall"
)

// waitable returns what a conn waits on while it holds no buffer, or nil if nc
// has no file descriptor.
func waitable(nc net.Conn) (raw syscall.RawConn) {
	switch nc := nc.(type) {
	case *net.TCPConn:
		raw, _ = nc.SyscallConn()
	case *net.UnixConn:
		raw, _ = nc.SyscallConn()
	}
	return raw
}

// receive reads what has come. It reports false, and holds no buffer, if that
// is nothing.
func (c *conn) receive(fd uintptr) bool {
	c.buf = buffers.get(bufferSize)
	for {
		c.n, c.errno = syscall.Read(int(fd), c.buf)
		if c.errno != syscall.EINTR {
			break
		}
	}
	if c.errno == syscall.EAGAIN {
		buffers.put(c.buf)
		c.buf, c.n, c.errno = nil, 0, nil
		return false
	}
	return true
}
