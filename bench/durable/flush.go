package durable

import (
	"slices"
	"time"

	"redstart/bench/load"
	"redstart/store"
)

// A Stall is how long writers were held.
type Stall struct {
	Writes  int           // that were made
	PerSec  int           // that were made in a second; as many as were asked for, unless the machine is too busy
	Longest time.Duration // that one write took
	P9999   time.Duration // that one write in ten thousand took, or longer
	Over1ms int           // writes that took more than a millisecond
}

// A Flush compares writes with and without a file.
type Flush struct {
	File   []Stall // under everysec, in each round
	Memory []Stall // in memory: what the machine and the collector do to writers
}

// FlushStall makes 64 B SETs at a rate, say half a million in a second, for
// some seconds: in a database in memory and in one whose file is flushed each
// second, in turn. Both hold the same keys, which are all written before.
func FlushStall(perSec, rounds int, each time.Duration) (*Flush, error) {
	const keys = 200_000
	memory, err := store.Open("", nil)
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	return withFile(nil, func(file *store.DB) (*Flush, error) {
		d := Data{Strings: keys}
		for _, db := range []*store.DB{memory, file} {
			if err := d.put(db); err != nil {
				return nil, err
			}
		}
		if _, err := checkpoint(file); err != nil {
			return nil, err
		}
		result := new(Flush)
		for range rounds {
			for _, e := range []struct {
				db *store.DB
				to *[]Stall
			}{{memory, &result.Memory}, {file, &result.File}} {
				s, err := stall(e.db, keys, perSec, each)
				if err != nil {
					return nil, err
				}
				*e.to = append(*e.to, s)
			}
		}
		return result, nil
	})
}

// stall writes for some time.
func stall(db *store.DB, keys, perSec int, during time.Duration) (Stall, error) {
	names := make([]string, keys)
	for i := range names {
		names[i] = load.Key(i)
	}
	v := []byte(value(1))
	took := make([]time.Duration, 0, int(during.Seconds()*float64(perSec)))
	began := time.Now()
	for now := began; now.Sub(began) < during; now = time.Now() {
		// As many as are due, then a look at the clock: a sleep would be longer
		// than what is to be measured.
		due := min(int(now.Sub(began).Seconds()*float64(perSec)), cap(took))
		for now = time.Now(); len(took) < due; {
			if err := db.Set(names[len(took)*7919%keys], v); err != nil {
				return Stall{}, err
			}
			before := now
			now = time.Now()
			took = append(took, now.Sub(before))
		}
	}
	n := len(took)
	s := Stall{Writes: n, PerSec: int(float64(n) / during.Seconds())}
	slices.Sort(took)
	s.Longest, s.P9999 = took[n-1], took[n-1-n/10000]
	for i := n - 1; i >= 0 && took[i] > time.Millisecond; i-- {
		s.Over1ms++
	}
	return s, nil
}
