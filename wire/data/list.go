package data

import (
	"bytes"
	"math"
	"time"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
)

var listCommands = []Command{
	{
		Name:       "BLMOVE",
		Syntax:     "{source:read+delete} {destination:insert} LEFT|RIGHT LEFT|RIGHT timeout",
		Summary:    "Takes an element off one end of a list and puts it on an end of another; waits until there is one.",
		Since:      "6.2.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM | Blocking,
		Run:        lmove(blocking),
	},
	{
		Name:       "BLMPOP",
		Syntax:     "timeout numkeys {key:read+delete} [{key} ...] LEFT|RIGHT [COUNT count]",
		Summary:    "Takes elements off the first list that has any; waits until one has.",
		Since:      "7.0.0",
		Complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
		Flags:      Write | Blocking,
		Run:        lmpop(blocking),
	},
	{
		Name:       "BLPOP",
		Syntax:     "{key:read+delete} [{key} ...] timeout",
		Summary:    "Takes the first element of the first list that has one; waits until one has.",
		Since:      "2.0.0",
		Complexity: "O(N) where N is the number of provided keys.",
		Flags:      Write | Blocking,
		Run:        bpop(front),
	},
	{
		Name:       "BRPOP",
		Syntax:     "{key:read+delete} [{key} ...] timeout",
		Summary:    "Takes the last element of the first list that has one; waits until one has.",
		Since:      "2.0.0",
		Complexity: "O(N) where N is the number of provided keys.",
		Flags:      Write | Blocking,
		Run:        bpop(back),
	},
	{
		Name:            "BRPOPLPUSH",
		Syntax:          "{source:read+delete} {destination:insert} timeout",
		Summary:         "Takes the last element of a list and puts it in front of another; waits until there is one.",
		Since:           "2.2.0",
		Complexity:      "O(1)",
		Flags:           Write | DenyOOM | Blocking,
		DeprecatedSince: "6.2.0",
		ReplacedBy:      "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
		Run:             rpoplpush(blocking),
	},
	{
		Name:       "LINDEX",
		Syntax:     "{key} index",
		Summary:    "Returns the element of a list at an index.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or the last element of the list O(1).",
		Flags:      Read,
		Run:        lindex,
	},
	{
		Name:       "LINSERT",
		Syntax:     "{key:insert} BEFORE|AFTER pivot element",
		Summary:    "Inserts an element into a list, before or after another.",
		Since:      "2.2.0",
		Complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N).",
		Flags:      Write | DenyOOM,
		Run:        linsert,
	},
	{
		Name:       "LLEN",
		Syntax:     "{key:test}",
		Summary:    "Returns the length of a list.",
		Since:      "1.0.0",
		Complexity: "O(1)",
		Flags:      Read | Fast,
		Run:        llen,
	},
	{
		Name:       "LMOVE",
		Syntax:     "{source:read+delete} {destination:insert} LEFT|RIGHT LEFT|RIGHT",
		Summary:    "Takes an element off one end of a list and puts it on an end of another.",
		Since:      "6.2.0",
		Complexity: "O(1)",
		Flags:      Write | DenyOOM,
		Run:        lmove(plain),
	},
	{
		Name:       "LMPOP",
		Syntax:     "numkeys {key:read+delete} [{key} ...] LEFT|RIGHT [COUNT count]",
		Summary:    "Takes elements off the first list that has any.",
		Since:      "7.0.0",
		Complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
		Flags:      Write,
		Run:        lmpop(plain),
	},
	{
		Name:       "LPOP",
		Syntax:     "{key:read+delete} [count]",
		Summary:    "Takes elements off the front of a list.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of elements returned",
		Flags:      Write | Fast,
		Run:        pop(front),
	},
	{
		Name:       "LPOS",
		Syntax:     "{key} element [RANK rank] [COUNT num-matches] [MAXLEN len]",
		Summary:    "Returns the indexes at which a list has an element.",
		Since:      "6.0.6",
		Complexity: "O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.",
		Flags:      Read,
		Run:        lpos,
	},
	{
		Name:       "LPUSH",
		Syntax:     "{key:insert} element [element ...]",
		Summary:    "Puts elements in front of a list, which is created if there is none.",
		Since:      "1.0.0",
		Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
		Flags:      Write | DenyOOM | Fast,
		Run:        push(front, (*store.Tx).EditList),
	},
	{
		Name:       "LPUSHX",
		Syntax:     "{key:insert} element [element ...]",
		Summary:    "Puts elements in front of a list, if there is one.",
		Since:      "2.2.0",
		Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
		Flags:      Write | DenyOOM | Fast,
		Run:        push(front, (*store.Tx).AlterList),
	},
	{
		Name:       "LRANGE",
		Syntax:     "{key} start stop",
		Summary:    "Returns the elements of a list between two indexes.",
		Since:      "1.0.0",
		Complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.",
		Flags:      Read,
		Run:        lrange,
	},
	{
		Name:       "LREM",
		Syntax:     "{key:delete} count element",
		Summary:    "Removes elements equal to the one given from a list.",
		Since:      "1.0.0",
		Complexity: "O(N+M) where N is the length of the list and M is the number of elements removed.",
		Flags:      Write,
		Run:        lrem,
	},
	{
		Name:       "LSET",
		Syntax:     "{key} index element",
		Summary:    "Replaces the element of a list at an index.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).",
		Flags:      Write | DenyOOM,
		Run:        lset,
	},
	{
		Name:       "LTRIM",
		Syntax:     "{key:delete} start stop",
		Summary:    "Removes all elements of a list but those between two indexes.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of elements to be removed by the operation.",
		Flags:      Write,
		Run:        ltrim,
	},
	{
		Name:       "RPOP",
		Syntax:     "{key:read+delete} [count]",
		Summary:    "Takes elements off the end of a list.",
		Since:      "1.0.0",
		Complexity: "O(N) where N is the number of elements returned",
		Flags:      Write | Fast,
		Run:        pop(back),
	},
	{
		Name:            "RPOPLPUSH",
		Syntax:          "{source:read+delete} {destination:insert}",
		Summary:         "Takes the last element of a list and puts it in front of another.",
		Since:           "1.2.0",
		Complexity:      "O(1)",
		Flags:           Write | DenyOOM,
		DeprecatedSince: "6.2.0",
		ReplacedBy:      "`LMOVE` with the `RIGHT` and `LEFT` arguments",
		Run:             rpoplpush(plain),
	},
	{
		Name:       "RPUSH",
		Syntax:     "{key:insert} element [element ...]",
		Summary:    "Puts elements at the end of a list, which is created if there is none.",
		Since:      "1.0.0",
		Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
		Flags:      Write | DenyOOM | Fast,
		Run:        push(back, (*store.Tx).EditList),
	},
	{
		Name:       "RPUSHX",
		Syntax:     "{key:insert} element [element ...]",
		Summary:    "Puts elements at the end of a list, if there is one.",
		Since:      "2.2.0",
		Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
		Flags:      Write | DenyOOM | Fast,
		Run:        push(back, (*store.Tx).AlterList),
	},
}

