package persist

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// A wreck is a file that is damaged in many ways, one after the other, and
// examined each time: by opening and loading it, by Check, and now and then by
// Recover. What is expected is the same every time: the content it had, or a
// refusal that tells the place and the way out; the file as it was; Open and
// Check of one mind; and that the process lives.
type wreck struct {
	path     string
	whole    []byte
	now      []byte // what is in the file
	want     *model
	older    [][]byte // the file as it was after each commit
	pageSize int

	states, refused int
}

// newWreck makes a file with all there is in one: values of every kind in
// several databases, with deadlines; values that continue in further chunks and
// records; a base, two delta runs with tombstones; a journal whose records fill
// several pages.
func newWreck(t testing.TB) *wreck {
	t.Helper()
	w := &wreck{path: tempFile(t)}
	opt := testOptions(EverySecond)
	opt.hook = func(point string) error {
		if point == "committed" {
			b, err := os.ReadFile(w.path)
			if err != nil {
				return err
			}
			w.older = append(w.older, b)
		}
		return nil
	}
	f, m := mustOpen(t, w.path, opt)
	r := rand.New(rand.NewPCG(7, 7))
	var l types.Log
	for i := range 200 {
		if i == 100 || i == 120 || i == 150 {
			require.NoError(t, f.Checkpoint(m))
		}
		switch {
		case i == 20: // more than a chunk has room for
			do(t, f, m, setIn(1, fmt.Sprint("large", i), strings.Repeat(fmt.Sprint("0123456789 ", i), 6000)))
		case i > 100 && i%7 == 0:
			l.Reset()
			l.Add(types.OpPlace, int64(i%3), 0, fmt.Sprint("s", i%40), "")
			l.Add(OpDelete, 0, 0, "", "")
			do(t, f, m, l.Bytes())
		default:
			l.Reset()
			if randomTx(r, &l); wholesale(l.Bytes()) || len(l.Bytes()) > 4<<10 {
				continue
			}
			do(t, f, m, l.Bytes())
		}
		if i%3 == 0 || i > 170 {
			require.NoError(t, f.Sync())
		}
	}
	s := f.currentState()
	require.NoError(t, f.Close())
	require.Positive(t, s.baseBytes)
	require.Positive(t, s.deltaBytes)
	w.want = m
	w.restore(t)
	return w
}

// wholesale reports whether a transaction changes whole databases, so that the
// next checkpoint writes a base.
func wholesale(tx []byte) bool {
	for e := range types.Effects(tx) {
		if e.Op == OpFlush || e.Op == OpSwap {
			return true
		}
	}
	return false
}

// restore takes what is in the file for what is whole.
func (w *wreck) restore(t testing.TB) {
	t.Helper()
	var err error
	w.whole, err = os.ReadFile(w.path)
	require.NoError(t, err)
	p := w.survey(t)
	w.pageSize = int(p.pageSize)
	w.whole = w.whole[:int(p.pages)*w.pageSize] // the rest was only reserved
	w.now = nil
}

