package wire

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
)

// check returns an error if the parts of t contradict each other.
func (t *tracking) check() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	items := 0
	for key, ids := range t.keys {
		if len(ids) == 0 || !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			return fmt.Errorf("key %q has been read by %v", key, ids)
		}
		items += len(ids)
	}
	if items != t.items {
		return fmt.Errorf("%d items are counted, there are %d", t.items, items)
	}
	for p, of := range t.prefixes {
		for c := range of {
			if !c.on || !c.bcast || !slices.Contains(c.prefixes, p) || t.clients[c.session.id] != c {
				return fmt.Errorf("prefix %q is followed by a client that does not", p)
			}
		}
	}
	for id, c := range t.clients {
		if c.session.id != id || c.session.track != c || !c.on && len(c.prefixes) > 0 {
			return fmt.Errorf("client %d is not itself", id)
		}
		for _, p := range c.prefixes {
			if _, ok := t.prefixes[p][c]; !ok {
				return fmt.Errorf("client %d does not follow its prefix %q", id, p)
			}
		}
	}
	return nil
}

// Whatever clients do, the table stays whole; and nothing is left when they
// have gone.
func TestTrackingTable(t *testing.T) {
	srv := serve(t, nil)
	r := rand.New(rand.NewPCG(7, 0))
	control := talk(t, srv)
	clients := make([]*talker, 4)
	lines := []string{
		"CLIENT TRACKING ON", "CLIENT TRACKING ON NOLOOP", "CLIENT TRACKING ON OPTIN", "CLIENT TRACKING ON OPTOUT",
		"CLIENT TRACKING OFF", "CLIENT TRACKING ON BCAST", "CLIENT TRACKING ON BCAST PREFIX a PREFIX k",
		"CLIENT TRACKING ON BCAST PREFIX b", "CLIENT TRACKING ON REDIRECT 1", "CLIENT CACHING YES",
		"CLIENT CACHING NO", "RESET", "FLUSHALL", "MGET k1 k2 k3", "DEL k1 k2", "CONFIG SET tracking-table-max-keys 3",
		"CONFIG SET tracking-table-max-keys 0",
	}
	for range 3000 {
		i := r.IntN(len(clients))
		k := clients[i]
		switch n := r.IntN(40); {
		case k == nil:
			clients[i] = talk(t, srv)
		case n == 0:
			k.nc.Close()
			clients[i] = nil
		case n < 12:
			k.do(fmt.Sprint("GET k", r.IntN(9)))
		case n < 20:
			k.do(fmt.Sprint("SET k", r.IntN(9), " v"))
		default:
			k.do(lines[r.IntN(len(lines))])
		}
		require.NoError(t, srv.tracking.check())
	}
	for _, k := range clients {
		if k != nil {
			k.nc.Close()
		}
	}
	require.Eventually(t, func() bool {
		n, keys, items, prefixes := srv.tracking.totals()
		return n+keys+items+prefixes == 0 && len(srv.clients()) == 1
	}, 10*time.Second, time.Millisecond)
	control.do("SET k1 v")
	require.NoError(t, srv.tracking.check())
}

// CLIENT LIST shows who tracks, and who gets the messages.
func TestTrackingInClientList(t *testing.T) {
	srv := serve(t, nil)
	a, b := talk(t, srv), talk(t, srv)
	require.Contains(t, a.do("CLIENT INFO"), " redir=-1 ")
	a.do("CLIENT TRACKING ON BCAST")
	require.Contains(t, a.do("CLIENT INFO"), " flags=tB ")
	require.Contains(t, a.do("CLIENT INFO"), " redir=0 ")
	a.do("RESET")
	a.do("CLIENT TRACKING ON REDIRECT " + b.id())
	require.Contains(t, a.do("CLIENT INFO"), " redir="+b.id()+" ")
	a.do("GET k")
	id := b.id()
	b.nc.Close()
	c := talk(t, srv)
	require.Eventually(t, func() bool { return len(srv.clients()) == 2 }, 10*time.Second, time.Millisecond)
	c.do("SET k 1")
	require.Contains(t, c.do("CLIENT LIST"), " flags=tR ")
	require.Contains(t, c.do("CLIENT LIST"), " redir="+id+" ")
}

// A yielding is a transport that calls f when its session is about to be slow.
type yielding struct {
	nowhere
	f func()
}

func (y yielding) yield() { y.f() }

// What a client has read is remembered under the locks under which it was read,
// also if the command has so much to reply that it would give them up before
// (see Call.Still): else nobody would tell the client of a write meanwhile.
func TestInvalidationOfLargeRead(t *testing.T) {
	db, err := store.Open("", nil)
	require.NoError(t, err)
	defer db.Close()
	srv := NewServer(db, nil)
	writer := newSession(srv, nowhere{})
	push := "RPUSH big" + strings.Repeat(" x", 1000)
	for range 100 {
		run(writer, push)
	}
	wrote := make(chan struct{})
	write := sync.OnceFunc(func() {
		go func() {
			defer close(wrote)
			run(writer, "LPUSH big new")
		}()
	})
	reader := newSession(srv, yielding{f: write})
	out := run(reader, "HELLO 3", "CLIENT TRACKING ON", "LRANGE big 0 -1")
	<-wrote
	out += run(reader, "PING")
	require.Contains(t, out, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nbig\r\n")
}
