package load

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"redstart/store"
	"redstart/wire"
)

// A fake is a server that answers OK to everything, one request at a time, and
// notes when requests came.
type fake struct {
	stallAt int           // before this request it does nothing for
	stall   time.Duration // a while
	closeAt int           // when so many have come, a connection is closed

	l    net.Listener
	mu   sync.Mutex
	came []time.Time
}

// start lets f serve until the test ends.
func (f *fake) start(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.l = l
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { f.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
}

// requests returns when requests came.
func (f *fake) requests() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.came
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	var requests scanner // a request looks like a reply
	buf := make([]byte, 16<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		came, err := requests.feed(buf[:n])
		if err != nil || !f.take(came) {
			return
		}
		if _, err := c.Write(bytes.Repeat([]byte("+OK\r\n"), came)); err != nil {
			return
		}
	}
}

// take notes n requests, and stalls or reports false if it is time to.
func (f *fake) take(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	before := len(f.came)
	for range n {
		f.came = append(f.came, now)
	}
	if f.stall > 0 && before <= f.stallAt && f.stallAt < len(f.came) {
		time.Sleep(f.stall) // with the lock: nobody is answered meanwhile
	}
	return f.closeAt == 0 || len(f.came) < f.closeAt
}

// load is a load for the fake server.
func (f *fake) load(depth int) *Load {
	script := NewScript(64*depth, depth, func(b []byte) []byte { return AppendRequest(b, "SET", Key(1), "x") })
	return &Load{Network: "tcp", Addr: f.l.Addr().String(), Conns: 5, Script: script}
}

// result runs l, which must not fail.
func result(t *testing.T, l *Load) *Result {
	t.Helper()
	r, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newServer returns a real server, and its database, until the test ends.
func newServer(t *testing.T) (*wire.Server, *store.DB) {
	t.Helper()
	db, err := store.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := wire.NewServer(db, nil)
	t.Cleanup(func() {
		srv.Close()
		db.Close()
	})
	return srv, db
}

func TestScheduleIsKept(t *testing.T) {
	const rate, depth = 2000, 4
	f := new(fake)
	f.start(t)
	l := f.load(depth)
	l.Rate, l.Time = rate, 200*time.Millisecond
	r := result(t, l)
	if want := int(rate * l.Time.Seconds()); r.Replies != want || r.Latency.Count() != want || r.Errors != 0 {
		t.Errorf("%d replies, %d of them timed, %d errors; want %d", r.Replies, r.Latency.Count(), r.Errors, want)
	}
	for i, at := range f.requests() {
		due := time.Duration(i/depth*depth) * time.Second / rate
		if at.Sub(r.Began) < due {
			t.Fatalf("request %d came %v after the beginning, due was %v", i, at.Sub(r.Began), due)
		}
	}
	if got := r.Lag.Count(); got != r.Replies/depth {
		t.Errorf("the lag of %d batches was noted, of %d", got, r.Replies/depth)
	}
}

// TestStallIsCharged is what an open loop is for: while the server does nothing
// for 50 ms, requests go on being due, and those of the first half wait for
// more than the second half.
func TestStallIsCharged(t *testing.T) {
	const rate, stall = 4000, 50 * time.Millisecond
	f := &fake{stallAt: 400, stall: stall}
	f.start(t)
	l := f.load(1)
	l.Rate, l.Time, l.Slice = rate, 300*time.Millisecond, 10*time.Millisecond
	r := result(t, l)
	// Half of the stall's requests, less one that may fall on its edge.
	waited := rate*stall.Seconds()/2 - 1
	if got := r.Latency.Quantile(1 - waited/float64(r.Replies)); got < stall/2 {
		t.Errorf("the slowest %.0f of %d requests took %v or more, want %v", waited, r.Replies, got, stall/2)
	}
	if got := r.Latency.Quantile(0.999); got < stall*9/10 {
		t.Errorf("p99.9 is %v with a stall of %v", got, stall)
	}
	at := f.requests()[400]
	if got := r.Between(at, at.Add(stall)); got.Max() < stall*9/10 || got.Count() > r.Replies/2 {
		t.Errorf("around the stall: %d requests of %d, max %v", got.Count(), r.Replies, got.Max())
	}
	if got := r.Between(r.Began, r.Began.Add(50*time.Millisecond)).Count(); got < rate/20 || got > rate/20+2*rate/100 {
		t.Errorf("%d requests in the first 50 ms", got)
	}
}

func TestClosedLoopSendsItsCount(t *testing.T) {
	f := new(fake)
	f.start(t)
	l := f.load(16)
	l.Count = 1001
	r := result(t, l)
	if got, want := len(f.requests()), 1008; r.Replies != want || got != want {
		t.Errorf("%d replies to %d requests, want %d: whole batches", r.Replies, got, want)
	}
}

func TestClosedConnectionIsAnError(t *testing.T) {
	for _, rate := range []float64{0, 5000} {
		f := &fake{closeAt: 100}
		f.start(t)
		l := f.load(1)
		l.Rate, l.Time = rate, 10*time.Second
		_, err := l.Run(t.Context())
		if err == nil {
			t.Errorf("rate %g: no error", rate)
		}
	}
}

func TestContextEndsIt(t *testing.T) {
	f := new(fake)
	f.start(t)
	for _, rate := range []float64{0, 5000} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		l := f.load(1)
		l.Rate = rate
		r, err := l.Run(ctx)
		cancel()
		if err != nil || r.Replies == 0 {
			t.Errorf("rate %g: %v", rate, err)
		}
	}
	if _, err := f.load(1).Run(context.Background()); err == nil {
		t.Error("a load without end is run")
	}
}