// write makes b the content of the file.
func (w *wreck) write(t testing.TB, b []byte) {
	t.Helper()
	f, err := os.OpenFile(w.path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	if w.now == nil || len(b) != len(w.now) {
		require.NoError(t, f.Truncate(0))
		w.now = w.now[:0]
	}
	for at := 0; at < len(b); at += 4096 {
		end := min(at+4096, len(b))
		if end > len(w.now) || !bytes.Equal(b[at:end], w.now[at:end]) {
			_, err := f.WriteAt(b[at:end], int64(at))
			require.NoError(t, err)
		}
	}
	w.now = append(w.now[:0], b...)
}

// survey walks the tree of the whole file.
func (w *wreck) survey(t testing.TB) *preflight {
	t.Helper()
	p := &preflight{file: bytes.NewReader(w.whole), size: int64(len(w.whole))}
	var err error
	p.pageMeta, err = p.metas()
	require.NoError(t, err)
	p.used = make([]uint64, p.pages/64+1)
	require.NoError(t, p.walk(p.root, nil, nil, 0))
	return p
}

// copy returns the bytes of the whole file, to be damaged.
func (w *wreck) copy() []byte { return bytes.Clone(w.whole) }

// place is what the text of a refusal must name.
var place = regexp.MustCompile(`\b(page|byte|bytes|buckets?|chunk|record|segment|transaction|version|state)\b`)

// try writes b to the file and sees what becomes of it. It reports whether it
// was refused.
func (w *wreck) try(t *testing.T, b []byte, what string, args ...any) (refused bool) {
	t.Helper()
	what = fmt.Sprintf(what, args...)
	w.write(t, b)
	w.states++
	err := w.open(t, what)
	if err != nil {
		w.refused++
		text := err.Error()
		switch {
		case !errors.Is(err, ErrCorrupt):
			t.Fatalf("%s: %v", what, err)
		case !strings.Contains(text, w.path) || !place.MatchString(text) ||
			!strings.Contains(text, "`redstart check ") || !strings.Contains(text, "`redstart recover "):
			t.Fatalf("%s: no place, or no way out: %v", what, err)
		}
	}
	var found problems
	_, checked := Check(w.path, found.add)
	if (err == nil) != (checked == nil) || checked != nil && !errors.Is(checked, ErrCorrupt) || len(found) == 0 != (checked == nil) {
		t.Fatalf("%s: opening it says %v, and checking it %v, %q", what, err, checked, found)
	}
	if w.states%50 == 0 {
		w.recover(t, what)
	}
	after, readErr := os.ReadFile(w.path)
	require.NoError(t, readErr)
	if !bytes.Equal(b, after) {
		t.Fatalf("%s: the file was changed", what)
	}
	return err != nil
}

// open opens the file and compares what is in it.
func (w *wreck) open(t *testing.T, what string) error {
	f, err := Open(w.path, testOptions(EverySecond))
	if err != nil {
		return err
	}
	got, err := load(f)
	if closeErr := f.Close(); closeErr != nil {
		t.Fatalf("%s: closing: %v", what, closeErr)
	}
	if err == nil {
		if diff := got.differs(w.want); diff != "" {
			t.Fatalf("%s: it opens and has lost its content: %s", what, diff)
		}
	}
	return err
}

// recover saves what is whole, which must open.
func (w *wreck) recover(t *testing.T, what string) {
	t.Helper()
	to := filepath.Join(filepath.Dir(w.path), "new.db")
	sum, err := Recover(w.path, to, func(string) {})
	if err != nil {
		t.Fatalf("%s: recovering: %v", what, err)
	}
	f, m := mustOpen(t, to, testOptions(EverySecond))
	require.NoError(t, f.Close())
	require.Equal(t, sum.Keys, m.Len(), what)
	require.NoError(t, os.Remove(to))
}

// report tells how many states were tried.
func (w *wreck) report(t *testing.T) {
	t.Logf("%d states of a file of %d KiB in %d commits: %d refused, %d harmless",
		w.states, len(w.whole)>>10, len(w.older), w.refused, w.states-w.refused)
}

// every returns n, or more in a short run: steps of an enumeration.
func every(n int) int {
	if testing.Short() {
		return 7 * n
	}
	return n
}

// Each bit of both meta pages, whichever is the newer one and whatever its
// number: the file as it was after each of the last commits.
func TestDamagedMetas(t *testing.T) {
	t.Parallel()
	w := newWreck(t)
	whole, want := w.whole, w.want
	for n := range 4 {
		w.whole = w.older[len(w.older)-1-n]
		require.NoError(t, os.WriteFile(w.path, w.whole, 0o600))
		f, m := mustOpen(t, w.path, testOptions(EverySecond))
		require.NoError(t, f.Close())
		w.want = m
		w.restore(t)
		for page := range 2 {
			for bit := 0; bit < (pageHeader+metaSize)*8; bit += every(1) {
				if number := pageHeader + 48; n > 0 && (bit/8 < number || bit/8 >= number+8) {
					continue // the same in each commit
				}
				b := w.copy()
				b[page*w.pageSize+bit/8] ^= 1 << (bit % 8)
				w.try(t, b, "meta %d: bit %d", page, bit)
			}
		}
	}
	w.whole, w.want = whole, want
	w.report(t)
}

// Each page of the tree: bits of its header, of its elements' headers, of keys
// and of values.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	w := newWreck(t)
	turn := 0
	flip := func(at int64, what string) {
		b := w.copy()
		turn++
		b[at] ^= 1 << (turn * 5 % 8)
		w.try(t, b, "%s: byte %d, bit %d", what, at, turn*5%8)
	}
	w.visit(t, func(g *page, inline bool) {
		what := fmt.Sprintf("page %d", g.id)
		if !inline {
			for i := range int64(pageHeader) {
				flip(g.off+i, what+", header")
			}
		}
		w.elements(t, g, flip)
	})
	w.report(t)
}

// visit passes every page of the tree, and every page within a value, to each.
func (w *wreck) visit(t testing.TB, each func(g *page, inline bool)) {
	p := w.survey(t)
	for id := uint64(2); id < p.pages; id++ {
		if p.used[id/64]&(1<<(id%64)) == 0 {
			continue
		}
		g, err := p.page(id)
		require.NoError(t, err)
		each(&g, false)
		for i := range g.count {
			if e, err := p.element(&g, i); err == nil && e.bucket && e.length > bucketHeader {
				inner, err := p.inlinePage(&e)
				require.NoError(t, err)
				inner.id = id
				each(&inner, true)
			}
		}
		id += uint64(g.overflow)
	}
}

