package wire

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// How replies wait for the disk.
//
// Under the policy Always a reply is sent when all that its command may have
// seen or done is on disk. So the clients of a turn in, or before, which
// something was written wait; they have no turn until their replies have been
// sent. The others have theirs: who comes in time shares the next sync, for a sync
// takes longer than dozens of commands.
//
// Clients that write one command after the other fall into two halves: while
// one half waits for the disk the other sends, and each sync is shared by half
// of them. What is best depends on how many they are:
//
//   - a few: together. As long as fewer have come than were there in the
//     last two syncs, gather looks out for the others for a moment: about as long
//     as it takes them to read their replies and write, and a fraction of a
//     sync. It does not give way to other goroutines meanwhile: that wakes a
//     thread each time, which takes over the loop. When all are there the loop
//     waits for the disk itself, as nobody else wants anything of it.
//   - many: in halves, as soon as a half is there. Their commands take longer
//     than the sync, so they are done while the other half waits for it. Then
//     syncer waits for the disk, and rings the bell.
//
// One sync is under way at a time; in the journal more could not be, either.
type gathering struct {
	waiting []*loopConn // clients whose replies wait for a sync that has not begun
	syncing []*loopConn // and for the one that syncer waits for

	number  uint64 // of the last sync
	before  int    // clients that waited for it
	company int    // and for it or the one before

	orders chan struct{} // to syncer; nil: there is none yet
	synced atomic.Bool   // it has carried out the last one
	err    error         // with this error; read it after synced
}

const (
	gatherLooks = 100 // how often gather looks in vain before it gives up: half of a quick sync
	many        = 24  // clients are many
	some        = 4   // others are worth the change of threads that it takes to go on without waiting
)

// answer ends a turn: it sends the replies of those who were touched, or makes
// them wait. It reports whether somebody else has his turn before the loop sleeps.
func (l *loop) answer(events []unix.EpollEvent) (more bool) {
	l.land()
	switch g := &l.gathering; {
	case l.srv.db.AwaitsDisk():
		l.hold()
		return l.gather(events)
	case len(g.waiting) > 0 && len(g.syncing) == 0: // the policy has changed, or somebody else had all synced
		g.waiting = l.send(g.waiting, l.srv.db.WaitDurable())
	}
	if len(l.touched) > 0 {
		l.touched = l.send(l.touched, l.srv.db.WaitDurable())
	}
	return false
}

// hold makes those who were touched wait.
func (l *loop) hold() {
	for _, c := range l.touched {
		c.isTouched, c.waits, c.onlyMail = false, true, c.away
	}
	l.gathering.waiting = append(l.gathering.waiting, l.touched...)
	clear(l.touched)
	l.touched = l.touched[:0]
	others := l.ready[:0]
	for _, c := range l.ready {
		if c.waits {
			c.isReady = false
		} else {
			others = append(others, c)
		}
	}
	clear(l.ready[len(others):])
	l.ready = others
}

// gather looks out for others who can share the next sync, and begins it if it
// is time. It reports whether somebody has come, or may go on.
func (l *loop) gather(events []unix.EpollEvent) (more bool) {
	g := &l.gathering
	for looks := 0; !l.others(); looks++ {
		switch {
		case len(g.syncing) > 0:
			return false // its end rings the bell
		case len(g.waiting) == 0:
			return false
		case g.enough() || looks == gatherLooks:
			return l.sync()
		}
		n := l.poll(events)
		for i := range events[:n] {
			l.event(&events[i])
		}
	}
	return true
}

// others makes a turn for those who are ready. It reports whether there are any.
func (l *loop) others() bool {
	l.doing, l.ready, l.next = l.ready, l.doing[:0], 0
	return len(l.doing) > 0
}

// enough reports whether a sync should not wait for more clients.
func (g *gathering) enough() bool {
	if g.company >= many {
		return len(g.waiting) >= g.company/2
	}
	return len(g.waiting) >= g.company
}

// sync makes durable what those who wait have seen. If others are expected
// meanwhile, it lets syncer do that.
func (l *loop) sync() (more bool) {
	g := &l.gathering
	g.meet()
	if g.company-len(g.waiting) < some {
		g.waiting = l.send(g.waiting, l.srv.db.WaitDurable())
		return false
	}
	g.waiting, g.syncing = g.syncing, g.waiting
	if g.orders == nil {
		g.orders = make(chan struct{}, 1)
		go l.syncer()
	}
	g.synced.Store(false)
	g.orders <- struct{}{}
	return false
}

// syncer waits for the disk as often as it is told to.
func (l *loop) syncer() {
	g := &l.gathering
	for range g.orders {
		g.err = l.srv.db.WaitDurable()
		g.synced.Store(true)
		l.ring()
	}
}

// isSynced reports whether there is something to land.
func (g *gathering) isSynced() bool { return len(g.syncing) > 0 && g.synced.Load() }

// land sends the replies for which syncer has waited, if it is done.
func (l *loop) land() {
	if g := &l.gathering; g.isSynced() {
		g.syncing = l.send(g.syncing, g.err)
	}
}

// end ends syncer.
func (g *gathering) end() {
	if g.orders != nil {
		close(g.orders)
	}
}

// meet counts who was there at this sync or the last.
func (g *gathering) meet() {
	g.number++
	again := 0
	for _, c := range g.waiting {
		if c.sync == g.number-1 && g.before > 0 { // at the first one nobody has been before
			again++
		}
		c.sync = g.number
	}
	g.company, g.before = g.before+len(g.waiting)-again, len(g.waiting)
}
