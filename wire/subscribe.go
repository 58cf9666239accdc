package wire

import (
	"fmt"

	"redstart/wire/command"
	"redstart/wire/pubsub"
	"redstart/wire/resp"
)

// subscriptions counts what a session is subscribed to, by kind.
type subscriptions [3]int

func (n *subscriptions) active() bool { return n[0]+n[1]+n[2] != 0 }

// of returns the count that a reply about kind k tells.
func (n *subscriptions) of(k pubsub.Kind) int {
	if k == pubsub.Shard {
		return n[k]
	}
	return n[pubsub.Channel] + n[pubsub.Pattern]
}

// Deliver pushes a message to the client. The session may be running a command
// at the moment, or blocked: the message goes to its outbox directly.
func (s *session) Deliver(m pubsub.Message) {
	switch {
	case m.Own && s.executing: // in the midst of EXEC's reply is no place
		s.after.Proto = s.out.Proto
		writeMessage(&s.after, m)
		return
	case m.Own: // s is running PUBLISH in this very goroutine
		writeMessage(&s.out, m)
		return
	}
	if !s.box.push(m, &s.srv.config.live.Load().pushes, s.srv.seconds()) {
		s.srv.log.Warn("closing subscriber that fell behind", "client", s.id)
		s.link.hangUp()
		return
	}
	s.link.notify()
}

func writeMessage(w *resp.Writer, m pubsub.Message) {
	if m.Kind == pubsub.Pattern {
		w.Push(4)
		w.BulkString("pmessage")
		w.BulkString(m.Pattern)
	} else {
		w.Push(3)
		w.BulkString([...]string{pubsub.Channel: "message", pubsub.Shard: "smessage"}[m.Kind])
	}
	w.BulkString(m.Channel)
	w.Bulk(m.Payload)
}

const (
	subscribeFlags = command.PubSub | command.NoScript | command.Loading | command.Stale
	publishFlags   = command.PubSub | command.Loading | command.Stale | command.Fast | command.MayReplicate
	inspectFlags   = command.PubSub | command.Loading | command.Stale
)

var pubsubCommands = []command.Command{
	{
		Name: "SUBSCRIBE", Syntax: "channel [channel ...]",
		Summary: "Listens to channels.",
		Since:   "2.0.0", Complexity: "O(N) where N is the number of channels to subscribe to.",
		Flags: subscribeFlags, Run: subscribe(pubsub.Channel, "subscribe"),
	},
	{
		Name: "UNSUBSCRIBE", Syntax: "[channel [channel ...]]",
		Summary: "Stops listening to channels, to all of them if none is named.",
		Since:   "2.0.0", Complexity: "O(N) where N is the number of channels to unsubscribe.",
		Flags: subscribeFlags, Run: unsubscribe(pubsub.Channel, "unsubscribe"),
	},
	{
		Name: "PSUBSCRIBE", Syntax: "pattern [pattern ...]",
		Summary: "Listens to the channels that match patterns.",
		Since:   "2.0.0", Complexity: "O(N) where N is the number of patterns to subscribe to.",
		Flags: subscribeFlags, Run: subscribe(pubsub.Pattern, "psubscribe"),
	},
	{
		Name: "PUNSUBSCRIBE", Syntax: "[pattern [pattern ...]]",
		Summary: "Stops listening to patterns, to all of them if none is named.",
		Since:   "2.0.0", Complexity: "O(N) where N is the number of patterns to unsubscribe.",
		Flags: subscribeFlags, Run: unsubscribe(pubsub.Pattern, "punsubscribe"),
	},
	{
		Name: "SSUBSCRIBE", Syntax: "{shardchannel} [{shardchannel} ...]",
		Summary: "Listens to shard channels.",
		Since:   "7.0.0", Complexity: "O(N) where N is the number of shard channels to subscribe to.",
		Flags: subscribeFlags, Run: subscribe(pubsub.Shard, "ssubscribe"),
	},
	{
		Name: "SUNSUBSCRIBE", Syntax: "[{shardchannel} [{shardchannel} ...]]",
		Summary: "Stops listening to shard channels, to all of them if none is named.",
		Since:   "7.0.0", Complexity: "O(N) where N is the number of shard channels to unsubscribe.",
		Flags: subscribeFlags, Run: unsubscribe(pubsub.Shard, "sunsubscribe"),
	},
	{
		Name: "PUBLISH", Syntax: "channel message",
		Summary: "Sends a message to those who listen to a channel.",
		Since:   "2.0.0", Complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).",
		Flags: publishFlags, Run: publish(pubsub.Channel),
	},
	{
		Name: "SPUBLISH", Syntax: "{shardchannel} message",
		Summary: "Sends a message to those who listen to a shard channel.",
		Since:   "7.0.0", Complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
		Flags: publishFlags, Run: publish(pubsub.Shard),
	},
	{
		Name:    "PUBSUB",
		Summary: "Tells of channels and who listens to them.",
		Since:   "2.8.0", Complexity: "Depends on subcommand.",
		Sub: []command.Command{
			{
				Name: "CHANNELS", Syntax: "[pattern]",
				Summary: "Lists the channels somebody listens to.",
				Since:   "2.8.0", Complexity: "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)",
				Flags: inspectFlags, Run: pubsubNames(pubsub.Channel),
			},
			{
				Name:    "HELP",
				Summary: "Describes the sub-commands.",
				Since:   "6.2.0", Complexity: "O(1)",
				Flags: command.Loading | command.Stale, Run: help,
			},
			{
				Name:    "NUMPAT",
				Summary: "Counts the patterns somebody listens to.",
				Since:   "2.8.0", Complexity: "O(1)",
				Flags: inspectFlags, Run: pubsubNumPat,
			},
			{
				Name: "NUMSUB", Syntax: "[channel [channel ...]]",
				Summary: "Counts who listens to channels.",
				Since:   "2.8.0", Complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
				Flags: inspectFlags, Run: pubsubCounts(pubsub.Channel),
			},
			{
				Name: "SHARDCHANNELS", Syntax: "[pattern]",
				Summary: "Lists the shard channels somebody listens to.",
				Since:   "7.0.0", Complexity: "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).",
				Flags: inspectFlags, Run: pubsubNames(pubsub.Shard),
			},
			{
				Name: "SHARDNUMSUB", Syntax: "[shardchannel [shardchannel ...]]",
				Summary: "Counts who listens to shard channels.",
				Since:   "7.0.0", Complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
				Flags: inspectFlags, Run: pubsubCounts(pubsub.Shard),
			},
		},
	},
}

