package kill

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redstart/bench/peer"
)

var (
	kills   = flag.Int("kills", 4, "how often our server is killed")
	clients = flag.Int("clients", 8, "how many clients write at once")
	longest = flag.Duration("longest", 700*time.Millisecond, "the longest time under load before a kill")
	seed    = flag.Uint64("seed", 0, "of the histories and of the moments of the kills; 0: a random one")
)

const briefLife = 20 * time.Millisecond

var lab peer.Lab

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

// After SIGKILL under --appendfsync always, no acknowledged write is missing,
// no batch is torn and deadlines are kept.
func TestKill(t *testing.T) { killing(t, lab.Redstart(t), *kills) }

// That redis-server passes, too, is the test of the test.
func TestKillRedisServer(t *testing.T) { killing(t, lab.Redis(t), 1) }

func killing(t *testing.T, program peer.Program, kills int) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, 0))
	opt := &peer.Options{Dir: t.TempDir(), Sync: "always"}
	var load load
	for i := range *clients {
		load = append(load, &client{history: history{*seed, i}, state: newState(), depth: 1 + 15*(i%2)})
	}
	for range kills {
		s, err := program.Start(opt)
		if err != nil {
			t.Fatal(err)
		}
		load.run(t, s, time.Duration(r.Int64N(int64(*longest))))

		s, err = program.Start(opt)
		if err != nil {
			t.Fatal("after the kill:", err)
		}
		requests, open := load.verify(t, s)
		s.Kill() // once more, in peace: whatever opening did must hold
		t.Logf("%d requests acknowledged, %d more found of %d in flight", requests.acked, requests.found, open)
		if t.Failed() {
			return
		}
	}
	s := lab.Start(t, program, opt)
	load.verify(t, s)
}

// A load is all clients together.
type load []*client

// run lets all clients write until the server is killed, after the given time.
func (l load) run(t *testing.T, s *peer.Server, after time.Duration) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, len(l))
	for i, c := range l {
		wg.Go(func() { errs[i] = c.write(s.Addr()) })
	}
	time.AfterFunc(after, s.Kill)
	wg.Wait()
	s.Kill() // wait until it is gone
	for i, err := range errs {
		if err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
}

// verify compares what the server holds with the histories, which continue
// from there.
func (l load) verify(t *testing.T, s *peer.Server) (requests struct{ acked, found int }, open int) {
	t.Helper()
	conn, err := dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-time.After(briefLife) // since the last write
	batches := 0
	for _, c := range l {
		requests.acked += c.acked
		open += c.sent - c.acked
		before := c.acked
		found, err := read(conn, c.history)
		if err == nil {
			err = c.settle(found)
		}
		if err != nil {
			t.Errorf("client %d: %v", c.history.client, err)
		}
		requests.found += c.acked - before
		n, _ := strconv.Atoi(c.state.strings[c.history.key("batches", 0)])
		batches += n
	}
	all, err := redis.Int(conn.Do("GET", allBatches))
	if err != nil && !errors.Is(err, redis.ErrNil) {
		t.Error(err)
	}
	if all != batches && !t.Failed() {
		t.Errorf("all clients together did %d batches, each for itself %d in all", all, batches)
	}
	return requests, open
}

// A client writes its history.
type client struct {
	history history
	state   *state // after all acknowledged requests
	acked   int    // number of requests acknowledged
	sent    int    // number of requests sent, or begun to be sent
	depth   int    // how many requests may be on their way at once
}

// write sends requests until the connection breaks. The error is about an
// answer that was wrong, not about the end.
func (c *client) write(addr string) error {
	conn, err := dial(addr)
	if err != nil {
		return nil // killed before
	}
	defer conn.Close()
	// ahead is the state after all requests sent: the next one depends on it.
	ahead := c.state.clone()
	for {
		var want [][]any
		var requests []request
		for range c.depth {
			r := c.history.at(c.sent, ahead)
			c.sent++
			requests = append(requests, r)
			want = append(want, r.apply(ahead))
			if err := r.send(conn); err != nil {
				return nil
			}
		}
		if err := conn.Flush(); err != nil {
			return nil
		}
		for i, r := range requests {
			ok, err := r.receive(conn, want[i])
			if err != nil {
				return fmt.Errorf("request %d: %w", c.acked, err)
			}
			if !ok {
				return nil
			}
			r.apply(c.state)
			c.acked++
		}
	}
}

