// Command table measures Redstart beside redis-server and prints the outcome
// as Markdown tables: processor time per request and throughput, resident
// memory, and reading from a store that is embedded, beside a Go map.
//
//	go run ./cmd/table                        # everything, some minutes
//	go run ./cmd/table -only speed -tests get,set -rounds 3 -pipeline 16
//	go run ./cmd/table -only memory
//
// The two servers run side by side and take turns, so that a machine shared
// with others disturbs both alike. The ratios are to be looked at, not the
// times. A test is repeated in rounds: the median ratio stands first, the
// smallest and the largest follow.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"redstart/bench/peer"
)

func main() {
	var o options
	only := flag.String("only", "speed,memory,embedded", "which `tables` to print")
	names := flag.String("tests", "all", "which `tests` of redis-benchmark to run; of memory: which values to fill")
	pipelines := flag.String("pipeline", "1,16", "how many requests are sent at once; several `numbers` for several tables")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each test is repeated")
	flag.IntVar(&o.requests, "n", 200_000, "requests of a test without pipelining; with it there are 8 times as many")
	flag.IntVar(&o.elements, "elements", 1_000_000, "keys or elements in the memory table")
	flag.Parse()

	o.tests = strings.Split(*names, ",")
	for _, p := range strings.Split(*pipelines, ",") {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 {
			fail(fmt.Errorf("-pipeline %s: not a number of requests", p))
		}
		o.pipelines = append(o.pipelines, n)
	}
	if err := run(strings.Split(*only, ","), o); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "table:", err)
	os.Exit(1)
}

// options say what to measure, and how thoroughly.
type options struct {
	tests     []string
	pipelines []int
	rounds    int
	requests  int
	elements  int
}

func (o options) wants(test string) bool {
	return slices.Contains(o.tests, "all") || slices.Contains(o.tests, test)
}

func run(tables []string, o options) error {
	dir, err := os.MkdirTemp("", "redstart-table-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	redis, err := peer.Redis()
	if err != nil {
		return err
	}
	redstart, err := peer.Build(dir)
	if err != nil {
		return err
	}
	both := []peer.Program{redstart, redis}
	for _, table := range tables {
		switch table {
		case "speed":
			for _, p := range o.pipelines {
				if err := speed(both, o, p); err != nil {
					return err
				}
			}
		case "memory":
			if err := memory(both, o); err != nil {
				return err
			}
		case "embedded":
			if err := embedded(o); err != nil {
				return err
			}
		default:
			return fmt.Errorf("-only %s: there is no such table", table)
		}
	}
	return nil
}

// A spread is what a figure was in each of the rounds.
type spread []float64

func (s spread) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// String shows the median, and the smallest and the largest behind it.
func (s spread) String() string {
	if len(s) == 1 {
		return fmt.Sprintf("%.2f", s[0])
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median(), slices.Min(s), slices.Max(s))
}

// verdict says whether a ratio, as printed, is as good as it should be.
func verdict(ratio, goal float64) string {
	if math.Round(ratio*100)/100 <= goal {
		return "yes"
	}
	return "**no**"
}
