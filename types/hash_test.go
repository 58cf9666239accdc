package types

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// hashOf returns what h holds.
func hashOf(h *Hash) map[string]string {
	m := map[string]string{}
	h.Each(func(field, value []byte) bool {
		m[string(field)] = string(value)
		return true
	})
	return m
}

func TestNilHashReadsAsEmpty(t *testing.T) {
	var h *Hash
	require.Zero(t, h.Len())
	require.Zero(t, h.Size())
	require.False(t, h.Has("a"))
	_, ok := h.Get("a")
	require.False(t, ok)
	f, v := h.Random(rand.New(rand.NewPCG(1, 1)))
	require.Nil(t, f)
	require.Nil(t, v)
	require.Zero(t, h.Scan(0, 10, nil))
	for range h.All() {
		t.Fatal("a nil hash has fields")
	}
}

func TestHashEncodings(t *testing.T) {
	grow := func(limits *Limits, n, size int) *Hash {
		h := new(Hash)
		h.Record(&Recorder{Limits: limits})
		for i := range n {
			h.Set(fmt.Sprintf("f%d", i), bytes.Repeat([]byte("v"), size))
		}
		require.NoError(t, h.check())
		return h
	}
	for _, c := range []struct {
		limits   *Limits
		n, size  int
		encoding string
	}{
		{nil, 504, 64, "listpack"},
		{nil, 512, 1, "listpack"},
		{nil, 513, 1, "hashtable"},
		{nil, 1, 65, "hashtable"},
		{&Limits{HashEntries: 0, HashValue: 64}, 1, 1, "hashtable"},
		{&Limits{HashEntries: 1000, HashValue: 1000}, 60, 1000, "listpack"},
		{&Limits{HashEntries: 1000, HashValue: 1000}, 70, 1000, "hashtable"}, // above 64 KiB
		{&Limits{HashEntries: 10, HashValue: 1 << 20}, 1, 1 << 15, "hashtable"},
	} {
		require.Equal(t, c.encoding, grow(c.limits, c.n, c.size).Encoding(), "%+v", c)
	}

	h := grow(nil, 1, 1)
	h.Set(strings.Repeat("f", 65), nil)
	require.Equal(t, "hashtable", h.Encoding(), "a long field is no better than a long value")
	h.Delete(strings.Repeat("f", 65))
	require.Equal(t, "hashtable", h.Encoding(), "there is no way back")
	h.Delete("f0")
	require.Equal(t, "listpack", h.Encoding(), "but through emptiness")
}

func TestSmallHashKeepsOrder(t *testing.T) {
	h := new(Hash)
	for _, f := range []string{"z", "a", "m"} {
		h.Set(f, []byte(f))
	}
	h.Set("a", []byte("something longer than before"))
	h.Set("z", nil)
	var order []string
	for f := range h.All() {
		order = append(order, f)
	}
	require.Equal(t, []string{"z", "a", "m"}, order)
}

func TestHashIncrBy(t *testing.T) {
	h := new(Hash)
	var log Log
	h.Record(&Recorder{Log: &log})
	n, err := h.IncrBy("n", math.MaxInt64-1)
	require.NoError(t, err)
	require.Equal(t, int64(math.MaxInt64-1), n)
	_, err = h.IncrBy("n", 2)
	require.ErrorIs(t, err, ErrOverflow)
	n, _ = h.IncrBy("n", 1)
	require.Equal(t, int64(math.MaxInt64), n)
	h.Set("m", []byte("-9223372036854775808"))
	_, err = h.IncrBy("m", -1)
	require.ErrorIs(t, err, ErrOverflow)
	_, err = h.IncrBy("m", math.MinInt64)
	require.ErrorIs(t, err, ErrOverflow)
	h.Set("s", []byte(" 1"))
	log.Reset()
	_, err = h.IncrBy("s", 1)
	require.ErrorIs(t, err, ErrNotInteger)
	_, err = h.IncrByFloat("s", "1")
	require.ErrorIs(t, err, ErrNotFloat)
	require.Empty(t, log.Bytes())
	sum, err := h.IncrByFloat("f", "10.5")
	require.NoError(t, err)
	require.Equal(t, "10.5", string(sum))
	sum, err = h.IncrByFloat("f", "0.5")
	require.NoError(t, err)
	require.Equal(t, "11", string(sum))
	v, _ := h.Get("f")
	require.Equal(t, "11", string(v))
}

