package clients

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redstart/bench/peer"
)

var lab peer.Lab

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

const (
	// A program that keeps its connections open never ends. It has said all it
	// has to say when its last line is there and nothing follows for this long.
	settled = 300 * time.Millisecond
	// A program that has not got so far by now is stuck.
	patience = 30 * time.Second
)

// bun returns the path of Bun's executable, and skips the test if there is
// none. It comes in the npm package for the platform, from where the install
// script of package bun moves it. Not every npm runs install scripts: both
// places are looked at.
func bun(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("node_modules/@oven/bun-*/bin/bun")
	for _, path := range append(found, "node_modules/.bin/bun") {
		if exec.Command(path, "--version").Run() != nil {
			continue
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		return abs
	}
	peer.Skip(t, "Bun and ioredis are not installed (run npm ci in bench/clients)")
	return ""
}

// A process is a JavaScript program that runs.
type process struct {
	cmd    *exec.Cmd
	stdout stream
	stderr stream
	news   chan struct{} // has a token after something was printed
	exited chan struct{}
}

// A stream is what a process has printed so far.
type stream struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	news chan struct{}
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
	return s.buf.Write(p)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// runBun starts the program in file under Bun. Connections to port 6379 go to
// the given port instead: see testdata/port.cjs.
func runBun(t *testing.T, file string, port int, env ...string) *process {
	t.Helper()
	preload, err := filepath.Abs("testdata/port.cjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bun(t), "--no-install", "--preload", preload, file)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + os.Getenv("HOME"),
		"NO_COLOR=1",
		fmt.Sprint("GUIDE_PORT=", port),
	}, env...)
	return run(t, cmd)
}

// run starts cmd, which is killed when the test ends.
func run(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, news: make(chan struct{}, 1), exited: make(chan struct{})}
	p.stdout.news, p.stderr.news = p.news, p.news
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// waitFor returns when the process has printed text, on either stream.
func (p *process) waitFor(t *testing.T, text string) {
	t.Helper()
	late := time.After(patience)
	for {
		if strings.Contains(p.stdout.String(), text) || strings.Contains(p.stderr.String(), text) {
			return
		}
		select {
		case <-p.news:
		case <-p.exited:
			// What it printed last has been read by now: look once more.
			if !strings.Contains(p.stdout.String()+p.stderr.String(), text) {
				t.Fatalf("ended (%v) before it printed %q\n%s", p.cmd.ProcessState, text, p.all())
			}
			return
		case <-late:
			t.Fatalf("has not printed %q after %v\n%s", text, patience, p.all())
		}
	}
}

// settle returns when the process has ended or printed nothing for a while.
func (p *process) settle() {
	for {
		select {
		case <-p.news:
		case <-p.exited:
			return
		case <-time.After(settled):
			return
		}
	}
}

func (p *process) all() string {
	return "--- stdout\n" + once.apply(p.stdout.String()) + "--- stderr\n" + once.apply(p.stderr.String())
}
