package contest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sys/unix"

	"redstart/bench/load"
	"redstart/bench/report"
)

// The steady load beside which pauses are looked for.
const (
	steadyRate    = 50_000 // requests a second, if the servers can take them
	steadyWrites  = 20     // of a hundred
	steadyClients = 50
	steadySlice   = 20 * time.Millisecond
	settleTime    = 200 * time.Millisecond // from the beginning of the load to the event
	longest       = 2 * time.Minute        // an event may take
)

// A scene is one server, its control connection, and how much it holds.
type scene struct {
	*entrant
	load    *load.Script // the steady load's
	control redis.Conn
	keys    int
	fillFor time.Duration // how long it took to fill in the keys
	at      time.Time     // when the keys of the event expire
}

// An event is what may hold up other clients. Before the steady load begins,
// prepare gets ready for it; run makes it happen, and returns when it is over;
// after the load has ended, clean restores what there was.
type event struct {
	name  string
	what  string
	file  bool // only a server with a file does it
	ready func(s *scene) error
	run   func(s *scene) error
	clean func(s *scene) error
}

var events = []event{
	{name: "alone", what: "nothing else", run: func(*scene) error { return nil }},
	{name: "growth", what: "%d new keys are set at full speed", run: (*scene).grow, clean: (*scene).shrink},
	{name: "expiry", what: "%d keys expire at one instant", ready: (*scene).setExpiring, run: (*scene).expire},
	{name: "checkpoint", what: "BGSAVE", file: true, run: (*scene).save},
	{name: "flushdb", what: "FLUSHDB of %d keys in another database", ready: (*scene).fillOther, run: other("FLUSHDB")},
	{name: "del", what: "DEL of a set of %d members", ready: bigSet(1), run: command("DEL", "bigset")},
	{name: "unlink", what: "UNLINK of a set of %d members", ready: bigSet(1), run: command("UNLINK", "bigset")},
	{name: "keys", what: "KEYS * of %d keys", run: command("KEYS", "*")},
	{name: "smembers", what: "SMEMBERS of a set of %d members", ready: bigSet(5), run: command("SMEMBERS", "bigset"), clean: command("UNLINK", "bigset")},
	{name: "flushall", what: "FLUSHALL of %d keys", run: command("FLUSHALL")}, // the last one: nothing is left
}

// count returns the number that stands in the description of an event.
func (v event) count(keys int) int {
	switch v.name {
	case "growth":
		return grown(keys)
	case "expiry", "flushdb", "smembers":
		return keys / 5
	}
	return keys
}

func (v event) describe(keys int) string {
	if strings.Contains(v.what, "%d") {
		return v.name + ": " + fmt.Sprintf(v.what, v.count(keys))
	}
	return v.name + ": " + v.what
}

// grown is how many keys are added in the event of that name: enough for a
// table that doubles with the powers of two to do so, if there are five million.
func grown(keys int) int { return keys * 7 / 10 }

