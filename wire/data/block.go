package data

import (
	"math"
	"time"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
)

// A mode says whether a command waits when there is nothing to take.
type mode bool

const (
	plain    mode = false
	blocking mode = true
)

// A taker takes something from the first of some keys that has a value: the
// arguments and the waiting that LPOP's and ZPOPMIN's relatives share.
type taker struct {
	mode    mode
	kind    types.Kind
	keys    []string
	count   int64
	timeout time.Duration
}

// parseKeys takes `key [key ...] timeout`.
func (t *taker) parseKeys(c *Call) error {
	t.mode = blocking
	t.keys = c.Keys(c.Left() - 1)
	t.timeout = c.Timeout()
	return c.Done()
}

// parseCounted takes `[timeout] numkeys key [key ...] side [COUNT count]`,
// where side takes what the family has for it. The timeout comes first and is
// looked at last.
func (t *taker) parseCounted(c *Call, m mode, side func()) error {
	var timeout []byte
	if t.mode = m; m == blocking {
		timeout = c.Bytes()
	}
	t.keys = c.Keys(int(c.IntIn(1, math.MaxInt64, command.Error("ERR numkeys should be greater than 0"))))
	side()
	t.count = 1
	for counted := false; c.More(); counted = true {
		if counted || !c.OptionWith("COUNT", 1) {
			return command.ErrSyntax
		}
		t.count = c.IntIn(1, math.MaxInt64, command.Error("ERR count should be greater than 0"))
	}
	if m == blocking {
		t.timeout = c.TimeoutIn(timeout)
	}
	return c.Done()
}

// first returns the first of the keys that has a value, and the value for
// writing; the zero P if none has.
func first[P comparable](c *Call, keys []string, alter func(*store.Tx, string) (P, error)) (key string, v P, err error) {
	var none P
	for _, key := range c.Ready(keys) {
		if v, err := alter(c.Tx, key); err != nil || v != none {
			return key, v, err
		}
	}
	return "", none, nil
}

// nothing ends a command that found nothing to take.
func (t *taker) nothing(c *Call) error {
	if t.mode == blocking {
		return c.Wait(command.Wait{Kind: t.kind, Keys: t.keys, Timeout: t.timeout})
	}
	c.Reply.NullArray()
	return nil
}
