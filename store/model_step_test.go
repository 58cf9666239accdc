package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"redstart/types"
)

// A stepper does one thing after the other in a transaction and its model.
type stepper struct {
	tx   *Tx
	w    *world
	db   int
	all  bool // the transaction holds every shard
	held map[string]pair
}

// A pair is a collection being edited, and its model. Both may have been
// replaced at their key meanwhile; then nobody sees what happens to them.
type pair struct {
	v types.Value
	x *thing
}

var (
	modelKeys   = []string{"", "a", "b", "ee"}
	modelTexts  = []string{"", "1", "2", "42", "-7", "007", "x", "yy", strings.Repeat("long", 20), strings.Repeat("z", 5000)}
	modelKinds  = []types.Kind{types.KindList, types.KindHash, types.KindSet, types.KindZSet}
	modelSteps  = []string{"set", "append", "setrange", "incr", "delete", "expire", "rename", "copy", "edit", "edit", "edit", "held", "held", "select", "read", "clean"}
	modelScores = []float64{-1, 0, 1, 1.5, 2}
)

func drawDB(t *rapid.T) int     { return rapid.IntRange(0, modelDBs-1).Draw(t, "db") }
func drawKey(t *rapid.T) string { return rapid.SampledFrom(modelKeys).Draw(t, "key") }
func drawText(t *rapid.T) string {
	return modelTexts[rapid.IntRange(0, len(modelTexts)-1).Draw(t, "text")]
}

func (s *stepper) step(t *rapid.T) {
	key := drawKey(t)
	x := s.w.live(s.db, key)
	switch rapid.SampledFrom(modelSteps).Draw(t, "step") {
	case "set":
		s.set(t, key, x)
	case "append", "setrange":
		s.patch(t, key, x)
	case "incr":
		_, err := s.tx.Incr(key, 5)
		require.ErrorIs(t, err, s.w.incr(s.db, key, 5))
	case "delete":
		was, err := s.tx.Delete(key)
		require.NoError(t, err)
		require.Equal(t, x != nil, was)
		if was {
			delete(s.w.dbs[s.db], key)
		}
	case "expire":
		s.expire(t, key, x)
	case "rename", "copy":
		s.transfer(t, key, x)
	case "edit":
		s.edit(t, key)
	case "held":
		if len(s.held) != 0 {
			s.change(t, s.held[rapid.SampledFrom(slices.Sorted(maps.Keys(s.held))).Draw(t, "held")])
		}
	case "select":
		s.db = drawDB(t)
		require.NoError(t, s.tx.Select(s.db))
	case "read":
		if s.all {
			require.Equal(t, s.w.text(s.db), textOf(t, s.tx))
		} else {
			require.Equal(t, x != nil, s.tx.Exists(key))
		}
	case "clean":
		s.clean(t)
	}
	// What was being edited still is, unless something else stands there now.
	if p, ok := s.held[fmt.Sprint(s.db, key)]; ok && rapid.Bool().Draw(t, "go on") {
		s.change(t, p)
	}
}

func (s *stepper) set(t *rapid.T, key string, x *thing) {
	y := newThing(types.KindString)
	y.text = drawText(t)
	var opts []SetOption
	switch rapid.IntRange(0, 3).Draw(t, "set option") {
	case 0:
		ms := rapid.IntRange(1, 5000).Draw(t, "ttl")
		opts = append(opts, TTL(time.Duration(ms)*time.Millisecond))
		y.at = s.tx.Now() + int64(ms)
	case 1:
		opts = append(opts, KeepDeadline)
		if x != nil {
			y.at = x.at
		}
	}
	require.NoError(t, s.tx.Set(key, []byte(y.text), opts...))
	s.w.dbs[s.db][key] = y
}

// patch appends to a string, or writes into it.
func (s *stepper) patch(t *rapid.T, key string, x *thing) {
	text := drawText(t)
	offset := rapid.IntRange(-1, 6).Draw(t, "offset") // -1: append
	var err error
	if offset < 0 {
		_, err = s.tx.Append(key, []byte(text))
	} else {
		_, err = s.tx.SetRange(key, offset, []byte(text))
	}
	if x != nil && x.kind != types.KindString {
		require.ErrorIs(t, err, ErrWrongType)
		return
	}
	require.NoError(t, err)
	if x == nil {
		if text == "" && offset >= 0 {
			return
		}
		x = newThing(types.KindString)
		s.w.dbs[s.db][key] = x
	}
	if offset < 0 {
		offset = len(x.text)
	}
	if text == "" {
		return
	}
	b := []byte(x.text)
	for len(b) < offset+len(text) {
		b = append(b, 0)
	}
	copy(b[offset:], text)
	x.text = string(b)
}

