package wire

import (
	"runtime"
	"sync/atomic"
	"time"
)

// How a slow command does not hold up the others.
//
// Which commands are slow nobody can tell before: it depends on the data, on
// the arguments, on who else holds a lock. So the loop does not guess. The
// goroutine that turns the loop, its runner, just runs the session; if that
// takes too long another goroutine becomes the runner and goes on with the
// turn where it was left. The old one stays with its session, which is away
// until it returns: the loop sends it messages of others, but does not read,
// resume, publish or close it. Then the old runner gives it back by mail and
// ends. This is what the Go runtime does with a thread that is held up in a
// system call.
//
// A runner is relieved
//
//   - by itself, when its session knows that it will take long (it is going
//     to walk over many elements), or is about to wait for a lock that a
//     command away from the loop may hold for long: see yield. Without that,
//     each client that wants the lock would cost the others a tick.
//   - by the overseer, who looks once a tick whether the same run is still
//     under way, for what nobody foresaw.
//
// Whether the runner is still the runner is decided by stint, a number that is
// odd while a session runs. A runner ends its run by making it even, and so
// does whoever relieves it: only one of them succeeds. It costs two atomic
// operations for each time a client is read, not for each command.
//
// The overseer costs a wake-up each tick, so it sleeps as soon as nothing has
// run for some ticks; the next run wakes it. A tick of a millisecond cost 2 to
// 5 % of the server's time without pipelining, one of 10 nothing measurable.
//
// The tick serves another purpose. A goroutine that has not been through Go's
// scheduler for 10 ms is taken by the runtime for one that would not let go of
// its processor: its thread gets a signal, or loses the processor in its next
// system call, and is watched every 20 microseconds from then on, which cost a
// busy server 2 % of its time. So a runner gives way once a tick, between turns.
type relief struct {
	stint  atomic.Uint64
	disk   atomic.Bool // the stint is a wait for the disk: see gather_linux.go
	asleep atomic.Bool
	due    atomic.Bool // the runner is to give way
	wake   chan struct{}
	over   chan struct{}
}

const (
	reliefTick = 5 * time.Millisecond // a run is relieved after one to two of them
	reliefIdle = 20                   // ticks without a run after which the overseer sleeps
)

func (r *relief) init() {
	r.wake, r.over = make(chan struct{}, 1), make(chan struct{})
}

// end ends the overseer.
func (r *relief) end() { close(r.over) }

// begin notes that the session of c is about to run.
func (l *loop) begin(c *loopConn) { c.stint = l.start(c) }

// start begins a stint: of the session of c, or, without one, of the disk.
func (l *loop) start(c *loopConn) (stint uint64) {
	l.current = c
	stint = l.relief.stint.Add(1)
	if l.relief.asleep.Load() && l.relief.asleep.CompareAndSwap(true, false) {
		l.relief.wake <- struct{}{}
	}
	return stint
}

// pause lets the runner give way if it is time.
func (r *relief) pause() {
	if r.due.Load() {
		r.due.Store(false)
		runtime.Gosched()
	}
}

// finish notes that it has run. It reports false if the caller was relieved.
func (l *loop) finish(c *loopConn) bool {
	return l.relief.stint.CompareAndSwap(c.stint, c.stint+1)
}

// oversee relieves runners that are held up, until the loop is over. It goes
// by real time: a clock that stands still in a test must not stop the clients.
func (l *loop) oversee() {
	r := &l.relief
	tick := time.NewTicker(reliefTick)
	defer tick.Stop()
	seen, idle := uint64(0), 0
	sync, held := uint64(0), 0 // the sync that is under way, and for how many ticks
	for {
		select {
		case <-tick.C:
		case <-r.over:
			return
		}
		stint := r.stint.Load()
		switch {
		case stint != seen:
			seen, idle = stint, 0
			r.due.Store(true)
		case stint%2 == 1 && !r.disk.Load():
			l.relieve(stint)
		default:
			idle++
		}
		if under := l.gathering.under.Load(); under != sync {
			sync, held = under, 0
		} else if under != 0 {
			idle = 0
			if held++; held >= stallTicks && l.gathering.hanging.Load() != sync {
				l.hangs(sync, stint)
			}
		}
		if idle < reliefIdle {
			continue
		}
		tick.Stop()
		r.asleep.Store(true)
		if r.stint.Load() != seen && r.asleep.CompareAndSwap(true, false) {
			// A run began in between, and has not seen that it must wake us.
		} else {
			select {
			case <-r.wake:
			case <-r.over:
				return
			}
		}
		tick.Reset(reliefTick)
		idle = 0
	}
}

// relieve makes a new goroutine the runner, unless the run of that stint is
// over. It reports whether it did.
func (l *loop) relieve(stint uint64) bool {
	if !l.relief.stint.CompareAndSwap(stint, stint+1) {
		return false
	}
	// From here on the loop is ours, until the new runner begins.
	if l.current == nil {
		l.relief.disk.Store(false)
		l.gathering.hanging.Store(l.gathering.under.Load())
	} else {
		l.current.away = true
		l.buf = make([]byte, loopBuffer) // the session's arguments lie in the old one
	}
	l.srv.stats.reliefs.Add(1)
	go l.run()
	return true
}

// stallTicks is stallTime in ticks of the overseer.
const stallTicks = int(stallTime / reliefTick)

// hangs makes the loop go on although a sync takes long, unless it is over.
func (l *loop) hangs(sync, stint uint64) {
	switch {
	case !l.relief.disk.Load():
		l.gathering.hanging.Store(sync)
		l.ring()
	case stint%2 == 1: // else the loop is just about to wait
		l.relieve(stint)
	}
}

// yield lets others turn the loop while the session waits. It is called by the
// goroutine that runs the session.
func (c *loopConn) yield() { c.loop.relieve(c.stint) }

// giveBack ends the time of c away from the loop.
func (l *loop) giveBack(c *loopConn, more bool) {
	c.more = more
	l.mu.Lock()
	c.back = true
	l.mu.Unlock()
	l.post(c)
}
