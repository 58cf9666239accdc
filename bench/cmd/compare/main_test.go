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

// tiny is a run of a few seconds that still has all tables.
var tiny = contest.Sizes{Rounds: 2, Requests: 400, Large: 2_000, Elements: 2_000, Calm: 50 * time.Millisecond,
	Time: 20 * time.Millisecond, Keys: 2_000, Scenes: 1, Watch: 20 * time.Millisecond}

// TestCompare makes all tables, each with a few rows.
func TestCompare(t *testing.T) {
	redis := lab.Redis(t)
	t.Setenv(peer.BinaryVar, lab.Redstart(t).Path) // built once
	line := redis.Path + ` --port {port} --bind 127.0.0.1 --unixsocket {socket} --dir {dir} --save ""`
	o := options{only: tables, pipelines: "1,16", files: true, servers: []string{"other=" + line}, out: filepath.Join(t.TempDir(), "out"),
		tests: "ping_inline,spop,zrank,linsert,churn,c50 P1 64B tcp,c50 P1 64B unix,c50 P1 64B memory,expiry,checkpoint,flushall"}
	var out strings.Builder
	if err := run(&o, tiny, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"# Redstart beside others", "load average",
		"**redstart** beside **redis-server**", "**redstart with a file** beside **redis-server with AOF**",
		"**other** beside **redis-server**", "**redstart in memory**",
		"\n| ping_inline |", "\n| spop |", "\n| zrank |", "\n| linsert |", "\n| c50 P1 64B unix |", "\n| churn: 2000 strings", "\n| checkpoint: BGSAVE |", "\n| flushall: FLUSHALL of 2000 keys |",
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
	if len(r.Tables) != 8 {
		t.Errorf("%d tables, not two of redis-benchmark, two of large, load, memory, parts and pauses", len(r.Tables))
	}
	for _, table := range r.Tables {
		if _, err := os.Stat(filepath.Join(o.out, table.Name+".svg")); err != nil {
			t.Error(err)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	lab.Redis(t)
	t.Setenv(peer.BinaryVar, lab.Redstart(t).Path)
	for _, o := range []options{
		{only: "nothing", pipelines: "1"},
		{only: "memory", pipelines: "0"},
		{only: "memory", pipelines: "1", servers: []string{"x"}},
		{only: "memory", pipelines: "1", servers: []string{"x=command"}},
		{only: "memory", pipelines: "1", tests: "no such test"},
	} {
		o.out = t.TempDir()
		if err := run(&o, tiny, io.Discard, io.Discard); err == nil {
			t.Errorf("%+v is run", o)
		}
	}
}

func TestSizesOfFlags(t *testing.T) {
	o := options{quick: true, rounds: 7, keys: 10}
	got := o.sizes()
	if got.Rounds != 7 || got.Scenes != 7 || got.Keys != 10 || got.Requests != contest.Quick.Requests {
		t.Errorf("got %+v", got)
	}
}
