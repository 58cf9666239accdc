package contest

import (
	"context"
	"fmt"
	"time"

	"redstart/bench/report"
)

// SavingMemory compares the memory of a server that makes a checkpoint with
// what it was before.
func (c *Contest) SavingMemory() (*report.Table, error) {
	c = c.among(c.both("everysec")...)
	t := &report.Table{
		Name:  "saving-memory",
		Title: fmt.Sprintf("Memory while a checkpoint is made, %d keys of mixed types", c.Sizes.Keys),
		Notes: []string{"The most there was while the checkpoint ran, beside what there was before, of the server process and its children, " +
			"what they share counted once (PSS)."},
		Subject:  "checkpoint",
		Measures: []report.Measure{{Name: "memory", Unit: "MiB", Goal: report.Goal{Ratio: 1.2}}},
	}
	idle, busy := t.NewRow("BGSAVE of everything"), t.NewRow("BGREWRITEAOF while clients write")
	for _, x := range c.Contestants {
		t.Pairs = append(t.Pairs, report.Pair{Server: x.Name + ", saving", Base: x.Name})
		if err := c.savingMemory(x, idle, busy); err != nil {
			return nil, fmt.Errorf("%s: %w", x.Name, err)
		}
	}
	return t, nil
}

// savingMemory measures both rows of a contestant.
func (c *Contest) savingMemory(x Contestant, idle, busy *report.Row) error {
	s, err := c.stage(x, fillMixed)
	if err != nil {
		return err
	}
	defer s.leave()
	measure := func(row *report.Row, f func() error) error {
		if _, err := s.settledRSS(c.Sizes.Calm); err != nil {
			return err
		}
		c.progress("memory while saving, %s, %s", x.Name, row.Name)
		before, most, err := s.memoryDuring(f)
		row.Add(x.Name, report.Sample{before})
		row.Add(x.Name+", saving", report.Sample{most})
		return err
	}
	if err := measure(idle, s.save); err != nil {
		return err
	}
	return measure(busy, func() error {
		return s.whileWriting(func() error { return s.behind("BGREWRITEAOF", "aof_rewrite_in_progress:0") })
	})
}

// memoryDuring returns the memory of a server before f runs, and the most while
// it does, in MiB.
func (s *scene) memoryDuring(f func() error) (before, most float64, err error) {
	const often = 10 * time.Millisecond
	now, err := s.PSS()
	if err != nil {
		return 0, 0, err
	}
	before, most = mebibytes(now), mebibytes(now)
	done := make(chan error, 1)
	go func() { done <- f() }()
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return before, most, err
		case <-tick.C:
			now, err := s.PSS()
			if err != nil {
				<-done
				return 0, 0, err
			}
			most = max(most, mebibytes(now))
		}
	}
}

// whileWriting runs f while clients overwrite keys at a moderate rate.
func (s *scene) whileWriting(f func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	l := s.steady(steadyScript(s.keys*70/100, 100), steadyRate/5)
	done := make(chan error, 1)
	go func() {
		_, err := l.Run(ctx)
		done <- err
	}()
	err := f()
	cancel()
	if failed := <-done; err == nil {
		err = failed
	}
	return err
}
