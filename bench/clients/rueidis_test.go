package clients

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

func TestRueidis(t *testing.T) {
	ours, theirs := lab.Both(t, nil)
	for _, resp2 := range []bool{true, false} {
		t.Run(fmt.Sprintf("RESP2 %t", resp2), func(t *testing.T) {
			compareTours(t, ours, theirs, func(r *tour) {
				g := newRueidis(r, rueidis.ClientOption{DisableCache: true, AlwaysRESP2: resp2})
				defer g.c.Close()
				g.do("name", g.c.B().ClientGetname().Build())
				r.values(g.call)
				g.transactions()
				g.messages()
				g.blocking()
			})
		})
	}
}

// By default rueidis keeps what it reads and asks the server to tell it when
// that changes (CLIENT TRACKING).
func TestRueidisClientSideCache(t *testing.T) {
	ours, theirs := lab.Both(t, nil)
	compareTours(t, ours, theirs, func(r *tour) {
		g := newRueidis(r, rueidis.ClientOption{})
		defer g.c.Close()
		other := newRueidis(r, rueidis.ClientOption{DisableCache: true})
		defer other.c.Close()

		other.do("set", g.c.B().Set().Key("k").Value("1").Build())
		read := func() rueidis.RedisResult {
			return g.c.DoCache(g.ctx, g.c.B().Get().Key("k").Cache(), time.Minute)
		}
		for range 2 {
			result := read()
			value, err := result.ToString()
			r.say("read", value, err)
			r.say("from the cache", result.IsCacheHit(), nil)
		}
		other.do("set", g.c.B().Set().Key("k").Value("2").Build())
		late := time.Now().Add(10 * time.Second)
		for time.Now().Before(late) { // the word that k has changed is on its way
			if value, err := read().ToString(); err != nil || value == "2" {
				r.say("read the change", value, err)
				return
			}
		}
		r.say("read the change", "never", nil)
	})
}

// rueidisTour is a tour with rueidis.
type rueidisTour struct {
	*tour
	c   rueidis.Client
	ctx context.Context
}

func newRueidis(r *tour, o rueidis.ClientOption) rueidisTour {
	o.InitAddress = []string{r.s.Addr()}
	o.SelectDB = 3
	o.ClientName = "tour"
	c, err := rueidis.NewClient(o)
	r.must(err)
	return rueidisTour{r, c, context.Background()}
}

// call sends words.
func (g rueidisTour) call(args []any) (any, error) {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = a.(string)
	}
	return g.c.Do(g.ctx, g.c.B().Arbitrary(words...).Build()).ToAny()
}

func (g rueidisTour) do(name string, cmd rueidis.Completed) {
	value, err := g.c.Do(g.ctx, cmd).ToAny()
	g.say(name, value, err)
}

func (g rueidisTour) transactions() {
	b := g.c.B
	for _, r := range g.c.DoMulti(g.ctx, b().Multi().Build(), b().Set().Key("m").Value("1").Build(),
		b().Incr().Key("m").Build(), b().Lpush().Key("m").Element("x").Build(), b().Exec().Build()) {
		value, err := r.ToAny()
		g.say("multi", value, err)
	}
	err := g.c.Dedicated(func(c rueidis.DedicatedClient) error {
		g.must(c.Do(g.ctx, b().Watch().Key("m").Build()).Error())
		g.must(g.c.Do(g.ctx, b().Set().Key("m").Value("9").Build()).Error())
		for _, r := range c.DoMulti(g.ctx, b().Multi().Build(), b().Incr().Key("m").Build(), b().Exec().Build()) {
			value, err := r.ToAny()
			g.say("watch", value, err)
		}
		return nil
	})
	g.must(err)
	var cmds rueidis.Commands
	for i := range 500 {
		cmds = append(cmds, b().Incrby().Key("m").Increment(int64(i)).Build())
	}
	for _, r := range g.c.DoMulti(g.ctx, cmds...) {
		value, err := r.ToAny()
		g.say("pipeline", value, err)
	}
}

func (g rueidisTour) messages() {
	b := g.c.B
	inbox := make(chan rueidis.PubSubMessage, 10)
	err := g.c.Dedicated(func(c rueidis.DedicatedClient) error {
		subscribed := make(chan rueidis.PubSubSubscription, 10)
		gone := c.SetPubSubHooks(rueidis.PubSubHooks{
			OnMessage:      func(m rueidis.PubSubMessage) { inbox <- m },
			OnSubscription: func(s rueidis.PubSubSubscription) { subscribed <- s },
		})
		g.must(c.Do(g.ctx, b().Subscribe().Channel("news").Build()).Error())
		g.say("subscribed", <-subscribed, nil)
		g.must(c.Do(g.ctx, b().Psubscribe().Pattern("n*").Build()).Error())
		g.say("subscribed", <-subscribed, nil)
		g.do("publish", b().Publish().Channel("news").Message("hello").Build())
		g.say("message", <-inbox, nil)
		g.say("message", <-inbox, nil)
		g.must(c.Do(g.ctx, b().Unsubscribe().Channel("news").Build()).Error())
		g.say("unsubscribed", <-subscribed, nil)
		g.must(c.Do(g.ctx, b().Punsubscribe().Pattern("n*").Build()).Error())
		g.say("unsubscribed", <-subscribed, nil)
		c.SetPubSubHooks(rueidis.PubSubHooks{})
		<-gone
		return nil
	})
	g.must(err)
}

func (g rueidisTour) blocking() {
	b := g.c.B
	done := make(chan rueidis.RedisResult, 1)
	go func() { done <- g.c.Do(g.ctx, b().Blpop().Key("q1", "q2").Timeout(5).Build()) }()
	g.do("push", b().Rpush().Key("q2").Element("job").Build())
	value, err := (<-done).ToAny()
	g.say("popped", value, err)
	go func() { done <- g.c.Do(g.ctx, b().Bzpopmin().Key("bz").Timeout(5).Build()) }()
	g.do("add", b().Zadd().Key("bz").ScoreMember().ScoreMember(2.5, "m").Build())
	value, err = (<-done).ToAny()
	g.say("popped", value, err)
	g.do("timeout", b().Blpop().Key("none").Timeout(0.02).Build())
}
