package command

import "strings"

// A Command is one command of the server, declared as one struct literal. What
// clients, the dispatcher, ACL rules and tests need to know about it is derived
// from Syntax and Flags when a Table is made of it; the fields under
// "Overrides" are for the few commands whose usage line does not tell all.
//
// The commands of a Table are copies of those declared, completed: see the
// fields that say so. They are not written to after NewTable.
type Command struct {
	// Name is the command's name in capitals, SET, or for a sub-command the
	// second word alone: SETNAME.
	Name string
	// Syntax is the usage line after the name, as ParseSyntax describes it.
	Syntax string
	// Summary says in a sentence what the command does.
	Summary string
	// Group is the manual's chapter, string or sorted-set.
	Group string
	// Since is the version of Redis that introduced the command.
	Since string
	// Complexity is the cost, as COMMAND DOCS gives it.
	Complexity string
	// Flags say how the dispatcher treats the command. In a Table MovableKeys
	// is set where it applies.
	Flags Flags
	// Run executes the command. It is nil for a container that only holds
	// sub-commands.
	Run func(*Call) error
	// Sub are the sub-commands of a container. A HELP among them answers
	// Command.Help of its container.
	Sub []Command

	// Overrides; all optional.

	// Arity is the number of arguments with the command's name (and the
	// sub-command's), negated if it is only the least number. Zero: derived
	// from Syntax. In a Table it is never zero.
	Arity int
	// ACL replaces the category that Group implies; those implied by Flags are
	// always added. In a Table it holds them all.
	ACL Categories
	// Tips are hints for clients and proxies, nondeterministic_output.
	Tips []string
	// DeprecatedSince and ReplacedBy are set for deprecated commands.
	DeprecatedSince, ReplacedBy string
	// History lists what later versions changed.
	History []Change
	// Specs replaces the key specifications derived from Syntax. In a Table
	// it holds those in force.
	Specs []KeySpec
	// FindKeys replaces the search for keys that follows from Specs, for
	// commands where it takes more than Specs can say. Its contract is that
	// of Command.Keys.
	FindKeys func(args [][]byte, keys []Key) (found []Key, ok bool)

	// Set by NewTable.
	full   string   // set, or client|setname
	parent *Command // the container of a sub-command
	tree   *Node
	keys   finder
	subs   index
}

// A Change is one entry of a command's history.
type Change struct {
	Since string // the version that brought it
	What  string
}

// FullName returns the name that errors, ACL rules and COMMAND use: set, or
// client|setname for a sub-command. It is known for the commands of a Table.
func (c *Command) FullName() string { return c.full }

// Parent returns the container of a sub-command, nil for other commands.
func (c *Command) Parent() *Command { return c.parent }

// Tree returns the parsed Syntax of a command of a Table.
func (c *Command) Tree() *Node { return c.tree }

// Container reports whether the command is only a holder of sub-commands and
// does nothing by itself.
func (c *Command) Container() bool { return len(c.Sub) > 0 && c.Run == nil }

// words returns how many words name the command: 1, or 2 for a sub-command.
func (c *Command) words() int {
	if c.parent != nil {
		return 2
	}
	return 1
}

// AritySuits reports whether n arguments, the name included, are a number the
// command accepts.
func (c *Command) AritySuits(n int) bool {
	if c.Arity >= 0 {
		return n == c.Arity
	}
	return n >= -c.Arity
}

// Flags are properties of a command that decide how it is dispatched.
type Flags uint32

// The flags, in the order in which COMMAND lists them. Those that COMMAND does
// not show say so.
const (
	Write           Flags = 1 << iota // may change data
	Read                              // reads data, never changes it
	DenyOOM                           // refused when memory is short
	Admin                             // for the administrator
	PubSub                            // works on channels
	NoScript                          // not from scripts
	Blocking                          // may wait
	Loading                           // allowed while data is being loaded
	Stale                             // allowed on a replica that lost its master
	SkipMonitor                       // not shown by MONITOR
	SkipSlowlog                       // never in the slow log
	Asking                            // may touch a slot that is being imported
	Fast                              // O(1) or O(log n)
	NoAuth                            // allowed before authentication
	MayReplicate                      // may write although not Write; not shown
	NoMandatoryKeys                   // takes keys, but may be called with none
	Protected                         // off unless enabled in the configuration; not shown
	NoAsyncLoading                    // not while replacing data in the background
	NoMulti                           // not inside MULTI
	AllowBusy                         // allowed while a script is running
	MovableKeys                       // first, last and step do not say all about its keys; derived
	System                            // internal to servers: a syscmd in COMMAND DOCS; not shown
	Keyspace                          // works on whole databases, so it needs every lock; not shown
	Survey                            // reads all keys, so in a large database those of a snapshot; not shown
)

// flagNames has the words of COMMAND, by bit; flags without one are not shown.
var flagNames = [...]string{
	"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking",
	"loading", "stale", "skip_monitor", "skip_slowlog", "asking", "fast",
	"no_auth", "", "no_mandatory_keys", "", "no_async_loading", "no_multi",
	"allow_busy", "movablekeys",
}

// Names returns the flags that COMMAND shows, in its order and its words.
func (f Flags) Names() []string {
	names := []string{}
	for i, name := range flagNames {
		if f&(1<<i) != 0 && name != "" {
			names = append(names, name)
		}
	}
	return names
}

// String returns the names joined by commas.
func (f Flags) String() string { return strings.Join(f.Names(), ",") }
