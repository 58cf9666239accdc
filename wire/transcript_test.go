package wire_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/types"
	"redstart/wire/resp"
)

var update = flag.Bool("update", false, "record the replies of the transcripts from redis-server 7.0.15")

// A road is a way to play a transcript. On all of them the replies are the same.
type road struct {
	name  string
	opt   store.Options
	proto int
	file  bool // over a file, which is closed and opened again on the way
	multi bool // in transactions
	large bool // all collections in their large form
}

var roads = []road{
	{name: "plain"},
	{name: "resp3", proto: 3},
	{name: "multi", multi: true},
	{name: "file", file: true},
	{name: "1 shard", opt: store.Options{Shards: 1}},
	{name: "64 shards", opt: store.Options{Shards: 64}},
	{name: "large", opt: store.Options{Limits: &types.Limits{ListSize: 1}}, large: true},
}

// Every transcript, on every road, has the recorded replies; and so it has on a
// redis-server, where one is installed.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("data/testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	redis := startRedis(t)
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			tr := parseTranscript(t, path)
			if *update {
				record(t, tr, redis)
			}
			if redis != nil {
				t.Run("redis-server", func(t *testing.T) { tr.playLive(t, redis) })
			}
			for _, r := range roads {
				if r.multi && tr.stateful {
					continue
				}
				t.Run(r.name, func(t *testing.T) { tr.play(t, r, redis) })
			}
		})
	}
}

// record takes the replies from redis-server, those that differ from our own.
func record(t *testing.T, tr *transcript, redis *peer) {
	require.NotNil(t, redis, "-update needs redis-server 7.0")
	theirs := newPlayer(t, redis, 0)
	theirs.clear()
	ours := newPlayer(t, startOurs(t, "", nil, nil), 0)
	for _, x := range tr.cases {
		x.want = text(theirs.play(x), false)
		if own := text(ours.play(x), false); x.differs {
			x.want = own
		}
		x.recorded = true
	}
	tr.write(t)
}

// playLive compares redis-server with what was recorded from one.
func (tr *transcript) playLive(t *testing.T, redis *peer) {
	p := newPlayer(t, redis, 0)
	p.clear()
	for _, x := range tr.cases {
		if got := p.play(x); !x.differs {
			tr.compare(t, x, got)
		}
	}
}

func (tr *transcript) play(t *testing.T, r road, redis *peer) {
	path := ""
	if r.file {
		path = filepath.Join(t.TempDir(), "db")
	}
	p := newPlayer(t, startOurs(t, path, &r.opt, nil), r.proto)
	switch {
	case r.multi:
		tr.playMulti(t, p)
		return
	case r.proto == 3:
		tr.playResp3(t, p, redis)
		return
	}
	reopen := tr.places(r)
	for i, x := range tr.cases {
		if slices.Contains(reopen, i) {
			p.peer.close(t)
			p.move(startOurs(t, path, &r.opt, nil))
		}
		got := p.play(x)
		switch {
		case r.large && (x.is("OBJECT", "ENCODING") || x.is("DEBUG") || x.is("MEMORY")):
		case r.large && inAnyOrder(x):
			loose := *x
			loose.unordered = true
			tr.compare(t, &loose, got)
		default:
			tr.compare(t, x, got)
		}
	}
}

// places returns the cases before which the file is opened anew.
func (tr *transcript) places(r road) (at []int) {
	if !r.file {
		return nil
	}
	n := len(tr.cases)
	for _, i := range []int{n / 5, n / 2, n * 4 / 5} {
		for tr.stateful && i < n && !tr.cases[i].begins() {
			i++
		}
		at = append(at, i)
	}
	return at
}

// begins reports whether x begins a section.
func (x *exchange) begins() bool { return x.client == 1 && x.is("FLUSHALL") && x.want == "OK" }

