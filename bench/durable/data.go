package durable

import (
	"fmt"
	"math/rand/v2"

	"redstart/bench/load"
)

// Data is keys of all types, the same for each server.
type Data struct {
	Strings     int // of 64 B under keys of 16 B
	Hashes      int // of 5 fields
	Lists, Sets int // of 8 elements
	ZSets       int // of 8 members
	Large       int // elements of one large list, hash, set and sorted set each; 0: there are none
}

// Mixed returns data of n keys: most are strings, and a few are large.
func Mixed(n int) Data {
	return Data{
		Strings: n * 70 / 100, Hashes: n * 10 / 100, Lists: n * 75 / 1000, Sets: n * 75 / 1000, ZSets: n * 5 / 100,
		Large: n / 20,
	}
}

// Keys returns the number of keys.
func (d Data) Keys() int {
	n := d.Strings + d.Hashes + d.Lists + d.Sets + d.ZSets
	if d.Large > 0 {
		n += 4
	}
	return n
}

const smallSize = 8 // elements of a small list, set or sorted set

// value returns the 64 bytes that are stored under number i. They look random:
// nobody saves by compressing them.
func value(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	r := rand.NewPCG(uint64(i), 1)
	var b [64]byte
	for at := 0; at < len(b); {
		for bits := r.Uint64(); bits != 0 && at < len(b); bits >>= 6 {
			b[at] = letters[bits%64]
			at++
		}
	}
	return string(b[:])
}

// fill stores the data in a server.
func (d Data) fill(addr string) error {
	f, err := load.NewFiller("tcp", addr)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Fill(d.Strings, []string{"MSET"}, func(args []string, i int) []string { return append(args, load.Key(i), value(i)) })
	each(f, d.Hashes, func(i int) []string {
		return []string{"HSET", fmt.Sprint("user:", i), "name", fmt.Sprint("user number ", i), "age", fmt.Sprint(i % 90),
			"city", "Springfield", "score", fmt.Sprint(i), "active", "1"}
	})
	each(f, d.Lists, func(i int) []string {
		return append([]string{"RPUSH", fmt.Sprint("list:", i)}, elements(i)...)
	})
	each(f, d.Sets, func(i int) []string {
		return append([]string{"SADD", fmt.Sprint("set:", i)}, elements(i)...)
	})
	each(f, d.ZSets, func(i int) []string {
		args := []string{"ZADD", fmt.Sprint("zset:", i)}
		for j, e := range elements(i) {
			args = append(args, fmt.Sprint(i+j), e)
		}
		return args
	})
	d.fillLarge(f)
	return f.Err
}

func (d Data) fillLarge(f *load.Filler) {
	f.Fill(d.Large, []string{"RPUSH", "large:list"}, func(args []string, i int) []string { return append(args, load.Element(i)) })
	f.Fill(d.Large, []string{"SADD", "large:set"}, func(args []string, i int) []string { return append(args, load.Element(i)) })
	f.Fill(d.Large, []string{"HSET", "large:hash"}, func(args []string, i int) []string { return append(args, load.Element(i), value(i)) })
	f.Fill(d.Large, []string{"ZADD", "large:zset"}, func(args []string, i int) []string {
		return append(args, fmt.Sprint(i*7919%d.Large), load.Element(i))
	})
}

// each sends n commands.
func each(f *load.Filler, n int, command func(i int) []string) {
	for i := 0; i < n && f.Err == nil; i++ {
		f.Send(command(i)...)
		if i%500 == 499 {
			f.Wait()
		}
	}
	f.Wait()
}

// elements returns those of small collection number i.
func elements(i int) []string {
	e := make([]string, smallSize)
	for j := range e {
		e[j] = fmt.Sprint("element ", i*31+j)
	}
	return e
}