// TestMixOnAllRoads sends the mix, with values that no socket takes at once,
// over TCP, a unix socket and in memory.
func TestMixOnAllRoads(t *testing.T) {
	srv, _ := newServer(t)
	socket := filepath.Join(t.TempDir(), "s")
	var addr string
	for _, network := range []string{"tcp", "unix"} {
		l, err := net.Listen(network, map[string]string{"tcp": "127.0.0.1:0", "unix": socket}[network])
		if err != nil {
			t.Fatal(err)
		}
		if network == "tcp" {
			addr = l.Addr().String()
		}
		go srv.Serve(l)
	}
	for _, size := range []int{16, 300_000} {
		m := Mix{Keys: 100, Size: size}
		f, err := NewFiller("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		f.Do("FLUSHALL")
		m.Fill(f)
		f.Close()
		if f.Err != nil {
			t.Fatal(f.Err)
		}
		script := m.Script(8, 1)
		for _, rate := range []float64{0, 2000} {
			for _, l := range []Load{
				{Network: "tcp", Addr: addr},
				{Network: "unix", Addr: socket},
				{Dial: srv.Dialer()},
			} {
				l.Conns, l.Script, l.Rate, l.Count = 4, script, rate, 400
				r := result(t, &l)
				if r.Replies != l.Count || r.Errors > 0 {
					t.Errorf("%d B, rate %g, %q: %d replies, %d errors: %s", size, rate, l.Network, r.Replies, r.Errors, r.Error)
				}
			}
		}
	}
}

func TestFillerStopsAtAnError(t *testing.T) {
	srv, db := newServer(t)
	conn, err := srv.Dialer()(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	f := FillerOf(conn)
	defer f.Close()
	f.Fill(1000, []string{"MSET"}, func(args []string, i int) []string { return append(args, Key(i), "x") })
	if n := db.Len(0); n != 1000 || f.Err != nil {
		t.Errorf("%d keys, %v; want 1000", n, f.Err)
	}
	f.Do("NOSUCH")
	f.Do("SET", "more", "x")
	if n := db.Len(0); n != 1000 || f.Err == nil || !strings.Contains(f.Err.Error(), "NOSUCH") {
		t.Errorf("%d keys, %v after an error", n, f.Err)
	}
}
