package wire

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire/resp"
)

const (
	patience = time.Minute
	tick     = time.Millisecond
)

// A talker is a client of a server in the same process.
type talker struct {
	t  testing.TB
	nc net.Conn
	r  *resp.Reader
}

// talk connects to srv.
func talk(t testing.TB, srv *Server) *talker {
	nc, err := srv.Dialer()(context.Background(), "", "")
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &talker{t: t, nc: nc, r: resp.NewReader(nc)}
}

// send sends a command written as for redis-cli.
func (k *talker) send(line string) {
	k.t.Helper()
	_, err := k.nc.Write([]byte(line + "\r\n"))
	require.NoError(k.t, err)
}

// receive returns the next reply as redis-cli prints it.
func (k *talker) receive() string {
	k.t.Helper()
	v, err := k.r.Read()
	require.NoError(k.t, err)
	return v.String()
}

// do sends a command and returns its reply.
func (k *talker) do(line string) string {
	k.t.Helper()
	k.send(line)
	return k.receive()
}

// serve returns a server of a database in memory.
func serve(t testing.TB, opt *Options) *Server {
	db, err := store.Open("", nil)
	require.NoError(t, err)
	srv := NewServer(db, opt)
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.NoError(t, db.Check())
		require.NoError(t, db.Close())
	})
	return srv
}

func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "redis.conf")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("more.conf", "maxclients 7\nsave 60 10000\n")
	write("redis.conf", "# a comment\n\n  port 7000\r\nrequirepass \"a \\x41\\\"b\"\nBIND 127.0.0.1 -::1\n"+
		"save 900 1\ninclude "+dir+"/more*.conf\nclient-output-buffer-limit pubsub 1mb 2k 3\ninclude "+dir+"/none*.conf\n"+
		"client-output-buffer-limit replica 1 2 3\nhash-max-ziplist-entries 5\n")
	c := new(Config)
	require.NoError(t, c.ReadFile(path))
	for name, want := range map[string]string{
		"port": "7000", "requirepass": `a A"b`, "bind": "127.0.0.1 -::1", "save": "900 1 60 10000", "MaxClients": "7",
		"client-output-buffer-limit": "normal 0 0 0 slave 1 2 3 pubsub 1048576 2000 3",
		"hash-max-listpack-entries":  "5", "timeout": "0", "nosuch": "",
	} {
		require.Equal(t, want, c.Get(name), name)
	}
	require.Equal(t, 5, c.StoreOptions().Limits.HashEntries)

	for text, want := range map[string]string{
		"port 1\nfoo bar\n":            "redis.conf:2: unknown directive 'foo'",
		"port x":                       "redis.conf:1: directive 'port': argument couldn't be parsed into an integer",
		"port":                         "redis.conf:1: directive 'port': wrong number of arguments",
		"port 1 2":                     "wrong number of arguments",
		"\n\nrequirepass \"a":          "redis.conf:3: unbalanced quotes in 'requirepass \"a'",
		"include " + path:              "files include each other",
		"include /no/such/file":        "redis.conf:1: open /no/such/file",
		"maxmemory 1gb":                "argument must be '0': memory cannot be limited",
		"replicaof localhost 6379":     "wrong number of arguments",
		"cluster-enabled yes":          "argument must be 'no': there is no cluster mode",
		"save 1":                       "Invalid save parameters",
		"client-output-buffer-limit x": "Wrong number of arguments in buffer limit configuration.",
	} {
		write("redis.conf", text)
		require.ErrorContains(t, new(Config).ReadFile(path), want)
	}
}

func TestConfigArgs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redis.conf")
	require.NoError(t, os.WriteFile(path, []byte("port 1\ntimeout 2\nsave 900 1\n"), 0o600))
	c := new(Config)
	rest, err := c.ParseArgs([]string{"app.db", "--port", "7", "--maxclients=9", "--save", "1", "2", "3", "4", "--config", path})
	require.NoError(t, err)
	require.Equal(t, []string{"app.db"}, rest)
	require.Equal(t, "7", c.Get("port"), "a flag wins over the file")
	require.Equal(t, "2", c.Get("timeout"))
	require.Equal(t, "9", c.Get("maxclients"))
	require.Equal(t, "1 2 3 4", c.Get("save"))

	for _, bad := range [][]string{{"--foo", "1"}, {"--port"}, {"--port", "x"}, {"--config", "/no/such"}, {"--config"}} {
		_, err := new(Config).ParseArgs(bad)
		require.Error(t, err, bad)
	}
	_, err = new(Config).ParseArgs([]string{"--foo", "1"})
	require.EqualError(t, err, "unknown flag --foo")
}

