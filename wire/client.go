package wire

import (
	"strings"
	"time"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
)

const (
	clientAdmin   = command.Admin | clientFlags
	clientKillTip = "ID client-id | TYPE NORMAL|MASTER|SLAVE|REPLICA|PUBSUB | USER username | ADDR ip:port | LADDR ip:port | SKIPME YES|NO"
)

var everywhere = []string{"request_policy:all_nodes", "response_policy:all_succeeded"}

var clientCommands = []command.Command{{
	Name:    "CLIENT",
	Summary: "Manages connections.",
	Since:   "2.4.0", Complexity: "Depends on subcommand.",
	Sub: []command.Command{
		{
			Name: "CACHING", Syntax: "YES|NO",
			Summary: "Says whether keys of the next command are tracked, when tracking is OPTIN or OPTOUT.",
			Since:   "6.0.0", Complexity: "O(1)",
			Flags: clientFlags, Run: clientCaching,
		},
		{
			Name:    "GETNAME",
			Summary: "Returns the name of the connection.",
			Since:   "2.6.9", Complexity: "O(1)",
			Flags: clientFlags, Run: clientGetName,
		},
		{
			Name:    "GETREDIR",
			Summary: "Returns the ID of the client that gets this connection's invalidation messages.",
			Since:   "6.0.0", Complexity: "O(1)",
			Flags: clientFlags, Run: clientGetRedir,
		},
		{
			Name:    "HELP",
			Summary: "Describes the sub-commands.",
			Since:   "5.0.0", Complexity: "O(1)",
			Flags: command.Loading | command.Stale, Run: help,
		},
		{
			Name:    "ID",
			Summary: "Returns the ID of the connection.",
			Since:   "5.0.0", Complexity: "O(1)",
			Flags: clientFlags, Run: clientID,
		},
		{
			Name:    "INFO",
			Summary: "Describes the connection.",
			Since:   "6.2.0", Complexity: "O(1)",
			Flags: clientFlags, Run: clientInfo,
			Tips: []string{"nondeterministic_output"},
		},
		{
			Name: "KILL", Syntax: "ip:port | <" + clientKillTip + "> [<" + clientKillTip + "> ...]",
			Summary: "Closes connections.",
			Since:   "2.4.0", Complexity: "O(N) where N is the number of client connections",
			Flags: clientAdmin, Run: clientKill,
			History: []command.Change{
				{Since: "2.8.12", What: "Added new filter format."},
				{Since: "2.8.12", What: "`ID` option."},
				{Since: "3.2.0", What: "Added `master` type in for `TYPE` option."},
				{Since: "5.0.0", What: "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility."},
				{Since: "6.2.0", What: "`LADDR` option."},
			},
		},
		{
			Name: "LIST", Syntax: "[TYPE NORMAL|MASTER|REPLICA|PUBSUB] [ID client-id [client-id ...]]",
			Summary: "Describes all connections, or some.",
			Since:   "2.4.0", Complexity: "O(N) where N is the number of client connections",
			Flags: clientAdmin, Run: clientList,
			Tips: []string{"nondeterministic_output"},
			History: []command.Change{
				{Since: "2.8.12", What: "Added unique client `id` field."},
				{Since: "5.0.0", What: "Added optional `TYPE` filter."},
				{Since: "6.0.0", What: "Added `user` field."},
				{Since: "6.2.0", What: "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."},
				{Since: "7.0.0", What: "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."},
				{Since: "7.0.3", What: "Added `ssub` field."},
			},
		},
		{
			Name: "NO-EVICT", Syntax: "ON|OFF",
			Summary: "Exempts the connection from being closed when clients take too much memory.",
			Since:   "7.0.0", Complexity: "O(1)",
			Flags: clientAdmin, Run: clientNoEvict,
		},
		{
			Name: "NO-TOUCH", Syntax: "ON|OFF",
			Summary: "Says whether the connection's commands count as uses of keys for eviction.",
			Since:   "7.2.0", Complexity: "O(1)",
			Flags: clientFlags, Run: clientNoTouch,
		},
		{
			Name: "PAUSE", Syntax: "timeout:integer [WRITE | ALL]",
			Summary: "Holds back all commands, or all writes, for a time.",
			Since:   "3.0.0", Complexity: "O(1)",
			Flags: clientAdmin, Run: clientPause,
			History: []command.Change{{Since: "6.2.0", What: "`CLIENT PAUSE WRITE` mode added along with the `mode` option."}},
		},
		{
			Name: "REPLY", Syntax: "ON|OFF|SKIP",
			Summary: "Turns replies to the connection on or off, or skips the next.",
			Since:   "3.2.0", Complexity: "O(1)",
			Flags: clientFlags, Run: clientReply,
		},
		{
			Name: "SETINFO", Syntax: "LIB-NAME libname | LIB-VER libver",
			Summary: "Notes the name or version of the client's library.",
			Since:   "7.2.0", Complexity: "O(1)",
			Flags: clientFlags, Run: clientSetInfo, Tips: everywhere,
		},
		{
			Name: "SETNAME", Syntax: "connection-name",
			Summary: "Names the connection.",
			Since:   "2.6.9", Complexity: "O(1)",
			Flags: clientFlags, Run: clientSetName, Tips: everywhere,
		},
		{
			Name: "TRACKING", Syntax: "ON|OFF [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
			Summary: "Turns on or off messages that tell of changes of keys the client may have cached.",
			Since:   "6.0.0", Complexity: "O(1). Some options may introduce additional complexity.",
			Flags: clientFlags, Run: clientTracking,
		},
		{
			Name:    "TRACKINGINFO",
			Summary: "Tells how invalidation messages are set up for the connection.",
			Since:   "6.2.0", Complexity: "O(1)",
			Flags: clientFlags, Run: clientTrackingInfo,
		},
		{
			Name: "UNBLOCK", Syntax: "client-id [TIMEOUT | ERROR]",
			Summary: "Ends the wait of a client that is blocked.",
			Since:   "5.0.0", Complexity: "O(log N) where N is the number of client connections",
			Flags: clientAdmin, Run: clientUnblock,
		},
		{
			Name:    "UNPAUSE",
			Summary: "Lets commands that CLIENT PAUSE holds back go on.",
			Since:   "6.2.0", Complexity: "O(N) Where N is the number of paused clients",
			Flags: clientAdmin, Run: clientUnpause,
		},
	},
}}

