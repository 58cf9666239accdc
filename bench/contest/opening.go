package contest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"redstart/bench/load"
	"redstart/bench/report"
)

// Opening measures how long a server takes from its start to its first answer,
// and how large its file is.
func (c *Contest) Opening() (*report.Table, error) {
	const rdb, aof = "redis-server with RDB", "redis-server with AOF"
	t := &report.Table{
		Name:  "opening",
		Title: fmt.Sprintf("Opening %d keys of mixed types, rounds: %d", c.Sizes.Keys, c.Sizes.Rounds),
		Notes: []string{"70 % strings of 64 B that cannot be compressed, 10 % hashes of 5 fields, lists and sets of 8 elements 7.5 % each, 5 % sorted sets of 8 members. From the start " +
			"of the process to its answer to PING; CPU is what the process used up to then. The files are in the memory of the operating system. " +
			"Ours has been saved; the append-only file holds the commands, as it was never rewritten."},
		Subject: "keys",
		Measures: []report.Measure{
			{Name: "time", Unit: "ms", Goal: report.Goal{Ratio: 0.7}},
			{Name: "CPU", Unit: "ms"},
			{Name: "file", Unit: "MiB"},
		},
		Pairs: []report.Pair{{Server: ours, Base: rdb}, {Server: ours, Base: aof}},
	}
	row := t.NewRow(fmt.Sprint(c.Sizes.Keys))
	var all []*opening
	for _, x := range c.both("everysec") {
		dir, err := os.MkdirTemp("", "opening-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		x.Options.Dir = dir
		if err := c.prepare(x); err != nil {
			return nil, err
		}
		if x.Name == ours {
			all = append(all, &opening{x, "app.db"})
			continue
		}
		x.Name = aof
		all = append(all, &opening{x, "appendonlydir/*"})
		x.Name, x.Options.Sync = rdb, ""
		all = append(all, &opening{x, "dump.rdb"})
	}
	for round := range c.Sizes.Rounds {
		c.progress("opening, round %d", round+1)
		err := inTurn(all, round, func(o *opening) error {
			sample, err := o.open()
			row.Add(o.Name, sample)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// prepare makes the files of a contestant.
func (c *Contest) prepare(x Contestant) error {
	s, err := c.stage(x, fillMixed)
	if err != nil {
		return err
	}
	_, _, err = s.cost()
	s.control.Close()
	if stopped := s.Stop(); err == nil {
		err = stopped
	}
	return err
}

// An opening is a server that is started again and again with the same files.
type opening struct {
	Contestant
	files string // a pattern
}

// open starts the server once.
func (o *opening) open() (report.Sample, error) {
	began := time.Now()
	e, err := o.start()
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	defer e.Kill() // it has nothing to save
	cpu, err := e.CPU()
	if err != nil {
		return nil, err
	}
	size, err := sizeOf(filepath.Join(o.Options.Dir, o.files))
	return report.Sample{millis(took), millis(cpu), mebibytes(size)}, err
}

// fillMixed stores n keys of all types.
func fillMixed(f *load.Filler, n int) {
	fillTexts(f, n*70/100)
	fillSmallHashes(f, n*10/100)
	small := func(count int, command, prefix string, arg func(args []string, i, element int) []string) {
		for i := 0; i < count && f.Err == nil; i++ {
			args := []string{command, prefix + strconv.Itoa(i)}
			for element := range 8 {
				args = arg(args, i, element)
			}
			if f.Send(args...); i%500 == 499 {
				f.Wait()
			}
		}
		f.Wait()
	}
	element := func(args []string, i, element int) []string {
		return append(args, "element "+strconv.Itoa(31*i+element))
	}
	small(n*75/1000, "RPUSH", "list:", element)
	small(n*75/1000, "SADD", "set:", element)
	small(n*5/100, "ZADD", "zset:", func(args []string, i, e int) []string {
		return element(append(args, strconv.Itoa(i+e)), i, e)
	})
}
