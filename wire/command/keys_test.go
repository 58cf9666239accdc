package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKeys(t *testing.T) {
	table := usageTable(t)
	for _, test := range []struct {
		call, want string // index:access …
		bad        bool
	}{
		{call: "ping"},
		{call: "get k", want: "1:read"},
		{call: "hlen k", want: "1:test"},
		{call: "mset a 1 b 2 c 3", want: "1:overwrite 3:overwrite 5:overwrite"},
		{call: "mset a 1 b", want: "1:overwrite 3:overwrite"}, // the handler refuses it
		{call: "blpop a b 0", want: "1:read+delete 2:read+delete"},
		{call: "lmove a b left right", want: "1:read+delete 2:insert"},
		{call: "lcs a b idx", want: "1:read 2:read"},
		{call: "object encoding k", want: "2:test"},
		{call: "zunionstore d 2 a b", want: "1:overwrite 3:read 4:read"},
		{call: "zunionstore d 3 a b", want: "1:overwrite", bad: true},
		{call: "zunionstore d 0 a", want: "1:overwrite", bad: true},
		{call: "zunionstore d -1 a", want: "1:overwrite", bad: true},
		{call: "zunionstore d x a", want: "1:overwrite", bad: true},
		{call: "zunionstore d 99999999999999999999 a", want: "1:overwrite", bad: true},
		{call: "zunionstore d 4294967297 a", want: "1:overwrite", bad: true},
		{call: "zunionstore d 01 a", want: "1:overwrite", bad: true},
		{call: "eval s 0"},
		{call: "eval s 0 a"},
		{call: "eval s 2 a b c", want: "3:read+update 4:read+update"},
		{call: "eval s 2 a", bad: true},
		{call: "blmpop 0 2 a b left", want: "3:read+delete 4:read+delete"},
		{call: "xread count 1 streams a b 0 0", want: "4:read 5:read"},
		{call: "xread streams a b 0", want: "2:read"},
		{call: "xread count 1", bad: true},
		{call: "xread streams", bad: true},
		{call: "xreadgroup group streams c streams a >", want: "5:read"},
		{call: "bitop and d a b", want: "2:overwrite 3:read 4:read"},
		{call: "pfmerge d", want: "1:read+insert"},
		{call: "pfmerge d a b", want: "1:read+insert 2:read 3:read"},
		{call: "ssubscribe a b", want: "1:channel 2:channel"},
		{call: "sunsubscribe"},
		{call: "georadius k 1 2 3 m store a", want: "1:read 7:overwrite"},
		{call: "georadius k 1 2 3 m count 5 any storedist a", want: "1:read 10:overwrite"},
		{call: "sort k", want: "1:read"},
		{call: "sort k by nosort get # get y store d", want: "1:read 9:overwrite"},
		{call: "sort k by w_* get store get y* store d", want: "1:read 3:read+unknown 7:read+unknown 9:overwrite"},
		{call: "sort k by store limit 0 store alpha", want: "1:read"},
		{call: "sort k STORE", want: "1:read"},
		{call: "migrate h 1 k 0 0", want: "3:read+delete"},
		{call: `migrate h 1 "" 0 0 auth keys keys a b`, want: "9:read+delete 10:read+delete"},
	} {
		a := args(test.call)
		c := table.Resolve(a)
		require.NotNil(t, c, test.call)
		keys, ok := c.Keys(a, nil)
		var got []string
		for _, k := range keys {
			got = append(got, fmt.Sprintf("%d:%s", k.Index, k.Access.syntax()))
		}
		require.Equal(t, test.want, strings.Join(got, " "), test.call)
		require.Equal(t, !test.bad, ok, test.call)
		if i := c.OneKey(); i > 0 {
			require.Len(t, keys, 1, test.call)
			require.Equal(t, i, keys[0].Index, test.call)
		}
	}
}

func TestOneKey(t *testing.T) {
	table := usageTable(t)
	for call, want := range map[string]int{"get": 1, "set": 1, "object encoding": 2, "mset": 0, "lmove": 0,
		"sort": 0, "ssubscribe": 0, "publish": 0, "eval": 0, "ping": 0} {
		require.Equal(t, want, table.Resolve(args(call)).OneKey(), call)
	}
}

func TestGetKeys(t *testing.T) {
	table := usageTable(t)
	for _, test := range []struct{ call, want string }{
		{"get k", "k"},
		{"sort a by x* store d", "a d"},
		{"eval s 0", ""},
		{"foo", "ERR Invalid command specified"},
		{"object foo a", "ERR Invalid command specified"},
		{"ping", "ERR The command has no key arguments"},
		{"ssubscribe a", "ERR The command has no key arguments"},
		{"get", "ERR Invalid number of arguments specified for command"},
		{"zunion 3 a", "ERR Invalid arguments specified for command"},
		{"zunion -1 a", "ERR Invalid arguments specified for command"},
		{"xread count 3 a", "ERR Invalid arguments specified for command"},
	} {
		a := args(test.call)
		keys, err := table.GetKeys(a, nil)
		if err != nil {
			require.EqualError(t, err, test.want, test.call)
			continue
		}
		var got []string
		for _, k := range keys {
			got = append(got, string(a[k.Index]))
		}
		require.Equal(t, test.want, strings.Join(got, " "), test.call)
	}
}

// Whatever the arguments, keys are among them.
func TestKeysStayWithinBounds(t *testing.T) {
	table := usageTable(t)
	var all []*Command
	for c := range table.Every() {
		all = append(all, c)
	}
	words := []string{"", "a", "0", "1", "2", "-1", "999999999", "-9223372036854775808", "STREAMS", "streams",
		"STORE", "KEYS", "GET", "BY", "LIMIT", "*"}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(all).Draw(t, "command")
		var a [][]byte
		for _, w := range rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(t, "args") {
			a = append(a, []byte(w))
		}
		keys, _ := c.Keys(a, nil)
		for _, k := range keys {
			if k.Index <= 0 || k.Index >= len(a) {
				t.Fatalf("%s %q: key at %d", c.FullName(), a, k.Index)
			}
		}
	})
}

func TestAccessWords(t *testing.T) {
	for _, words := range []string{"read", "test", "update", "insert", "delete", "overwrite", "create", "remove",
		"rewrite", "channel", "read+update", "read+delete", "read+insert", "read+rewrite", "read+overwrite",
		"read+update+variable", "read+delete+incomplete", "read+unknown"} {
		a, err := ParseAccess(words)
		require.NoError(t, err)
		require.Equal(t, words, a.syntax())
	}
	for _, words := range []string{"", "write", "read+", "update+overwrite", "test+insert"} {
		_, err := ParseAccess(words)
		require.Error(t, err, words)
	}
	a, _ := ParseAccess("read+delete")
	require.True(t, a.Writes() && a.NeedsRead() && a.NeedsWrite())
	a, _ = ParseAccess("test")
	require.False(t, a.Writes() || a.NeedsRead() || a.NeedsWrite())
}

func BenchmarkKeys(b *testing.B) {
	table := usageTable(b)
	for _, call := range []string{"GET k", "MSET a 1 b 2", "ZUNIONSTORE d 2 a b", "XREAD COUNT 1 STREAMS a b 0 0",
		"SORT k BY x_* STORE d"} {
		b.Run(call, func(b *testing.B) {
			a := args(call)
			c := table.Resolve(a)
			var keys []Key
			b.ReportAllocs()
			for b.Loop() {
				keys, _ = c.Keys(a, keys[:0])
			}
		})
	}
}
