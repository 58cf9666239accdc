package types

import (
	"maps"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSetOperationsModel compares them with the same on maps, for sets of
// every encoding, repeated and missing ones included.
func TestSetOperationsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		member := rapid.OneOf(
			rapid.Map(rapid.IntRange(-4, 60), strconv.Itoa),
			rapid.StringMatching(`[a-c]{0,2}`))
		var pool []*Set
		for range rapid.IntRange(1, 7).Draw(t, "pool") {
			pool = append(pool, drawSet(t, member))
		}
		pool = append(pool, nil)
		sets := rapid.SliceOfN(rapid.SampledFrom(pool), 0, 9).Draw(t, "sets")

		inter, union, diff := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for i, s := range sets {
			members := membersOf(s)
			if i == 0 {
				maps.Copy(inter, members)
				maps.Copy(diff, members)
			} else {
				maps.DeleteFunc(inter, func(m string, _ bool) bool { return !members[m] })
				maps.DeleteFunc(diff, func(m string, _ bool) bool { return members[m] })
			}
			maps.Copy(union, members)
		}
		requireYields(t, inter, sets, Inter)
		requireYields(t, union, sets, Union)
		requireYields(t, diff, sets, Diff)
	})
}

func drawSet(t *rapid.T, member *rapid.Generator[string]) *Set {
	s := new(Set)
	if rapid.Bool().Draw(t, "table") {
		s.Record(&Recorder{Limits: new(Limits)})
	}
	for _, m := range rapid.SliceOfN(member, 0, 40).Draw(t, "members") {
		s.Add(m)
	}
	return s
}

// requireYields fails unless op yields each of want once, and stops when told.
func requireYields(t *rapid.T, want map[string]bool, sets []*Set, op func([]*Set, func([]byte) bool)) {
	got := map[string]bool{}
	op(sets, func(m []byte) bool {
		require.False(t, got[string(m)], "%q comes twice", m)
		got[string(m)] = true
		return true
	})
	require.Equal(t, want, got)
	limit, calls := rapid.IntRange(1, 3).Draw(t, "limit"), 0
	op(sets, func([]byte) bool {
		calls++
		return calls < limit
	})
	require.Equal(t, min(limit, len(want)), calls)
}

// With many sets Diff and Union take their other ways.
func TestSetOperationsOnManySets(t *testing.T) {
	var sets []*Set
	first := new(Set)
	for i := range 3000 {
		first.Add(strconv.Itoa(i))
	}
	sets = append(sets, first)
	for i := range 50 {
		sets = append(sets, setOf(strconv.Itoa(i), "x"+strconv.Itoa(i%10), strconv.Itoa(i+1)))
	}
	count := func(op func([]*Set, func([]byte) bool)) (n int) {
		op(sets, func([]byte) bool { n++; return true })
		return n
	}
	require.Equal(t, 3000-51, count(Diff))
	require.Equal(t, 3010, count(Union))
	require.Zero(t, count(Inter))
}

func BenchmarkInterOfLargeWithSmall(b *testing.B) {
	large, small := new(Set), new(Set)
	for i := range 1_000_000 {
		large.Add("member:" + strconv.Itoa(i))
	}
	for i := range 1000 {
		small.Add("member:" + strconv.Itoa(i*1500))
	}
	sets := []*Set{large, small}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		Inter(sets, func([]byte) bool { n++; return true })
		if n != 667 {
			b.Fatal(n)
		}
	}
}
