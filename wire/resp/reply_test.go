package resp

import (
	"bytes"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"github.com/stretchr/testify/require"
	oracle "github.com/tidwall/resp"
	"pgregory.net/rapid"
)

func bulk(s string) Value  { return Value{Type: Bulk, Str: s} }
func number(n int64) Value { return Value{Type: Int, Int: n} }

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Value
	}{
		{"+OK\r\n", Value{Type: Simple, Str: "OK"}},
		{"+\r\n", Value{Type: Simple}},
		{"-ERR no\r\n", Value{Type: Error, Str: "ERR no"}},
		{":-12\r\n", number(-12)},
		{"$0\r\n\r\n", bulk("")},
		{"$4\r\na\r\nb\r\n", bulk("a\r\nb")},
		{"$-1\r\n", Value{Type: Bulk, Null: true}},
		{"*-1\r\n", Value{Type: Array, Null: true}},
		{"*0\r\n", Value{Type: Array}},
		{"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", Value{Type: Array, Elems: []Value{number(1), {Type: Array, Elems: []Value{bulk("a")}}}}},
		{"_\r\n", Value{Type: Null, Null: true}},
		{"#t\r\n", Value{Type: Bool, Int: 1}},
		{"#f\r\n", Value{Type: Bool}},
		{",1.5\r\n", Value{Type: Double, Str: "1.5"}},
		{",-inf\r\n", Value{Type: Double, Str: "-inf"}},
		{"(-123456789012345678901234567890\r\n", Value{Type: BigNumber, Str: "-123456789012345678901234567890"}},
		{"!5\r\nERR a\r\n", Value{Type: BulkError, Str: "ERR a"}},
		{"=7\r\ntxt:abc\r\n", Value{Type: Verbatim, Format: "txt", Str: "abc"}},
		{"%1\r\n+k\r\n:1\r\n", Value{Type: Map, Elems: []Value{{Type: Simple, Str: "k"}, number(1)}}},
		{"~1\r\n:1\r\n", Value{Type: Set, Elems: []Value{number(1)}}},
		{">1\r\n:1\r\n", Value{Type: Push, Elems: []Value{number(1)}}},
		{"|1\r\n+k\r\n:1\r\n:2\r\n", Value{Type: Int, Int: 2, Attrs: []Value{{Type: Simple, Str: "k"}, number(1)}}},
	} {
		v, n, err := Decode([]byte(c.in + "+next\r\n"))
		require.NoError(t, err, "%q", c.in)
		require.Equal(t, len(c.in), n, "%q", c.in)
		require.Equal(t, c.want, v, "%q", c.in)
		require.Equal(t, c.in, string(v.Append(nil)))
		for cut := range c.in {
			_, _, err := Decode([]byte(c.in[:cut]))
			require.Equal(t, io.ErrUnexpectedEOF, err, "%q", c.in[:cut])
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, in := range []string{
		"\r\n", "\n", "+OK\n", "+O\rK\r\n", "+O\nK\r\n", "x\r\n", "PONG\r\n",
		":\r\n", ":+1\r\n", ":01\r\n", ":1.5\r\n", ":9223372036854775808\r\n",
		"$\r\n", "$-2\r\n", "$01\r\n", "$1x\r\n", "$1\r\nabc", "$1\r\na\n\r",
		"*-2\r\n", "*x\r\n", "%-1\r\n", "~-1\r\n", ">-1\r\n", "!-1\r\n", "=-1\r\n",
		"_x\r\n", "#\r\n", "#x\r\n", "#tt\r\n", ",\r\n", ",x\r\n", ",0x1p-2\r\n", ",1_0\r\n", ",infinity\r\n", ",1e999\r\n",
		"(\r\n", "(-\r\n", "(1.5\r\n", "(+1\r\n", "=3\r\ntxt\r\n", "=4\r\ntxt.\r\n",
		"*1\r\nx\r\n", "|x\r\n", "$?\r\n", "*?\r\n", ".\r\n",
	} {
		_, _, err := Decode([]byte(in))
		var protocol *ProtocolError
		require.ErrorAs(t, err, &protocol, "%q", in)
	}
}

func TestReaderLimits(t *testing.T) {
	read := func(in string, depth, size int) error {
		r := NewReader(strings.NewReader(in))
		r.MaxDepth, r.MaxSize = depth, size
		_, err := r.Read()
		return err
	}
	require.NoError(t, read(strings.Repeat("*1\r\n", 32)+":1\r\n", 0, 0))
	require.Equal(t, ErrLimit, read(strings.Repeat("*1\r\n", 33)+":1\r\n", 0, 0))
	require.Equal(t, ErrLimit, read(strings.Repeat("*1\r\n", 1e6), 0, 0))
	require.Equal(t, ErrLimit, read(strings.Repeat("|1\r\n", 1e6), 0, 0))
	require.NoError(t, read("*1\r\n:1\r\n", 1, 0))
	require.Equal(t, ErrLimit, read("*1\r\n*0\r\n", 1, 0))
	require.Equal(t, ErrLimit, read("$1000\r\n", 0, 1000))
	require.Equal(t, ErrLimit, read("+"+strings.Repeat("x", 1000)+"\r\n", 0, 1000))
	require.Equal(t, ErrLimit, read("+"+strings.Repeat("x", 10000), 0, 1000))
	require.Equal(t, ErrLimit, read("*100\r\n"+strings.Repeat("_\r\n", 100), 0, 5000))
	require.Equal(t, ErrLimit, read(strings.Repeat("|0\r\n", 1000)+":1\r\n", 0, 5000))
	require.Equal(t, ErrLimit, read("*9223372036854775807\r\n", 0, 0))
	require.Equal(t, ErrLimit, read("$9223372036854775807\r\n", 0, math.MaxInt))
	require.LessOrEqual(t, unsafe.Sizeof(Value{}), uintptr(valueSize)+16)
}

func TestReaderAllocatesNothingForClaims(t *testing.T) {
	for _, in := range []string{"*2147483647\r\n", "$1000000000\r\nabc", "%2147483647\r\n:1\r\n", "*1000000\r\n*1000000\r\n*1000000\r\n"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := NewReader(strings.NewReader(in)).Read()
		runtime.ReadMemStats(&after)
		require.Equal(t, io.ErrUnexpectedEOF, err, "%q", in)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<10), "%q", in)
	}
}

