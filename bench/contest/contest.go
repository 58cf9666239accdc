// Package contest lets servers compete: it starts them, gives each the same to
// do in turn, and returns what came out as tables of package report.
//
// The nouns:
//
//   - A [Contestant] is a server, how it is started, and which other one it is
//     shown beside.
//   - A [Contest] is several of them, and what they have to do. It has a method
//     for each table: [Contest.Benchmark], [Contest.Large], [Contest.Load],
//     [Contest.Memory], [Contest.Parts] and [Contest.Pauses]. What it costs to
//     keep data in a file is in [Contest.Durable], [Contest.Journal], [Contest.Saving],
//     [Contest.Checkpoints], [Contest.SavingMemory], [Contest.Opening], [Contest.Rewriting] and, of
//     our library, [Contest.Library] and [Contest.Flush]; they bring their
//     contestants with them, made from [Contest.Redstart] and [Contest.Redis].
//   - [Sizes] say how much of it.
//
// In each round the servers take turns, and in every other round the other way
// round, so that whatever else the machine does disturbs all alike.
package contest

import (
	"fmt"
	"io"
	"slices"
	"time"

	"redstart/bench/load"
	"redstart/bench/peer"
	"redstart/bench/report"
)

// A Contestant is a server that takes part.
type Contestant struct {
	Name    string
	Program peer.Program
	Options peer.Options
	Base    string // the contestant beside which it is shown; "": it is such a one
}

// keeps says whether the contestant keeps its data in a file.
func (c Contestant) keeps() bool { return c.Options.Sync != "" }

// Sizes say how much the contestants have to do.
type Sizes struct {
	Rounds   int           // of tables that repeat what they measure
	Requests int           // of a run of redis-benchmark without pipelining
	Large    int           // elements in the large collections
	Elements int           // keys or elements that the memory table counts on
	Calm     time.Duration // how long resident memory must have stayed the same
	Time     time.Duration // of a load at a steady rate
	Keys     int           // in the server while pauses are looked for
	Scenes   int           // rounds in which they are
	Watch    time.Duration // how long pauses are looked for at least
}

// Full and Quick are the sizes of a run whose figures are worth something, and
// of one that shows that all of it works.
var (
	Full = Sizes{Rounds: 3, Requests: 100_000, Large: 1_000_000, Elements: 1_000_000, Calm: 6 * time.Second,
		Time: 1500 * time.Millisecond, Keys: 5_000_000, Scenes: 1, Watch: 3 * time.Second}
	Quick = Sizes{Rounds: 1, Requests: 5_000, Large: 100_000, Elements: 100_000, Calm: 500 * time.Millisecond,
		Time: 250 * time.Millisecond, Keys: 200_000, Scenes: 1, Watch: 500 * time.Millisecond}
)

// FullDurable and QuickDurable are the same for the tables about files.
var (
	FullDurable  = Sizes{Rounds: 3, Calm: 6 * time.Second, Time: 3 * time.Second, Keys: 2_000_000, Watch: 3 * time.Second}
	QuickDurable = Sizes{Rounds: 1, Calm: 500 * time.Millisecond, Time: 250 * time.Millisecond, Keys: 100_000, Watch: 500 * time.Millisecond}
)

// A Contest is what is compared, and how thoroughly.
type Contest struct {
	Contestants []Contestant
	Redstart    peer.Program // for the tables with contestants of their own
	Redis       peer.Program
	Sizes       Sizes
	Tests       []string  // the names of those to run, or "all"
	Grid        bool      // Load runs all combinations
	Progress    io.Writer // is told what is being done
}

func (c *Contest) wants(test string) bool {
	return slices.Contains(c.Tests, "all") || slices.Contains(c.Tests, test)
}

func (c *Contest) progress(format string, args ...any) {
	fmt.Fprintf(c.Progress, format+"\n", args...)
}

// pairs returns which contestants are shown beside which.
func (c *Contest) pairs() []report.Pair {
	var pairs []report.Pair
	for _, x := range c.Contestants {
		if x.Base != "" {
			pairs = append(pairs, report.Pair{Server: x.Name, Base: x.Base})
		}
	}
	return pairs
}

// An entrant is a contestant whose server runs.
type entrant struct {
	Contestant
	*peer.Server
	mix load.Mix // what it is filled with, if it is that
}

// start starts all contestants. The caller ends them by stop.
func (c *Contest) start() (all []*entrant, err error) {
	for _, x := range c.Contestants {
		e, err := x.start()
		if err != nil {
			stop(all)
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (x Contestant) start() (*entrant, error) {
	s, err := x.Program.Start(&x.Options)
	if err != nil {
		return nil, err
	}
	return &entrant{Contestant: x, Server: s}, nil
}

// stop ends servers whose data nobody needs any more.
func stop(all []*entrant) {
	for _, e := range all {
		e.Kill()
	}
}

// inTurn calls f for each of some contestants, in every other round the other
// way round.
func inTurn[T any](all []T, round int, f func(T) error) error {
	order := slices.Clone(all)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, x := range order {
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

// fill empties the server and lets f fill it.
func (e *entrant) fill(f func(*load.Filler)) error {
	return e.use(func(filler *load.Filler) {
		filler.Do("FLUSHALL")
		f(filler)
	})
}

// use gives f a client of the server.
func (e *entrant) use(f func(*load.Filler)) error {
	filler, err := load.NewFiller("tcp", e.Addr())
	if err != nil {
		return err
	}
	defer filler.Close()
	f(filler)
	if filler.Err != nil {
		return fmt.Errorf("%s: %w", e.name(), filler.Err)
	}
	return nil
}

// during returns the processor time the server uses while f runs.
func (e *entrant) during(f func() error) (time.Duration, error) {
	before, err := e.CPU()
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, fmt.Errorf("%s: %w", e.name(), err)
	}
	after, err := e.CPU()
	return after - before, err
}

// micros is d in microseconds for each of n.
func micros(d time.Duration, n int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(n)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