// inAnyOrder reports whether a collection in its large form may show its
// elements in another order than in its compact one.
func inAnyOrder(x *exchange) bool {
	switch x.name() {
	case "HGETALL", "HKEYS", "HVALS", "SMEMBERS", "SINTER", "SUNION", "SDIFF", "HSCAN", "SSCAN", "ZSCAN", "SPOP":
		return true
	}
	return false
}

// playMulti puts several commands at a time in a transaction. Those that the
// server refuses to queue are alone in theirs, which is then aborted.
func (tr *transcript) playMulti(t *testing.T, p *player) {
	for rest := tr.cases; len(rest) > 0; {
		n := 1
		for n < min(7, len(rest)) && !rest[0].refused() && !rest[n].refused() {
			n++
		}
		tr.playTransaction(t, p, rest[:n])
		rest = rest[n:]
	}
}

func (tr *transcript) playTransaction(t *testing.T, p *player, cases []*exchange) {
	c := p.client(1)
	require.Equal(t, "OK", c.do(t, "MULTI").Str)
	for _, x := range cases {
		v := c.call(t, x.args)
		if v.Err() != nil {
			tr.compare(t, x, []resp.Value{v})
			require.Equal(t, "(error) EXECABORT Transaction discarded because of previous errors.", c.do(t, "EXEC").String())
			return
		}
		require.Equal(t, "QUEUED", v.Str, x.text)
	}
	got := c.do(t, "EXEC")
	require.Len(t, got.Elems, len(cases))
	for i, x := range cases {
		tr.compare(t, x, got.Elems[i:i+1])
	}
}

// playResp3 compares with redis-server's replies in RESP3; without one, with
// the recorded ones, of which only the content is the same.
func (tr *transcript) playResp3(t *testing.T, p *player, redis *peer) {
	var theirs *player
	if redis != nil {
		theirs = newPlayer(t, redis, 3)
		theirs.clear()
	}
	ours2 := newPlayer(t, startOurs(t, "", nil, nil), 0)
	for _, x := range tr.cases {
		got, resp2 := p.play(x), ours2.play(x)
		if theirs != nil {
			want := theirs.play(x)
			if !x.differs {
				y := *x
				y.want = text(want, x.unordered)
				tr.compare(t, &y, got)
				continue
			}
		}
		if x.resp2 || x.varies || x.unordered {
			continue
		}
		if a, b := leaves(nil, got), leaves(nil, resp2); !slices.Equal(a, b) {
			t.Errorf("%s: %s\n in RESP3 %q\n in RESP2 %q", tr.name, x.text, a, b)
		}
	}
}

// leaves appends the texts of all values that are not aggregates: what the two
// versions of the protocol have in common.
func leaves(list []string, values []resp.Value) []string {
	for _, v := range values {
		switch v.Type {
		case resp.Array, resp.Map, resp.Set, resp.Push:
			if !v.Null {
				list = leaves(list, v.Elems)
				continue
			}
			v.Type = resp.Null
		case resp.Double, resp.BigNumber, resp.Verbatim:
			v.Type = resp.Bulk
		case resp.Bool:
			v.Type = resp.Int
		}
		list = append(list, v.String())
	}
	return list
}

// compare tells of a reply that is not the one wanted.
func (tr *transcript) compare(t *testing.T, x *exchange, got []resp.Value) {
	t.Helper()
	printed, want := text(got, x.unordered), x.want
	if x.unordered {
		want = sorted(want)
		printed = sorted(printed)
	}
	if x.varies {
		isError := func(s string) bool { return strings.HasPrefix(s, "(error)") }
		if isError(printed) == isError(want) {
			return
		}
	}
	if printed != want && !sameLifetime(x, printed, want) {
		t.Errorf("%s: %s\n got %s\nwant %s", filepath.Base(tr.name), x.text, printed, want)
	}
}