// subscribe returns the handler of SUBSCRIBE and its kin.
func subscribe(k pubsub.Kind, word string) func(*command.Call) error {
	return func(c *command.Call) error {
		s := c.Peer.(*session)
		s.box.hold(s.out.Proto) // messages must not overtake the replies that announce them
		for c.More() {
			name := string(c.Bytes())
			if s.srv.hub.Join(s, k, name) {
				s.subs[k]++
			}
			subscribed(c.Reply, word, name, s.subs.of(k))
		}
		return c.Done()
	}
}

// unsubscribe returns the handler of UNSUBSCRIBE and its kin. Without names it
// ends all subscriptions of its kind.
func unsubscribe(k pubsub.Kind, word string) func(*command.Call) error {
	return func(c *command.Call) error {
		s := c.Peer.(*session)
		names := command.Strings(c.Rest())
		if len(names) == 0 {
			names = s.srv.hub.Joined(s, k)
		}
		if len(names) == 0 {
			c.Reply.Push(3)
			c.Reply.BulkString(word)
			c.Reply.Null()
			c.Reply.Int(int64(s.subs.of(k)))
		}
		for _, name := range names {
			if s.srv.hub.Part(s, k, name) {
				s.subs[k]--
			}
			subscribed(c.Reply, word, name, s.subs.of(k))
		}
		return nil
	}
}

func subscribed(w *resp.Writer, word, name string, count int) {
	w.Push(3)
	w.BulkString(word)
	w.BulkString(name)
	w.Int(int64(count))
}

// publish returns the handler of PUBLISH or SPUBLISH.
func publish(k pubsub.Kind) func(*command.Call) error {
	return func(c *command.Call) error {
		s := c.Peer.(*session)
		channel, payload := c.Text(), c.Bytes()
		if err := c.Done(); err != nil {
			return err
		}
		c.Reply.Int(int64(s.srv.hub.Publish(k, channel, payload, s)))
		return nil
	}
}

// pubsubNames returns the handler of PUBSUB CHANNELS or SHARDCHANNELS.
func pubsubNames(k pubsub.Kind) func(*command.Call) error {
	return func(c *command.Call) error {
		pattern := "*"
		if c.More() {
			pattern = c.Text()
		}
		if c.More() {
			return command.Error(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%s'. Try PUBSUB HELP.", c.Command.Name))
		}
		names := c.Peer.(*session).srv.hub.Names(k, pattern)
		c.Reply.Array(len(names))
		for _, name := range names {
			c.Reply.BulkString(name)
		}
		return nil
	}
}

// pubsubCounts returns the handler of PUBSUB NUMSUB or SHARDNUMSUB.
func pubsubCounts(k pubsub.Kind) func(*command.Call) error {
	return func(c *command.Call) error {
		names := command.Strings(c.Rest())
		c.Reply.Array(2 * len(names))
		for _, name := range names {
			c.Reply.BulkString(name)
			c.Reply.Int(int64(c.Peer.(*session).srv.hub.Count(k, name)))
		}
		return nil
	}
}

func pubsubNumPat(c *command.Call) error {
	c.Reply.Int(int64(c.Peer.(*session).srv.hub.Len(pubsub.Pattern)))
	return nil
}

// help is the HELP of every container.
func help(c *command.Call) error {
	lines := c.Command.Parent().Help()
	c.Reply.Array(len(lines))
	for _, line := range lines {
		c.Reply.Simple(line)
	}
	return nil
}
