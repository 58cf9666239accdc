package main

import (
	"fmt"
	"math"
	"time"

	"redstart/bench/peer"
)

// A holding is what a server holds when its memory is looked at.
type holding struct {
	name string
	what string
	goal float64
	fill func(f *filler, n int)
}

var holdings = []holding{
	{"strings", "strings of 64 B under keys of 16 B", 1, (*filler).strings},
	{"hash", "fields of 20 B with values of 64 B in one hash", 1, (*filler).hash},
	{"set", "members of 20 B in one set", 1, (*filler).set},
	{"zset", "members of 20 B in one sorted set", 1, (*filler).zset},
	{"list", "elements of 64 B in one list", 1, (*filler).list},
}

// memory prints the resident memory of servers that hold many elements. Each
// figure is that of a process started for it.
func memory(programs []peer.Program, o options) error {
	fmt.Println("## Resident memory of the server process (VmRSS)")
	fmt.Println()
	fmt.Println("Ratio is redstart / redis-server, of the whole process.")
	fmt.Println()
	fmt.Printf("| %d of | redstart, MiB | redis-server, MiB | ratio | goal | met |\n|---|---:|---:|---:|---:|---|\n", o.elements)
	for _, h := range holdings {
		if !o.wants(h.name) {
			continue
		}
		var mib [2]float64
		for i, p := range programs {
			rss, err := hold(p, h, o.elements)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", h.name, p.Name, err)
			}
			mib[i] = float64(rss) / (1 << 20)
		}
		ratio := mib[0] / mib[1]
		fmt.Printf("| %s | %.1f | %.1f | %.2f | ≤ %.1f | %s |\n", h.what, mib[0], mib[1], ratio, h.goal, verdict(ratio, h.goal))
	}
	fmt.Println()
	return nil
}

// hold starts a server, fills it, and returns its resident memory once that
// has come to rest.
func hold(p peer.Program, h holding, n int) (int64, error) {
	s, err := p.Start(nil)
	if err != nil {
		return 0, err
	}
	defer s.Kill()
	f, err := newFiller(s)
	if err != nil {
		return 0, err
	}
	defer f.close()
	h.fill(f, n)
	if f.err != nil {
		return 0, f.err
	}
	return settledRSS(s)
}

// settledRSS returns the resident memory when it has stayed the same, within
// one percent, for three seconds, or after half a minute. A collector needs a
// moment to give back what it has freed.
func settledRSS(s *peer.Server) (int64, error) {
	const calm, longest = 3, 30
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	rss, err := s.RSS()
	for same, seconds := 0, 0; err == nil && same < calm && seconds < longest; seconds++ {
		<-tick.C
		before := rss
		rss, err = s.RSS()
		same++
		if math.Abs(float64(rss-before)) > float64(before)/100 {
			same = 0
		}
	}
	return rss, err
}
