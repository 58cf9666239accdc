package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long the last replies may take to come.
const patience = time.Minute

// A Load says what is sent to a server, how, and how long.
type Load struct {
	Network, Addr string                                                  // "tcp" with 127.0.0.1:port, or "unix" with a path
	Dial          func(context.Context, string, string) (net.Conn, error) // instead of a socket: to a server in this process
	Conns         int                                                     // at least 1
	Script        *Script                                                 // sent over and over; each connection starts at another place
	Rate          float64                                                 // requests a second, on a schedule; 0: each connection sends when it has its replies
	Time          time.Duration                                           // how long batches are sent; 0: until Count or the context end it
	Count         int                                                     // how many requests are sent, in whole batches; 0: until Time is over
	Slice         time.Duration                                           // what Between can tell apart; 0: Between cannot be used
}

// A Result is what a load has measured.
type Result struct {
	Replies int           // how many came
	Errors  int           // how many of them were errors
	Error   string        // the first of these
	Began   time.Time     // when the first batch was due
	Elapsed time.Duration // from then to the last reply
	Latency Histogram     // from when a request was due, or without a rate was sent, to the end of its reply
	Lag     Histogram     // of batches: how much later than due they were sent, which is the generator's own fault

	slice  time.Duration
	slices []*Histogram // latency of the requests that were due in the slice of this number
}

// Rate returns replies a second.
func (r *Result) Rate() float64 { return float64(r.Replies) / r.Elapsed.Seconds() }

// Between returns the latency of the requests that were due between two
// moments, and up to a slice before and after.
func (r *Result) Between(from, to time.Time) *Histogram {
	sum := new(Histogram)
	first := max(0, int(from.Sub(r.Began)/r.slice))
	last := min(len(r.slices)-1, int(to.Sub(r.Began)/r.slice))
	for i := first; i <= last; i++ {
		if h := r.slices[i]; h != nil {
			sum.Merge(h)
		}
	}
	return sum
}

// Run sends the load and returns when the last reply has come. When ctx ends,
// no more is sent; that is not an error. An error reply is not an error, either:
// see Result.Errors.
func (l *Load) Run(ctx context.Context) (*Result, error) {
	if l.Time == 0 && l.Count == 0 && ctx.Done() == nil {
		return nil, errors.New("load: nothing would end it")
	}
	r := &run{load: l, batches: -1}
	r.result.slice = l.Slice
	if l.Count > 0 {
		r.batches = (l.Count + l.Script.depth - 1) / l.Script.depth
	}
	for i := range l.Conns {
		r.conns = append(r.conns, &conn{run: r, next: i * len(l.Script.batches) / l.Conns})
	}
	defer context.AfterFunc(ctx, func() { r.stopped.Store(true) })()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread's timers are changed, so it ends with the goroutine
		if l.Dial != nil {
			done <- r.pipes(ctx)
			return
		}
		done <- r.sockets()
	}()
	if err := <-done; err != nil {
		return nil, err
	}
	for _, c := range r.conns {
		if r.result.Errors += c.scan.errors; r.result.Error == "" {
			r.result.Error = c.scan.message
		}
	}
	return &r.result, nil
}

// A run is a load under way.
type run struct {
	load    *Load
	conns   []*conn
	stopped atomic.Bool

	mu      sync.Mutex // for connections in memory, which have goroutines each
	batches int        // how many are still to be sent, if not negative
	sent    int        // how many were
	result  Result
}

// A conn is one connection: its requests that are under way, and its replies.
type conn struct {
	run  *run
	next int // the batch to send, counted on without end
	scan scanner

	mu    sync.Mutex
	under []underway // batches without all their replies, the oldest first
	first int        // the oldest in under
}

type underway struct {
	due  time.Duration // since the run began
	left int           // replies to come
}

// now is the time since the run began.
func (r *run) now() time.Duration { return time.Since(r.result.Began) }

// over says whether no batch is to be sent any more that is due at that time.
func (r *run) over(due time.Duration) bool {
	return r.batches == 0 || r.load.Time > 0 && due >= r.load.Time || r.stopped.Load()
}

// due is when the next batch of the schedule is to be sent.
func (r *run) due() time.Duration {
	return time.Duration(float64(r.sent) * float64(r.load.Script.depth) / r.load.Rate * float64(time.Second))
}

// take returns the next batch, to be sent on c, which counts from due; nil if
// the run is over by then.
func (r *run) take(c *conn, due time.Duration) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over(due) {
		return nil
	}
	r.sent++
	r.batches--
	r.result.Lag.Add(r.now() - due)
	script := r.load.Script
	c.under = append(c.under, underway{due, script.depth})
	c.next++
	return script.batches[(c.next-1)%len(script.batches)]
}

// received takes in bytes of replies, and returns how many batches are answered
// now.
func (c *conn) received(p []byte) (answered int, err error) {
	replies, err := c.scan.feed(p)
	if replies == 0 || err != nil {
		return 0, err
	}
	r := c.run
	c.mu.Lock()
	defer c.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.result.Replies += replies
	r.result.Elapsed = now
	for replies > 0 {
		if c.first == len(c.under) {
			return 0, fmt.Errorf("load: %d replies more than requests", replies)
		}
		u := &c.under[c.first]
		n := min(replies, u.left)
		r.record(u.due, now, n)
		replies -= n
		if u.left -= n; u.left == 0 {
			c.first++
			answered++
		}
	}
	if c.first == len(c.under) {
		c.under, c.first = c.under[:0], 0
	}
	return answered, nil
}

// record counts n replies to requests that were due at that time.
func (r *run) record(due, now time.Duration, n int) {
	r.result.Latency.AddN(now-due, n)
	if r.result.slice == 0 {
		return
	}
	i := int(due / r.result.slice)
	for len(r.result.slices) <= i {
		r.result.slices = append(r.result.slices, nil)
	}
	if r.result.slices[i] == nil {
		r.result.slices[i] = new(Histogram)
	}
	r.result.slices[i].AddN(now-due, n)
}

// idle says whether c waits for nothing.
func (c *conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first == len(c.under)
}

// idle says whether no connection waits for anything.
func (r *run) idle() bool {
	for _, c := range r.conns {
		if !c.idle() {
			return false
		}
	}
	return true
}
