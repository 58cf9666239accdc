package wire_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// The transports that a session can have.
var transports = []string{"pipe", "goroutines", "loop", "loops"}

// startOn is startOurs for clients that come by one of transports.
func startOn(t testing.TB, transport, path string, opt *store.Options) *peer {
	t.Helper()
	serverOpt := &wire.Options{NoLoop: transport == "goroutines"}
	if transport == "loops" {
		serverOpt.Loops = 3
	}
	p := startOurs(t, path, opt, serverOpt)
	if transport != "pipe" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		go p.srv.Serve(l)
		p.dial = func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	}
	return p
}

// lines returns commands as clients send them.
func lines(commands ...string) []byte {
	var w resp.Writer
	for _, c := range commands {
		w.Command(strings.Fields(c)...)
	}
	return w.Bytes()
}

// eventually waits for what others bring about.
func eventually(t testing.TB, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, patience, time.Millisecond, what)
}

// Tokens go round over lists in many shards, moved by clients that wait for
// them, are unblocked, go away at any moment and find their databases swapped.
// Not one is lost, and none is there twice.
func TestTokensGoRound(t *testing.T) {
	const tokens, lists, movers = 20, 7, 12
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			p := startOn(t, transport, "", &store.Options{Shards: 64})
			first := newClient(t, p)
			for i := range tokens {
				first.do(t, "RPUSH", fmt.Sprint("list", i%lists), fmt.Sprint(i))
			}
			end := time.Now().Add(time.Second)
			var all sync.WaitGroup
			for m := range movers {
				all.Go(func() { moveTokens(p, rand.New(rand.NewPCG(1, uint64(m))), lists, end) })
			}
			all.Go(func() { disturb(p, end) })
			all.Wait()
			eventually(t, func() bool { return p.db.Waiting() == 0 }, "somebody who has gone waits")
			seen, still := make(map[string]int), p.db.Snapshot() // some are still on their way
			for db := range 2 {
				require.NoError(t, still.Select(db))
				for i := range lists {
					list, err := still.List(fmt.Sprint("list", i))
					require.NoError(t, err)
					if list == nil {
						continue
					}
					for _, e := range list.All() {
						seen[string(e)]++
					}
				}
			}
			require.Len(t, seen, tokens)
			for token, n := range seen {
				require.Equal(t, 1, n, token)
			}
		})
	}
}

// moveTokens moves tokens on, each time for a while as a new client.
func moveTokens(p *peer, r *rand.Rand, lists int, end time.Time) {
	for time.Now().Before(end) {
		conn, err := p.dial()
		if err != nil {
			return
		}
		conn.SetDeadline(end.Add(patience))
		go io.Copy(io.Discard, conn)
		for range r.IntN(30) {
			from := r.IntN(lists)
			move := fmt.Sprintf("BLMOVE list%d list%d LEFT RIGHT 0.01", from, (from+1)%lists)
			if r.IntN(3) == 0 {
				move = "MULTI\r\n" + move + "\r\nPUBLISH news x\r\nEXEC"
			}
			conn.Write([]byte(move + "\r\n"))
			if r.IntN(4) == 0 {
				runtime.Gosched()
			}
		}
		conn.Close()
	}
}

// disturb is what an operator does in the midst of it.
func disturb(p *peer, end time.Time) {
	conn, err := p.dial()
	if err != nil {
		return
	}
	defer conn.Close()
	go io.Copy(io.Discard, conn)
	for id := 1; time.Now().Before(end); id++ {
		conn.Write(lines("SWAPDB 0 1", fmt.Sprintf("CLIENT UNBLOCK %d ERROR", id), fmt.Sprintf("CLIENT KILL ID %d", id-5), "CLIENT LIST"))
		runtime.Gosched()
	}
}