// Every directive has a default that it accepts, in normal form.
func TestConfigDefaults(t *testing.T) {
	for _, d := range directives {
		words := []string{d.initial}
		if d.kind.many {
			words = splitWords(d.initial)
		}
		v, err := d.parse(words)
		require.NoError(t, err, d.name)
		require.Equal(t, d.initial, v, d.name)
	}
}

func TestConfigSet(t *testing.T) {
	srv := serve(t, nil)
	k := talk(t, srv)
	require.Equal(t, "OK", k.do("CONFIG SET maxclients 77 hash-max-ziplist-entries 3 loglevel warning"))
	require.Equal(t, 77, srv.config.maxClients())
	require.Equal(t, 3, srv.db.Limits().HashEntries)
	require.Equal(t, "(error) ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer",
		k.do("CONFIG SET maxclients 5 timeout x"))
	require.Equal(t, 77, srv.config.maxClients(), "all or nothing")
	require.Equal(t, "(error) ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config", k.do("CONFIG SET port 1"))
	require.Equal(t, "1) \"maxCLIENTS\"\n2) \"77\"", k.do("CONFIG GET maxCLIENTS maxclient[s]"))
	require.Equal(t, "(error) ERR The server is running without a config file", k.do("CONFIG REWRITE"))

	require.Equal(t, "OK", k.do("CONFIG SET requirepass secret"))
	other := talk(t, srv)
	require.Equal(t, "(error) NOAUTH Authentication required.", other.do("GET a"))
	require.Equal(t, "OK", other.do("AUTH secret"))
	require.Equal(t, "(nil)", other.do("GET a"))
}

func TestConfigRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redis.conf")
	require.NoError(t, os.WriteFile(path, []byte("# mine\nmaxclients 50\n\nsave 900 1\n# end\nsave 300 10\n"), 0o600))
	c := new(Config)
	require.NoError(t, c.ReadFile(path))
	k := talk(t, serve(t, &Options{Config: c}))
	require.Equal(t, "OK", k.do(`CONFIG SET maxclients 60 requirepass "a b\x01" timeout 9`))
	require.Equal(t, "OK", k.do("CONFIG REWRITE"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "# mine\nmaxclients 60\n\nsave 900 1 300 10\n# end\n# Generated by CONFIG REWRITE\n"+
		"requirepass \"a b\\x01\"\ntimeout 9\n", string(text))
	again := new(Config)
	require.NoError(t, again.ReadFile(path))
	require.Equal(t, "a b\x01", again.Get("requirepass"))
	require.Equal(t, "OK", k.do("CONFIG REWRITE"))
	same, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(text), string(same))
}

func TestConfigLogger(t *testing.T) {
	var b bytes.Buffer
	c := new(Config)
	log := c.Logger(&b)
	k := talk(t, serve(t, &Options{Config: c}))
	log.Debug("one")
	k.do("CONFIG SET loglevel debug")
	log.Debug("two")
	require.NotContains(t, b.String(), "one")
	require.Contains(t, b.String(), "two")
	require.True(t, log.Enabled(context.Background(), slog.LevelDebug))
}

func TestConfigListen(t *testing.T) {
	dir := t.TempDir()
	c := new(Config)
	require.NoError(t, c.Set("port", "0"))
	_, err := c.Listen()
	require.ErrorContains(t, err, "nowhere to listen")
	require.NoError(t, c.Set("unixsocket", filepath.Join(dir, "s")))
	require.NoError(t, c.Set("unixsocketperm", "700"))
	ls, err := c.Listen()
	require.NoError(t, err)
	require.Len(t, ls, 1)
	info, err := os.Stat(filepath.Join(dir, "s"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	_, err = c.Listen()
	require.ErrorContains(t, err, "a server is listening there")
	ls[0].(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, ls[0].Close())
	ls, err = c.Listen() // the socket that was left behind is replaced
	require.NoError(t, err)
	require.NoError(t, ls[0].Close())
}

func FuzzConfigLine(f *testing.F) {
	f.Add("port 1")
	f.Add(`save "900 1" 1`)
	f.Add("client-output-buffer-limit normal 1 2 3")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(strings.ToLower(line), "include") {
			return
		}
		c := new(Config)
		if c.readLine(line, 0) != nil {
			return
		}
		for d, value := range c.values { // what was read can be written and read back
			again := new(Config)
			require.NoError(t, again.readLine(lineOf(d, value), 0))
			require.Equal(t, value, again.values[d])
		}
	})
}