// What a hash handed out may be given back to it.
func TestHashTakesItsOwnBytes(t *testing.T) {
	for _, limits := range []*Limits{nil, {}} {
		h := new(Hash)
		h.Record(&Recorder{Limits: limits})
		h.Set("a", []byte("1"))
		h.Set("b", []byte("a longer value"))
		h.Set("c", []byte("x"))
		v, _ := h.Get("c")
		h.Set("b", v)
		v, _ = h.Get("a")
		h.Set("d", v)
		require.Equal(t, map[string]string{"a": "1", "b": "x", "c": "x", "d": "1"}, hashOf(h))
	}
}

// What Each hands out may be collected.
func TestHashEachYieldsWhatLasts(t *testing.T) {
	h := new(Hash)
	for i := range 500 {
		h.Set(strconv.Itoa(i), []byte(strconv.Itoa(i*i-1000)))
	}
	var all [][]byte
	h.Each(func(field, value []byte) bool { all = append(all, field, value); return true })
	for i := range 500 {
		require.Equal(t, strconv.Itoa(i), string(all[2*i]))
		require.Equal(t, strconv.Itoa(i*i-1000), string(all[2*i+1]))
	}
}

func TestHashAllocs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{5, 100, 5000} {
		h, fields := filledHash(n)
		h.Set(fields[0], []byte("1000"))
		log := Log{buf: make([]byte, 0, 1<<16)}
		h.Record(&Recorder{Log: &log})
		i, sum, values := 0, 0, [][]byte{[]byte("abc"), []byte("345"), []byte("def")}
		allocs := testing.AllocsPerRun(200, func() {
			i++
			v, _ := h.Get(fields[i%n])
			sum += len(v)
			h.Has("none")
			h.IncrBy(fields[0], 1)
			h.Set(fields[1], values[i%3])
			f, v := h.Random(r)
			sum += len(f) + len(v)
			log.Reset()
		})
		require.Zero(t, allocs, "%d fields", n)
	}
}

func TestHashAllToleratesWrites(t *testing.T) {
	for _, n := range []int{5, 500} {
		h := new(Hash)
		h.Record(new(Recorder))
		for i := range n {
			h.Set(fmt.Sprint(i), []byte("v"))
		}
		seen := 0
		for f, v := range h.All() {
			require.Equal(t, "v", string(v))
			require.True(t, h.Delete(f))
			h.Set("new"+f, []byte("w"))
			seen++
		}
		require.Equal(t, n, seen)
		require.Equal(t, n, h.Len())
		require.NoError(t, h.check())
	}
}

func TestHashApplyRefuses(t *testing.T) {
	h := new(Hash)
	require.ErrorIs(t, h.Apply(Effect{Op: OpHashDelete, A: []byte("a")}), ErrEffect)
	require.ErrorIs(t, h.Apply(Effect{Op: OpSetAdd, A: []byte("a")}), ErrEffect)
	require.Zero(t, h.Len())
}

func TestHashRandomIsUniform(t *testing.T) {
	for _, n := range []int{7, 300} {
		h := new(Hash)
		for i := range n {
			h.Set(fmt.Sprint(i), []byte(fmt.Sprintf("-%d", i)))
		}
		r, seen := rand.New(rand.NewPCG(1, 2)), map[string]float64{}
		for range 200 * n {
			f, v := h.Random(r)
			require.Equal(t, "-"+string(f), string(v))
			seen[string(f)]++
		}
		requireUniform(t, seen, n, 200)
	}
}

// requireUniform fails unless n things were each seen about mean times.
func requireUniform(t *testing.T, seen map[string]float64, n int, mean float64) {
	require.Len(t, seen, n)
	chi := 0.0
	for _, times := range seen {
		chi += (times - mean) * (times - mean) / mean
	}
	df := float64(n - 1)
	require.Less(t, chi, df+5*math.Sqrt(2*df)+5, "chi square of %v degrees of freedom", df)
}

func TestHashScan(t *testing.T) {
	for _, n := range []int{100, 5000} {
		h, seen := new(Hash), map[string]bool{}
		for i := range n {
			h.Set(fmt.Sprint(i), nil)
		}
		for cursor, calls := uint64(0), 0; ; calls++ {
			require.Less(t, calls, n)
			cursor = h.Scan(cursor, 10, func(field, _ []byte) { seen[string(field)] = true })
			if cursor == 0 {
				break
			}
		}
		require.Len(t, seen, n)
	}
}

var errNoField = errors.New("no such field")

