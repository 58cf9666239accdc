package contest

import (
	"strconv"
	"strings"

	"redstart/bench/load"
)

// value is what -d 64 makes redis-benchmark store.
var value = strings.Repeat("x", 64)

// These fill in what tests read, pop or overwrite, under redis-benchmark's
// names.

func fillStrings(f *load.Filler, n int) {
	f.Fill(n, []string{"MSET"}, func(args []string, i int) []string { return append(args, load.Key(i), value) })
}

func fillList(f *load.Filler, n int) {
	f.Fill(n, []string{"RPUSH", "mylist"}, func(args []string, _ int) []string { return append(args, value) })
}

func fillHash(f *load.Filler, n int) {
	f.Fill(n, []string{"HSET", "myhash"}, func(args []string, i int) []string { return append(args, load.Element(i), value) })
}

func fillSet(f *load.Filler, n int) {
	f.Fill(n, []string{"SADD", "myset"}, func(args []string, i int) []string { return append(args, load.Element(i)) })
}

func fillZSet(f *load.Filler, n int) {
	f.Fill(n, []string{"ZADD", "myzset"}, func(args []string, i int) []string {
		return append(args, strconv.Itoa(i*7919%n), load.Element(i))
	})
}
