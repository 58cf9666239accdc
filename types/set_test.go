package types

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// setOf returns a set of the given members.
func setOf(members ...string) *Set {
	s := new(Set)
	for _, m := range members {
		s.Add(m)
	}
	return s
}

// membersOf returns what s holds.
func membersOf(s *Set) map[string]bool {
	m := map[string]bool{}
	s.Each(func(member []byte) bool {
		m[string(member)] = true
		return true
	})
	return m
}

func TestNilSetReadsAsEmpty(t *testing.T) {
	var s *Set
	r := rand.New(rand.NewPCG(1, 1))
	require.Zero(t, s.Len())
	require.Zero(t, s.Size())
	require.False(t, s.Has("1"))
	require.Nil(t, s.Random(r))
	require.Zero(t, s.Scan(0, 10, nil))
	for range s.All() {
		t.Fatal("a nil set has members")
	}
	_, ok := new(Set).Pop(r)
	require.False(t, ok)
}

func TestSetEncodings(t *testing.T) {
	numbers := func(n int) (members []string) {
		for i := range n {
			members = append(members, strconv.Itoa(i*i*i))
		}
		return members
	}
	words := func(n int) (members []string) {
		for i := range n {
			members = append(members, fmt.Sprintf("m%d", i))
		}
		return members
	}
	long := strings.Repeat("x", 65)
	for i, c := range []struct {
		limits   *Limits
		members  []string
		encoding string
	}{
		{nil, []string{"1", "2"}, "intset"},
		{nil, []string{"1", "2", "01"}, "listpack"},
		{nil, []string{"1", "-0"}, "listpack"},
		{nil, []string{"9223372036854775807", "-9223372036854775808"}, "intset"},
		{nil, []string{"9223372036854775808"}, "listpack"},
		{nil, numbers(512), "intset"},
		{nil, numbers(513), "hashtable"},
		{nil, words(128), "listpack"},
		{nil, words(129), "hashtable"},
		{nil, append(numbers(127), "a"), "listpack"},
		{nil, append(numbers(128), "a"), "hashtable"},
		{nil, []string{long}, "hashtable"},
		{nil, []string{"1", long}, "hashtable"},
		{nil, []string{"a", long}, "hashtable"},
		{nil, append(words(128), "m5"), "listpack"},
		{&Limits{SetInts: 0, SetEntries: 2, SetValue: 64}, []string{"1", "2"}, "listpack"},
		{&Limits{SetInts: 0, SetEntries: 2, SetValue: 64}, []string{"1", "2", "3"}, "hashtable"},
		{&Limits{SetInts: 0, SetEntries: 0, SetValue: 64}, []string{"1"}, "hashtable"},
		{&Limits{SetInts: 2, SetEntries: 9, SetValue: 2}, []string{"123", "b"}, "hashtable"},
		{&Limits{SetInts: 1 << 20}, numbers(8191), "intset"},
		{&Limits{SetInts: 1 << 20}, numbers(8192), "hashtable"}, // above 64 KiB
		{&Limits{SetInts: 1 << 20, SetEntries: 1 << 20, SetValue: 99}, append(numbers(8000), "a"), "hashtable"},
	} {
		s := new(Set)
		s.Record(&Recorder{Limits: c.limits})
		for _, m := range c.members {
			s.Add(m)
		}
		require.NoError(t, s.check())
		require.Equal(t, c.encoding, s.Encoding(), "case %d", i)
		for _, m := range c.members {
			require.True(t, s.Has(m))
			require.False(t, s.Add(m))
		}
		require.False(t, s.Has("none"))
		require.False(t, s.Has("-77"))
	}
}

func TestSetNeverNarrowsUntilEmpty(t *testing.T) {
	s := setOf("1", "2", "a")
	s.Remove("a")
	require.Equal(t, "listpack", s.Encoding())
	s.Add(strings.Repeat("x", 65))
	s.Remove(strings.Repeat("x", 65))
	require.Equal(t, "hashtable", s.Encoding())
	s.Remove("1")
	s.Remove("2")
	s.Add("3")
	require.Equal(t, "intset", s.Encoding())
	require.NoError(t, s.check())
}

// What Each hands out may be collected.
func TestSetEachYieldsWhatLasts(t *testing.T) {
	s, members := filledSet("int", 500)
	var all [][]byte
	s.Each(func(member []byte) bool { all = append(all, member); return true })
	for i, m := range members {
		require.Equal(t, m, string(all[i]))
	}
}

func TestSetAllocs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, prefix := range []string{"int", "member"} {
		for _, n := range []int{5, 100, 5000} {
			s, members := filledSet(prefix, n)
			i, sum := 0, 0
			allocs := testing.AllocsPerRun(200, func() {
				i++
				s.Has(members[i%n])
				sum += len(s.Random(r))
				m, _ := s.Pop(r)
				s.Add(text(m))
				s.Remove(members[i%n])
				s.Add(members[i%n])
			})
			require.Zero(t, allocs, "%d members like %s", n, members[0])
		}
	}
}

