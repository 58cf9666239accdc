package command

import (
	"errors"
	"fmt"
	"strings"
)

// A Node is a part of a parsed usage line. Nodes are not written to after
// ParseSyntax.
type Node struct {
	Kind NodeKind
	// Name is the word of a Word, the placeholder of a Value or KeyName.
	Name string
	// Type says what a Value is: what COMMAND DOCS calls its type.
	Type ArgType
	// Access is what is done with a KeyName; zero where the line does not say.
	Access Access
	// Nodes are the parts of a Sequence, the alternatives of a Choice, or the
	// one content of an Optional or Repeat.
	Nodes []*Node
}

// A NodeKind says what a Node is.
type NodeKind uint8

// The kinds of nodes.
const (
	Word     NodeKind = iota // stands for itself: LIMIT
	Value                    // a placeholder: score
	KeyName                  // a placeholder for a key: {key}
	Sequence                 // all its parts, in order
	Choice                   // one of its alternatives
	Optional                 // its content or nothing
	Repeat                   // its content once or more
)

// An ArgType is a type of arguments as COMMAND DOCS spells it.
type ArgType string

// The types of placeholders.
const (
	TypeString  ArgType = "string"
	TypeInteger ArgType = "integer"
	TypeDouble  ArgType = "double"
	TypeTime    ArgType = "unix-time"
	TypePattern ArgType = "pattern"
)

// typeOf has the type of placeholders that are not strings.
var typeOf = map[string]ArgType{
	"cursor": TypeInteger, "count": TypeInteger, "db": TypeInteger, "decrement": TypeInteger,
	"destination-db": TypeInteger, "element-index": TypeInteger, "end": TypeInteger,
	"entries": TypeInteger, "frequency": TypeInteger, "index": TypeInteger,
	"index1": TypeInteger, "index2": TypeInteger, "len": TypeInteger, "limit": TypeInteger,
	"maxlen": TypeInteger, "milliseconds": TypeInteger, "min-match-len": TypeInteger,
	"num-matches": TypeInteger, "numkeys": TypeInteger, "numlocal": TypeInteger,
	"numreplicas": TypeInteger, "offset": TypeInteger, "port": TypeInteger,
	"protover": TypeInteger, "rank": TypeInteger, "seconds": TypeInteger,
	"start": TypeInteger, "stop": TypeInteger, "timeout-ms": TypeInteger, "version": TypeInteger,
	"client-id": TypeInteger, "bits": TypeInteger, "bit": TypeInteger, "value-int": TypeInteger,

	"score": TypeDouble, "timeout": TypeDouble, "longitude": TypeDouble, "latitude": TypeDouble,
	"radius": TypeDouble, "width": TypeDouble, "height": TypeDouble, "weight": TypeDouble,

	"unix-time-seconds": TypeTime, "unix-time-milliseconds": TypeTime,

	"pattern": TypePattern,
}

// maxDepth bounds the nesting of a usage line; the deepest of Redis has four.
const maxDepth = 16

var errDepth = errors.New("nested too deeply")

// ParseSyntax parses a usage line as the manual writes it, without the
// command's name:
//
//	WORD            a word that stands for itself: anything without a small letter
//	name            a placeholder; its type follows from its name, or is
//	                given: increment:double
//	""              the empty string
//	{key}           a placeholder for a key, with the command's usual access
//	{key:insert}    the same, with the access of ParseAccess
//	a b             both
//	a|b             one of the two; binds tighter than a space
//	a b | c d       one of the two; binds looser
//	<a b>           grouping
//	[a]             optional
//	a b [a b ...]   a b once or more
//	[a ...]         a, any number of times
//
// The result is a Sequence, possibly empty.
func ParseSyntax(line string) (*Node, error) {
	p := parser{rest: line}
	n, err := p.alternatives(0)
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("unexpected %q", p.peek())
	}
	if err == nil && p.repeats {
		err = errors.New(`"..." outside brackets`)
	}
	if err != nil {
		return nil, fmt.Errorf("syntax %q: %w", line, err)
	}
	if n.Kind != Sequence {
		n = &Node{Kind: Sequence, Nodes: []*Node{n}}
	}
	return n, nil
}

type parser struct {
	rest    string
	repeats bool // the sequence just parsed ended in "..."
}

// spaces are the characters between tokens.
const spaces = " \t\r\n"

// peek returns the next token, or "" at the end.
func (p *parser) peek() string {
	p.rest = strings.TrimLeft(p.rest, spaces)
	if p.rest == "" {
		return ""
	}
	if strings.HasPrefix(p.rest, "...") {
		return "..."
	}
	const special = "[]<>|"
	if strings.IndexByte(special, p.rest[0]) >= 0 {
		return p.rest[:1]
	}
	if p.rest[0] == '{' {
		if i := strings.IndexByte(p.rest, '}'); i > 0 {
			return p.rest[:i+1]
		}
	}
	if i := strings.IndexAny(p.rest, special+spaces); i >= 0 {
		return p.rest[:i]
	}
	return p.rest
}