// Everything at once: clients that subscribe, block, watch, switch protocols
// and vanish, while others publish and flush, and the server is closed in the
// middle of it. Nothing hangs and no goroutine is left.
func TestEverythingAtOnce(t *testing.T) {
	script := strings.Split("PING|GET k|SET k v|INCR n|HELLO 3|HELLO 2|RESET|MULTI|EXEC|DISCARD|WATCH k n|UNWATCH|SELECT 1|"+
		"SUBSCRIBE a b|PSUBSCRIBE *|SSUBSCRIBE s|UNSUBSCRIBE|PUNSUBSCRIBE|SUNSUBSCRIBE s|PUBLISH a hello|SPUBLISH s hello|"+
		"BLPOP l 0.01|BLPOP l m 0|BRPOPLPUSH l m 0.01|BLMOVE m l LEFT LEFT 0|BZPOPMIN z 0.01|BLMPOP 0.01 2 l m LEFT|RPUSH l 1 2 3|"+
		"LPUSH m x|ZADD z 1 a|FLUSHALL|FLUSHDB|SWAPDB 0 1|DEL l m z|CLIENT REPLY OFF|CLIENT REPLY SKIP|CLIENT REPLY ON|"+
		"CLIENT LIST|CLIENT UNBLOCK 5|CLIENT KILL ID 9|CLIENT PAUSE 2|CLIENT UNPAUSE|KEYS *|DBSIZE|QUIT|NOSUCH|EXPIRE k 1|SET k v PX 1", "|")
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			before := runtime.NumGoroutine()
			p := startOn(t, transport, "", &store.Options{Shards: 4})
			var stop atomic.Bool
			var all sync.WaitGroup
			for i := range 10 {
				r := rand.New(rand.NewPCG(2, uint64(i)))
				all.Go(func() {
					for !stop.Load() {
						conn, err := p.dial()
						if err != nil {
							return // the server is closed
						}
						all.Go(func() { io.Copy(io.Discard, conn) })
						for range r.IntN(20) {
							var batch []string
							for range 1 + r.IntN(20) {
								batch = append(batch, script[r.IntN(len(script))])
							}
							b := lines(batch...)
							if cut := r.IntN(len(b)); r.IntN(3) == 0 {
								conn.Write(b[:cut])
								b = b[cut:]
							}
							conn.Write(b)
						}
						conn.Close()
					}
				})
			}
			enough := p.srv.DB().Clock().Now().Add(1200 * time.Millisecond)
			eventually(t, func() bool { return time.Now().After(enough) }, "")
			p.close(t) // with the clients connected
			stop.Store(true)
			all.Wait()
			noGoroutines(t, before)
		})
	}
}

// noGoroutines waits until there are only as many goroutines as before.
func noGoroutines(t *testing.T, before int) {
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, before %d\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// A client that pipelines, while a message that it does not take is being sent
// to it, gets no more served than it takes.
func TestPipelineBesideMessage(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			p := startOn(t, transport, "", nil)
			other, slow := newClient(t, p), newClient(t, p)
			other.do(t, "SET", "big", strings.Repeat("x", 100_000))
			slow.do(t, "HELLO", "3")
			slow.do(t, "SUBSCRIBE", "news")
			stalled := make(chan struct{})
			go func() {
				defer close(stalled)
				batch := lines(strings.Split(strings.Repeat("GET big|", 100)+"PING", "|")...)
				slow.conn.SetWriteDeadline(time.Now().Add(time.Second))
				for range 100 { // a gigabyte of replies
					other.conn.Write(lines("PUBLISH news " + strings.Repeat("m", 10_000)))
					if _, err := slow.conn.Write(batch); err != nil {
						return // as it should be: nobody reads it
					}
				}
			}()
			<-stalled
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			require.Less(t, m.HeapAlloc, uint64(64<<20))
			slow.conn.Close()
		})
	}
}

// Replies come in the order of the commands, whatever blocks between them and
// whoever serves it.
func TestOrderAroundBlocking(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			p := startOn(t, transport, "", nil)
			a, b := newClient(t, p), newClient(t, p)
			for i := range 200 {
				n := strconv.Itoa(i)
				_, err := a.conn.Write(lines("ECHO before"+n, "BLPOP q 0", "ECHO between"+n, "BRPOP r 0", "ECHO after"+n))
				require.NoError(t, err)
				_, err = b.conn.Write(lines("RPUSH q "+n, "RPUSH r "+n))
				require.NoError(t, err)
				require.Equal(t, "before"+n, a.read(t).Str)
				require.Equal(t, n, a.read(t).Elems[1].Str)
				require.Equal(t, "between"+n, a.read(t).Str)
				require.Equal(t, n, a.read(t).Elems[1].Str)
				require.Equal(t, "after"+n, a.read(t).Str)
				b.read(t)
				b.read(t)
			}
		})
	}
}

// Under the policy Always no reply is there before what it tells of is on disk,
// whoever ran the command: the client's own goroutine, one that attends to it
// because of a message, or one that served it.
func TestRepliesAreDurable(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			p := startOn(t, transport, filepath.Join(t.TempDir(), "db"), &store.Options{Sync: store.Always})
			durable := func() uint64 { s, _ := p.db.Stats(); return s.Durable }
			a, b := newClient(t, p), newClient(t, p)
			a.do(t, "HELLO", "3")
			a.do(t, "SUBSCRIBE", "news")
			reply := func() resp.Value {
				for {
					if v := a.read(t); v.Type != resp.Push {
						return v
					}
				}
			}
			seq := uint64(0)
			for range 20 {
				_, err := b.conn.Write(lines(strings.Split(strings.Repeat("PUBLISH news m|", 50)+"RPUSH q x", "|")...))
				require.NoError(t, err)
				for range 10 {
					_, err := a.conn.Write(lines("SET k v"))
					require.NoError(t, err)
				}
				for range 10 {
					require.Equal(t, "OK", reply().Str)
					seq++
					require.GreaterOrEqual(t, durable(), seq)
				}
				_, err = a.conn.Write(lines("BLPOP q 0"))
				require.NoError(t, err)
				require.Len(t, reply().Elems, 2)
				seq++ // one if it waited, two if not
				require.GreaterOrEqual(t, durable(), seq)
			}
		})
	}
}

