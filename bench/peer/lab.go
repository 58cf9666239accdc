package peer

import (
	"os"
	"sync"
	"testing"
)

// RequireVar names the environment variable that turns "a peer is not
// installed: skipped" into a failure. CI sets it.
const RequireVar = "REDSTART_REQUIRE_PEERS"

// A Lab starts servers for the tests of one package. Our server is built
// once, when the first test asks for it. The zero value is ready to use; its
// Run belongs into TestMain:
//
//	var lab peer.Lab
//
//	func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }
type Lab struct {
	once     sync.Once
	dir      string
	redstart Program
	err      error
}

// Run runs the tests, removes what the lab built, and returns the status to
// exit with.
func (l *Lab) Run(m *testing.M) int {
	defer func() { os.RemoveAll(l.dir) }()
	return m.Run()
}

// Redstart returns our server as a program, and fails the test if it does not
// compile.
func (l *Lab) Redstart(t testing.TB) Program {
	t.Helper()
	l.once.Do(func() {
		if l.dir, l.err = os.MkdirTemp("", "redstart-lab-"); l.err == nil {
			l.redstart, l.err = Build(l.dir)
		}
	})
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.redstart
}

// Redis returns redis-server as a program, and skips the test if it is not
// installed.
func (l *Lab) Redis(t testing.TB) Program {
	t.Helper()
	p, err := Redis()
	if err != nil {
		Skip(t, err.Error())
	}
	return p
}

// Start starts p, and stops it when the test ends. The test fails if the
// server ended before or does not end properly; what the server printed is
// logged if the test failed.
func (l *Lab) Start(t testing.TB, p Program, opt *Options) *Server {
	t.Helper()
	s, err := p.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", s.Name, s.Output())
		}
	})
	return s
}

// Both starts our server and redis-server with the same options.
func (l *Lab) Both(t testing.TB, opt *Options) (redstart, redis *Server) {
	t.Helper()
	theirs := l.Redis(t) // first: it may skip
	return l.Start(t, l.Redstart(t), opt), l.Start(t, theirs, opt)
}

// Skip skips the test for a reason, or fails it where skipping is not wanted
// (see RequireVar).
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(RequireVar) != "" {
		t.Fatalf("%s is set, but: %s", RequireVar, reason)
	}
	t.Skip(reason)
}
