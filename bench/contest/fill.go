package contest

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"redstart/bench/load"
)

// value is what -d 64 makes redis-benchmark store.
var value = strings.Repeat("x", 64)

// text returns 64 bytes for number i that look random: an RDB file, which is
// compressed, does not get smaller by them.
func text(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	r := rand.NewPCG(uint64(i), 1)
	b := make([]byte, 0, 64)
	for len(b) < cap(b) {
		for bits, n := r.Uint64(), 0; n < 8; bits, n = bits>>8, n+1 {
			b = append(b, letters[bits%uint64(len(letters))])
		}
	}
	return string(b)
}

func fillTexts(f *load.Filler, n int) {
	f.Fill(n, []string{"MSET"}, func(args []string, i int) []string { return append(args, load.Key(i), text(i)) })
}

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
