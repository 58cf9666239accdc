package load

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// A Mix is a load like that of an application: many commands on all types,
// mostly reads. Of a hundred requests there are
//
//	60 GET, 20 SET, 3 INCR, 3 HGET, 2 HSET, 2 LPUSH, 2 RPOP, 2 SADD, 2 ZADD,
//	2 ZRANGE of ten members, 2 EXPIRE in an hour
//
// on random keys, which are all there. As much is pushed as popped, a value
// overwrites one of the same size, and nothing expires while it is measured, so
// that the server holds as much at the end as in the beginning. SET, HSET and
// LPUSH carry values of Size bytes; members of sets are short.
type Mix struct {
	Keys int // strings; for a hundred of them there is a hash, a list, a set, a sorted set and a counter
	Size int
}

// What is in each collection.
const (
	mixFields  = 10
	mixMembers = 100
	mixLength  = 20
)

// MixOf returns a mix with values of a size, and as many keys, up to most, as
// fit into a quarter of a gigabyte.
func MixOf(size, most int) Mix {
	return Mix{Keys: min(most, max(100, (256<<20)/size)), Size: size}
}

// collections is how many there are of each type.
func (m Mix) collections() int { return max(1, m.Keys/100) }

// Fill stores what the requests work on.
func (m Mix) Fill(f *Filler) {
	v := strings.Repeat("x", m.Size)
	for i := range m.Keys {
		f.Send("SET", Key(i), v)
		m.pause(f, i)
	}
	for i := range m.collections() {
		for n := range mixFields {
			f.Send("HSET", numbered("hash:", i), numbered("field:", n), v)
		}
		for range mixLength {
			f.Send("LPUSH", numbered("list:", i), v)
		}
		for n := range mixMembers {
			f.Send("SADD", numbered("set:", i), Element(n))
			f.Send("ZADD", numbered("zset:", i), strconv.Itoa(n), Element(n))
		}
		f.Wait()
	}
	f.Wait()
}

// pause lets the server catch up after some hundred requests or some megabytes.
func (m Mix) pause(f *Filler, i int) {
	if i%min(500, max(1, 4<<20/m.Size)) == 0 {
		f.Wait()
	}
}

// Script returns requests, depth at a time: the same for the same seed.
func (m Mix) Script(depth int, seed uint64) *Script {
	const most, memory = 1 << 16, 64 << 20 // requests, and bytes, about: every fourth carries a value
	n := min(most, 4*memory/m.Size)
	rng := rand.New(rand.NewPCG(seed, 0))
	v := strings.Repeat("y", m.Size)
	return NewScript(max(n, 8*depth), depth, func(b []byte) []byte { return m.appendRequest(b, rng, v) })
}

// appendRequest appends a random request.
func (m Mix) appendRequest(b []byte, rng *rand.Rand, v string) []byte {
	key := Key(rng.IntN(m.Keys))
	in := func(kind string) string { return numbered(kind, rng.IntN(m.collections())) }
	field := numbered("field:", rng.IntN(mixFields))
	n := rng.IntN(mixMembers)
	switch p := rng.IntN(100); {
	case p < 60:
		return AppendRequest(b, "GET", key)
	case p < 80:
		return AppendRequest(b, "SET", key, v)
	case p < 83:
		return AppendRequest(b, "INCR", in("counter:"))
	case p < 86:
		return AppendRequest(b, "HGET", in("hash:"), field)
	case p < 88:
		return AppendRequest(b, "HSET", in("hash:"), field, v)
	case p < 90:
		return AppendRequest(b, "LPUSH", in("list:"), v)
	case p < 92:
		return AppendRequest(b, "RPOP", in("list:"))
	case p < 94:
		return AppendRequest(b, "SADD", in("set:"), Element(n))
	case p < 96:
		return AppendRequest(b, "ZADD", in("zset:"), strconv.Itoa(rng.IntN(mixMembers)), Element(n))
	case p < 98:
		return AppendRequest(b, "ZRANGE", in("zset:"), "0", "9")
	}
	return AppendRequest(b, "EXPIRE", key, "3600")
}
