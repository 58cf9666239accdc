package wire_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/wire"
	"redstart/wire/command"
)

const (
	readme        = "../README.md"
	commandsBegin = "<!-- commands: begin -->\n"
	commandsEnd   = "<!-- commands: end -->\n"
)

// TestReadmeListsCommands fails when the list of commands in README.md is not
// that of the table; with -update it writes the list.
func TestReadmeListsCommands(t *testing.T) {
	b, err := os.ReadFile(readme)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(b), commandsBegin)
	require.True(t, ok, "no line %q", commandsBegin)
	list, after, ok := strings.Cut(rest, commandsEnd)
	require.True(t, ok, "no line %q", commandsEnd)
	want := commandList(t)
	if *update {
		require.NoError(t, os.WriteFile(readme, []byte(before+commandsBegin+want+commandsEnd+after), 0o644))
		return
	}
	require.Equal(t, want, list, "write it with go test ./wire -run TestReadme -update")
}

// commandList returns the commands as Markdown, a paragraph for each group.
func commandList(t *testing.T) string {
	table, err := command.NewTable(wire.Commands())
	require.NoError(t, err)
	byGroup := map[string][]string{}
	var order []string
	for c := range table.Every() {
		if c.Container() || c.Name == "HELP" {
			continue
		}
		if !slices.Contains(order, c.Group) {
			order = append(order, c.Group)
		}
		name := strings.ToUpper(strings.ReplaceAll(c.FullName(), "|", " "))
		byGroup[c.Group] = append(byGroup[c.Group], name)
	}
	var b strings.Builder
	for _, g := range order {
		slices.Sort(byGroup[g])
		line := fmt.Sprintf("\n**%s** (%d):", g, len(byGroup[g]))
		for i, name := range byGroup[g] {
			name = " `" + name + "`"
			if i < len(byGroup[g])-1 {
				name += ","
			}
			if len(line)+len(name) > 100 {
				b.WriteString(line + "\n")
				line = name[1:]
				continue
			}
			line += name
		}
		b.WriteString(line + "\n")
	}
	return b.String() + "\n"
}
