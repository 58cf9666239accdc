package data

import (
	"redstart/store"
	"redstart/wire/command"
)

// setOptions are those of SET and GETEX.
type setOptions struct {
	absent   bool      // NX: only if there is no key
	existing bool      // XX: only if there is one
	get      bool      // reply the old value
	keep     bool      // KEEPTTL
	persist  bool      // PERSIST
	lifetime *lifetime // that was given, with its
	number   []byte
}

func set(c *Call) error {
	key, value := c.Key(), c.Bytes()
	if c.Left() == 0 {
		c.Reply.Simple("OK")
		return c.Tx.PutString(key, value, 0)
	}
	var o setOptions
	for c.More() {
		switch {
		case !o.existing && c.Option("NX"):
			o.absent = true
		case !o.absent && c.Option("XX"):
			o.existing = true
		case c.Option("GET"):
			o.get = true
		case o.lifetime == nil && c.Option("KEEPTTL"):
			o.keep = true
		case !o.keep && o.takeLifetime(c):
		default:
			c.Fail(command.ErrSyntax)
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	return o.set(c, key, value)
}

// takeLifetime takes one of the options that say when the key expires, and its
// number. The same one may be given again, and the last counts.
func (o *setOptions) takeLifetime(c *Call) bool {
	for _, l := range [...]*lifetime{&inSeconds, &inMillis, &atSeconds, &atMillis} {
		if (o.lifetime == nil || o.lifetime == l) && c.OptionWith(l.option, 1) {
			o.lifetime, o.number = l, c.Bytes()
			return true
		}
	}
	return false
}

// set is SET, whose syntax is right.
func (o *setOptions) set(c *Call, key string, value []byte) error {
	var deadline int64
	var err error
	switch {
	case o.keep:
		deadline = store.KeepTTL
	case o.lifetime != nil:
		if deadline, err = o.lifetime.ahead(c, o.number); err != nil {
			return err
		}
	}
	if o.get {
		old, err := c.Tx.Get(key)
		if err != nil {
			return err
		}
		replyString(c, old)
	}
	if (o.absent || o.existing) && c.Tx.Exists(key) == o.absent {
		if !o.get {
			c.Reply.Null()
		}
		return nil
	}
	if !o.get {
		c.Reply.Simple("OK")
	}
	return c.Tx.PutString(key, value, deadline)
}

func getEx(c *Call) error {
	key := c.Key()
	var o setOptions
	for c.More() {
		switch {
		case o.lifetime == nil && c.Option("PERSIST"):
			o.persist = true
		case !o.persist && o.takeLifetime(c):
		default:
			c.Fail(command.ErrSyntax)
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	v, err := c.Tx.Get(key)
	if err != nil {
		return err
	}
	if v == nil { // before the number is looked at
		c.Reply.Null()
		return nil
	}
	var deadline int64 // none: PERSIST
	if o.lifetime != nil {
		if deadline, err = o.lifetime.ahead(c, o.number); err != nil {
			return err
		}
	}
	c.Reply.Bulk(v)
	if o.lifetime != nil || o.persist {
		_, err = c.Tx.Expire(key, deadline)
	}
	return err
}
