package types

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// counter returns the object of the tests: a hash whose field n counts.
func counter(n int) *Hash {
	h := new(Hash)
	h.IncrBy("n", int64(n))
	return h
}

// bump makes a counter that is being edited in d count.
func bump(d *Dict, v Value) {
	was := v.Size()
	v.(*Hash).IncrBy("n", 1)
	d.AddSize(v.Size() - was)
}

// count returns what a counter has counted.
func count(v Value) int {
	text, _ := v.(*Hash).Get("n")
	n, _ := ParseInt(text)
	return int(n)
}

// A modelEntry is what one entry of a Dict should be.
type modelEntry struct {
	value    []byte // nil: object counts
	object   int
	deadline int64
	mark     uint8
}

// A modelDict is a Dict beside a map that should equal it.
type modelDict struct {
	dict  *Dict
	model map[string]modelEntry
}

func (m *modelDict) put(key string, value []byte, deadline int64, mark uint8) {
	_, had := m.model[key]
	if added := m.dict.Put(HashOf(key), key, value, deadline, mark); added == had {
		panic(fmt.Sprintf("Put(%q) = %v", key, added))
	}
	m.model[key] = modelEntry{value: bytes.Clone(value), deadline: deadline, mark: mark}
}

// step makes one random change to both sides.
func (m *modelDict) step(r *rand.Rand, key string) {
	h := HashOf(key)
	e, had := m.model[key]
	switch r.IntN(17) {
	default:
		m.put(key, randomValue(r), int64(r.IntN(2))*r.Int64(), uint8(r.IntN(8)))
	case 4:
		m.put(key, fmt.Appendf(make([]byte, 0, 16), "%08d", r.IntN(1e8)), 0, 0)
	case 5: // a value borrowed from the Dict itself
		if ref := m.dict.Random(r); ref.OK() && ref.Object() == nil {
			e := m.model[string(ref.Key())]
			m.dict.Put(h, key, ref.Value(), e.deadline, 1)
			m.model[key] = modelEntry{value: e.value, deadline: e.deadline, mark: 1}
		}
	case 6:
		m.dict.PutObject(h, key, counter(7), e.deadline)
		m.model[key] = modelEntry{object: 7, deadline: e.deadline}
	case 7:
		v := m.dict.EditObject(h, key)
		if isObject := had && e.value == nil; isObject != (v != nil) {
			panic("EditObject: wrong kind")
		}
		if v != nil {
			bump(m.dict, v)
			e.object++
			m.model[key] = e
		}
	case 8:
		b := m.dict.Mutable(h, key)
		if !bytes.Equal(b, e.value) || (b == nil) != (e.value == nil) {
			panic("Mutable: wrong bytes")
		}
		if len(b) > 0 {
			e.value = bytes.Clone(e.value)
			b[len(b)/2]++
			e.value[len(b)/2]++
			m.model[key] = e
		}
	case 9, 10:
		n := len(e.value) + r.IntN(20)
		if r.IntN(10) == 0 {
			n += r.IntN(2000)
		}
		b := m.dict.Grow(h, key, n)
		if e.value == nil {
			if b != nil {
				panic("Grow: bytes from nothing")
			}
			return
		}
		e.value = append(bytes.Clone(e.value), make([]byte, n-len(e.value))...)
		if !bytes.Equal(b, e.value) {
			panic("Grow: wrong bytes")
		}
		for i := range b {
			b[i]++
			e.value[i]++
		}
		m.model[key] = e
	case 11:
		e.deadline = int64(r.IntN(2)) * r.Int64()
		if m.dict.SetDeadline(h, key, e.deadline) != had {
			panic("SetDeadline")
		}
		if had {
			m.model[key] = e
		}
	case 12:
		e.mark = uint8(r.IntN(8))
		if m.dict.SetMark(h, key, e.mark) != had {
			panic("SetMark")
		}
		if had {
			m.model[key] = e
		}
	case 16: // what it gives back is nobody's
		e = modelEntry{value: bytes.Repeat([]byte{byte(r.Uint32())}, pageSize+r.IntN(6000)), mark: 2}
		left := m.dict.Give(m.dict.Find(h, key), h, key, bytes.Clone(e.value), e.deadline, e.mark)
		for i := range left {
			left[i] = '#'
		}
		m.model[key] = e
	case 13, 14, 15:
		if m.dict.Delete(h, key) != had {
			panic("Delete")
		}
		delete(m.model, key)
	}
}

