package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"redstart/persist"
	"redstart/types"
)

const checkHelp = `Reads everything in the database FILE, which must not be open elsewhere, and
tells what it holds. The status is 0 if it is whole. If not, every damage is
listed with its place, and the status is 1. The file is never written to.

All keys are in memory meanwhile, as when the file is served.
`

const recoverHelp = `Writes the file NEW, which must not exist, with everything that is whole in the
database FILE: the undamaged parts of the snapshot, and the journal up to its
first damaged record. What is lost is listed. The status is 0 if NEW was written,
even if something is lost.

FILE must not be open elsewhere and is never written to. All keys are in memory
meanwhile, as when the file is served.
`

// checkFile is the command "check".
func checkFile(c *subcommand, args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		return c.misused(stderr, "which FILE?")
	}
	sum, err := persist.Check(args[0], line(stdout))
	switch {
	case err == nil:
		fmt.Fprintf(stdout, "%s is whole: %s\n", args[0], contents(sum))
		return statusOK
	case errors.Is(err, persist.ErrCorrupt):
		err = fmt.Errorf("%w; `redstart recover %s NEW` saves what is whole: %s", err, args[0], contents(sum))
	}
	fmt.Fprintln(stderr, "redstart:", err)
	return statusFailed
}

// recoverFile is the command "recover".
func recoverFile(c *subcommand, args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 {
		return c.misused(stderr, "which FILE, and what is the NEW one called?")
	}
	sum, err := persist.Recover(args[0], args[1], line(stdout))
	if err != nil {
		fmt.Fprintln(stderr, "redstart:", err)
		return statusFailed
	}
	damage := "which is whole"
	if sum.Damage > 0 {
		damage = fmt.Sprintf("which is damaged in %s", count(sum.Damage, "place"))
	}
	fmt.Fprintf(stdout, "%s holds what is whole in %s, %s: %s\n", args[1], args[0], damage, contents(sum))
	return statusOK
}

// line returns a function that writes lines.
func line(w io.Writer) func(string) {
	return func(text string) { fmt.Fprintln(w, text) }
}

// contents tells what is in a file.
func contents(sum persist.Summary) string {
	text := keys(sum.Keys) + ", " + count(sum.Transactions, "transaction") + " in the journal"
	for _, db := range slices.Sorted(maps.Keys(sum.Databases)) {
		var kinds []string
		for _, kind := range slices.SortedFunc(maps.Keys(sum.Databases[db]), cmp.Compare[types.Kind]) {
			kinds = append(kinds, count(sum.Databases[db][kind], kind.String()))
		}
		text += fmt.Sprintf("\n\tdatabase %d: %s", db, strings.Join(kinds, ", "))
	}
	return text
}