func TestSetAllToleratesWrites(t *testing.T) {
	for _, prefix := range []string{"", "m"} {
		for _, n := range []int{5, 1000} {
			s := new(Set)
			s.Record(new(Recorder))
			for i := range n {
				s.Add(prefix + strconv.Itoa(i))
			}
			seen := 0
			for m := range s.All() {
				require.True(t, s.Remove(m))
				s.Add("new" + m)
				seen++
			}
			require.Equal(t, n, seen)
			require.Equal(t, n, s.Len())
			require.NoError(t, s.check())
		}
	}
}

func TestSetApplyRefuses(t *testing.T) {
	s := setOf("a")
	require.ErrorIs(t, s.Apply(Effect{Op: OpSetAdd, A: []byte("a")}), ErrEffect)
	require.ErrorIs(t, s.Apply(Effect{Op: OpSetRemove, A: []byte("b")}), ErrEffect)
	require.ErrorIs(t, s.Apply(Effect{Op: OpHashDelete, A: []byte("a")}), ErrEffect)
	require.Equal(t, 1, s.Len())
}

func TestSetRandomAndPopAreUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, prefix := range []string{"", "m"} {
		for _, n := range []int{7, 100, 600} {
			s, seen, popped := new(Set), map[string]float64{}, map[string]float64{}
			for i := range n {
				s.Add(prefix + strconv.Itoa(i))
			}
			for range 200 * n {
				seen[string(s.Random(r))]++
			}
			requireUniform(t, seen, n, 200)
			for range 100 * n {
				m, ok := s.Pop(r)
				require.True(t, ok)
				require.False(t, s.Has(string(m)))
				popped[string(m)]++
				s.Add(string(m))
			}
			requireUniform(t, popped, n, 100)
		}
	}
}

func TestSetScan(t *testing.T) {
	for _, n := range []int{100, 5000} {
		s, seen := new(Set), map[string]bool{}
		for i := range n {
			s.Add(strconv.Itoa(i))
		}
		for cursor, calls := uint64(0), 0; ; calls++ {
			require.Less(t, calls, n)
			cursor = s.Scan(cursor, 10, func(member []byte) { seen[string(member)] = true })
			if cursor == 0 {
				break
			}
		}
		require.Len(t, seen, n)
	}
}

// TestSetModel is to sets what TestHashModel is to hashes.
func TestSetModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := &Limits{
			SetInts:    rapid.IntRange(0, 12).Draw(t, "ints"),
			SetEntries: rapid.IntRange(0, 12).Draw(t, "entries"),
			SetValue:   rapid.IntRange(1, 200).Draw(t, "value"),
		}
		var log Log
		rec := &Recorder{Log: &log, Limits: limits}
		s, model := new(Set), map[string]bool{}
		s.Record(rec)
		old, oldModel := Clone(s).(*Set), map[string]bool{}

		number := rapid.Map(rapid.OneOf(rapid.Int64Range(-9, 9), rapid.Int64()), func(n int64) string { return strconv.FormatInt(n, 10) })
		members := number
		if rapid.Bool().Draw(t, "words") {
			members = rapid.OneOf(number, rapid.StringN(0, 200, 200))
		}
		member := func(t *rapid.T) string {
			if len(model) > 0 && rapid.Bool().Draw(t, "known") {
				return rapid.SampledFrom(slices.Sorted(maps.Keys(model))).Draw(t, "member")
			}
			return members.Draw(t, "member")
		}
		add := func(t *rapid.T) {
			m := member(t)
			before := rec.Changes
			require.Equal(t, !model[m], s.Add(m))
			require.Equal(t, boolInt(!model[m]), rec.Changes-before)
			model[m] = true
		}
		t.Repeat(map[string]func(*rapid.T){
			"add":   add,
			"again": add,
			"remove": func(t *rapid.T) {
				m := member(t)
				before := rec.Changes
				require.Equal(t, model[m], s.Remove(m))
				require.Equal(t, boolInt(model[m]), rec.Changes-before)
				delete(model, m)
			},
			"pop": func(t *rapid.T) {
				m, ok := s.Pop(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
				require.Equal(t, len(model) > 0, ok)
				require.Equal(t, ok, model[string(m)])
				delete(model, string(m))
			},
			"random": func(t *rapid.T) {
				m := s.Random(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
				require.Equal(t, len(model) > 0, m != nil)
				require.Equal(t, m != nil, model[string(m)])
			},
			"apply": func(t *rapid.T) {
				require.Equal(t, oldModel, membersOf(old), "a clone stays as it was")
				old.Record(&Recorder{Limits: limits})
				requireApplies(t, old, &log)
				require.Equal(t, model, membersOf(old))
				old, oldModel = Clone(s).(*Set), maps.Clone(model)
				log.Reset()
			},
			"": func(t *rapid.T) {
				require.NoError(t, s.check())
				require.Equal(t, len(model), s.Len())
				require.Equal(t, model, membersOf(s))
				m := member(t)
				require.Equal(t, model[m], s.Has(m))
			},
		})
	})
}

