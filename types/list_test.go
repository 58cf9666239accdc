package types

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// listContents returns copies of all elements of l.
func listContents(l *List) [][]byte {
	var all [][]byte
	for _, elem := range l.All() {
		all = append(all, bytes.Clone(elem))
	}
	return all
}

// A listModel is a list and what should be in it.
type listModel struct {
	list *List
	want [][]byte
}

func (m *listModel) clone() *listModel {
	return &listModel{m.list.clone().(*List), slices.Clone(m.want)}
}

// same compares the two, in every way of reading.
func (m *listModel) same(t *rapid.T) {
	t.Helper()
	if err := m.list.check(); err != nil {
		t.Fatal(err)
	}
	if m.list.Len() != len(m.want) {
		t.Fatalf("%d elements, want %d", m.list.Len(), len(m.want))
	}
	i := 0
	for j, elem := range m.list.All() {
		if i != j || string(elem) != string(m.want[i]) {
			t.Fatalf("element %d is %.99q, want %.99q", j, elem, m.want[i])
		}
		i++
	}
	for j, elem := range m.list.Backward() {
		if i--; i != j || string(elem) != string(m.want[i]) {
			t.Fatalf("backward, element %d is %.99q, want %.99q", j, elem, m.want[i])
		}
	}
}

// drawElement draws an element by numbers, which read better in a failure.
func drawElement(t *rapid.T) []byte {
	switch size := rapid.SampledFrom([]int{-2, -2, -2, -2, -1, -1, 1000, 3000, 4094, 4095, 8189, 8190, 8191, 70_000}).Draw(t, "element"); size {
	case -1:
		return strconv.AppendInt(nil, int64(rapid.IntRange(-70_000, 70_000).Draw(t, "integer")), 10)
	case -2:
		return []byte(rapid.SampledFrom([]string{"", "a", "b", "c", "dd", "a longer element than others"}).Draw(t, "text"))
	default:
		return bytes.Repeat([]byte{'x'}, rapid.IntRange(size/2, size).Draw(t, "size"))
	}
}

// step makes one change, drawn at random, to the list and its model.
func (m *listModel) step(t *rapid.T) {
	l, n := m.list, len(m.want)
	elem := drawElement(t)
	switch op := rapid.IntRange(0, 13).Draw(t, "op"); op {
	case 0, 1: // several at once, to get anywhere
		for range rapid.IntRange(1, 300).Draw(t, "count") {
			l.PushBack(elem)
			m.want = append(m.want, elem)
		}
	case 2, 3:
		k := rapid.IntRange(1, 300).Draw(t, "count")
		for range k {
			l.PushFront(elem)
		}
		m.want = append(slices.Repeat([][]byte{elem}, k), m.want...)
	case 4, 5:
		for range rapid.IntRange(1, 100).Draw(t, "count") {
			m.pop(t, op == 4)
		}
	case 6:
		i := rapid.IntRange(-n-1, n).Draw(t, "i")
		err := l.SetAt(i, elem)
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			if err != ErrRange {
				t.Fatalf("no error for index %d of %d: %v", i, n, err)
			}
			return
		}
		m.want[i] = elem
	case 7, 8:
		pivot := elem
		if n > 0 && op == 7 {
			pivot = m.want[rapid.IntRange(0, n-1).Draw(t, "pivot")]
		}
		m.insert(t, pivot, elem, rapid.Bool().Draw(t, "after"))
	case 9:
		if n > 0 {
			elem = m.want[rapid.IntRange(0, n-1).Draw(t, "which")]
		}
		m.remove(t, elem, rapid.SampledFrom([]int{0, 0, 1, 2, 100, -1, -2, -100, math.MinInt}).Draw(t, "count"))
	case 10:
		m.trim(rapid.IntRange(-n-2, n+1).Draw(t, "start"), rapid.IntRange(-n-2, n+1).Draw(t, "stop"))
	case 11: // trims that leave most of it
		m.trim(rapid.IntRange(0, n/8).Draw(t, "start"), -1-rapid.IntRange(0, n/8).Draw(t, "stop"))
	case 12: // an element of the list itself
		if n == 0 {
			return
		}
		i, j := rapid.IntRange(0, n-1).Draw(t, "i"), rapid.IntRange(0, n-1).Draw(t, "j")
		own, _ := l.At(i)
		if err := l.SetAt(j, own); err != nil {
			t.Fatal(err)
		}
		m.want[j] = m.want[i]
		own, _ = l.At(j)
		l.PushFront(own)
		m.want = append([][]byte{m.want[j]}, m.want...)
	case 13: // rotate
		if n == 0 {
			return
		}
		for range rapid.IntRange(1, 50).Draw(t, "count") {
			own, _ := l.PopBack()
			l.PushFront(own)
			m.want = append([][]byte{m.want[n-1]}, m.want[:n-1]...)
		}
	}
}

