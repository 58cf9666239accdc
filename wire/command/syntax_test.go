package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSyntax(t *testing.T) {
	for _, test := range []struct {
		line, want  string // want: the line again, in full
		least, most int
	}{
		{"", "", 0, 0},
		{"a", "a", 1, 1},
		{"{key}", "{key}", 1, 1},
		{"{key} [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
			"{key} [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]", 3, -1},
		{"{d:overwrite} numkeys {key} [{key} ...] [WEIGHTS weight [weight ...]]",
			"{d:overwrite} numkeys {key} [{key} ...] [WEIGHTS weight [weight ...]]", 3, -1},
		{"{s:read+delete} {d:insert} LEFT|RIGHT LEFT|RIGHT", "{s:read+delete} {d:insert} <LEFT | RIGHT> <LEFT | RIGHT>", 4, 4},
		{"host port | NO ONE", "host port | NO ONE", 2, 2},
		{"[a ...]", "[a [a ...]]", 0, -1},
		{"[a [a ...]]", "[a [a ...]]", 0, -1},
		{"[GET pattern [GET pattern ...]]", "[GET pattern [GET pattern ...]]", 0, -1},
		{`{key}|"" x`, `<{key} | ""> x`, 2, 2},
		{"a:integer count:string", "a:integer count:string", 2, 2},
		{"ip:port", "ip:port", 1, 1},
		{"{k:insert} v [{k} v ...]", "{k:insert} v [{k:insert} v ...]", 2, -1},
		{"<a | b c>|D [<a | b c>|D ...]", "<<a | b c> | D> [<<a | b c> | D> ...]", 1, -1},
		{"[count [WITHVALUES]]", "[count [WITHVALUES]]", 0, 2},
		{"a a [a ...]", "a a [a ...]", 2, -1},
	} {
		n, err := ParseSyntax(test.line)
		require.NoError(t, err)
		require.Equal(t, test.want, n.String())
		least, most := n.Length()
		require.Equal(t, [2]int{test.least, test.most}, [2]int{least, most}, test.line)
	}
}

func TestParseSyntaxRefuses(t *testing.T) {
	for _, line := range []string{
		"[a", "a]", "<a", "a>", "[]", "<>", "a |", "| a", "a|", "a ...", "...", "[...]", "[a ... b]",
		"{}", "{a", "{a b}", "{a:b}", "a{b}", "[a ... | b]", "<a ...>", "a|[b]", "a|\t", strings.Repeat("[", 100),
		strings.Repeat("<", 1e6),
	} {
		_, err := ParseSyntax(line)
		require.Error(t, err, line)
	}
}

func TestUsageLinesParseBack(t *testing.T) {
	for c := range usageTable(t).Every() {
		again, err := ParseSyntax(c.Tree().String())
		require.NoError(t, err)
		require.Equal(t, c.Tree(), again, c.Syntax)
	}
}

func FuzzParseSyntax(f *testing.F) {
	for c := range usageTable(f).Every() {
		f.Add(c.Syntax)
	}
	f.Add("<a | b c>|D [<a | b c>|D ...]")
	f.Fuzz(func(t *testing.T, line string) {
		n, err := ParseSyntax(line)
		if err != nil {
			return
		}
		again, err := ParseSyntax(n.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", line, n.String(), err)
		}
		require.Equal(t, n.String(), again.String(), line)
		n.Usage()
		c := Command{Name: "X", Syntax: line}
		if table, err := NewTable([]Command{c}); err == nil {
			x := table.Lookup([]byte("x"))
			x.Docs()
			x.Info()
			x.Help()
		}
	})
}