// Pauses looks at how long clients of a steady load wait while something large
// happens in the server.
func (c *Contest) Pauses() (*report.Table, error) {
	rate, err := c.sustained(steadyRate, steadyWrites)
	if err != nil {
		return nil, err
	}
	t := &report.Table{
		Name:  "pauses",
		Title: fmt.Sprintf("Latency of a steady load while something large happens, %d keys", c.Sizes.Keys),
		Notes: []string{fmt.Sprintf("The load: %.0f requests a second on a schedule, 80 %% GET and 20 %% SET of 64 B, %d connections, each request counted from the "+
			"moment it was due. The figures are of the requests that were due from the beginning of the event to its end, at least for %v. "+
			"Late is how much the generator itself was behind its schedule, at most: the machine had other things to do, and so much of a pause is not the server's.",
			rate, steadyClients, c.Sizes.Watch)},
		Subject: "event",
		Measures: []report.Measure{
			{Name: "p50", Unit: "ms", Hidden: true},
			{Name: "p99", Unit: "ms", Hidden: true},
			{Name: "p99.9", Unit: "ms", Goal: report.Goal{Ratio: 1}},
			{Name: "max", Unit: "ms", Goal: report.Goal{Ratio: 1}},
			{Name: "late", Unit: "ms", Plain: true},
		},
		Pairs: c.pairs(),
	}
	if rate < steadyRate {
		t.Notes = append(t.Notes, fmt.Sprintf("Not all servers, with the generator beside them, sustain %d requests a second on this machine: hence the lower rate.", steadyRate))
	}
	rows := map[string]*report.Row{}
	for _, v := range events {
		if c.wants(v.name) {
			rows[v.name] = t.NewRow(v.describe(c.Sizes.Keys))
		}
	}
	for round := range c.Sizes.Scenes {
		err := inTurn(c.Contestants, round, func(x Contestant) error { return c.scene(x, rate, rows) })
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// scene fills a server and lets all events happen in it that have a row.
func (c *Contest) scene(x Contestant, rate float64, rows map[string]*report.Row) error {
	e, err := x.start()
	if err != nil {
		return err
	}
	defer e.Kill()
	s := &scene{entrant: e, keys: c.Sizes.Keys, load: steadyScript(c.Sizes.Keys, steadyWrites)}
	c.progress("pauses, %s, filling", e.name())
	began := time.Now()
	if err := e.use(func(f *load.Filler) { fillStrings(f, s.keys) }); err != nil {
		return err
	}
	s.fillFor = time.Since(began)
	if s.control, err = redis.Dial("tcp", e.Addr(), redis.DialReadTimeout(longest)); err != nil {
		return err
	}
	defer s.control.Close()
	for _, v := range events {
		row := rows[v.name]
		if row == nil || v.file && !e.keeps() {
			continue
		}
		c.progress("pauses, %s, %s", e.name(), v.name)
		sample, err := s.watch(v, rate, c.Sizes.Watch)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", e.name(), v.name, err)
		}
		row.Add(e.name(), sample)
	}
	return nil
}

// watch lets an event happen beside the steady load, and returns quantiles of
// the latency while it did, at least for some time.
func (s *scene) watch(v event, rate float64, least time.Duration) (report.Sample, error) {
	if v.ready != nil {
		if err := v.ready(s); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	l := s.steady(s.load, rate)
	type outcome struct {
		r   *load.Result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := l.Run(ctx)
		done <- outcome{r, err}
	}()
	time.Sleep(settleTime)
	from := time.Now()
	err := atLowPriority(func() error { return v.run(s) })
	time.Sleep(least - time.Since(from))
	to := time.Now()
	cancel()
	o := <-done
	if err = errors.Join(err, o.err); err != nil {
		return nil, err
	}
	if o.r.Errors > 0 {
		return nil, fmt.Errorf("%d error replies, the first: %s", o.r.Errors, o.r.Error)
	}
	if v.clean != nil {
		err = v.clean(s)
	}
	if s.at.After(from) { // the keys expire during the load, not at its beginning
		from = s.at
	}
	h := o.r.Between(from, to)
	return report.Sample{millis(h.Quantile(0.5)), millis(h.Quantile(0.99)), millis(h.Quantile(0.999)), millis(h.Max()), millis(o.r.Lag.Max())}, err
}

// steady returns the load that goes on all the time.
func (e *entrant) steady(script *load.Script, rate float64) *load.Load {
	return &load.Load{Network: "tcp", Addr: e.Addr(), Conns: steadyClients, Script: script, Rate: rate, Slice: steadySlice}
}

// steadyScript is GET of random keys, and SET in so many of a hundred requests.
func steadyScript(keys, writes int) *load.Script {
	rng := rand.New(rand.NewPCG(5, 6))
	return load.NewScript(1<<16, 1, func(b []byte) []byte {
		key := load.Key(rng.IntN(keys))
		if rng.IntN(100) < writes {
			return load.AppendRequest(b, "SET", key, value)
		}
		return load.AppendRequest(b, "GET", key)
	})
}

// sustained returns the highest rate, up to most, that all contestants keep up
// with for a while, if so many of a hundred requests write.
func (c *Contest) sustained(most float64, writes int) (float64, error) {
	const slower = 0.8
	all, err := c.start()
	if err != nil {
		return 0, err
	}
	defer stop(all)
	rate := most
	keys := min(keyspace, c.Sizes.Keys)
	script := steadyScript(keys, writes)
	for _, e := range all {
		if err := e.fill(func(f *load.Filler) { fillStrings(f, keys) }); err != nil {
			return 0, err
		}
		for {
			l := e.steady(script, rate)
			l.Time = c.Sizes.Watch / 3
			r, err := l.Run(context.Background())
			if err != nil {
				return 0, err
			}
			if r.Elapsed < l.Time+l.Time/20+steadySlice && r.Latency.Quantile(0.9) < 20*time.Millisecond || rate < 1000 {
				break
			}
			rate *= slower
			c.progress("pauses, %s does not keep up: %.0f requests a second", e.name(), rate)
		}
	}
	return rate, nil
}

// atLowPriority runs f in a thread that lets the generator of the load go
// first: both are in this process, on a machine with few cores.
func atLowPriority(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 5)
		done <- f()
	}()
	return <-done
}

