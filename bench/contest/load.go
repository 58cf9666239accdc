package contest

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"redstart/bench/load"
	"redstart/bench/report"
	"redstart/store"
	"redstart/wire"
)

// inMemory is the name of our server in the process of the generator.
const inMemory = "redstart in memory"

// warmUp is how long a server gets the load before it is measured.
const warmUp = 50 * time.Millisecond

// A cell is one way to send the mix.
type cell struct {
	conns, depth, size int
	network            string // "tcp", "unix", or "memory": ours, in the generator's process
}

func (x cell) String() string {
	size := fmt.Sprintf("%dB", x.size)
	switch {
	case x.size >= 1<<20:
		size = fmt.Sprintf("%dMB", x.size>>20)
	case x.size >= 1<<10:
		size = fmt.Sprintf("%dKB", x.size>>10)
	}
	return fmt.Sprintf("c%d P%d %s %s", x.conns, x.depth, size, x.network)
}

// cells returns all cells: around the first one, in which one dimension at a
// time is another, or the whole grid. Cells of one size stand together.
func cells(grid bool) []cell {
	conns, depths, sizes := []int{50, 1, 500}, []int{1, 16, 128}, []int{64, 16, 4 << 10, 1 << 20}
	networks := []string{"tcp", "unix", "memory"}
	var all []cell
	for s, size := range sizes {
		for n, network := range networks {
			for d, depth := range depths {
				for c, conn := range conns {
					others := 0
					for _, at := range []int{s, n, d, c} {
						others += min(at, 1)
					}
					if grid || others <= 1 {
						all = append(all, cell{conn, depth, size, network})
					}
				}
			}
		}
	}
	return all
}

var loadMeasures = []report.Measure{
	{Name: "throughput", Unit: "1/s", Goal: report.Goal{Ratio: 1, AtLeast: true}},
	{Name: "p50", Unit: "ms", Hidden: true},
	{Name: "p99", Unit: "ms", Goal: report.Goal{Ratio: 1}},
	{Name: "p99.9", Unit: "ms", Hidden: true},
	{Name: "CPU", Unit: "µs", Goal: report.Goal{Ratio: 1}},
	{Name: "late p99", Unit: "ms", Plain: true},
}

// Load sends a mix of commands in many ways. First each server gets it as fast
// as it can take it, then all get it at the same rate, half of what the slowest
// took.
func (c *Contest) Load() (*report.Table, error) {
	t := &report.Table{
		Name:  "load",
		Title: fmt.Sprintf("A mix of commands, rounds: %d", c.Sizes.Rounds),
		Notes: []string{
			"60 % GET, 20 % SET, and INCR, HGET, HSET, LPUSH, RPOP, SADD, ZADD, ZRANGE, EXPIRE on random keys; c: connections, P: requests " +
				"sent at once, and the size of values. Throughput is that of a closed loop. The rest is at the same rate for all, half the throughput " +
				"of the slowest: an open loop, in which a request counts from the moment it was due. CPU is that of the server process per request. " +
				"Late is how much the generator itself was behind its schedule: the machine had other things to do, and so much of a latency is not the server's.",
			"In memory the server is part of the generator's process, without a socket: CPU is that of both together there, and the rate half of its own throughput.",
		},
		Subject:  "load",
		Measures: loadMeasures,
		Pairs:    append(c.pairs(), report.Pair{Server: inMemory}),
	}
	all, err := c.start()
	if err != nil {
		return nil, err
	}
	defer stop(all)
	local, err := newLocal()
	if err != nil {
		return nil, err
	}
	defer local.close()
	for _, x := range cells(c.Grid) {
		if !c.wants(x.String()) {
			continue
		}
		c.progress("load, %v", x)
		var drivers []driver
		for _, e := range all {
			if x.network == "tcp" || x.network == "unix" && e.Socket != "" {
				drivers = append(drivers, e)
			}
		}
		if x.network == "memory" {
			drivers = []driver{local}
		}
		if err := c.cell(t.NewRow(x.String()), drivers, x); err != nil {
			return nil, fmt.Errorf("%v: %w", x, err)
		}
	}
	return t, nil
}