// elements passes places within the elements of g to flip.
func (w *wreck) elements(t testing.TB, g *page, flip func(at int64, what string)) {
	p := w.survey(t)
	for i := range g.count {
		e, err := p.element(g, i)
		require.NoError(t, err)
		what := fmt.Sprintf("page %d, element %d", g.id, i)
		step := int64(1)
		if i > 0 && i < g.count-1 {
			step = 5
		}
		for k := int64(0); k < elementSize; k += step {
			flip(g.off+pageHeader+int64(i)*elementSize+k, what)
		}
		for k := range e.key {
			if k == 0 || k == len(e.key)-1 {
				flip(e.value-int64(len(e.key)-k), what+", key")
			}
		}
		for k := int64(0); k < int64(e.length); k++ {
			if k < 20*4/(step+3) && g.leaf() || k%509 == 0 || k == int64(e.length)-1 {
				flip(e.value+k, what+", value")
			}
		}
	}
}

// Each page in use, and some that are not: zeroed, full of ones, half written,
// swapped with another, moved by one page.
func TestLostPages(t *testing.T) {
	t.Parallel()
	w := newWreck(t)
	size, used := w.pageSize, w.survey(t).used
	pages := len(w.whole) / size
	r := rand.New(rand.NewPCG(4, 4))
	for n := 0; n < pages; n += every(1) {
		if used[n/64]&(1<<(n%64)) == 0 && n > 1 && r.IntN(4) > 0 {
			continue
		}
		other := 2 + r.IntN(pages-2)
		for kind, change := range []func(page []byte){
			func(page []byte) { clear(page) },
			func(page []byte) { clear(page[size/8*(1+r.IntN(7)):]) },
			func(page []byte) { copy(page, bytes.Repeat([]byte{0xff}, size)) },
			func(page []byte) { copy(page, w.whole[other*size:][:size]) },
			func(page []byte) { copy(page, w.whole[max(0, n-1)*size:][:size]) },
			func(page []byte) {
				for i := range page {
					page[i] = byte(r.Uint32())
				}
			},
		} {
			b := w.copy()
			change(b[n*size:][:size])
			w.try(t, b, "page %d, kind %d", n, kind)
		}
		b := w.copy()
		copy(b[n*size:], w.whole[other*size:][:size])
		copy(b[other*size:], w.whole[n*size:][:size])
		w.try(t, b, "page %d and page %d swapped", n, other)
	}
	w.report(t)
}

// A page is what it was after an earlier commit, as a whole or from some sector
// on: a write that a disk has said to be done, and was not. The root is left
// out: an old one that leads to pages nobody has used since is a whole tree.
func TestStalePages(t *testing.T) {
	t.Parallel()
	w := newWreck(t)
	p := w.survey(t)
	size, used := w.pageSize, p.used
	seen := map[string]bool{}
	for n := 2; n < len(w.whole)/size; n++ {
		if used[n/64]&(1<<(n%64)) == 0 || n == int(p.root) {
			continue
		}
		page := w.whole[n*size:][:size]
		for i, older := range w.older {
			if len(older) < (n+1)*size {
				continue
			}
			old := older[n*size:][:size]
			if key := fmt.Sprint(n) + string(old); bytes.Equal(old, page) || seen[key] {
				continue
			} else {
				seen[key] = true
			}
			for sector := 0; sector < size/512; sector += every(3) {
				b := w.copy()
				copy(b[n*size:][sector*512:size], old[sector*512:])
				w.try(t, b, "page %d as after commit %d from sector %d on", n, i, sector)
			}
		}
	}
	w.report(t)
}

// The file ends at each page, and within each.
func TestTruncation(t *testing.T) {
	t.Parallel()
	w := newWreck(t)
	for end := len(w.whole); end > 0; end -= w.pageSize {
		for _, less := range []int{0, 1, 700, w.pageSize - 1, w.pageSize - 100} {
			if end-less < pageHeader+4 {
				continue // too little to be anything
			}
			refused := w.try(t, w.whole[:end-less], "cut at byte %d", end-less)
			require.Equal(t, end-less < len(w.whole), refused, end-less)
		}
	}
	w.report(t)
}

// What follows the last page in use does no harm, nor does a second copy there.
func TestAppended(t *testing.T) {
	t.Parallel()
	w := newWreck(t)
	r := rand.New(rand.NewPCG(4, 4))
	noise := make([]byte, 3*w.pageSize+100)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for _, more := range [][]byte{{1}, noise, w.whole, w.whole[:1000], make([]byte, 1<<20)} {
		require.False(t, w.try(t, append(w.copy(), more...), "%d bytes appended", len(more)))
	}
	for at := w.pageSize; at < len(w.whole); at += every(w.pageSize) {
		b := append(w.whole[:at:at], noise[:w.pageSize]...) // everything behind is moved
		require.True(t, w.try(t, append(b, w.whole[at:]...), "a page inserted at byte %d", at))
	}
	w.report(t)
}

// Several bits at once, anywhere.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	w := newWreck(t)
	r := rand.New(rand.NewPCG(3, 3))
	for n := range 2000 / every(1) {
		b := w.copy()
		for range 1 + n%3 {
			at := r.IntN(len(b))
			if r.IntN(2) == 0 { // headers are where structure is
				at = at&^(w.pageSize-1) + r.IntN(128)
			}
			b[at] ^= 1 << r.IntN(8)
		}
		w.try(t, b, "round %d", n)
	}
	w.report(t)
}