func (m *listModel) pop(t *rapid.T, front bool) {
	pop, i := m.list.PopBack, len(m.want)-1
	if front {
		pop, i = m.list.PopFront, 0
	}
	got, ok := pop()
	if ok != (len(m.want) > 0) {
		t.Fatalf("popped of %d: %v", len(m.want), ok)
	}
	if ok {
		if string(got) != string(m.want[i]) {
			t.Fatalf("popped %.99q, want %.99q", got, m.want[i])
		}
		m.want = slices.Delete(slices.Clone(m.want), i, i+1)
	}
}

func (m *listModel) insert(t *rapid.T, pivot, elem []byte, after bool) {
	i := slices.IndexFunc(m.want, func(e []byte) bool { return string(e) == string(pivot) })
	if got := m.list.Insert(pivot, elem, after); got != (i >= 0) {
		t.Fatalf("inserted: %v, but the pivot is at %d", got, i)
	}
	if i >= 0 {
		if after {
			i++
		}
		m.want = slices.Insert(slices.Clone(m.want), i, elem)
	}
}

func (m *listModel) remove(t *rapid.T, elem []byte, count int) {
	want := slices.Clone(m.want)
	limit := count
	if count < 0 {
		slices.Reverse(want)
		limit = -count
	}
	removed := 0
	want = slices.DeleteFunc(want, func(e []byte) bool {
		match := string(e) == string(elem) && (limit <= 0 || removed < limit)
		if match {
			removed++
		}
		return match
	})
	if count < 0 {
		slices.Reverse(want)
	}
	if got := m.list.Remove(elem, count); got != removed {
		t.Fatalf("removed %d, want %d", got, removed)
	}
	m.want = want
}

func (m *listModel) trim(start, stop int) {
	m.list.Trim(start, stop)
	n := len(m.want)
	if start < 0 {
		start = max(0, start+n)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	if start > stop {
		m.want = nil
		return
	}
	m.want = slices.Clone(m.want[start : stop+1])
}

var listLimits = []*Limits{nil, {ListSize: 3}, {ListSize: 128}, {ListSize: -1}, {ListSize: -5}}

func TestListModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := &Recorder{Limits: rapid.SampledFrom(listLimits).Draw(t, "limits")}
		all := []*listModel{{list: new(List)}}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			m := all[rapid.IntRange(0, len(all)-1).Draw(t, "list")]
			if rapid.IntRange(0, 9).Draw(t, "clone") == 0 {
				all = append(all, m.clone())
			}
			m.list.Record(rec)
			m.step(t)
			m.list.Record(nil)
			for _, each := range all {
				each.same(t)
			}
		}
	})
}

// The effects recorded while A changes turn a clone of the old A into the new
// one, in contents and in encoding.
func TestListEffects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := rapid.SampledFrom(listLimits).Draw(t, "limits")
		m := &listModel{list: new(List)}
		m.list.Record(&Recorder{Limits: limits})
		for range rapid.IntRange(0, 10).Draw(t, "before") {
			m.step(t)
		}
		old := m.list.clone().(*List)
		rec := &Recorder{Log: new(Log), Limits: limits}
		m.list.Record(rec)
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			before, changes := listContents(m.list), rec.Changes
			m.step(t)
			if rec.Changes == changes && !slices.EqualFunc(before, listContents(m.list), bytes.Equal) {
				t.Fatal("a change without an effect")
			}
		}
		old.Record(&Recorder{Limits: limits})
		for e, err := range Effects(rec.Log.Bytes()) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Op == OpPlace {
				continue
			}
			if err := old.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		again := &listModel{old, m.want}
		again.same(t)
		m.same(t)
	})
}

func TestListApplyRefuses(t *testing.T) {
	l := new(List)
	l.PushBack([]byte("a"))
	for _, e := range []Effect{
		{Op: OpPopFront}, {Op: OpPopFront, N: 2}, {Op: OpPopBack, N: -1}, {Op: OpListSet, N: 1}, {Op: OpListSet, N: -1},
		{Op: OpInsertBefore, A: []byte("b"), B: []byte("c")}, {Op: OpListRemove, A: []byte("b")}, {Op: OpZAdd}, {},
	} {
		require.ErrorIs(t, l.Apply(e), ErrEffect, "%v", e)
		require.Equal(t, [][]byte{[]byte("a")}, listContents(l))
	}
}

