package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A tape is a Printer that writes what it is told as text, and checks that
// every aggregate gets as many parts as it announced.
type tape struct {
	strings.Builder
	open []int
}

func (p *tape) part(s string) {
	p.WriteString(s)
	for len(p.open) > 0 {
		last := len(p.open) - 1
		if p.open[last]--; p.open[last] > 0 {
			p.WriteByte(' ')
			return
		}
		p.open = p.open[:last]
		p.WriteByte(')')
	}
	p.WriteByte(' ')
}

func (p *tape) aggregate(kind string, n int) {
	if n == 0 {
		p.part(kind + "()")
		return
	}
	p.WriteString(kind + "(")
	p.open = append(p.open, n)
}

func (p *tape) Simple(s string)     { p.part("+" + s) }
func (p *tape) BulkString(s string) { p.part(s) }
func (p *tape) Int(n int64)         { p.part(fmt.Sprint(n)) }
func (p *tape) Array(n int)         { p.aggregate("", n) }
func (p *tape) Map(n int)           { p.aggregate("%", 2*n) }
func (p *tape) Set(n int)           { p.aggregate("~", n) }

func TestPrintInfo(t *testing.T) {
	table, err := NewTable([]Command{
		{Name: "ZMPOP", Group: "sorted-set", Syntax: "numkeys {key:read+delete} [{key} ...] MIN|MAX", Flags: Write, Tips: []string{"t"}},
		{Name: "C", Group: "server", Sub: []Command{{Name: "S", Group: "server", Syntax: "STREAMS {key} [{key} ...] id [id ...]", Flags: Read}}},
		{Name: "SORT", Group: "generic", ACL: ACLSet, Flags: Write, Syntax: "{key:read} [BY {pattern:read+unknown}]"},
	})
	require.NoError(t, err)
	for name, want := range map[string]string{
		"zmpop": "(zmpop -4 ~(+write +movablekeys) 0 0 0 ~(+@write +@sortedset +@slow) ~(t) " +
			"~(%(flags ~(+RW +access +delete) begin_search %(type index spec %(index 1)) " +
			"find_keys %(type keynum spec %(keynumidx 0 firstkey 1 keystep 1)))) ~())",
		"c": "(c -2 ~() 0 0 0 ~(+@slow) ~() ~() ~((c|s -5 ~(+readonly +movablekeys) 0 0 0 ~(+@read +@slow) ~() " +
			"~(%(flags ~(+RO +access) begin_search %(type keyword spec %(keyword STREAMS startfrom 2)) " +
			"find_keys %(type range spec %(lastkey -1 keystep 1 limit 2)))) ~())))",
		"sort": "(sort -2 ~(+write +movablekeys) 1 1 1 ~(+@write +@set +@slow) ~() " +
			"~(%(flags ~(+RO +access) begin_search %(type index spec %(index 1)) find_keys %(type range spec %(lastkey 0 keystep 1 limit 0))) " +
			"%(flags ~(+RO +access) begin_search %(type unknown spec %()) find_keys %(type unknown spec %()))) ~())",
	} {
		var p tape
		info := table.Named(name).Info()
		info.Print(&p)
		require.Equal(t, want, strings.TrimSpace(p.String()))
		require.Empty(t, p.open)
	}
}

func TestPrintDocs(t *testing.T) {
	table, err := NewTable([]Command{
		{Name: "SET", Summary: "Sets.", Since: "1.0.0", Group: "string", Complexity: "O(1)", Flags: Write,
			DeprecatedSince: "9.0.0", ReplacedBy: "PUT", History: []Change{{"2.0.0", "Better."}},
			Syntax: "{key} value [NX | EX seconds] [LIMIT offset count] [GET pattern [GET pattern ...]] [score member [score member ...]]"},
		{Name: "C", Sub: []Command{{Name: "S", Summary: "Does."}}},
	})
	require.NoError(t, err)
	for name, want := range map[string]string{
		"set": "set %(summary Sets. since 1.0.0 group string complexity O(1) doc_flags ~(+deprecated) " +
			"deprecated_since 9.0.0 replaced_by PUT history ~((2.0.0 Better.)) arguments (" +
			"%(name key type key display_text key key_spec_index 0) " +
			"%(name value type string display_text value) " +
			"%(name nx-seconds type oneof flags ~(+optional) arguments (" +
			"%(name nx type pure-token display_text nx token NX) " +
			"%(name seconds type integer display_text seconds token EX))) " +
			"%(name limit type block token LIMIT flags ~(+optional) arguments (" +
			"%(name offset type integer display_text offset) %(name count type integer display_text count))) " +
			"%(name pattern type pattern display_text pattern token GET flags ~(+optional +multiple +multiple_token)) " +
			"%(name score-member type block flags ~(+optional +multiple) arguments (" +
			"%(name score type double display_text score) %(name member type string display_text member)))))",
		"c": "c %(subcommands %(c|s %(summary Does.)))",
	} {
		var p tape
		docs := table.Named(name).Docs()
		docs.Print(&p)
		require.Equal(t, want, strings.TrimSpace(p.String()))
		require.Empty(t, p.open)
	}
}

func TestEveryCommandPrints(t *testing.T) {
	for c := range usageTable(t).Every() {
		var p tape
		info, docs := c.Info(), c.Docs()
		info.Print(&p)
		docs.Print(&p)
		require.Empty(t, p.open, c.FullName())
	}
}

// differentArgs are the commands whose arguments COMMAND DOCS of Redis 7.2
// describes otherwise, and why we do not.
var differentArgs = map[string]string{
	"client|kill":    "there, each of the alternatives is optional",
	"debug":          "not described there",
	"failover":       "there, TO stands for all that follows it; in COUNT count [ANY] it does not",
	"geosearch":      "there, BYRADIUS and BYBOX stand for their first argument only",
	"geosearchstore": "as geosearch",
	"replconf":       "not described there",
	"xtrim":          "there, all of the strategy is a group",
	"zincrby":        "there an integer, but any number will do",
	"zinter":         "there weights are integers, but any number will do",
	"zinterstore":    "as zinter",
	"zunion":         "as zinter",
	"zunionstore":    "as zinter",
}

// The arguments are those that Redis 7.2 describes in testdata/arguments.tsv, but
// for their names.
func TestArgumentsAreThoseOfRedis(t *testing.T) {
	want := readFacts(t, "testdata/arguments.tsv")
	for c := range usageTable(t).Every() {
		got := c.FullName() + "\t" + describeArgs(c.Docs().Args)
		if differentArgs[c.FullName()] != "" {
			require.NotEqual(t, want[c.FullName()], got)
			continue
		}
		require.Equal(t, want[c.FullName()], got, c.Syntax)
	}
}

// describeArgs writes args as testdata/arguments.tsv has them: type, =TOKEN,
// ? if optional, + if multiple, ++ if its token is too, #key specification.
func describeArgs(args []Arg) string {
	var parts []string
	for _, a := range args {
		s := a.Type
		if a.Token != "" {
			s += "=" + a.Token
		}
		for _, f := range a.Flags {
			s += map[string]string{"optional": "?", "multiple": "+", "multiple_token": "+"}[f]
		}
		if a.KeySpec >= 0 {
			s += fmt.Sprintf("#%d", a.KeySpec)
		}
		if len(a.Args) > 0 {
			s += "(" + describeArgs(a.Args) + ")"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}
