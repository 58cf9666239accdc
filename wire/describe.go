package wire

import (
	"slices"
	"strings"

	"redstart/store"
	"redstart/wire/command"
)

const describeFlags = command.Loading | command.Stale

var anyOrder = []string{"nondeterministic_output_order"}

var commandCommand = command.Command{
	Name:    "COMMAND",
	Summary: "Describes all commands.",
	Since:   "2.8.13", Complexity: "O(N) where N is the total number of Redis commands",
	Flags: describeFlags, Run: commandAll, Arity: -1,
	ACL: command.ACLConnection, Tips: anyOrder,
	Sub: []command.Command{
		{
			Name:    "COUNT",
			Summary: "Returns the number of commands.",
			Since:   "2.8.13", Complexity: "O(1)",
			Flags: describeFlags, Run: commandCount, ACL: command.ACLConnection,
		},
		{
			Name: "DOCS", Syntax: "[command-name [command-name ...]]",
			Summary: "Returns documentation of commands.",
			Since:   "7.0.0", Complexity: "O(N) where N is the number of commands to look up",
			Flags: describeFlags, Run: commandDocs, ACL: command.ACLConnection, Tips: anyOrder,
		},
		{
			Name: "GETKEYS", Syntax: "command [arg [arg ...]]",
			Summary: "Returns the keys in a call.",
			Since:   "2.8.13", Complexity: "O(N) where N is the number of arguments to the command",
			Flags: describeFlags, Run: commandGetKeys, ACL: command.ACLConnection,
		},
		{
			Name: "GETKEYSANDFLAGS", Syntax: "command [arg [arg ...]]",
			Summary: "Returns the keys in a call and what is done with them.",
			Since:   "7.0.0", Complexity: "O(N) where N is the number of arguments to the command",
			Flags: describeFlags, Run: commandGetKeysAndFlags, ACL: command.ACLConnection,
		},
		{
			Name:    "HELP",
			Summary: "Describes the sub-commands.",
			Since:   "5.0.0", Complexity: "O(1)",
			Flags: describeFlags, Run: help, ACL: command.ACLConnection,
		},
		{
			Name: "INFO", Syntax: "[command-name [command-name ...]]",
			Summary: "Describes some commands, or all.",
			Since:   "2.8.13", Complexity: "O(N) where N is the number of commands to look up",
			Flags: describeFlags, Run: commandInfo, ACL: command.ACLConnection, Tips: anyOrder,
			History: []command.Change{{Since: "7.0.0", What: "Allowed to be called with no argument to get info on all commands."}},
		},
		{
			Name: "LIST", Syntax: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
			Summary: "Lists the names of commands.",
			Since:   "7.0.0", Complexity: "O(N) where N is the total number of Redis commands",
			Flags: describeFlags, Run: commandList, ACL: command.ACLConnection, Tips: anyOrder,
		},
	},
}

func commandAll(c *command.Call) error {
	table := c.Peer.(*session).srv.table
	c.Reply.Array(table.Len())
	for cmd := range table.All() {
		info := cmd.Info()
		info.Print(c.Reply)
	}
	return nil
}

func commandInfo(c *command.Call) error {
	if !c.More() {
		return commandAll(c)
	}
	table := c.Peer.(*session).srv.table
	c.Reply.Array(c.Left())
	for c.More() {
		cmd := table.Named(c.Text())
		if cmd == nil {
			c.Reply.Null()
			continue
		}
		info := cmd.Info()
		info.Print(c.Reply)
	}
	return nil
}

func commandDocs(c *command.Call) error {
	table := c.Peer.(*session).srv.table
	cmds := slices.Collect(table.All())
	if c.More() {
		cmds = nil
		for c.More() {
			if cmd := table.Named(c.Text()); cmd != nil {
				cmds = append(cmds, cmd)
			}
		}
	}
	c.Reply.Map(len(cmds))
	for _, cmd := range cmds {
		docs := cmd.Docs()
		docs.Print(c.Reply)
	}
	return nil
}

func commandCount(c *command.Call) error {
	c.Reply.Int(int64(c.Peer.(*session).srv.table.Len()))
	return nil
}

func commandList(c *command.Call) error {
	keep := func(*command.Command) bool { return true }
	if c.More() && !(c.Left() == 3 && c.Option("FILTERBY")) {
		return command.ErrSyntax
	}
	switch {
	case !c.More():
	case c.Option("MODULE"): // there are none
		c.Bytes()
		keep = func(*command.Command) bool { return false }
	case c.Option("ACLCAT"):
		category, ok := command.Category(strings.ToLower(c.Text()))
		keep = func(cmd *command.Command) bool { return ok && cmd.ACL&category != 0 }
	case c.Option("PATTERN"):
		pattern := c.Text()
		keep = func(cmd *command.Command) bool { return store.MatchFold(pattern, cmd.FullName()) }
	}
	if err := c.Done(); err != nil {
		return err
	}
	var names []string
	for cmd := range c.Peer.(*session).srv.table.Every() {
		if keep(cmd) {
			names = append(names, cmd.FullName())
		}
	}
	c.Reply.Array(len(names))
	for _, name := range names {
		c.Reply.BulkString(name)
	}
	return nil
}

func commandGetKeys(c *command.Call) error {
	args := c.Rest()
	keys, err := c.Peer.(*session).srv.table.GetKeys(args, nil)
	if err != nil {
		return err
	}
	c.Reply.Array(len(keys))
	for _, k := range keys {
		c.Reply.Bulk(args[k.Index])
	}
	return nil
}

func commandGetKeysAndFlags(c *command.Call) error {
	args := c.Rest()
	keys, err := c.Peer.(*session).srv.table.GetKeys(args, nil)
	if err != nil {
		return err
	}
	c.Reply.Array(len(keys))
	for _, k := range keys {
		c.Reply.Array(2)
		c.Reply.Bulk(args[k.Index])
		flags := k.Access.Names()
		c.Reply.Set(len(flags))
		for _, f := range flags {
			c.Reply.Simple(f)
		}
	}
	return nil
}
