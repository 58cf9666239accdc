package contest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"redstart/bench/load"
	"redstart/bench/report"
)

// Sizes in large collections that do not grow with them.
const (
	largeClients = 50
	rangeLength  = 100   // elements a range returns
	removed      = 3     // members that ZREMRANGEBYRANK removes at once
	nearTheHead  = 20000 // list elements among which LINSERT and LPOS search, from the head
	small        = 1000  // members of the small set, fields of the hash
)

// A largeTest sends one command, with random arguments, to a large collection.
type largeTest struct {
	name     string
	fill     func(f *load.Filler, n int)
	requests int // without pipelining
	writes   bool
	command  func(rng *rand.Rand, n int) []string
}

var largeTests = []largeTest{
	{"zrank", fillZSet, 100_000, false, func(rng *rand.Rand, n int) []string {
		return []string{"ZRANK", "myzset", load.Element(rng.IntN(n))}
	}},
	{"zrevrank", fillZSet, 100_000, false, func(rng *rand.Rand, n int) []string {
		return []string{"ZREVRANK", "myzset", load.Element(rng.IntN(n))}
	}},
	{"zrange", fillZSet, 30_000, false, func(rng *rand.Rand, n int) []string {
		at := rng.IntN(n - rangeLength)
		return []string{"ZRANGE", "myzset", strconv.Itoa(at), strconv.Itoa(at + rangeLength - 1)}
	}},
	{"zrangebyscore", fillZSet, 30_000, false, func(rng *rand.Rand, n int) []string {
		return []string{"ZRANGEBYSCORE", "myzset", strconv.Itoa(rng.IntN(n - rangeLength)), "+inf", "LIMIT", "0", strconv.Itoa(rangeLength)}
	}},
	// What is removed is not added again: with three at once the set is still
	// large at the end. Ranks come from the lower half.
	{"zremrangebyrank", fillZSet, 30_000, true, func(rng *rand.Rand, n int) []string {
		at := rng.IntN(n / 2)
		return []string{"ZREMRANGEBYRANK", "myzset", strconv.Itoa(at), strconv.Itoa(at + removed - 1)}
	}},
	{"lindex", fillNumbered, 50_000, false, func(rng *rand.Rand, n int) []string {
		return []string{"LINDEX", "mylist", strconv.Itoa(rng.IntN(n))}
	}},
	{"linsert", fillNumbered, 5_000, true, func(rng *rand.Rand, n int) []string {
		return []string{"LINSERT", "mylist", "BEFORE", load.Element(rng.IntN(min(n, nearTheHead))), value}
	}},
	{"lpos", fillNumbered, 5_000, false, func(rng *rand.Rand, n int) []string {
		return []string{"LPOS", "mylist", load.Element(rng.IntN(min(n, nearTheHead)))}
	}},
	{"sinter", fillTwoSets, 2_000, false, func(*rand.Rand, int) []string {
		return []string{"SINTER", "myset", "small"}
	}},
	{"hgetall", func(f *load.Filler, _ int) { fillHash(f, small) }, 5_000, false, func(*rand.Rand, int) []string {
		return []string{"HGETALL", "myhash"}
	}},
}

// fillNumbered pushes n elements that can be told apart.
func fillNumbered(f *load.Filler, n int) {
	f.Fill(n, []string{"RPUSH", "mylist"}, func(args []string, i int) []string { return append(args, load.Element(i)) })
}

// fillTwoSets adds a large set, and a small one of which every other member is
// in the large one, too.
func fillTwoSets(f *load.Filler, n int) {
	fillSet(f, n)
	f.Fill(small, []string{"SADD", "small"}, func(args []string, i int) []string {
		if i%2 == 0 {
			return append(args, load.Element(i*(n/small)))
		}
		return append(args, "other:"+strconv.Itoa(i))
	})
}

// Large runs commands on large collections, with depth requests sent at once.
// Contestants that keep a file run only those that write.
func (c *Contest) Large(depth int) (*report.Table, error) {
	t := &report.Table{
		Name:  fmt.Sprintf("large-P%d", depth),
		Title: fmt.Sprintf("Large collections, %d clients, P %d, rounds: %d", largeClients, depth, c.Sizes.Rounds),
		Notes: []string{fmt.Sprintf("Sorted set, list and set hold %d elements, arguments are random: members and ranks anywhere, "+
			"ZRANGE and ZRANGEBYSCORE return %d elements, ZREMRANGEBYRANK removes %d; LINSERT and LPOS search for one of the first %d elements; "+
			"SINTER is with a set of %d, half of them shared; the hash of HGETALL has %d fields. CPU is that of the server process per request.",
			c.Sizes.Large, rangeLength, removed, nearTheHead, small, small)},
		Subject:  "test",
		Measures: requestMeasures(1),
		Pairs:    c.pairs(),
	}
	all, err := c.start()
	if err != nil {
		return nil, err
	}
	defer stop(all)
	for _, test := range largeTests {
		if !c.wants(test.name) {
			continue
		}
		c.progress("large, P %d, %s", depth, test.name)
		if err := c.large(t.NewRow(test.name), all, test, depth); err != nil {
			return nil, fmt.Errorf("%s: %w", test.name, err)
		}
	}
	return t, nil
}

// large lets the contestants run a test in turn.
func (c *Contest) large(row *report.Row, all []*entrant, test largeTest, depth int) error {
	n := c.Sizes.Large
	requests := int(float64(test.requests) * min(1, float64(n)/float64(Full.Large)))
	rng := rand.New(rand.NewPCG(1, 2)) // the same requests for all
	script := load.NewScript(min(requests, 50_000), depth, func(b []byte) []byte {
		return load.AppendRequest(b, test.command(rng, n)...)
	})
	for round := range c.Sizes.Rounds {
		err := inTurn(all, round, func(e *entrant) error {
			if e.keeps() && !test.writes {
				return nil
			}
			if round == 0 || test.writes {
				if err := e.fill(func(f *load.Filler) { test.fill(f, n) }); err != nil {
					return err
				}
			}
			l := load.Load{Network: "tcp", Addr: e.Addr(), Conns: largeClients, Script: script, Count: max(requests, largeClients*depth)}
			s, err := e.run(&l)
			row.Add(e.name(), s)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// run runs a load and returns CPU in microseconds a request, requests a
// second, and p99 in milliseconds.
func (e *entrant) run(l *load.Load) (report.Sample, error) {
	var r *load.Result
	used, err := e.during(func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		r, err = l.Run(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if r.Errors > 0 {
		return nil, fmt.Errorf("%s: %d error replies, the first: %s", e.name(), r.Errors, r.Error)
	}
	return report.Sample{micros(used, r.Replies), r.Rate(), millis(r.Latency.Quantile(0.99))}, nil
}
