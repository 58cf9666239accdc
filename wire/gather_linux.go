package wire

import "golang.org/x/sys/unix"

// gatherLooks is how often gather looks in vain before it gives up: some tens
// of microseconds, half of a quick sync.
const gatherLooks = 100

// gather makes the turn go on if it has to wait for the disk, and others have
// come meanwhile who can share its wait. A client whose replies wait already
// has its turn after that.
//
// Clients that write one command after the other fall into two halves: while
// one half waits for the disk the other sends, and each sync is shared by half
// of them. So if fewer have come than there were in the last two syncs, gather
// looks out for the others for a moment: about as long as it takes them to read
// their replies and write, and a fraction of a sync. It does not give way to other
// goroutines meanwhile: that wakes a thread each time, which takes over the loop.
func (l *loop) gather(events []unix.EpollEvent) bool {
	if !l.srv.db.AwaitsDisk() {
		return false
	}
	for range gatherLooks {
		n := l.poll(events)
		for i := range events[:n] {
			l.event(&events[i])
		}
		if l.others() {
			return true
		}
		if len(l.touched) >= l.company {
			break
		}
	}
	l.meet()
	return false
}

// meet counts who was there at this sync or the last.
func (l *loop) meet() {
	l.sync++
	again := 0
	for _, c := range l.touched {
		if c.sync == l.sync-1 && l.before > 0 { // at the first one nobody has been before
			again++
		}
		c.sync = l.sync
	}
	l.company, l.before = l.before+len(l.touched)-again, len(l.touched)
}

// others moves those that are ready and have no replies waiting to doing. It
// reports whether there are any.
func (l *loop) others() bool {
	l.doing, l.next = l.doing[:0], 0
	later := l.ready[:0]
	for _, c := range l.ready {
		if c.isTouched {
			later = append(later, c)
		} else {
			l.doing = append(l.doing, c)
		}
	}
	clear(l.ready[len(later):])
	l.ready = later
	return len(l.doing) > 0
}
