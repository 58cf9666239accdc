package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/data"
	"redstart/wire/pubsub"
)

// RedisVersion is the version of Redis whose commands and replies the server has.
const RedisVersion = "7.2.4"

// Options change how a Server works. A nil *Options means all the defaults.
type Options struct {
	// Password is what clients must give (requirepass). Default: none is needed.
	Password string
	// MaxClients is how many clients there can be. Default: 10000.
	MaxClients int
	// Logger is told what happens to clients. Default: silent.
	Logger *slog.Logger
	// Config holds the directives of a redis.conf. The server takes a copy.
	// Default: those of Redis, where they make sense here.
	Config *Config
	// NoLoop serves each client by a goroutine of its own. Default: on Linux
	// event loops serve the clients on TCP and unix sockets, at less cost for
	// each request.
	NoLoop bool
	// Loops is how many event loops share the clients (io-threads), up to 128.
	// One costs the least for each request; with more, commands run on as many
	// cores. Default: 1.
	Loops int
}

// A Server speaks the Redis protocol for a database.
type Server struct {
	db     *store.DB
	log    *slog.Logger
	table  *command.Table
	config *config
	hub    pubsub.Hub
	stats  stats
	began  time.Time
	nextID atomic.Int64
	runID  string
	reaper reaper
	paused atomic.Pointer[pause] // nil: no CLIENT PAUSE

	tracking tracking

	mu        sync.Mutex
	sessions  map[int64]*session
	listeners []net.Listener
	closed    bool
	conns     sync.WaitGroup
	quit      chan struct{} // closed when a client asks for the end
	quitOnce  sync.Once
	loops     []*loop // as many as clients have come, up to io-threads
	taken     int     // clients given to loops
	noLoop    bool
}

// stats counts what INFO tells.
type stats struct {
	connections, rejected, commands, hits, misses atomic.Int64
	in, out                                       atomic.Int64 // bytes
	reliefs                                       atomic.Int64 // of runners of the loop

	failures failures
	gauges   gauges
}

// reset begins to count anew.
func (s *stats) reset() {
	for _, n := range []*atomic.Int64{&s.connections, &s.rejected, &s.commands, &s.hits, &s.misses, &s.in, &s.out, &s.reliefs} {
		n.Store(0)
	}
	s.failures.reset()
}

// ErrServerClosed is returned by Serve after Shutdown or Close.
var ErrServerClosed = errors.New("wire: server closed")

