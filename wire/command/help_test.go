package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHelp(t *testing.T) {
	table, err := NewTable([]Command{{Name: "OBJECT", Sub: []Command{
		{Name: "HELP", Summary: "Returns help."},
		{Name: "KILL", Syntax: "ip:port | <ID client-id | SKIPME YES|NO> [<ID client-id | SKIPME YES|NO> ...]",
			Summary: strings.TrimSpace(strings.Repeat("word ", 20))},
		{Name: "SET", Syntax: "{key} [count [WITH]] ON|OFF", Summary: "Sets."},
		{Name: "X"},
	}}})
	require.NoError(t, err)
	require.Equal(t, strings.Split(`OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
KILL (<ip:port>|(ID <client-id>|SKIPME (YES|NO)) [(ID <client-id>|SKIPME (YES|NO)) ...])
    word word word word word word word word word word word word word word word
    word word word word word
SET <key> [<count> [WITH]] (ON|OFF)
    Sets.
X
HELP
    Prints this help.`, "\n"), table.Named("object").Help())
}
