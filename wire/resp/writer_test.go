package resp

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWriter(t *testing.T) {
	for _, c := range []struct {
		name         string
		write        func(w *Writer)
		resp2, resp3 string
	}{
		{"status", func(w *Writer) { w.Simple("OK") }, "+OK\r\n", "+OK\r\n"},
		{"status of lines", func(w *Writer) { w.Simple("a\r\n+b\n\r\n") }, "+a  +b\r\n", "+a  +b\r\n"},
		{"error", func(w *Writer) { w.Error("ERR x\n:1\r") }, "-ERR x :1\r\n", "-ERR x :1\r\n"},
		{"bulk error", func(w *Writer) { w.BulkError("ERR\nx") }, "-ERR x\r\n", "!5\r\nERR\nx\r\n"},
		{"int", func(w *Writer) { w.Int(-7) }, ":-7\r\n", ":-7\r\n"},
		{"least int", func(w *Writer) { w.Int(math.MinInt64) }, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"bulk", func(w *Writer) { w.Bulk([]byte("a\r\nb")) }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
		{"nil bulk", func(w *Writer) { w.Bulk(nil) }, "$0\r\n\r\n", "$0\r\n\r\n"},
		{"bulk string", func(w *Writer) { w.BulkString("abc") }, "$3\r\nabc\r\n", "$3\r\nabc\r\n"},
		{"bulk int", func(w *Writer) { w.BulkInt(-100) }, "$4\r\n-100\r\n", "$4\r\n-100\r\n"},
		{"null", func(w *Writer) { w.Null() }, "$-1\r\n", "_\r\n"},
		{"null array", func(w *Writer) { w.NullArray() }, "*-1\r\n", "_\r\n"},
		{"array", func(w *Writer) { w.Array(0) }, "*0\r\n", "*0\r\n"},
		{"map", func(w *Writer) { w.Map(6) }, "*12\r\n", "%6\r\n"},
		{"set", func(w *Writer) { w.Set(123) }, "*123\r\n", "~123\r\n"},
		{"push", func(w *Writer) { w.Push(3) }, "*3\r\n", ">3\r\n"},
		{"double", func(w *Writer) { w.Double(1.5) }, "$3\r\n1.5\r\n", ",1.5\r\n"},
		{"true", func(w *Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
		{"false", func(w *Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
		{"big number", func(w *Writer) { w.BigNumber("12345678901234567890") }, "$20\r\n12345678901234567890\r\n", "(12345678901234567890\r\n"},
		{"verbatim", func(w *Writer) { w.Verbatim("txt", "a\nb") }, "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n"},
		{"short format", func(w *Writer) { w.Verbatim("x", "a") }, "$1\r\na\r\n", "=5\r\nx  :a\r\n"},
		{"long format", func(w *Writer) { w.Verbatim("mdown", "a") }, "$1\r\na\r\n", "=5\r\nmdo:a\r\n"},
		{"command", func(w *Writer) { w.Command("GET", "k") }, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"},
		{"attribute", func(w *Writer) {
			if w.Attribute(1) {
				w.Simple("k")
				w.Int(1)
			}
			w.Int(2)
		}, ":2\r\n", "|1\r\n+k\r\n:1\r\n:2\r\n"},
	} {
		w2, w3 := Writer{Proto: 2}, Writer{Proto: 3}
		c.write(&w2)
		c.write(&w3)
		require.Equal(t, c.resp2, string(w2.Bytes()), c.name)
		require.Equal(t, c.resp3, string(w3.Bytes()), c.name)
	}
}

func TestWriterBuffer(t *testing.T) {
	var w Writer
	w.Simple("OK")
	mark := w.Len()
	w.Array(2)
	w.Int(1)
	w.Truncate(mark)
	w.Raw([]byte(":5\r\n"))
	require.Equal(t, "+OK\r\n:5\r\n", string(w.Bytes()))
	pooled := make([]byte, 3, 100)
	out := w.Swap(pooled)
	require.Equal(t, "+OK\r\n:5\r\n", string(out))
	require.Zero(t, w.Len())
	w.Int(1)
	require.Equal(t, &pooled[0], &w.Bytes()[0])
	w.Reset()
	require.Zero(t, w.Len())
	w.Swap(nil)
	require.Nil(t, w.Bytes())
}

// A deferred header gives the bytes that one written in time gives, however
// long it is and whatever is nested in it.
func TestWriterDefer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		proto := rapid.IntRange(2, 3).Draw(t, "proto")
		early, late := Writer{Proto: proto}, Writer{Proto: proto}
		early.Simple("before")
		late.Simple("before")
		var nest func(depth int)
		nest = func(depth int) {
			n := rapid.SampledFrom([]int{0, 1, 5, 9, 10, 99, 100, 1000}).Draw(t, "n")
			kind := rapid.IntRange(0, 3).Draw(t, "kind")
			[]func(int){early.Array, early.Map, early.Set, early.Push}[kind](n)
			mark := late.Defer()
			for range n {
				early.Int(int64(n))
				late.Int(int64(n))
			}
			if depth > 0 {
				nest(depth - 1)
			}
			[]func(int, int){late.SetArray, late.SetMap, late.SetSet, late.SetPush}[kind](mark, n)
		}
		nest(3)
		require.Equal(t, string(early.Bytes()), string(late.Bytes()))
	})
}

func TestWriterDouble(t *testing.T) {
	for want, f := range map[string]float64{
		"inf": math.Inf(1), "-inf": math.Inf(-1), "nan": math.NaN(), "0": 0, "-0": math.Copysign(0, -1),
		"3": 3, "-3": -3, "1.5": 1.5, "-0.1": -0.1, "3.14159": 3.14159, "0.30000000000000004": 0.30000000000000004,
		"1000000000000000000": 1e18, "4611686018427387904": 1 << 62, "-4611686018427387904": -(1 << 62),
		"1e+19": 1e19, "1e+20": 1e20, "1.5e+300": 1.5e300, "1.7976931348623157e+308": math.MaxFloat64,
		"12345678901234567000": 12345678901234567000, "5e-324": math.SmallestNonzeroFloat64, "-1e-7": -1e-7,
		"0.1": 0.1, "0.01": 0.01, "0.001": 0.001, "0.0001": 0.0001, "0.00001": 0.00001, "0.000001": 0.000001,
		"0.00123456789": 0.00123456789, "1.23456789e-4": 0.000123456789, "0.000012": 0.000012, "1.2e-6": 0.0000012,
		"123456.789": 123456.789, "1234567890.125": 1234567890.125,
	} {
		require.Equal(t, want, string(appendDouble(nil, f)))
		if f == f {
			back, err := strconv.ParseFloat(want, 64)
			require.NoError(t, err)
			require.Equal(t, math.Float64bits(f), math.Float64bits(back))
		}
	}
}

func TestWriterDoubleReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-1e22, 1e22), rapid.Float64Range(-1e-2, 1e-2)).Draw(t, "f")
		w := Writer{Proto: 3}
		w.Double(f)
		v, n, err := Decode(w.Bytes())
		require.NoError(t, err)
		require.Equal(t, w.Len(), n)
		back, err := v.Float()
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(f), math.Float64bits(back))
	})
}

