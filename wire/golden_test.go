package wire_test

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/wire"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// groups are the groups of commands that we have completely.
var groups = []string{"string", "list", "hash", "set", "sorted-set", "generic", "transactions", "pubsub", "connection"}

// Differences between our table and that of Redis, by command, each with its
// reason. One that is not listed fails, and so does a listed one that is none.
var (
	// absent are the commands of these groups that we leave out.
	absent = map[string]string{
		"sort":           "of a later issue",
		"sort_ro":        "of a later issue",
		"lcs":            "of a later issue",
		"dump":           "of a later issue",
		"restore":        "of a later issue",
		"restore-asking": "for clusters",
		"migrate":        "of a later issue",
		"object|freq":    "of a later issue: no LFU",
	}
	// different are those of which COMMAND tells something else than that of Redis 7.2.
	different = map[string]string{}
	// newer are those that redis-server 7.0 lacks.
	newer = map[string]string{
		"client|no-touch": "of 7.2",
		"client|setinfo":  "of 7.2",
		"waitaof":         "of 7.2",
	}
	// changed are those of which 7.0 tells something else than 7.2.
	changed = map[string]string{
		"blmove":                  "no longer noscript: scripts do not block",
		"blpop":                   "no longer noscript",
		"brpop":                   "no longer noscript",
		"brpoplpush":              "no longer noscript",
		"bzpopmax":                "no longer noscript",
		"bzpopmin":                "no longer noscript",
		"client|setname":          "tips",
		"command|getkeys":         "arity -3",
		"command|getkeysandflags": "arity -3",
		"config|resetstat":        "tips",
		"config|rewrite":          "tips",
		"latency|reset":           "tips",
		"msetnx":                  "tips",
		"randomkey":               "tips",
		"scan":                    "tips",
		"wait":                    "no longer noscript",
		"zrank":                   "WITHSCORE",
		"zrevrank":                "WITHSCORE",
	}
	// otherDocs are those of which COMMAND DOCS of 7.0 tells something else.
	otherDocs = map[string]string{
		"setnx":        "deprecated, says 7.2",
		"setex":        "deprecated, says 7.2",
		"psetex":       "deprecated, says 7.2",
		"quit":         "deprecated, says 7.2",
		"zrank":        "WITHSCORE is of 7.2",
		"zrevrank":     "WITHSCORE is of 7.2",
		"hscan":        "7.0 ends the complexity with two full stops",
		"sscan":        "7.0 ends the complexity with two full stops",
		"zscan":        "7.0 ends the complexity with two full stops",
		"zrandmember":  "7.2 speaks of members",
		"unsubscribe":  "7.2 has another complexity",
		"psubscribe":   "7.2 has another complexity, and no block of one",
		"punsubscribe": "7.2 has another complexity",
		"sunsubscribe": "7.2 has another complexity",
		"client|kill":  "7.2 has YES and NO after SKIPME, and nothing optional",
		"client|list":  "7.2 has no block of one",
		"client|pause": "since 3.0.0, says 7.2",
		"config|get":   "7.2 has no block of one",

		"command|getkeys":         "7.2 describes the arguments",
		"command|getkeysandflags": "7.2 describes the arguments",
		"zincrby":                 "an increment is a double, not an integer",
		"zinter":                  "weights are doubles, not integers",
		"zinterstore":             "weights are doubles, not integers",
		"zunion":                  "weights are doubles, not integers",
		"zunionstore":             "weights are doubles, not integers",
	}
)

func ourTable(t *testing.T) *command.Table {
	t.Helper()
	table, err := command.NewTable(wire.Commands())
	require.NoError(t, err)
	return table
}

// What COMMAND tells of our commands is what that of Redis 7.2 tells.
func TestTableIsThatOfRedis(t *testing.T) {
	f, err := os.Open("command/testdata/redis-7.2.tsv")
	require.NoError(t, err)
	defer f.Close()
	want := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		name, _, _ := strings.Cut(s.Text(), "\t")
		want[name] = s.Text()
	}
	used := map[string]bool{}
	for c := range ourTable(t).Every() {
		name := c.FullName()
		line, ok := want[name]
		got := c.Info().String()
		switch {
		case !ok:
			t.Errorf("%s is not a command of Redis 7.2", name)
		case absent[name] != "":
			t.Errorf("%s is listed as absent (%s), but here it is", name, absent[name])
		case different[name] != "":
			used[name] = true
			require.NotEqual(t, line, got, "%s is listed as different, but is not", name)
		case line != got:
			t.Errorf("%s %s\n got %s\nwant %s", name, c.Syntax, got, line)
		}
	}
	for name := range different {
		require.True(t, used[name], "%s is listed as different, but we do not have it", name)
	}
}

// We have every command of our groups, but for those listed.
func TestNoCommandIsMissing(t *testing.T) {
	f, err := os.Open("command/testdata/usage.tsv")
	require.NoError(t, err)
	defer f.Close()
	table := ourTable(t)
	for s := bufio.NewScanner(f); s.Scan(); {
		field := strings.Split(s.Text(), "\t")
		name, group := strings.ToLower(field[0]), field[1]
		if !slices.Contains(groups, group) || absent[name] != "" {
			continue
		}
		c := table.Named(name)
		if c == nil {
			t.Errorf("%s of the group %s is missing", name, group)
			continue
		}
		require.Equal(t, group, c.Group, name)
	}
	for name, why := range absent {
		require.Nil(t, table.Named(name), "%s is listed as absent: %s", name, why)
	}
}

