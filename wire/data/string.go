package data

import "redstart/types"

var stringCommands = []Command{
	{
		Name: "GET", Syntax: "{key}",
		Summary: "Returns the string at a key.",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: Read | Fast, Run: get,
	},
	{
		Name: "SET", Syntax: "{key:update} value",
		Summary: "x",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: Write | DenyOOM, Run: set,
	},
}

func get(c *Call) error {
	v, err := c.Tx.Get(c.Key())
	if err != nil {
		return err
	}
	if v == nil {
		c.Reply.Null()
		return nil
	}
	c.Reply.Bulk(v)
	return nil
}

func set(c *Call) error {
	key, v := c.Key(), c.Bytes()
	if err := c.Done(); err != nil {
		return err
	}
	if err := c.Tx.PutString(key, v, 0); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

var _ types.Kind
