package wire_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire"
	"redstart/wire/resp"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// A peer is a server under test: ours, or a redis-server.
type peer struct {
	dial    func() (net.Conn, error)
	waiting func() int // how many clients are blocked
	db      *store.DB  // nil for redis-server
	srv     *wire.Server
}

// startOurs opens a database and a server that talks over connections in
// memory. Both are closed at the end of the test, the database checked.
func startOurs(t testing.TB, path string, opt *store.Options, serverOpt *wire.Options) *peer {
	t.Helper()
	db, err := store.Open(path, opt)
	require.NoError(t, err)
	srv := wire.NewServer(db, serverOpt)
	p := &peer{db: db, srv: srv, waiting: db.Waiting}
	dial := srv.Dialer()
	p.dial = func() (net.Conn, error) { return dial(context.Background(), "", "") }
	t.Cleanup(func() { p.close(t) })
	return p
}

// close ends our server and its database; a second time it does nothing.
func (p *peer) close(t testing.TB) {
	t.Helper()
	if p.db == nil {
		return
	}
	require.NoError(t, p.db.Check())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, p.srv.Shutdown(ctx))
	require.NoError(t, p.db.Close())
	p.db = nil
}

// startRedis starts a redis-server of the test's own. Without one installed
// the peer is nil and the reason is printed.
func startRedis(t testing.TB) *peer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Log("not compared with a live server: redis-server is not installed")
		return nil
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	p := &peer{dial: func() (net.Conn, error) { return net.Dial("unix", socket) }}
	require.Eventually(t, func() bool {
		c, err := p.dial()
		if err == nil {
			c.Close()
		}
		return err == nil
	}, patience, 5*time.Millisecond)
	version := infoField(t, p, "server", "redis_version")
	if !strings.HasPrefix(version, "7.0.") {
		t.Logf("not compared with a live server: redis-server is %s, the recorded replies are of 7.0", version)
		return nil
	}
	p.waiting = func() (n int) {
		fmt.Sscan(infoField(t, p, "clients", "blocked_clients"), &n)
		return n
	}
	return p
}

// infoField returns a field of INFO.
func infoField(t testing.TB, p *peer, section, field string) string {
	c := newClient(t, p)
	defer c.conn.Close()
	for line := range strings.SplitSeq(c.do(t, "INFO", section).Str, "\r\n") {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return value
		}
	}
	t.Fatalf("INFO has no %s", field)
	return ""
}

// A client is a connection to a peer.
type client struct {
	conn net.Conn
	r    *resp.Reader
	sent string // the last command, for messages
}

func newClient(t testing.TB, p *peer) *client {
	t.Helper()
	conn, err := p.dial()
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return &client{conn: conn, r: resp.NewReader(conn)}
}

// do sends a command and returns its reply.
func (c *client) do(t testing.TB, args ...string) resp.Value {
	t.Helper()
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = []byte(a)
	}
	return c.call(t, raw)
}

func (c *client) call(t testing.TB, args [][]byte) resp.Value {
	t.Helper()
	c.send(t, args)
	return c.read(t)
}

func (c *client) send(t testing.TB, args [][]byte) {
	t.Helper()
	c.sent = fmt.Sprintf("%q", args)
	_, err := c.conn.Write(encode(args))
	require.NoError(t, err, c.sent)
}

// closed stands for the reply that does not come because the server has closed
// the connection.
var closed = resp.Value{Type: resp.Simple, Str: "(closed)"}

// read returns the next reply, or closed.
func (c *client) read(t testing.TB) resp.Value {
	t.Helper()
	v, err := c.r.Read()
	if err == io.EOF {
		return closed
	}
	require.NoError(t, err, "after %s", c.sent)
	return v
}

// encode returns a command as clients send it.
func encode(args [][]byte) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}