// TestHashModel plays random histories on a Hash and on a map, under limits
// that make it change its form early, and checks all that is promised of
// every value: the invariant, honest answers, clones that stay as they were,
// and effects that turn a clone of the old state into the new one.
func TestHashModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := &Limits{HashEntries: rapid.IntRange(0, 12).Draw(t, "entries"), HashValue: rapid.IntRange(1, 200).Draw(t, "value")}
		var log Log
		rec := &Recorder{Log: &log, Limits: limits}
		h, model := new(Hash), map[string]string{}
		h.Record(rec)
		old := Clone(h).(*Hash) // what h was when log was empty
		oldModel := map[string]string{}

		fields := rapid.OneOf(rapid.StringMatching(`[a-d]{1,2}`), rapid.StringN(0, 150, 150))
		values := rapid.OneOf(rapid.StringMatching(`-?[1-9][0-9]{0,3}`), rapid.StringN(0, 300, 300))
		field := func(t *rapid.T) string {
			if len(model) > 0 && rapid.Bool().Draw(t, "known") {
				return rapid.SampledFrom(slices.Sorted(maps.Keys(model))).Draw(t, "field")
			}
			return fields.Draw(t, "field")
		}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				f, v := field(t), values.Draw(t, "value")
				was, ok := model[f]
				before := rec.Changes
				require.Equal(t, !ok, h.Set(f, []byte(v)))
				require.Equal(t, boolInt(!ok || was != v), rec.Changes-before)
				model[f] = v
			},
			"delete": func(t *rapid.T) {
				f := field(t)
				_, ok := model[f]
				before := rec.Changes
				require.Equal(t, ok, h.Delete(f))
				require.Equal(t, boolInt(ok), rec.Changes-before)
				delete(model, f)
			},
			"incr": func(t *rapid.T) {
				f, n := field(t), rapid.Int64Range(-5, 5).Draw(t, "n")
				was, known := model[f]
				sum, ok := int64(0), true
				if known {
					sum, ok = ParseInt([]byte(was))
				}
				got, err := h.IncrBy(f, n)
				if !ok {
					require.ErrorIs(t, err, ErrNotInteger)
					return
				}
				require.NoError(t, err)
				require.Equal(t, sum+n, got)
				model[f] = fmt.Sprint(sum + n)
			},
			"get": func(t *rapid.T) {
				f := field(t)
				want, ok := model[f]
				got, found := h.Get(f)
				require.Equal(t, ok, found)
				require.Equal(t, want, string(got))
				require.Equal(t, ok, h.Has(f))
			},
			"random": func(t *rapid.T) {
				f, v := h.Random(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
				require.Equal(t, len(model) == 0, f == nil)
				require.Equal(t, model[string(f)], string(v))
			},
			"apply": func(t *rapid.T) {
				require.Equal(t, oldModel, hashOf(old), "a clone stays as it was")
				old.Record(&Recorder{Limits: limits})
				requireApplies(t, old, &log)
				require.Equal(t, model, hashOf(old))
				old = Clone(h).(*Hash)
				oldModel = maps.Clone(model)
				log.Reset()
			},
			"": func(t *rapid.T) {
				require.NoError(t, h.check())
				require.NoError(t, old.check())
				require.Equal(t, len(model), h.Len())
				require.Equal(t, model, hashOf(h))
			},
		})
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// requireApplies applies the effects in log, but for places, to v.
func requireApplies(t require.TestingT, v Value, log *Log) {
	for e, err := range Effects(log.Bytes()) {
		require.NoError(t, err)
		if e.Op != OpPlace {
			require.NoError(t, v.Apply(e))
			require.NoError(t, v.check())
		}
	}
}

func TestHashSizeIsHonest(t *testing.T) {
	requireSizes(t, func(n int) Value {
		h := new(Hash)
		for i := range n {
			h.Set("field:"+strconv.Itoa(i), []byte("value:"+strconv.Itoa(i*i)))
		}
		return h
	})
}

// requireSizes fails unless the Size of what make returns, for few and for many
// elements, is within 10 % of the memory found in use for it.
func requireSizes(t *testing.T, filled func(n int) Value) {
	measuresHeap(t)
	for _, n := range []int{1, 5, 100, 5000, 100_000} {
		values, size := make([]Value, 100_000/n), 0.0
		before := heap()
		for i := range values {
			values[i] = filled(n)
			size += float64(values[i].Size())
		}
		used := float64(heap() - before)
		require.InEpsilon(t, used, size, 0.1, "%d elements", n)
		runtime.KeepAlive(values)
	}
}

