package wire

import (
	"redstart/wire/command"
)

// A queue holds the commands of a transaction between MULTI and EXEC.
type queue struct {
	steps  []step
	broken bool // a command was refused: EXEC will abort
}

type step struct {
	cmd  *command.Command
	args [][]byte
}

// add queues a command. Its arguments are copied: they are the buffer's.
func (q *queue) add(cmd *command.Command, args [][]byte) {
	q.steps = append(q.steps, step{cmd, copyArgs(args)})
}

// copyArgs returns a copy of args in one piece of memory.
func copyArgs(args [][]byte) [][]byte {
	size := 0
	for _, a := range args {
		size += len(a)
	}
	buf := make([]byte, 0, size)
	out := make([][]byte, len(args))
	for i, a := range args {
		buf = append(buf, a...)
		out[i] = buf[len(buf)-len(a) : len(buf) : len(buf)]
	}
	return out
}

// endsMulti reports whether cmd is run, and not queued, inside MULTI.
func endsMulti(cmd *command.Command) bool {
	switch cmd.Name {
	case "EXEC", "DISCARD", "MULTI", "WATCH", "QUIT", "RESET":
		return cmd.Parent() == nil
	}
	return false
}

var transactionCommands = []command.Command{
	{
		Name:       "MULTI",
		Summary:    "Starts a transaction: the commands that follow are queued.",
		Since:      "1.2.0",
		Complexity: "O(1)",
		Flags:      command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy,
		Run:        multi,
	},
	{
		Name:       "EXEC",
		Summary:    "Runs the queued commands as one.",
		Since:      "1.2.0",
		Complexity: "Depends on commands in the transaction",
		Flags:      command.NoScript | command.Loading | command.Stale | command.SkipSlowlog,
		Run:        exec,
	},
	{
		Name:       "DISCARD",
		Summary:    "Drops the queued commands.",
		Since:      "2.0.0",
		Complexity: "O(N), when N is the number of queued commands",
		Flags:      command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy,
		Run:        discard,
	},
	{
		Name:       "WATCH",
		Syntax:     "{key} [{key} ...]",
		Summary:    "Makes the next EXEC do nothing if one of the keys changes before.",
		Since:      "2.2.0",
		Complexity: "O(1) for every key.",
		Flags:      command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy,
		Run:        watch,
	},
	{
		Name:       "UNWATCH",
		Summary:    "Forgets the watched keys.",
		Since:      "2.2.0",
		Complexity: "O(1)",
		Flags:      command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy,
		Run:        unwatch,
	},
}

func multi(c *command.Call) error {
	s := c.Peer.(*session)
	if s.multi != nil {
		return errNestedMulti
	}
	s.multi = new(queue)
	c.Reply.Simple("OK")
	return nil
}

// exec runs the queue under the locks of all its commands and of the watched
// keys, so that nobody else gets in between and the check of the watched keys
// still holds when the first command runs.
func exec(c *command.Call) error {
	s := c.Peer.(*session)
	if s.multi == nil {
		return command.Error("ERR EXEC without MULTI")
	}
	q := s.multi
	defer s.discard()
	if q.broken {
		return errExecAbort
	}
	s.locks.Reset()
	writable := false
	for _, st := range q.steps {
		if err := s.addLocks(st.cmd, st.args); err != nil {
			return err
		}
		writable = writable || st.cmd.Flags&command.Write != 0
	}
	s.watch.AddTo(&s.locks, s.srv.db)
	if err := s.tx.Begin(s.locks, writable); err != nil {
		return err
	}
	if s.watch.Active() && s.watch.Changed(s.tx) {
		c.Reply.NullArray()
		return s.tx.End()
	}
	c.NoWait(true)
	defer c.NoWait(false)
	s.executing = true
	c.Reply.Array(len(q.steps))
	for _, st := range q.steps {
		before := c.Reply.Len()
		s.tx.Select(s.db)
		s.commands++
		if err := s.invoke(s.tx, st.cmd, st.args); err != nil {
			c.Reply.Truncate(before)
			s.fail(c.Reply, err)
		}
		s.tx.Settle()
	}
	err := s.tx.End()
	s.executing = false
	if s.after.Len() > 0 && err == nil {
		c.Reply.Raw(s.after.Bytes())
	}
	s.after.Swap(nil)
	return err
}

func discard(c *command.Call) error {
	s := c.Peer.(*session)
	if s.multi == nil {
		return command.Error("ERR DISCARD without MULTI")
	}
	s.discard()
	c.Reply.Simple("OK")
	return nil
}

// discard ends the transaction and forgets the watched keys.
func (s *session) discard() {
	s.multi = nil
	s.srv.db.Unwatch(&s.watch)
}

func watch(c *command.Call) error {
	s := c.Peer.(*session)
	if s.multi != nil {
		return errWatchMulti
	}
	for c.More() {
		c.Tx.Watch(&s.watch, c.Key())
	}
	if err := c.Done(); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

func unwatch(c *command.Call) error {
	s := c.Peer.(*session)
	s.srv.db.Unwatch(&s.watch)
	c.Reply.Simple("OK")
	return nil
}
