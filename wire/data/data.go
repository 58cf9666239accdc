// Package data has the commands that work on data: one file per family, its
// table of declarations first, its handlers after. A handler knows its
// arguments, a transaction of the store and the reply, and nothing of
// connections, MULTI, locks or the disk.
package data

import (
	"slices"

	"redstart/types"
	"redstart/wire/command"
)

// Names used in every table and handler.
type (
	// Command is a declaration.
	Command = command.Command
	// Call is what a handler is given.
	Call = command.Call
)

// The flags of declarations.
const (
	Write           = command.Write
	Read            = command.Read
	DenyOOM         = command.DenyOOM
	Admin           = command.Admin
	NoScript        = command.NoScript
	Blocking        = command.Blocking
	Loading         = command.Loading
	Stale           = command.Stale
	Fast            = command.Fast
	Keyspace        = command.Keyspace
	Survey          = command.Survey
	NoMandatoryKeys = command.NoMandatoryKeys
)

// Commands returns the declarations of all families.
func Commands() []Command {
	return slices.Concat(
		family("string", stringCommands),
		family("list", listCommands),
		family("hash", hashCommands),
		family("set", setCommands),
		family("sorted-set", zsetCommands),
		family("generic", genericCommands),
		family("server", databaseCommands),
	)
}

// clone is types.Clone for a value whose type is known.
func clone[V types.Value](v V) V { return types.Clone(v).(V) }

// family returns cmds with their group filled in.
func family(name string, cmds []Command) []Command {
	cmds = slices.Clone(cmds)
	for i := range cmds {
		cmds[i].Group = name
		cmds[i].Sub = family(name, cmds[i].Sub)
	}
	return cmds
}