func TestListNil(t *testing.T) {
	var l *List
	require.Zero(t, l.Len())
	require.Zero(t, l.Size())
	_, ok := l.At(0)
	require.False(t, ok)
	require.Empty(t, listContents(l))
	l.Each(0, 10, func([]byte) bool { t.Fatal("an element of nothing"); return false })
	require.NoError(t, l.check())
}

// Where Redis 7.2 changes the encoding. A listpack has 7 bytes around its
// elements; one of 100 bytes takes 103.
func TestListEncoding(t *testing.T) {
	elem := bytes.Repeat([]byte("e"), 100)
	l := new(List)
	n := 0
	for l.Encoding() == "listpack" {
		l.PushBack(elem)
		n++
	}
	require.Equal(t, 80, n, "7 + 79*103 + 100 > 8192, the first sum beyond")
	for l.Encoding() == "quicklist" {
		l.PopFront()
		n--
	}
	require.Equal(t, 39, n, "7 + 39*103 <= 4096, the first below")

	l = new(List)
	l.PushBack(make([]byte, 8185))
	require.Equal(t, "listpack", l.Encoding())
	require.NoError(t, l.SetAt(0, []byte("x")))
	l.PushBack(make([]byte, 8185))
	require.Equal(t, "quicklist", l.Encoding())
	l.PopBack()
	require.Equal(t, "listpack", l.Encoding())

	l = new(List)
	l.Record(&Recorder{Limits: &Limits{ListSize: 4}})
	for range 4 {
		l.PushFront([]byte("x"))
	}
	require.Equal(t, "listpack", l.Encoding())
	l.PushFront([]byte("x"))
	require.Equal(t, "quicklist", l.Encoding())
	l.Remove([]byte("x"), 2)
	require.Equal(t, "quicklist", l.Encoding())
	l.Trim(0, 1)
	require.Equal(t, "listpack", l.Encoding())
}

// An element popped stays readable until the next write, and may be what that
// writes.
func TestListRotate(t *testing.T) {
	for _, n := range []int{1, 2, 100, 2000} {
		l, want := new(List), [][]byte{}
		for i := range n {
			elem := []byte(fmt.Sprintf("element %d", i))
			l.PushBack(elem)
			want = append(want, elem)
		}
		for range n {
			elem, _ := l.PopBack()
			l.PushFront(elem)
			if n <= 100 {
				require.NoError(t, l.check())
			}
		}
		require.NoError(t, l.check())
		require.Equal(t, want, listContents(l))
	}
}

// Writing while iterating, in the hands of an editor.
func TestListWriteWhileIterating(t *testing.T) {
	l := new(List)
	for i := range 3000 {
		l.PushBack([]byte(strconv.Itoa(i)))
	}
	l.Record(&Recorder{})
	for i, elem := range l.All() {
		require.Equal(t, strconv.Itoa(i), string(elem))
		l.PopBack()
		l.PushFront([]byte("new"))
	}
	require.Equal(t, 3000, l.Len())
	require.NoError(t, l.check())
}

// One goroutine reads a clone while another writes the list: for -race.
func TestListCloneInAnotherGoroutine(t *testing.T) {
	for _, n := range []int{20, 5000} {
		l := new(List)
		for i := range n {
			l.PushBack([]byte(strconv.Itoa(i)))
		}
		var wg sync.WaitGroup
		r := rand.New(rand.NewPCG(1, 1))
		for range 5 {
			c := l.clone().(*List)
			want := listContents(c)
			wg.Go(func() {
				for range 5 {
					if !slices.EqualFunc(want, listContents(c), bytes.Equal) || c.check() != nil {
						t.Error("a clone has changed")
					}
				}
			})
			for range 200 {
				l.PushFront([]byte("front"))
				l.PopBack()
				_ = l.SetAt(r.IntN(l.Len()), []byte("set"))
				pivot, _ := l.At(r.IntN(l.Len()))
				l.Insert(pivot, []byte("inserted"), true)
			}
			l.Remove([]byte("set"), -100)
			l.Trim(10, -10)
		}
		wg.Wait()
		require.NoError(t, l.check())
	}
}

