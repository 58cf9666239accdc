package wire

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// A slowServer has commands that end when the test says so.
type slowServer struct {
	t       *testing.T
	srv     *Server
	network string
	addr    string
	began   chan string   // gets the argument of a slow command that has begun
	let     chan struct{} // a slow command takes one to end
}

// serveSlow serves the commands of every server, and
//
//	SLOW name          runs until it is let
//	HOLD {key} name    the same, holding the lock of key for writing
//	COUNT name         the same, of all keys, which it counts at its end
func serveSlow(t *testing.T) *slowServer {
	s := &slowServer{t: t, srv: serve(t, nil), began: make(chan string, 100), let: make(chan struct{})}
	slow := func(c *command.Call) error {
		for c.Left() > 1 {
			c.Key()
		}
		name := c.Text()
		s.began <- strings.Clone(name)
		<-s.let
		c.Reply.Bulk([]byte(name)) // the argument must still be what it was
		return nil
	}
	var err error
	s.srv.table, err = command.NewTable(append(Commands(),
		command.Command{Name: "SLOW", Syntax: "name", Summary: "Is slow.", Since: "1.0.0", Run: slow},
		command.Command{Name: "HOLD", Syntax: "{key} name", Summary: "Is slow and holds a key.", Since: "1.0.0",
			Flags: command.Write, Run: slow},
		command.Command{Name: "COUNT", Syntax: "name", Summary: "Counts slowly.", Since: "1.0.0",
			Flags: command.Read | command.Keyspace | command.Survey,
			Run: func(c *command.Call) error {
				s.began <- strings.Clone(c.Text())
				<-s.let
				n := 0
				for range c.Tx.Keys("*") {
					n++
				}
				c.Reply.Int(int64(n))
				return nil
			}}))
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = l.Addr().String()
	go s.srv.Serve(l)
	return s
}

// talk connects by TCP, and so to the loop.
func (s *slowServer) talk() *talker {
	nc, err := net.Dial("tcp", s.addr)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &talker{t: s.t, nc: nc, r: resp.NewReader(nc)}
}

func TestSlowCommandHoldsUpNobody(t *testing.T) {
	s := serveSlow(t)
	a, b := s.talk(), s.talk()
	require.Equal(t, "PONG", a.do("PING"))
	for range 3 {
		a.send("SLOW x\r\nSET k 1\r\nSLOW y\r\nGET k")
		require.Equal(t, "x", <-s.began)
		for range 100 {
			require.Equal(t, "PONG", b.do("PING"))
		}
		require.Equal(t, "(nil)", b.do("GET k"), "the commands behind a slow one wait for it")
		s.let <- struct{}{}
		require.Equal(t, "y", <-s.began)
		require.Equal(t, `"1"`, b.do("GET k"))
		s.let <- struct{}{}
		for _, want := range []string{`"x"`, "OK", `"y"`, `"1"`} {
			require.Equal(t, want, a.receive())
		}
		require.Equal(t, "(integer) 1", b.do("DEL k"))
	}
	require.NotZero(t, s.srv.stats.reliefs.Load())
}

// Many are slow at once, and each gets its own reply.
func TestManySlowCommands(t *testing.T) {
	const clients = 20
	s := serveSlow(t)
	var all sync.WaitGroup
	for i := range clients {
		k := s.talk()
		all.Go(func() {
			for n := range 5 {
				name := fmt.Sprintf("client%d-%d", i, n)
				k.send("SLOW " + name)
				require.Equal(t, fmt.Sprintf("%q", name), k.receive())
				require.Equal(t, "PONG", k.do("PING"))
			}
		})
	}
	quick := s.talk()
	for range clients * 5 {
		<-s.began
		require.Equal(t, "PONG", quick.do("PING"))
		s.let <- struct{}{}
	}
	all.Wait()
}

// Who wants a key that a slow command holds waits for it; the others do not.
func TestSlowCommandHoldsItsKey(t *testing.T) {
	const waiters = 10
	s := serveSlow(t)
	a, b := s.talk(), s.talk()
	a.send("HOLD k x")
	<-s.began
	wants := make([]*talker, waiters)
	for i := range wants {
		wants[i] = s.talk()
		wants[i].send("INCR k")
	}
	var others sync.WaitGroup
	var served atomic.Int64
	for i := range 64 { // a few of these keys lie in the shard that is held
		o := s.talk()
		others.Go(func() {
			require.Equal(t, "OK", o.do(fmt.Sprintf("SET key%d v", i)))
			served.Add(1)
		})
	}
	require.Eventually(t, func() bool { return served.Load() > 32 }, 10*time.Second, time.Millisecond)
	require.Equal(t, "PONG", b.do("PING"))
	s.let <- struct{}{}
	require.Equal(t, `"x"`, a.receive())
	seen := map[string]bool{}
	for _, k := range wants {
		seen[k.receive()] = true
	}
	others.Wait()
	require.Len(t, seen, waiters)
	require.Equal(t, fmt.Sprintf(`"%d"`, waiters), b.do("GET k"))
}

