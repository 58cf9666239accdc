// Command redstart serves a database in one file to Redis clients.
//
// Beside this file lies default.pgo, a profile by which go build chooses the
// calls to inline: it spares the server some 4 % of its time with pipelining. It
// need not fit the code to the line. After larger changes a new one is made by
//
//	go test ./wire -run - -bench Session -cpuprofile wire/cmd/redstart/default.pgo -o /dev/null
package main

import (
	"fmt"
	"io"
	"os"

	"redstart/wire"
)

// A subcommand is what redstart is told to do.
type subcommand struct {
	name, args, summary string
	help                string
	run                 func(c *subcommand, args []string, stdout, stderr io.Writer) int
}

// The statuses a process ends with.
const (
	statusOK      = 0
	statusFailed  = 1
	statusUsage   = 2
	statusDamaged = 3
)

var subcommands = []*subcommand{
	{name: "serve", args: "[FILE] [--name value ...]", summary: "serve a file, or memory, to Redis clients", help: serveHelp, run: serve},
	{name: "check", args: "FILE", summary: "tell what is in a file, and whether it is damaged", help: checkHelp, run: checkFile},
	{name: "recover", args: "FILE NEW", summary: "save what is whole in a damaged file", help: recoverHelp, run: recoverFile},
	{name: "info", args: "FILE [--json]", summary: "tell what is in a file in detail", help: infoHelp, run: infoFile},
	{name: "compact", args: "FILE", summary: "give back the free space of a file", help: compactHelp, run: compactFile},
	{name: "backup", args: "FILE NEW", summary: "copy a file, also while it is served", help: backupHelp, run: backupFile},
	{name: "version", summary: "print the version", help: versionHelp, run: version},
}

const versionHelp = `Prints which version of Redis the server answers as.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run does what args say and returns the status to exit with.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return statusUsage
	}
	name := args[0]
	switch name {
	case "help", "--help", "-help", "-h":
		return help(args[1:], stdout, stderr)
	case "--version", "-version", "-v":
		name = "version"
	case examineCommand:
		return examine(args[1:], stdout, stderr)
	}
	c := find(name)
	if c == nil {
		fmt.Fprintf(stderr, "redstart %s: unknown command\nRun 'redstart help' for usage.\n", name)
		return statusUsage
	}
	flags, _ := withFlags(args[1:])
	for _, a := range flags {
		if a == "--help" || a == "-help" || a == "-h" {
			c.describe(stdout)
			return statusOK
		}
	}
	return c.run(c, args[1:], stdout, stderr)
}

func find(name string) *subcommand {
	for _, c := range subcommands {
		if c.name == name {
			return c
		}
	}
	return nil
}

// help describes everything, or one command.
func help(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stdout)
		return statusOK
	}
	c := find(args[0])
	if c == nil || len(args) > 1 {
		fmt.Fprintf(stderr, "redstart help %s: unknown help topic. Run 'redstart help'.\n", args[0])
		return statusUsage
	}
	c.describe(stdout)
	return statusOK
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Redstart is Redis in one file.\n\nUsage:\n\n\tredstart <command> [arguments]\n\nThe commands are:\n\n")
	for _, c := range subcommands {
		fmt.Fprintf(w, "\t%-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\nUse 'redstart help <command>' for more about a command.\n")
}

func (c *subcommand) usageLine() string {
	if c.args == "" {
		return "usage: redstart " + c.name
	}
	return "usage: redstart " + c.name + " " + c.args
}

func (c *subcommand) describe(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n%s", c.usageLine(), c.help)
}

// misused tells what is wrong with the arguments.
func (c *subcommand) misused(w io.Writer, format string, args ...any) int {
	fmt.Fprintf(w, "redstart %s: %s\n%s\nRun 'redstart help %s' for details.\n",
		c.name, fmt.Sprintf(format, args...), c.usageLine(), c.name)
	return statusUsage
}

func version(c *subcommand, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		return c.misused(stderr, "unexpected argument %s", args[0])
	}
	fmt.Fprintf(stdout, "redstart, compatible with Redis %s\n", wire.RedisVersion)
	return statusOK
}
