package types

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackedStrings(t *testing.T) {
	var p []byte
	strs := []string{"", "a", strings.Repeat("b", 127), strings.Repeat("c", 128), strings.Repeat("d", 300), strings.Repeat("e", maxPacked)}
	var offsets []int
	for _, s := range strs {
		offsets = append(offsets, len(p))
		p = append(p, make([]byte, packedSize(len(s)))...)
		require.Empty(t, putPacked(p[offsets[len(offsets)-1]:], s))
	}
	require.NoError(t, checkPack(p, len(strs)))
	for i, s := range strs {
		got, next := packedAt(p, offsets[i])
		require.Equal(t, s, string(got))
		require.Equal(t, next, skipPacked(p, offsets[i], 1))
		require.Equal(t, offsets[i], skipPacked(p, 0, i))
		require.Equal(t, offsets[i], findPacked(p, s, 1))
		want := offsets[i]
		if i%2 == 1 {
			want = -1 // a value is not found as a field
		}
		require.Equal(t, want, findPacked(p, s, 2))
	}
	require.Equal(t, len(p), skipPacked(p, 0, len(strs)))
	require.Equal(t, -1, findPacked(p, "none", 1))
	require.Error(t, checkPack(p, len(strs)-1))
	require.Error(t, checkPack(p[:len(p)-1], len(strs)))
	require.Error(t, checkPack([]byte{0x80}, 1))
	require.Error(t, checkPack([]byte{0x80, 1, 'a'}, 1))
	require.Error(t, checkPack([]byte{number}, 1))
	require.Error(t, checkPack([]byte{number | 9, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1))
}

func TestPackedIntegers(t *testing.T) {
	var texts speller
	var got [][]byte
	numbers := []int64{0, 1, -1, math.MaxInt64, math.MinInt64}
	for shift := range 63 {
		n := int64(1) << shift
		numbers = append(numbers, n, -n, n-1, -n-1)
	}
	for _, n := range numbers {
		v := packValue([]byte(strconv.FormatInt(n, 10)))
		require.True(t, v.isInt)
		require.LessOrEqual(t, v.size, max(2, len(v.text)), "it is no longer than the text")
		p := make([]byte, v.size+1)
		v.put(p)
		require.True(t, v.equals(p[:v.size]))
		require.NoError(t, checkPack(p, 2))
		m, next := intAt(p, 0)
		require.Equal(t, n, m)
		require.Equal(t, v.size, next)
		require.Equal(t, next, skipPacked(p, 0, 1))
		text, _ := texts.at(p, 0)
		got = append(got, text)
	}
	for i, n := range numbers {
		require.Equal(t, strconv.FormatInt(n, 10), string(got[i]))
	}
}

func TestSpliceKeepsWhatIsAround(t *testing.T) {
	var b body
	model := []byte{}
	for i, c := range []struct{ at, del, ins int }{{0, 0, 10}, {10, 0, 5}, {3, 4, 9}, {0, 2, 0}, {5, 5, 2000}, {100, 1800, 3}, {7, 0, 6000}, {1, 6000, 0}} {
		fill := bytes.Repeat([]byte{byte('a' + i)}, c.ins)
		model = slices.Concat(model[:c.at], fill, model[c.at+c.del:])
		copy(b.splice(c.at, c.del, c.ins)[c.at:], fill)
		require.Equal(t, model, b.bytes())
		require.LessOrEqual(t, b.used, b.room)
		require.LessOrEqual(t, int(b.room), 2*len(model)+48, "room is given back")
		c := b.clone()
		c.splice(0, 1, 0)
		require.Equal(t, model, b.bytes(), "a clone writes to its own bytes")
	}
}

func TestIntegersOfEveryWidth(t *testing.T) {
	var b body
	var model []int64
	for _, n := range []int64{5, -3, math.MaxInt16, math.MinInt16, 7, math.MaxInt16 + 1, math.MinInt32, 0, math.MaxInt64, math.MinInt64, 9} {
		old := b.clone()
		i, ok := b.findInt(n)
		require.False(t, ok)
		require.True(t, b.insertInt(i, n))
		require.NoError(t, b.check(1))
		model = append(model, n)
		slices.Sort(model)
		for i, m := range model {
			require.Equal(t, m, b.int(i))
			at, ok := b.findInt(m)
			require.True(t, ok)
			require.Equal(t, i, at)
			require.Equal(t, len(strconv.FormatInt(m, 10)), spelledSize(m))
		}
		require.NoError(t, old.check(1))
		require.Equal(t, len(model)-1, old.len())
	}
	for len(model) > 0 {
		i := len(model) / 2
		b.removeInt(i)
		model = slices.Delete(model, i, i+1)
		require.Equal(t, len(model), b.len())
		require.NoError(t, b.check(1))
	}
}
