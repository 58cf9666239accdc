package types

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A zmodel is a sorted set that is obviously right: a sorted slice.
type zmodel []ZMember

func zcompare(a, b ZMember) int {
	if a.Score != b.Score {
		return cmp.Compare(a.Score, b.Score)
	}
	return strings.Compare(a.Name, b.Name)
}

func (m zmodel) index(name string) int {
	return slices.IndexFunc(m, func(e ZMember) bool { return e.Name == name })
}

func (m zmodel) remove(lo, hi int) zmodel { return slices.Delete(slices.Clone(m), lo, hi) }

func (m zmodel) add(e ZMember) zmodel {
	i, _ := slices.BinarySearchFunc(m, e, zcompare)
	return slices.Insert(slices.Clone(m), i, e)
}

// set is what ZSet.Add should do.
func (m zmodel) set(name string, score float64, rule ZRule) (out zmodel, added, changed bool) {
	i := m.index(name)
	switch {
	case i < 0 && rule&ZExisting != 0:
		return m, false, false
	case i < 0:
		return m.add(ZMember{name, score}), true, false
	case rule&ZNew != 0, rule&ZGreater != 0 && score <= m[i].Score, rule&ZLess != 0 && score >= m[i].Score,
		score == m[i].Score:
		return m, false, false
	}
	return m.remove(i, i+1).add(ZMember{name, score}), false, true
}

func (m zmodel) seek(less func(ZMember) bool) int {
	n := 0
	for _, e := range m {
		if less(e) {
			n++
		}
	}
	return n
}

func contents(z *ZSet) zmodel {
	m := zmodel{}
	for _, e := range z.Ascend() {
		m = append(m, e)
	}
	return m
}

func zname(t *rapid.T, label string) string {
	n := rapid.IntRange(0, 300).Draw(t, label)
	switch {
	case n > 290:
		return fmt.Sprintf("%s%d", strings.Repeat("long", n/4), n)
	case n > 270:
		return strings.Repeat("m", n/3)
	}
	return fmt.Sprintf("m%d", n)
}

var zscores = rapid.OneOf(
	rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 1, 127, 128, -128, -129, 1 << 20, math.MaxInt32, math.MinInt32, 1 << 40, 0.5}),
	rapid.Map(rapid.IntRange(0, 50), func(i int) float64 { return float64(i) }),
	rapid.Float64(),
)

var zrules = rapid.SampledFrom([]ZRule{0, 0, 0, ZNew, ZExisting, ZGreater, ZLess, ZExisting | ZGreater})

// A zpair is a set, its model and the clones taken on the way.
type zpair struct {
	z      *ZSet
	m      zmodel
	clones []*ZSet
	models []zmodel
}

func (p *zpair) step(t *rapid.T) {
	z := p.z
	switch op := rapid.IntRange(0, 12).Draw(t, "op"); op {
	case 0, 1, 2, 3, 4:
		name, score, rule := zname(t, "name"), zscores.Draw(t, "score"), zrules.Draw(t, "rule")
		added, changed := z.Add(name, score, rule)
		m, a, c := p.m.set(name, score, rule)
		require.Equal(t, []bool{a, c}, []bool{added, changed})
		p.m = m
	case 5:
		name, by, rule := zname(t, "name"), zscores.Draw(t, "by"), zrules.Draw(t, "rule")
		p.incr(t, name, by, rule)
	case 6:
		name := zname(t, "name")
		i := p.m.index(name)
		require.Equal(t, i >= 0, z.Remove(name))
		if i >= 0 {
			p.m = p.m.remove(i, i+1)
		}
	case 7:
		lo := rapid.IntRange(-2, len(p.m)+1).Draw(t, "lo")
		hi := rapid.IntRange(lo, min(lo+20, len(p.m)+2)).Draw(t, "hi")
		l, h := min(max(lo, 0), len(p.m)), max(min(hi, len(p.m)), 0)
		require.Equal(t, max(h-l, 0), z.RemoveRange(lo, hi))
		p.m = p.m.remove(l, max(l, h))
	case 8: // many at once
		n, base := rapid.IntRange(1, 150).Draw(t, "n"), rapid.IntRange(0, 1000).Draw(t, "base")
		for i := range n {
			name, score := fmt.Sprintf("b%d", base+i), float64(i*7%50)
			z.Add(name, score, 0)
			p.m, _, _ = p.m.set(name, score, 0)
		}
	case 9:
		p.clones = append(p.clones, Clone(z).(*ZSet))
		p.models = append(p.models, p.m)
	case 10: // go on with a clone
		if n := len(p.clones); n > 0 {
			i := rapid.IntRange(0, n-1).Draw(t, "clone")
			p.z.Record(nil)
			p.z, p.clones[i] = p.clones[i], p.z
			p.m, p.models[i] = p.models[i], p.m
		}
	default:
		p.read(t)
	}
}

