package durable

import (
	"os"
	"testing"
	"time"

	"redstart/bench/peer"
)

var lab peer.Lab

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

func quiet(string) {}

// The measurements work; their figures are worth nothing at this size.

func TestOpen(t *testing.T) {
	redis := lab.Redis(t)
	o, err := Open(lab.Redstart(t), redis, Mixed(2000), 2, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Opening{&o.Redstart, &o.Redis} {
		if len(s.Wall) != 2 || len(s.CPU) != 2 || s.CPU[1] <= 0 || s.Bytes == 0 || s.Told[0] == "" {
			t.Errorf("%+v", s)
		}
	}
	if o.Ratio(CPU) <= 0 || o.Ratio(Wall) <= 0 {
		t.Error(o.Ratio(CPU), o.Ratio(Wall))
	}
}

func TestCheckpoints(t *testing.T) {
	for _, mixed := range []bool{false, true} {
		all, err := Checkpoints(20_000, 3, mixed)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 4 || !all[0].Base {
			t.Fatalf("%+v", all)
		}
		for _, c := range all[1:] {
			if c.Base || c.Changed < 190 || c.Changed > 200 || c.Wall <= 0 || c.Written() <= 1 {
				t.Errorf("mixed %v: %+v", mixed, c)
			}
		}
	}
}

func TestOnePush(t *testing.T) {
	c, err := OnePush(10_000)
	if err != nil {
		t.Fatal(err)
	}
	if c.Base || c.Patches != 1 || c.Bytes > 200 {
		t.Errorf("%+v", c)
	}
}

func TestFlushStall(t *testing.T) {
	f, err := FlushStall(20_000, 1, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.File) != 1 || len(f.Memory) != 1 || f.File[0].Writes < 100 || f.File[0].Longest <= 0 {
		t.Errorf("%+v", f)
	}
}

func TestMemoryWhileCheckpointing(t *testing.T) {
	peaks, err := MemoryWhileCheckpointing(lab.Redstart(t), 20_000, 5000)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peaks {
		if p.Before == 0 || p.AnonBefore == 0 || p.Ratio() <= 0 {
			t.Errorf("%+v", p)
		}
	}
}

func TestSizes(t *testing.T) {
	redis := lab.Redis(t)
	s, err := Sizes(lab.Redstart(t), redis, Mixed(5000))
	if err != nil {
		t.Fatal(err)
	}
	if s.Written == 0 || s.Saved == 0 || s.AOF == 0 || s.RDB == 0 {
		t.Errorf("%+v", s)
	}
}
