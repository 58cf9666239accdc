package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The answers are those of redis-server's KEYS.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"abcd", "abc", false},
		{"ABC", "abc", false},
		{"*", "", true},
		{"*", "anything", true},
		{"**", "a", true},
		{"**", "", true}, // where Redis says no, unlike for one star
		{"a*", "a", true},
		{"a**", "a", true},
		{"*a", "bca", true},
		{"*a", "bcab", false},
		{"a*c*e", "abcde", true},
		{"a*c*e", "abcdef", false},
		{"*ab*", "xaabx", true},
		{"?", "", false},
		{"?", "a", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*?", "a", true},
		{"?*?", "a", false},
		{"?", "\x00", true},
		{"[abc]", "b", true},
		{"[abc]", "d", false},
		{"[abc]", "", false},
		{"[^abc]", "d", true},
		{"[^abc]", "a", false},
		{"[!a]", "b", false}, // ! is a byte like others
		{"[!a]", "!", true},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[c-a]", "b", true}, // either end may come first
		{"[a-]", "-", false}, // a range to the bracket, and the class is open
		{"[a-]", "_", true},
		{"[-a]", "-", true},
		{"[]", "]", false}, // empty
		{"[]a]", "]", false},
		{"[^]", "a", true},
		{"[abc", "c", true}, // open: ends with the pattern
		{"[abc", "d", false},
		{"[", "[", false},
		{"[^", "a", true},
		{`[\]]`, "]", true},
		{`[\-x]`, "-", true},
		{`[a\-c]`, "b", false},
		{`[\`, `\`, true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`\a`, "a", true},
		{`a\`, `a\`, true},
		{`a\`, "a", false},
		{`h\[llo`, "h[llo", true},
		{"*[a-c]*[0-9]", "xxbyy7", true},
		{"a[b]*", "ab", true},
		{"été*", "étésien", true},
		{"?", "é", false}, // bytes, not runes
	} {
		require.Equal(t, c.want, Match(c.pattern, c.s), "%q, %q", c.pattern, c.s)
	}
}

func TestMatchFold(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"MaxMemory*", "maxmemory-policy", true},
		{"[a-c]", "B", true},
		{"[A-C]", "b", true},
		{"[XYZ]", "y", true},
		{`\A`, "a", true},
		{"É", "é", false}, // ASCII only
	} {
		require.Equal(t, c.want, MatchFold(c.pattern, c.s), "%q, %q", c.pattern, c.s)
	}
}

// Patterns that a matcher which tries everything would not finish in a lifetime.
func TestMatchIsNotExponential(t *testing.T) {
	s := strings.Repeat("a", 10_000)
	require.False(t, Match(strings.Repeat("a*", 500)+"b", s))
	require.False(t, Match(strings.Repeat("*", 1<<20)+"b", s))
	require.False(t, Match(strings.Repeat("*[a-z]", 300), s[:100]))
	require.True(t, Match(strings.Repeat("*?", 5000), s))
}

// FuzzMatch compares with a matcher that follows the definition, and matches
// what is much longer, which must not take much longer.
func FuzzMatch(f *testing.F) {
	for _, p := range []string{"*a*b", "[^a-c]*", `\*?[\]x`, "a*a*a*b", "[", "[]", "**"} {
		f.Add(p, "aabac]x", false)
		f.Add(p, "*zA", true)
	}
	f.Fuzz(func(t *testing.T, pattern, s string, fold bool) {
		if len(pattern) > 64 || len(s) > 64 {
			t.Skip("the slow matcher it is compared with takes too long")
		}
		m := slowMatch{pattern, s, fold, map[[2]int]bool{}}
		if got := match(pattern, s, fold); got != m.match(0, 0) {
			t.Fatalf("%q, %q, fold %v: %v", pattern, s, fold, got)
		}
		match(strings.Repeat(pattern, 20), strings.Repeat(s, 20), fold)
	})
}

// A slowMatch matches by the definition, and remembers where it failed.
type slowMatch struct {
	p, s   string
	fold   bool
	failed map[[2]int]bool
}

func (m *slowMatch) match(i, j int) (ok bool) {
	at := [2]int{i, j}
	if m.failed[at] {
		return false
	}
	defer func() { m.failed[at] = !ok }()
	switch {
	case i == len(m.p):
		return j == len(m.s)
	case m.p[i] == '*':
		return m.match(i+1, j) || j < len(m.s) && m.match(i, j+1)
	case j == len(m.s):
		return false
	}
	n, ok := matchOne(m.p[i:], m.s[j], m.fold)
	return ok && m.match(i+n, j+1)
}

func BenchmarkMatch(b *testing.B) {
	for _, p := range []string{"user:*", "*:profile", "user:[0-9]*:p*"} {
		b.Run(fmt.Sprintf("%q", p), func(b *testing.B) {
			for b.Loop() {
				Match(p, "user:1234567:profile")
			}
		})
	}
}