// next consumes the token that peek returned. It reports whether a tight |
// follows: one with no space on either side.
func (p *parser) next(token string) (tight bool) {
	p.rest = p.rest[len(token):]
	return len(p.rest) > 1 && p.rest[0] == '|' && strings.IndexByte(spaces, p.rest[1]) < 0
}

// alternatives parses sequences separated by loose bars.
func (p *parser) alternatives(depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	var alts []*Node
	for {
		n, err := p.sequence(depth)
		if err != nil {
			return nil, err
		}
		alts = append(alts, n)
		if p.peek() != "|" {
			break
		}
		if p.repeats {
			return nil, errors.New(`"..." before "|"`)
		}
		p.next("|")
	}
	if len(alts) == 1 {
		return alts[0], nil
	}
	for _, a := range alts {
		if a.Kind == Sequence && len(a.Nodes) == 0 {
			return nil, errors.New("empty alternative")
		}
	}
	return &Node{Kind: Choice, Nodes: alts}, nil
}

// sequence parses terms up to a bar, a closing bracket or the end. A sequence
// of one term is that term.
func (p *parser) sequence(depth int) (*Node, error) {
	p.repeats = false
	var seq []*Node
	for {
		token := p.peek()
		switch token {
		case "", "|", "]", ">":
			if len(seq) == 1 {
				return seq[0], nil
			}
			return &Node{Kind: Sequence, Nodes: seq}, nil
		case "...":
			if len(seq) == 0 {
				return nil, errors.New(`"..." after nothing`)
			}
			p.next(token)
			switch p.peek() {
			case "", "|", "]", ">":
			default:
				return nil, errors.New(`"..." before more`)
			}
			n := &Node{Kind: Sequence, Nodes: seq}
			if len(seq) == 1 {
				n = seq[0]
			}
			p.repeats = true
			return n, nil
		case "[":
			p.next(token)
			n, err := p.alternatives(depth + 1)
			if err != nil {
				return nil, err
			}
			if err := p.close("]", n); err != nil {
				return nil, err
			}
			seq = appendOptional(seq, n, p.repeats)
			p.repeats = false
		default:
			n, err := p.choice(token, depth)
			if err != nil {
				return nil, err
			}
			seq = append(seq, n)
		}
	}
}

// close consumes the bracket that ends content.
func (p *parser) close(bracket string, content *Node) error {
	if content.Kind == Sequence && len(content.Nodes) == 0 {
		return errors.New("empty brackets")
	}
	if p.peek() != bracket {
		return fmt.Errorf("%q expected", bracket)
	}
	p.next(bracket)
	return nil
}

// appendOptional appends [n] or [n ...] to seq. If the latter repeats what
// seq ends with, that is what it means: one Repeat.
func appendOptional(seq []*Node, n *Node, repeats bool) []*Node {
	if !repeats {
		return append(seq, &Node{Kind: Optional, Nodes: []*Node{n}})
	}
	unit := n.parts()
	if at := len(seq) - len(unit); at >= 0 && sameNodes(seq[at:], unit) {
		first := seq[at] // not n: the first mention says the access
		if len(unit) > 1 {
			first = &Node{Kind: Sequence, Nodes: append([]*Node(nil), seq[at:]...)}
		}
		return append(seq[:at], &Node{Kind: Repeat, Nodes: []*Node{first}})
	}
	repeat := &Node{Kind: Repeat, Nodes: []*Node{n}}
	return append(seq, &Node{Kind: Optional, Nodes: []*Node{repeat}})
}

// choice parses atom or atom|atom|….
func (p *parser) choice(token string, depth int) (*Node, error) {
	var alts []*Node
	for {
		n, tight, err := p.atom(token, depth)
		if err != nil {
			return nil, err
		}
		alts = append(alts, n)
		if !tight {
			break
		}
		p.next("|")
		token = p.peek()
	}
	if len(alts) == 1 {
		return alts[0], nil
	}
	return &Node{Kind: Choice, Nodes: alts}, nil
}

// atom parses a word, a placeholder, a key or a group.
func (p *parser) atom(token string, depth int) (n *Node, tight bool, err error) {
	switch token[0] {
	case '<':
		p.next(token)
		n, err = p.alternatives(depth + 1)
		if err == nil {
			err = p.close(">", n)
		}
		if err == nil && p.repeats {
			err = errors.New(`"..." in a group`)
		}
		return n, p.next(""), err
	case '{':
		n, err = keyNode(token)
	case '[', ']', '>', '|', '.':
		err = fmt.Errorf("unexpected %q", token)
	default:
		n, err = wordNode(token)
	}
	if err != nil {
		return nil, false, err
	}
	return n, p.next(token), nil
}

// keyNode parses {name} or {name:access}.
func keyNode(token string) (*Node, error) {
	if !strings.HasSuffix(token, "}") {
		return nil, errors.New("} expected")
	}
	name, words, found := strings.Cut(token[1:len(token)-1], ":")
	if name == "" || strings.ContainsAny(name, " []<>|{}") {
		return nil, fmt.Errorf("bad key %q", token)
	}
	n := &Node{Kind: KeyName, Name: name}
	if found {
		access, err := ParseAccess(words)
		if err != nil {
			return nil, err
		}
		n.Access = access
	}
	return n, nil
}

