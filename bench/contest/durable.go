package contest

import (
	"context"
	"fmt"
	"math/rand/v2"

	"redstart/bench/load"
	"redstart/bench/peer"
	"redstart/bench/report"
)

// Names of contestants that keep a file, and of those beside which they stand.
const (
	ours         = "redstart"
	theirs       = "redis-server"
	oursEvery    = "redstart, every second"
	theirsEvery  = "redis-server, every second"
	oursMemory   = "redstart without a file"
	theirsMemory = "redis-server without a file"
)

// noSurprise keeps redis-server from rewriting its append-only file when it
// likes.
var noSurprise = []string{"--auto-aof-rewrite-percentage", "0"}

// among returns c with other contestants.
func (c *Contest) among(all ...Contestant) *Contest {
	other := *c
	other.Contestants = all
	return &other
}

// both are our server and redis-server under the same policy.
func (c *Contest) both(sync string) []Contestant {
	return []Contestant{
		{Name: ours, Program: c.Redstart, Options: peer.Options{Sync: sync}, Base: theirs},
		{Name: theirs, Program: c.Redis, Options: peer.Options{Sync: sync, Args: noSurprise}},
	}
}

// writes returns SET of random keys with values of 64 B, depth at a time.
func writes(depth int) *load.Script {
	rng := rand.New(rand.NewPCG(7, 8))
	return load.NewScript(1<<16, depth, func(b []byte) []byte {
		return load.AppendRequest(b, "SET", load.Key(rng.IntN(keyspace)), value)
	})
}

// Durable lets clients write as fast as each is answered, when an answer means
// that the write is on disk.
func (c *Contest) Durable() (*report.Table, error) {
	c = c.among(c.both("always")...)
	t := &report.Table{
		Name:  "durable",
		Title: fmt.Sprintf("Durable writes: appendfsync always, SET of 64 B, rounds: %d", c.Sizes.Rounds),
		Notes: []string{"Over TCP, each client sends its next write when it has its reply. Of redis-server the append-only file, without RDB. " +
			"CPU is that of the server process per write."},
		Subject: "clients",
		Measures: []report.Measure{
			{Name: "writes", Unit: "1/s", Goal: report.Goal{Ratio: 1, AtLeast: true}},
			{Name: "p50", Unit: "ms"},
			{Name: "p99", Unit: "ms"},
			{Name: "CPU", Unit: "µs", Hidden: true},
		},
		Pairs: c.pairs(),
	}
	all, err := c.start()
	if err != nil {
		return nil, err
	}
	defer stop(all)
	script := writes(1)
	for _, clients := range []int{1, 10, 50} {
		row := t.NewRow(fmt.Sprint(clients))
		if clients > 1 {
			row.Goals = []report.Goal{{Ratio: 2, AtLeast: true}, {}, {}, {}}
		} else {
			row.Goals = []report.Goal{{Ratio: 1, AtLeast: true}, {}, {}, {}}
		}
		for round := range c.Sizes.Rounds {
			c.progress("durable, %d clients, round %d", clients, round+1)
			err := inTurn(all, round, func(e *entrant) error {
				r, used, err := c.closed(e, script, clients)
				if err != nil {
					return err
				}
				row.Add(e.name(), report.Sample{r.Rate(), millis(r.Latency.Quantile(0.5)), millis(r.Latency.Quantile(0.99)), used})
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// closed gives a server a load as fast as it takes it, and returns also the
// processor time it used, in microseconds per request.
func (c *Contest) closed(e *entrant, script *load.Script, clients int) (r *load.Result, used float64, err error) {
	l := &load.Load{Network: "tcp", Addr: e.Addr(), Conns: clients, Script: script, Time: c.Sizes.Time / 10}
	if _, err = l.Run(context.Background()); err != nil { // warms up
		return nil, 0, err
	}
	l.Time = c.Sizes.Time
	cpu, err := e.during(func() (err error) {
		if r, err = l.Run(context.Background()); err == nil && r.Errors > 0 {
			err = fmt.Errorf("%d error replies, the first: %s", r.Errors, r.Error)
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return r, micros(cpu, r.Replies), nil
}

// Journal compares servers that write what happens to a file every second with
// the same ones that do not.
func (c *Contest) Journal() (*report.Table, error) {
	c = c.among(
		Contestant{Name: oursEvery, Program: c.Redstart, Options: peer.Options{Sync: "everysec"}, Base: oursMemory},
		Contestant{Name: oursMemory, Program: c.Redstart},
		Contestant{Name: theirsEvery, Program: c.Redis, Options: peer.Options{Sync: "everysec", Args: noSurprise}, Base: theirsMemory},
		Contestant{Name: theirsMemory, Program: c.Redis},
	)
	t := &report.Table{
		Name:    "journal",
		Title:   fmt.Sprintf("Writing to a file every second, beside none: SET of 64 B, 50 clients, rounds: %d", c.Sizes.Rounds),
		Notes:   []string{"As fast as each client is answered. CPU is that of the server process per write, in which all that it does in the background is."},
		Subject: "load",
		Measures: []report.Measure{
			{Name: "throughput", Unit: "1/s", Goal: report.Goal{Ratio: 0.85, AtLeast: true}},
			{Name: "CPU", Unit: "µs"},
			{Name: "p99", Unit: "ms", Hidden: true},
		},
		Pairs: c.pairs(),
	}
	all, err := c.start()
	if err != nil {
		return nil, err
	}
	defer stop(all)
	for _, depth := range []int{1, 16} {
		script := writes(depth)
		row := t.NewRow(fmt.Sprint("P", depth))
		for round := range c.Sizes.Rounds {
			c.progress("journal, P %d, round %d", depth, round+1)
			err := inTurn(all, round, func(e *entrant) error {
				r, used, err := c.closed(e, script, 50)
				if err != nil {
					return err
				}
				row.Add(e.name(), report.Sample{r.Rate(), used, millis(r.Latency.Quantile(0.99))})
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}