// An end is one of the ends of a list.
type end bool

const (
	front end = true
	back  end = false
)

func (e end) push(l *types.List, elem []byte) {
	if e == front {
		l.PushFront(elem)
	} else {
		l.PushBack(elem)
	}
}

func (e end) pop(l *types.List) ([]byte, bool) {
	if e == front {
		return l.PopFront()
	}
	return l.PopBack()
}

// peek returns what pop would take.
func (e end) peek(l *types.List) ([]byte, bool) {
	if e == front {
		return l.At(0)
	}
	return l.At(-1)
}

// takeEnd takes LEFT or RIGHT.
func takeEnd(c *Call) end {
	if c.Option("LEFT") {
		return front
	}
	if !c.Option("RIGHT") {
		c.Fail(command.ErrSyntax)
	}
	return back
}

// push returns the handler of LPUSH, RPUSH or, if target gives nil where there
// is no key, LPUSHX or RPUSHX.
func push(e end, target func(*store.Tx, string) (*types.List, error)) func(*Call) error {
	return func(c *Call) error {
		l, err := target(c.Tx, c.Key())
		if err != nil {
			return err
		}
		if l == nil {
			c.Reply.Int(0)
			return nil
		}
		for _, elem := range c.Rest() {
			e.push(l, elem)
		}
		c.Reply.Int(int64(l.Len()))
		return nil
	}
}

// pop returns the handler of LPOP or RPOP.
func pop(e end) func(*Call) error {
	return func(c *Call) error {
		key := c.Key()
		if c.Left() > 1 {
			return c.Command.ArityError()
		}
		counted, count := c.More(), int64(1)
		if counted {
			count = c.IntIn(0, math.MaxInt64, command.ErrNotPositive)
		}
		if err := c.Done(); err != nil {
			return err
		}
		l, err := c.Tx.AlterList(key)
		if err != nil {
			return err
		}
		switch {
		case l == nil && counted:
			c.Reply.NullArray()
			return nil
		case l == nil:
			c.Reply.Null()
			return nil
		case count == 0:
			c.Reply.Array(0)
			return nil
		}
		if !counted {
			elem, _ := e.pop(l)
			c.Reply.Bulk(elem)
			return nil
		}
		popMany(c, l, e, count)
		return nil
	}
}

