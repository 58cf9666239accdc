package command

import (
	"errors"
	"fmt"
)

// A deriver walks the top level of a usage line and writes down where the keys
// are. Its place is the index of the next argument, as long as that is known.
type deriver struct {
	place   int // index of the next argument; -1 after something of varying length
	from    int // the last place that was known
	access  Access
	specs   []KeySpec
	options options
	text    bool // an option's value may be any text, even another option's word
	inside  bool // a key is among the options
}

// deriveKeys returns the key specifications of a command with this syntax, a
// name of so many words, and the default access given; and its options, if
// there are keys among them.
func deriveKeys(n *Node, words int, access Access) ([]KeySpec, options, error) {
	d := deriver{place: words, access: access}
	for i, part := range n.Nodes {
		var before *Node
		if i > 0 {
			before = n.Nodes[i-1]
		}
		if err := d.part(before, part, n.Nodes[i+1:]); err != nil {
			return nil, options{}, err
		}
		if length, ok := part.fixed(); ok && d.place >= 0 {
			d.place += length
			continue
		}
		if d.place >= 0 {
			d.from = d.place
		}
		d.place = -1
	}
	return d.finish()
}

// finish turns keyword specs that a value could mislead into unknown ones.
func (d *deriver) finish() ([]KeySpec, options, error) {
	if !d.inside {
		return d.specs, options{}, nil
	}
	for i := range d.specs {
		s := &d.specs[i]
		if s.Keyword != "" && d.text && s.From > 0 {
			*s = KeySpec{Access: s.Access}
		}
	}
	return d.specs, d.options, nil
}

var errPlace = errors.New("no rule for the place of its keys: give Specs")

func (d *deriver) part(before, n *Node, after []*Node) error {
	if !n.hasKeys() {
		if n.Kind == Optional {
			d.option(n.Nodes[0])
		}
		return nil
	}
	switch n.Kind {
	case KeyName:
		if d.place < 0 {
			return errPlace
		}
		d.add(KeySpec{Access: d.accessOf(n), Index: d.place, Step: 1})
		return nil
	case Choice:
		return d.choice(n)
	case Repeat:
		return d.repeat(before, n, after)
	case Optional:
		in := n.Nodes[0]
		if in.Kind == Repeat && !in.Nodes[0].option() {
			at := len(d.specs)
			err := d.repeat(before, in, after)
			for i := range d.specs[at:] {
				d.specs[at+i].absent = true
			}
			return err
		}
		return d.optional(in, after)
	case Sequence:
		return errPlace
	}
	return errPlace
}

// add appends s, or lets the spec before it end with it if the two agree.
func (d *deriver) add(s KeySpec) {
	if i := len(d.specs) - 1; i >= 0 && s.plain() && s.Last == 0 {
		p := &d.specs[i]
		if p.plain() && p.Access == s.Access && p.Last >= 0 && p.Step == 1 && p.last()+1 == s.Index {
			p.Last++
			return
		}
	}
	d.specs = append(d.specs, s)
}

func (d *deriver) accessOf(key *Node) Access {
	if key.Access == 0 {
		return d.access
	}
	return key.Access
}

// choice handles {key}|"": a key that may be left empty.
func (d *deriver) choice(n *Node) error {
	if length, ok := n.fixed(); !ok || length != 1 || d.place < 0 {
		return errPlace
	}
	for _, alt := range n.Nodes {
		if alt.Kind == KeyName {
			d.add(KeySpec{Access: d.accessOf(alt), Index: d.place, Step: 1, blank: true})
		}
	}
	return nil
}

// repeat handles {key} [{key} ...] and {key} value [{key} value ...], at a
// fixed place, after numkeys, or after a word.
func (d *deriver) repeat(before, n *Node, after []*Node) error {
	unit := n.Nodes[0]
	step, ok := unit.fixed()
	first, count := unit.parts()[0], 0
	for _, part := range unit.parts() {
		if part.hasKeys() {
			count++
		}
	}
	if !ok || first.Kind != KeyName || count != 1 {
		return errPlace
	}
	s := KeySpec{Access: d.accessOf(first), Step: step}
	switch {
	case before != nil && before.Kind == Value && before.Name == "numkeys" && d.place >= 0:
		s.Index, s.Count, s.First = d.place-1, true, 1
		d.add(s)
		return nil
	case d.place >= 0 && (before == nil || before.Kind != Word):
		s.Index = d.place
	case before != nil && before.Kind == Word:
		s.Keyword, s.From = before.Name, d.from
		if d.place >= 0 {
			s.From = d.place - 1
		}
	default:
		return errPlace
	}
	if len(after) == 1 && after[0].Kind == Repeat { // as many others as keys
		s.Last, s.Limit = -1, 2
		d.add(s)
		return nil
	}
	s.Last = -1
	for _, a := range after {
		length, ok := a.fixed()
		if !ok {
			return errPlace
		}
		s.Last -= length
	}
	d.add(s)
	return nil
}

