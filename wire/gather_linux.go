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
//
// A disk may hang. When a sync has taken a second those who have only read are
// answered, and others who only read from then on, at once, until it is over:
// what they are told is in memory and may not be on disk yet, as when the disk
// fails. Those who have written wait. If it is the loop that waits for the disk,
// the overseer has another goroutine turn it (relief_linux.go), and the old runner
// is what syncer is otherwise.
type gathering struct {
	waiting []*loopConn // clients whose replies wait for a sync that has not begun
	syncing []*loopConn // and for the one that is under way

	number  uint64 // of the last sync
	before  int    // clients that waited for it
	company int    // and for it or the one before

	orders  chan struct{} // to syncer; nil: there is none yet
	under   atomic.Uint64 // number of the sync that is under way; 0: there is none
	synced  atomic.Bool   // it is over,
	err     error         // with this error; read it after synced
	hanging atomic.Uint64 // number of the last one that has taken too long,
	told    uint64        // and of the last in which the loop has answered those who have only read
}

const (
	gatherLooks = 100 // how often gather looks in vain before it gives up: half of a quick sync
	many        = 24  // clients are many
	some        = 4   // others are worth the change of threads that it takes to go on without waiting
)

// answer ends a turn: it sends the replies of those who were touched, or makes
// them wait. more says that somebody else has his turn before the loop sleeps;
// not still, that this goroutine is the runner no more.
func (l *loop) answer(events []unix.EpollEvent) (more, still bool) {
	l.land()
	g := &l.gathering
	if g.hangs() {
		l.touched = l.answerReaders(l.touched)
		if g.isLate() { // later only those who have written wait
			g.told = g.number
			g.waiting, g.syncing = l.answerReaders(g.waiting), l.answerReaders(g.syncing)
		}
	}
	if l.srv.db.AwaitsDisk() {
		l.hold()
		return l.gather(events)
	}
	if !g.isUnder() { // or the policy has changed, or somebody else had all synced
		g.waiting = l.send(g.waiting, nil)
	}
	l.touched = l.send(l.touched, nil)
	return false, true
}

// answerReaders sends the replies of those of list who have only read, and
// returns the others.
func (l *loop) answerReaders(list []*loopConn) (writers []*loopConn) {
	var readers []*loopConn
	writers = list[:0]
	for _, c := range list {
		if c.closed || c.away || c.onlyMail || !c.session.tellsOfChange() {
			readers = append(readers, c)
		} else {
			writers = append(writers, c)
		}
	}
	clear(list[len(writers):])
	l.send(readers, nil)
	return writers
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
// is time. more says that somebody has come; still is that of answer.
func (l *loop) gather(events []unix.EpollEvent) (more, still bool) {
	g := &l.gathering
	for looks := 0; !l.others(); looks++ {
		switch {
		case g.isUnder(): // its end rings the bell
			return false, true
		case len(g.waiting) == 0:
			return false, true
		case g.enough() || looks == gatherLooks:
			return false, l.sync()
		}
		n := l.poll(events)
		for i := range events[:n] {
			l.event(&events[i])
		}
	}
	return true, true
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
// meanwhile, it lets syncer do that. It reports false if this goroutine is the
// runner no more.
func (l *loop) sync() (still bool) {
	g := &l.gathering
	g.meet()
	itself := g.company-len(g.waiting) < some
	g.waiting, g.syncing = g.syncing, g.waiting
	g.synced.Store(false)
	l.relief.disk.Store(itself)
	g.under.Store(g.number)
	if itself {
		return l.syncItself()
	}
	if g.orders == nil {
		g.orders = make(chan struct{}, 1)
		go l.syncer()
	}
	g.orders <- struct{}{}
	return true
}

// syncItself waits for the disk in the goroutine that turns the loop: a stint of
// it, like the run of a session, but that the overseer has more patience with.
func (l *loop) syncItself() (still bool) {
	stint := l.start(nil)
	err := l.srv.db.WaitDurable()
	still = l.relief.stint.CompareAndSwap(stint, stint+1)
	if still {
		l.relief.disk.Store(false)
	}
	l.gathering.err = err
	l.gathering.synced.Store(true)
	if !still {
		l.ring()
		return false
	}
	l.land()
	return true
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

// hangs reports whether the sync that is under way has taken too long.
func (g *gathering) hangs() bool {
	under := g.under.Load()
	return under != 0 && g.hanging.Load() == under
}

// isUnder reports whether a sync is under way, or has not been landed.
func (g *gathering) isUnder() bool { return g.under.Load() != 0 }

// isLate reports whether it has, and the loop has not looked at who waits.
func (g *gathering) isLate() bool { return g.hangs() && g.told != g.number }

// isSynced reports whether there is something to land.
func (g *gathering) isSynced() bool { return g.isUnder() && g.synced.Load() }

// land sends the replies of those who waited for a sync that is over.
func (l *loop) land() {
	if g := &l.gathering; g.isSynced() {
		g.under.Store(0)
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