func TestReaderStream(t *testing.T) {
	var w Writer
	for i := range 3000 {
		w.Array(2)
		w.Int(int64(i))
		w.BulkString(strings.Repeat("x", i*7%5000))
	}
	for name, src := range map[string]io.Reader{
		"at once": bytes.NewReader(w.Bytes()),
		"halves":  iotest.HalfReader(bytes.NewReader(w.Bytes())),
		"dataerr": iotest.DataErrReader(bytes.NewReader(w.Bytes())),
	} {
		r := NewReader(src)
		for i := range 3000 {
			v, err := r.Read()
			require.NoError(t, err, name)
			require.Equal(t, int64(i), v.Elems[0].Int)
			require.Len(t, v.Elems[1].Str, i*7%5000)
		}
		for range 2 {
			_, err := r.Read()
			require.Equal(t, io.EOF, err)
		}
		require.LessOrEqual(t, cap(r.buf), 16<<10)
	}
}

func TestReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader("+OK\r\n$5\r\nab"), iotest.ErrReader(broken)))
	_, err := r.Read()
	require.NoError(t, err)
	for range 2 {
		_, err = r.Read()
		require.Equal(t, broken, err)
	}
}

func TestValueErrAndFloat(t *testing.T) {
	v, _, err := Decode([]byte("-WRONGTYPE no\r\n"))
	require.NoError(t, err)
	require.EqualError(t, v.Err(), "WRONGTYPE no")
	require.NoError(t, bulk("x").Err())
	for v, want := range map[string]float64{",1.5\r\n": 1.5, "$2\r\n-3\r\n": -3, ":7\r\n": 7, ",inf\r\n": math.Inf(1)} {
		v, _, err := Decode([]byte(v))
		require.NoError(t, err)
		f, err := v.Float()
		require.NoError(t, err)
		require.Equal(t, want, f)
	}
	_, err = bulk("x").Float()
	require.Error(t, err)
	require.Equal(t, "_\r\n", string(Value{}.Append(nil)))
	require.Equal(t, "(nil)", Value{}.String())
}

