//go:build !unix

package wire

import (
	"net"
	"syscall"
)

// waitable returns nil: nothing but a read, with its buffer, waits for a client
// here.
func waitable(net.Conn) syscall.RawConn { return nil }

func (c *conn) receive(uintptr) bool { panic("BUG: nothing to wait on") }