// optional handles [STORE {key}] and [KEYS {key} [{key} ...]].
func (d *deriver) optional(n *Node, after []*Node) error {
	start := d.place
	if start < 0 {
		start = d.from
	}
	if d.options.from == 0 {
		d.options.from = start
	}
	alts := []*Node{n}
	if n.Kind == Choice {
		alts = n.Nodes
	}
	for _, alt := range alts {
		if alt.Kind == Repeat {
			alt = alt.Nodes[0]
		}
		parts := alt.parts()
		if !alt.hasKeys() {
			d.option(alt)
			continue
		}
		if len(parts) != 2 || parts[0].Kind != Word {
			return errPlace
		}
		if parts[1].Kind == Repeat { // to the end
			if len(after) > 0 || parts[1].Nodes[0].Kind != KeyName {
				return errPlace
			}
			key := parts[1].Nodes[0]
			d.add(KeySpec{Access: d.accessOf(key), Keyword: parts[0].Name, From: -2, Last: -1, Step: 1, absent: true})
			continue
		}
		d.keyOption(parts[0].Name, parts[1], start)
	}
	return nil
}

// keyOption notes an option WORD {key}.
func (d *deriver) keyOption(word string, key *Node, start int) {
	access := d.accessOf(key)
	d.inside = true
	d.options.words = append(d.options.words, option{word: word, length: 1, keys: []Key{{1, access}}})
	if access&AccessUnknown == 0 {
		d.add(KeySpec{Access: access, Keyword: word, From: start, Step: 1})
		return
	}
	d.text = true
	access &^= AccessUnknown
	for i := range d.specs {
		if d.specs[i].unknown() && d.specs[i].Access == access {
			return
		}
	}
	d.add(KeySpec{Access: access})
}

// option notes an option without keys, so that the search for those with keys
// can pass over it.
func (d *deriver) option(n *Node) {
	if d.options.from == 0 {
		d.options.from = max(d.place, d.from)
	}
	switch n.Kind {
	case Choice:
		for _, alt := range n.Nodes {
			d.option(alt)
		}
		return
	case Repeat:
		n = n.Nodes[0]
	}
	parts := n.parts()
	length, ok := n.fixed()
	if !ok || parts[0].Kind != Word {
		return
	}
	for _, part := range parts[1:] {
		if part.Kind == Value && (part.Type == TypeString || part.Type == TypePattern) {
			d.text = true
		}
	}
	d.options.words = append(d.options.words, option{word: parts[0].Name, length: length - 1})
}

// hasKeys reports whether there is a key in n.
func (n *Node) hasKeys() bool {
	if n.Kind == KeyName {
		return true
	}
	for _, part := range n.Nodes {
		if part.hasKeys() {
			return true
		}
	}
	return false
}

// option reports whether n begins with a word.
func (n *Node) option() bool {
	parts := n.parts()
	return len(parts) > 0 && parts[0].Kind == Word
}

// complete fills in what is derived of c, and of its sub-commands.
func (c *Command) complete() error {
	var err error
	if c.tree, err = ParseSyntax(c.Syntax); err != nil {
		return err
	}
	if c.Container() && c.Arity == 0 {
		c.Arity = -2
	}
	if c.Arity == 0 {
		c.Arity = c.tree.arity(c.words())
	}
	var opts options
	if c.Specs == nil {
		c.Specs, opts, err = deriveKeys(c.tree, c.words(), defaultAccess(c.Flags))
		if err != nil && c.FindKeys == nil {
			return fmt.Errorf("syntax %q: %w", c.Syntax, err)
		}
	}
	if _, _, _, movable := legacy(c.Specs); movable {
		c.Flags |= MovableKeys
	}
	c.ACL = categories(c)
	c.keys = newFinder(c, opts)
	return nil
}
