package wire_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/wire/resp"
)

const trackingScript = "testdata/tracking.txt"

// The script of client-side caching has the recorded replies and messages, on
// both transports; and so it has on a redis-server, where one is installed.
func TestTracking(t *testing.T) {
	redis := startRedis(t)
	if *update {
		require.NotNil(t, redis, "-update needs redis-server 7.0")
		require.NoError(t, os.WriteFile(trackingScript, []byte(newStage(t, redis).play(t)), 0o644))
	}
	want, err := os.ReadFile(trackingScript)
	require.NoError(t, err)
	for name, p := range map[string]*peer{
		"pipe":         startOurs(t, "", nil, nil),
		"loop":         onTCP(t, startOurs(t, "", nil, nil)),
		"redis-server": redis,
	} {
		t.Run(name, func(t *testing.T) {
			if p == nil {
				t.Skip("there is no redis-server to compare with")
			}
			require.Equal(t, string(want), newStage(t, p).play(t))
		})
	}
}

// onTCP makes clients connect to a server of ours by TCP.
func onTCP(t *testing.T, p *peer) *peer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go p.srv.Serve(l)
	p.dial = func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	return p
}

// A stage is where the script is played.
type stage struct {
	p       *peer
	clients map[string]*client
	ids     map[string]string
	control *client // finds out who has gone
}

func newStage(t *testing.T, p *peer) *stage {
	return &stage{p: p, clients: map[string]*client{}, ids: map[string]string{}, control: newClient(t, p)}
}

// play plays the script and returns it with what the clients really got.
func (g *stage) play(t *testing.T) string {
	f, err := os.Open(trackingScript)
	require.NoError(t, err)
	defer f.Close()
	var out strings.Builder
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "    ") {
			continue // what was recorded
		}
		fmt.Fprintln(&out, line)
		if name, commands, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, "#") {
			g.step(t, &out, name, commands)
		}
	}
	return out.String()
}

// step makes a client send some commands, and writes down what all clients get.
func (g *stage) step(t *testing.T, out *strings.Builder, name, commands string) {
	c := g.client(t, name)
	switch commands {
	case "close":
		c.conn.Close()
		delete(g.clients, name)
		require.Eventually(t, func() bool {
			return g.control.do(t, "CLIENT", "LIST", "ID", g.ids[name]).Str == ""
		}, patience, time.Millisecond)
	case "wait":
		g.write(out, name, commands, c.read(t))
	default:
		var all []byte
		for command := range strings.SplitSeq(commands, "; ") {
			all = append(all, encode(words(g.expand(command)))...)
		}
		g.fence(t, out, name, commands, all)
	}
	for _, other := range g.names() {
		g.fence(t, out, other, commands, nil)
	}
}

// client returns the client of that name, connected when it is first needed.
func (g *stage) client(t *testing.T, name string) *client {
	if g.clients[name] == nil {
		c := newClient(t, g.p)
		g.clients[name], g.ids[name] = c, strconv.FormatInt(c.do(t, "CLIENT", "ID").Int, 10)
	}
	return g.clients[name]
}