// popMany takes up to count elements and replies with them.
func popMany(c *Call, l *types.List, e end, count int64) {
	n := int(min(count, int64(l.Len())))
	c.Reply.Array(n)
	for range n {
		elem, _ := e.pop(l)
		c.Reply.Bulk(elem)
	}
}

// bpop returns the handler of BLPOP or BRPOP.
func bpop(e end) func(*Call) error {
	return func(c *Call) error {
		t := taker{kind: types.KindList}
		if err := t.parseKeys(c); err != nil {
			return err
		}
		key, l, err := first(c, t.keys, (*store.Tx).AlterList)
		if err != nil {
			return err
		}
		if l == nil {
			return t.nothing(c)
		}
		elem, _ := e.pop(l)
		c.Reply.Array(2)
		c.Reply.BulkString(key)
		c.Reply.Bulk(elem)
		return nil
	}
}

// lmpop returns the handler of LMPOP or BLMPOP.
func lmpop(m mode) func(*Call) error {
	return func(c *Call) error {
		t, e := taker{kind: types.KindList}, front
		if err := t.parseCounted(c, m, func() { e = takeEnd(c) }); err != nil {
			return err
		}
		key, l, err := first(c, t.keys, (*store.Tx).AlterList)
		if err != nil {
			return err
		}
		if l == nil {
			return t.nothing(c)
		}
		c.Reply.Array(2)
		c.Reply.BulkString(key)
		popMany(c, l, e, t.count)
		return nil
	}
}

// lmove returns the handler of LMOVE or BLMOVE.
func lmove(m mode) func(*Call) error {
	return func(c *Call) error {
		src, dst := c.Key(), c.Key()
		from, to := takeEnd(c), takeEnd(c)
		var timeout time.Duration
		if m == blocking {
			timeout = c.Timeout()
		}
		return moveElement(c, src, dst, from, to, m, timeout)
	}
}

// rpoplpush returns the handler of RPOPLPUSH or BRPOPLPUSH.
func rpoplpush(m mode) func(*Call) error {
	return func(c *Call) error {
		src, dst := c.Key(), c.Key()
		var timeout time.Duration
		if m == blocking {
			timeout = c.Timeout()
		}
		return moveElement(c, src, dst, back, front, m, timeout)
	}
}

func moveElement(c *Call, src, dst string, from, to end, m mode, timeout time.Duration) error {
	if err := c.Done(); err != nil {
		return err
	}
	l, err := c.Tx.List(src)
	if err != nil {
		return err
	}
	if l == nil {
		if m == blocking {
			return c.Wait(command.Wait{Kind: types.KindList, Keys: []string{src}, Timeout: timeout})
		}
		c.Reply.Null()
		return nil
	}
	into, err := c.Tx.EditList(dst)
	if err != nil {
		return err
	}
	if l, err = c.Tx.EditList(src); err != nil {
		return err
	}
	// What is popped is gone with the next write of its list, which may be the
	// same: it is kept in the reply.
	elem, _ := from.peek(l)
	at := c.Reply.Len()
	c.Reply.Bulk(elem)
	reply := c.Reply.Bytes()[at:]
	elem = reply[len(reply)-2-len(elem) : len(reply)-2]
	from.pop(l)
	to.push(into, elem)
	return nil
}

func llen(c *Call) error {
	l, err := c.Tx.List(c.Key())
	if err != nil {
		return err
	}
	c.Reply.Int(int64(l.Len()))
	return nil
}

func lindex(c *Call) error {
	key, index := c.Key(), c.Bytes()
	l, err := c.Tx.List(key)
	if err != nil {
		return err
	}
	if l == nil {
		c.Reply.Null()
		return nil
	}
	i, ok := types.ParseInt(index)
	if !ok {
		return command.ErrNotInteger
	}
	elem, ok := l.At(clampIndex(i))
	if !ok {
		c.Reply.Null()
		return nil
	}
	c.Reply.Bulk(elem)
	return nil
}

// clampIndex makes an index fit for an int without changing what it names.
func clampIndex(i int64) int { return int(max(math.MinInt32, min(i, math.MaxInt32))) }

