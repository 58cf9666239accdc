package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"redstart/store"
)

// embedded prints what a read costs in a store opened in this process, beside
// a Go map under a lock: what an embedder would otherwise write.
func embedded(o options) error {
	if !o.wants("get") {
		return nil
	}
	db, err := store.Open("", nil)
	if err != nil {
		return err
	}
	defer db.Close()
	m := lockedMap{values: map[string][]byte{}}
	keys := make([]string, keyspace)
	for i := range keys {
		keys[i] = fmt.Sprintf("key:%012d", i)
		m.values[keys[i]] = []byte(value)
		if err := db.Set(keys[i], []byte(value)); err != nil {
			return err
		}
	}
	// In another order than that of insertion, and in copies: neither side may
	// profit from memory that lies in a row or from comparing pointers.
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for i, k := range keys {
		keys[i] = string([]byte(k))
	}

	var failed error
	var buf []byte
	ways := []struct {
		name string
		get  func(key string)
	}{
		{"map[string][]byte under a sync.RWMutex", func(key string) { buf = m.get(key) }},
		{"store.DB.AppendGet into a buffer", func(key string) {
			v, err := db.AppendGet(buf[:0], key)
			if err != nil || len(v) != len(value) {
				failed = fmt.Errorf("reading %s: %d bytes, %v", key, len(v), err)
			}
			buf = v
		}},
		{"store.DB.Get, which returns a copy", func(key string) {
			v, err := db.Get(key)
			if err != nil || len(v) != len(value) {
				failed = fmt.Errorf("reading %s: %d bytes, %v", key, len(v), err)
			}
		}},
	}
	fmt.Printf("## Embedded GET of %d keys with values of 64 B, one goroutine, %d rounds\n\n", len(keys), o.rounds)
	fmt.Println("| | ns | allocations | ratio to the map | ≤ 1.5 |\n|---|---:|---:|---:|---|")
	ns := make([]spread, len(ways))
	ratio := make([]spread, len(ways))
	allocs := make([]int64, len(ways))
	for range o.rounds {
		for i, w := range ways {
			buf = make([]byte, 0, 2*len(value)) // the map's own value must not be written to
			result := testing.Benchmark(func(b *testing.B) {
				for n := 0; b.Loop(); n++ {
					w.get(keys[n%len(keys)])
				}
			})
			t := float64(result.T.Nanoseconds()) / float64(result.N)
			ns[i] = append(ns[i], t)
			ratio[i] = append(ratio[i], t/ns[0][len(ns[0])-1])
			allocs[i] = result.AllocsPerOp()
		}
	}
	for i, w := range ways {
		fmt.Printf("| %s | %.0f | %d | %v | %s |\n", w.name, ns[i].median(), allocs[i], ratio[i], verdict(ratio[i].median(), 1.5))
	}
	fmt.Println()
	return failed
}

// A lockedMap is what one writes who needs no more than get and set.
type lockedMap struct {
	mu     sync.RWMutex
	values map[string][]byte
}

func (m *lockedMap) get(key string) []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.values[key]
}
