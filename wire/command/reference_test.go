package command

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The usage lines of testdata/usage.tsv are those of the manual of Redis 7.2:
// name, group, flags, ACL override, arity override, tips, syntax.
// testdata/redis-7.2.tsv holds what that server's COMMAND tells of the same
// commands, in the form of Info.String.

// differences are the facts on which we differ from Redis 7.2 on purpose.
var differences = map[string]string{}

func TestDerivedFactsAreThoseOfRedis(t *testing.T) {
	table := usageTable(t)
	want := readFacts(t, "testdata/redis-7.2.tsv")
	seen := 0
	for c := range table.Every() {
		fact, ok := want[c.FullName()]
		if !ok {
			t.Errorf("%s: not a command of Redis 7.2", c.FullName())
			continue
		}
		seen++
		got := c.Info().String()
		if reason := differences[c.FullName()]; reason != "" {
			require.NotEqual(t, fact, got, "no longer different: %s", reason)
			continue
		}
		if got != fact {
			t.Errorf("%s %s\n got %s\nwant %s", c.FullName(), c.Syntax, got, fact)
		}
	}
	require.Equal(t, len(want), seen)
}

// usageTable makes a table of the commands in testdata/usage.tsv.
func usageTable(t testing.TB) *Table {
	t.Helper()
	var commands []Command
	for _, line := range readLines(t, "testdata/usage.tsv") {
		f := strings.Split(line, "\t")
		require.Len(t, f, 7, line)
		c := Command{Name: f[0], Group: f[1], Flags: parseFlags(t, f[2]), Syntax: f[6]}
		if f[3] != "" {
			for _, name := range strings.Fields(f[3]) {
				cat, ok := Category(name)
				if name == "None" {
					cat, ok = ACLNone, true
				}
				require.True(t, ok, line)
				c.ACL |= cat
			}
		}
		if f[4] != "" {
			n, err := strconv.Atoi(f[4])
			require.NoError(t, err)
			c.Arity = n
		}
		if f[5] != "" {
			c.Tips = strings.Split(f[5], ",")
		}
		c.FindKeys = map[string]func([][]byte, []Key) ([]Key, bool){"SET": SetKeys, "BITFIELD": BitfieldKeys}[c.Name]
		if container, sub, ok := strings.Cut(c.Name, "|"); ok {
			c.Name = sub
			last := &commands[len(commands)-1]
			require.Equal(t, container, last.Name)
			last.Sub = append(last.Sub, c)
			continue
		}
		commands = append(commands, c)
	}
	table, err := NewTable(commands)
	require.NoError(t, err)
	return table
}

// parseFlags parses the names of the constants.
func parseFlags(t testing.TB, names string) Flags {
	consts := map[string]Flags{
		"Write": Write, "Read": Read, "DenyOOM": DenyOOM, "Admin": Admin, "PubSub": PubSub,
		"NoScript": NoScript, "Blocking": Blocking, "Loading": Loading, "Stale": Stale,
		"SkipMonitor": SkipMonitor, "SkipSlowlog": SkipSlowlog, "Asking": Asking, "Fast": Fast,
		"NoAuth": NoAuth, "MayReplicate": MayReplicate, "NoMandatoryKeys": NoMandatoryKeys,
		"Protected": Protected, "NoAsyncLoading": NoAsyncLoading, "NoMulti": NoMulti,
		"AllowBusy": AllowBusy, "System": System,
	}
	var flags Flags
	for _, name := range strings.Fields(names) {
		f, ok := consts[name]
		require.True(t, ok, name)
		flags |= f
	}
	return flags
}

func readFacts(t testing.TB, path string) map[string]string {
	t.Helper()
	facts := map[string]string{}
	for _, line := range readLines(t, path) {
		name, _, _ := strings.Cut(line, "\t")
		facts[name] = line
	}
	return facts
}

func readLines(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return lines
}