func (s *stepper) expire(t *rapid.T, key string, x *thing) {
	at := int64(0)
	if ms := rapid.IntRange(-1, 5000).Draw(t, "expire in"); ms != 0 {
		at = s.tx.Now() + int64(ms)
	}
	ok, err := s.tx.Expire(key, at)
	require.NoError(t, err)
	require.Equal(t, x != nil, ok)
	switch {
	case x == nil:
	case at != 0 && at <= s.tx.Now():
		delete(s.w.dbs[s.db], key)
	default:
		x.at = at
	}
}

func (s *stepper) transfer(t *rapid.T, key string, x *thing) {
	to, db := drawKey(t), s.db
	if rapid.Bool().Draw(t, "elsewhere") {
		db = drawDB(t)
	}
	move := rapid.Bool().Draw(t, "move")
	do := s.tx.Copy
	if move {
		do = s.tx.Rename
	}
	err := do(key, db, to)
	if x == nil {
		require.ErrorIs(t, err, ErrNoKey)
		return
	}
	require.NoError(t, err)
	if key == to && db == s.db {
		return
	}
	s.w.dbs[db][to] = x.clone()
	if move {
		delete(s.w.dbs[s.db], key)
	}
}

func (s *stepper) edit(t *rapid.T, key string) {
	kind := rapid.SampledFrom(modelKinds).Draw(t, "kind")
	v, err := s.tx.edit(key, kind)
	x := s.w.live(s.db, key)
	if x != nil && x.kind != kind {
		require.ErrorIs(t, err, ErrWrongType)
		return
	}
	require.NoError(t, err)
	if x == nil {
		// One that was emptied in this transaction is still the key's, with its deadline.
		x = s.w.dbs[s.db][key]
		if x == nil || x.kind != kind || x.at != 0 && x.at <= s.tx.Now() {
			x = newThing(kind)
			s.w.dbs[s.db][key] = x
		}
	}
	p := pair{v, x}
	s.held[fmt.Sprint(s.db, key)] = p
	for range rapid.IntRange(0, 4).Draw(t, "changes") {
		s.change(t, p)
	}
}

// change makes one change to a collection.
func (s *stepper) change(t *rapid.T, p pair) {
	e := drawText(t)
	less := rapid.Bool().Draw(t, "less")
	x := p.x
	switch v := p.v.(type) {
	case *types.List:
		s.changeList(t, v, x, e, less)
	case *types.Hash:
		_, was := x.fields[e]
		if less {
			require.Equal(t, was, v.Delete(e))
			delete(x.fields, e)
			return
		}
		value := drawText(t)
		require.Equal(t, !was, v.Set(e, []byte(value)))
		x.fields[e] = value
	case *types.Set:
		_, was := x.fields[e]
		if less {
			require.Equal(t, was, v.Remove(e))
			delete(x.fields, e)
			return
		}
		require.Equal(t, !was, v.Add(e))
		x.fields[e] = ""
	case *types.ZSet:
		_, was := x.scores[e]
		if less {
			require.Equal(t, was, v.Remove(e))
			delete(x.scores, e)
			return
		}
		score := rapid.SampledFrom(modelScores).Draw(t, "score")
		added, _ := v.Add(e, score, 0)
		require.Equal(t, !was, added)
		x.scores[e] = score
	}
	require.Equal(t, len(x.list)+len(x.fields)+len(x.scores), p.v.Len())
}

func (s *stepper) changeList(t *rapid.T, v *types.List, x *thing, e string, less bool) {
	switch front := rapid.Bool().Draw(t, "front"); {
	case less && front:
		got, ok := v.PopFront()
		require.Equal(t, len(x.list) != 0, ok)
		if ok {
			require.Equal(t, x.list[0], string(got))
			x.list = x.list[1:]
		}
	case less:
		n := v.Remove([]byte(e), 1)
		i := slices.Index(x.list, e)
		require.Equal(t, i >= 0, n == 1)
		if i >= 0 {
			x.list = slices.Delete(x.list, i, i+1)
		}
	case front:
		v.PushFront([]byte(e))
		x.list = slices.Insert(x.list, 0, e)
	default:
		v.PushBack([]byte(e))
		x.list = append(x.list, e)
	}
}

// clean deletes while it iterates.
func (s *stepper) clean(t *rapid.T) {
	if !s.all {
		return
	}
	first := rapid.SampledFrom([]string{"a", "ee", "x"}).Draw(t, "first")
	for key := range s.tx.Keys(first + "*") {
		was, err := s.tx.Delete(key)
		require.True(t, was && err == nil)
		delete(s.w.dbs[s.db], key)
	}
	for _, key := range s.w.keys(s.db) {
		require.False(t, strings.HasPrefix(key, first))
	}
}