// Nor is it however many clients there are, and for what one has only read.
func TestManyRepliesAreDurable(t *testing.T) {
	for _, transport := range transports {
		for _, clients := range []int{2, 10, 60} {
			t.Run(fmt.Sprint(transport, clients), func(t *testing.T) {
				p := startOn(t, transport, filepath.Join(t.TempDir(), "db"), &store.Options{Sync: store.Always})
				durable := func() uint64 { s, _ := p.db.Stats(); return s.Durable }
				requests := [][]byte{lines("INCR n"), lines("GET n"), lines("INCR n", "GET n", "PING", "INCR n")}
				replies := []int{1, 1, 4}
				var all sync.WaitGroup
				for i := range clients {
					c := newClient(t, p)
					all.Go(func() {
						for j := range 60 {
							k := (i + j) % len(requests)
							if _, err := c.conn.Write(requests[k]); err != nil {
								t.Error(err)
								return
							}
							for range replies[k] {
								v := c.read(t)
								number := uint64(v.Int) // of the commit, as there are no others
								if v.Str != "" {
									number, _ = strconv.ParseUint(v.Str, 10, 64)
								}
								if is := durable(); is < number {
									t.Errorf("client %d was told of commit %d, but only %d are durable", i, number, is)
								}
							}
						}
					})
				}
				all.Wait()
			})
		}
	}
}

// CLIENT REPLY holds for a command that waits, and holds back no messages.
func TestReplyOffAround(t *testing.T) {
	p := startOurs(t, "", nil, nil)
	a, b := newClient(t, p), newClient(t, p)
	a.send(t, [][]byte{[]byte("CLIENT"), []byte("REPLY"), []byte("SKIP")})
	a.conn.Write(lines("BLPOP q 0", "ECHO shown"))
	eventually(t, func() bool { return p.db.Waiting() == 1 }, "nobody waits")
	b.do(t, "RPUSH", "q", "1")
	require.Equal(t, "shown", a.read(t).Str)

	a.do(t, "HELLO", "3")
	a.conn.Write(lines("CLIENT REPLY OFF", "SUBSCRIBE news", "PING"))
	eventually(t, func() bool { return b.do(t, "PUBLISH", "news", "m").Int == 1 }, "nobody listens")
	v := a.read(t)
	require.Equal(t, resp.Push, v.Type)
	require.Equal(t, "m", v.Elems[2].Str)
}

// Who publishes to itself in a transaction gets the messages after its reply.
func TestOwnMessageInTransaction(t *testing.T) {
	p := startOurs(t, "", nil, nil)
	a := newClient(t, p)
	a.do(t, "HELLO", "3")
	a.do(t, "SUBSCRIBE", "news")
	a.conn.Write(lines("MULTI", "PUBLISH news m", "PING", "EXEC"))
	for _, want := range []string{"OK", "QUEUED", "QUEUED"} {
		require.Equal(t, want, a.read(t).Str)
	}
	require.Equal(t, "1) (integer) 1\n2) PONG", a.read(t).String())
	require.Equal(t, resp.Push, a.read(t).Type)
}

// Every command that there is ends in EXEC beside a command that has written:
// none takes locks that its transaction holds.
func TestEveryCommandInTransaction(t *testing.T) {
	p := startOurs(t, filepath.Join(t.TempDir(), "db"), nil, nil)
	for c := range commandTable(t).Every() {
		switch c.FullName() {
		case "shutdown", "exec", "discard", "multi", "watch", "quit", "reset", "debug", "debug|sleep", "client|reply", "client|pause", "monitor":
			continue // end a transaction or the connection, or are slow on purpose
		}
		if len(c.Sub) > 0 {
			continue
		}
		for extra := range 4 {
			conn, err := p.dial()
			require.NoError(t, err)
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			call := strings.ReplaceAll(c.FullName(), "|", " ")
			for range extra {
				call += " 1"
			}
			in := lines("MULTI", "FLUSHALL", "SET 1 1", call, "DBSIZE", "EXEC", "ECHO ended")
			_, err = conn.Write(in)
			require.NoError(t, err)
			r := resp.NewReader(conn)
			for {
				v, err := r.Read()
				require.NoError(t, err, "%s hangs or ends the connection in EXEC", call)
				if v.Str == "ended" || strings.Contains(v.Str, "allowed in this context") {
					break
				}
			}
			conn.Close()
		}
	}
}