// settle finds the number of requests, between those acknowledged and those
// sent, after which the state is the one found. The history goes on from there.
func (c *client) settle(found map[string]string) error {
	first := difference(found, c.state.contents())
	for ; ; c.acked++ {
		if equal(found, c.state.contents()) {
			c.sent = c.acked
			return nil
		}
		if c.acked == c.sent {
			return fmt.Errorf("in no state up to the %d requests sent; beside the one acknowledged: %s", c.sent, first)
		}
		c.history.at(c.acked, c.state).apply(c.state)
	}
}

func (r request) send(conn redis.Conn) error {
	if len(r) == 1 {
		return conn.Send(r[0].args[0].(string), r[0].args[1:]...)
	}
	if err := conn.Send("MULTI"); err != nil {
		return err
	}
	for _, c := range r {
		if err := conn.Send(c.args[0].(string), c.args[1:]...); err != nil {
			return err
		}
	}
	return conn.Send("EXEC")
}

// receive reads the answer to r. ok is false if the connection broke before it
// was complete; err is an answer other than the wanted one.
func (r request) receive(conn redis.Conn, want []any) (ok bool, err error) {
	if len(r) == 1 {
		return check(conn, r[0], want[0])
	}
	if ok, err := check(conn, command{args: []any{"MULTI"}}, "OK"); !ok || err != nil {
		return ok, err
	}
	for _, c := range r {
		if ok, err := check(conn, c, "QUEUED"); !ok || err != nil {
			return ok, err
		}
	}
	replies, err := redis.Values(conn.Receive())
	if ok, err := alive(err); !ok || err != nil {
		return ok, err
	}
	if len(replies) != len(want) {
		return false, fmt.Errorf("EXEC answers %v", replies)
	}
	for i, reply := range replies {
		if !same(reply, want[i]) {
			return false, fmt.Errorf("%.80v in EXEC answers %.80v, want %.80v", r[i].args, reply, want[i])
		}
	}
	return true, nil
}

func check(conn redis.Conn, c command, want any) (ok bool, err error) {
	reply, err := conn.Receive()
	if ok, err := alive(err); !ok || err != nil {
		return ok, err
	}
	if !same(reply, want) {
		return false, fmt.Errorf("%.80v answers %.80v, want %.80v", c.args, reply, want)
	}
	return true, nil
}

// alive tells an error the server answered with (err) from a broken connection
// (not ok).
func alive(err error) (ok bool, _ error) {
	var answer redis.Error
	if errors.As(err, &answer) {
		return false, answer
	}
	return err == nil, nil
}

// same reports whether a reply is the wanted one. A wanted nil stands for
// anything or nothing at all.
func same(reply, want any) bool {
	if b, ok := reply.([]byte); ok {
		reply = string(b)
	}
	return want == nil || reply == want
}

func dial(addr string) (redis.Conn, error) {
	return redis.Dial("tcp", addr, redis.DialConnectTimeout(10*time.Second), redis.DialReadTimeout(time.Minute))
}

// read fetches the contents of a client's keys, in the form of state.contents.
func read(conn redis.Conn, h history) (map[string]string, error) {
	keys, err := redis.Strings(conn.Do("KEYS", fmt.Sprintf("client%d:*", h.client)))
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, key := range keys {
		deadline, err := redis.Int64(conn.Do("PEXPIRETIME", key))
		if err != nil {
			return nil, err
		}
		text, err := readKey(conn, key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		found[key] = fmt.Sprint(deadline, " ", text)
	}
	return found, nil
}

func readKey(conn redis.Conn, key string) (string, error) {
	kind, err := redis.String(conn.Do("TYPE", key))
	if err != nil {
		return "", err
	}
	var text string
	var list []string
	var fields map[string]string
	switch kind {
	case "string":
		text, err = redis.String(conn.Do("GET", key))
	case "list":
		list, err = redis.Strings(conn.Do("LRANGE", key, 0, -1))
		text = strings.Join(list, " ")
	case "set":
		list, err = redis.Strings(conn.Do("SMEMBERS", key))
		slices.Sort(list)
		text = strings.Join(list, " ")
	case "hash":
		fields, err = redis.StringMap(conn.Do("HGETALL", key))
		text = pairs(fields)
	case "zset":
		fields, err = redis.StringMap(conn.Do("ZRANGE", key, 0, -1, "WITHSCORES"))
		text = pairs(fields)
	}
	return kind + " " + text, err
}

func equal(a, b map[string]string) bool { return difference(a, b) == "" }

// difference names a key that found and want do not agree on, "" if there is
// none.
func difference(found, want map[string]string) string {
	for key, value := range want {
		if found[key] != value {
			return fmt.Sprintf("%s is %.200q, should be %.200q", key, found[key], value)
		}
	}
	for key, value := range found {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("%s is %.200q, should not be there", key, value)
		}
	}
	return ""
}
