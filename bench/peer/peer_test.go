package peer

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
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

func TestStartReportsWhyItFailed(t *testing.T) {
	_, err := lab.Redis(t).Start(&Options{Args: []string{"--no-such-directive", "1"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-directive") {
		t.Errorf("got %v", err)
	}
}

func TestParseCPU(t *testing.T) {
	stat := "7 (a ) b) S 1 7 7 0 -1 4194560 900 0 0 0 12 30 5 5 20 0 4 0 100 200 300"
	got, err := parseCPU("stat", []byte(stat))
	if want := 420 * time.Millisecond; err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := parseCPU("stat", []byte("7 (a) S 1")); err == nil {
		t.Error("a short line is accepted")
	}
}
