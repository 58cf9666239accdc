package contest

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"redstart/bench/load"
	"redstart/bench/report"
	"redstart/store"
)

// withFile and withoutFile are our library in this process.
const (
	withFile    = "library with a file"
	withoutFile = "library in memory"
)

var libraryPairs = []report.Pair{{Server: withFile, Base: withoutFile}}

// inLibrary opens a database in this process and gives it to f.
func inLibrary(name string, opt *store.Options, f func(db *store.DB) error) error {
	path := ""
	if name == withFile {
		dir, err := os.MkdirTemp("", "library-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "app.db")
	}
	db, err := store.Open(path, opt)
	if err != nil {
		return err
	}
	defer db.Close()
	return f(db)
}

// Library compares SET by a program that embeds the library, with a file that
// is written every second and without.
func (c *Contest) Library() (*report.Table, error) {
	t := &report.Table{
		Name:     "library",
		Title:    fmt.Sprintf("The library with a file, written every second, and without: SET of 64 B, one goroutine, rounds: %d", c.Sizes.Rounds),
		Notes:    []string{"CPU is what the process used per write, in the background as well, until everything was on disk."},
		Subject:  "keys",
		Measures: []report.Measure{{Name: "CPU", Unit: "ns", Goal: report.Goal{Ratio: 1.15}}, {Name: "time", Unit: "ns"}},
		Pairs:    libraryPairs,
	}
	keys, v := make([]string, keyspace), []byte(value)
	for i := range keys {
		keys[i] = load.Key(i * 7919 % keyspace)
	}
	row := t.NewRow(fmt.Sprint(len(keys)))
	for round := range c.Sizes.Rounds {
		c.progress("library, round %d", round+1)
		err := inTurn([]string{withFile, withoutFile}, round, func(name string) error {
			return inLibrary(name, nil, func(db *store.DB) error {
				sample, err := c.sets(db, keys, v)
				row.Add(name, sample)
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// sets overwrites keys for some time, after each was set once.
func (c *Contest) sets(db *store.DB, keys []string, v []byte) (report.Sample, error) {
	pass := func() error {
		for _, key := range keys {
			if err := db.Set(key, v); err != nil {
				return err
			}
		}
		return nil
	}
	if err := pass(); err != nil {
		return nil, err
	}
	n := 0
	began := time.Now()
	cpu, err := usedByUs(func() error {
		for n == 0 || time.Since(began) < c.Sizes.Time {
			if err := pass(); err != nil {
				return err
			}
			n += len(keys)
		}
		return db.Sync()
	})
	each := func(d time.Duration) float64 { return float64(d) / float64(n) }
	return report.Sample{each(cpu), each(time.Since(began))}, err
}

// flushRate is how many writes a second Flush makes.
const flushRate = 500_000

// Flush looks at how long single writes take while the journal of a second
// with half a million of them is written.
func (c *Contest) Flush() (*report.Table, error) {
	t := &report.Table{
		Name:  "flush",
		Title: fmt.Sprintf("How long the library holds a writer who writes %d times a second, rounds: %d", flushRate, c.Sizes.Rounds),
		Notes: []string{fmt.Sprintf("SET of 64 B, one goroutine, for %v a round; what a write takes is its own time, from call to return. In memory nothing is "+
			"written: so much is the collector's, and the machine's. The goal is a longest write of at most 5 ms. Slow are those above 1 ms.", 2*c.Sizes.Watch)},
		Subject: "writes",
		Measures: []report.Measure{{Name: "p99.99", Unit: "µs"}, {Name: "longest", Unit: "ms"}, {Name: "slow", Plain: true},
			{Name: "rate", Unit: "1/s", Plain: true}},
		Pairs: libraryPairs,
	}
	c.progress("flush")
	f, err := flushStall(flushRate, c.Sizes.Rounds, 2*c.Sizes.Watch)
	if err != nil {
		return nil, err
	}
	row := t.NewRow("SET")
	for name, stalls := range map[string][]stall{withFile: f.file, withoutFile: f.memory} {
		for _, s := range stalls {
			row.Add(name, report.Sample{micros(s.p9999, 1), millis(s.longest), float64(s.over1ms), float64(s.perSec)})
		}
	}
	return t, nil
}