// A driver is a server that can be given a load.
type driver interface {
	name() string
	// prepare says how the load reaches the server, and fills it with what the
	// mix needs unless that is there already.
	prepare(x cell, m load.Mix) (load.Load, error)
	// during returns the processor time used while f runs.
	during(f func() error) (time.Duration, error)
}

// cell measures one cell in all rounds. They all have the rate of the first.
func (c *Contest) cell(row *report.Row, drivers []driver, x cell) error {
	mix := load.MixOf(x.size, min(keyspace, c.Sizes.Elements))
	script := mix.Script(x.depth, 1)
	var rate float64
	for round := range c.Sizes.Rounds {
		throughput := map[string]float64{}
		lowest := 0.0
		err := inTurn(drivers, round, func(d driver) error {
			r, _, err := c.drive(d, x, mix, script, 0)
			if err != nil {
				return err
			}
			throughput[d.name()] = r.Rate()
			if lowest == 0 || r.Rate() < lowest {
				lowest = r.Rate()
			}
			return nil
		})
		if err != nil {
			return err
		}
		if round == 0 {
			rate = lowest / 2
		}
		err = inTurn(drivers, round, func(d driver) error {
			r, used, err := c.drive(d, x, mix, script, rate)
			if err != nil {
				return err
			}
			h := &r.Latency
			row.Add(d.name(), report.Sample{throughput[d.name()], millis(h.Quantile(0.5)), millis(h.Quantile(0.99)),
				millis(h.Quantile(0.999)), micros(used, r.Replies), millis(r.Lag.Quantile(0.99))})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// drive gives a server the mix at a rate, 0: as fast as it goes, and returns
// also the processor time it used.
func (c *Contest) drive(d driver, x cell, mix load.Mix, script *load.Script, rate float64) (r *load.Result, used time.Duration, err error) {
	l, err := d.prepare(x, mix)
	if err != nil {
		return nil, 0, err
	}
	l.Conns, l.Script = x.conns, script
	l.Time = warmUp
	if _, err := l.Run(context.Background()); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", d.name(), err)
	}
	l.Rate = rate
	l.Time = c.Sizes.Time
	if rate == 0 {
		l.Time /= 2
	}
	used, err = d.during(func() (err error) {
		r, err = l.Run(context.Background())
		return err
	})
	if err == nil && r.Errors > 0 {
		err = fmt.Errorf("%s: %d error replies, the first: %s", d.name(), r.Errors, r.Error)
	}
	return r, used, err
}

func (e *entrant) name() string { return e.Contestant.Name }

func (e *entrant) prepare(x cell, m load.Mix) (load.Load, error) {
	l := load.Load{Network: "tcp", Addr: e.Addr()}
	if x.network == "unix" {
		l = load.Load{Network: "unix", Addr: e.Socket}
	}
	if e.mix == m {
		return l, nil
	}
	e.mix = m
	return l, e.fill(m.Fill)
}

// A local is our server in this process, for connections without a socket.
type local struct {
	db  *store.DB
	srv *wire.Server
	mix load.Mix // what it is filled with
}

func newLocal() (*local, error) {
	db, err := store.Open("", nil)
	if err != nil {
		return nil, err
	}
	return &local{db: db, srv: wire.NewServer(db, nil)}, nil
}

func (l *local) close() {
	l.srv.Close()
	l.db.Close()
}

func (l *local) name() string { return inMemory }

func (l *local) prepare(_ cell, m load.Mix) (load.Load, error) {
	how := load.Load{Dial: l.srv.Dialer()}
	if l.mix == m {
		return how, nil
	}
	conn, err := how.Dial(context.Background(), "", "")
	if err != nil {
		return how, err
	}
	f := load.FillerOf(conn)
	defer f.Close()
	f.Do("FLUSHALL")
	m.Fill(f)
	l.mix = m
	return how, f.Err
}

// during returns the processor time of this process.
func (l *local) during(f func() error) (time.Duration, error) { return usedByUs(f) }

// usedByUs returns the processor time of this process while f runs.
func usedByUs(f func() error) (time.Duration, error) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			panic(fmt.Sprintf("BUG: getrusage: %v", err)) // no argument of it can be wrong
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	err := f()
	return used() - before, err
}
