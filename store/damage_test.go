package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist"
)

var everyDamage = flag.Bool("damage", false, "damage the file of a database in 16 places of each page instead of one")

// A victim is the file of a database, as a process that was killed under Always
// left it, that is damaged in many ways, one after the other.
type victim struct {
	path   string
	opt    Options
	whole  []byte
	want   string // what it holds
	before string // what it held before the last transaction
	last   int    // where the frame of that is

	states, refused, cut int
}

// newVictim makes a file with all there is in one: values of every type in several
// databases, with deadlines; a base and delta runs, with patches of large values
// and tombstones; a journal, some of which is only kept for followers; and a
// stage with frames.
func newVictim(t *testing.T) *victim {
	dir := t.TempDir()
	v := &victim{path: filepath.Join(dir, "victim.db"), opt: Options{Clock: newManual(), KeepJournal: 1 << 20, MaxFree: -1}}
	opt := v.opt
	opt.Sync = Always
	db := open(t, filepath.Join(dir, "app.db"), &opt)
	r := rand.New(rand.NewPCG(6, 6))
	change := func(times int) {
		for i := range times {
			require.NoError(t, db.Update(func(tx *Tx) error { return changeLarge(tx, r) }))
			require.NoError(t, db.Update(func(tx *Tx) error {
				key := fmt.Sprint("small", r.IntN(40))
				if r.IntN(4) == 0 {
					tx.Delete(key)
					return nil
				}
				if err := tx.Set(key, []byte(strings.Repeat("v", r.IntN(300)))); err != nil || r.IntN(2) == 0 {
					return err
				}
				_, err := tx.Expire(key, tx.Now()+1e6+r.Int64N(1e9))
				return err
			}, In(i%3)))
		}
	}
	require.NoError(t, db.Update(makeLarge))
	change(60)
	require.NoError(t, db.Save())
	for range 3 {
		change(20)
		require.NoError(t, db.Save())
	}
	change(20)
	require.NoError(t, db.Save()) // it folds what is staged
	change(5)
	for v.last < 2*os.Getpagesize() { // else all was folded just then
		v.before = lines(t, db)
		older, err := os.ReadFile(db.Path())
		require.NoError(t, err)
		require.NoError(t, db.Set("last", []byte(strings.Repeat("x", 9000+r.IntN(100)))))
		v.want = lines(t, db)
		v.whole, err = os.ReadFile(db.Path())
		require.NoError(t, err)
		for v.last = 0; v.whole[v.last] == older[v.last]; v.last++ {
		}
	}
	stats, _ := db.Stats()
	require.NoError(t, db.Close())
	require.Positive(t, stats.BaseBytes)
	require.Positive(t, stats.DeltaBytes)
	require.Positive(t, stats.KeptBytes)
	require.NoError(t, os.WriteFile(v.path, v.whole, 0o600))
	sum, err := persist.Check(v.path, func(string) {})
	require.NoError(t, err)
	require.Greater(t, sum.Staged, 1)
	v.whole = v.whole[:highWater(v.whole)*uint64(os.Getpagesize())]
	return v
}

// highWater returns how many pages of a file have ever been used, as the newer of
// bbolt's two meta pages says; what follows is only reserved.
func highWater(file []byte) uint64 {
	pages, newest := uint64(0), uint64(0)
	for n := range 2 {
		meta := file[n*os.Getpagesize():]
		if tx := binary.LittleEndian.Uint64(meta[64:]); tx >= newest {
			pages, newest = binary.LittleEndian.Uint64(meta[56:]), tx
		}
	}
	return pages
}

// placed is what tells somebody where a file is damaged.
var placed = regexp.MustCompile(`\b(page|byte|bytes|buckets?|chunk|record|segment|transaction|version|state|frame|stage)\b`)

// try makes b, which is damaged at the place at, the content of the file and sees
// what becomes of it: it holds exactly what it held, or is refused by all alike,
// with the place and the way out, and left as it was. Only damage of the last frame
// may cut that off, as a crash does: see package persist.
func (v *victim) try(t *testing.T, at int, b []byte, what string, args ...any) {
	t.Helper()
	what = fmt.Sprintf(what, args...)
	v.states++
	require.NoError(t, os.WriteFile(v.path, b, 0o600))
	var found []string
	_, checked := persist.Check(v.path, func(p string) { found = append(found, p) })
	opt := v.opt
	db, err := Open(v.path, &opt)
	if (err == nil) != (checked == nil) || (checked != nil) != (len(found) > 0) {
		t.Fatalf("%s: opening it says %v, and checking it %v, %q", what, err, checked, found)
	}
	if err != nil {
		v.refused++
		text := err.Error()
		if !errors.Is(err, ErrCorrupt) || !placed.MatchString(text) || !placed.MatchString(strings.Join(found, " ")) ||
			!strings.Contains(text, v.path) || !strings.Contains(text, "`redstart recover ") {
			t.Fatalf("%s: no place, or no way out: %v; %q", what, err, found)
		}
		after, err := os.ReadFile(v.path)
		require.NoError(t, err)
		if !bytes.Equal(b, after) {
			t.Fatalf("%s: the file was changed: %s", what, text)
		}
		return
	}
	defer func() { require.NoError(t, db.Close(), what) }()
	require.NoError(t, db.Check(), what)
	switch got := lines(t, db); {
	case got == v.want:
	case at >= v.last && got == v.before:
		v.cut++
	default:
		t.Fatalf("%s: it opens and holds something else", what)
	}
}

// A damaged file of a real database, in each page of it and cut at each: never a
// silent wrong answer.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	r := rand.New(rand.NewPCG(8, 8))
	page := os.Getpagesize()
	pages, began := len(v.whole)/page, time.Now()
	v.try(t, 0, v.whole, "whole")
	flips, step := 1, max(1, pages/150)
	if *everyDamage {
		flips, step = 16, 1
	}
	for n := r.IntN(step); n < pages; n += step {
		for range flips {
			at := n*page + r.IntN(page)
			if r.IntN(3) == 0 { // where its structure is
				at = n*page + r.IntN(64)
			}
			b := []byte(string(v.whole))
			b[at] ^= 1 << r.IntN(8)
			v.try(t, at, b, "a bit of byte %d, in page %d", at, n)
		}
		end := n*page + []int{0, 1, 512, r.IntN(page)}[r.IntN(4)]
		if end > 64 { // else there is too little to be anything
			v.try(t, end, v.whole[:end], "cut at byte %d", end)
		}
	}
	t.Logf("%d states of a file of %d pages in %v: %d refused, %d cut off at the last frame", v.states, pages,
		time.Since(began).Round(time.Millisecond), v.refused, v.cut)
}