func TestWriterDoesNotAllocate(t *testing.T) {
	w := Writer{Proto: 3}
	data := []byte(strings.Repeat("x", 200))
	write := func() {
		w.Reset()
		mark := w.Defer()
		w.Simple("OK")
		w.Error("ERR no")
		w.Bulk(data)
		w.BulkInt(123456)
		w.Int(math.MinInt64)
		w.Double(3.14159)
		w.Verbatim("txt", "some text")
		w.SetArray(mark, 100)
	}
	write()
	require.Zero(t, testing.AllocsPerRun(100, write))
	w.Proto = 2
	require.Zero(t, testing.AllocsPerRun(100, write))
}

func TestWriterInt(t *testing.T) {
	var w Writer
	check := func(n int64) {
		w.Reset()
		w.Int(n)
		require.Equal(t, ":"+strconv.FormatInt(n, 10)+"\r\n", string(w.Bytes()))
	}
	for power := int64(1); power < math.MaxInt64/10; power *= 10 {
		for _, n := range []int64{power - 1, power, power + 1, 5*power + power/7, -power} {
			check(n)
		}
	}
	for n := range int64(12_000) {
		check(n)
	}
	rapid.Check(t, func(t *rapid.T) { check(rapid.Int64().Draw(t, "n")) })
	rapid.Check(t, func(t *rapid.T) { check(rapid.Int64Range(0, 1e8).Draw(t, "n")) })
}