func commandTable(t testing.TB) *command.Table {
	table, err := command.NewTable(wire.Commands())
	require.NoError(t, err)
	return table
}

// Shutdown ends clients that are blocked, subscribed, or in the middle of a command.
func TestShutdownWhileBlocked(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			p := startOn(t, transport, "", nil)
			var clients []*client
			for _, in := range []string{"BLPOP q 0\r\n", "SUBSCRIBE a\r\nPING\r\n", "*2\r\n$3\r\nGET\r\n$100\r\nab", "MULTI\r\nSET a b\r\n", "WATCH a\r\n"} {
				c := newClient(t, p)
				_, err := io.WriteString(c.conn, in)
				require.NoError(t, err)
				clients = append(clients, c)
			}
			eventually(t, func() bool { return p.db.Waiting() == 1 }, "nobody waits")
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			require.NoError(t, p.srv.Shutdown(ctx))
			require.Zero(t, p.db.Waiting())
			for _, c := range clients {
				_, err := io.Copy(io.Discard, c.conn)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
			}
		})
	}
}

// Large values are read as they were at one moment, however they change
// meanwhile: a transaction moves one element, and whoever reads all of them
// finds as many as ever.
func TestLargeReadsWhileWriting(t *testing.T) {
	const size = 12_000 // enough to be read from a clone
	reads := []struct{ fill, move, read string }{
		{"SADD s e%d", "SREM s e%d|SADD s e%d", "SMEMBERS s"},
		{"SADD u e%d", "SREM u e%d|SADD u e%d", "SUNION u none"},
		{"SADD i e%d", "SREM i e%d|SADD i e%d", "SINTER i i"},
		{"HSET h e%d v", "HDEL h e%d|HSET h e%d v", "HKEYS h"},
		{"RPUSH l e%d", "LREM l 1 e%d|RPUSH l e%d", "LRANGE l 0 -1"},
		{"ZADD z 1 e%d", "ZREM z e%d|ZADD z 1 e%d", "ZRANGE z 0 -1"},
		{"ZADD y 1 e%d", "ZREM y e%d|ZADD y 1 e%d", "ZUNION 1 y"},
	}
	p := startOn(t, "loop", "", nil)
	var all sync.WaitGroup
	for _, r := range reads {
		var fill []string
		for e := range size {
			fill = append(fill, fmt.Sprintf(r.fill, e))
		}
		writer, reader := newClient(t, p), newClient(t, p)
		batch := func(commands ...string) {
			_, err := writer.conn.Write(lines(commands...))
			require.NoError(t, err)
			for range commands {
				writer.read(t)
			}
		}
		batch(fill...)
		done := make(chan struct{})
		all.Go(func() {
			defer close(done)
			for range 8 {
				require.Len(t, reader.do(t, strings.Fields(r.read)...).Elems, size, r.read)
			}
		})
		all.Go(func() {
			out, in := 0, size
			for {
				select {
				case <-done:
					return
				default:
				}
				steps := strings.Split(r.move, "|")
				batch("MULTI", fmt.Sprintf(steps[0], out), fmt.Sprintf(steps[1], in), "EXEC")
				out, in = out+1, in+1
			}
		})
	}
	all.Wait()
}

// Large values are never seen half: whoever reads gets what one client wrote,
// while the memory of values goes round among those who write and those who read.
func TestLargeValuesGoRound(t *testing.T) {
	const clients, rounds = 6, 25
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			p := startOn(t, transport, "", nil)
			var all sync.WaitGroup
			for id := range clients {
				c, rng := newClient(t, p), rand.New(rand.NewPCG(uint64(id), 7))
				all.Go(func() {
					for i := range rounds {
						k := rng.IntN(3)
						key := []byte{'k', byte('0' + k)}
						value := bytes.Repeat([]byte{byte('a' + (id*rounds+i)%26)}, (1+2*k*k)*80_000)
						write := [][]byte{[]byte("SET"), key, value}
						if i%5 == 0 { // in place
							write = [][]byte{[]byte("SETRANGE"), key, []byte("0"), value}
						}
						c.send(t, write)
						c.send(t, [][]byte{[]byte("GET"), key})
						require.Empty(t, c.read(t).Err())
						if got := c.read(t).Str; len(got) != len(value) || !uniform(got) {
							t.Errorf("a value of %d bytes is not what one client wrote", len(got))
						}
					}
				})
			}
			all.Wait()
			require.NoError(t, p.db.Check())
		})
	}
}

// uniform reports whether all bytes of s are the same.
func uniform(s string) bool { return strings.Count(s, s[:1]) == len(s) }