// COMMAND of a running redis-server tells the same of our commands.
func TestTableIsThatOfARunningServer(t *testing.T) {
	redis := startRedis(t)
	if redis == nil {
		t.Skip("there is no redis-server to compare with")
	}
	live := map[string]string{}
	for _, c := range newClient(t, redis).do(t, "COMMAND").Elems {
		readInfo(live, c)
	}
	for c := range ourTable(t).Every() {
		name := c.FullName()
		got, want := c.Info().String(), live[name]
		switch {
		case newer[name] != "":
			require.Empty(t, want, "%s is listed as newer than 7.0", name)
		case changed[name] != "" || different[name] != "":
			require.NotEqual(t, want, got, "%s is listed as different, but is not", name)
		case got != want:
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
}

// readInfo notes a command of COMMAND's reply, and its sub-commands, in the
// form of command.Info.
func readInfo(facts map[string]string, v resp.Value) {
	f := v.Elems
	var cats, specs []string
	for _, c := range f[6].Elems {
		cats = append(cats, strings.TrimPrefix(c.Str, "@"))
	}
	for _, s := range f[8].Elems {
		specs = append(specs, readSpec(s))
	}
	facts[f[0].Str] = fmt.Sprintf("%s\t%d\t%s\t%d %d %d\t%s\t%s\t%s", f[0].Str, f[1].Int,
		joined(f[2]), f[3].Int, f[4].Int, f[5].Int, strings.Join(cats, ","),
		joined(f[7]), strings.Join(specs, "; "))
	for _, sub := range f[9].Elems {
		readInfo(facts, sub)
	}
}

func readSpec(v resp.Value) string {
	spec := pairs(v)
	var parts []string
	for _, name := range []string{"begin_search", "find_keys"} {
		search := pairs(spec[name])
		part := search["type"].Str
		for i, value := range search["spec"].Elems {
			if i%2 == 1 {
				part += " " + scalar(value)
			}
		}
		parts = append(parts, part)
	}
	return joined(spec["flags"]) + ": " + strings.Join(parts, ", ")
}

func scalar(v resp.Value) string {
	if v.Type == resp.Int {
		return fmt.Sprint(v.Int)
	}
	return v.Str
}

// pairs returns the elements of a map, by name.
func pairs(v resp.Value) map[string]resp.Value {
	m := map[string]resp.Value{}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		m[v.Elems[i].Str] = v.Elems[i+1]
	}
	return m
}

func joined(v resp.Value) string {
	var words []string
	for _, w := range v.Elems {
		words = append(words, w.Str)
	}
	return strings.Join(words, ",")
}

// COMMAND DOCS of a running redis-server tells the same of our commands, but for
// the summaries, which are in our own words, and the names of arguments that
// only clients' documentation shows.
func TestDocsAreThoseOfARunningServer(t *testing.T) {
	redis := startRedis(t)
	if redis == nil {
		t.Skip("there is no redis-server to compare with")
	}
	live := map[string]string{}
	readDocs(live, newClient(t, redis).do(t, "COMMAND", "DOCS"))
	for c := range ourTable(t).Every() {
		if c.Container() {
			continue // what containers say of themselves is no fact
		}
		name, got := c.FullName(), describe(c.Docs())
		switch {
		case newer[name] != "":
		case otherDocs[name] != "":
			require.NotEqual(t, live[name], got, "%s is listed as different, but is not", name)
		case got != live[name]:
			t.Errorf("%s\n got %s\nwant %s", name, got, live[name])
		}
	}
}

// describe prints what we say of a command, without the summary.
func describe(d command.Docs) string {
	text := fmt.Sprintf("since %s, %s, %s, %q", d.Since, d.Group, d.Complexity, d.DeprecatedSince)
	return text + describeArgs(d.Args)
}

func describeArgs(args []command.Arg) string {
	var b strings.Builder
	for _, a := range args {
		flags := slices.Sorted(slices.Values(a.Flags))
		fmt.Fprintf(&b, " <%s %q %d %v%s>", a.Type, a.Token, a.KeySpec, flags, describeArgs(a.Args))
	}
	return b.String()
}

// readDocs notes the documentation of commands and of their sub-commands, in
// the form of describe.
func readDocs(docs map[string]string, v resp.Value) {
	for name, d := range pairs(v) {
		facts := pairs(d)
		readDocs(docs, facts["subcommands"])
		docs[name] = fmt.Sprintf("since %s, %s, %s, %q", facts["since"].Str, facts["group"].Str,
			facts["complexity"].Str, facts["deprecated_since"].Str) + readArgs(facts["arguments"])
	}
}

func readArgs(v resp.Value) string {
	var b strings.Builder
	for _, elem := range v.Elems {
		a := pairs(elem)
		spec := int64(-1)
		if s, ok := a["key_spec_index"]; ok {
			spec = s.Int
		}
		flags := []string{}
		for _, f := range a["flags"].Elems {
			flags = append(flags, f.Str)
		}
		slices.Sort(flags)
		fmt.Fprintf(&b, " <%s %q %d %v%s>", a["type"].Str, a["token"].Str, spec, flags, readArgs(a["arguments"]))
	}
	return b.String()
}
