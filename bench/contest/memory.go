package contest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"redstart/bench/load"
	"redstart/bench/report"
)

// A holding is what a server holds when its memory is looked at.
type holding struct {
	name    string
	what    string
	divisor int // how many fewer there are than Sizes.Elements
	goal    float64
	fill    func(f *load.Filler, n int)
}

var holdings = []holding{
	{"strings", "strings of 64 B under keys of 16 B", 1, 0.75, fillStrings},
	{"hashes", "hashes of 5 small fields", 5, 1, fillSmallHashes},
	{"hash", "fields of 20 B with values of 64 B in one hash", 1, 0.7, fillHash},
	{"set", "members of 20 B in one set", 1, 0.7, fillSet},
	{"zset", "members of 20 B in one sorted set", 1, 0.7, fillZSet},
	{"list", "elements of 64 B in one list", 1, 1, fillList},
	{"churn", "strings after 4 overwrites each, on average, with 1 to 128 B", 1, 1, fillChurned},
}

func fillSmallHashes(f *load.Filler, n int) {
	for i := 0; i < n && f.Err == nil; i++ {
		f.Send("HSET", "user:"+strconv.Itoa(i), "name", "user number "+strconv.Itoa(i), "age", strconv.Itoa(i%90),
			"city", "Springfield", "score", strconv.Itoa(i), "active", "1")
		if i%500 == 499 {
			f.Wait()
		}
	}
	f.Wait()
}

// fillChurned overwrites n strings with others of random sizes, four times as
// often as there are strings.
func fillChurned(f *load.Filler, n int) {
	fillStrings(f, n)
	rng := rand.New(rand.NewPCG(3, 4))
	longest := strings.Repeat("y", 128)
	f.Fill(4*n, []string{"MSET"}, func(args []string, _ int) []string {
		return append(args, load.Key(rng.IntN(n)), longest[:1+rng.IntN(len(longest))])
	})
}

// Memory looks at the resident memory of servers that hold many elements. Each
// figure is that of a process started for it.
func (c *Contest) Memory() (*report.Table, error) {
	t := &report.Table{
		Name:  "memory",
		Title: "Resident memory of the server process (VmRSS)",
		Notes: []string{"A fresh process for each figure, filled over one connection, once its memory has come to rest. " +
			"Bytes: what there is more than in the same process when it was empty, for each key or element."},
		Subject:  "holding",
		Measures: []report.Measure{{Name: "memory", Unit: "MiB"}, {Name: "bytes", Unit: "B"}},
		Pairs:    c.pairs(),
	}
	for _, h := range holdings {
		if !c.wants(h.name) {
			continue
		}
		n := c.Sizes.Elements / h.divisor
		row := t.NewRow(fmt.Sprintf("%s: %d %s", h.name, n, h.what))
		row.Goals = []report.Goal{{Ratio: h.goal}, {}}
		err := inTurn(c.Contestants, 0, func(x Contestant) error {
			c.progress("memory, %s, %s", h.name, x.Name)
			s, err := x.hold(h, n, c.Sizes.Calm)
			row.Add(x.Name, s)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.name, err)
		}
	}
	return t, nil
}

// hold starts a server, fills it, and returns its resident memory in MiB once
// that has come to rest, and how many bytes more than before that is for each
// of n.
func (x Contestant) hold(h holding, n int, calm time.Duration) (report.Sample, error) {
	e, empty, rss, err := x.filled(h, n, calm)
	if err != nil {
		return nil, err
	}
	defer e.Kill()
	return report.Sample{float64(rss) / (1 << 20), float64(rss-empty) / float64(n)}, nil
}

// filled starts a server and fills it. It returns its resident memory before,
// and after that has come to rest.
func (x Contestant) filled(h holding, n int, calm time.Duration) (e *entrant, empty, rss int64, err error) {
	if e, err = x.start(); err != nil {
		return nil, 0, 0, err
	}
	if empty, err = e.RSS(); err == nil {
		err = e.use(func(f *load.Filler) { h.fill(f, n) })
	}
	if err == nil {
		rss, err = e.settledRSS(calm)
	}
	if err != nil {
		e.Kill()
		return nil, 0, 0, err
	}
	return e, empty, rss, nil
}

// settledRSS returns the resident memory when it has stayed the same, within
// one percent, for a while, or after ten times as long. A collector needs a
// moment to give back what it has freed.
func (e *entrant) settledRSS(calm time.Duration) (int64, error) {
	const looks = 5
	tick := time.NewTicker(calm / looks)
	defer tick.Stop()
	reference, err := e.RSS()
	for same, all := 0, 0; err == nil && same < looks && all < 10*looks; all++ {
		<-tick.C
		var rss int64
		rss, err = e.RSS()
		same++
		if math.Abs(float64(rss-reference)) > float64(reference)/100 {
			same, reference = 0, rss
		}
	}
	if err != nil {
		return 0, err
	}
	return e.RSS()
}