func randomValue(r *rand.Rand) []byte {
	n := r.IntN(40)
	switch r.IntN(30) {
	case 0:
		n = r.IntN(600)
	case 1:
		n = r.IntN(6000)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// randomKey returns one of n keys, a few of them long.
func randomKey(r *rand.Rand, n int) string {
	i := r.IntN(n)
	key := "key:" + strconv.Itoa(i)
	switch i % 100 {
	case 7:
		key += strings.Repeat("x", 230+i%30)
	case 8:
		key += strings.Repeat("y", 700)
	case 9:
		key = ""
	}
	return key
}

// compare returns an error if the two sides differ.
func (m *modelDict) compare() error {
	if err := m.dict.check(); err != nil {
		return err
	}
	if m.dict.Len() != len(m.model) {
		return fmt.Errorf("Len %d, want %d", m.dict.Len(), len(m.model))
	}
	seen := 0
	for ref := range m.dict.All() {
		seen++
		key := string(ref.Key())
		want, ok := m.model[key]
		if !ok {
			return fmt.Errorf("key %q should not be there", key)
		}
		if got := m.dict.Find(HashOf(key), key); got.slot != ref.slot || got.seg != ref.seg {
			return fmt.Errorf("key %q: found %v, not %v", key, got, ref)
		}
		if !bytes.Equal(ref.Value(), want.value) || ref.Deadline() != want.deadline || ref.Mark() != want.mark {
			return fmt.Errorf("key %q: %q %d %d, want %v", key, ref.Value(), ref.Deadline(), ref.Mark(), want)
		}
		if v := ref.Object(); (v != nil) != (want.value == nil) || v != nil && (count(v) != want.object || ref.Kind() != KindHash) {
			return fmt.Errorf("key %q: object %v, want %v", key, v, want)
		}
	}
	if seen != len(m.model) {
		return fmt.Errorf("All yields %d entries, want %d", seen, len(m.model))
	}
	return nil
}

func TestDictModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		all := []*modelDict{{new(Dict), map[string]modelEntry{}}}
		keys := rapid.SampledFrom([]int{3, 30, 300, 3000}).Draw(t, "keys")
		if rapid.Bool().Draw(t, "tracked") {
			all[0].dict.TrackAccess()
		}
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				m := all[rapid.IntRange(0, len(all)-1).Draw(t, "dict")]
				for range rapid.IntRange(1, keys/2).Draw(t, "steps") {
					m.step(r, randomKey(r, keys))
				}
			},
			"fill": func(t *rapid.T) {
				m := all[rapid.IntRange(0, len(all)-1).Draw(t, "dict")]
				for range keys / 2 {
					m.put(randomKey(r, keys), randomValue(r), 0, 0)
				}
			},
			"drain": func(t *rapid.T) {
				m := all[rapid.IntRange(0, len(all)-1).Draw(t, "dict")]
				for n := rapid.IntRange(0, m.dict.Len()).Draw(t, "n"); n > 0; n-- {
					key := string(m.dict.Random(r).Key())
					if !m.dict.Delete(HashOf(key), key) {
						t.Fatal("Random yields what is not there")
					}
					delete(m.model, key)
				}
			},
			"clone": func(t *rapid.T) {
				m := all[rapid.IntRange(0, len(all)-1).Draw(t, "dict")]
				c := &modelDict{m.dict.Clone(), maps.Clone(m.model)}
				if len(all) < 4 {
					all = append(all, c)
					return
				}
				all[rapid.IntRange(0, 3).Draw(t, "replaced")] = c
			},
			"clear": func(t *rapid.T) {
				if rapid.IntRange(0, 5).Draw(t, "really") > 0 {
					return
				}
				m := all[rapid.IntRange(0, len(all)-1).Draw(t, "dict")]
				m.dict.Clear()
				clear(m.model)
			},
			"": func(t *rapid.T) {
				for i, m := range all {
					// Comparing all of them after each step takes most of the time.
					if len(m.model) > 1000 && r.IntN(4) > 0 {
						continue
					}
					if err := m.compare(); err != nil {
						t.Fatalf("dict %d: %v", i, err)
					}
				}
			},
		})
	})
}

