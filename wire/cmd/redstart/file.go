package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"redstart/persist"
	"redstart/types"
)

const checkHelp = `Reads everything in the database FILE, which must not be open elsewhere, and
tells what it holds. If it is damaged, every damage is listed with its place. The
file is never written to.

All keys are in memory meanwhile, as when the file is served. It is another
process that reads them, so that nothing in the file can do harm.

	--timeout D   give up when nothing has happened for so long (60s)
	--memory MB   give up when it takes more (1024, and 24 times the file)

The status is 0 if the file is whole, 3 if it is damaged, 1 if it could not be
examined: it is not there, not a Redstart file, of a newer version, open
elsewhere, or one of the limits was reached.
`

const recoverHelp = `Writes the file NEW, which must not exist, with everything that is whole in the
database FILE: the undamaged parts of the snapshot, and the journal up to its
first damaged record. What is lost is listed.

FILE must not be open elsewhere and is never written to. All keys are in memory
meanwhile, as when the file is served.

	--timeout D   give up when nothing has happened for so long (60s)
	--memory MB   give up when it takes more (1024, and 24 times the file)

The status is 0 if FILE is whole, 3 if it is damaged and NEW has what is whole,
which may be nothing, and 1 if NEW was not written.
`

const infoHelp = `Tells what is in the database FILE: the version of its format, how many
transactions it has seen, its keys by database and type, the sizes of its parts,
what of it is free, and its largest keys, by the memory their values take. The
file is never written to, and must not be open elsewhere: what a running server
holds is told by its commands INFO and DBSIZE.

All keys are in memory meanwhile, as when the file is served.

	--json        write JSON
	--timeout D   give up when nothing has happened for so long (60s)
	--memory MB   give up when it takes more (1024, and 24 times the file)

The status is 0 if the file is whole; 3 if it is damaged, and what is told is of
what is whole; 1 if it could not be read.
`

// checkFile is the command "check".
func checkFile(c *subcommand, args []string, stdout, stderr io.Writer) int {
	n := new(nurse)
	files, err := parse(args, n.options())
	if err == nil && len(files) != 1 {
		err = errors.New("which FILE?")
	}
	if err != nil {
		return c.misused(stderr, "%v", err)
	}
	path := files[0]
	end, err := n.examine("check", files, line(stdout), newProgress(stderr, "checking "+path))
	if info, e := os.Stat(path); e == nil && info.Size() == 0 && err == nil && end.Err == "" {
		fmt.Fprintf(stderr, "redstart: %s has no byte: whatever was in it is lost\n", path)
		return statusDamaged
	}
	if err == nil && end.Err == "" {
		fmt.Fprintf(stdout, "%s is whole: %s%s\n", path, contents(end.Summary), cutOff(end.Summary))
		return statusOK
	}
	hint := ""
	switch {
	case end.Damaged:
		hint = fmt.Sprintf("; `redstart recover %s NEW` saves what is whole: %s", path, contents(end.Summary))
	case end.Locked:
		hint = fmt.Sprintf(": `redstart backup %s NEW` makes a copy, which can be checked", path)
	}
	return failed(stderr, end, err, hint)
}

// recoverFile is the command "recover".
func recoverFile(c *subcommand, args []string, stdout, stderr io.Writer) int {
	n := new(nurse)
	files, err := parse(args, n.options())
	if err == nil && len(files) != 2 {
		err = errors.New("which FILE, and what is the NEW one called?")
	}
	if err != nil {
		return c.misused(stderr, "%v", err)
	}
	end, err := n.examine("recover", files, line(stdout), newProgress(stderr, "recovering "+files[0]))
	if err != nil || end.Err != "" {
		failed(stderr, end, err, "")
		return statusFailed
	}
	damage, status := "which is whole", statusOK
	if end.Summary.Damage > 0 {
		damage, status = fmt.Sprintf("which is damaged in %s", count(end.Summary.Damage, "place")), statusDamaged
	}
	fmt.Fprintf(stdout, "%s holds what is whole in %s, %s: %s\n", files[1], files[0], damage, contents(end.Summary))
	return status
}

