package contest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"time"

	"redstart/bench/load"
	"redstart/store"
)

// A stall is how long writers were held.
type stall struct {
	perSec  int           // that were made in a second; as many as were asked for, unless the machine is too busy
	longest time.Duration // that one write took
	p9999   time.Duration // that one write in ten thousand took, or longer
	over1ms int           // writes that took more than a millisecond
}

// flushes compares writes with and without a file.
type flushes struct {
	file   []stall // under everysec, in each round
	memory []stall // in memory: what the machine and the collector do to writers
}

// flushStall makes 64 B SETs at a rate, say half a million in a second, for
// some seconds: in a database in memory and in one whose file is flushed each
// second, in turn. Both hold the same keys, which are all written before.
func flushStall(perSec, rounds int, each time.Duration) (*flushes, error) {
	dir, err := os.MkdirTemp("", "flush-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	names := make([]string, 200_000)
	for i := range names {
		names[i] = load.Key(i)
	}
	var dbs [2]*store.DB
	for i, path := range []string{"", filepath.Join(dir, "app.db")} {
		db, err := store.Open(path, nil)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		for _, name := range names {
			if err := db.Set(name, written); err != nil {
				return nil, err
			}
		}
		dbs[i] = db
	}
	if err := dbs[1].Save(); err != nil {
		return nil, err
	}
	f := new(flushes)
	for range rounds {
		for i, to := range []*[]stall{&f.memory, &f.file} {
			s, err := hold(dbs[i], names, perSec, each)
			if err != nil {
				return nil, err
			}
			*to = append(*to, s)
		}
	}
	return f, nil
}

// written is the value of each write.
var written = bytes.Repeat([]byte("v"), 64)

// hold writes for some time.
func hold(db *store.DB, names []string, perSec int, during time.Duration) (stall, error) {
	took := make([]time.Duration, 0, int(during.Seconds()*float64(perSec)))
	began := time.Now()
	for now := began; now.Sub(began) < during; now = time.Now() {
		// As many as are due, then a look at the clock: a sleep would be longer
		// than what is to be measured.
		due := min(int(now.Sub(began).Seconds()*float64(perSec)), cap(took))
		for now = time.Now(); len(took) < due; {
			if err := db.Set(names[len(took)*7919%len(names)], written); err != nil {
				return stall{}, err
			}
			before := now
			now = time.Now()
			took = append(took, now.Sub(before))
		}
	}
	n := len(took)
	s := stall{perSec: int(float64(n) / during.Seconds())}
	slices.Sort(took)
	s.longest, s.p9999 = took[n-1], took[n-1-n/10000]
	for i := n - 1; i >= 0 && took[i] > time.Millisecond; i-- {
		s.over1ms++
	}
	return s, nil
}
