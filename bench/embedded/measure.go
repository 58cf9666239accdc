package embedded

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A Spread is what a figure was in each of the rounds.
type Spread []float64

// Median returns the middle one.
func (s Spread) Median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// String shows the median, and the smallest and the largest behind it.
func (s Spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", Short(s.Median()), Short(slices.Min(s)), Short(slices.Max(s)))
}

// Short shows x with two or three digits that count.
func Short(x float64) string {
	switch {
	case math.Abs(x) >= 100:
		return fmt.Sprintf("%.0f", x)
	case math.Abs(x) >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// A Figure is what a task cost two libraries in the same rounds.
type Figure struct {
	Task, Peer string
	Keys       int // or fields, if the task iterates
	Ours       Spread
	Theirs     Spread  // nanoseconds an operation
	Ratio      Spread  // theirs / ours
	OurAllocs  float64 // an operation
	Allocs     float64 // theirs
}

// Effort says how long to measure.
type Effort struct {
	Rounds int
	Run    time.Duration // of one go
}

// Compare measures t with ours and with peer, in turn. ok is false if one of
// the two does not have it.
func Compare(t Task, ours, peer Library, d *Data, effort Effort) (f Figure, ok bool, err error) {
	f = Figure{Task: t.Name, Peer: peer.Name, Keys: len(d.Keys)}
	if t.Name == "each" {
		f.Keys = d.Fields
	}
	var runs [2]*runner
	for i, lib := range []Library{ours, peer} {
		r, has, err := begin(t, lib, d)
		if err != nil || !has {
			return f, false, err
		}
		defer r.end()
		runs[i] = r
	}
	for _, r := range runs {
		if err := r.calibrate(effort.Run); err != nil {
			return f, true, err
		}
	}
	for range effort.Rounds {
		for _, r := range runs {
			if err := r.round(); err != nil {
				return f, true, err
			}
		}
		f.Ratio = append(f.Ratio, runs[1].ns[len(runs[1].ns)-1]/runs[0].ns[len(runs[0].ns)-1])
	}
	f.Ours, f.Theirs = runs[0].ns, runs[1].ns
	f.OurAllocs, f.Allocs = runs[0].allocs, runs[1].allocs
	return f, true, nil
}

// A runner is a task prepared with one library.
type runner struct {
	task   Task
	lib    Library
	engine *Engine
	dir    string
	run    func(n int) (int, error)
	n      int    // operations of a go
	ns     Spread // of an operation, in each round
	allocs float64
}

// begin opens lib and prepares t, if lib has it.
func begin(t Task, lib Library, d *Data) (r *runner, has bool, err error) {
	r = &runner{task: t, lib: lib}
	if r.dir, err = os.MkdirTemp("", "redstart-embedded-"); err != nil {
		return nil, false, err
	}
	if r.engine, err = lib.Open(r.dir); err != nil {
		os.RemoveAll(r.dir)
		return nil, false, fmt.Errorf("%s: %w", lib.Name, err)
	}
	if !t.Has(r.engine) {
		return nil, false, r.end()
	}
	if r.run, err = t.New(r.engine, d); err != nil {
		r.end()
		return nil, false, r.failed(err)
	}
	return r, true, nil
}

func (r *runner) end() error {
	err := r.engine.Close()
	os.RemoveAll(r.dir)
	return err
}

func (r *runner) failed(err error) error {
	return fmt.Errorf("%s: %s: %w", r.lib.Name, r.task.Name, err)
}

// calibrate finds how many operations take about so long.
func (r *runner) calibrate(goal time.Duration) error {
	for r.n = 1; ; {
		start := time.Now()
		did, err := r.run(r.n)
		if err != nil {
			return r.failed(err)
		}
		took := time.Since(start)
		if took >= goal/8 {
			r.n = max(int(float64(did)*float64(goal)/float64(took)), 1)
			return nil
		}
		r.n = 4 * did
	}
}

// round does one go.
func (r *runner) round() error {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := r.now()
	did, err := r.run(r.n)
	took := r.now() - start
	if err != nil {
		return r.failed(err)
	}
	runtime.ReadMemStats(&after)
	r.ns = append(r.ns, float64(took)/float64(did))
	r.allocs = float64(after.Mallocs-before.Mallocs) / float64(did)
	return nil
}

// now returns the time that counts for the task: what has passed, or what the
// processors have spent on this process, collecting garbage included.
func (r *runner) now() time.Duration {
	clock := int32(unix.CLOCK_PROCESS_CPUTIME_ID)
	if r.task.Wall {
		clock = unix.CLOCK_MONOTONIC
	}
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		panic(err) // there are these clocks on every Linux
	}
	return time.Duration(t.Nano())
}
