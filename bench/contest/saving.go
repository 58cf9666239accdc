package contest

import (
	"fmt"

	"github.com/gomodule/redigo/redis"

	"redstart/bench/load"
	"redstart/bench/report"
)

// savings are what writers may notice, in the order in which they happen.
var savings = []event{
	{name: "before", what: "nothing else", run: func(*scene) error { return nil }},
	{name: "first", what: "the first BGSAVE, of all %d keys", run: (*scene).save},
	{name: "next", what: "a later BGSAVE", run: (*scene).save},
	{name: "rewrite", what: "BGREWRITEAOF", run: func(s *scene) error { return s.behind("BGREWRITEAOF", "aof_rewrite_in_progress:0") }},
}

// Saving looks at how long clients that only write wait while the server makes
// a checkpoint.
func (c *Contest) Saving() (*report.Table, error) {
	c = c.among(c.both("everysec")...)
	rate, err := c.sustained(steadyRate, 100)
	if err != nil {
		return nil, err
	}
	rate *= 0.7 // there must be something left for the checkpoint
	t := &report.Table{
		Name:  "saving",
		Title: fmt.Sprintf("Latency of writers during a checkpoint, %d keys, rounds: %d", c.Sizes.Keys, c.Sizes.Rounds),
		Notes: []string{fmt.Sprintf("SET of 64 B, %.0f a second on a schedule, %d connections, appendfsync everysec; each write counts from the moment it was due. "+
			"The figures are of the writes due from the beginning of the event to its end, at least for %v. "+
			"BGREWRITEAOF is redis-server's checkpoint of its append-only file; ours does the same as for BGSAVE. "+
			"Late is how much the generator itself was behind its schedule, at most.", rate, steadyClients, c.Sizes.Watch)},
		Subject: "event",
		Measures: []report.Measure{
			{Name: "p50", Unit: "ms", Hidden: true},
			{Name: "p99", Unit: "ms", Hidden: true},
			{Name: "p99.9", Unit: "ms", Goal: report.Goal{Ratio: 1}},
			{Name: "max", Unit: "ms"},
			{Name: "late", Unit: "ms", Plain: true},
		},
		Pairs: c.pairs(),
	}
	rows := map[string]*report.Row{}
	for _, v := range savings {
		rows[v.name] = t.NewRow(v.describe(c.Sizes.Keys))
	}
	for round := range c.Sizes.Rounds {
		if err := inTurn(c.Contestants, round, func(x Contestant) error { return c.savingScene(x, rate, rows) }); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (c *Contest) savingScene(x Contestant, rate float64, rows map[string]*report.Row) error {
	s, err := c.stage(x, fillTexts)
	if err != nil {
		return err
	}
	defer s.leave()
	s.load = steadyScript(s.keys, 100)
	for _, v := range savings {
		c.progress("saving, %s, %s", s.name(), v.name)
		sample, err := s.watch(v, rate, c.Sizes.Watch)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", s.name(), v.name, err)
		}
		rows[v.name].Add(s.name(), sample)
	}
	return nil
}

// stage starts a server and fills it.
func (c *Contest) stage(x Contestant, fill func(*load.Filler, int)) (*scene, error) {
	e, err := x.start()
	if err != nil {
		return nil, err
	}
	s := &scene{entrant: e, keys: c.Sizes.Keys}
	c.progress("%s, filling", x.Name)
	if err = e.use(func(f *load.Filler) { fill(f, s.keys) }); err == nil {
		s.control, err = redis.Dial("tcp", e.Addr(), redis.DialReadTimeout(longest))
	}
	if err != nil {
		e.Kill()
		return nil, err
	}
	return s, nil
}

func (s *scene) leave() {
	s.control.Close()
	s.Kill()
}