func TestDictNilAndEmpty(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, d := range []*Dict{nil, new(Dict), new(Dict).Clone()} {
		require.Zero(t, d.Len())
		require.False(t, d.Find(HashOf("a"), "a").OK())
		require.False(t, d.Random(r).OK())
		require.Zero(t, d.Scan(0, 10, func(Ref) { t.Fatal("yielded") }))
		for range d.All() {
			t.Fatal("yielded")
		}
		d.FindHash(1, func(Ref) bool { t.Fatal("yielded"); return true })
		require.NoError(t, d.check())
	}
}

func TestDictFindHash(t *testing.T) {
	d := filled(3000, 8)
	for i := range 3000 {
		key := testKey(i)
		found := 0
		d.FindHash(HashOf(key), func(r Ref) bool {
			require.Equal(t, key, string(r.Key()))
			found++
			return true
		})
		require.Equal(t, 1, found)
	}
	d.FindHash(HashOf("no such key"), func(Ref) bool { t.Fatal("yielded"); return true })
}

// TestDictFindDiffersInOneByte tells keys of each length apart that differ in
// one byte, or in length. They are given the same hash, so that nothing but the
// comparison can do it.
func TestDictFindDiffersInOneByte(t *testing.T) {
	const h = 0xABCDEF0123456789
	for n := range 300 {
		base := bytes.Repeat([]byte{'a'}, n)
		for i := range n {
			var d Dict
			other := bytes.Clone(base)
			other[i] = 'b'
			d.Put(h, string(base), []byte("base"), 0, 0)
			require.False(t, d.Find(h, string(other)).OK(), "%q", other)
			d.Put(h, string(other), []byte("other"), 0, 0)
			require.Equal(t, "base", string(d.Find(h, string(base)).Value()), "%q", base)
			require.Equal(t, "other", string(d.Find(h, string(other)).Value()), "%q", other)
			require.False(t, d.Find(h, string(base[1:])).OK())
			require.False(t, d.Find(h, string(base)+"a").OK())
		}
	}
}

// TestDictScan scans a table that grows, shrinks and is cloned meanwhile.
func TestDictScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		d := new(Dict)
		n := rapid.SampledFrom([]int{1, 6, 50, 1000, 5000}).Draw(t, "lasting")
		others := rapid.SampledFrom([]int{0, 100, 20000}).Draw(t, "others")
		grow := rapid.Bool().Draw(t, "grow")
		put := func(key string) { d.Put(HashOf(key), key, nil, 0, 0) }
		for i := range n {
			put(testKey(i))
		}
		if !grow {
			for i := range others {
				put("other" + strconv.Itoa(i))
			}
		}
		seen := map[string]int{}
		count := rapid.SampledFrom([]int{0, 1, 10, 100}).Draw(t, "count")
		done := 0
		for cursor := uint64(0); ; {
			next := d.Scan(cursor, count, func(ref Ref) { seen[string(ref.Key())]++ })
			if next == 0 {
				break
			}
			if next <= cursor || next >= 1<<cursorBits {
				t.Fatalf("cursor %d after %d", next, cursor)
			}
			cursor = next
			for range r.IntN(200) {
				if done == others {
					break
				}
				key := "other" + strconv.Itoa(done)
				done++
				if grow {
					put(key)
				} else {
					d.Delete(HashOf(key), key)
				}
			}
			if r.IntN(50) == 0 {
				d.Clone()
			}
		}
		for i := range n {
			if seen[testKey(i)] != 1 {
				t.Fatalf("%q seen %d times", testKey(i), seen[testKey(i)])
			}
		}
		for key, times := range seen {
			if times != 1 {
				t.Fatalf("%q seen %d times", key, times)
			}
		}
		if err := d.check(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDictScanTakesAnyCursor(t *testing.T) {
	d := filled(2000, 8)
	r := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		cursor := r.Uint64()
		d.Scan(cursor, 10, func(ref Ref) {
			require.GreaterOrEqual(t, HashOf(string(ref.Key()))>>(64-cursorBits), cursor&(1<<cursorBits-1))
		})
	}
}

