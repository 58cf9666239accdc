package wire

import (
	"errors"

	"redstart/store"
	"redstart/wire/command"
)

// serverCommands are those of the group server that are about the server
// itself; those about databases are in package data.
var serverCommands = []command.Command{
	commandCommand,
	configCommand,
	infoCommand,
	{
		Name:    "SAVE",
		Summary: "Saves the data to disk and answers when it is done.",
		Since:   "1.0.0", Complexity: "O(N) where N is the total number of keys in all databases",
		Flags: command.Admin | command.NoScript | command.NoAsyncLoading | command.NoMulti, Run: save,
	},
	{
		Name: "BGSAVE", Syntax: "[SCHEDULE]",
		Summary: "Saves the data to disk in the background.",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: command.Admin | command.NoScript | command.NoAsyncLoading, Run: bgsave,
		History: []command.Change{{Since: "3.2.2", What: "Added the `SCHEDULE` option."}},
	},
	{
		Name:    "BGREWRITEAOF",
		Summary: "Writes the file anew, without free space, in the background.",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: command.Admin | command.NoScript | command.NoAsyncLoading, Run: bgrewriteaof,
	},
	{
		Name:    "LASTSAVE",
		Summary: "Returns the Unix time of the last successful save.",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: command.Loading | command.Stale | command.Fast, Run: lastsave,
		ACL: command.ACLAdmin | command.ACLDangerous, Tips: []string{"nondeterministic_output"},
	},
	{
		Name: "SHUTDOWN", Syntax: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
		Summary: "Saves the data and ends the server.",
		Since:   "1.0.0", Complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
		Flags: command.Admin | command.NoScript | command.Loading | command.Stale | command.NoMulti | command.AllowBusy, Run: shutdown,
		History: []command.Change{{Since: "7.0.0", What: "Added the `NOW`, `FORCE` and `ABORT` modifiers."}},
	},
	{
		Name:    "ROLE",
		Summary: "Returns the server's role in replication.",
		Since:   "2.8.12", Complexity: "O(1)",
		Flags: command.NoScript | command.Loading | command.Stale | command.Fast, Run: role,
		ACL: command.ACLAdmin | command.ACLDangerous,
	},
}

const errSaving command.Error = "ERR Background save already in progress"

// save holds no locks: the store takes a view of everything and writes that.
func save(c *command.Call) error {
	err := c.Peer.(*session).srv.db.Save()
	if errors.Is(err, store.ErrSaving) {
		return errSaving
	}
	if err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

func bgsave(c *command.Call) error {
	c.Option("SCHEDULE")
	if err := c.Done(); err != nil {
		return err
	}
	return c.Peer.(*session).srv.saveBehind(c, "Background saving started", (*store.DB).Save)
}

func bgrewriteaof(c *command.Call) error {
	return c.Peer.(*session).srv.saveBehind(c, "Background append only file rewriting started", (*store.DB).Compact)
}

// saveBehind begins to save in the background and answers so.
func (s *Server) saveBehind(c *command.Call, answer string, save func(*store.DB) error) error {
	if s.db.Path() == "" {
		return store.ErrNoFile
	}
	if s.db.Saves().Running {
		return errSaving
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.conns.Go(func() {
		if err := save(s.db); err != nil && !errors.Is(err, store.ErrSaving) {
			s.log.Error("cannot save", "file", s.db.Path(), "err", err)
		}
	})
	c.Reply.Simple(answer)
	return nil
}

func lastsave(c *command.Call) error {
	c.Reply.Int(c.Peer.(*session).srv.db.Saves().Last.Unix())
	return nil
}

// shutdown asks the program to end: see Server.Quit. The client gets no reply,
// its connection just ends. With or without NOSAVE, what was written is in the
// journal when the database is closed.
func shutdown(c *command.Call) error {
	s := c.Peer.(*session)
	var saving, notSaving, now, force, abort bool
	for c.More() {
		switch {
		case c.Option("SAVE"):
			saving = true
		case c.Option("NOSAVE"):
			notSaving = true
		case c.Option("NOW"):
			now = true
		case c.Option("FORCE"):
			force = true
		case c.Option("ABORT"):
			abort = true
		default:
			return command.ErrSyntax
		}
	}
	switch {
	case saving && notSaving || abort && (saving || notSaving || now || force):
		return command.ErrSyntax
	case abort:
		return command.Error("ERR No shutdown in progress.")
	}
	if !notSaving && s.srv.db.Path() != "" {
		// Another save under way is as good: what it misses is in the journal.
		if err := s.srv.db.Save(); err != nil && !errors.Is(err, store.ErrSaving) {
			s.srv.log.Error("cannot save", "file", s.srv.db.Path(), "err", err)
			if !force {
				return command.Error("ERR Errors trying to SHUTDOWN. Check logs.")
			}
		}
	}
	s.ending = true
	s.srv.askQuit()
	return nil
}

func role(c *command.Call) error {
	c.Reply.Array(3)
	c.Reply.BulkString("master")
	c.Reply.Int(0)
	c.Reply.Array(0)
	return nil
}