// NewServer returns a server for db.
func NewServer(db *store.DB, opt *Options) *Server {
	if opt == nil {
		opt = &Options{}
	}
	s := &Server{
		db:       db,
		log:      opt.Logger,
		sessions: make(map[int64]*session),
		quit:     make(chan struct{}),
		noLoop:   opt.NoLoop,
		runID:    newRunID(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.began = s.now()
	s.table = commandTable()
	newConfig(s, opt)
	return s
}

// commandTable returns the table of all servers; it is never changed.
var commandTable = sync.OnceValue(func() *command.Table {
	table, err := command.NewTable(Commands())
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return table
})

// Commands returns the declarations of all commands of the server.
func Commands() []command.Command {
	return slices.Concat(data.Commands(), group("generic", genericCommands),
		group("transactions", transactionCommands), group("pubsub", pubsubCommands),
		group("connection", connectionCommands), group("connection", clientCommands), group("server", serverCommands))
}

// group returns cmds with their group filled in.
func group(name string, cmds []command.Command) []command.Command {
	cmds = slices.Clone(cmds)
	for i := range cmds {
		if cmds[i].Group == "" {
			cmds[i].Group = name
		}
		cmds[i].Sub = group(name, cmds[i].Sub)
	}
	return cmds
}

// DB returns the database served.
func (s *Server) DB() *store.DB { return s.db }

// ListenAndServe listens on a TCP address and serves it until Shutdown or Close.
func (s *Server) ListenAndServe(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// Serve serves the clients that connect to l until Shutdown or Close, which
// close l. Several listeners can be served at once.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		l.Close()
		return ErrServerClosed
	}
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	for wait := time.Duration(0); ; {
		nc, err := l.Accept()
		if err == nil {
			wait = 0
			s.serve(nc)
			continue
		}
		if s.isClosed() {
			return ErrServerClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		// Out of file descriptors, most likely: let clients go first.
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		s.log.Error("cannot accept", "err", err, "retry in", wait)
		select {
		case <-time.After(wait):
		case <-s.quit:
		}
	}
}

// ServeConn serves one client whose connection was made elsewhere.
func (s *Server) ServeConn(nc net.Conn) { s.serve(nc) }

// serve serves a client by the loop if it can, else by a goroutine of its own.
func (s *Server) serve(nc net.Conn) {
	s.stats.connections.Add(1)
	live := s.config.live.Load()
	refused := live.refuses(nc)
	live.tune(nc)
	if l := s.loop(); l != nil {
		if c, ok := l.take(nc); ok {
			if err := s.enter(c, &c.session, refused); err != nil {
				s.reject(nc, err)
				c.drop()
				return
			}
			nc.Close() // the loop has the socket
			l.post(c)
			return
		}
		l.arrived() // by another way
	}
	c := newConn(s, nc)
	if err := s.enter(c, &c.session, refused); err != nil {
		s.reject(nc, err)
		return
	}
	go func() {
		defer s.conns.Done()
		c.serve()
	}()
}

// reject tells a client why it is not served.
func (s *Server) reject(nc net.Conn, err error) {
	s.stats.rejected.Add(1)
	fmt.Fprintf(nc, "-%s\r\n", err)
	nc.Close()
}

// enter admits a client, whose session it makes, unless it is to be refused.
func (s *Server) enter(link transport, to **session, refused bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errors.New("ERR the server is shutting down")
	case refused:
		return errors.New(errProtectedMode)
	case len(s.sessions) >= s.config.maxClients():
		return errors.New("ERR max number of clients reached")
	}
	*to = newSession(s, link)
	s.sessions[(*to).id] = *to
	s.conns.Add(1)
	return nil
}

// loop returns the event loop for the next client, one after the other: the
// first clients start them. It returns nil if there is to be none, or the
// system has none.
func (s *Server) loop() *loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noLoop || s.closed {
		return nil
	}
	i := s.taken % int(s.config.number("io-threads"))
	s.taken++
	if i < len(s.loops) {
		s.loops[i].expect()
		return s.loops[i]
	}
	l, err := newLoop(s)
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			s.log.Warn("no event loop; a goroutine serves each client", "err", err)
		}
		s.noLoop = true
		return nil
	}
	l.expect()
	s.loops = append(s.loops, l)
	go l.run()
	go l.oversee()
	return l
}

// hasLoop reports whether event loops serve the clients that come over sockets.
func (s *Server) hasLoop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return runtime.GOOS == "linux" && !s.noLoop
}

func (s *Server) forget(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, x.id)
}

// client returns the session with that ID, or nil.
func (s *Server) client(id int64) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

// clients returns the sessions in the order they came.
func (s *Server) clients() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.sessions))
	for _, x := range s.sessions {
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b *session) int { return int(a.id - b.id) })
	return all
}

// Addrs returns the addresses the server listens on.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	addrs := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		addrs[i] = l.Addr()
	}
	return addrs
}

// Shutdown stops listening, lets the commands that are running end, and closes
// all clients. It returns the error of ctx if that takes too long. The
// database stays open.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopListening()
	for _, x := range s.clients() {
		x.link.hangUp()
	}
	done := make(chan struct{})
	go func() {
		s.conns.Wait()
		s.wakeLoops()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close is Shutdown without a limit of time.
func (s *Server) Close() error { return s.Shutdown(context.Background()) }

// wakeLoops lets the loops see that they are over.
func (s *Server) wakeLoops() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.loops {
		l.ring()
	}
}

func (s *Server) stopListening() {
	s.reaper.set(s, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if p := s.paused.Swap(nil); p != nil {
		p.stop()
	}
	for _, l := range s.listeners {
		l.Close()
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Quit returns a channel that is closed when a client has sent SHUTDOWN. What
// follows is up to the program: usually Shutdown, and the database's Close.
func (s *Server) Quit() <-chan struct{} { return s.quit }

func (s *Server) askQuit() { s.quitOnce.Do(func() { close(s.quit) }) }

func (s *Server) needsPassword() bool { return s.config.password() != "" }

func (s *Server) now() time.Time { return s.db.Clock().Now() }

func (s *Server) seconds() int64 { return s.db.Seconds() }
