package command

import (
	"math"
	"time"
	"unsafe"

	"redstart/types"
)

// An Error is an error with the text a client sees, its code in front.
type Error string

func (e Error) Error() string { return string(e) }

// Errors that handlers of several families return.
const (
	ErrSyntax      Error = "ERR syntax error"
	ErrNotInteger  Error = "ERR value is not an integer or out of range"
	ErrNotFloat    Error = "ERR value is not a valid float"
	ErrNotPositive Error = "ERR value is out of range, must be positive"
	ErrOutOfRange  Error = "ERR value is out of range"
	ErrIndex       Error = "ERR index out of range"
	ErrNoKey       Error = "ERR no such key"
	ErrNegTimeout  Error = "ERR timeout is negative"
	ErrTimeout     Error = "ERR timeout is not a float or out of range"
	ErrTimeoutBig  Error = "ERR timeout is out of range"
)

// Text returns b as a string without copying it.
func Text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Fail records err as what is wrong with the arguments, unless something was
// wrong already. Arguments taken afterwards are empty.
func (c *Call) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Done ends the reading of the arguments: it returns the first thing that was
// wrong with them, or a syntax error if some are left.
func (c *Call) Done() error {
	if c.err == nil && c.pos < len(c.args) {
		c.err = ErrSyntax
	}
	return c.err
}

// Err returns the first thing that was wrong so far.
func (c *Call) Err() error { return c.err }

// More reports whether arguments are left and nothing was wrong so far.
func (c *Call) More() bool { return c.err == nil && c.pos < len(c.args) }

// Left returns how many arguments are left.
func (c *Call) Left() int { return len(c.args) - c.pos }

// Args returns all arguments of the command, its name included.
func (c *Call) Args() [][]byte { return c.all }

// Rest takes all arguments that are left.
func (c *Call) Rest() [][]byte {
	rest := c.args[c.pos:]
	c.pos = len(c.args)
	return rest
}

// Take takes the next n arguments.
func (c *Call) Take(n int) [][]byte {
	if n < 0 || n > c.Left() {
		c.Fail(ErrSyntax)
		return nil
	}
	c.pos += n
	return c.args[c.pos-n : c.pos]
}

// Bytes takes the next argument.
func (c *Call) Bytes() []byte {
	if c.pos >= len(c.args) {
		c.Fail(ErrSyntax)
		return nil
	}
	c.pos++
	return c.args[c.pos-1]
}

// Peek returns the next argument without taking it, nil if there is none.
func (c *Call) Peek() []byte {
	if c.pos >= len(c.args) {
		return nil
	}
	return c.args[c.pos]
}

// Key takes the next argument, a key. Like all strings taken from a Call it is
// borrowed.
func (c *Call) Key() string { return Text(c.Bytes()) }

// Text takes the next argument as a string.
func (c *Call) Text() string { return Text(c.Bytes()) }

// Keys takes the next n arguments as strings.
func (c *Call) Keys(n int) []string { return Strings(c.Take(n)) }

// Strings returns args as strings, which share their memory.
func Strings(args [][]byte) []string {
	s := make([]string, len(args))
	for i, a := range args {
		s[i] = Text(a)
	}
	return s
}

// Option takes the next argument if it is the word name, in any case, and
// reports whether it was.
func (c *Call) Option(name string) bool {
	if c.err != nil || c.pos >= len(c.args) || !EqualFold(c.args[c.pos], name) {
		return false
	}
	c.pos++
	return true
}

// OptionWith is Option for a word that n arguments must follow: without them
// it is a syntax error.
func (c *Call) OptionWith(name string, n int) bool {
	if !c.Option(name) {
		return false
	}
	if c.Left() < n {
		c.Fail(ErrSyntax)
		return false
	}
	return true
}

// EqualFold reports whether b is the word s, which is in capitals, in any case.
func EqualFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, x := range b {
		if 'a' <= x && x <= 'z' {
			x -= 'a' - 'A'
		}
		if x != s[i] {
			return false
		}
	}
	return true
}

// Int takes the next argument as a 64-bit integer.
func (c *Call) Int() int64 { return c.IntOr(ErrNotInteger) }

// IntOr is Int with an error of the caller's.
func (c *Call) IntOr(err error) int64 {
	n, ok := types.ParseInt(c.Bytes())
	if !ok {
		c.Fail(err)
		return 0
	}
	return n
}

// IntIn takes the next argument as an integer between lo and hi, or fails with err.
func (c *Call) IntIn(lo, hi int64, err error) int64 {
	n := c.IntOr(err)
	if n < lo || n > hi {
		c.Fail(err)
		return 0
	}
	return n
}

// Float takes the next argument as a number, which may be infinite.
func (c *Call) Float() float64 { return c.FloatOr(ErrNotFloat) }

// FloatOr is Float with an error of the caller's.
func (c *Call) FloatOr(err error) float64 {
	f, e := types.ParseFloat(c.Bytes())
	if e != nil {
		c.Fail(err)
		return 0
	}
	return f
}

// Timeout takes the next argument as the timeout of a blocking command, in
// seconds; 0 means for ever.
func (c *Call) Timeout() time.Duration { return c.TimeoutIn(c.Bytes()) }

// TimeoutIn is Timeout for an argument that was taken before: some commands
// check it after those that follow.
func (c *Call) TimeoutIn(arg []byte) time.Duration {
	if c.err != nil {
		return 0
	}
	f, err := types.ParseFloat(arg)
	switch {
	case err != nil:
		c.Fail(ErrTimeout)
	case f < 0:
		c.Fail(ErrNegTimeout)
	case f*1000 > math.MaxInt64/1e6:
		if f*1000 > math.MaxInt64 {
			c.Fail(ErrTimeoutBig)
		}
		return math.MaxInt64
	}
	if c.err != nil {
		return 0
	}
	// Redis rounds up to a millisecond, so that a tiny timeout is not none.
	return time.Duration(math.Ceil(f*1000)) * time.Millisecond
}