func (p *zpair) incr(t *rapid.T, name string, by float64, rule ZRule) {
	old, there := 0.0, p.m.index(name) >= 0
	if there {
		old = p.m[p.m.index(name)].Score
	}
	want := old + by
	if !there {
		want = by
	}
	score, ok, err := p.z.Incr(name, by, rule)
	switch {
	case there && rule&ZNew != 0 || !there && rule&ZExisting != 0:
		require.False(t, ok)
	case math.IsNaN(want):
		require.ErrorIs(t, err, ErrNaN)
	case there && (rule&ZGreater != 0 && want <= old || rule&ZLess != 0 && want >= old):
		require.False(t, ok)
	default:
		require.True(t, ok)
		require.Equal(t, want, score)
		p.m, _, _ = p.m.set(name, want, rule)
	}
}

// read compares what is asked about one member and one range.
func (p *zpair) read(t *rapid.T) {
	z, m := p.z, p.m
	name, score := zname(t, "name"), zscores.Draw(t, "score")
	i := m.index(name)
	rank, s, ok := z.Rank(name)
	require.Equal(t, i >= 0, ok)
	if ok {
		require.Equal(t, i, rank)
		require.Equal(t, m[i].Score, s)
		at, s, ok := z.At(rank)
		require.Equal(t, []any{name, m[i].Score, true}, []any{string(at), s, ok})
	}
	require.Equal(t, m.seek(func(e ZMember) bool { return e.Score < score }), z.Seek(score, false))
	require.Equal(t, m.seek(func(e ZMember) bool { return e.Score <= score }), z.Seek(score, true))
	if len(m) > 0 {
		least := m[0].Score
		require.Equal(t, m.seek(func(e ZMember) bool { return e.Score == least && e.Name < name }), z.SeekLex(name, false))
		require.Equal(t, m.seek(func(e ZMember) bool { return e.Score == least && e.Name <= name }), z.SeekLex(name, true))
	}
	lo := rapid.IntRange(0, len(m)).Draw(t, "lo")
	hi := rapid.IntRange(lo, len(m)).Draw(t, "hi")
	var got, back zmodel
	z.Each(lo, hi, func(member []byte, score float64) bool {
		got = append(got, ZMember{string(member), score})
		return true
	})
	z.EachReverse(lo, hi, func(member []byte, score float64) bool {
		back = append(back, ZMember{string(member), score})
		return true
	})
	slices.Reverse(back)
	require.Equal(t, append(zmodel(nil), m[lo:hi]...), got)
	require.Equal(t, got, back)
}

func TestZSetModel(t *testing.T) {
	limits := &Limits{ZSetEntries: 16, ZSetValue: 64}
	rapid.Check(t, func(t *rapid.T) {
		p := &zpair{z: new(ZSet), m: zmodel{}}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			before, old := Clone(p.z).(*ZSet), p.z
			rec := &Recorder{Log: new(Log), Limits: limits}
			p.z.Record(rec)
			p.step(t)
			p.z.Record(nil)
			require.NoError(t, p.z.check())
			require.Equal(t, len(p.m), p.z.Len())
			require.Equal(t, p.m, contents(p.z))
			if old != p.z {
				continue
			}
			before.Record(&Recorder{Limits: limits})
			replay(t, before, rec)
			before.Record(nil)
			require.NoError(t, before.check())
			require.Equal(t, p.m, contents(before), "the effects do not lead to the same set")
		}
		for i, z := range p.clones {
			require.NoError(t, z.check())
			require.Equal(t, p.models[i], contents(z), "a clone has changed")
		}
	})
}

// replay applies what rec has taken down to v.
func replay(t require.TestingT, v Value, rec *Recorder) {
	n := 0
	for e, err := range Effects(rec.Log.Bytes()) {
		require.NoError(t, err)
		if e.Op != OpPlace {
			require.NoError(t, v.Apply(e))
			n++
		}
	}
	require.Equal(t, rec.Changes, n)
}

