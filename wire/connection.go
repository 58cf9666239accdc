package wire

import (
	"crypto/subtle"

	"redstart/wire/command"
)

const (
	handshakeFlags = command.NoScript | command.Loading | command.Stale | command.Fast | command.NoAuth | command.AllowBusy
	clientFlags    = command.NoScript | command.Loading | command.Stale
)

var connectionCommands = []command.Command{
	{
		Name: "AUTH", Syntax: "[username] password",
		Summary: "Proves who the client is.",
		Since:   "1.0.0", Complexity: "O(N) where N is the number of passwords defined for the user",
		Flags: handshakeFlags, Run: auth,
		History: []command.Change{{Since: "6.0.0", What: "Added ACL style (username and password)."}},
	},
	{
		Name: "HELLO", Syntax: "[protover [AUTH username password] [SETNAME clientname]]",
		Summary: "Greets the server, and chooses the protocol.",
		Since:   "6.0.0", Complexity: "O(1)",
		Flags: handshakeFlags, Run: hello,
		History: []command.Change{{Since: "6.2.0", What: "`protover` made optional; when called without arguments the command reports the current connection's context."}},
	},
	{
		Name: "PING", Syntax: "[message]",
		Summary: "Answers PONG, or the message.",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: command.Fast, Run: ping,
		Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
	},
	{
		Name: "ECHO", Syntax: "message",
		Summary: "Answers the message.",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: command.Loading | command.Stale | command.Fast, Run: echo,
	},
	{
		Name: "SELECT", Syntax: "index",
		Summary: "Chooses the database.",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: command.Loading | command.Stale | command.Fast, Run: selectDB,
	},
	{
		Name:    "QUIT",
		Summary: "Ends the connection.",
		Since:   "1.0.0", Complexity: "O(1)",
		Flags: handshakeFlags, Run: quit, Arity: -1,
		DeprecatedSince: "7.2.0", ReplacedBy: "just closing the connection",
	},
	{
		Name:    "RESET",
		Summary: "Makes the connection as new.",
		Since:   "6.2.0", Complexity: "O(1)",
		Flags: handshakeFlags, Run: reset,
	},
}

// login checks a name and a password. Wrong ones change nothing.
func (s *session) login(user, password string) error {
	want := s.srv.config.password()
	right := subtle.ConstantTimeCompare([]byte(password), []byte(want)) == 1 || want == ""
	if user != "default" || !right {
		return errWrongPass
	}
	s.authed = true
	s.parser.Unauthenticated = false
	return nil
}

func auth(c *command.Call) error {
	s := c.Peer.(*session)
	user := "default"
	switch c.Left() {
	case 1:
		if s.srv.config.password() == "" {
			return command.Error("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
		}
	case 2:
		user = c.Text()
	default:
		return command.ErrSyntax
	}
	if err := s.login(user, c.Text()); err != nil {
		return err
	}
	c.Reply.Simple("OK")
	return nil
}

func hello(c *command.Call) error {
	s := c.Peer.(*session)
	proto := int64(s.out.Proto)
	if c.More() {
		proto = c.IntOr(command.Error("ERR Protocol version is not an integer or out of range"))
		if c.Err() == nil && (proto < 2 || proto > 3) {
			return command.Error("NOPROTO unsupported protocol version")
		}
	}
	var user, password, name string
	var named, authing bool
	for c.More() {
		switch option := c.Peek(); {
		case c.Left() > 2 && c.Option("AUTH"):
			authing, user, password = true, c.Text(), c.Text()
		case c.Left() > 1 && c.Option("SETNAME"):
			named, name = true, c.Text()
			if !printable(name) {
				return command.Error("ERR Client names cannot contain spaces, newlines or special characters.")
			}
		default:
			return command.Error("ERR Syntax error in HELLO option '" + string(option) + "'")
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	if authing {
		if err := s.login(user, password); err != nil {
			return err
		}
	}
	if !s.authed {
		return command.Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
	}
	if named {
		s.card.setName(string([]byte(name)))
	}
	s.speak(int(proto))
	s.greet(c)
	return nil
}

func (s *session) greet(c *command.Call) {
	r := c.Reply
	r.Map(7)
	r.BulkString("server")
	r.BulkString("redis")
	r.BulkString("version")
	r.BulkString(RedisVersion)
	r.BulkString("proto")
	r.Int(int64(s.out.Proto))
	r.BulkString("id")
	r.Int(s.id)
	r.BulkString("mode")
	r.BulkString("standalone")
	r.BulkString("role")
	r.BulkString("master")
	r.BulkString("modules")
	r.Array(0)
}

func ping(c *command.Call) error {
	s := c.Peer.(*session)
	message := c.Rest()
	if len(message) > 1 {
		return c.Command.ArityError()
	}
	switch {
	case s.subs.active() && s.out.Proto == 2:
		c.Reply.Array(2)
		c.Reply.BulkString("pong")
		if len(message) == 1 {
			c.Reply.Bulk(message[0])
		} else {
			c.Reply.BulkString("")
		}
	case len(message) == 1:
		c.Reply.Bulk(message[0])
	default:
		c.Reply.Raw(pong)
	}
	return nil
}

var pong = []byte("+PONG\r\n")

func echo(c *command.Call) error {
	c.Reply.Bulk(c.Bytes())
	return nil
}

func selectDB(c *command.Call) error {
	s := c.Peer.(*session)
	i := c.Int()
	if c.Err() == nil && i != int64(int32(i)) {
		return command.Error("ERR value is out of range, value must between -2147483648 and 2147483647")
	}
	if err := c.Done(); err != nil {
		return err
	}
	if i < 0 || i >= int64(s.srv.db.Databases()) {
		return command.Error("ERR DB index is out of range")
	}
	s.db = int(i)
	c.Reply.Simple("OK")
	return nil
}

func quit(c *command.Call) error {
	c.Reply.Simple("OK")
	c.Peer.(*session).ending = true
	return nil
}

func reset(c *command.Call) error {
	s := c.Peer.(*session)
	s.reset()
	c.Reply.Simple("RESET")
	return nil
}