func lset(c *Call) error {
	key, index, elem := c.Key(), c.Bytes(), c.Bytes()
	l, err := c.Tx.AlterList(key)
	if err != nil {
		return err
	}
	if l == nil {
		return command.ErrNoKey
	}
	i, ok := types.ParseInt(index)
	if !ok {
		return command.ErrNotInteger
	}
	if i < 0 {
		i += int64(l.Len())
	}
	if i < 0 || i >= int64(l.Len()) {
		return command.ErrIndex
	}
	if err := l.SetAt(int(i), elem); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

func linsert(c *Call) error {
	key := c.Key()
	after := c.Option("AFTER")
	if !after && !c.Option("BEFORE") {
		c.Fail(command.ErrSyntax)
	}
	pivot, elem := c.Bytes(), c.Bytes()
	if err := c.Done(); err != nil {
		return err
	}
	l, err := c.Tx.AlterList(key)
	if err != nil {
		return err
	}
	if l == nil {
		c.Reply.Int(0)
		return nil
	}
	if !l.Insert(pivot, elem, after) {
		c.Reply.Int(-1)
		return nil
	}
	c.Reply.Int(int64(l.Len()))
	return nil
}

func lrange(c *Call) error {
	key := c.Key()
	start, stop := c.Int(), c.Int()
	if err := c.Done(); err != nil {
		return err
	}
	l, err := c.Tx.List(key)
	if err != nil {
		return err
	}
	from, n := span(start, stop, l.Len())
	c.Still(n, l.Size()/max(l.Len(), 1)*n, func() { l = clone(l) })
	c.Reply.Array(n)
	l.Each(from, n, func(elem []byte) bool {
		c.Reply.Bulk(elem)
		return true
	})
	return nil
}

// span turns the start and stop of a command, which count from the end when
// negative, into where to begin among n elements and how many to take.
func span(start, stop int64, n int) (from, count int) {
	size := int64(n)
	if start < 0 {
		start = max(0, start+size)
	}
	if stop < 0 {
		stop += size
	}
	stop = min(stop, size-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop - start + 1)
}

func lrem(c *Call) error {
	key, count, elem := c.Key(), c.Int(), c.Bytes()
	if err := c.Done(); err != nil {
		return err
	}
	l, err := c.Tx.AlterList(key)
	if err != nil {
		return err
	}
	if l == nil {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(int64(l.Remove(elem, clampIndex(count))))
	return nil
}

func ltrim(c *Call) error {
	key := c.Key()
	start, stop := c.Int(), c.Int()
	if err := c.Done(); err != nil {
		return err
	}
	l, err := c.Tx.AlterList(key)
	if err != nil {
		return err
	}
	if l != nil {
		from, n := span(start, stop, l.Len())
		if n == 0 {
			if _, err := c.Tx.Delete(key); err != nil {
				return err
			}
		} else {
			l.Trim(from, from+n-1)
		}
	}
	c.Reply.Simple("OK")
	return nil
}

// A search is what LPOS looks for.
type search struct {
	elem               []byte
	rank, count, limit int64 // limit: how many elements to look at, 0: all
	counted            bool
}

func lpos(c *Call) error {
	key := c.Key()
	s := search{elem: c.Bytes(), rank: 1, count: 1}
	for c.More() {
		switch {
		case c.OptionWith("RANK", 1):
			s.rank = symmetric(c)
			if c.Err() == nil && s.rank == 0 {
				return command.Error("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list")
			}
		case c.OptionWith("COUNT", 1):
			s.counted = true
			s.count = c.IntIn(0, math.MaxInt64, command.Error("ERR COUNT can't be negative"))
		case c.OptionWith("MAXLEN", 1):
			s.limit = c.IntIn(0, math.MaxInt64, command.Error("ERR MAXLEN can't be negative"))
		default:
			return command.ErrSyntax
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	l, err := c.Tx.List(key)
	if err != nil {
		return err
	}
	found := 0
	if !s.counted {
		s.each(l, func(i int) bool {
			found++
			c.Reply.Int(int64(i))
			return false
		})
		if found == 0 {
			c.Reply.Null()
		}
		return nil
	}
	mark := c.Reply.Defer()
	s.each(l, func(i int) bool {
		found++
		c.Reply.Int(int64(i))
		return s.count == 0 || int64(found) < s.count
	})
	c.Reply.SetArray(mark, found)
	return nil
}

// each calls yield with the indexes of what is looked for.
func (s *search) each(l *types.List, yield func(i int) bool) {
	n := l.Len()
	limit := n
	if s.limit > 0 && s.limit < int64(n) {
		limit = int(s.limit)
	}
	i, seen := 0, int64(0)
	visit := func(elem []byte) bool {
		at := i
		i++
		if !bytes.Equal(elem, s.elem) {
			return true
		}
		seen++
		if s.rank < 0 {
			return seen < -s.rank || yield(n-1-at)
		}
		return seen < s.rank || yield(at)
	}
	if s.rank < 0 {
		l.EachReverse(n-1, limit, visit)
		return
	}
	l.Each(0, limit, visit)
}
