// Package command says what a command is.
//
// A Command is one command of the server, declared as one struct literal: its
// name, its usage line, its flags and the handler that runs it. A Table holds
// the commands of a server; what it is made of is completed by what follows
// from the usage lines: arity, places of keys and what is done with them, ACL
// categories, the arguments that COMMAND DOCS describes, the text of HELP.
// Nothing about a command is written down twice.
//
// A usage line is parsed by ParseSyntax into a tree of Nodes. Keys stand in
// braces, with their Access where it is not the usual one for the command:
//
//	ZADD    {key} [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
//	LMOVE   {source:read+delete} {destination:insert} LEFT|RIGHT LEFT|RIGHT
//	ZUNION  numkeys {key} [{key} ...] [WEIGHTS weight [weight ...]] …
//	SORT    {key} [BY {pattern:read+unknown}] … [STORE {destination:overwrite}]
//
// From the tree, KeySpecs are derived, and from these the search for the Keys
// of a call, by which locks are taken and rights are checked.
//
// A Call is one execution: what the handler is given. A Walker makes up calls
// at random, for tests.
package command
