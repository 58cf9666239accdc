package wire

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"redstart/store"
	"redstart/wire/command"
)

const configFlags = command.Admin | command.NoScript | command.Loading | command.Stale

var configCommand = command.Command{
	Name:    "CONFIG",
	Summary: "Reads and changes the configuration of the server.",
	Since:   "2.0.0", Complexity: "Depends on subcommand.",
	Sub: []command.Command{
		{
			Name: "GET", Syntax: "parameter [parameter ...]",
			Summary: "Returns the parameters that match glob-style patterns, and their values.",
			Since:   "2.0.0", Complexity: "O(N) when N is the number of configuration parameters provided",
			Flags: configFlags, Run: configGet,
			History: []command.Change{{Since: "7.0.0", What: "Added the ability to pass multiple pattern parameters in one call"}},
		},
		{
			Name:    "HELP",
			Summary: "Describes the sub-commands.",
			Since:   "5.0.0", Complexity: "O(1)",
			Flags: command.Loading | command.Stale, Run: help,
		},
		{
			Name:    "RESETSTAT",
			Summary: "Sets the counters that INFO reports back to zero.",
			Since:   "2.0.0", Complexity: "O(1)",
			Flags: configFlags, Run: configResetStat,
			Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
		},
		{
			Name:    "REWRITE",
			Summary: "Writes the configuration in force to its file.",
			Since:   "2.8.0", Complexity: "O(1)",
			Flags: configFlags, Run: configRewrite,
			Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
		},
		{
			Name: "SET", Syntax: "parameter value [parameter value ...]",
			Summary: "Changes configuration parameters while the server runs, all of them or none.",
			Since:   "2.0.0", Complexity: "O(N) when N is the number of configuration parameters provided",
			Flags: configFlags, Run: configSet,
			Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			History: []command.Change{{Since: "7.0.0", What: "Added the ability to set multiple parameters in one call."}},
		},
	},
}

// inForce returns the value of d that the server goes by.
func (c *config) inForce(s *Server, d *directive) string {
	c.mu.Lock()
	value := c.value(d)
	c.mu.Unlock()
	if d.report != nil {
		return d.report(s, value)
	}
	return value
}

// configGet answers a name without wildcards as the client has spelt it.
func configGet(c *command.Call) error {
	srv := c.Peer.(*session).srv
	type pair struct {
		name string
		d    *directive
	}
	var found []pair
	add := func(name string, d *directive) {
		if !slices.ContainsFunc(found, func(p pair) bool { return strings.EqualFold(p.name, name) }) {
			found = append(found, pair{name, d})
		}
	}
	for c.More() {
		pattern := c.Text()
		if !strings.ContainsAny(pattern, "[*?") {
			if d := findDirective(pattern); d != nil {
				add(pattern, d)
			}
			continue
		}
		for _, d := range directives {
			for _, name := range d.names() {
				if store.MatchFold(pattern, name) {
					add(name, d)
				}
			}
		}
	}
	c.Reply.Map(len(found))
	for _, p := range found {
		c.Reply.BulkString(p.name)
		c.Reply.BulkString(srv.config.inForce(srv, p.d))
	}
	return nil
}

// names returns the name of a directive and its alias.
func (d *directive) names() []string {
	if d.alias == "" {
		return []string{d.name}
	}
	return []string{d.name, d.alias}
}

// A change is one setting of a CONFIG SET.
type change struct {
	d     *directive
	name  string
	value string
}

