// Package peer runs the servers that everything in this module compares: ours,
// Debian's redis-server, and others by their command line.
//
// A [Program] is a server that can be started, a [Server] is one that runs: on
// a free port of the loopback interface, in a directory of its own, ready to
// answer when Start returns. It is stopped by its process id, and says what
// processor time and memory it has used, as the operating system counts them.
// A [Lab] hands both to the tests of a package.
//
// The package reads /proc, so it is for Linux only.
package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrNotInstalled is returned by Redis when there is no redis-server in PATH.
var ErrNotInstalled = errors.New("redis-server is not installed (Debian: apt-get install redis-server redis-tools)")

// BinaryVar names the environment variable that holds the path of a redstart
// binary to use instead of building one.
const BinaryVar = "REDSTART_BINARY"

const (
	startTimeout = 60 * time.Second // an append-only file may have to be loaded
	stopTimeout  = 30 * time.Second
	pollInterval = 5 * time.Millisecond
)

// Options say how to start a server. The zero value is a server without
// password that keeps everything in memory.
type Options struct {
	Port     int      // 0: any free one
	Dir      string   // where it runs and keeps its file; "": a temporary one, removed when the server stops; absolute
	Sync     string   // "": nothing is kept; "always", "everysec" or "no": kept in Dir under this policy
	Socket   bool     // whether it listens on a unix socket as well
	Password string   // "": none is asked for
	Args     []string // further arguments, in the manner of redis-server: --name value
}

// A Program is a server program on this machine.
type Program struct {
	Name string // "redstart", "redis-server" or the name given to Command
	Path string // the executable
	args func(o *Options) []string
}

// Command returns the program that a command line of the shell starts, in
// which {port}, {socket} and {dir} stand for what the Options say. It has to
// bind 127.0.0.1. Of the Options it knows only these three.
func Command(name, line string) Program {
	args := func(o *Options) []string {
		values := strings.NewReplacer("{port}", strconv.Itoa(o.Port), "{dir}", o.Dir, "{socket}", socketPath(o.Dir))
		return []string{"-c", "exec " + values.Replace(line)} // exec: the process is the server, not a shell
	}
	return Program{Name: name, Path: "/bin/sh", args: args}
}

// socketPath is where a server that runs in dir has its unix socket.
func socketPath(dir string) string { return filepath.Join(dir, "socket") }

// Redis finds redis-server in PATH. The error is ErrNotInstalled if there is none.
func Redis() (Program, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return Program{}, ErrNotInstalled
	}
	return Program{Name: "redis-server", Path: path, args: redisArgs}, nil
}

// Build compiles the module's server into dir. If the environment names a
// binary (see BinaryVar), that one is used and nothing is compiled.
func Build(dir string) (Program, error) {
	p := Program{Name: "redstart", Path: os.Getenv(BinaryVar), args: redstartArgs}
	if p.Path != "" {
		return p, nil
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "redstart").Output()
	if err != nil {
		return p, fmt.Errorf("finding module redstart: %w", err)
	}
	p.Path = filepath.Join(dir, "redstart")
	build := exec.Command("go", "build", "-o", p.Path, "./wire/cmd/redstart")
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return p, fmt.Errorf("%s: %w\n%s", strings.Join(build.Args, " "), err, out)
	}
	return p, nil
}

func redisArgs(o *Options) []string {
	args := []string{"--port", strconv.Itoa(o.Port), "--bind", "127.0.0.1", "--save", "", "--dir", o.Dir,
		"--loglevel", "warning"}
	if o.Sync == "" {
		args = append(args, "--appendonly", "no")
	} else {
		args = append(args, "--appendonly", "yes", "--appendfsync", o.Sync)
	}
	if o.Password != "" {
		args = append(args, "--requirepass", o.Password)
	}
	if o.Socket {
		args = append(args, "--unixsocket", socketPath(o.Dir))
	}
	return append(args, o.Args...)
}

func redstartArgs(o *Options) []string {
	args := []string{"serve"}
	if o.Sync != "" {
		args = append(args, filepath.Join(o.Dir, "app.db"))
	}
	args = append(args, "--port", strconv.Itoa(o.Port), "--bind", "127.0.0.1")
	if o.Sync != "" {
		args = append(args, "--appendfsync", o.Sync)
	}
	if o.Password != "" {
		args = append(args, "--requirepass", o.Password)
	}
	if o.Socket {
		args = append(args, "--unixsocket", socketPath(o.Dir))
	}
	return append(args, o.Args...)
}

