package contest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"redstart/bench/load"
	"redstart/bench/report"
)

// keyspace is the number of different keys, redis-benchmark's -r.
const keyspace = 100_000

// A benchmark is a test of redis-benchmark, with the data it needs to do real
// work: a pop from a list that is there, a read of a key that has a value.
type benchmark struct {
	name    string
	divisor int  // by how much fewer requests are sent than of the simple tests
	writes  bool // so that a file matters
	fill    func(f *load.Filler, requests int)
	command []string // instead of redis-benchmark's own test
}

var benchmarks = []benchmark{
	{name: "ping_inline", divisor: 1},
	{name: "ping_mbulk", divisor: 1},
	{name: "set", divisor: 1, writes: true},
	{name: "get", divisor: 1, fill: func(f *load.Filler, _ int) { fillStrings(f, keyspace) }},
	{name: "incr", divisor: 1, writes: true},
	{name: "lpush", divisor: 1, writes: true},
	{name: "rpush", divisor: 1, writes: true},
	{name: "lpop", divisor: 1, writes: true, fill: fillList},
	{name: "rpop", divisor: 1, writes: true, fill: fillList},
	{name: "sadd", divisor: 1, writes: true},
	{name: "hset", divisor: 1, writes: true},
	{name: "spop", divisor: 2, writes: true, fill: fillSet},
	{name: "zadd", divisor: 2, writes: true},
	{name: "zpopmin", divisor: 2, writes: true, fill: fillZSet},
	// redis-benchmark's own tests of LRANGE push as many elements before as they
	// send requests, which would count: here the list is there already.
	{name: "lrange_100", divisor: 4, command: lrange(100), fill: fillForRange},
	{name: "lrange_300", divisor: 10, command: lrange(300), fill: fillForRange},
	{name: "lrange_500", divisor: 10, command: lrange(500), fill: fillForRange},
	{name: "lrange_600", divisor: 10, command: lrange(600), fill: fillForRange},
	{name: "mset", divisor: 4, writes: true},
}

func lrange(n int) []string { return []string{"LRANGE", "mylist", "0", strconv.Itoa(n - 1)} }

func fillForRange(f *load.Filler, _ int) { fillList(f, keyspace) }

// Benchmark runs the tests of redis-benchmark, with depth requests sent at
// once. Contestants that keep a file run only those that write.
func (c *Contest) Benchmark(depth int) (*report.Table, error) {
	goal := 1.0
	if depth > 1 {
		goal = 0.75
	}
	t := &report.Table{
		Name:     fmt.Sprintf("redis-benchmark-P%d", depth),
		Title:    fmt.Sprintf("`redis-benchmark -c 50 -d 64 -r %d -P %d`, rounds: %d", keyspace, depth, c.Sizes.Rounds),
		Notes:    []string{"CPU is user and system time of the server process per request. Nothing is popped from an empty key."},
		Subject:  "test",
		Measures: requestMeasures(goal),
		Pairs:    c.pairs(),
	}
	all, err := c.start()
	if err != nil {
		return nil, err
	}
	defer stop(all)
	for _, b := range benchmarks {
		if !c.wants(b.name) {
			continue
		}
		requests := c.Sizes.Requests / b.divisor
		if depth > 1 {
			requests *= 4
		}
		c.progress("redis-benchmark -P %d, %s", depth, b.name)
		row := t.NewRow(b.name)
		for round := range c.Sizes.Rounds {
			err := inTurn(all, round, func(e *entrant) error {
				if e.keeps() && !b.writes {
					return nil
				}
				s, err := e.benchmark(b, requests, depth)
				row.Add(e.name(), s)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", b.name, err)
			}
		}
	}
	return t, nil
}

// requestMeasures are what tables of requests measure, with the goal for CPU.
func requestMeasures(cpu float64) []report.Measure {
	return []report.Measure{
		{Name: "CPU", Unit: "µs", Goal: report.Goal{Ratio: cpu}},
		{Name: "throughput", Unit: "1/s", Goal: report.Goal{Ratio: 1, AtLeast: true}, Hidden: true},
		{Name: "p99", Unit: "ms", Goal: report.Goal{Ratio: 1}, Hidden: true},
	}
}

// benchmark empties the server, fills in what the test needs and runs it.
func (e *entrant) benchmark(b benchmark, requests, depth int) (report.Sample, error) {
	err := e.fill(func(f *load.Filler) {
		if b.fill != nil {
			b.fill(f, requests)
		}
	})
	if err != nil {
		return nil, err
	}
	args := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(e.Port), "-c", "50", "-d", "64", "-r", strconv.Itoa(keyspace),
		"-n", strconv.Itoa(requests), "-P", strconv.Itoa(depth), "--csv"}
	if b.command == nil {
		args = append(args, "-t", b.name)
	}
	var out, warnings bytes.Buffer
	cmd := exec.Command("redis-benchmark", append(args, b.command...)...)
	cmd.Stdout, cmd.Stderr = &out, &warnings
	used, err := e.during(cmd.Run)
	if err != nil {
		return nil, fmt.Errorf("redis-benchmark: %w\n%s", err, warnings.Bytes())
	}
	rate, p99, err := parse(out.String())
	return report.Sample{micros(used, requests), rate, p99}, err
}

// parse reads the table that redis-benchmark prints with --csv: a header and
// one line. It returns requests a second, and milliseconds.
func parse(out string) (rate, p99 float64, err error) {
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		return 0, 0, err
	}
	if len(rows) != 2 {
		return 0, 0, fmt.Errorf("redis-benchmark printed %d lines, not a header and a result:\n%s", len(rows), out)
	}
	found := 0
	for i, column := range rows[0] {
		into := map[string]*float64{"rps": &rate, "p99_latency_ms": &p99}[column]
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(rows[1][i], 64); err != nil {
			return 0, 0, err
		}
		found++
	}
	if found != 2 {
		return 0, 0, errors.New("redis-benchmark prints other columns than expected: " + strings.Join(rows[0], ", "))
	}
	return rate, p99, nil
}
