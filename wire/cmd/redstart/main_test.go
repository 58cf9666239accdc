package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/wire/resp"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == examineCommand {
		os.Exit(misbehave(os.Args[2:]))
	}
	dir, err := os.MkdirTemp("", "redstart-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "redstart")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// A process is a running program.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	ready  string // its first line
	addr   string
	stderr bytes.Buffer
}

// start runs redstart serve in dir and waits until it is ready.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, append([]string{"serve"}, args...)...)}
	p.cmd.Dir = dir
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.cmd.Process.Kill() })
	p.ready, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "%s", &p.stderr)
	_, p.addr, _ = strings.Cut(strings.TrimSpace(p.ready), "ready on ")
	return p
}

// end sends a signal and waits for the process to end with status 0.
func (p *process) end(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
	require.NoError(p.t, p.cmd.Wait(), "%s", &p.stderr)
}

// ask sends lines and returns the last reply.
func ask(t *testing.T, network, addr string, lines ...string) (reply string) {
	t.Helper()
	nc, err := net.Dial(network, addr)
	require.NoError(t, err)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	r := resp.NewReader(nc)
	for _, line := range lines {
		_, err := io.WriteString(nc, line+"\r\n")
		require.NoError(t, err)
		v, err := r.Read()
		require.NoError(t, err)
		reply = v.String()
	}
	return reply
}

// freePort returns a port that nobody listens on at the moment.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func TestServeFile(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	p := start(t, dir, "app.db", "--port", port)
	require.Regexp(t, `^redstart: app\.db: 0 keys in \d+\.\d s, fsync every second; ready on 127\.0\.0\.1:`+port+"\n$", p.ready)
	require.Equal(t, "OK", ask(t, "tcp", p.addr, "SET k v EX 1000"))
	require.Equal(t, `"v"`, ask(t, "tcp", p.addr, "SELECT 1", "SET k v", "GET k"))

	// A second process is told who has the file, though its port is taken, too.
	second := exec.Command(binary, "serve", "app.db", "--port", port)
	second.Dir = dir
	out, err := second.CombinedOutput()
	require.Equal(t, 1, second.ProcessState.ExitCode())
	require.Error(t, err)
	require.Regexp(t, `^redstart: app\.db is open in (process \d+|another process)\n$`, string(out))

	p.end(os.Interrupt)
	p = start(t, dir, "--port="+port, "app.db", "--appendfsync", "always")
	require.Contains(t, p.ready, "app.db: 2 keys in ")
	require.Contains(t, p.ready, "fsync before every reply")
	require.Regexp(t, `\(integer\) (9\d\d|1000)`, ask(t, "tcp", p.addr, "TTL k"))
	p.end(syscall.SIGTERM)

	p = start(t, dir, "app.db", "--port", port)
	nc, err := net.Dial("tcp", p.addr)
	require.NoError(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, "SHUTDOWN\r\n")
	require.NoError(t, err)
	require.NoError(t, p.cmd.Wait())
}

func TestServeMemory(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	socket := filepath.Join(dir, "s")
	conf := filepath.Join(dir, "redis.conf")
	require.NoError(t, os.WriteFile(conf, []byte("databases 3\nport 1\nrequirepass pw\n"), 0o600))
	p := start(t, dir, "--config", conf, "--port", port, "--unixsocket", socket, "--maxclients", "20", "--save", "",
		"--logfile", filepath.Join(dir, "log"), "--pidfile", filepath.Join(dir, "pid"))
	require.Equal(t, "redstart: in memory, nothing is kept; ready on 127.0.0.1:"+port+", "+socket+"\n", p.ready)
	require.Equal(t, "(error) NOAUTH Authentication required.", ask(t, "unix", socket, "PING"))
	require.Equal(t, "1) \"databases\"\n2) \"3\"\n3) \"maxclients\"\n4) \"20\"",
		ask(t, "unix", socket, "AUTH pw", "CONFIG GET databases maxclients"))
	require.FileExists(t, filepath.Join(dir, "pid"))
	p.end(os.Interrupt)
	for _, gone := range []string{"s", "pid"} {
		require.NoFileExists(t, filepath.Join(dir, gone))
	}
	require.FileExists(t, filepath.Join(dir, "log"))
}

