package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// args splits a line at spaces.
func args(line string) [][]byte {
	var list [][]byte
	for _, word := range strings.Split(line, " ") {
		if word == `""` {
			word = ""
		}
		list = append(list, []byte(word))
	}
	return list
}

func TestLookupFindsEveryNameInAnyCase(t *testing.T) {
	table := usageTable(t)
	for c := range table.Every() {
		lookup := table.Lookup
		if c.Parent() != nil {
			lookup = c.Parent().Subcommand
		}
		mixed := []byte(c.Name)
		for i := 0; i < len(mixed); i += 2 {
			mixed[i] = strings.ToLower(string(mixed[i]))[0]
		}
		for _, name := range []string{c.Name, strings.ToLower(c.Name), string(mixed)} {
			require.Same(t, c, lookup([]byte(name)), name)
		}
		for i := range c.Name { // a name that is wrong in one bit is another name
			for bit := range 8 {
				wrong := []byte(c.Name)
				wrong[i] ^= 1 << bit
				if got := lookup(wrong); got != nil {
					require.True(t, strings.EqualFold(got.Name, string(wrong)), "%q finds %s", wrong, got.Name)
				}
			}
		}
		require.Same(t, c, table.Named(c.FullName()))
	}
	for _, none := range []string{"", "g", "gett", "get\x00", "zrevrangebyscor", strings.Repeat("x", 1000)} {
		require.Nil(t, table.Lookup([]byte(none)), none)
	}
}

func TestLookupOfLongNames(t *testing.T) {
	long := "A.VERY.LONG-NAME_OF.A.MODULE" // its ends do not tell it from the other
	table, err := NewTable([]Command{{Name: long}, {Name: strings.Replace(long, "LONG", "LANG", 1)}})
	require.NoError(t, err)
	require.Equal(t, long, table.Lookup([]byte(strings.ToLower(long))).Name)
	require.Nil(t, table.Lookup([]byte(strings.Replace(long, "LONG", "LENG", 1))))
}

func TestFind(t *testing.T) {
	table := usageTable(t)
	for _, test := range []struct{ call, want string }{
		{"get k", "get"},
		{"GET", "ERR wrong number of arguments for 'get' command"},
		{"set k", "ERR wrong number of arguments for 'set' command"},
		{"Client SetName x", "client|setname"},
		{"client", "ERR wrong number of arguments for 'client' command"},
		{"client setname", "ERR wrong number of arguments for 'client|setname' command"},
		{"client x", "ERR unknown subcommand 'x'. Try CLIENT HELP."},
		{"client x\r\ny z", "ERR unknown subcommand 'x  y'. Try CLIENT HELP."},
		{"command", "command"},
		{"command count", "command|count"},
		{"foo a b", "ERR unknown command 'foo', with args beginning with: 'a' 'b' "},
		{"foo", "ERR unknown command 'foo', with args beginning with: "},
		{"foo\x00bar a\nb", "ERR unknown command 'foo', with args beginning with: 'a b' "},
		{"f " + strings.Repeat("y", 200) + " z",
			"ERR unknown command 'f', with args beginning with: '" + strings.Repeat("y", 128) + "' "},
		{"f " + strings.Repeat("y", 100) + " " + strings.Repeat("z", 50),
			"ERR unknown command 'f', with args beginning with: '" + strings.Repeat("y", 100) + "' '" + strings.Repeat("z", 25) + "' "},
		{strings.Repeat("x", 200), "ERR unknown command '" + strings.Repeat("x", 128) + "', with args beginning with: "},
	} {
		c, err := table.Find(args(test.call))
		if err != nil {
			require.EqualError(t, err, test.want)
			continue
		}
		require.Equal(t, test.want, c.FullName())
	}
}

func TestNewTableRefuses(t *testing.T) {
	for _, commands := range [][]Command{
		{{Name: "GET"}, {Name: "GET"}},
		{{Name: "get"}},
		{{Name: ""}},
		{{Name: "X", Syntax: "[a"}},
		{{Name: "X", Syntax: "[a] {key}"}},
		{{Name: "X", Sub: []Command{{Name: "A"}, {Name: "A"}}}},
		{{Name: "X", Sub: []Command{{Name: "A", Sub: []Command{{Name: "B"}}}}}},
	} {
		_, err := NewTable(commands)
		require.Error(t, err)
		t.Log(err)
	}
}

func TestNewTableLeavesTheDeclarationsAlone(t *testing.T) {
	commands := []Command{{Name: "X", Sub: []Command{{Name: "A", Syntax: "{key}", Flags: Read}}}}
	_, err := NewTable(commands)
	require.NoError(t, err)
	require.Equal(t, []Command{{Name: "X", Sub: []Command{{Name: "A", Syntax: "{key}", Flags: Read}}}}, commands)
}

func TestCallsDoNotAllocate(t *testing.T) {
	table := usageTable(t)
	var keys []Key
	for _, call := range []string{
		"set k v", "Client SetName x", "mset a 1 b 2", "zunionstore d 2 a b weights 1 2",
		"xread count 1 streams a b 0 0", "sort k by x_* limit 0 1 get y_* store d", "blpop a b 0",
	} {
		a := args(call)
		c, err := table.Find(a)
		require.NoError(t, err)
		keys, _ = c.Keys(a, keys[:0])
		require.Zero(t, testing.AllocsPerRun(100, func() {
			c, _ := table.Find(a)
			keys, _ = c.Keys(a, keys[:0])
		}), call)
	}
}

func BenchmarkLookup(b *testing.B) {
	table := usageTable(b)
	names := [][]byte{[]byte("GET"), []byte("set"), []byte("zadd"), []byte("LPUSH"), []byte("hincrby"),
		[]byte("SMEMBERS"), []byte("zrangebyscore"), []byte("expire")}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if table.Lookup(names[i&7]) == nil {
			b.Fatal("not found")
		}
		i++
	}
}

func BenchmarkFind(b *testing.B) {
	table := usageTable(b)
	for _, call := range []string{"SET k v", "client setname x"} {
		b.Run(call, func(b *testing.B) {
			a := args(call)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := table.Find(a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
