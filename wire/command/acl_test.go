package command

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCategories(t *testing.T) {
	for _, test := range []struct {
		command Command
		want    []string
	}{
		{Command{Group: "string", Flags: Write}, []string{"write", "string", "slow"}},
		{Command{Group: "sorted-set", Flags: Read | Fast}, []string{"read", "sortedset", "fast"}},
		{Command{Group: "server", Flags: Admin}, []string{"admin", "slow", "dangerous"}},
		{Command{Group: "list", Flags: Write | Blocking}, []string{"write", "list", "slow", "blocking"}},
		{Command{Group: "scripting", Flags: Read}, []string{"slow", "scripting"}},
		{Command{Group: "generic", ACL: ACLConnection}, []string{"slow", "connection"}},
		{Command{Group: "generic", ACL: ACLNone}, []string{"slow"}},
		{Command{Group: "generic", Sub: []Command{{}}}, []string{"slow"}}, // a container
		{Command{Group: "generic", Run: func(*Call) error { return nil }, Sub: []Command{{}}}, []string{"keyspace", "slow"}},
	} {
		require.Equal(t, test.want, categories(&test.command).Names(), test.command)
	}
}

func TestCategory(t *testing.T) {
	for _, name := range CategoryNames() {
		c, ok := Category(name)
		require.True(t, ok)
		require.Equal(t, []string{name}, c.Names())
	}
	c, ok := Category("SortedSet")
	require.True(t, ok)
	require.Equal(t, ACLSortedSet, c)
	_, ok = Category("all")
	require.False(t, ok)
}
