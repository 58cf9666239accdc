package wire

import (
	"fmt"
	"slices"
	"strings"

	"redstart/wire/command"
)

// clientTracking is CLIENT TRACKING; see tracking.go for how it works.
func clientTracking(c *command.Call) error {
	s := c.Peer.(*session)
	word := c.Text()
	x := &tracker{session: s}
	if err := x.options(c); err != nil {
		return err
	}
	switch {
	case strings.EqualFold(word, "ON"):
		if err := x.fits(s.track); err != nil {
			return err
		}
		if x.bcast && len(x.prefixes) == 0 {
			x.prefixes = []string{""}
		}
		s.srv.tracking.enable(x, s)
	case strings.EqualFold(word, "OFF"):
		s.srv.tracking.disable(s)
	default:
		return command.ErrSyntax
	}
	c.Reply.Simple("OK")
	return nil
}

// options takes the options of CLIENT TRACKING.
func (x *tracker) options(c *command.Call) error {
	for c.More() {
		switch more := c.Left() > 1; {
		case more && c.Option("REDIRECT"):
			if x.redirect != 0 {
				return command.Error("ERR A client can only redirect to a single other client")
			}
			x.redirect = c.Int()
			if c.Err() == nil && x.session.srv.client(x.redirect) == nil {
				return command.Error("ERR The client ID you want redirect to does not exist")
			}
		case c.Option("BCAST"):
			x.bcast = true
		case c.Option("OPTIN"):
			x.optin = true
		case c.Option("OPTOUT"):
			x.optout = true
		case c.Option("NOLOOP"):
			x.noloop = true
		case more && c.Option("PREFIX"):
			x.prefixes = append(x.prefixes, string(c.Bytes()))
		default:
			return command.ErrSyntax
		}
	}
	return c.Done()
}

// fits reports why the options contradict each other, or those in force: old,
// which may be nil.
func (x *tracker) fits(old *tracker) error {
	if old == nil {
		old = new(tracker)
	}
	switch {
	case !x.bcast && len(x.prefixes) > 0:
		return command.Error("ERR PREFIX option requires BCAST mode to be enabled")
	case old.on && old.bcast != x.bcast:
		return command.Error("ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.")
	case x.bcast && (x.optin || x.optout):
		return command.Error("ERR OPTIN and OPTOUT are not compatible with BCAST")
	case x.optin && x.optout:
		return command.Error("ERR You can't specify both OPTIN mode and OPTOUT mode")
	case x.optin && old.optout, x.optout && old.optin:
		return command.Error("ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.")
	}
	for i, p := range x.prefixes {
		if j := slices.IndexFunc(old.prefixes, overlaps(p)); j >= 0 {
			return errOverlap(p, "an existing prefix", old.prefixes[j])
		}
		if j := slices.IndexFunc(x.prefixes[i+1:], overlaps(p)); j >= 0 {
			return errOverlap(p, "another provided prefix", x.prefixes[i+1+j])
		}
	}
	return nil
}

// overlaps returns a function that reports whether some key begins both with p
// and with its argument.
func overlaps(p string) func(string) bool {
	return func(q string) bool { return strings.HasPrefix(p, q) || strings.HasPrefix(q, p) }
}

func errOverlap(p, which, q string) error {
	return command.Error(fmt.Sprintf("ERR Prefix '%s' overlaps with %s '%s'. Prefixes for a single client must not overlap.", p, which, q))
}

func clientCaching(c *command.Call) error {
	x := c.Peer.(*session).track
	if x == nil || !x.on {
		return command.Error("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
	}
	switch {
	case c.Option("YES"):
		if !x.optin {
			return command.Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
		}
	case c.Option("NO"):
		if !x.optout {
			return command.Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
		}
	}
	if err := c.Done(); err != nil {
		return err
	}
	x.caching = true
	c.Reply.Simple("OK")
	return nil
}

func clientGetRedir(c *command.Call) error {
	s := c.Peer.(*session)
	_, redirect := s.srv.tracking.look(s.id)
	c.Reply.Int(redirect)
	return nil
}

func clientTrackingInfo(c *command.Call) error {
	s := c.Peer.(*session)
	flags, redirect := s.srv.tracking.look(s.id)
	words, prefixes := []string{"off"}, []string(nil)
	if flags != "" {
		words, prefixes = s.track.words(strings.Contains(flags, "R")), s.track.prefixes
	}
	r := c.Reply
	r.Map(3)
	r.BulkString("flags")
	r.Set(len(words))
	for _, w := range words {
		r.BulkString(w)
	}
	r.BulkString("redirect")
	r.Int(redirect)
	r.BulkString("prefixes")
	r.Array(len(prefixes))
	for _, p := range prefixes {
		r.BulkString(p)
	}
	return nil
}

// words returns the flags of CLIENT TRACKINGINFO of a client that tracks.
func (x *tracker) words(broken bool) []string {
	words := []string{"on"}
	for _, f := range []struct {
		set  bool
		word string
	}{
		{x.bcast, "bcast"},
		{x.optin, "optin"}, {x.optin && x.caching, "caching-yes"},
		{x.optout, "optout"}, {x.optout && x.caching, "caching-no"},
		{x.noloop, "noloop"}, {broken, "broken_redirect"},
	} {
		if f.set {
			words = append(words, f.word)
		}
	}
	return words
}
