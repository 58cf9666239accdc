package resp

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// FuzzParser: no input breaks a Parser, and how it is cut changes nothing.
func FuzzParser(f *testing.F) {
	for _, c := range requests {
		if len(c.input) < 1000 {
			f.Add([]byte(c.input), uint8(1), false)
		}
	}
	for _, c := range strangers {
		if len(c.input) < 1000 {
			f.Add([]byte(c.input), uint8(3), true)
		}
	}
	f.Add([]byte(setCommand+setCommand), uint8(50), false)
	f.Add([]byte("*2\r\n$100\r\n"+strings.Repeat("a", 100)+"\r\n$0\r\n\r\n"), uint8(9), false)
	f.Fuzz(func(t *testing.T, input []byte, size uint8, unauthenticated bool) {
		p := &Parser{Unauthenticated: unauthenticated, MaxBulk: 1000}
		want := parse(p, input)
		var pieces []int
		for range len(input)/int(size|1) + 1 {
			pieces = append(pieces, int(size|1))
		}
		p = &Parser{Unauthenticated: unauthenticated, MaxBulk: 1000}
		require.Equal(t, want, parse(p, input, pieces...))
		if want.err == "" { // well-formed: what is read can be written, and read again
			var w Writer
			for _, args := range want.commands {
				w.Command(args...)
			}
			back := parse(&Parser{MaxBulk: maxLine}, w.Bytes())
			require.Equal(t, outcome{commands: want.commands}, back)
		}
	})
}

// FuzzSplitLine: no line breaks the splitter, and quoting its words gives them
// back.
func FuzzSplitLine(f *testing.F) {
	for _, c := range requests {
		if line, _, ok := strings.Cut(c.input, "\n"); ok && len(line) < 1000 {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		words, err := SplitLine(line)
		if err != nil {
			return
		}
		again, err := SplitLine(quoteAll(words))
		require.NoError(t, err)
		require.Equal(t, copies(words), copies(again))
	})
}

// FuzzReader: no bytes break a Reader, how they come changes nothing, and what
// it reads is what it writes.
func FuzzReader(f *testing.F) {
	for _, c := range prints {
		f.Add([]byte(c.reply))
	}
	f.Add([]byte("|1\r\n+k\r\n:1\r\n*1\r\n!3\r\nERR\r\n"))
	f.Add([]byte("*1\r\n(-12345678901234567890\r\n"))
	f.Add([]byte("*2147483647\r\n$1000000000\r\n"))
	f.Add([]byte(strings.Repeat("*1\r\n", 40)))
	f.Fuzz(func(t *testing.T, input []byte) {
		v, n, err := Decode(input)
		stream, streamErr := NewReader(iotest.OneByteReader(bytes.NewReader(input))).Read()
		if err != nil {
			if len(input) > 0 {
				require.Equal(t, err, streamErr)
			} else {
				require.Equal(t, io.EOF, streamErr)
			}
			return
		}
		require.NoError(t, streamErr)
		require.Equal(t, v, stream)
		_ = v.String()
		enc := v.Append(nil)
		back, size, err := Decode(enc)
		require.NoError(t, err)
		require.Equal(t, len(enc), size)
		require.Equal(t, v, back)
		require.LessOrEqual(t, size, n, "the encoding is the shortest")
	})
}