func clientGetName(c *command.Call) error {
	if name := c.Peer.(*session).card.getName(); name != "" {
		c.Reply.BulkString(name)
		return nil
	}
	c.Reply.Null()
	return nil
}

func clientSetName(c *command.Call) error {
	if err := c.Peer.(*session).card.setName(string(c.Bytes())); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

func clientSetInfo(c *command.Call) error {
	card := &c.Peer.(*session).card
	option, value := c.Text(), string(c.Bytes())
	field := &card.libName
	switch {
	case strings.EqualFold(option, "LIB-VER"):
		field = &card.libVer
	case !strings.EqualFold(option, "LIB-NAME"):
		return command.Error("ERR Unrecognized option '" + option + "'")
	}
	if !printable(value) {
		return command.Error("ERR " + strings.ToLower(option) + " cannot contain spaces, newlines or special characters.")
	}
	card.mu.Lock()
	*field = value
	card.mu.Unlock()
	c.Reply.Simple("OK")
	return nil
}

func clientID(c *command.Call) error {
	c.Reply.Int(c.Peer.(*session).id)
	return nil
}

func clientInfo(c *command.Call) error {
	s := c.Peer.(*session)
	s.card.update(s)
	c.Reply.Verbatim("txt", s.card.line(s, s.srv.now().Unix())+"\n")
	return nil
}

// clientClass returns the class of clients that a word of TYPE names; ok is
// false if there is no such class.
func clientClass(word string) (class string, ok bool) {
	switch class = strings.ToLower(word); class {
	case "slave":
		return "replica", true
	case "normal", "replica", "pubsub", "master":
		return class, true
	}
	return "", false
}

func errClientClass(word string) error {
	return command.Error("ERR Unknown client type '" + word + "'")
}

func clientList(c *command.Call) error {
	s := c.Peer.(*session)
	keep := func(*session) bool { return true }
	switch n := c.Left(); {
	case n == 2 && c.Option("TYPE"):
		word := c.Text()
		class, ok := clientClass(word)
		if !ok {
			return errClientClass(word)
		}
		keep = func(x *session) bool { return x.card.kind() == class }
	case n > 1 && c.Option("ID"):
		ids := make(map[int64]bool)
		for c.More() {
			ids[c.IntOr(command.Error("ERR Invalid client ID"))] = true
		}
		keep = func(x *session) bool { return ids[x.id] }
	}
	if err := c.Done(); err != nil {
		return err
	}
	s.card.update(s)
	now := s.srv.now().Unix()
	var b strings.Builder
	for _, x := range s.srv.clients() {
		if keep(x) {
			b.WriteString(x.card.line(x, now))
			b.WriteByte('\n')
		}
	}
	c.Reply.Verbatim("txt", b.String())
	return nil
}

// A killFilter says which clients CLIENT KILL closes. What is empty does not matter.
type killFilter struct {
	id                 int64
	class, addr, laddr string
	keepSelf           bool
}

func (f *killFilter) matches(x *session) bool {
	return (f.id == 0 || f.id == x.id) && (f.class == "" || f.class == x.card.kind()) &&
		(f.addr == "" || f.addr == x.card.remote) && (f.laddr == "" || f.laddr == x.card.local)
}

// kill closes the clients that f matches, and returns how many there were.
// The client that asks for it gets its reply before.
func (s *session) kill(f *killFilter) (n int64) {
	for _, x := range s.srv.clients() {
		switch {
		case !f.matches(x):
		case x != s:
			s.srv.forget(x) // nobody sees it any more, though its end takes a moment
			x.link.hangUp()
			n++
		case !f.keepSelf:
			s.ending = true
			n++
		}
	}
	return n
}

func clientKill(c *command.Call) error {
	s := c.Peer.(*session)
	if c.Left() == 1 { // the old form
		if s.kill(&killFilter{addr: c.Text()}) == 0 {
			return command.Error("ERR No such client")
		}
		c.Reply.Simple("OK")
		return nil
	}
	f := killFilter{keepSelf: true}
	for c.More() {
		f.option(c)
	}
	if err := c.Done(); err != nil {
		return err
	}
	c.Reply.Int(s.kill(&f))
	return nil
}

// option takes one option of CLIENT KILL.
func (f *killFilter) option(c *command.Call) {
	switch {
	case c.Left() < 2:
		c.Fail(command.ErrSyntax)
	case c.Option("ID"):
		f.id = c.IntIn(1, 1<<63-1, command.Error("ERR client-id should be greater than 0"))
	case c.Option("TYPE"):
		word := c.Text()
		class, ok := clientClass(word)
		if !ok {
			c.Fail(errClientClass(word))
		}
		f.class = class
	case c.Option("ADDR"):
		f.addr = c.Text()
	case c.Option("LADDR"):
		f.laddr = c.Text()
	case c.Option("USER"):
		if name := c.Text(); name != "default" {
			c.Fail(command.Error("ERR No such user '" + name + "'"))
		}
	case c.Option("SKIPME"):
		f.keepSelf = onOff(c, "YES", "NO")
	default:
		c.Fail(command.ErrSyntax)
	}
}

// onOff takes one of two words and reports whether it is the first.
func onOff(c *command.Call, on, off string) bool {
	if c.Option(on) {
		return true
	}
	if !c.Option(off) {
		c.Fail(command.ErrSyntax)
	}
	return false
}

func clientUnblock(c *command.Call) error {
	if c.Left() > 2 {
		return command.Error("ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.")
	}
	id := c.Int()
	reason := store.ErrTimeout
	if c.More() {
		switch {
		case c.Option("ERROR"):
			reason = errUnblocked
		case !c.Option("TIMEOUT"):
			return command.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	srv := c.Peer.(*session).srv
	srv.mu.Lock()
	x := srv.sessions[id]
	srv.mu.Unlock()
	done := false
	if x != nil {
		if p := x.card.parked.Load(); p != nil {
			done = srv.db.GiveUp(p.waiter, reason)
		}
	}
	c.Reply.Int(asInt(done))
	return nil
}

func asInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func clientNoEvict(c *command.Call) error {
	return clientFlag(c, func(s *session, on bool) { s.card.noEvict = on })
}

func clientNoTouch(c *command.Call) error {
	return clientFlag(c, func(s *session, on bool) {
		s.card.noTouch = on
		s.tx.Still = on
	})
}

// clientFlag sets one of the properties that are on or off.
func clientFlag(c *command.Call, set func(s *session, on bool)) error {
	s := c.Peer.(*session)
	on := onOff(c, "ON", "OFF")
	if err := c.Done(); err != nil {
		return err
	}
	s.card.mu.Lock()
	set(s, on)
	s.card.mu.Unlock()
	c.Reply.Simple("OK")
	return nil
}

func clientReply(c *command.Call) error {
	s := c.Peer.(*session)
	switch {
	case c.Option("ON"):
		s.noReply = false
	case c.Option("OFF"):
		s.noReply = true
	case c.Option("SKIP"):
		if !s.noReply {
			s.skip = 2 // this one and the next
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

// clientPause is CLIENT PAUSE; see pause.go for how it works.
func clientPause(c *command.Call) error {
	bad := command.Error("ERR timeout is not an integer or out of range")
	arg := c.Bytes()
	all := true
	if c.More() {
		if all = c.Option("ALL"); !all && !c.Option("WRITE") {
			return command.Error("ERR CLIENT PAUSE mode must be WRITE or ALL")
		}
	}
	ms, ok := types.ParseInt(arg)
	switch {
	case !ok:
		return bad
	case ms < 0:
		return command.ErrNegTimeout
	}
	if err := c.Done(); err != nil {
		return err
	}
	const longest = int64(1<<62) / int64(time.Millisecond)
	c.Peer.(*session).srv.holdBack(time.Duration(min(ms, longest))*time.Millisecond, all)
	c.Reply.Simple("OK")
	return nil
}

func clientUnpause(c *command.Call) error {
	c.Peer.(*session).srv.letGo(nil)
	c.Reply.Simple("OK")
	return nil
}