// wordNode makes a Word of what has no small letter, a Value of the rest.
func wordNode(token string) (*Node, error) {
	if strings.ContainsAny(token, "{}") {
		return nil, fmt.Errorf("bad word %q", token)
	}
	if strings.IndexFunc(token, func(r rune) bool { return r >= 'a' && r <= 'z' }) < 0 {
		if token == `""` {
			token = ""
		}
		return &Node{Kind: Word, Name: token}, nil
	}
	n := &Node{Kind: Value, Name: token, Type: TypeString}
	if i := strings.LastIndexByte(token, ':'); i > 0 && isType(ArgType(token[i+1:])) {
		n.Name, n.Type = token[:i], ArgType(token[i+1:])
	} else if t, ok := typeOf[token]; ok {
		n.Type = t
	}
	return n, nil
}

func isType(t ArgType) bool {
	switch t {
	case TypeString, TypeInteger, TypeDouble, TypeTime, TypePattern:
		return true
	}
	return false
}

// parts returns the nodes of a Sequence, or n itself as the only one.
func (n *Node) parts() []*Node {
	if n.Kind == Sequence {
		return n.Nodes
	}
	return []*Node{n}
}

// sameNodes reports whether b repeats a. A key of b need not say its access.
func sameNodes(a, b []*Node) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if x.Kind != y.Kind || x.Name != y.Name || !sameNodes(x.Nodes, y.Nodes) {
			return false
		}
		if y.Access != 0 && x.Access != y.Access {
			return false
		}
	}
	return true
}

// Length returns the least and the greatest number of arguments that n stands
// for; most is -1 if there is no greatest.
func (n *Node) Length() (least, most int) {
	switch n.Kind {
	case Sequence:
		for _, part := range n.Nodes {
			l, m := part.Length()
			least += l
			most = addMost(most, m)
		}
		return least, most
	case Choice:
		least, most = n.Nodes[0].Length()
		for _, alt := range n.Nodes[1:] {
			l, m := alt.Length()
			least = min(least, l)
			if m < 0 || most < 0 {
				most = -1
			} else {
				most = max(most, m)
			}
		}
		return least, most
	case Optional:
		_, most = n.Nodes[0].Length()
		return 0, most
	case Repeat:
		least, _ = n.Nodes[0].Length()
		return least, -1
	}
	return 1, 1
}

func addMost(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// fixed returns the number of arguments n stands for if that never varies.
func (n *Node) fixed() (length int, ok bool) {
	least, most := n.Length()
	return least, least == most
}

// arity returns what COMMAND calls the arity of a command with this syntax and
// a name of so many words.
func (n *Node) arity(words int) int {
	least, most := n.Length()
	if least == most {
		return words + least
	}
	return -(words + least)
}

// String returns the usage line: what ParseSyntax parses back to the same
// tree, in the manual's spelling.
func (n *Node) String() string {
	var b strings.Builder
	n.format(&b, true, true)
	return b.String()
}

// Usage returns the line as people read it: without braces and access.
func (n *Node) Usage() string {
	var b strings.Builder
	n.format(&b, false, true)
	return b.String()
}

// format writes n. Marks are braces, access, and types that its name does not
// imply. A bare node has no more beside it than it can bear without brackets.
func (n *Node) format(b *strings.Builder, marks, bare bool) {
	group := !bare && n.Kind >= Sequence && n.Kind != Optional
	if group {
		b.WriteByte('<')
	}
	switch n.Kind {
	case Word:
		if n.Name == "" {
			b.WriteString(`""`)
		}
		b.WriteString(n.Name)
	case Value, KeyName:
		n.formatName(b, marks)
	case Sequence:
		for i, part := range n.Nodes {
			if i > 0 {
				b.WriteByte(' ')
			}
			part.format(b, marks, part.Kind == Repeat || len(n.Nodes) == 1)
		}
	case Choice:
		for i, alt := range n.Nodes {
			if i > 0 {
				b.WriteString(" | ")
			}
			alt.format(b, marks, alt.Kind != Choice)
		}
	case Optional:
		b.WriteByte('[')
		n.Nodes[0].format(b, marks, true)
		b.WriteByte(']')
	case Repeat:
		in := n.Nodes[0]
		in.format(b, marks, in.Kind == Sequence)
		b.WriteString(" [")
		in.format(b, marks, in.Kind == Sequence)
		b.WriteString(" ...]")
	}
	if group {
		b.WriteByte('>')
	}
}

// formatName writes a Value or KeyName.
func (n *Node) formatName(b *strings.Builder, marks bool) {
	if !marks {
		b.WriteString(n.Name)
		return
	}
	if n.Kind == Value {
		b.WriteString(n.Name)
		implied, ok := typeOf[n.Name]
		if ok && implied != n.Type || !ok && n.Type != TypeString {
			b.WriteString(":" + string(n.Type))
		}
		return
	}
	b.WriteString("{" + n.Name)
	if n.Access != 0 {
		b.WriteString(":" + n.Access.syntax())
	}
	b.WriteByte('}')
}
