package peer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

var lab Lab

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

func TestStartBoth(t *testing.T) {
	ours, redis := lab.Both(t, nil)
	for _, s := range []*Server{ours, redis} {
		if got := s.ping(); got != "+PONG\r\n" {
			t.Errorf("%s answers PING with %q", s.Name, got)
		}
		if rss, err := s.RSS(); err != nil || rss < 1<<20 {
			t.Errorf("%s: RSS %d, %v", s.Name, rss, err)
		}
		if _, err := s.CPU(); err != nil {
			t.Errorf("%s: CPU: %v", s.Name, err)
		}
	}
}

func TestPasswordIsAskedFor(t *testing.T) {
	ours, redis := lab.Both(t, &Options{Password: "secret"})
	for _, s := range []*Server{ours, redis} {
		if got := s.ping(); !strings.HasPrefix(got, "-NOAUTH ") {
			t.Errorf("%s answers PING with %q", s.Name, got)
		}
	}
}

func TestKilledServerIsNoticed(t *testing.T) {
	s, err := lab.Redis(t).Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := s.Stop(); err == nil {
		t.Error("Stop of a killed server says nothing")
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
	if err := syscall.Kill(s.PID(), 0); err == nil {
		t.Error("its process is still there")
	}
}

// inThreadThatEnds runs f in a thread that ends then, and returns its number.
func inThreadThatEnds(f func()) (thread int) {
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if thread = syscall.Gettid(); thread == os.Getpid() { // the first thread never ends
			defer runtime.UnlockOSThread()
			thread = inThreadThatEnds(f)
			return
		}
		f()
	}()
	<-done
	return thread
}

// TestThreadsMayEnd starts a server from a thread that ends: the server must
// not.
func TestThreadsMayEnd(t *testing.T) {
	program := lab.Redis(t)
	var s *Server
	var err error
	thread := inThreadThatEnds(func() { s, err = program.Start(nil) })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread)); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the thread does not end")
		}
	}
	if got := s.ping(); got != "+PONG\r\n" {
		t.Errorf("the server answers PING with %q", got)
	}
}

func TestStartReportsWhyItFailed(t *testing.T) {
	_, err := lab.Redis(t).Start(&Options{Args: []string{"--no-such-directive", "1"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-directive") {
		t.Errorf("got %v", err)
	}
}

// TestCPUAgreesWithProc compares the process's clock with what /proc counts in
// steps of 10 ms.
func TestCPUAgreesWithProc(t *testing.T) {
	const step = 10 * time.Millisecond
	s := lab.Start(t, lab.Redis(t), nil)
	c, err := redis.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do("EVAL", "for i = 1, 20000000 do end", 0); err != nil {
		t.Fatal(err)
	}
	before, err := s.CPU()
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	after, err := s.CPU()
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var counted time.Duration
	for _, ticks := range fields[11:13] { // utime and stime, counted from the field after the name
		n, err := strconv.Atoi(ticks)
		if err != nil {
			t.Fatal(err)
		}
		counted += time.Duration(n) * step
	}
	if counted < before-2*step || counted > after+2*step {
		t.Errorf("the clock says %v to %v, /proc %v", before, after, counted)
	}
	if before < 5*step {
		t.Errorf("only %v: the script was to take longer", before)
	}
}

func TestMemoryAndWritten(t *testing.T) {
	ours, redis := lab.Both(t, nil)
	for _, s := range []*Server{ours, redis} {
		rss, err := s.RSS()
		if err != nil {
			t.Fatal(err)
		}
		if pss, err := s.PSS(); err != nil || pss < 1<<20 || pss > 2*rss {
			t.Errorf("%s: PSS %d, %v; RSS is %d", s.Name, pss, err, rss)
		}
		before, err := s.Written()
		if err != nil {
			t.Fatal(err)
		}
		s.ping()
		if after, err := s.Written(); err != nil || after < before+int64(len("+PONG\r\n")) {
			t.Errorf("%s: written %d, then %d, %v", s.Name, before, after, err)
		}
	}
}

func TestSocket(t *testing.T) {
	ours, theirs := lab.Both(t, &Options{Socket: true})
	for _, s := range []*Server{ours, theirs} {
		c, err := redis.Dial("unix", s.Socket)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		defer c.Close()
		if got, err := redis.String(c.Do("PING")); got != "PONG" || err != nil {
			t.Errorf("%s: PING over %s: %q, %v", s.Name, s.Socket, got, err)
		}
	}
}

func TestCommand(t *testing.T) {
	path := lab.Redis(t).Path
	p := Command("other", "env A=b '"+path+"' --save '' --port {port} --bind 127.0.0.1 --unixsocket {socket} --dir {dir}")
	s := lab.Start(t, p, &Options{Socket: true})
	c, err := redis.Dial("unix", s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := redis.Strings(c.Do("CONFIG", "GET", "dir")); err != nil || len(got) != 2 || got[1] != s.Dir {
		t.Errorf("CONFIG GET dir: %q, %v; want %q", got, err, s.Dir)
	}
	if rss, err := s.RSS(); err != nil || rss < 4<<20 {
		t.Errorf("RSS %d, %v: not that of a server", rss, err)
	}
}
