package resp

import (
	"bytes"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// outcome is all there is to say about how a Parser took a stream.
type outcome struct {
	commands [][]string // an empty command is an empty slice
	rest     int        // bytes not consumed
	err      string
}

// parse reads input as a connection would that receives it in pieces of the
// given sizes, and all that is left at once. Each time the buffer is a new
// one, and the old one is overwritten, so that nothing can depend on it.
func parse(p *Parser, input []byte, pieces ...int) outcome {
	var o outcome
	buf := []byte{}
	for len(input) > 0 {
		n := len(input)
		if len(pieces) > 0 {
			n, pieces = min(max(pieces[0], 1), n), pieces[1:]
		}
		next := append(append([]byte{}, buf...), input[:n]...)
		for i := range buf {
			buf[i] = '#'
		}
		buf, input = next, input[n:]
		for len(buf) > 0 {
			args, n, err := p.Next(buf)
			if broken := p.check(); broken != nil {
				panic(broken)
			}
			if err != nil {
				o.rest, o.err = -1, err.Error()
				return o
			}
			if n == 0 {
				break
			}
			o.commands = append(o.commands, copies(args))
			buf = buf[n:]
		}
	}
	o.rest = len(buf)
	return o
}

func copies(args [][]byte) []string {
	c := make([]string, len(args))
	for i, arg := range args {
		c[i] = string(arg)
	}
	return c
}

func ones(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

func TestParserArgumentsArePartsOfTheBuffer(t *testing.T) {
	var p Parser
	buf := []byte("*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\nrest")
	args, n, err := p.Next(buf)
	require.NoError(t, err)
	require.Equal(t, len(buf)-4, n)
	require.Equal(t, []string{"ECHO", "abc"}, copies(args))
	buf[n-3] = 'X'
	require.Equal(t, "abX", string(args[1]))
	require.Equal(t, 3, cap(args[1]), "an append must not run into the next argument")
}

func TestParserPipeline(t *testing.T) {
	input := []byte("PING\r\n*1\r\n$4\r\nPING\r\n*0\r\n\r\n*-1\r\nset \"a b\" 'c'\n*12\r\n" + strings.Repeat("$1\r\nx\r\n", 12))
	want := [][]string{{"PING"}, {"PING"}, {}, {}, {}, {"set", "a b", "c"}, strings.Split(strings.Repeat("x", 12), "")}
	var p Parser
	require.Equal(t, outcome{commands: want}, parse(&p, input))
	require.Equal(t, outcome{commands: want}, parse(&p, input, ones(len(input))...))
}

func TestParserNeed(t *testing.T) {
	var p Parser
	require.Zero(t, p.Need())
	for _, c := range []struct {
		input string
		need  int
	}{
		{"*", 2},
		{"*2", 3},
		{"*2\r\n$4", 7},
		{"*2\r\n$4\r\n", 14},
		{"*2\r\n$4\r\nECHO\r\n", 15},
		{"*2\r\n$4\r\nECHO\r\n$100000\r\nab", 14 + 9 + 100002},
	} {
		_, n, err := p.Next([]byte(c.input))
		require.NoError(t, err)
		require.Zero(t, n)
		require.Equal(t, c.need, p.Need(), "%q", c.input)
	}
	p.Reset()
	require.Zero(t, p.Need())

	p = Parser{MaxBulk: math.MaxInt}
	_, n, err := p.Next([]byte("*1\r\n$9223372036854775807\r\n"))
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, math.MaxInt, p.Need())
}

func TestParserErrorIsLatched(t *testing.T) {
	var p Parser
	_, _, err := p.Next([]byte("*x\r\n"))
	require.EqualError(t, err, "Protocol error: invalid multibulk length")
	_, _, again := p.Next([]byte("*1\r\n$4\r\nPING\r\n"))
	require.Equal(t, err, again)
	p.Reset()
	_, n, err := p.Next([]byte("*1\r\n$4\r\nPING\r\n"))
	require.NoError(t, err)
	require.Equal(t, 14, n)
}

func TestParserMaxBulk(t *testing.T) {
	for _, form := range []string{"*2\r\n$4\r\nECHO\r\n$%\r\n", "*2\r\n$4\r\nECHO\r\n$%\r\n" + strings.Repeat("x", 101) + "\r\n"} {
		p := Parser{MaxBulk: 100}
		o := parse(&p, []byte(strings.Replace(form, "%", "101", 1)))
		require.Equal(t, "Protocol error: invalid bulk length", o.err)
	}
}

// A declared length must cost nothing: what is allocated follows what came.
func TestParserAllocatesNothingForClaims(t *testing.T) {
	for _, input := range []string{
		"*2147483647\r\n",
		"*2147483647\r\n$536870912\r\n",
		"*1\r\n$536870912\r\nabc",
		"*99\r\n$536870912\r\nabc",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var p Parser
		_, n, err := p.Next([]byte(input))
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<10), "%q", input)
	}
}

func TestParserGivesBackLargeRooms(t *testing.T) {
	var p Parser
	large := []byte("*5000\r\n" + strings.Repeat("$1\r\nx\r\n", 5000))
	small := []byte("*1\r\n$4\r\nPING\r\n")
	require.Len(t, parse(&p, large, 1000).commands[0], 5000)
	parse(&p, small, 6)
	parse(&p, small)
	require.LessOrEqual(t, cap(p.args), keepArgs)
	require.LessOrEqual(t, cap(p.lens), keepArgs)
	parse(&p, []byte("echo \""+strings.Repeat("x", 20000)+"\"\r\n"))
	parse(&p, []byte("PING\r\n"))
	require.LessOrEqual(t, cap(p.text), keepText)
}

