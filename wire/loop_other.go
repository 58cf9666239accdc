//go:build !linux

package wire

import (
	"errors"
	"net"
)

// A loop is for Linux only: elsewhere a goroutine serves each client.
type loop struct{}

type loopConn struct {
	transport
	session *session
}

func newLoop(*Server) (*loop, error) { return nil, errors.ErrUnsupported }

func (*loop) take(net.Conn) (*loopConn, bool) { return nil, false }
func (*loopConn) drop()                       {}
func (*loop) post(*loopConn)                  {}
func (*loop) ring()                           {}
func (*loop) run()                            {}
func (*loop) oversee()                        {}
func (*loop) arrived()                        {}
func (*loop) expect()                         {}