// infoFile is the command "info".
func infoFile(c *subcommand, args []string, stdout, stderr io.Writer) int {
	n := new(nurse)
	flags, others := withFlags(args)
	asJSON := slices.Contains(flags, "--json")
	flags = slices.DeleteFunc(slices.Clone(flags), func(a string) bool { return a == "--json" })
	files, err := parse(append(flags, others...), n.options())
	if err == nil && len(files) != 1 {
		err = errors.New("which FILE?")
	}
	if err != nil {
		return c.misused(stderr, "%v", err)
	}
	path := files[0]
	end, err := n.examine("check", files, line(io.Discard), newProgress(stderr, "reading "+path))
	if err == nil && (end.Err == "" || end.Damaged) {
		if asJSON {
			writeJSON(stdout, path, end.Summary)
		} else {
			writeText(stdout, path, end.Summary)
		}
	}
	if err == nil && end.Err == "" {
		return statusOK
	}
	hint := ""
	switch {
	case end.Damaged:
		hint = fmt.Sprintf("; `redstart check %s` lists them", path)
	case end.Locked:
		hint = ": ask it, with INFO and DBSIZE"
	}
	return failed(stderr, end, err, hint)
}

// failed tells what an examination has failed by and returns the status for it.
func failed(stderr io.Writer, end ending, err error, hint string) int {
	text := end.Err
	if err != nil {
		text = err.Error()
	}
	fmt.Fprintf(stderr, "redstart: %s%s\n", text, hint)
	if crash := (*crashError)(nil); end.Damaged || errors.As(err, &crash) {
		return statusDamaged
	}
	return statusFailed
}

// noMoreFlags is an argument after which there are no flags, so that a file may
// be called like one.
const noMoreFlags = "--"

// withFlags returns the arguments among which there may be flags, and the others.
func withFlags(args []string) (flags, others []string) {
	if i := slices.Index(args, noMoreFlags); i >= 0 {
		return args[:i], args[i:]
	}
	return args, nil
}

// parse returns the arguments that are not flags. Of each flag, --name value or
// --name=value, the function of that name is called. What follows -- is no flag.
func parse(args []string, flags map[string]func(value string) error) (rest []string, err error) {
	for i := 0; i < len(args); i++ {
		if args[i] == noMoreFlags {
			return append(rest, args[i+1:]...), nil
		}
		name, isFlag := strings.CutPrefix(args[i], "--")
		if !isFlag {
			rest = append(rest, args[i])
			continue
		}
		name, value, given := strings.Cut(name, "=")
		set := flags[name]
		if set == nil {
			return nil, fmt.Errorf("unknown flag --%s", name)
		}
		if !given {
			if i++; i == len(args) {
				return nil, fmt.Errorf("flag --%s needs a value", name)
			}
			value = args[i]
		}
		if err := set(value); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// line returns a function that writes lines.
func line(w io.Writer) func(string) {
	return func(text string) { fmt.Fprintln(w, text) }
}

// contents tells what is in a file.
func contents(sum persist.Summary) string {
	staged := ""
	if sum.Staged > 0 {
		staged = ", " + digits(int64(sum.Staged)) + " of them staged"
	}
	return keys(sum.Keys) + ", " + count(sum.Transactions, "transaction") + " in the journal" + staged + databases(sum)
}

// cutOff tells, on a line of its own, that a write was cut off, if one was.
func cutOff(sum persist.Summary) string {
	if !sum.Unfinished {
		return ""
	}
	return fmt.Sprintf("\n\ta crash has cut off a write after transaction %s; nobody was promised it", digits(int64(sum.Sequence)))
}

// databases tells what is in each database, on a line of its own.
func databases(sum persist.Summary) (text string) {
	for _, db := range slices.Sorted(maps.Keys(sum.Databases)) {
		var kinds []string
		for _, kind := range slices.SortedFunc(maps.Keys(sum.Databases[db]), cmp.Compare[types.Kind]) {
			kinds = append(kinds, count(sum.Databases[db][kind], kind.String()))
		}
		text += fmt.Sprintf("\n\tdatabase %d: %s", db, strings.Join(kinds, ", "))
	}
	return text
}
