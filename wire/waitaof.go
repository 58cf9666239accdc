package wire

import (
	"context"
	"math"
	"time"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// genericCommands are those of the group generic that have to do with the
// connection; the others are in package data.
var genericCommands = []command.Command{
	{
		Name: "WAITAOF", Syntax: "numlocal numreplicas timeout:integer",
		Summary: "Waits until the connection's writes are on disk.",
		Since:   "7.2.0", Complexity: "O(1)",
		Flags: command.NoScript, Run: waitaof,
		ACL:  command.ACLConnection,
		Tips: []string{"request_policy:all_shards", "response_policy:agg_min"},
	},
}

// waitaof has what the connection has written synced now, whatever the policy,
// and waits for it. There are no replicas, so it does not wait for any.
func waitaof(c *command.Call) error {
	local := c.Int()
	if c.Err() == nil && (local < 0 || local > 1) {
		c.Fail(command.Error("ERR value is out of range, value must between 0 and 1"))
	}
	c.IntIn(0, math.MaxInt64, command.Error("ERR value is out of range, must be positive"))
	timeout := c.IntOr(command.Error("ERR timeout is not an integer or out of range"))
	if timeout < 0 {
		c.Fail(command.ErrNegTimeout)
	}
	if err := c.Done(); err != nil {
		return err
	}
	s := c.Peer.(*session)
	db := s.srv.db
	if _, file := db.Stats(); local == 1 && !file {
		return command.Error("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
	}
	seq := max(c.Tx.LastSeq(), s.servedSeq)
	answer := func(w *resp.Writer) {
		w.Array(2)
		w.Int(asInt(db.Durable(seq)))
		w.Int(0)
	}
	if local == 0 || db.Durable(seq) || !c.MayWait() {
		answer(c.Reply)
		return nil
	}
	s.parkUntilDurable(seq, time.Duration(min(timeout, math.MaxInt64/int64(time.Millisecond)))*time.Millisecond, answer)
	return nil
}

// parkUntilDurable makes the session wait until the commit with number seq is on
// disk or the time has passed, 0 being for ever, and then writes answer. Its
// waiter stands in line at no key; whoever may end the wait of a blocked client
// gives it up, and so does the goroutine that waits for the disk. If the disk
// fails the client gets that error.
func (s *session) parkUntilDurable(seq uint64, timeout time.Duration, answer func(*resp.Writer)) {
	ctx, cancel := context.WithCancel(context.Background())
	db, stop := s.srv.db, func() bool { return true }
	p := &parked{srv: s.srv, null: answer}
	p.waiter = &store.Waiter{Done: func(err error) {
		cancel()
		s.wakeups.Store(&wakeup{err})
		s.link.notify()
	}}
	s.parked = p
	s.card.parked.Store(p)
	if timeout > 0 {
		stop = db.Clock().AfterFunc(timeout, func() { db.GiveUp(p.waiter, store.ErrTimeout) })
	}
	go func() {
		err := db.WaitSeq(ctx, seq)
		stop()
		if err == nil {
			err = store.ErrTimeout // what answer says is true either way
		}
		db.GiveUp(p.waiter, err)
	}()
}