func TestSetSizeIsHonest(t *testing.T) {
	for _, prefix := range []string{"", "member:"} {
		requireSizes(t, func(n int) Value {
			s := new(Set)
			for i := range n {
				s.Add(prefix + strconv.Itoa(i*i))
			}
			return s
		})
	}
}

// One side of a clone is read by one goroutine while another writes the other.
func TestSetCloneIsIndependent(t *testing.T) {
	for _, prefix := range []string{"", "m"} {
		for _, n := range []int{5, 100, 3000} {
			s := new(Set)
			for i := range n {
				s.Add(prefix + strconv.Itoa(i))
			}
			c := Clone(s).(*Set)
			done := make(chan error)
			go func() {
				err := c.check()
				for i := range n {
					if !c.Has(prefix + strconv.Itoa(i)) {
						err = fmt.Errorf("%d: %w", i, errors.New("no such member"))
					}
				}
				done <- err
			}()
			for i := range n {
				s.Add(prefix + strconv.Itoa(-i))
				s.Remove(prefix + strconv.Itoa(i/2))
			}
			require.NoError(t, <-done)
			require.Equal(t, n, c.Len())
			require.NoError(t, s.check())
		}
	}
}

// FuzzSet reads its input as commands on a set: an op, and a member behind its
// length.
func FuzzSet(f *testing.F) {
	f.Add([]byte("\x01\x011\x01\x0212\x01\x013\x00\x0212\x01\x01a"), uint8(40))
	f.Add([]byte("\x01\x05-1234\x01\x1499999999999999999999"), uint8(250))
	f.Fuzz(func(t *testing.T, in []byte, limit uint8) {
		limits := &Limits{SetInts: int(limit) / 8, SetEntries: int(limit) / 16, SetValue: int(limit)}
		s, model := new(Set), map[string]bool{}
		s.Record(&Recorder{Limits: limits})
		for len(in) > 1 {
			op, size := in[0], min(int(in[1]), len(in)-2)
			member := string(in[2 : 2+size])
			in = in[2+size:]
			if op%4 == 0 {
				require.Equal(t, model[member], s.Remove(member))
				delete(model, member)
			} else {
				require.Equal(t, !model[member], s.Add(member))
				model[member] = true
			}
			require.NoError(t, s.check())
		}
		require.Equal(t, model, membersOf(s))
	})
}

func BenchmarkSetHas(b *testing.B) {
	for _, prefix := range []string{"int", "member"} {
		for _, n := range []int{5, 128, 512, 100_000} {
			b.Run(fmt.Sprint(prefix, "/", n), func(b *testing.B) {
				s, members := filledSet(prefix, n)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if !s.Has(members[i%n]) {
						b.Fatal(members[i%n])
					}
				}
			})
		}
	}
}

// BenchmarkSetFill makes a set of n members.
func BenchmarkSetFill(b *testing.B) {
	for _, prefix := range []string{"int", "member"} {
		for _, n := range []int{5, 128, 100_000} {
			b.Run(fmt.Sprint(prefix, "/", n), func(b *testing.B) {
				_, members := filledSet(prefix, n)
				b.ReportAllocs()
				for b.Loop() {
					s := new(Set)
					for _, m := range members {
						s.Add(m)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/member")
			})
		}
	}
}

// BenchmarkSetPop pops a member and adds it again.
func BenchmarkSetPop(b *testing.B) {
	for _, prefix := range []string{"int", "member"} {
		for _, n := range []int{5, 128, 100_000} {
			b.Run(fmt.Sprint(prefix, "/", n), func(b *testing.B) {
				s, _ := filledSet(prefix, n)
				r := rand.New(rand.NewPCG(1, 2))
				b.ReportAllocs()
				for b.Loop() {
					m, _ := s.Pop(r)
					s.Add(text(m))
				}
			})
		}
	}
}

func BenchmarkSetRandom(b *testing.B) {
	for _, prefix := range []string{"int", "member"} {
		for _, n := range []int{5, 128, 100_000} {
			b.Run(fmt.Sprint(prefix, "/", n), func(b *testing.B) {
				s, _ := filledSet(prefix, n)
				r, sum := rand.New(rand.NewPCG(1, 2)), 0
				b.ReportAllocs()
				for b.Loop() {
					sum += len(s.Random(r))
				}
			})
		}
	}
}

// filledSet returns a set of n members, and those: integers if prefix is "int".
func filledSet(prefix string, n int) (*Set, []string) {
	s, members := new(Set), make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf("%s:%06d", prefix, i)
		if prefix == "int" {
			members[i] = strconv.Itoa(i * 7)
		}
		s.Add(members[i])
	}
	return s, members
}