// Who reads all keys of a large database sees them as they were, and others
// write meanwhile. In EXEC the others wait.
func TestSurvey(t *testing.T) {
	s := serveSlow(t)
	a, b := s.talk(), s.talk()
	require.NoError(t, s.srv.db.Update(func(tx *store.Tx) error {
		for i := range surveyed {
			if err := tx.Set(fmt.Sprint("key", i), nil); err != nil {
				return err
			}
		}
		return nil
	}, store.In(3)))
	for _, k := range []*talker{a, b} {
		require.Equal(t, "OK", k.do("SELECT 3"))
	}
	a.send("COUNT x")
	<-s.began
	for i := range 100 {
		require.Equal(t, "(integer) 1", b.do(fmt.Sprint("DEL key", i)))
	}
	require.Equal(t, "OK", b.do("FLUSHALL"))
	s.let <- struct{}{}
	require.Equal(t, fmt.Sprint("(integer) ", surveyed), a.receive())
	require.Equal(t, "(empty array)", a.do("KEYS *"))

	require.Equal(t, "OK", a.do("MULTI"))
	require.Equal(t, "QUEUED", a.do("COUNT x"))
	a.send("EXEC")
	<-s.began
	b.send("SET k v")
	require.Equal(t, "PONG", s.talk().do("PING"))
	s.let <- struct{}{}
	require.Equal(t, "1) (integer) 0", a.receive())
	require.Equal(t, "OK", b.receive())
}

// What others do to a client that is away is done when it is back, or at once
// if it needs nothing of its session.
func TestClientAway(t *testing.T) {
	s := serveSlow(t)
	b := s.talk()

	t.Run("messages", func(t *testing.T) {
		a := s.talk()
		require.Equal(t, "1# \"server\"", strings.SplitN(a.do("HELLO 3"), " =>", 2)[0])
		a.do("SUBSCRIBE news")
		a.send("SLOW x")
		<-s.began
		require.Equal(t, "(integer) 1", b.do("PUBLISH news extra"))
		require.Contains(t, a.receive(), "extra", "before the reply of the slow command")
		s.let <- struct{}{}
		require.Equal(t, `"x"`, a.receive())
	})
	t.Run("gone", func(t *testing.T) {
		a := s.talk()
		a.send("SLOW x")
		<-s.began
		a.nc.Close()
		require.Equal(t, "PONG", b.do("PING"))
		s.let <- struct{}{}
		require.Eventually(t, func() bool { return len(s.srv.clients()) == 2 }, 10*time.Second, time.Millisecond) // b, and a of the test before
	})
	t.Run("killed", func(t *testing.T) {
		a := s.talk()
		id := a.id()
		a.send("SLOW x\r\nSET killed 1")
		<-s.began
		require.Equal(t, "(integer) 1", b.do("CLIENT KILL ID "+id))
		require.Contains(t, b.do("CLIENT LIST"), "cmd=slow")
		s.let <- struct{}{}
		_, err := a.r.Read()
		require.Error(t, err)
	})
	t.Run("blocked and unblocked", func(t *testing.T) {
		a := s.talk()
		a.send("SLOW x\r\nBLPOP q 0\r\nSLOW y")
		<-s.began
		s.let <- struct{}{}
		require.Equal(t, `"x"`, a.receive())
		require.Eventually(t, func() bool { return s.srv.db.Waiting() == 1 }, 10*time.Second, time.Millisecond)
		require.Equal(t, "(integer) 1", b.do("RPUSH q e"))
		require.Equal(t, "y", <-s.began)
		require.Equal(t, "PONG", b.do("PING"))
		s.let <- struct{}{}
		require.Equal(t, "1) \"q\"\n2) \"e\"", a.receive())
		require.Equal(t, `"y"`, a.receive())
	})
}

// A server ends when its slow commands have.
func TestShutdownWaitsForSlowCommand(t *testing.T) {
	s := serveSlow(t)
	a := s.talk()
	a.send("SLOW x")
	<-s.began
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.srv.Shutdown(ctx), context.Canceled)
	s.let <- struct{}{}
	require.NoError(t, s.srv.Close())
}
