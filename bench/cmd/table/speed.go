package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"redstart/bench/peer"
)

// keyspace is the number of different keys, redis-benchmark's -r.
const keyspace = 100_000

// A test is one of redis-benchmark's, with the data it needs to do real work:
// a pop from a list that is there, a read of a key that has a value.
type test struct {
	name    string
	divisor int      // by how much fewer requests are sent than of the simple tests
	command []string // instead of redis-benchmark's own test
	fill    func(f *filler, requests int)
}

var speedTests = []test{
	{name: "set", divisor: 1},
	{name: "get", divisor: 1, fill: func(f *filler, _ int) { f.strings(keyspace) }},
	{name: "incr", divisor: 1},
	{name: "lpush", divisor: 2},
	{name: "rpop", divisor: 2, fill: (*filler).list},
	{name: "sadd", divisor: 1},
	{name: "hset", divisor: 1},
	{name: "spop", divisor: 2, fill: (*filler).set},
	{name: "zadd", divisor: 2},
	{name: "zpopmin", divisor: 2, fill: (*filler).zset},
	// redis-benchmark's lrange_100 pushes as many elements before as it sends
	// requests, which would count: here the list is there already.
	{name: "lrange_100", divisor: 4, command: []string{"LRANGE", "mylist", "0", "99"},
		fill: func(f *filler, _ int) { f.list(keyspace) }},
	{name: "mset", divisor: 4},
}

// goal is what the processor time per request may be, beside redis-server's.
func goal(pipeline int) float64 {
	if pipeline == 1 {
		return 1.5
	}
	return 1
}

// A sample is the outcome of one test on one server.
type sample struct {
	cpu  float64 // of the server process, microseconds a request
	rate float64 // requests a second
	p99  float64 // milliseconds
}

// speed prints the table for one depth of pipelining.
func speed(programs []peer.Program, o options, pipeline int) error {
	var servers []*peer.Server
	for _, p := range programs {
		s, err := p.Start(nil)
		if err != nil {
			return err
		}
		defer s.Kill()
		servers = append(servers, s)
	}
	fmt.Printf("## `redis-benchmark -c 50 -d 64 -r %d -P %d`, %d rounds\n\n", keyspace, pipeline, o.rounds)
	fmt.Println("CPU is user and system time of the server process per request. Ratios are redstart / redis-server.")
	fmt.Println()
	fmt.Printf("| test | redstart, µs CPU | redis-server, µs CPU | CPU ratio | ≤ %.1f | requests/s ratio | p99 ratio |\n", goal(pipeline))
	fmt.Println("|---|---:|---:|---:|---|---:|---:|")
	for _, t := range speedTests {
		if !o.wants(t.name) {
			continue
		}
		requests := o.requests / t.divisor
		if pipeline > 1 {
			requests *= 8
		}
		row, err := rounds(servers, t, requests, pipeline, o.rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		fmt.Println(row)
	}
	fmt.Println()
	return nil
}

// rounds lets the servers take turns, each being the first one in every other
// round, and returns the line of the table.
func rounds(servers []*peer.Server, t test, requests, pipeline, n int) (string, error) {
	var cpu [2]spread
	var cpuRatio, rateRatio, p99Ratio spread
	for round := range n {
		var samples [2]sample
		for turn := range samples {
			i := (turn + round) % 2
			var err error
			if samples[i], err = measure(servers[i], t, requests, pipeline); err != nil {
				return "", fmt.Errorf("%s: %w", servers[i].Name, err)
			}
			cpu[i] = append(cpu[i], samples[i].cpu)
		}
		ours, theirs := samples[0], samples[1]
		cpuRatio = append(cpuRatio, ours.cpu/theirs.cpu)
		rateRatio = append(rateRatio, ours.rate/theirs.rate)
		p99Ratio = append(p99Ratio, ours.p99/theirs.p99)
	}
	return fmt.Sprintf("| %s | %.2f | %.2f | %v | %s | %v | %v |", t.name, cpu[0].median(), cpu[1].median(),
		cpuRatio, verdict(cpuRatio.median(), goal(pipeline)), rateRatio, p99Ratio), nil
}

// measure empties the server, fills in what the test needs and runs it.
func measure(s *peer.Server, t test, requests, pipeline int) (sample, error) {
	f, err := newFiller(s)
	if err != nil {
		return sample{}, err
	}
	defer f.close()
	f.do("FLUSHALL")
	if t.fill != nil {
		t.fill(f, requests)
	}
	if f.err != nil {
		return sample{}, f.err
	}
	args := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-c", "50", "-d", "64", "-r", strconv.Itoa(keyspace),
		"-n", strconv.Itoa(requests), "-P", strconv.Itoa(pipeline), "--csv"}
	if t.command == nil {
		args = append(args, "-t", t.name)
	}
	before, err := s.CPU()
	if err != nil {
		return sample{}, err
	}
	var out, warnings bytes.Buffer
	cmd := exec.Command("redis-benchmark", append(args, t.command...)...)
	cmd.Stdout, cmd.Stderr = &out, &warnings
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("redis-benchmark: %w\n%s", err, warnings.Bytes())
	}
	after, err := s.CPU()
	if err != nil {
		return sample{}, err
	}
	result, err := parse(out.String())
	result.cpu = float64(after-before) / float64(time.Microsecond) / float64(requests)
	return result, err
}

// parse reads the table that redis-benchmark prints with --csv: a header and
// one line.
func parse(out string) (sample, error) {
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		return sample{}, err
	}
	if len(rows) != 2 {
		return sample{}, fmt.Errorf("redis-benchmark printed %d lines, not a header and a result:\n%s", len(rows), out)
	}
	var s sample
	found := 0
	for i, column := range rows[0] {
		into := map[string]*float64{"rps": &s.rate, "p99_latency_ms": &s.p99}[column]
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(rows[1][i], 64); err != nil {
			return sample{}, err
		}
		found++
	}
	if found != 2 {
		return sample{}, errors.New("redis-benchmark prints other columns than expected: " + strings.Join(rows[0], ", "))
	}
	return s, nil
}
