package data

import (
	"math"

	"redstart/types"
	"redstart/wire/command"
)

// A lifetime is a way to say when a key expires: what its number counts.
type lifetime struct {
	option   string // of SET and GETEX
	unit     int64  // milliseconds
	absolute bool   // counted from 1970, not from now
}

var (
	inSeconds = lifetime{option: "EX", unit: 1000}
	inMillis  = lifetime{option: "PX", unit: 1}
	atSeconds = lifetime{option: "EXAT", unit: 1000, absolute: true}
	atMillis  = lifetime{option: "PXAT", unit: 1, absolute: true}
)

// deadline returns the time that number stands for, in Unix milliseconds.
func (l *lifetime) deadline(c *Call, number []byte) (int64, error) {
	n, ok := types.ParseInt(number)
	if !ok {
		return 0, command.ErrNotInteger
	}
	if n > math.MaxInt64/l.unit || n < math.MinInt64/l.unit {
		return 0, badLifetime(c)
	}
	n *= l.unit
	if l.absolute {
		return n, nil
	}
	if n > math.MaxInt64-c.Tx.Now() {
		return 0, badLifetime(c)
	}
	return n + c.Tx.Now(), nil
}

// ahead is deadline for commands that refuse zero and less.
func (l *lifetime) ahead(c *Call, number []byte) (int64, error) {
	if n, ok := types.ParseInt(number); ok && n <= 0 {
		return 0, badLifetime(c)
	}
	return l.deadline(c, number)
}

func badLifetime(c *Call) error {
	return command.Error("ERR invalid expire time in '" + c.Command.FullName() + "' command")
}

// An expireRule says which keys EXPIRE and its kin leave as they are.
type expireRule struct{ none, some, later, earlier bool } // NX, XX, GT, LT

// takeExpireRule takes the options of EXPIRE and its kin.
func takeExpireRule(c *Call) (r expireRule, err error) {
	for c.More() {
		switch {
		case c.Option("NX"):
			r.none = true
		case c.Option("XX"):
			r.some = true
		case c.Option("GT"):
			r.later = true
		case c.Option("LT"):
			r.earlier = true
		default:
			return r, command.Error("ERR Unsupported option " + c.Text())
		}
	}
	if r.none && (r.some || r.later || r.earlier) {
		return r, command.Error("ERR NX and XX, GT or LT options at the same time are not compatible")
	}
	if r.later && r.earlier {
		return r, command.Error("ERR GT and LT options at the same time are not compatible")
	}
	return r, nil
}

// admits reports whether a key that expires at old, 0 for never, may be made
// to expire at deadline. Never is later than any time.
func (r expireRule) admits(old, deadline int64) bool {
	switch {
	case r.none && old != 0, r.some && old == 0:
		return false
	case r.later && (old == 0 || deadline <= old):
		return false
	case r.earlier && old != 0 && deadline >= old:
		return false
	}
	return true
}

// expire returns the handler of EXPIRE, PEXPIRE, EXPIREAT or PEXPIREAT.
func expire(l lifetime) func(*Call) error {
	return func(c *Call) error {
		key, number := c.Key(), c.Bytes()
		rule, err := takeExpireRule(c)
		if err != nil {
			return err
		}
		deadline, err := l.deadline(c, number)
		if err != nil {
			return err
		}
		old, ok := c.Tx.Deadline(key)
		if !ok || !rule.admits(old, deadline) {
			c.Reply.Int(0)
			return nil
		}
		c.Reply.Int(1)
		if deadline <= c.Tx.Now() {
			_, err = c.Tx.Delete(key) // not Expire, to which 0 is never
			return err
		}
		_, err = c.Tx.Expire(key, deadline)
		return err
	}
}

// ttl returns the handler of TTL, PTTL, EXPIRETIME or PEXPIRETIME. Seconds are
// rounded to the nearest.
func ttl(l lifetime) func(*Call) error {
	return func(c *Call) error {
		at, ok := c.Tx.Deadline(c.Key())
		switch {
		case !ok:
			c.Reply.Int(-2)
			return nil
		case at == 0:
			c.Reply.Int(-1)
			return nil
		case !l.absolute:
			at -= c.Tx.Now()
		}
		whole, rest := at/l.unit, at%l.unit
		if rest >= 500 {
			whole++
		}
		c.Reply.Int(whole)
		return nil
	}
}

func persist(c *Call) error {
	key := c.Key()
	if at, _ := c.Tx.Deadline(key); at == 0 {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(1)
	_, err := c.Tx.Expire(key, 0)
	return err
}