func (g *stage) names() []string {
	var names []string
	for name := range g.clients {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fence makes a client send b, and a PING after it, and writes down what comes
// before the reply to that.
func (g *stage) fence(t *testing.T, out *strings.Builder, name, commands string, b []byte) {
	c := g.clients[name]
	c.sent = commands
	_, err := c.conn.Write(append(b, encode(words("PING fence"))...))
	require.NoError(t, err)
	for {
		v := c.read(t)
		require.NotEqual(t, closed, v)
		if v.Str == "fence" || len(v.Elems) == 2 && v.Elems[1].Str == "fence" {
			return
		}
		g.write(out, name, commands, v)
	}
}

// expand replaces the names of clients by their IDs.
func (g *stage) expand(s string) string {
	for name, id := range g.ids {
		s = strings.ReplaceAll(s, "$"+name, id)
	}
	return s
}

// write writes down a reply, where it may tell the ID of a client that by name.
func (g *stage) write(out *strings.Builder, name, commands string, v resp.Value) {
	s := brief(v)
	if strings.Contains(strings.ToLower(s+commands), "redir") {
		for name, id := range g.ids {
			s = strings.ReplaceAll(s, ":"+id, ":$"+name)
		}
	}
	if strings.Contains(commands, "CLIENT ID") && s == ":"+g.ids[name] {
		s = ":$" + name
	}
	if strings.Contains(s, "server") {
		s = "(greeting)"
	}
	fmt.Fprintf(out, "    %s %s\n", name, s)
}

func words(line string) (args [][]byte) {
	for w := range strings.FieldsSeq(line) {
		args = append(args, []byte(w))
	}
	return args
}

// brief prints a reply on one line.
func brief(v resp.Value) string {
	switch {
	case v.Null:
		return "null"
	case v.Type == resp.Int:
		return ":" + strconv.FormatInt(v.Int, 10)
	case v.Type == resp.Error:
		return "-" + v.Str
	case v.Type == resp.Bulk:
		return strconv.Quote(v.Str)
	case v.Elems != nil || v.Str == "":
		var parts []string
		for _, e := range v.Elems {
			parts = append(parts, brief(e))
		}
		return string(v.Type) + strings.Join(parts, " ")
	}
	return v.Str
}

// The table is bounded: a key too many makes the server forget one, and say so.
func TestTrackingTableIsBounded(t *testing.T) {
	p := startOurs(t, "", nil, nil)
	a, b := newClient(t, p), newClient(t, p)
	a.do(t, "HELLO", "3")
	require.Equal(t, "OK", b.do(t, "CONFIG", "SET", "tracking-table-max-keys", "3").Str)
	a.do(t, "CLIENT", "TRACKING", "ON", "NOLOOP")
	for i := range 10 {
		a.do(t, "GET", fmt.Sprint("k", i))
		if i >= 3 {
			require.Equal(t, "invalidate", a.read(t).Elems[0].Str)
		}
	}
	require.Equal(t, "1", infoField(t, p, "clients", "tracking_clients"))
	require.Equal(t, "3", infoField(t, p, "stats", "tracking_total_keys"))
	require.Equal(t, "3", infoField(t, p, "stats", "tracking_total_items"))
	require.Equal(t, "OK", b.do(t, "CONFIG", "SET", "tracking-table-max-keys", "1").Str)
	for range 2 {
		require.Equal(t, "invalidate", a.read(t).Elems[0].Str)
	}
	require.Equal(t, "1", infoField(t, p, "stats", "tracking_total_keys"))
	a.conn.Close()
	require.Eventually(t, func() bool { return infoField(t, p, "stats", "tracking_total_keys") == "0" },
		patience, time.Millisecond)
}

// What the host program changes is told as well, and so is what expires.
func TestTrackingOfTheHostsChanges(t *testing.T) {
	p := startOurs(t, "", nil, nil)
	one, all := newClient(t, p), newClient(t, p)
	one.do(t, "HELLO", "3")
	all.do(t, "HELLO", "3")
	one.do(t, "CLIENT", "TRACKING", "ON")
	all.do(t, "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "k")
	for _, change := range []func() error{
		func() error { return p.db.Set("k", []byte("1")) },
		func() error { _, err := p.db.Delete("k"); return err },
	} {
		one.do(t, "GET", "k")
		require.NoError(t, change())
		for _, c := range []*client{one, all} {
			require.Equal(t, `>"invalidate" *"k"`, brief(c.read(t)))
		}
	}
	require.NoError(t, p.db.Flush(0))
	require.Equal(t, `>"invalidate" null`, brief(one.read(t)))
}

// A cache never keeps what is no longer true, whatever the order in which
// replies and messages are made.
func TestTrackingLeavesNothingStale(t *testing.T) {
	for name, p := range map[string]*peer{
		"pipe": startOurs(t, "", nil, nil),
		"loop": onTCP(t, startOurs(t, "", nil, nil)),
	} {
		for _, mode := range []string{"OPTOUT", "BCAST"} {
			t.Run(name+" "+mode, func(t *testing.T) { playCaches(t, p, mode) })
		}
	}
}

func playCaches(t *testing.T, p *peer, mode string) {
	const keys, rounds, depth = 20, 300, 5
	key := func(i int) string { return fmt.Sprint("k", i%keys) }
	var wg sync.WaitGroup
	for w := range 2 {
		c := newClient(t, p)
		wg.Go(func() {
			for i := range rounds * depth {
				c.do(t, "SET", key(i*(w+1)), fmt.Sprint(w, i))
			}
		})
		wg.Go(func() { // from within the program
			for i := range rounds {
				p.db.Set(key(i*(w+3)), fmt.Append(nil, "host", w, i))
			}
		})
	}
	c := newClient(t, p)
	c.do(t, "HELLO", "3")
	require.Equal(t, "OK", c.do(t, "CLIENT", "TRACKING", "ON", mode).Str)
	cache := map[string]string{}
	for i := range rounds {
		c.readInto(t, cache, i*depth, depth, key)
	}
	wg.Wait()
	// What has been written is told at once, but for the host's changes in the
	// mode BCAST: after one more change of each key nothing is on its way.
	last := newClient(t, p)
	require.Eventually(t, func() bool {
		c.readInto(t, cache, 0, 0, key)
		for k, v := range cache {
			if last.do(t, "GET", k).Str != v {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond)
	require.NotZero(t, p.db.Len(0))
}

// readInto reads n keys in one pipeline into a cache, from which it takes what
// the server tells it to.
func (c *client) readInto(t *testing.T, cache map[string]string, from, n int, key func(int) string) {
	var b []byte
	for i := range n {
		b = append(b, encode(words("GET "+key(from+i)))...)
	}
	_, err := c.conn.Write(append(b, encode(words("PING fence"))...))
	require.NoError(t, err)
	for i := 0; ; {
		v := c.read(t)
		switch {
		case v.Str == "fence":
			return
		case v.Type == resp.Push:
			for _, k := range v.Elems[1].Elems {
				delete(cache, k.Str)
			}
		default:
			cache[key(from+i)] = v.Str
			i++
		}
	}
}