// values draws replies; with resp3, of all types.
func values(resp3 bool) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value { return drawValue(t, resp3, 3) })
}

func drawValue(t *rapid.T, resp3 bool, depth int) Value {
	kinds := []Type{Simple, Error, Int, Bulk}
	if resp3 {
		kinds = append(kinds, Null, Bool, Double, Verbatim)
	}
	if depth > 0 {
		kinds = append(kinds, Array, Array)
		if resp3 {
			kinds = append(kinds, Map, Set)
		}
	}
	line := rapid.StringMatching(`[a-zA-Z0-9 '"\\-]{0,12}`)
	v := Value{Type: rapid.SampledFrom(kinds).Draw(t, "type")}
	switch v.Type {
	case Simple, Error:
		v.Str = line.Draw(t, "line")
	case Int:
		v.Int = rapid.Int64().Draw(t, "int")
	case Bool:
		v.Int = rapid.Int64Range(0, 1).Draw(t, "bool")
	case Null:
		v.Null = true
	case Bulk:
		v.Str = string(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
	case Verbatim:
		v.Format, v.Str = "txt", line.Draw(t, "text")
	case Double:
		v.Str = string(appendDouble(nil, rapid.Float64Range(-1e30, 1e30).Draw(t, "double")))
	default:
		n := rapid.IntRange(0, 12).Draw(t, "elements")
		if v.Type == Map {
			n *= 2
		}
		for range n {
			v.Elems = append(v.Elems, drawValue(t, resp3, depth-1))
		}
	}
	return v
}

func TestDecodeIsTheReverseOfAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(true).Draw(t, "value")
		enc := v.Append(nil)
		got, n, err := Decode(enc)
		require.NoError(t, err)
		require.Equal(t, len(enc), n)
		require.Equal(t, v, got)
		got, err = NewReader(iotest.OneByteReader(bytes.NewReader(enc))).Read()
		require.NoError(t, err)
		require.Equal(t, v, got)
	})
}

// tidwall/resp knows RESP2 only, and was written by others: what it reads from
// our bytes is evidence.
func TestRESP2AsOthersReadIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(false).Draw(t, "value")
		got, n, err := oracle.NewReader(bytes.NewReader(v.Append(nil))).ReadValue()
		require.NoError(t, err)
		require.Equal(t, len(v.Append(nil)), n)
		sameAsOracle(t, got, v)
		again, err := got.MarshalRESP()
		require.NoError(t, err)
		back, _, err := Decode(again)
		require.NoError(t, err)
		require.Equal(t, v, back)
	})
}

func sameAsOracle(t *rapid.T, want oracle.Value, v Value) {
	require.Equal(t, byte(want.Type()), byte(v.Type))
	switch v.Type {
	case Int:
		require.Equal(t, int64(want.Integer()), v.Int)
	case Array:
		require.Len(t, v.Elems, len(want.Array()))
		for i, elem := range want.Array() {
			sameAsOracle(t, elem, v.Elems[i])
		}
	default:
		require.Equal(t, want.String(), v.Str)
	}
}

func TestCommandsAsOthersReadThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOfN(rapid.String(), 1, 20).Draw(t, "args")
		var w Writer
		w.Command(args...)
		got, inline, n, err := oracle.NewReader(bytes.NewReader(w.Bytes())).ReadMultiBulk()
		require.NoError(t, err)
		require.False(t, inline)
		require.Equal(t, w.Len(), n)
		for i, arg := range got.Array() {
			require.Equal(t, args[i], arg.String())
		}
		theirs, err := got.MarshalRESP()
		require.NoError(t, err)
		var p Parser
		require.Equal(t, outcome{commands: [][]string{args}}, parse(&p, theirs))
	})
}