func TestZSetNil(t *testing.T) {
	var z *ZSet
	require.Zero(t, z.Len())
	require.Zero(t, z.Size())
	_, ok := z.Score("a")
	require.False(t, ok)
	_, _, ok = z.Rank("a")
	require.False(t, ok)
	_, _, ok = z.At(0)
	require.False(t, ok)
	require.Zero(t, z.Seek(1, true)+z.SeekLex("a", true))
	require.Empty(t, contents(z))
	require.Zero(t, z.Scan(0, 10, nil))
	name, _ := z.Random(rand.New(rand.NewPCG(1, 2)))
	require.Nil(t, name)
}

func TestZSetEncoding(t *testing.T) {
	z := new(ZSet)
	for i := range 128 {
		z.Add(fmt.Sprint(i), 1, 0)
	}
	require.Equal(t, "listpack", z.Encoding())
	z.Add("x", 1, 0)
	require.Equal(t, "skiplist", z.Encoding())
	z.RemoveRange(1, 129)
	require.Equal(t, "skiplist", z.Encoding(), "a set does not become small again")
	z.Remove("0")
	require.Equal(t, "listpack", z.Encoding(), "except when it becomes empty")
	z.Add(strings.Repeat("x", 65), 1, 0)
	require.Equal(t, "skiplist", z.Encoding())
}

func TestZSetZeros(t *testing.T) {
	z := new(ZSet)
	z.Add("a", math.Copysign(0, -1), 0)
	added, changed := z.Add("a", 0, 0)
	require.False(t, added || changed)
	s, _ := z.Score("a")
	require.True(t, math.Signbit(s), "-0 is kept")
	added, changed = z.Add("b", math.NaN(), 0)
	require.False(t, added || changed)
}

func TestZSetWriteWhileIterating(t *testing.T) {
	for _, n := range []int{10, 1000} {
		z := new(ZSet)
		for i := range n {
			z.Add(fmt.Sprintf("%04d", i), float64(i), 0)
		}
		z.Record(&Recorder{})
		seen := 0
		for rank, e := range z.Ascend() {
			require.Equal(t, seen, rank)
			seen++
			require.True(t, z.Remove(e.Name))
			z.Add(e.Name+"'", e.Score, 0)
		}
		require.Equal(t, n, seen)
		for rank := range z.Descend() {
			z.RemoveRange(0, 1)
			require.Equal(t, n-rank-1, z.Len())
		}
	}
}

func TestZSetScan(t *testing.T) {
	for _, n := range []int{0, 10, 1000} {
		z, seen := new(ZSet), map[string]float64{}
		for i := range n {
			z.Add(fmt.Sprint(i), float64(i), 0)
		}
		for cursor := uint64(0); ; {
			cursor = z.Scan(cursor, 10, func(member []byte, score float64) { seen[string(member)] = score })
			if cursor == 0 {
				break
			}
		}
		require.Len(t, seen, n)
		if n > 0 {
			require.Equal(t, 7.0, seen["7"])
		}
	}
}

func TestZSetApplyRefuses(t *testing.T) {
	z := new(ZSet)
	z.Add("a", 1, 0)
	for _, e := range []Effect{
		{Op: OpZAdd, N: int64(math.Float64bits(math.NaN())), A: []byte("a")},
		{Op: OpZRemove, A: []byte("b")},
		{Op: OpZRemoveRange, N: -1, M: 1},
		{Op: OpZRemoveRange, N: 0, M: 2},
		{Op: OpZRemoveRange, N: 1, M: 1},
		{Op: OpHashSet, A: []byte("a")},
	} {
		require.ErrorIs(t, z.Apply(e), ErrEffect)
	}
	require.Equal(t, zmodel{{"a", 1}}, contents(z))
}

// A clone is read in one goroutine while the original is written in another;
// the race detector sees to it that they share nothing that changes.
func TestZSetCloneConcurrently(t *testing.T) {
	z, r := new(ZSet), rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		z.Add(fmt.Sprint(i), float64(r.IntN(1000)), 0)
	}
	for range 5 {
		clone, want := Clone(z).(*ZSet), contents(z)
		done := make(chan error)
		go func() {
			err := clone.check()
			if err == nil && !slices.Equal(contents(clone), want) {
				err = fmt.Errorf("a clone has changed")
			}
			done <- err
		}()
		for range 2000 {
			z.Add(fmt.Sprint(r.IntN(6000)), float64(r.IntN(1000)), 0)
			z.Remove(fmt.Sprint(r.IntN(6000)))
		}
		z.RemoveRange(100, 300)
		require.NoError(t, <-done)
		require.NoError(t, z.check())
	}
}