func TestParserDoesNotAllocate(t *testing.T) {
	var p Parser
	set := []byte(setCommand)
	inline := []byte("set \"my key\" value\r\n")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, buf := range [][]byte{set, inline} {
			if _, n, err := p.Next(buf); n != len(buf) || err != nil {
				t.Fatal(n, err)
			}
		}
		if _, n, err := p.Next(set[:20]); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if _, n, err := p.Next(set); n != len(set) || err != nil {
			t.Fatal(n, err)
		}
	}))
}

// fragment draws bytes that look like a part of a stream, right or wrong.
func fragment() *rapid.Generator[[]byte] {
	word := rapid.SliceOfN(rapid.Byte(), 0, 40)
	command := rapid.Custom(func(t *rapid.T) []byte {
		var w Writer
		words := rapid.SliceOfN(word, 0, 14).Draw(t, "words")
		w.Array(len(words))
		for _, b := range words {
			w.Bulk(b)
		}
		return w.Bytes()
	})
	damaged := rapid.Custom(func(t *rapid.T) []byte {
		b := bytes.Clone(command.Draw(t, "command"))
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("\r\n$*-0123456789% \x00")).Draw(t, "byte")
		return b
	})
	inline := rapid.Custom(func(t *rapid.T) []byte {
		return []byte(rapid.StringOfN(rapid.SampledFrom([]rune("ab \t\"'\\xn0\v\r\x00")), 0, 30, -1).Draw(t, "line") + "\n")
	})
	return rapid.OneOf(command, command, damaged, inline)
}

func TestParserInPiecesEqualsAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		input := bytes.Join(rapid.SliceOfN(fragment(), 1, 5).Draw(t, "input"), nil)
		limited := rapid.Bool().Draw(t, "unauthenticated")
		pieces := rapid.SliceOfN(rapid.IntRange(1, 30), 0, 60).Draw(t, "pieces")
		new := func() *Parser { return &Parser{Unauthenticated: limited, MaxBulk: 30} }
		want := parse(new(), input, ones(len(input))...)
		require.Equal(t, want, parse(new(), input, pieces...))
		require.Equal(t, want, parse(new(), input))
	})
}

// An argument that is given apart is an argument like others, whatever place it
// has and however the rest comes.
func TestParserApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringN(-1, -1, 40), 2, 12).Draw(t, "words")
		place := rapid.IntRange(0, len(words)-1).Draw(t, "place")
		words[place] = strings.Repeat("large", rapid.IntRange(10, 20).Draw(t, "size"))
		var whole, head, rest Writer
		whole.Command(words...)
		head.Array(len(words))
		for _, w := range words[:place] {
			head.BulkString(w)
		}
		head.Raw([]byte("$" + strconv.Itoa(len(words[place])) + "\r\n"))
		for _, w := range words[place+1:] {
			rest.BulkString(w)
		}

		var p Parser
		buf := head.Bytes()
		cut := rapid.IntRange(0, len(buf)).Draw(t, "cut")
		for _, piece := range [][]byte{buf[:cut], buf} {
			_, n, err := p.Next(piece)
			require.NoError(t, err)
			require.Zero(t, n)
		}
		at, size := p.Within()
		require.Equal(t, []int{len(buf), len(words[place])}, []int{at, size})
		require.True(t, p.MayApart())
		p.Apart([]byte(words[place] + "\r\n"))
		require.NoError(t, p.check())
		require.False(t, p.MayApart())
		buf = append(bytes.Clone(buf), rest.Bytes()...)
		if cut := rapid.IntRange(at, len(buf)).Draw(t, "second cut"); cut < len(buf) {
			_, n, err := p.Next(buf[:cut])
			require.NoError(t, err)
			require.Zero(t, n)
			require.NoError(t, p.check())
		}
		args, n, err := p.Next(append(buf, "*1\r\n$4\r\nPING\r\n"...))
		require.NoError(t, err)
		require.Equal(t, len(buf), n)
		require.Equal(t, words, copies(args))
		require.Equal(t, outcome{commands: [][]string{words}}, parse(&p, whole.Bytes()))
	})
}

func TestParserApartWithoutLineEnd(t *testing.T) {
	var p Parser
	_, _, err := p.Next([]byte("*2\r\n$4\r\nECHO\r\n$3\r\n"))
	require.NoError(t, err)
	p.Apart([]byte("abcde"))
	_, _, err = p.Next([]byte("*2\r\n$4\r\nECHO\r\n$3\r\n"))
	require.EqualError(t, err, "Protocol error: invalid CRLF in request")
}

func TestParserReadsWhatWriterWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		commands := rapid.SliceOfN(rapid.SliceOfN(rapid.StringN(-1, -1, 200), 1, 150), 1, 4).Draw(t, "commands")
		var w Writer
		for _, args := range commands {
			w.Command(args...)
		}
		pieces := rapid.SliceOfN(rapid.IntRange(1, 300), 0, 60).Draw(t, "pieces")
		var p Parser
		require.Equal(t, outcome{commands: commands}, parse(&p, w.Bytes(), pieces...))
	})
}

func TestParseInt(t *testing.T) {
	for _, s := range []string{"0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808", "-9223372036854775807"} {
		n, ok := parseInt([]byte(s))
		require.True(t, ok, s)
		require.Equal(t, s, strconv.FormatInt(n, 10))
	}
	for _, s := range []string{"", "-", "-0", "00", "01", "-01", "+1", " 1", "1 ", "1x", "x", "9223372036854775808",
		"-9223372036854775809", "18446744073709551616", "99999999999999999999", "1\x00"} {
		_, ok := parseInt([]byte(s))
		require.False(t, ok, s)
	}
}