// Inserts and removals all over a tree of three levels, compared at the end.
func TestListLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	l, want := new(List), [][]byte{}
	pad := bytes.Repeat([]byte("."), 1500)
	add := func(at, name int) {
		elem := fmt.Appendf(nil, "%d%s", name, pad[:r.IntN(len(pad))])
		if at == len(want) {
			l.PushBack(elem)
		} else if l.tree != nil && at > 0 {
			l.tree.insert(at, elem) // Insert would look for the place
		} else {
			require.True(t, l.Insert(want[at], elem, false))
		}
		want = slices.Insert(want, at, elem)
	}
	for i := range 3000 {
		add(i, i)
	}
	for i := range 7000 {
		add(r.IntN(len(want)+1), 3000+i)
	}
	require.NoError(t, l.check())
	require.Equal(t, 2, l.tree.height)
	require.True(t, slices.EqualFunc(want, listContents(l), bytes.Equal))
	for i := range 1000 {
		at := r.IntN(len(want))
		require.Equal(t, 1, l.Remove(want[at], i%3-1))
		want = slices.Delete(want, at, at+1)
	}
	for len(want) > 100 { // runs, as if trimmed in the middle
		at := r.IntN(len(want) - 50)
		for _, elem := range want[at : at+50] {
			var p listPlace
			l.tree.edit(at, &p)
			require.Equal(t, string(elem), string(p.leaf.chunk.at(p.i)))
			p.leaf.chunk.cut(p.i, p.i+1)
			l.tree.added(&p, -1)
			l.tree.pack = 0
			l.tree.tidy(&p)
		}
		want = slices.Delete(want, at, at+50)
		if len(want)%2000 == 0 {
			require.NoError(t, l.check())
			require.True(t, slices.EqualFunc(want, listContents(l), bytes.Equal))
			if used := len(bytes.Join(want, nil)); used > 100_000 {
				require.Less(t, l.Size(), 3*used)
			}
		}
	}
	require.NoError(t, l.check())
	require.True(t, slices.EqualFunc(want, listContents(l), bytes.Equal))
}

func TestListSize(t *testing.T) {
	measuresHeap(t)
	const few = 2000 // lists at once where one is too small to measure
	for _, c := range []struct{ lists, n, size int }{
		{few, 1, 5}, {few, 5, 16}, {few, 100, 16}, {200, 1000, 16}, {1, 1_000_000, 16}, {1, 20_000, 1000}, {1, 3000, 5000}, {1, 300, 100_000},
	} {
		if testing.Short() && c.n > 1000 {
			continue
		}
		lists := make([]*List, c.lists)
		elem := bytes.Repeat([]byte("e"), c.size)
		before := heap()
		said := 0
		for i := range lists {
			l := new(List)
			for range c.n {
				l.PushBack(elem)
			}
			lists[i] = l
			said += l.Size()
		}
		took := heap() - before
		require.InEpsilon(t, took, said, 0.1, "%d lists of %d elements of %d bytes", c.lists, c.n, c.size)
		t.Logf("%d elements of %d bytes: %.1f bytes each, said to be %.1f", c.n, c.size,
			float64(took)/float64(c.n*c.lists), float64(said)/float64(c.n*c.lists))
		runtime.KeepAlive(lists)
	}
}

// The common path allocates for chunks only.
func TestListAllocations(t *testing.T) {
	for _, n := range []int{100, 1000, 10_000} {
		l := new(List)
		elem := []byte("0123456789abcdef")
		for range n {
			l.PushBack(elem)
		}
		require.Zero(t, testing.AllocsPerRun(5000, func() {
			l.PushBack(elem)
			l.PopFront()
		}), "a queue of %d", n)
		require.Zero(t, testing.AllocsPerRun(5000, func() {
			l.PushFront(elem)
			l.PopFront()
		}), "a stack of %d", n)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			l.Each(0, 100, func([]byte) bool { return true })
		}), "reading of %d", n)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			l.Insert(elem, elem, true)
			l.Remove(elem, 1)
		}), "inserting to %d", n)
	}
}

func ExampleList() {
	var jobs List
	jobs.PushBack([]byte("wash"))
	jobs.PushBack([]byte("dry"))
	jobs.PushFront([]byte("sort"))
	jobs.Insert([]byte("dry"), []byte("rinse"), false)
	first, _ := jobs.PopFront()
	fmt.Printf("%s of %d\n", first, jobs.Len()+1)
	for i, job := range jobs.All() {
		fmt.Printf("%d %s\n", i, job)
	}
	// Output:
	// sort of 4
	// 0 wash
	// 1 rinse
	// 2 dry
}