func TestDictScanCount(t *testing.T) {
	d := filled(20000, 8)
	calls := 0
	for cursor := uint64(0); ; {
		n := 0
		cursor = d.Scan(cursor, 10, func(Ref) { n++ })
		require.Less(t, n, 80)
		if calls++; cursor == 0 {
			break
		}
	}
	require.Less(t, calls, 2100)
}

// TestDictRandom tests by chi-square that no entry is favoured, in tables of
// even and of uneven depth.
func TestDictRandom(t *testing.T) {
	halfEmpty := filled(3000, 8)
	for i := range 3000 {
		if key := testKey(i); HashOf(key)>>62 != 0 {
			halfEmpty.Delete(HashOf(key), key)
		}
	}
	for name, d := range map[string]*Dict{
		"one": filled(1, 8), "five": filled(5, 8), "hundred": filled(100, 8),
		"splitting": filled(1300, 8), "uneven": halfEmpty,
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 5))
			n := d.Len()
			times := map[string]int{}
			for range 100 * n {
				times[string(d.Random(r).Key())]++
			}
			chi := 0.0
			for ref := range d.All() {
				x := float64(times[string(ref.Key())] - 100)
				chi += x * x / 100
			}
			// The layout depends on the seed of the process, so the bound is
			// six standard deviations.
			df := float64(n - 1)
			require.Less(t, (chi-df)*(chi-df), 36*2*(df+10))
		})
	}
}

// TestDictRandomDesert leaves entries in one corner of a large directory.
func TestDictRandomDesert(t *testing.T) {
	d := filled(20000, 8)
	for i := range 20000 {
		if key := testKey(i); HashOf(key)>>55 != 0 {
			d.Delete(HashOf(key), key)
		}
	}
	require.NoError(t, d.check())
	r := rand.New(rand.NewPCG(5, 5))
	for d.Len() > 0 {
		key := string(d.Random(r).Key())
		require.True(t, d.Delete(HashOf(key), key))
	}
	require.NoError(t, d.check())
}