// One side of a clone is read by one goroutine while another writes the other.
func TestHashCloneIsIndependent(t *testing.T) {
	for _, n := range []int{5, 100, 3000} {
		h := new(Hash)
		for i := range n {
			h.Set(fmt.Sprint(i), []byte("old"))
		}
		c := Clone(h).(*Hash)
		done := make(chan error)
		go func() {
			err := error(nil)
			for i := range n {
				if v, ok := c.Get(fmt.Sprint(i)); !ok || string(v) != "old" {
					err = fmt.Errorf("%d: %w", i, errNoField)
				}
			}
			done <- errors.Join(err, c.check())
		}()
		for i := range n {
			h.Set(fmt.Sprint(i), []byte("new"))
			h.Set(fmt.Sprint(-i), []byte("a longer new one"))
			h.Delete(fmt.Sprint(i / 2))
		}
		require.NoError(t, <-done)
		require.Equal(t, n, c.Len())
		require.NoError(t, h.check())
	}
}

// FuzzHash reads its input as commands on a hash: an op, a field of up to
// three bytes and a value whose length is a byte.
func FuzzHash(f *testing.F) {
	f.Add([]byte("\x00\x01a\x05\x01\x01a\x02\x01a"), uint8(4))
	f.Add(bytes.Repeat([]byte("\x00\x02ab\xffxy"), 30), uint8(200))
	f.Fuzz(func(t *testing.T, in []byte, limit uint8) {
		h, model := new(Hash), map[string]string{}
		h.Record(&Recorder{Limits: &Limits{HashEntries: int(limit) / 8, HashValue: int(limit)}})
		next := func() byte {
			if len(in) == 0 {
				return 0
			}
			b := in[0]
			in = in[1:]
			return b
		}
		for len(in) > 0 {
			op, size := next(), int(next()%4)
			size = min(size, len(in))
			field := string(in[:size])
			in = in[size:]
			_, known := model[field]
			if op%4 == 0 {
				require.Equal(t, known, h.Delete(field))
				delete(model, field)
			} else {
				value := bytes.Repeat([]byte{op}, int(next()))
				require.Equal(t, !known, h.Set(field, value))
				model[field] = string(value)
			}
			require.NoError(t, h.check())
		}
		require.Equal(t, model, hashOf(h))
	})
}

func BenchmarkHashGet(b *testing.B) {
	for _, n := range []int{1, 5, 128, 512, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			h, fields := filledHash(n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := h.Get(fields[i%n]); !ok {
					b.Fatal(fields[i%n])
				}
			}
		})
	}
}

func BenchmarkHashSet(b *testing.B) {
	for _, n := range []int{1, 5, 128, 512, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			h, fields := filledHash(n)
			var log Log
			h.Record(&Recorder{Log: &log})
			values := [][]byte{[]byte("1234567"), []byte("7654321"), []byte("abcdefg")}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				h.Set(fields[i%n], values[i%3])
				log.Reset()
			}
		})
	}
}

// BenchmarkHashFill makes a hash of n fields.
func BenchmarkHashFill(b *testing.B) {
	for _, n := range []int{5, 128, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			_, fields := filledHash(n)
			value := []byte("1234567")
			b.ReportAllocs()
			for b.Loop() {
				h := new(Hash)
				for _, f := range fields {
					h.Set(f, value)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/field")
		})
	}
}

func BenchmarkHashIncrBy(b *testing.B) {
	for _, n := range []int{5, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			h, fields := filledHash(n)
			h.Set(fields[n/2], []byte("0"))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.IncrBy(fields[n/2], 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHashEach(b *testing.B) {
	for _, n := range []int{5, 128, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			h, _ := filledHash(n)
			b.ReportAllocs()
			for b.Loop() {
				sum := 0
				h.Each(func(field, value []byte) bool { sum += len(field) + len(value); return true })
			}
		})
	}
}

func BenchmarkHashRandom(b *testing.B) {
	for _, n := range []int{5, 128, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			h, _ := filledHash(n)
			r := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				h.Random(r)
			}
		})
	}
}

// filledHash returns a hash of n fields, and those.
func filledHash(n int) (*Hash, []string) {
	h, fields := new(Hash), make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf("field:%06d", i)
		h.Set(fields[i], []byte("value_1"))
	}
	return h, fields
}

// A Recorder keeps something for its value, so another cannot have it too.
func TestRecorderHasOneValue(t *testing.T) {
	h, other, rec := new(Hash), new(Set), new(Recorder)
	h.Set("f", []byte("v"))
	h.Record(rec)
	h.Record(rec) // again is nothing
	require.Panics(t, func() { other.Record(rec) })
	require.NoError(t, h.check())
	require.Equal(t, map[string]string{"f": "v"}, hashOf(Clone(h).(*Hash)))
	h.Record(nil)
	other.Record(rec)
	other.Add("m")
	h.Set("f", []byte("w"))
	require.Equal(t, 1, rec.Changes)
	require.NoError(t, other.check())
	require.Equal(t, map[string]string{"f": "w"}, hashOf(h))
}