// sameLifetime reports whether two replies of TTL or PTTL are a minute apart at
// most, which a slow machine may take from one command to the other.
func sameLifetime(x *exchange, a, b string) bool {
	unit := map[string]int64{"TTL": 1, "PTTL": 1000}[x.name()]
	var n, m int64
	_, err1 := fmt.Sscanf(a, "(integer) %d", &n)
	_, err2 := fmt.Sscanf(b, "(integer) %d", &m)
	return err1 == nil && err2 == nil && n >= 0 && m >= 0 && max(n-m, m-n) <= 60*unit
}

// text prints replies one below the other.
func text(values []resp.Value, unordered bool) string {
	var lines []string
	for _, v := range values {
		if unordered {
			v = inOrder(v)
		}
		lines = append(lines, v.String())
	}
	return strings.Join(lines, "\n")
}

// inOrder returns v with the elements of all aggregates in the order of their
// texts, pairs of a Map kept together.
func inOrder(v resp.Value) resp.Value {
	step := 1
	if v.Type == resp.Map {
		step = 2
	}
	parts := slices.Collect(slices.Chunk(v.Elems, step))
	v.Elems = nil
	for _, p := range parts {
		for i := range p {
			p[i] = inOrder(p[i])
		}
	}
	slices.SortFunc(parts, func(a, b []resp.Value) int { return strings.Compare(a[0].String(), b[0].String()) })
	for _, p := range parts {
		v.Elems = append(v.Elems, p...)
	}
	return v
}

// sorted returns the lines of a printed reply in an order of their own, without
// the numbers in front.
func sorted(printed string) string {
	lines := strings.Split(printed, "\n")
	for i, line := range lines {
		for {
			line = strings.TrimLeft(line, " ")
			number, rest, ok := strings.Cut(line, ") ")
			if !ok || strings.Trim(number, "0123456789") != "" {
				break
			}
			line = rest
		}
		lines[i] = line
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// A player sends the commands of a transcript, from as many clients as it names.
type player struct {
	t       *testing.T
	peer    *peer
	proto   int
	clients map[int]*client
	db      string // that the first client has selected
}

func newPlayer(t *testing.T, p *peer, proto int) *player {
	pl := &player{t: t, peer: p, proto: proto, clients: make(map[int]*client)}
	t.Cleanup(pl.hangUp)
	return pl
}

func (p *player) hangUp() {
	for _, c := range p.clients {
		c.conn.Close()
	}
	clear(p.clients)
}

// move goes on with another peer, which has the same data.
func (p *player) move(to *peer) {
	p.hangUp()
	p.peer = to
	if p.db != "" {
		p.client(1).do(p.t, "SELECT", p.db)
	}
}

// clear empties a peer that others have used.
func (p *player) clear() {
	require.Equal(p.t, "OK", p.client(1).do(p.t, "FLUSHALL").Str)
}

func (p *player) client(i int) *client {
	c := p.clients[i]
	if c == nil {
		c = newClient(p.t, p.peer)
		if p.proto == 3 {
			require.NoError(p.t, c.do(p.t, "HELLO", "3").Err())
		}
		p.clients[i] = c
	}
	return c
}

// play sends the command of x and returns its replies.
func (p *player) play(x *exchange) (replies []resp.Value) {
	p.t.Helper()
	c, waiting := p.client(x.client), 0
	if x.blocks {
		waiting = p.peer.waiting()
	}
	if len(x.args) > 0 {
		c.send(p.t, x.args)
	}
	for range x.replies {
		v := c.read(p.t)
		replies = append(replies, v)
		if v.Str == closed.Str {
			c.conn.Close()
			delete(p.clients, x.client)
			break
		}
	}
	if x.blocks {
		require.Eventually(p.t, func() bool { return p.peer.waiting() > waiting }, patience, time.Millisecond)
	}
	if x.client == 1 && x.is("SELECT") && replies[0].Str == "OK" {
		p.db = string(x.args[1])
	}
	return replies
}
