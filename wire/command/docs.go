package command

import (
	"fmt"
	"strings"
)

// Info is what COMMAND and COMMAND INFO tell of a command.
type Info struct {
	Name              string // in small letters; client|setname for a sub-command
	Arity             int
	Flags             []string
	First, Last, Step int      // places of keys as far as three numbers can say
	Categories        []string // with the @
	Tips              []string
	Specs             []KeySpec
	Sub               []Info
}

// Docs is what COMMAND DOCS tells of a command.
type Docs struct {
	Name, Summary, Since, Group, Complexity string
	Flags                                   []string // deprecated, syscmd
	DeprecatedSince, ReplacedBy             string
	History                                 []Change
	Args                                    []Arg
	Sub                                     []Docs
}

// Arg is an argument, or a group of them, as COMMAND DOCS describes it.
type Arg struct {
	Name    string
	Type    string // an ArgType, key, pure-token, oneof or block
	Display string // the placeholder; empty for oneof and block
	KeySpec int    // which of the key specifications the key belongs to; -1 for none
	Token   string // the word before it, or that it is
	Flags   []string
	Args    []Arg // of oneof and block
}

// Info returns what COMMAND INFO tells of c, a command of a Table. It makes
// everything anew at each call.
func (c *Command) Info() Info {
	i := Info{
		Name:  c.full,
		Arity: c.Arity,
		Flags: c.Flags.Names(),
		Tips:  c.Tips,
		Specs: c.Specs,
	}
	i.First, i.Last, i.Step, _ = legacy(c.Specs)
	for _, name := range c.ACL.Names() {
		i.Categories = append(i.Categories, "@"+name)
	}
	for j := range c.Sub {
		i.Sub = append(i.Sub, c.Sub[j].Info())
	}
	return i
}

// String returns i without its sub-commands as one line, as recorded facts about
// Redis are compared: name, arity, flags, first, last and step key, categories,
// tips and key specifications, separated by tabs.
func (i Info) String() string {
	cats := make([]string, len(i.Categories))
	for j, c := range i.Categories {
		cats[j] = strings.TrimPrefix(c, "@")
	}
	specs := make([]string, len(i.Specs))
	for j := range i.Specs {
		specs[j] = i.Specs[j].String()
	}
	return fmt.Sprintf("%s\t%d\t%s\t%d %d %d\t%s\t%s\t%s", i.Name, i.Arity, strings.Join(i.Flags, ","),
		i.First, i.Last, i.Step, strings.Join(cats, ","), strings.Join(i.Tips, ","), strings.Join(specs, "; "))
}

// Docs returns what COMMAND DOCS tells of c, a command of a Table. It makes
// everything anew at each call.
func (c *Command) Docs() Docs {
	d := Docs{
		Name: c.full, Summary: c.Summary, Since: c.Since, Group: c.Group, Complexity: c.Complexity,
		DeprecatedSince: c.DeprecatedSince, ReplacedBy: c.ReplacedBy,
		History: c.History,
	}
	if c.DeprecatedSince != "" {
		d.Flags = append(d.Flags, "deprecated")
	}
	if c.Flags&System != 0 {
		d.Flags = append(d.Flags, "syscmd")
	}
	a := describer{command: c}
	d.Args = a.list(c.tree.Nodes)
	for j := range c.Sub {
		d.Sub = append(d.Sub, c.Sub[j].Docs())
	}
	return d
}

// A describer turns nodes into Args. Keys meet the key specifications in the
// order in which these were derived.
type describer struct {
	command *Command
	spec    int // the specification of the last key
}

// list describes nodes that follow each other. A word and the placeholders
// after it are one argument with a token.
func (d *describer) list(nodes []*Node) []Arg {
	var args []Arg
	for i := 0; i < len(nodes); i++ {
		if nodes[i].Kind != Word {
			args = append(args, d.node(nodes[i]))
			continue
		}
		end := i + 1
		for end < len(nodes) && nodes[end].Kind != Word && nodes[end].Kind != Optional {
			end++
		}
		args = append(args, d.token(nodes[i], nodes[i+1:end]))
		i = end - 1
	}
	return args
}

// token describes a word and what belongs to it.
func (d *describer) token(word *Node, nodes []*Node) Arg {
	token := word.Name
	if token == "" {
		token = `""`
	}
	switch len(nodes) {
	case 0:
		name := strings.ToLower(word.Name)
		return Arg{Name: name, Type: "pure-token", Display: name, KeySpec: -1, Token: token}
	case 1:
		if nodes[0].Kind != Sequence {
			a := d.node(nodes[0])
			if a.Token == "" {
				a.Token = token
				d.keyword(&a)
				return a
			}
		}
	}
	a := d.block(nodes)
	a.Name, a.Token = strings.ToLower(word.Name), token
	return a
}

