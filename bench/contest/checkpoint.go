package contest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"redstart/bench/load"
	"redstart/bench/report"
)

// A change is what is different from one checkpoint to the next.
type change struct {
	name  string
	what  string
	bytes int // that changed, keys and values
	make  func(f *load.Filler)
}

// changes are those of a server with n strings, and a hash and a list of as
// many elements as a tenth of that. In each round they are others.
func changes(n, round int) []change {
	rng := rand.New(rand.NewPCG(9, uint64(round)))
	some := func(name string, part int) change {
		return change{name, fmt.Sprintf("%s of %d strings", name, n), n / part * (len(load.Key(0)) + len(value)), func(f *load.Filler) {
			f.Fill(n/part, []string{"MSET"}, func(args []string, _ int) []string { return append(args, load.Key(rng.IntN(n)), text(rng.Int())) })
		}}
	}
	one := func(name, what string, args ...string) change {
		return change{name, what, len(value), func(f *load.Filler) { f.Do(args...) }}
	}
	large := fmt.Sprintf(" of %d", n/10)
	return []change{
		some("1 %", 100), some("10 %", 10),
		one("field", "one field of a hash"+large, "HSET", "myhash", load.Element(rng.IntN(n/10)), text(rng.Int())),
		one("push", "one push to a list"+large, "RPUSH", "mylist", text(rng.Int())),
	}
}

// Checkpoints measures what a checkpoint costs after a change.
func (c *Contest) Checkpoints() (*report.Table, error) {
	c = c.among(c.both("everysec")...)
	t := &report.Table{
		Name:  "checkpoints",
		Title: fmt.Sprintf("A checkpoint after a change, rounds: %d", c.Sizes.Rounds),
		Notes: []string{"SAVE, with nothing else going on; of redis-server it writes an RDB file of everything. Bytes are those that the server process hands " +
			"to the operating system during SAVE, the journal written before not counted; amplification is these over the bytes of the keys, fields and elements that changed; at most 5 is the goal for 1 %."},
		Subject: "changed",
		Measures: []report.Measure{
			{Name: "time", Unit: "ms", Goal: report.Goal{Ratio: 1}},
			{Name: "written", Unit: "KiB"},
			{Name: "amplification", Plain: true},
		},
		Pairs: c.pairs(),
	}
	rows := map[string]*report.Row{}
	for _, ch := range changes(c.Sizes.Keys, 0) {
		rows[ch.name] = t.NewRow(ch.what)
	}
	fill := func(f *load.Filler, n int) {
		fillTexts(f, n)
		fillHash(f, n/10)
		fillList(f, n/10)
	}
	err := inTurn(c.Contestants, 0, func(x Contestant) error {
		s, err := c.stage(x, fill)
		if err != nil {
			return err
		}
		defer s.leave()
		if _, _, err := s.cost(); err != nil { // the first one is of everything
			return err
		}
		for round := range c.Sizes.Rounds {
			c.progress("checkpoints, %s, round %d", x.Name, round+1)
			for _, ch := range changes(s.keys, round) {
				if err := s.use(ch.make); err != nil {
					return err
				}
				took, bytes, err := s.cost()
				if err != nil {
					return err
				}
				rows[ch.name].Add(x.Name, report.Sample{millis(took), float64(bytes) / 1024, float64(bytes) / float64(ch.bytes)})
			}
		}
		return nil
	})
	return t, err
}

// cost has the server save, once what was changed is in its journal, and
// returns how long that takes and how many bytes it writes.
func (s *scene) cost() (time.Duration, int64, error) {
	err := s.until("it does not come to rest", func() (bool, error) {
		info, err := redis.String(s.control.Do("INFO", "persistence"))
		return strings.Contains(info, "rdb_bgsave_in_progress:0") && strings.Contains(info, "aof_buffer_length:0\r\n"), err
	})
	if err != nil {
		return 0, 0, err
	}
	before, err := s.Written()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if _, err := s.control.Do("SAVE"); err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	after, err := s.Written()
	return took, after - before, err
}
