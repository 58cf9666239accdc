// Command durable measures what it costs to keep data in a file, beside
// redis-server. It prints tables as Markdown, and writes every sample as JSON
// and a plot of each table as SVG.
//
//	go run ./cmd/durable                           # everything, a quarter of an hour
//	go run ./cmd/durable -quick                    # everything, to see that it works
//	go run ./cmd/durable -only durable,journal -rounds 9
//	go run ./cmd/durable -only opening -keys 2000000
//
// The files have to be on a disk: in memory a sync costs nothing. They are in a
// folder of -dir that is removed at the end, by default of the working
// directory. Only the ratios of one run mean anything on a machine that does
// other work, too; their spread says how much they do.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"redstart/bench/contest"
	"redstart/bench/peer"
	"redstart/bench/report"
)

// A table is one of those that -only can name.
type table struct {
	name string
	make func(*contest.Contest) (*report.Table, error)
}

// tables are all, in the order of the output.
var tables = []table{
	{"durable", (*contest.Contest).Durable},
	{"journal", (*contest.Contest).Journal},
	{"library", (*contest.Contest).Library},
	{"flush", (*contest.Contest).Flush},
	{"saving", (*contest.Contest).Saving},
	{"checkpoints", (*contest.Contest).Checkpoints},
	{"saving-memory", (*contest.Contest).SavingMemory},
	{"opening", (*contest.Contest).Opening},
	{"rewriting", (*contest.Contest).Rewriting},
}

// names lists the tables.
func names() string {
	var all []string
	for _, t := range tables {
		all = append(all, t.name)
	}
	return strings.Join(all, ",")
}

// options are what the flags say.
type options struct {
	only   string
	rounds int
	keys   int
	quick  bool
	dir    string
	out    string
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", names(), "which `tables` to print")
	flag.IntVar(&o.rounds, "rounds", 0, "how often things are repeated (3)")
	flag.IntVar(&o.keys, "keys", 0, "keys in the server when it saves and opens (2000000)")
	flag.BoolVar(&o.quick, "quick", false, "everything small: shows that it works, the figures are worth nothing")
	flag.StringVar(&o.dir, "dir", ".", "the `folder`, on a disk, for the servers' files")
	flag.StringVar(&o.out, "out", "", "the `folder` for JSON and plots (results/date and time)")
	flag.Parse()
	if err := run(&o, o.sizes(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "durable:", err)
		os.Exit(1)
	}
}

// run measures what o asks for, and writes the report.
func run(o *options, sizes contest.Sizes, stdout, progress io.Writer) error {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	disk, remove, err := useDisk(o.dir)
	if err != nil {
		return err
	}
	defer remove()
	r := report.Report{Machine: report.ThisMachine(), Command: append([]string{"durable"}, os.Args[1:]...), Quick: o.quick}
	c := contest.Contest{Sizes: sizes, Progress: progress}
	if c.Redis, err = peer.Redis(); err != nil {
		return err
	}
	if c.Redstart, err = peer.Build(os.TempDir()); err != nil {
		return err
	}
	r.Versions = map[string]string{"redstart": commit(), "redis-server": report.Version(c.Redis.Path, "--version"), "files": disk}
	if o.out == "" {
		o.out = filepath.Join("results", r.Machine.Date.Format("2006-01-02-150405"))
	}
	r.Header(stdout)
	for _, t := range chosen {
		made, err := t.make(&c)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		made.Markdown(stdout)
		r.Tables = append(r.Tables, made)
		if err := r.Save(o.out); err != nil { // after each: who ends a long run keeps what there is
			return err
		}
	}
	fmt.Fprintln(progress, "samples and plots are in", o.out)
	return nil
}

// choose returns the tables of a list, in its order.
func choose(list string) ([]table, error) {
	var chosen []table
next:
	for _, name := range strings.Split(list, ",") {
		for _, t := range tables {
			if t.name == name {
				chosen = append(chosen, t)
				continue next
			}
		}
		return nil, fmt.Errorf("-only %s: there is no such table, but %s", name, names())
	}
	return chosen, nil
}

// sizes returns the sizes with what the flags change.
func (o *options) sizes() contest.Sizes {
	s := contest.FullDurable
	if o.quick {
		s = contest.QuickDurable
	}
	if o.rounds > 0 {
		s.Rounds = o.rounds
	}
	if o.keys > 0 {
		s.Keys = o.keys
	}
	return s
}

// commit says which state of the tree is measured.
func commit() string {
	if path := os.Getenv(peer.BinaryVar); path != "" {
		return path
	}
	return report.Version("git", "log", "-1", "--format=commit %h of %cs")
}