// command returns an event that is one command of another client, with its
// reply.
func command(args ...string) func(*scene) error {
	return func(s *scene) error { return s.use(func(f *load.Filler) { f.Do(args...) }) }
}

// other is like command, in the database of fillOther.
func other(args ...string) func(*scene) error {
	return func(s *scene) error {
		return s.use(func(f *load.Filler) {
			f.Do("SELECT", "1")
			f.Do(args...)
		})
	}
}

func (s *scene) fillOther() error {
	return s.use(func(f *load.Filler) {
		f.Do("SELECT", "1")
		fillStrings(f, s.keys/5)
	})
}

// bigSet adds a set with as many members as there are keys, or a part of it.
func bigSet(part int) func(*scene) error {
	return func(s *scene) error {
		return s.use(func(f *load.Filler) {
			f.Fill(s.keys/part, []string{"SADD", "bigset"}, func(args []string, i int) []string { return append(args, load.Element(i)) })
		})
	}
}

// grow sets new keys, in commands of their own, pipelined.
func (s *scene) grow() error {
	const depth = 1000
	return s.use(func(f *load.Filler) {
		for i := range grown(s.keys) {
			f.Send("SET", load.Key(s.keys+i), value)
			if i%depth == depth-1 {
				f.Wait()
			}
		}
		f.Wait()
	})
}

// shrink removes what grow has set.
func (s *scene) shrink() error {
	return s.use(func(f *load.Filler) {
		f.Fill(grown(s.keys), []string{"UNLINK"}, func(args []string, i int) []string { return append(args, load.Key(s.keys+i)) })
	})
}

// setExpiring sets keys that expire all at one time, which is a little later
// than the steady load begins.
func (s *scene) setExpiring() error {
	const soonest = 5 * settleTime / 2
	n := s.keys / 5
	for estimate := 2 * s.fillFor / 5; ; estimate *= 2 {
		s.at = time.Now().Add(estimate + soonest).Truncate(time.Millisecond)
		at := strconv.FormatInt(s.at.UnixMilli(), 10)
		err := s.use(func(f *load.Filler) {
			for i := range n {
				f.Send("SET", "expiring:"+strconv.Itoa(i), value, "PXAT", at)
				if i%500 == 499 {
					f.Wait()
				}
			}
			f.Wait()
		})
		if err != nil {
			return err
		}
		if left := time.Until(s.at) - 2*settleTime; left > 0 {
			time.Sleep(left)
			return nil
		}
	}
}

// expire waits until the expired keys are gone.
func (s *scene) expire() error {
	time.Sleep(time.Until(s.at))
	return s.until("they did not all expire", func() (bool, error) {
		n, err := redis.Int(s.control.Do("DBSIZE"))
		return n <= s.keys, err
	})
}

// save saves in the background, and waits for that.
func (s *scene) save() error { return s.behind("BGSAVE", "rdb_bgsave_in_progress:0") }

// behind has something done in the background, and waits until INFO says that
// it is over.
func (s *scene) behind(command, over string) error {
	if _, err := s.control.Do(command); err != nil {
		return err
	}
	return s.until(command+" did not end", func() (bool, error) {
		info, err := redis.String(s.control.Do("INFO", "persistence"))
		return strings.Contains(info, over), err
	})
}

// until asks ten times a second whether something is over.
func (s *scene) until(complaint string, over func() (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < longest; <-tick.C {
		if ok, err := over(); ok || err != nil {
			return err
		}
	}
	return errors.New(complaint)
}
