package types

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

var benchSizes = []int{1, 1000, 100_000, 1_000_000}

// benchKeys returns n keys of 16 bytes in random order, each in its own memory.
func benchKeys(n int) []string {
	keys := make([]string, n)
	for i, j := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		keys[i] = testKey(j)
	}
	return keys
}

// shuffled returns copies of keys in another order. In the order of insertion
// a map would find its keys and values one behind the other in memory.
func shuffled(keys []string) []string {
	other := make([]string, len(keys))
	for i, j := range rand.New(rand.NewPCG(3, 4)).Perm(len(keys)) {
		other[i] = strings.Clone(keys[j])
	}
	return other
}

// A table is what a Dict is measured as, and the Go map beside it.
type table struct {
	name string
	get  func(key string) []byte
	put  func(key string, value []byte)
}

func benchTables() []table {
	d, m := new(Dict), map[string][]byte{}
	return []table{
		{
			"dict",
			func(key string) []byte {
				if r := d.Find(HashOf(key), key); r.OK() {
					return r.Value()
				}
				return nil
			},
			func(key string, value []byte) { d.Put(HashOf(key), key, value, 0, 0) },
		},
		{
			"map",
			func(key string) []byte { return m[key] },
			func(key string, value []byte) { m[key] = append([]byte(nil), value...) },
		},
	}
}

// benchBoth runs f on a full table of each kind and size.
func benchBoth(b *testing.B, f func(b *testing.B, t table, keys []string, value []byte)) {
	for _, n := range benchSizes {
		keys, value := benchKeys(n), make([]byte, 64)
		for _, t := range benchTables() {
			b.Run(fmt.Sprintf("%s/%d", t.name, n), func(b *testing.B) {
				for _, key := range keys {
					t.put(key, value)
				}
				runtime.GC()
				b.ReportAllocs()
				f(b, t, shuffled(keys), value)
			})
		}
	}
}

func BenchmarkDictFind(b *testing.B) {
	benchBoth(b, func(b *testing.B, t table, keys []string, _ []byte) {
		i, sum := 0, 0
		for b.Loop() {
			sum += int(t.get(keys[i])[0])
			if i++; i == len(keys) {
				i = 0
			}
		}
	})
}

// BenchmarkDictFindNext takes the next key from the last value, as a server
// does that can not look up two keys at a time.
func BenchmarkDictFindNext(b *testing.B) {
	benchBoth(b, func(b *testing.B, t table, keys []string, value []byte) {
		for i, key := range keys {
			binary.LittleEndian.PutUint64(value, uint64((i+1)%len(keys)))
			t.put(key, value)
		}
		i := uint64(0)
		for b.Loop() {
			i = binary.LittleEndian.Uint64(t.get(keys[i]))
		}
	})
}

func BenchmarkDictMiss(b *testing.B) {
	benchBoth(b, func(b *testing.B, t table, keys []string, _ []byte) {
		missing := make([]string, len(keys))
		for i, key := range keys {
			missing[i] = strings.ToUpper(key)
		}
		i := 0
		for b.Loop() {
			if t.get(missing[i]) != nil {
				b.Fatal("found")
			}
			if i++; i == len(keys) {
				i = 0
			}
		}
	})
}

func BenchmarkDictPut(b *testing.B) {
	benchBoth(b, func(b *testing.B, t table, keys []string, value []byte) {
		i := 0
		for b.Loop() {
			t.put(keys[i], value)
			if i++; i == len(keys) {
				i = 0
			}
		}
	})
}

// BenchmarkDictPutSizes replaces values by longer and shorter ones.
func BenchmarkDictPutSizes(b *testing.B) {
	benchBoth(b, func(b *testing.B, t table, keys []string, _ []byte) {
		value := make([]byte, 128)
		r := rand.New(rand.NewPCG(1, 1))
		i := 0
		for b.Loop() {
			t.put(keys[i], value[:1+r.IntN(128)])
			if i++; i == len(keys) {
				i = 0
			}
		}
	})
}

// BenchmarkDictFill inserts into a table from empty to full: ns per key.
func BenchmarkDictFill(b *testing.B) {
	for _, n := range benchSizes {
		keys, value := benchKeys(n), make([]byte, 64)
		for which, t := range benchTables() {
			b.Run(fmt.Sprintf("%s/%d", t.name, n), func(b *testing.B) {
				for b.Loop() {
					t := benchTables()[which]
					for _, key := range keys {
						t.put(key, value)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/key")
			})
		}
	}
}

func BenchmarkDictRandom(b *testing.B) {
	d := filled(1_000_000, 8)
	r := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		d.Random(r)
	}
}

// BenchmarkDictScan reports the cost of an element.
func BenchmarkDictScan(b *testing.B) {
	d := filled(1_000_000, 8)
	b.ReportAllocs()
	cursor, n := uint64(0), 0
	for b.Loop() {
		if n--; n < 0 {
			n = -1
			cursor = d.Scan(cursor, 10, func(Ref) { n++ })
		}
	}
}

func BenchmarkDictClone(b *testing.B) {
	d := filled(100_000, 64)
	b.ReportAllocs()
	for b.Loop() {
		d.Clone()
	}
}

// BenchmarkDictMemory reports the heap bytes of an entry. There are few round
// figures: the slots of a table are half empty after it has split, so the
// least and the most of one doubling are given.
func BenchmarkDictMemory(b *testing.B) {
	for _, shape := range []struct {
		name  string
		value int
	}{{"strings of 64", 64}, {"set members", 0}} {
		for _, n := range []int{10_000, 700_000, 850_000, 1_000_000, 1_200_000} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				for b.Loop() {
					before := heap()
					d := filled(n, shape.value)
					heap := heap() - before
					b.ReportMetric(float64(heap)/float64(n), "B/entry")
					b.ReportMetric(float64(d.Size())/float64(heap), "Size/heap")
				}
			})
		}
	}
}
