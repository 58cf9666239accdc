package clients

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// redigo speaks RESP2 only.
func TestRedigo(t *testing.T) {
	ours, theirs := lab.Both(t, nil)
	compareTours(t, ours, theirs, func(r *tour) {
		g := redigo{r}
		c := g.dial()
		defer c.Close()
		g.say("name", text(c.Do("CLIENT", "GETNAME")), nil)
		r.values(func(args []any) (any, error) { return g.do(c, args) })
		g.pipeline(c)
		g.transactions(c)
		g.messages(c)
		g.blocking(c)
	})
}

// redigo is a tour with redigo.
type redigo struct{ *tour }

func (g redigo) dial() redis.Conn {
	c, err := redis.Dial("tcp", g.s.Addr(), redis.DialDatabase(3), redis.DialClientName("tour"),
		redis.DialReadTimeout(10*time.Second))
	g.must(err)
	return c
}

// do sends a command given as words and makes the reply readable.
func (g redigo) do(c redis.Conn, args []any) (any, error) {
	value, err := c.Do(args[0].(string), args[1:]...)
	return readable(value), err
}

func text(value any, err error) any {
	if err != nil {
		return err.Error()
	}
	return readable(value)
}

func (g redigo) pipeline(c redis.Conn) {
	const n = 2000
	for i := range n {
		g.must(c.Send("SET", "k", i))
		g.must(c.Send("LPUSH", "k", i)) // each an error, between answers
		g.must(c.Send("GET", "k"))
	}
	g.must(c.Flush())
	for range 3 * n {
		v, err := c.Receive()
		g.say("pipeline", readable(v), err)
	}
}

func (g redigo) transactions(c redis.Conn) {
	for _, lines := range [][][]any{
		{{"MULTI"}, {"SET", "m", 1}, {"INCR", "m"}, {"LPUSH", "m", 1}, {"LRANGE", "none", 0, -1}, {"EXEC"}},
		{{"MULTI"}, {"SET", "m", 5}, {"GET"}, {"EXEC"}, {"GET", "m"}},
		{{"MULTI"}, {"SET", "m", 5}, {"DISCARD"}, {"GET", "m"}},
		{{"MULTI"}, {"MULTI"}, {"WATCH", "m"}, {"BLPOP", "none", 0}, {"EXEC"}},
		{{"EXEC"}, {"DISCARD"}, {"UNWATCH"}},
		{{"MULTI"}, {"SELECT", 4}, {"SET", "four", 4}, {"EXEC"}, {"DBSIZE"}, {"SELECT", 3}},
		{{"WATCH", "m"}, {"SET", "m", 9}, {"MULTI"}, {"PING"}, {"EXEC"}},
		{{"WATCH", "none"}, {"MULTI"}, {"PING"}, {"EXEC"}},
	} {
		for _, args := range lines {
			value, err := g.do(c, args)
			g.say(args[0].(string), value, err)
		}
	}
}

func (g redigo) messages(c redis.Conn) {
	conn := g.dial()
	defer conn.Close()
	sub := redis.PubSubConn{Conn: conn}
	receive := func() {
		switch m := sub.ReceiveWithTimeout(5 * time.Second).(type) {
		case redis.Message:
			g.say("message", []string{m.Channel, m.Pattern, string(m.Data)}, nil)
		case error:
			var reply redis.Error
			if !errors.As(m, &reply) {
				g.must(m)
			}
			g.say("message", nil, reply)
		default:
			g.say("message", m, nil)
		}
	}
	g.must(sub.Subscribe("a", "b"))
	receive()
	receive()
	g.must(sub.PSubscribe("[ab]*"))
	receive()
	value, err := c.Do("PUBLISH", "b", "x\r\ny")
	g.say("publish", value, err)
	receive()
	receive()
	g.must(conn.Send("GET", "k")) // not allowed while subscribed
	g.must(conn.Flush())
	receive()
	g.must(sub.Ping("p"))
	receive()
	g.must(sub.Unsubscribe("a", "b"))
	receive()
	receive()
	g.must(sub.PUnsubscribe())
	receive()
	value, err = g.do(conn, []any{"GET", "k"}) // allowed again
	g.say("after", value, err)
}

func (g redigo) blocking(c redis.Conn) {
	// Three wait for the same key: first come, first served. That each of them
	// waits is known from INFO before the next one starts.
	const waiters = 3
	conns := make([]redis.Conn, waiters)
	for i := range conns {
		conns[i] = g.dial()
		defer conns[i].Close()
		g.must(conns[i].Send("BLPOP", "queue", 5))
		g.must(conns[i].Flush())
		g.waitBlocked(c, i+1)
	}
	value, err := g.do(c, []any{"RPUSH", "queue", "first", "second", "third", "fourth"})
	g.say("push", value, err)
	for _, conn := range conns {
		value, err := conn.Receive()
		g.say("popped", readable(value), err)
	}
	value, err = g.do(c, []any{"BRPOP", "queue", 1})
	g.say("left", value, err)
	value, err = g.do(c, []any{"BLPOP", "queue", "0.01"})
	g.say("timeout", value, err)
	value, err = g.do(c, []any{"BLPOP", "queue", -1})
	g.say("negative timeout", value, err)

	// A waiter that goes away takes nothing with it.
	g.must(conns[0].Send("BLPOP", "queue", 0))
	g.must(conns[0].Flush())
	g.waitBlocked(c, 1)
	conns[0].Close()
	g.waitBlocked(c, 0)
	value, err = g.do(c, []any{"RPUSH", "queue", "kept"})
	g.say("push", value, err)
	value, err = g.do(c, []any{"LPOP", "queue"})
	g.say("pop", value, err)
}

// waitBlocked asks the server until n clients are blocked.
func (g redigo) waitBlocked(c redis.Conn, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		info, err := redis.String(c.Do("INFO", "clients"))
		g.must(err)
		if infoInt(info, "blocked_clients") == n {
			return
		}
	}
	g.must(ctx.Err())
}
