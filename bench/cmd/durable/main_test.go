package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redstart/bench/contest"
	"redstart/bench/peer"
)

var lab peer.Lab

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

// tiny is a run of some seconds that still has all tables.
var tiny = contest.Sizes{Rounds: 1, Calm: 20 * time.Millisecond, Time: 20 * time.Millisecond, Keys: 2_000, Watch: 30 * time.Millisecond}

// TestDurable makes all tables. The files may be in memory: the figures are
// worth nothing anyhow.
func TestDurable(t *testing.T) {
	lab.Redis(t)
	t.Setenv(peer.BinaryVar, lab.Redstart(t).Path) // built once
	before := os.TempDir()
	dir, err := os.MkdirTemp(".", ".test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o := options{only: names(), dir: dir, out: filepath.Join(t.TempDir(), "out")}
	var out strings.Builder
	if err := run(&o, tiny, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"- files: ", "**redstart** beside **redis-server**", "\n| 50 |", "**redis-server, every second** beside **redis-server without a file**",
		"**library with a file** beside **library in memory**", "\n| first: the first BGSAVE, of all 2000 keys |",
		"\n| 1 % of 2000 strings |", "\n| one push to a list of 200 |", "**redstart, saving** beside **redstart**", "**redstart** beside **redis-server with AOF**",
		"\n| backup |",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is missing", part)
		}
	}
	if t.Failed() {
		t.Logf("printed:\n%s", &out)
	}
	b, err := os.ReadFile(filepath.Join(o.out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Tables []struct{ Name string } }
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Tables) != len(tables) {
		t.Errorf("%d tables, not %d", len(r.Tables), len(tables))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 || os.TempDir() != before {
		t.Errorf("left in the folder: %v, %v; temporary files go to %s", left, err, os.TempDir())
	}
}

func TestWrongFlags(t *testing.T) {
	for _, o := range []options{
		{only: "nothing", dir: "."},
		{only: "durable", dir: "/no/such/folder"},
	} {
		if err := run(&o, tiny, io.Discard, io.Discard); err == nil {
			t.Errorf("%+v is run", o)
		}
	}
}

func TestMounted(t *testing.T) {
	const mounts = "/dev/vda / ext4 rw,relatime 0 0\ntmpfs /data tmpfs rw 0 0\n/dev/vdb /data/disk xfs rw 0 0\n"
	for dir, want := range map[string]string{
		"/home":        "ext4 on /dev/vda (rw,relatime)",
		"/data":        "tmpfs on tmpfs (rw)",
		"/data/disk/x": "xfs on /dev/vdb (rw)",
		"/database":    "ext4 on /dev/vda (rw,relatime)",
	} {
		if got := mounted(mounts, dir); got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
}