func FuzzList(f *testing.F) {
	f.Add([]byte("\x00\x05\x01\x06\x02\x07\x03"), int8(-2))
	f.Add([]byte("\x01\xff\x01\xfe\x02\x00\x06\x80\x05\x01"), int8(4))
	f.Fuzz(func(t *testing.T, script []byte, size int8) {
		l, want := new(List), [][]byte{}
		l.Record(&Recorder{Limits: &Limits{ListSize: int(size)}})
		clone, cloned := new(List), [][]byte{}
		for ; len(script) > 1; script = script[2:] {
			arg := int(script[1])
			elem := bytes.Repeat([]byte{script[1]}, arg*arg/8)
			n := len(want)
			switch script[0] % 10 {
			case 0:
				l.PushBack(elem)
				want = append(slices.Clone(want), elem)
			case 1:
				l.PushFront(elem)
				want = append([][]byte{elem}, want...)
			case 2:
				if _, ok := l.PopFront(); ok {
					want = want[1:]
				}
			case 3:
				if _, ok := l.PopBack(); ok {
					want = want[:n-1]
				}
			case 4:
				if l.SetAt(arg, elem) == nil {
					want = slices.Clone(want)
					want[arg] = elem
				}
			case 5:
				if n > 0 {
					i := slices.IndexFunc(want, func(e []byte) bool { return string(e) == string(want[arg%n]) })
					l.Insert(want[i], elem, false)
					want = slices.Insert(slices.Clone(want), i, elem)
				}
			case 6:
				l.Remove(elem, 0)
				want = slices.DeleteFunc(slices.Clone(want), func(e []byte) bool { return string(e) == string(elem) })
			case 7:
				l.Trim(arg%4, -1)
				want = want[min(n, arg%4):]
			case 8:
				clone, cloned = l.clone().(*List), want
			case 9:
				for range arg {
					l.PushBack(elem[:min(len(elem), 50)])
					want = append(slices.Clip(want), elem[:min(len(elem), 50)])
				}
			}
			if err := l.check(); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.EqualFunc(listContents(l), want, bytes.Equal) || !slices.EqualFunc(listContents(clone), cloned, bytes.Equal) {
			t.Fatal("the list is not what was written")
		}
		if err := clone.check(); err != nil {
			t.Fatal(err)
		}
	})
}

func listOf(n int) *List {
	l := new(List)
	for i := range n {
		l.PushBack([]byte(fmt.Sprintf("%016d", i*7919)))
	}
	return l
}

var listSizes = []int{1, 1000, 1_000_000}

func benchmarkList(b *testing.B, op func(l *List, r *rand.Rand)) {
	for _, n := range listSizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			l, r := listOf(n), rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				op(l, r)
			}
		})
	}
}

var benchElem = []byte("0123456789abcdef")

func BenchmarkListQueue(b *testing.B) {
	benchmarkList(b, func(l *List, _ *rand.Rand) { l.PushBack(benchElem); l.PopFront() })
}

func BenchmarkListStack(b *testing.B) {
	benchmarkList(b, func(l *List, _ *rand.Rand) { l.PushFront(benchElem); l.PopFront() })
}

func BenchmarkListRotate(b *testing.B) {
	benchmarkList(b, func(l *List, _ *rand.Rand) {
		elem, _ := l.PopBack()
		l.PushFront(elem)
	})
}

func BenchmarkListAt(b *testing.B) {
	benchmarkList(b, func(l *List, r *rand.Rand) { l.At(r.IntN(l.Len())) })
}

func BenchmarkListSetAt(b *testing.B) {
	benchmarkList(b, func(l *List, r *rand.Rand) { _ = l.SetAt(r.IntN(l.Len()), benchElem) })
}

func BenchmarkListEach100(b *testing.B) {
	benchmarkList(b, func(l *List, _ *rand.Rand) {
		size := 0
		l.Each(l.Len()/2, 100, func(elem []byte) bool { size += len(elem); return true })
	})
}

func BenchmarkListScan(b *testing.B) {
	benchmarkList(b, func(l *List, _ *rand.Rand) { l.Remove(benchElem, 0) })
}

func BenchmarkListCloneAndPush(b *testing.B) {
	benchmarkList(b, func(l *List, _ *rand.Rand) {
		l.clone()
		l.PushBack(benchElem)
		l.PopFront()
	})
}

func BenchmarkListFill(b *testing.B) {
	for _, front := range []bool{false, true} {
		b.Run(fmt.Sprintf("front=%v", front), func(b *testing.B) {
			b.ReportAllocs()
			l := new(List)
			for b.Loop() {
				l.push(benchElem, front)
			}
		})
	}
}