// A Server is a running process of a Program.
type Server struct {
	Name   string // of its Program
	Port   int
	Dir    string
	Socket string // the path of its unix socket, "" if there is none

	cmd     *exec.Cmd
	output  output
	exited  chan struct{} // closed when the process is gone
	tempDir bool
}

// Start runs the program and returns when it answers PING. A nil opt means the
// zero Options. The caller ends it with Stop or Kill.
func (p Program) Start(opt *Options) (*Server, error) {
	var o Options
	if opt != nil {
		o = *opt
	}
	if o.Port != 0 {
		return p.start(o)
	}
	// A free port may be taken by somebody else before the server binds it.
	var s *Server
	var err error
	for range 3 {
		if o.Port, err = freePort(); err != nil {
			return nil, err
		}
		if s, err = p.start(o); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func (p Program) start(o Options) (*Server, error) {
	s := &Server{Name: p.Name, Port: o.Port, Dir: o.Dir, exited: make(chan struct{})}
	if s.Dir == "" {
		dir, err := os.MkdirTemp("", p.Name+"-")
		if err != nil {
			return nil, err
		}
		s.Dir, s.tempDir = dir, true
		o.Dir = dir
	}
	s.cmd = exec.Command(p.Path, p.args(&o)...)
	s.cmd.Dir = s.Dir
	s.cmd.Stdout = &s.output
	s.cmd.Stderr = &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // no orphans after a test that timed out
	if err := s.run(); err != nil {
		s.clean()
		return nil, err
	}
	if err := s.waitReady(); err != nil {
		s.Kill()
		return nil, fmt.Errorf("%s on port %d: %w\n%s", p.Name, o.Port, err, s.Output())
	}
	if path := socketPath(o.Dir); o.Socket && exists(path) { // a Command may have none
		s.Socket = path
	}
	return s, nil
}

// run starts the process, and waits for its end in a thread that ends no
// sooner: the signal of Pdeathsig comes when the thread dies that started the
// process, not the program.
func (s *Server) run() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.cmd.Wait()
			close(s.exited)
		}
	}()
	return <-started
}

// waitReady returns when the server answers PING, be it only that a password
// is needed.
func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if reply := s.ping(); strings.HasPrefix(reply, "+PONG") || strings.HasPrefix(reply, "-NOAUTH") {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("ended before it was ready: %v", s.cmd.ProcessState)
		case <-ctx.Done():
			return errors.New("not ready in time")
		case <-tick.C:
		}
	}
}

// ping returns the first line the server answers to PING, "" if it does not.
func (s *Server) ping() string {
	c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return ""
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
		return ""
	}
	var reply [64]byte
	n, _ := c.Read(reply[:])
	return string(reply[:n])
}

// Addr is the server's address, host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// PID is the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Output is what the server has printed so far, both streams together.
func (s *Server) Output() string { return s.output.String() }

// Stop asks the server to end, as Ctrl-C or a service manager would, and waits
// until it has. The error says so if it did not end in time (then it is
// killed) or with another status than 0. A server that is gone already is an
// error, too: it was not asked to go.
func (s *Server) Stop() error {
	defer s.clean()
	select {
	case <-s.exited:
		return fmt.Errorf("%s ended by itself: %v\n%s", s.Name, s.cmd.ProcessState, s.Output())
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		s.Kill()
		return fmt.Errorf("%s did not end on SIGTERM in %v\n%s", s.Name, stopTimeout, s.Output())
	}
	if !s.cmd.ProcessState.Success() {
		return fmt.Errorf("%s ended with %v\n%s", s.Name, s.cmd.ProcessState, s.Output())
	}
	return nil
}

// Kill ends the server with SIGKILL, which it cannot notice, and waits until
// the process is gone.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	<-s.exited
	s.clean()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *Server) clean() {
	if s.tempDir {
		os.RemoveAll(s.Dir)
	}
}

// freePort asks the operating system for a port nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// output is a buffer that one goroutine may fill while another reads it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