// keyword corrects the specification of a key that is found by its token.
func (d *describer) keyword(a *Arg) {
	if a.Type != "key" {
		return
	}
	if i := d.find(0, func(s *KeySpec) bool { return s.Keyword == a.Token }); i >= 0 {
		a.KeySpec = i
	}
}

func (d *describer) block(nodes []*Node) Arg {
	a := Arg{Type: "block", KeySpec: -1, Args: d.list(nodes)}
	a.Name = joinNames(a.Args)
	return a
}

// node describes one node.
func (d *describer) node(n *Node) Arg {
	switch n.Kind {
	case Word:
		return d.token(n, nil)
	case Value:
		return Arg{Name: n.Name, Type: string(n.Type), Display: n.Name, KeySpec: -1}
	case KeyName:
		return d.key(n)
	case Sequence:
		if args := d.list(n.Nodes); len(args) == 1 {
			return args[0]
		} else {
			return Arg{Name: joinNames(args), Type: "block", KeySpec: -1, Args: args}
		}
	case Choice:
		a := Arg{Type: "oneof", KeySpec: -1}
		for _, alt := range n.Nodes {
			a.Args = append(a.Args, d.node(alt))
		}
		a.Name = joinNames(a.Args)
		return a
	case Optional:
		a := d.node(n.Nodes[0])
		a.Flags = append([]string{"optional"}, a.Flags...)
		return a
	case Repeat:
		return d.repeat(n)
	}
	panic("BUG: node of unknown kind")
}

// repeat describes {key} [{key} ...], or GET pattern [GET pattern ...] where
// the token is repeated too.
func (d *describer) repeat(n *Node) Arg {
	a := d.node(n.Nodes[0])
	a.Flags = append(a.Flags, "multiple")
	if a.Token != "" && a.Type != "pure-token" {
		a.Flags = append(a.Flags, "multiple_token")
	}
	return a
}

// key describes a key. A shard channel is none.
func (d *describer) key(n *Node) Arg {
	access := n.Access
	if access == 0 {
		access = defaultAccess(d.command.Flags)
	}
	a := Arg{Name: n.Name, Type: "key", Display: n.Name, KeySpec: -1}
	switch {
	case access&AccessNotKey != 0:
		a.Type = string(TypeString)
		return a
	case access&AccessUnknown != 0:
		a.Type = string(TypePattern)
		a.KeySpec = d.find(0, func(s *KeySpec) bool { return s.unknown() && s.Access == access&^AccessUnknown })
		return a
	}
	if a.KeySpec = d.find(d.spec, func(s *KeySpec) bool { return s.Access == access }); a.KeySpec >= 0 {
		d.spec = a.KeySpec
	}
	return a
}

// find returns the number of the first specification, from the one given on,
// that suits; -1 if none does.
func (d *describer) find(from int, suits func(*KeySpec) bool) int {
	for i := from; i < len(d.command.Specs); i++ {
		if suits(&d.command.Specs[i]) {
			return i
		}
	}
	return -1
}

// joinNames makes a name for a group of args.
func joinNames(args []Arg) string {
	names := make([]string, len(args))
	for i, a := range args {
		names[i] = a.Name
	}
	return strings.Join(names, "-")
}

// GetKeys returns the keys of the call in args as COMMAND GETKEYS and
// GETKEYSANDFLAGS list them, appended to keys. Its errors are those of
// COMMAND GETKEYS.
func (t *Table) GetKeys(args [][]byte, keys []Key) ([]Key, error) {
	c := t.Resolve(args)
	switch {
	case c == nil:
		return keys, Error("ERR Invalid command specified")
	case !c.hasRealKeys():
		return keys, Error("ERR The command has no key arguments")
	case !c.AritySuits(len(args)):
		return keys, Error("ERR Invalid number of arguments specified for command")
	}
	first := len(keys)
	found, ok := c.Keys(args, keys)
	kept := found[:first]
	for _, k := range found[first:] {
		if k.Access&(AccessUnknown|AccessNotKey) == 0 {
			kept = append(kept, k)
		}
	}
	if c.Flags&NoMandatoryKeys == 0 && (!ok || len(kept) == first) {
		return kept[:first], Error("ERR Invalid arguments specified for command")
	}
	return kept, nil
}

// hasRealKeys reports whether c can have keys that are not shard channels.
func (c *Command) hasRealKeys() bool {
	for i := range c.Specs {
		if c.Specs[i].Access&AccessNotKey == 0 {
			return true
		}
	}
	return c.FindKeys != nil
}