// TestDictClonesInGoroutines reads clones while their origin, and a clone that
// is written to, change. It is for the race detector.
func TestDictClonesInGoroutines(t *testing.T) {
	const n = 5000
	d := new(Dict)
	d.TrackAccess()
	for i := range n {
		put(d, i, "first")
		if i%10 == 0 {
			d.PutObject(HashOf(testKey(i)), testKey(i), counter(1), 0)
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for round := range 4 {
		snapshot, fork := d.Clone(), d.Clone()
		want := map[string]string{}
		for ref := range snapshot.All() {
			want[string(ref.Key())] = string(ref.Value())
		}
		wg.Go(func() {
			seen := 0
			for cursor := uint64(0); ; {
				cursor = snapshot.Scan(cursor, 10, func(ref Ref) {
					seen++
					ref.Touch(1)
					if want[string(ref.Key())] != string(ref.Value()) {
						t.Errorf("round %d: %q is %q", round, ref.Key(), ref.Value())
					}
					if v := ref.Object(); v != nil && count(v) != 1 {
						t.Errorf("round %d: %q counts %d", round, ref.Key(), count(v))
					}
				})
				if cursor == 0 {
					break
				}
			}
			if seen != len(want) {
				t.Errorf("round %d: saw %d of %d", round, seen, len(want))
			}
		})
		wg.Go(func() { scribble(fork, n, 11) })
		scribble(d.Clone(), n, 12)
		for i := range n {
			put(d, i, strings.Repeat("x", i%100))
			if i%10 == 0 {
				d.PutObject(HashOf(testKey(i)), testKey(i), counter(1), 0)
			}
		}
	}
}

// scribble writes all over d.
func scribble(d *Dict, n int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	for range n {
		key := testKey(r.IntN(2 * n))
		h := HashOf(key)
		switch r.IntN(6) {
		case 0:
			d.Delete(h, key)
		case 1:
			if v := d.EditObject(h, key); v != nil {
				bump(d, v)
			}
		case 2:
			for i, b := 0, d.Mutable(h, key); i < len(b); i++ {
				b[i]++
			}
		case 3:
			d.Grow(h, key, r.IntN(1000))
		case 4:
			d.SetDeadline(h, key, 1)
		default:
			d.Put(h, key, make([]byte, r.IntN(200)), 0, 0)
		}
	}
	if err := d.check(); err != nil {
		panic(err)
	}
}

func TestDictTouch(t *testing.T) {
	d := filled(2000, 8)
	touch := func(now uint32) {
		for i := range 2000 {
			d.Find(HashOf(testKey(i)), testKey(i)).Touch(now + uint32(i))
		}
	}
	touched := func(i int) uint32 { return d.Find(HashOf(testKey(i)), testKey(i)).Touched() }
	touch(1)
	require.Zero(t, touched(0), "not tracked")
	snapshot := d.Clone()
	d.TrackAccess()
	touch(1)
	for i := 2000; i < 20000; i++ { // splits take the notes along
		put(d, i, "more")
	}
	for i := range 2000 {
		require.EqualValues(t, 1+i, touched(i))
	}
	for i := 2000; i < 20000; i++ { // so do merges
		d.Delete(HashOf(testKey(i)), testKey(i))
	}
	for i := range 2000 {
		require.EqualValues(t, 1+i, touched(i))
	}
	require.NoError(t, d.check())
	require.NoError(t, snapshot.check())
}

// TestDictGrow grows one value byte by byte among others.
func TestDictGrow(t *testing.T) {
	d := filled(100, 8)
	h := HashOf("log")
	d.Put(h, "log", nil, 99, 3)
	allocs := testing.AllocsPerRun(1, func() {
		for n := 1; n <= 1<<16; n++ {
			d.Grow(h, "log", n)[n-1] = byte(n)
		}
	})
	require.Less(t, allocs, 100.0)
	ref := d.Find(h, "log")
	require.EqualValues(t, 99, ref.Deadline())
	require.EqualValues(t, 3, ref.Mark())
	for i, b := range ref.Value() {
		require.Equal(t, byte(i+1), b)
	}
	require.NoError(t, d.check())
	require.InDelta(t, 1<<16, d.Size(), 1<<16+8000)
}

func TestDictShrinks(t *testing.T) {
	d := filled(30000, 8)
	for i := range 30000 {
		d.Delete(HashOf(testKey(i)), testKey(i))
		if i%10000 == 0 {
			require.NoError(t, d.check())
		}
	}
	require.Less(t, d.Size(), 2000)
	require.NoError(t, d.check())
}

// TestDictAllocs tests that the common paths allocate nothing.
func TestDictAllocs(t *testing.T) {
	d := filled(10000, 64)
	value := bytes.Repeat([]byte("y"), 64)
	big := make([]byte, 2000)
	put(d, 10000, string(big))
	key := testKey(77)
	h := HashOf(key)
	d.SetDeadline(h, key, 1)
	bigKey := testKey(10000)
	r := rand.New(rand.NewPCG(1, 1))
	for name, f := range map[string]func(){
		"find":                  func() { d.Find(h, key).Value() },
		"miss":                  func() { d.Find(h, "other") },
		"put":                   func() { d.Put(h, key, value, 5, 0) },
		"put, no more deadline": func() { d.Put(h, key, value, 0, 0) },
		"put big":               func() { d.Put(HashOf(bigKey), bigKey, big, 0, 0) },
		"deadline":              func() { d.SetDeadline(h, key, 7) },
		"mark":                  func() { d.SetMark(h, key, 7) },
		"mutable":               func() { d.Mutable(h, key)[0]++ },
		"random":                func() { d.Random(r) },
		"scan":                  func() { d.Scan(0, 10, func(Ref) {}) },
		"delete and put":        func() { d.Delete(h, key); d.Put(h, key, value, 5, 0) },
	} {
		limit := 0.0
		if name == "delete and put" {
			limit = 0.9 // now and then a page
		}
		require.LessOrEqual(t, testing.AllocsPerRun(200, f), limit, name)
	}
}

// TestDictEmptyValueAtPageEnd fills pages to the last byte with records of 8
// bytes and no value, whose values begin where the page ends. No pointer may go
// there: the race detector's build checks it.
func TestDictEmptyValueAtPageEnd(t *testing.T) {
	d := new(Dict)
	for i := range 1000 {
		key := fmt.Sprintf("%05d", i)
		d.Put(HashOf(key), key, nil, 0, 0)
	}
	for ref := range d.All() {
		require.NotNil(t, ref.Value())
		require.Empty(t, ref.Value())
	}
	d.Put(HashOf(""), "", nil, 0, 0)
	require.True(t, d.Find(HashOf(""), "").OK())
}

// TestDictEmptyKeyAtPageEnd does the same for the empty key: of its record with no
// value there is nothing behind the header.
func TestDictEmptyKeyAtPageEnd(t *testing.T) {
	h := HashOf("")
	for n := range 2 * pageSize {
		var d Dict
		for left := n; left > 0; left -= 900 {
			key := string(rune('A' + left/900))
			d.Put(HashOf(key), key, make([]byte, min(left, 900)), 0, 0)
		}
		d.Put(h, "", nil, 0, 0)
		require.True(t, d.Find(h, "").OK())
	}
}

// TestDictSmall holds a table of a few entries to a few hundred bytes.
func TestDictSmall(t *testing.T) {
	require.Less(t, filled(1, 8).Size(), 500)
	require.Less(t, filled(7, 8).Size(), 800)
}

func filled(n, size int) *Dict {
	d := new(Dict)
	value := strings.Repeat("v", size)
	for i := range n {
		put(d, i, value)
	}
	return d
}

func put(d *Dict, i int, value string) {
	key := testKey(i)
	d.Put(HashOf(key), key, raw(value), 0, 0)
}

func testKey(i int) string { return fmt.Sprintf("key:%012d", i) }

func TestDictReserve(t *testing.T) {
	for _, n := range []int{0, 100, 600, 5000, 100_000} {
		for _, come := range []int{0, 1, n / 50, n / 2, n, 2 * n} {
			var d, want Dict
			d.TrackAccess()
			d.Reserve(n)
			size := d.Size()
			for i := range come {
				key := fmt.Sprint("key ", i)
				d.Put(HashOf(key), key, raw(key), 0, 0)
				want.Put(HashOf(key), key, raw(key), 0, 0)
			}
			require.NoError(t, d.Check())
			d.Trim()
			require.NoError(t, d.Check())
			require.Equal(t, come, d.Len())
			for i := range come {
				key := fmt.Sprint("key ", i)
				require.Equal(t, key, string(d.Find(HashOf(key), key).Value()))
			}
			if n >= 5000 && come <= n/50 {
				require.Less(t, d.Size(), size/8+want.Size()*2)
			}
			d.TouchAll(7)
			for r := range d.All() {
				require.EqualValues(t, 7, r.Touched())
			}
		}
	}
}

// A Dict for which as much was reserved as came takes no more memory than one
// that grew, by much, and has split next to no segment.
func TestDictReserveFits(t *testing.T) {
	for n := 1000; n < 300_000; n = n * 7 / 4 {
		var d, grown Dict
		d.Reserve(n)
		depth := d.depth
		for i := range n {
			key := fmt.Sprint("key ", i)
			d.Put(HashOf(key), key, nil, 0, 0)
			grown.Put(HashOf(key), key, nil, 0, 0)
		}
		require.LessOrEqual(t, d.depth, depth+1)
		require.Less(t, float64(d.Size()), 1.5*float64(grown.Size())+8<<10, n) // few segments differ by chance
	}
}
