package durable

import (
	"os"
	"testing"

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