func (ch *change) fail(err error) error {
	return command.Error(fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s') - %s", ch.name, err))
}

func configSet(c *command.Call) error {
	srv := c.Peer.(*session).srv
	args := command.Strings(c.Rest())
	if len(args)%2 != 0 {
		return command.ErrSyntax
	}
	changes, err := checkChanges(srv, args)
	if err != nil {
		return err
	}
	srv.config.change(srv, changes)
	c.Reply.Simple("OK")
	return nil
}

// checkChanges reads the arguments of CONFIG SET, and checks them in the order
// in which Redis does: first all names, then all values.
func checkChanges(srv *Server, args []string) ([]change, error) {
	var changes []change
	for i := 0; i < len(args); i += 2 {
		d := findDirective(args[i])
		if d == nil {
			return nil, command.Error("ERR Unknown option or number of arguments for CONFIG SET - '" + args[i] + "'")
		}
		ch := change{d: d, name: strings.ToLower(args[i])}
		if d.fixed != nil {
			return nil, ch.fail(d.fixed)
		}
		for _, other := range changes {
			if other.d == d {
				return nil, ch.fail(fmt.Errorf("duplicate parameter"))
			}
		}
		changes = append(changes, ch)
	}
	for i := range changes {
		ch := &changes[i]
		words := []string{string([]byte(args[2*i+1]))} // the argument is borrowed
		if ch.d.kind.many {
			words = splitWords(words[0])
		}
		var err error
		if ch.value, err = ch.d.parse(words); err != nil {
			return nil, ch.fail(err)
		}
		if ch.d.veto != nil {
			if err := ch.d.veto(srv, ch.value); err != nil {
				return nil, ch.fail(err)
			}
		}
	}
	return changes, nil
}

// change makes changes, which were checked, effective.
func (c *config) change(s *Server, changes []change) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	for _, ch := range changes {
		c.put(ch.d, ch.value)
	}
	c.mu.Unlock()
	for _, ch := range changes {
		if ch.d.apply != nil {
			ch.d.apply(s, ch.value)
		}
	}
	limits := s.db.Limits()
	if c.applyLimits(&limits) {
		s.db.SetLimits(limits)
	}
	c.refresh(s)
}

func configResetStat(c *command.Call) error {
	c.Peer.(*session).srv.stats.reset()
	c.Reply.Simple("OK")
	return nil
}

func configRewrite(c *command.Call) error {
	srv := c.Peer.(*session).srv
	if srv.config.path == "" {
		return command.Error("ERR The server is running without a config file")
	}
	if err := srv.config.rewrite(srv); err != nil {
		return command.Error("ERR Rewriting config file: " + err.Error())
	}
	c.Reply.Simple("OK")
	return nil
}

// rewrite brings the file the configuration was read from up to date. Comments
// and the order of lines stay; what is not in the file and not the default is
// added at its end.
func (c *config) rewrite(s *Server) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	old, err := os.ReadFile(c.path)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	written := make(map[*directive]bool)
	for line := range strings.Lines(string(old)) {
		line = strings.TrimRight(line, "\r\n")
		d := directiveOfLine(line)
		switch {
		case d == nil:
			out.WriteString(line + "\n")
		case !written[d]:
			out.WriteString(c.line(d) + "\n")
			written[d] = true
		}
	}
	c.mu.Lock()
	heading := "# Generated by CONFIG REWRITE\n"
	for _, d := range directives {
		if value, ok := c.values[d]; ok && value != d.initial && !written[d] {
			if !strings.Contains(string(old), heading) {
				out.WriteString(heading)
				heading = ""
			}
			out.WriteString(lineOf(d, value) + "\n")
		}
	}
	c.mu.Unlock()
	return replaceFile(c.path, out.Bytes())
}

// directiveOfLine returns the directive a line of a redis.conf sets, or nil.
func directiveOfLine(line string) *directive {
	words := splitWords(line)
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	return findDirective(words[0])
}

// line returns the line that gives d its present value.
func (c *config) line(d *directive) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return lineOf(d, c.value(d))
}

func lineOf(d *directive, value string) string {
	if d.kind.many && value != "" {
		return d.name + " " + value
	}
	return d.name + " " + quote(value)
}

// quote returns s as a word of a redis.conf, in quotes if it needs them.
func quote(s string) string {
	plain := s != "" && s[0] != '#'
	b := []byte{'"'}
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '"' || ch == '\\':
			b = append(b, '\\', ch)
			plain = false
		case ch < ' ' || ch > '~':
			b = fmt.Appendf(b, `\x%02x`, ch)
			plain = false
		default:
			plain = plain && ch != ' ' && ch != '\''
			b = append(b, ch)
		}
	}
	if plain {
		return s
	}
	return string(append(b, '"'))
}

// replaceFile replaces what is in a file, all of it or nothing.
func replaceFile(path string, data []byte) error {
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(f.Name(), mode)
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
