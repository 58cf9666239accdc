package resp

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSplitLine(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"", []string{}},
		{" \t\r\n\v\f ", []string{}},
		{"a", []string{"a"}},
		{"  set  k\tv\rw ", []string{"set", "k", "v", "w"}},
		{"a\vb \va\fb", []string{"a\vb", "a\fb"}},
		{`"" ''`, []string{"", ""}},
		{`"a b" 'c d'`, []string{"a b", "c d"}},
		{`a"b c" d'e f'`, []string{"ab c", "de f"}},
		{`"\n\r\t\b\a\\\"\q\x41\xfF\x4\xg"`, []string{"\n\r\t\b\a\\\"qA\xffx4xg"}},
		{`'\n\'\\ '`, []string{`\n'\\ `}},
		{`"a'b" 'a"b'`, []string{"a'b", `a"b`}},
		{"\"a\"\vb", []string{"a", "b"}},
		{`\x41 \"a"`, []string{`\x41`, `\a`}},
		{"a\x00b \"\x00\"", []string{"a\x00b", "\x00"}},
		{"\xff \x80", []string{"\xff", "\x80"}},
	} {
		got, err := SplitLine([]byte(c.line))
		require.NoError(t, err, "%q", c.line)
		require.Equal(t, c.want, copies(got), "%q", c.line)
	}
	for _, line := range []string{`"`, `'`, `"a`, `'a`, `"a"b`, `'a'b`, `""""`, `a"b"c`, `"a\`, `'a\`, `"a\"`, `'a\'`, `x "\x4`, `"a'`} {
		_, err := SplitLine([]byte(line))
		require.EqualError(t, err, "Protocol error: unbalanced quotes in request", "%q", line)
	}
}

func TestSplitLineReadsWhatIsPrinted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "words")
		got, err := SplitLine(quoteAll(words))
		require.NoError(t, err)
		require.Equal(t, copies(words), copies(got))
	})
}

func quoteAll(words [][]byte) []byte {
	var line []byte
	for _, word := range words {
		line = append(appendQuoted(line, string(word)), ' ')
	}
	return line
}
