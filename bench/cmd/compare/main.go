// Command compare measures Redstart beside redis-server, and beside others if
// asked to. It prints tables as Markdown, and writes every sample as JSON and a
// plot of each table as SVG.
//
//	go run ./cmd/compare                                   # everything, half an hour
//	go run ./cmd/compare -quick                            # everything, to see that it works
//	go run ./cmd/compare -only redis-benchmark -tests get,set -pipeline 16 -rounds 9
//	go run ./cmd/compare -only memory -tests zset
//	go run ./cmd/compare -only pauses -keys 1000000
//	go run ./cmd/compare --servers 'valkey=valkey-server --port {port} --bind 127.0.0.1 --unixsocket {socket} --dir {dir} --save ""'
//
// Only the ratios of one run mean anything on a machine that does other work,
// too; their spread says how much they do.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"redstart/bench/contest"
	"redstart/bench/peer"
	"redstart/bench/report"
)

// tables are the names for -only, in the order of the output.
const tables = "redis-benchmark,large,load,memory,parts,pauses"

// options are what the flags say.
type options struct {
	only      string
	tests     string
	pipelines string
	servers   []string
	files     bool
	rounds    int
	requests  int
	elements  int
	keys      int
	grid      bool
	quick     bool
	out       string
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", tables, "which `tables` to print")
	flag.StringVar(&o.tests, "tests", "all", "which `rows` to measure, by what stands in the first column up to the colon")
	flag.StringVar(&o.pipelines, "pipeline", "1,16", "how many requests redis-benchmark and large send at once: a `list`, one table each")
	flag.Func("servers", "another server, `name=command line` with {port}, {socket} and {dir}; may be repeated", func(s string) error {
		o.servers = append(o.servers, s)
		return nil
	})
	flag.BoolVar(&o.files, "files", true, "also compare the two with a file: ours, and redis-server's append-only file, synced every second")
	flag.IntVar(&o.rounds, "rounds", 0, "how often things are repeated (3; pauses 1; memory is looked at once)")
	flag.IntVar(&o.requests, "n", 0, "requests of a test of redis-benchmark (100000)")
	flag.IntVar(&o.elements, "elements", 0, "elements in large and memory (1000000)")
	flag.IntVar(&o.keys, "keys", 0, "keys in pauses (5000000)")
	flag.BoolVar(&o.grid, "grid", false, "load: all combinations, not one dimension at a time")
	flag.BoolVar(&o.quick, "quick", false, "everything small: shows that it works, the figures are worth nothing")
	flag.StringVar(&o.out, "out", "", "the `folder` for JSON and plots (results/date and time)")
	flag.Parse()
	if err := run(&o, o.sizes(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// run measures what o asks for, and writes the report.
func run(o *options, sizes contest.Sizes, stdout, progress io.Writer) error {
	makers, err := o.makers()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "redstart-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := contest.Contest{Sizes: sizes, Tests: strings.Split(o.tests, ","), Grid: o.grid, Progress: progress}
	r := report.Report{Machine: report.ThisMachine(), Command: append([]string{"compare"}, os.Args[1:]...), Quick: o.quick}
	if c.Contestants, r.Versions, err = contestants(o, dir); err != nil {
		return err
	}
	if o.out == "" {
		o.out = filepath.Join("results", r.Machine.Date.Format("2006-01-02-150405"))
	}
	r.Header(stdout)
	for _, maker := range makers {
		t, err := maker(&c)
		if err != nil {
			return err
		}
		if len(t.Rows) == 0 { // -tests names none of its rows
			continue
		}
		t.Markdown(stdout)
		r.Tables = append(r.Tables, t)
		if err := r.Save(o.out); err != nil { // after each: who ends a long run keeps what there is
			return err
		}
	}
	if len(r.Tables) == 0 {
		return fmt.Errorf("-tests %s: none of the tables has such a row", o.tests)
	}
	fmt.Fprintln(progress, "samples and plots are in", o.out)
	return nil
}

// sizes returns the sizes with what the flags change.
func (o *options) sizes() contest.Sizes {
	s := contest.Full
	if o.quick {
		s = contest.Quick
	}
	set := func(into *int, value int) {
		if value > 0 {
			*into = value
		}
	}
	set(&s.Rounds, o.rounds)
	set(&s.Scenes, o.rounds)
	set(&s.Requests, o.requests)
	set(&s.Large, o.elements)
	set(&s.Elements, o.elements)
	set(&s.Keys, o.keys)
	return s
}

// A maker makes one table.
type maker func(*contest.Contest) (*report.Table, error)

// makers returns the tables to make, in order.
func (o *options) makers() ([]maker, error) {
	var depths []int
	for _, p := range strings.Split(o.pipelines, ",") {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-pipeline %s: not a number of requests", p)
		}
		depths = append(depths, n)
	}
	var all []maker
	deep := func(table func(*contest.Contest, int) (*report.Table, error)) {
		for _, depth := range depths {
			all = append(all, func(c *contest.Contest) (*report.Table, error) { return table(c, depth) })
		}
	}
	for _, name := range strings.Split(o.only, ",") {
		switch name {
		case "redis-benchmark":
			deep((*contest.Contest).Benchmark)
		case "large":
			deep((*contest.Contest).Large)
		case "load":
			all = append(all, (*contest.Contest).Load)
		case "memory":
			all = append(all, (*contest.Contest).Memory)
		case "parts":
			all = append(all, (*contest.Contest).Parts)
		case "pauses":
			all = append(all, (*contest.Contest).Pauses)
		default:
			return nil, fmt.Errorf("-only %s: there is no such table, but %s", name, tables)
		}
	}
	return all, nil
}

// contestants returns who takes part, and their versions. Our server is built
// in dir.
func contestants(o *options, dir string) ([]contest.Contestant, map[string]string, error) {
	redis, err := peer.Redis()
	if err != nil {
		return nil, nil, err
	}
	redstart, err := peer.Build(dir)
	if err != nil {
		return nil, nil, err
	}
	versions := map[string]string{"redstart": commit(), "redis-server": report.Version(redis.Path, "--version")}
	memory := peer.Options{Socket: true}
	file := peer.Options{Socket: true, Sync: "everysec"}
	all := []contest.Contestant{
		{Name: "redstart", Program: redstart, Options: memory, Base: "redis-server"},
		{Name: "redis-server", Program: redis, Options: memory},
	}
	if o.files {
		all = append(all,
			contest.Contestant{Name: "redstart with a file", Program: redstart, Options: file, Base: "redis-server with AOF"},
			contest.Contestant{Name: "redis-server with AOF", Program: redis, Options: file})
	}
	for _, s := range o.servers {
		name, line, ok := strings.Cut(s, "=")
		if !ok || name == "" || !strings.Contains(line, "{port}") {
			return nil, nil, fmt.Errorf("--servers %s: not name=command line with {port}", s)
		}
		all = append(all, contest.Contestant{Name: name, Program: peer.Command(name, line), Options: memory, Base: "redis-server"})
		versions[name] = line
	}
	return all, versions, nil
}

// commit says which state of the tree is measured.
func commit() string {
	if path := os.Getenv(peer.BinaryVar); path != "" {
		return path
	}
	text := report.Version("git", "log", "-1", "--format=commit %h of %cs")
	if changed, err := exec.Command("git", "status", "--porcelain").Output(); err == nil && len(changed) > 0 {
		text += ", dirty"
	}
	return text
}
