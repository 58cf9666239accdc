// Package wiretest gives tests a server of the Redis protocol: in the same
// process, in memory, on a port of its own, and gone when the test ends.
//
//	func TestLimiter(t *testing.T) {
//		srv := wiretest.Start(t)
//		rdb := redis.NewClient(&redis.Options{Addr: srv.Addr()})
//		…
//	}
package wiretest

import (
	"context"
	"net"
	"testing"
	"time"

	"redstart/store"
	"redstart/wire"
)

// A Server is a running server and its database.
type Server struct {
	db   *store.DB
	wire *wire.Server
	addr string
}

// An Option changes what Start starts.
type Option func(*options)

type options struct {
	path  string
	store store.Options
	wire  wire.Options
}

// File keeps the database in the file path, as store.Open does. Default: in memory.
func File(path string) Option { return func(o *options) { o.path = path } }

// Password is what clients must give. Default: none.
func Password(password string) Option { return func(o *options) { o.wire.Password = password } }

// Config gives the server the directives of a redis.conf. Those about where it
// listens have no effect.
func Config(c *wire.Config) Option { return func(o *options) { o.wire.Config = c } }

// Store gives the database its options.
func Store(opt store.Options) Option { return func(o *options) { o.store = opt } }

// closeTime is how long the clients of a test get to end.
const closeTime = 10 * time.Second

// Start starts a server on a free port of 127.0.0.1. When the test ends it is
// closed, with everything that was started for it; the test fails if the
// database does not hold together by then. A failure to start ends the test.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	db, err := store.Open(o.path, &o.store)
	if err != nil {
		t.Fatalf("wiretest: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		db.Close()
		t.Fatalf("wiretest: %v", err)
	}
	s := &Server{db: db, wire: wire.NewServer(db, &o.wire), addr: l.Addr().String()}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.wire.Serve(l)
	}()
	t.Cleanup(func() {
		s.close(t)
		<-served
	})
	return s
}

func (s *Server) close(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.wire.Shutdown(ctx); err != nil {
		t.Errorf("wiretest: commands still run: %v", err)
	}
	if err := s.db.Check(); err != nil {
		t.Errorf("wiretest: %v", err)
	}
	if err := s.db.Close(); err != nil {
		t.Errorf("wiretest: %v", err)
	}
}

// Addr returns the address to connect to, host:port.
func (s *Server) Addr() string { return s.addr }

// DB returns the database, for the test to fill and to look at.
func (s *Server) DB() *store.DB { return s.db }

// Dialer returns a function that connects without a socket, for the Dialer or
// DialContext option of clients.
func (s *Server) Dialer() func(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.wire.Dialer()
}
