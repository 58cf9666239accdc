package data

import (
	"bytes"
	"strconv"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
)

// A scan is what SCAN and its kin are asked for: where to begin, which
// elements to show, and about how many to look at.
type scan struct {
	cursor  uint64
	match   string
	all     bool // no pattern, or one that everything matches
	count   int
	entries int // replied so far
}

// parseScan takes the cursor and the options that all of the family have.
// extra, if not nil, is given those it does not know and reports whether it
// took one.
func parseScan(cursor []byte, c *Call, extra func() bool) (s scan, err error) {
	s = scan{all: true, count: 10}
	if s.cursor, err = parseCursor(cursor); err != nil {
		return s, err
	}
	for c.More() {
		switch {
		case c.OptionWith("COUNT", 1):
			n := c.Int()
			if c.Err() == nil && n < 1 {
				return s, command.ErrSyntax
			}
			s.count = int(min(n, 1<<30))
		case c.OptionWith("MATCH", 1):
			s.match = c.Text()
			s.all = s.match == "*"
		case extra != nil && extra():
		default:
			c.Fail(command.ErrSyntax)
		}
	}
	return s, c.Done()
}

// parseCursor reads a cursor as strtoul does, which takes a sign, and nothing
// for 0.
func parseCursor(b []byte) (uint64, error) {
	if len(b) == 0 {
		return 0, nil
	}
	digits, negative := bytes.CutPrefix(b, []byte("-"))
	if !negative {
		digits = bytes.TrimPrefix(b, []byte("+"))
	}
	n, err := strconv.ParseUint(command.Text(digits), 10, 64)
	if err != nil {
		return 0, command.Error("ERR invalid cursor")
	}
	if negative {
		n = -n
	}
	return n, nil
}

// shows reports whether an element is to be shown.
func (s *scan) shows(name []byte) bool {
	return s.all || store.Match(s.match, command.Text(name))
}

// reply writes the two parts of the reply: the cursor to go on from, and what
// walk writes, which counts itself in s.entries.
func (s *scan) reply(c *Call, walk func() (next uint64)) error {
	c.Reply.Array(2)
	// The cursor comes first and is known last: what walk writes is moved
	// behind it.
	at := c.Reply.Len()
	mark := c.Reply.Defer()
	next := walk()
	c.Reply.SetArray(mark, s.entries)
	body := append([]byte(nil), c.Reply.Bytes()[at:]...)
	c.Reply.Truncate(at)
	c.Reply.BulkString(strconv.FormatUint(next, 10))
	c.Reply.Raw(body)
	return nil
}

// scanValue returns the handler of HSCAN, SSCAN or ZSCAN, given how to walk
// through a value of that kind.
func scanValue(kind types.Kind, walk func(c *Call, v types.Value, s *scan) (next uint64)) func(*Call) error {
	return func(c *Call) error {
		key, cursor := c.Key(), c.Bytes()
		if _, err := parseCursor(cursor); err != nil {
			return err
		}
		switch c.Tx.Kind(key) {
		case kind:
		case types.KindNone:
			c.Reply.Array(2)
			c.Reply.BulkString("0")
			c.Reply.Array(0)
			return nil
		default:
			return store.ErrWrongType
		}
		s, err := parseScan(cursor, c, nil)
		if err != nil {
			return err
		}
		v := c.Tx.Value(key)
		if compact(v) {
			s.cursor, s.count = 0, v.Len() // Redis shows all of a small one, whatever it is asked
		}
		return s.reply(c, func() uint64 { return walk(c, v, &s) })
	}
}

// compact reports whether v is in a form that a scan shows at once.
func compact(v types.Value) bool {
	e := v.Encoding()
	return e == "listpack" || e == "intset"
}