func TestZSetSize(t *testing.T) {
	measuresHeap(t)
	for _, n := range []int{5, 100, 1000, 100_000} {
		for _, long := range []int{0, 200} {
			copies := max(1, 40_000/n)
			sets := make([]*ZSet, copies)
			pad, size := strings.Repeat("x", long), 0
			if long > 0 && n > 100 {
				continue
			}
			before := heap()
			for i := range sets {
				sets[i] = new(ZSet)
				for j := range n {
					sets[i].Add(fmt.Sprintf("member:%08d%s", j, pad), float64(j*7919%n), 0)
				}
				size += sets[i].Size()
			}
			used := heap() - before
			require.InEpsilon(t, used, size, 0.1, "%d sets of %d members of %d bytes", copies, n, 15+long)
			runtime.KeepAlive(sets)
		}
	}
}

func TestZSetNoAllocation(t *testing.T) {
	for _, n := range []int{100, 10_000} {
		z := new(ZSet)
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprint(i)
			z.Add(names[i], float64(i), 0)
		}
		i, sum := 0, 0.0
		require.Zero(t, testing.AllocsPerRun(100, func() {
			i++
			z.Add(names[i%n], float64(i*31), 0)
			z.Incr(names[i%n], 1, 0)
			z.Score(names[i%n])
			rank, _, _ := z.Rank(names[i%n])
			z.At(rank)
			z.Seek(float64(i), true)
			z.Each(rank, rank+50, func(_ []byte, s float64) bool { sum += s; return true })
			z.EachReverse(rank, rank+50, func(_ []byte, s float64) bool { sum += s; return true })
		}))
	}
}

// FuzzZSet applies whatever effects the input holds and compares with the
// model. Fuzz it with -fuzzminimizetime 10x: hashes are seeded, so the coverage
// of an input differs from run to run and minimising it would never end.
func FuzzZSet(f *testing.F) {
	var l Log
	for i := range 40 {
		l.Add(OpZAdd, int64(math.Float64bits(float64(i%7))), 0, strings.Repeat("x", i), "")
	}
	l.Add(OpZRemove, 0, 0, "xxx", "")
	l.Add(OpZRemoveRange, 3, 20, "", "")
	f.Add(l.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		z, m := new(ZSet), zmodel{}
		z.Record(&Recorder{Limits: &Limits{ZSetEntries: 8, ZSetValue: 32}})
		for e, err := range Effects(data) {
			if err != nil || z.Apply(e) != nil {
				continue
			}
			switch e.Op {
			case OpZAdd:
				m, _, _ = m.set(string(e.A), math.Float64frombits(uint64(e.N)), 0)
			case OpZRemove:
				i := m.index(string(e.A))
				m = m.remove(i, i+1)
			case OpZRemoveRange:
				m = m.remove(int(e.N), int(e.M))
			}
		}
		z.Record(nil)
		require.NoError(t, z.check())
		require.Equal(t, m, contents(z))
	})
}

// TestZSetPackLimit fills a small set, of any length by its limits, to the most
// bytes that it may have, and then lets a score grow.
func TestZSetPackLimit(t *testing.T) {
	limits := &Limits{ZSetEntries: math.MaxInt, ZSetValue: math.MaxInt}
	z, n := new(ZSet), 0
	z.Record(&Recorder{Limits: limits})
	for z.Encoding() == "listpack" {
		z.Add(fmt.Sprintf("%0100d", n), 1, 0)
		n++
	}
	require.InDelta(t, maxBody/103, n, 2, "103 bytes each")
	require.NoError(t, z.check())

	z = new(ZSet)
	z.Record(&Recorder{Limits: limits})
	for i := range n - 1 {
		z.Add(fmt.Sprintf("%0100d", i), 1, 0)
	}
	require.Equal(t, "listpack", z.Encoding())
	for i := range n - 1 {
		z.Add(fmt.Sprintf("%0100d", i), 1.5, 0)
	}
	require.Equal(t, "skiplist", z.Encoding())
	require.Equal(t, n-1, z.Len())
	require.NoError(t, z.check())
}
