package clients

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"redstart/bench/peer"
)

// script starts one of our own programs under Bun against s, which is emptied
// before.
func script(t *testing.T, name string, s *peer.Server, password string) *process {
	t.Helper()
	send(t, s, password, "FLUSHALL")
	file, err := filepath.Abs(filepath.Join("testdata", "programs", name))
	if err != nil {
		t.Fatal(err)
	}
	return runBun(t, file, s.Port)
}

// finish waits until the program has ended by itself and returns what it
// printed.
func (p *process) finish(t *testing.T) string {
	t.Helper()
	p.waitFor(t, "\nend\n")
	p.settle()
	return p.all()
}

func TestPassword(t *testing.T) {
	bun(t)
	ours, redis := lab.Both(t, &peer.Options{Password: "s3cret"})
	p, q := script(t, "password.ts", ours, "s3cret"), script(t, "password.ts", redis, "s3cret")
	compare(t, p.finish(t), q.finish(t))
}

func TestDatabases(t *testing.T) {
	bun(t)
	ours, redis := lab.Both(t, nil)
	p, q := script(t, "db.ts", ours, ""), script(t, "db.ts", redis, "")
	compare(t, p.finish(t), q.finish(t))
}

// A client that loses its server comes back to the next one on the same port,
// with the same events, in its database, with its subscriptions and with the
// commands that waited.
func TestReconnect(t *testing.T) {
	bun(t)
	rules := []rule{apart("event:"), apart("message on")}
	compare(t,
		normalise(reconnect(t, lab.Redstart(t)), rules),
		normalise(reconnect(t, lab.Redis(t)), rules))
}

func reconnect(t *testing.T, program peer.Program) string {
	t.Helper()
	s, err := program.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := script(t, "events.ts", s, "")
	p.waitFor(t, "now stop the server")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	p.waitFor(t, "event: error")
	lab.Start(t, program, &peer.Options{Port: s.Port})
	return p.finish(t)
}

// node-redis speaks RESP3 unless told otherwise. It runs under Bun and, where
// Node is installed, under Node.
func TestNodeRedis(t *testing.T) {
	bun(t)
	ours, redis := lab.Both(t, nil)
	t.Run("bun", func(t *testing.T) {
		p, q := script(t, "noderedis.mjs", ours, ""), script(t, "noderedis.mjs", redis, "")
		compare(t, p.finish(t), q.finish(t))
	})
	t.Run("node", func(t *testing.T) {
		node, err := exec.LookPath("node")
		if err != nil {
			t.Skip("Node is not installed")
		}
		if version, err := exec.Command(node, "--version").Output(); err != nil || older(string(version), 20) {
			t.Skipf("node-redis wants Node 20, this one is %s", version)
		}
		compare(t, runNode(t, node, ours), runNode(t, node, redis))
	})
}

// older reports whether a version such as v18.19.0 is below the major one given.
func older(version string, major int) bool {
	var v int
	_, err := fmt.Sscanf(version, "v%d.", &v)
	return err != nil || v < major
}

func runNode(t *testing.T, node string, s *peer.Server) string {
	t.Helper()
	send(t, s, "", "FLUSHALL")
	cmd := exec.Command(node, filepath.Join("testdata", "programs", "noderedis.mjs"))
	cmd.Env = append(cmd.Environ(), "NO_COLOR=1", "GUIDE_PORT="+port(s))
	return run(t, cmd).finish(t)
}