// What is written on the command line, and what comes of it.
func TestArguments(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.conf")
	require.NoError(t, os.WriteFile(bad, []byte("port 1\nfoo 1\n"), 0o600))
	foreign := filepath.Join(dir, "foreign.db")
	require.NoError(t, os.WriteFile(foreign, bytes.Repeat([]byte("no database "), 1000), 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, c := range []struct {
		args   string
		status int
		out    string // in standard output for status 0, in standard error otherwise
	}{
		{"", 2, "Usage:"},
		{"--help", 0, "Usage:"},
		{"help serve", 0, "usage: redstart serve"},
		{"serve --help", 0, "usage: redstart serve"},
		{"serve app.db -h", 0, "usage: redstart serve"},
		{"version", 0, "redstart, compatible with Redis 7.2"},
		{"--version", 0, "compatible"},
		{"version x", 2, "unexpected argument x"},
		{"foo", 2, "redstart foo: unknown command\nRun 'redstart help' for usage."},
		{"help foo", 2, "unknown help topic"},
		{"serve --foo 1", 2, "redstart serve: unknown flag --foo\nusage: redstart serve"},
		{"serve --port", 2, "flag --port needs a value"},
		{"serve --port x", 2, "argument couldn't be parsed into an integer"},
		{"serve a b", 2, "unexpected argument b"},
		{"serve --maxmemory 1gb", 2, "memory cannot be limited"},
		{"serve --config " + bad, 1, "redstart: " + bad + ":2: unknown directive 'foo'\n"},
		{"serve --config /no/such/file", 1, "redstart: open /no/such/file"},
		{"serve --port " + port, 1, "address already in use"},
		{"serve --port 0", 1, "nowhere to listen"},
		{"serve " + foreign, 1, foreign + ": not a Redstart file (it was left as it is; give another path"},
		{"help check", 0, "usage: redstart check FILE\n"},
		{"help recover", 0, "usage: redstart recover FILE NEW\n"},
		{"check", 2, "usage: redstart check FILE\n"},
		{"help compact", 0, "usage: redstart compact FILE\n"},
		{"help backup", 0, "usage: redstart backup FILE NEW\n"},
		{"compact", 2, "usage: redstart compact FILE\n"},
		{"compact " + foreign, 1, foreign + ": not a Redstart file"},
		{"backup a", 2, "usage: redstart backup FILE NEW\n"},
		{"backup nothing.db new.db", 1, "nothing.db: no such file"},
		{"recover a", 2, "usage: redstart recover FILE NEW\n"},
		{"help info", 0, "usage: redstart info FILE [--json]\n"},
		{"info", 2, "which FILE?\nusage: redstart info FILE [--json]\n"},
		{"info a b", 2, "which FILE?"},
		{"info a --yaml", 2, "unknown flag --yaml"},
		{"check a --timeout", 2, "flag --timeout needs a value"},
		{"check a --timeout=soon", 2, "flag --timeout is a time, such as 90s or 5m, not \"soon\""},
		{"recover a b --memory 1gb", 2, "flag --memory is a number of megabytes, not \"1gb\""},
		{"info nothing.db", 1, "nothing.db: no such file"},
		{"info " + foreign, 1, foreign + ": not a Redstart file"},
		{"check nothing.db", 1, "nothing.db: no such file"},
		{"check .", 1, "redstart: . is no regular file\n"},
		{"backup " + os.DevNull + " new.db", 1, "redstart: " + os.DevNull + " is no regular file\n"},
		{"check " + foreign, 1, foreign + ": not a Redstart file"},
		{"recover " + foreign + " new.db", 1, foreign + ": not a Redstart file"},
		{"recover nothing.db " + foreign, 1, foreign + ": file already exists"},
	} {
		cmd := exec.Command(binary, strings.Fields(c.args)...)
		cmd.Dir = dir
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run()
		require.Equal(t, c.status, cmd.ProcessState.ExitCode(), "%s: %s", c.args, &stderr)
		told, silent := &stderr, &stdout
		if c.status == 0 {
			told, silent = &stdout, &stderr
		}
		require.Contains(t, told.String(), c.out, c.args)
		require.Empty(t, silent.String(), c.args)
	}
}

func TestKeys(t *testing.T) {
	for n, want := range map[int]string{0: "0 keys", 1: "1 key", 999: "999 keys", 1000: "1 000 keys", 1204311: "1 204 311 keys"} {
		require.Equal(t, want, keys(n))
	}
}
