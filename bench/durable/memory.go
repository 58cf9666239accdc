package durable

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"redstart/bench/load"
	"redstart/bench/peer"
)

// A Peak is the memory of a server around a checkpoint, in bytes. Anonymous
// memory is what the server itself takes; resident memory has the pages of its
// file, too, which the system may take back at any time.
type Peak struct {
	What             string // what was written to the file
	Before, Most     int64  // resident
	AnonBefore, Anon int64  // anonymous
	Writes           int    // made by others meanwhile
	Wall             time.Duration
}

// Ratio returns how many times as much anonymous memory the server took at
// most as before.
func (p Peak) Ratio() float64 { return float64(p.Anon) / float64(max(p.AnonBefore, 1)) }

// MemoryWhileCheckpointing looks at the memory of a server of ours, which holds
// n strings of 64 B, while it writes checkpoints and a client overwrites keys at
// a rate: first one of a hundredth of the keys, then one of everything.
func MemoryWhileCheckpointing(redstart peer.Program, n, perSec int) (peaks []Peak, err error) {
	s, err := redstart.Start(&peer.Options{Sync: "everysec"})
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := s.Stop(); err == nil {
			err = stopped
		}
	}()
	d := Data{Strings: n}
	if err := d.fill(s.Addr()); err != nil {
		return nil, err
	}
	for _, e := range []struct {
		what    string
		changed int
	}{{"1 % of the keys", n / 100}, {"everything", n * 3 / 4}} {
		if err := save(s.Addr()); err != nil {
			return nil, err
		}
		if err := overwrite(s.Addr(), n, e.changed); err != nil {
			return nil, err
		}
		if err := calm(s); err != nil {
			return nil, err
		}
		p, err := peak(s, n, perSec)
		if err != nil {
			return nil, err
		}
		p.What = e.what
		peaks = append(peaks, p)
	}
	return peaks, nil
}

// overwrite writes some of n strings.
func overwrite(addr string, n, some int) error {
	f, err := load.NewFiller("tcp", addr)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Fill(some, []string{"MSET"}, func(args []string, i int) []string {
		return append(args, load.Key(i*7919%n), value(i+1))
	})
	return f.Err
}

// calm waits until the server's memory has stopped falling and rising.
func calm(s *peer.Server) error {
	last, same := int64(0), 0
	for range 300 {
		_, anon, err := memory(s.PID())
		if err != nil {
			return err
		}
		if diff := anon - last; diff < 1<<20 && diff > -1<<20 {
			same++
		} else {
			same = 0
		}
		if last = anon; same == 20 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil // it is as calm as it gets
}

// peak has the server save, overwrites keys meanwhile, and looks at its memory.
func peak(s *peer.Server, n, perSec int) (p Peak, err error) {
	if p.Before, p.AnonBefore, err = memory(s.PID()); err != nil {
		return p, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	written := make(chan error, 1)
	go func() { written <- p.write(ctx, s.Addr(), n, perSec) }()
	saved := make(chan error, 1)
	began := time.Now()
	go func() { saved <- save(s.Addr()) }()
	for done := false; !done && err == nil; {
		select {
		case err = <-saved:
			done = true
		case <-time.After(2 * time.Millisecond):
		}
		rss, anon, failed := memory(s.PID())
		if failed != nil {
			err = failed
		}
		p.Most, p.Anon = max(p.Most, rss), max(p.Anon, anon)
	}
	p.Wall = time.Since(began)
	cancel()
	if failed := <-written; err == nil {
		err = failed
	}
	return p, err
}

// write overwrites random keys, as many in a second as are asked for, until
// ctx ends.
func (p *Peak) write(ctx context.Context, addr string, n, perSec int) error {
	f, err := load.NewFiller("tcp", addr)
	if err != nil {
		return err
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(5, 6))
	began := time.Now()
	for ctx.Err() == nil && f.Err == nil {
		if float64(p.Writes) > time.Since(began).Seconds()*float64(perSec) {
			time.Sleep(time.Millisecond)
			continue
		}
		for range 50 {
			f.Send("SET", load.Key(rng.IntN(n)), value(p.Writes))
			p.Writes++
		}
		f.Wait()
	}
	return f.Err
}

// memory returns the resident and the anonymous memory of a process.
func memory(pid int) (rss, anon int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(status) {
		var kib int64
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %d kB", &kib); n == 1 {
			rss = kib << 10
		}
		if n, _ := fmt.Sscanf(string(line), "RssAnon: %d kB", &kib); n == 1 {
			anon = kib << 10
		}
	}
	if rss == 0 {
		return 0, 0, fmt.Errorf("process %d has no memory", pid)
	}
	return rss, anon, nil
}
