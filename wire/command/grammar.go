package command

import (
	"math/rand/v2"
	"strconv"
)

// A Walker makes up calls of commands by random walks over their syntax: for
// tests that send them to two servers and compare.
type Walker struct {
	// Rand is the source of all chances.
	Rand *rand.Rand
	// Keys are the names to choose keys from. Few, so that calls meet.
	Keys []string
	// Odd is the share of calls, from 0 to 1, that are made a little wrong:
	// an argument is lost, doubled, replaced or moved.
	Odd float64
	// Value makes up what stands for a placeholder, a Value node. Nil, or an
	// answer of false, leaves it to a small assortment for the node's type.
	Value func(r *rand.Rand, n *Node) (text string, ok bool)
}

// repeatMost bounds how often a walk goes round a Repeat.
const repeatMost = 4

// Call returns a call of c, a command of a Table: its name, that of the
// sub-command if it is one, and arguments.
func (w *Walker) Call(c *Command) [][]byte {
	s := walk{Walker: w, count: -1}
	if c.parent != nil {
		s.add(c.parent.Name)
	}
	s.add(c.Name)
	names := len(s.args)
	if !c.Container() {
		s.node(c.tree)
	}
	if w.Rand.Float64() < w.Odd {
		s.spoil(names)
	}
	return s.args
}

// A walk is one call in the making.
type walk struct {
	*Walker
	args  [][]byte
	count int // index of a numkeys to be filled in, -1 for none
}

func (w *walk) add(s string) { w.args = append(w.args, []byte(s)) }

func (w *walk) node(n *Node) {
	switch n.Kind {
	case Word:
		w.add(n.Name)
	case Value:
		w.value(n)
	case KeyName:
		w.key()
	case Sequence:
		for _, part := range n.Nodes {
			w.node(part)
		}
	case Choice:
		w.node(n.Nodes[w.Rand.IntN(len(n.Nodes))])
	case Optional:
		if w.Rand.IntN(2) == 0 {
			w.node(n.Nodes[0])
			return
		}
		w.fillCount(0, n.Nodes[0])
	case Repeat:
		times := 1 + w.Rand.IntN(repeatMost)
		w.fillCount(times, n)
		for range times {
			w.node(n.Nodes[0])
		}
	}
}

// fillCount makes an open numkeys true, if n is the keys it counts.
func (w *walk) fillCount(times int, n *Node) {
	if w.count >= 0 && n.hasKeys() {
		w.args[w.count] = strconv.AppendInt(nil, int64(times), 10)
		w.count = -1
	}
}

func (w *walk) key() {
	if len(w.Keys) == 0 {
		w.add("key")
		return
	}
	w.add(w.Keys[w.Rand.IntN(len(w.Keys))])
}

func (w *walk) value(n *Node) {
	if n.Name == "numkeys" {
		w.count = len(w.args)
		w.add("1")
		return
	}
	if w.Value != nil {
		if s, ok := w.Value(w.Rand, n); ok {
			w.add(s)
			return
		}
	}
	some := samples[n.Type]
	w.add(some[w.Rand.IntN(len(some))])
}

// samples are what values are made of: ordinary ones more often than those at
// the edges.
var samples = map[ArgType][]string{
	TypeString: {"a", "b", "c", "d", "e", "1", "2", "10", "-5", "3.5", "", "hello world", "\x00\xff"},
	TypeInteger: {"0", "1", "2", "3", "5", "10", "100", "-1", "-2", "-100",
		"9223372036854775807", "-9223372036854775808", "4294967296"},
	TypeDouble:  {"0", "1", "2", "2", "3", "0.5", "-1.5", "1e3", "3.14159", "inf", "-inf", "1e308", "-0"},
	TypeTime:    {"1", "4102444800", "4102444800000", "0", "-1", "9223372036854775807"},
	TypePattern: {"*", "a*", "?", "[a-c]", "k[^x]*", "\\*", "nosort", "#"},
}

// oddities replace an argument of a call that is made wrong.
var oddities = []string{
	"", " 1", "1 ", "+1", "01", "0x10", "1.0", "nan", "1e400", "9223372036854775808",
	"NX", "LIMIT", "(", "(1", "[a", "+", "-", "\r\n", "*", "-0",
}

// spoil makes one change to the arguments after the first names.
func (w *walk) spoil(names int) {
	n := len(w.args) - names
	if n == 0 {
		w.add(w.oddity())
		return
	}
	at := names + w.Rand.IntN(n)
	switch w.Rand.IntN(5) {
	case 0: // lost
		w.args = append(w.args[:at], w.args[at+1:]...)
	case 1: // doubled
		w.add("")
		copy(w.args[at+1:], w.args[at:])
	case 2: // replaced
		w.args[at] = []byte(w.oddity())
	case 3: // moved
		other := names + w.Rand.IntN(n)
		w.args[at], w.args[other] = w.args[other], w.args[at]
	case 4: // cut off
		w.args = w.args[:at]
	}
}

func (w *walk) oddity() string { return oddities[w.Rand.IntN(len(oddities))] }
