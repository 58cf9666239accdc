package durable

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"redstart/bench/load"
	"redstart/bench/peer"
)

// An Opening is how long a server took to load its data, in each round.
type Opening struct {
	Server string
	Bytes  int64           // of its file
	Wall   []time.Duration // from the start of the process to its answer to PING
	CPU    []time.Duration // that the process used up to then
	Told   []string        // what it says itself about it
	RSS    []int64         // of the process afterwards
}

// Openings are those of both servers, in the same rounds.
type Openings struct {
	Keys            int
	Redstart, Redis Opening
}

// Ratio returns the median over the rounds of our figure over redis-server's.
func (o *Openings) Ratio(of func(o *Opening) []time.Duration) float64 {
	var ratios []float64
	for i, ours := range of(&o.Redstart) {
		ratios = append(ratios, float64(ours)/float64(of(&o.Redis)[i]))
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// Wall and CPU are what Ratio is asked of.
func Wall(o *Opening) []time.Duration { return o.Wall }
func CPU(o *Opening) []time.Duration  { return o.CPU }

// Open gives both servers the data, has them save it (redis-server as RDB), and
// starts them in turn. progress is told what is being done.
func Open(redstart, redis peer.Program, d Data, rounds int, progress func(string)) (*Openings, error) {
	result := &Openings{Keys: d.Keys()}
	var runs []*opened
	for _, e := range []struct {
		program peer.Program
		to      *Opening
	}{{redstart, &result.Redstart}, {redis, &result.Redis}} {
		progress(fmt.Sprintf("%s: storing %d keys", e.program.Name, d.Keys()))
		r := &opened{program: e.program, result: e.to}
		defer r.remove()
		if err := r.prepare(d); err != nil {
			return nil, fmt.Errorf("%s: %w", e.program.Name, err)
		}
		runs = append(runs, r)
	}
	for round := range rounds {
		progress(fmt.Sprintf("opening, round %d of %d", round+1, rounds))
		for _, r := range runs {
			if err := r.open(); err != nil {
				return nil, fmt.Errorf("%s: %w", r.program.Name, err)
			}
		}
		slices.Reverse(runs)
	}
	return result, nil
}

// An opened is a server that is started again and again with the same file.
type opened struct {
	program peer.Program
	dir     string
	result  *Opening
}

func (r *opened) remove() { os.RemoveAll(r.dir) }

func (r *opened) options() *peer.Options {
	o := &peer.Options{Dir: r.dir}
	if r.program.Name == "redstart" {
		o.Sync = "everysec"
	} else {
		o.Args = []string{"--loglevel", "notice"}
	}
	return o
}

// prepare makes the file.
func (r *opened) prepare(d Data) (err error) {
	if r.dir, err = os.MkdirTemp("", "durable-"); err != nil {
		return err
	}
	r.result.Server = r.program.Name
	s, err := r.program.Start(r.options())
	if err != nil {
		return err
	}
	err = d.fill(s.Addr())
	if err == nil {
		err = save(s.Addr())
	}
	if stopped := s.Stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return err
	}
	for _, name := range []string{"app.db", "dump.rdb"} {
		if info, err := os.Stat(filepath.Join(r.dir, name)); err == nil {
			r.result.Bytes = info.Size()
		}
	}
	return nil
}

// open starts the server once.
func (r *opened) open() error {
	began := time.Now()
	s, err := r.program.Start(r.options())
	if err != nil {
		return err
	}
	wall := time.Since(began)
	cpu, err := s.CPU()
	if err != nil {
		s.Kill()
		return err
	}
	rss, err := s.RSS()
	if err != nil {
		s.Kill()
		return err
	}
	r.result.Wall = append(r.result.Wall, wall)
	r.result.CPU = append(r.result.CPU, cpu)
	r.result.RSS = append(r.result.RSS, rss)
	r.result.Told = append(r.result.Told, told(s.Output()))
	s.Kill() // it has nothing to save
	return nil
}

// told returns what a server printed about loading.
func told(output string) string {
	for line := range strings.Lines(output) {
		if i := strings.Index(line, "DB loaded from disk"); i >= 0 {
			return strings.TrimSpace(line[i:])
		}
		if strings.Contains(line, "keys in ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// save has a server save, after a save that it may have begun by itself.
func save(addr string) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := command(addr, "SAVE")
		if err == nil || !strings.Contains(err.Error(), "in progress") || time.Now().After(deadline) {
			return err
		}
	}
}

// command sends one command and waits for its reply.
func command(addr string, args ...string) error {
	f, err := load.NewFiller("tcp", addr)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Do(args...)
	return f.Err
}
