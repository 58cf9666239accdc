package wire_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire"
)

// badInputs are streams of bytes with something wrong in them. What comes back,
// and whether the connection is closed then, is that of redis-server: after the
// bytes the client sends a PING, unless they are a line too long to have an end,
// and a closed connection has no PONG.
var badInputs = []struct {
	name, in, want string
}{
	{"multibulk length is no number", "*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"multibulk length has a space", "* 1\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"multibulk length is missing", "*\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"multibulk length is huge", "*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"multibulk length overflows", "*9223372036854775808\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"multibulk length of 0", "*0\r\n", "+PONG\r\n"},
	{"multibulk length below 0", "*-1\r\n*-100\r\n", "+PONG\r\n"},
	{"no bulk", "*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"},
	{"no bulk, but a letter", "*2\r\n$4\r\nPING\r\nx\r\n", "-ERR Protocol error: expected '$', got 'x'\r\n"},
	{"nested array", "*1\r\n*1\r\n$4\r\nPING\r\n", "-ERR Protocol error: expected '$', got '*'\r\n"},
	{"bulk length is no number", "*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"bulk length is missing", "*1\r\n$\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"bulk length below 0", "*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"bulk length of 512 MiB and one", "*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"bulk length overflows", "*1\r\n$99999999999999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"count without an end", "*" + strings.Repeat("1", 70000), "-ERR Protocol error: too big mbulk count string\r\n"},
	{"length without an end", "*1\r\n$" + strings.Repeat("1", 70000), "-ERR Protocol error: too big bulk count string\r\n"},
	{"line without an end", strings.Repeat("a", 70000), "-ERR Protocol error: too big inline request\r\n"},
	{"open quote", "GET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
	{"text after a quote", "GET \"a\"b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
	{"empty lines", "\r\n\r\n\n", "+PONG\r\n"},
	{"inline with quotes", "ECHO \"a b\\x41\"\r\n", "$4\r\na bA\r\n+PONG\r\n"},
	{"inline without CR", "PING\n", "+PONG\r\n+PONG\r\n"},
	{"a web browser", "GET / HTTP/1.1\r\nAccept: */*\r\n", "-ERR wrong number of arguments for 'get' command\r\n" +
		"-ERR unknown command 'Accept:', with args beginning with: '*/*' \r\n+PONG\r\n"},
	{"errors, then good commands", "*1\r\n$3\r\nGET\r\n*1\r\n$1\r\nx\r\n*2\r\n$4\r\nECHO\r\n$1\r\na\r\n",
		"-ERR wrong number of arguments for 'get' command\r\n" +
			"-ERR unknown command 'x', with args beginning with: \r\n$1\r\na\r\n+PONG\r\n"},
	{"good commands, then an error, then good ones", "PING\r\n*x\r\nPING\r\n",
		"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"},
	{"an error in MULTI", "MULTI\r\n*1\r\n$x\r\n", "+OK\r\n-ERR Protocol error: invalid bulk length\r\n"},
	{"a web page that posts", "POST / HTTP/1.1\r\nPING\r\n", ""},
	{"a web page's host", "Host: example.com\r\nPING\r\n", ""},
}

const pingLine = "*1\r\n$4\r\nPING\r\n"

// Bad input has Redis's error, and leaves the connection as Redis leaves it.
func TestBadInput(t *testing.T) {
	ours, redis := startOurs(t, "", nil, nil), startRedis(t)
	for _, tt := range badInputs {
		t.Run(tt.name, func(t *testing.T) {
			if redis != nil {
				require.Equal(t, tt.want, exchangeBytes(t, redis, tt.in, tt.want), "redis-server itself")
			}
			require.Equal(t, tt.want, exchangeBytes(t, ours, tt.in, tt.want))
		})
	}
	require.Equal(t, "+PONG\r\n", exchangeBytes(t, ours, "", "+PONG\r\n"), "others are not disturbed")
	// redis-server 7 passes over whatever two bytes follow a bulk. Where that is
	// no line end the client has miscounted, and commands begin in the wrong place.
	require.Equal(t, "-ERR Protocol error: invalid CRLF in request\r\n", exchangeBytes(t, ours, "*2\r\n$4\r\nECHO\r\n$1\r\nabc", ""))
}

// exchangeBytes sends in and a PING and returns what comes back until the
// server closes, or until as much as wanted has come and nothing more.
func exchangeBytes(t *testing.T, p *peer, in, want string) string {
	t.Helper()
	conn, err := p.dial()
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	// The server may close before it has read everything.
	if len(in) < 70000 {
		in += pingLine
	}
	go io.WriteString(conn, in)
	if !strings.HasSuffix(want, "+PONG\r\n") {
		got, _ := io.ReadAll(conn) // the server closes; a reset is a way to do so
		return string(got)
	}
	got := make([]byte, len(want))
	n, err := io.ReadFull(conn, got)
	if err != nil {
		return fmt.Sprintf("%s (%v)", got[:n], err)
	}
	return string(got)
}

// Before it has given its password a client may send ten arguments of 16 KiB.
func TestUnauthenticatedLimits(t *testing.T) {
	ours := startOurs(t, "", nil, &wire.Options{Password: "secret"})
	for _, tt := range []struct{ in, want string }{
		{"*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"},
		{"*2\r\n$4\r\nAUTH\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"},
	} {
		require.Equal(t, tt.want, exchangeBytes(t, ours, tt.in, tt.want))
	}
	c := newClient(t, ours)
	defer c.conn.Close()
	for _, args := range [][]string{{"GET", "k"}, {"NOSUCH"}, {"PING"}, {"MULTI"}, {"SUBSCRIBE", "c"}} {
		err := c.do(t, args...).Err()
		require.Error(t, err, args)
		if args[0] != "NOSUCH" {
			require.Equal(t, "NOAUTH Authentication required.", err.Error())
		}
	}
	require.Equal(t, "WRONGPASS invalid username-password pair or user is disabled.", c.do(t, "AUTH", "wrong").Str)
	require.Equal(t, "NOAUTH Authentication required.", c.do(t, "GET", "k").Str)
	require.Equal(t, "OK", c.do(t, "AUTH", "secret").Str)
	require.Equal(t, strings.Repeat("x", 20000), c.do(t, "ECHO", strings.Repeat("x", 20000)).Str)
}

// A declared length allocates nothing: memory follows the bytes that came.
func TestDeclaredLengthsAllocateNothing(t *testing.T) {
	ours := startOurs(t, "", nil, nil)
	const clients = 50
	before := heap()
	var conns []net.Conn
	for i := range clients {
		conn, err := ours.dial()
		require.NoError(t, err)
		conns = append(conns, conn)
		in := "*2\r\n$4\r\nECHO\r\n$536870912\r\nabc" // 25 GiB together
		if i%2 == 1 {
			in = "*1048576\r\n$4\r\nMGET\r\n$1\r\na\r\n"
		}
		// Both come in one piece: with the answer to the first the second is read.
		_, err = io.WriteString(conn, pingLine+in)
		require.NoError(t, err)
		_, err = io.ReadFull(conn, make([]byte, len("+PONG\r\n")))
		require.NoError(t, err)
	}
	used := heap() - before
	require.Less(t, used, int64(32<<20), "bytes for %d half commands", clients)
	for _, conn := range conns {
		conn.Close()
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Clients that vanish, in the middle of a command, blocked, subscribed, in a
// transaction, with replies they never read, leave nothing behind; what they
// were told is done is there.
func TestVanishingClientsLeaveNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	db, err := store.Open("", nil)
	require.NoError(t, err)
	srv := wire.NewServer(db, nil)
	dial := srv.Dialer()
	p := &peer{dial: func() (net.Conn, error) { return dial(context.Background(), "", "") }}
	big := strings.Repeat("x", 1<<20)
	for _, in := range []string{
		"", "*", "*2\r\n$3\r\nGET", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf",
		"BLPOP none 0\r\n", "BLPOP none 0\r\nPING\r\n*1\r\n", "BZPOPMIN none 1000\r\n",
		"SUBSCRIBE a b\r\n", "PSUBSCRIBE *\r\n", "MULTI\r\nSET lost 1\r\n", "WATCH a b\r\nMULTI\r\n",
		"MULTI\r\nINCR lost\r\n*2\r\n$4\r\nEXEC",
		strings.Repeat("INCR n\r\n", 1000),
		"SET big " + big[:60000] + "\r\n" + strings.Repeat("GET big\r\n", 100),
	} {
		for range 5 {
			conn, err := p.dial()
			require.NoError(t, err)
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			_, err = io.WriteString(conn, in)
			require.NoError(t, err)
			conn.Close()
		}
	}
	c := newClient(t, p)
	// Their commands may still be to come: the server must have lost them.
	alone := func() bool { return strings.Count(c.do(t, "CLIENT", "LIST").Str, "\n") == 1 }
	require.Eventually(t, alone, patience, time.Millisecond)
	require.Zero(t, db.Waiting())
	require.Equal(t, int64(0), c.do(t, "EXISTS", "lost", "k").Int, "of unfinished commands nothing is done")
	require.Equal(t, "OK", c.do(t, "SET", "kept", "1").Str)
	require.Equal(t, int64(1), c.do(t, "RPUSH", "none", "for nobody").Int, "nobody waits any more")
	require.Equal(t, int64(1), c.do(t, "LLEN", "none").Int)
	require.Eventually(t, func() bool { return c.do(t, "PUBLISH", "a", "m").Int == 0 }, patience, time.Millisecond)
	require.Equal(t, "1", c.do(t, "GET", "kept").Str)
	c.conn.Close()
	require.NoError(t, db.Check())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, srv.Shutdown(ctx))
	require.NoError(t, db.Close())
	settled := func() bool { return runtime.NumGoroutine() <= before+1 } // Eventually has one
	if !assertEventually(settled) {
		buf := make([]byte, 1<<16)
		t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	}
}

// assertEventually polls until ok, or until patience ends.
func assertEventually(ok func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if ok() {
			return true
		}
	}
	return false
}

// A pipeline of nothing but errors has an error for each, and the connection
// goes on.
func TestPipelineOfErrors(t *testing.T) {
	ours := startOurs(t, "", nil, nil)
	c := newClient(t, ours)
	defer c.conn.Close()
	const n = 10000
	go io.WriteString(c.conn, "SET s x\r\n"+strings.Repeat("LPUSH s a\r\nNOSUCH\r\nGET\r\nINCR s\r\n", n))
	require.Equal(t, "OK", c.read(t).Str)
	for range n {
		for _, want := range []string{
			"WRONGTYPE Operation against a key holding the wrong kind of value",
			"ERR unknown command 'NOSUCH', with args beginning with: ",
			"ERR wrong number of arguments for 'get' command",
			"ERR value is not an integer or out of range",
		} {
			if got := c.read(t).Str; got != want {
				require.Equal(t, want, got)
			}
		}
	}
	require.Equal(t, "PONG", c.do(t, "PING").Str)
}

// A command that comes byte by byte is the command.
func TestInputInPieces(t *testing.T) {
	ours := startOurs(t, "", nil, nil)
	c := newClient(t, ours)
	defer c.conn.Close()
	var in bytes.Buffer
	for _, args := range [][]string{{"SET", "k", "a\r\nb"}, {"GET", "k"}, {"PING"}} {
		raw := make([][]byte, len(args))
		for i, a := range args {
			raw[i] = []byte(a)
		}
		in.Write(encode(raw))
	}
	in.WriteString("ECHO 'in line'\r\n")
	for _, b := range in.Bytes() {
		_, err := c.conn.Write([]byte{b})
		require.NoError(t, err)
	}
	for _, want := range []string{"OK", "a\r\nb", "PONG", "in line"} {
		require.Equal(t, want, c.read(t).Str)
	}
}
