package wire

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"strings"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// execute runs one command, or queues it in MULTI, and writes its reply.
func (s *session) execute(args [][]byte) {
	s.commands++
	if cap(s.out.Bytes()) == 0 {
		s.room()
	}
	before := s.out.Len()
	if err := s.dispatch(args); err != nil {
		s.out.Truncate(before)
		s.fail(&s.out, err)
	}
	if (s.noReply || s.skip > 0) && s.parked == nil {
		s.mute(before)
	}
	if len(s.pending) > 0 {
		s.tellPending()
	}
	if s.track != nil && s.track.caching {
		s.forgetCaching(args)
	}
}

// room gives the session a buffer for replies if it has none.
func (s *session) room() {
	if cap(s.out.Bytes()) == 0 {
		s.out.Swap(buffers.get(s.wants)[:0])
	}
}

// fail writes an error reply.
func (s *session) fail(w *resp.Writer, err error) {
	text := spell(err)
	s.srv.stats.failures.note(text)
	w.Error(text)
}

// mute takes back a reply the client does not want. A SKIP is over with the
// command after it.
func (s *session) mute(before int) {
	s.out.Truncate(before)
	if s.skip > 0 {
		s.skip--
	}
}

func (s *session) dispatch(args [][]byte) error {
	cmd, err := s.admit(args)
	if err != nil {
		if fromBrowser(args[0]) {
			s.ending = true
			s.srv.log.Warn("closing client that speaks HTTP: a web page may try to reach this server", "client", s.id)
			return nil
		}
		if s.multi != nil {
			s.multi.broken = true
		}
		if bytes.EqualFold(args[0], []byte("EXEC")) {
			s.discard()
			err = abortedBy(err)
		}
		return err
	}
	s.card.ran(cmd)
	if s.multi != nil && !endsMulti(cmd) {
		s.multi.add(cmd, args)
		s.out.Simple("QUEUED")
		return nil
	}
	return s.perform(cmd, args)
}

// fromBrowser reports whether a line is the beginning or the host of an HTTP
// request that a web page has made a browser send: its body could be commands.
func fromBrowser(word []byte) bool {
	return bytes.EqualFold(word, []byte("POST")) || bytes.EqualFold(word, []byte("Host:"))
}

// abortedBy is the error of an EXEC that is refused: the transaction is over.
func abortedBy(err error) error {
	return command.Error("EXECABORT Transaction discarded because of: " + strings.TrimPrefix(spell(err), "ERR "))
}

// admit finds the command and checks everything that can be known before it
// runs: its arity, the client's rights, the state of the connection.
func (s *session) admit(args [][]byte) (*command.Command, error) {
	cmd, err := s.srv.table.Find(args)
	if err != nil {
		return nil, command.Error(err.Error())
	}
	if !s.authed && cmd.Flags&command.NoAuth == 0 {
		return nil, errNoAuth
	}
	if s.multi != nil && cmd.Flags&command.NoMulti != 0 {
		return nil, errNoMulti
	}
	if s.subs.active() && s.out.Proto == 2 && !allowedSubscribed(cmd) {
		return nil, command.Error(fmt.Sprintf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / "+
			"(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", cmd.FullName()))
	}
	if cmd.Flags&command.Write != 0 {
		if err := s.srv.db.Err(); err != nil {
			return nil, err
		}
	}
	return cmd, nil
}

// allowedSubscribed reports whether a client that has subscribed may send cmd.
func allowedSubscribed(cmd *command.Command) bool {
	switch cmd.Name {
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
		"PING", "QUIT", "RESET":
		return cmd.Parent() == nil
	}
	return false
}

// surveyed is the number of keys from which a snapshot costs less than the
// others lose by waiting for a command that reads them all.
const surveyed = 10_000

// perform locks the keys of a command and runs it.
func (s *session) perform(cmd *command.Command, args [][]byte) error {
	if err := s.lockSet(cmd, args); err != nil {
		return err
	}
	if s.locks.Empty() {
		err := s.invoke(s.tx, cmd, args)
		if s.executing {
			// The store panicked under EXEC, outside of any handler: it holds
			// locks that nobody can give up, over data that nobody can trust.
			panic("BUG: EXEC broke off: " + err.Error())
		}
		return err
	}
	if cmd.Flags&command.Survey != 0 && s.srv.db.Len(s.db) >= surveyed {
		return s.survey(cmd, args)
	}
	if err := s.tx.Begin(s.locks, cmd.Flags&command.Write != 0); err != nil {
		return err
	}
	s.tx.Select(s.db)
	err := s.invoke(s.tx, cmd, args)
	if w := s.call.Waiting(); w != nil && err == nil {
		s.park(cmd, args, w)
	}
	switch e := s.tx.End(); {
	case err != nil || e == nil:
		return err
	case s.parked != nil:
		s.srv.db.GiveUp(s.parked.waiter, e) // replies, unless it was served
		return nil
	default:
		return e
	}
}

// survey runs a command on a snapshot of the selected database.
func (s *session) survey(cmd *command.Command, args [][]byte) error {
	s.link.yield() // it may have to wait for locks
	snap := s.srv.db.SnapshotOf(s.db)
	defer snap.Close()
	return s.invoke(snap.Tx, cmd, args)
}

// lockSet makes s.locks the shards that a command needs.
func (s *session) lockSet(cmd *command.Command, args [][]byte) error {
	s.locks.Reset()
	return s.addLocks(cmd, args)
}

func (s *session) addLocks(cmd *command.Command, args [][]byte) error {
	if cmd.Flags&command.Keyspace != 0 {
		s.locks.AddAll(s.srv.db)
		return nil
	}
	if i := cmd.OneKey(); i > 0 && i < len(args) { // most commands; Keys would find the same
		s.locks.Add(s.srv.db, command.Text(args[i]))
		s.keys = s.keys[:0] // not those of another command: see locksBeside
		return nil
	}
	if !cmd.HasKeys() {
		s.keys = s.keys[:0]
		return nil
	}
	// A command whose keys cannot be found has bad arguments, and says so.
	s.keys, _ = cmd.Keys(args, s.keys[:0])
	for _, k := range s.keys {
		switch {
		case k.Access&command.AccessUnknown != 0:
			s.locks.AddAll(s.srv.db)
		case k.Access&command.AccessNotKey == 0:
			s.locks.Add(s.srv.db, command.Text(args[k.Index]))
		}
	}
	return nil
}

// invoke runs the handler of a command in tx.
func (s *session) invoke(tx *store.Tx, cmd *command.Command, args [][]byte) error {
	s.call.Tx, s.call.Pinned = tx, s.track != nil // see remember
	s.call.Start(cmd, args)
	err := s.srv.invoke(&s.call)
	if s.track != nil {
		s.remember(cmd, args)
	}
	return err
}

// invoke runs the handler of c. A panic in it, which is a bug of ours, ends
// the command and not the host program.
func (s *Server) invoke(c *command.Call) (err error) {
	returned := false
	defer func() {
		if returned {
			return // recover would cost more than the rest of this
		}
		if p := recover(); p != nil {
			s.log.Error("BUG: command panicked", "command", c.Command.FullName(),
				"panic", p, "stack", string(debug.Stack()))
			err = errInternal
		}
	}()
	err = c.Command.Run(c)
	returned = true
	return err
}
