package persist

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// A pipeline holds what was appended and is not written yet.
//
// Append copies each transaction, under File.mu, into the tail record of the
// open group: no allocation, no system call, some tens of nanoseconds. A record
// is laid out as it will be stored, so its buffer goes to bbolt as it is and
// comes back to the free list after the commit. The committer takes the open
// group as a whole, so a group is what came together while the last one was
// being written: under Always, a commit's two fdatasyncs are shared by all who
// wait. Waiters sleep on the channel of the group that will make them durable;
// closing it wakes exactly them, at once. (A condition variable would wake
// those of the next group, too; a channel per waiter costs one send each.)
//
// Tried by others and left: one growing slice per group (120-180 ns, 30 ms
// stalls when it moves), a channel to the committer (its lock and ours).
//
// Invariants: numbers of transactions ascend by one over taken, then open;
// tail is the last record of open, or nil; after a failed commit what was
// taken is back at the front of open, and tail begins a new record.
type pipeline struct {
	open  *group
	taken *group // being committed; nil: none
	spare *group // the one used before
	tail  *record
	free  []*record
	room  sync.Cond // signalled when taken has been written

	together bool  // somebody slept until the last group was over
	step     *step // work on the file for the committer
}

// A group is written by one transaction of bbolt.
type group struct {
	records []*record
	bytes   int
	last    uint64        // number of the last transaction up to it
	sync    bool          // somebody wants it on disk now
	stage   bool          // and in the stage will do
	over    chan struct{} // closed when its commit is over; nil: nobody waits
}

const (
	flushBytes = 8 << 20  // an open group of this size is written before its time
	maxPending = 64 << 20 // Append waits if this much is not written yet
	crowded    = 56 << 20 // and Room if this much is
	maxFree    = 48       // records kept for reuse
)

func (p *pipeline) init(mu *sync.Mutex) {
	p.open, p.spare = new(group), new(group)
	p.room.L = mu
}

func (p *pipeline) bytes() int {
	n := p.open.bytes
	if p.taken != nil {
		n += p.taken.bytes
	}
	return n
}

// Append hands over the effects of one committed transaction, as a types.Log
// holds them. They are copied. It returns the transaction's number; numbers
// count up by one in the order of the calls, and that is the order in which
// transactions come back after a crash: whole, and none without all before it.
// Append does not wait for the disk unless 64 MiB are waiting for it already.
//
// The error wraps ErrReadOnly if writing to the file has failed. The transaction
// has got its number nevertheless, and is written with those before it should
// writing work again: its caller, who found out too late, has made its changes
// in memory, and what comes later is built on them. A caller who has not yet
// asks Err first. With any other error nothing was taken.
func (f *File) Append(tx []byte) (seq uint64, err error) {
	f.mu.Lock()
	r := f.pipe.tail
	if r == nil || cap(r.buf)-len(r.buf) < len(tx)+binary.MaxVarintLen64 {
		if r, err = f.makeRoom(len(tx)); err != nil {
			f.mu.Unlock()
			return 0, err
		}
		if r == nil {
			seq, err = f.appendPieces(tx), f.err
			f.mu.Unlock()
			return seq, err
		}
	}
	before := len(r.buf)
	r.buf = binary.AppendUvarint(r.buf, uint64(len(tx)))
	r.buf = append(r.buf, tx...)
	r.count++
	f.pipe.open.bytes += len(r.buf) - before
	f.stats.AppendedBytes += uint64(len(tx))
	seq = f.appended.Load() + 1
	f.appended.Store(seq)
	err = f.err
	f.mu.Unlock()
	return seq, err
}

// Room returns when a transaction can be appended without waiting for the disk,
// which is nearly always at once, or when none can be any more. Who takes locks
// before Append calls it before the locks: then those who only read do not wait
// for a disk that hangs.
func (f *File) Room() {
	if !f.crowded.Load() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.err == nil && f.crowded.Load() {
		f.signal()
		f.pipe.room.Wait()
	}
}

// Crowded reports whether Room would wait.
func (f *File) Crowded() bool { return f.crowded.Load() }

// makeRoom begins a new tail record. It returns nil if a transaction of size
// bytes does not fit one.
func (f *File) makeRoom(size int) (*record, error) {
	p := &f.pipe
	for f.err == nil && p.bytes() > maxPending {
		f.signal()
		p.room.Wait()
	}
	if p.bytes() > crowded {
		f.crowded.Store(true)
	}
	if f.err != nil && !errors.Is(f.err, ErrReadOnly) {
		return nil, f.err
	}
	if p.open.bytes >= flushBytes {
		f.signal()
	}
	if size+binary.MaxVarintLen64 > recordSize-recordHeader {
		return nil, nil
	}
	if r := p.tail; r != nil && cap(r.buf)-len(r.buf) >= size+binary.MaxVarintLen64 {
		return r, nil // another Append made it while we waited
	}
	p.tail = f.newRecord(recordWhole)
	return p.tail, nil
}

// newRecord adds an empty record to the open group.
func (f *File) newRecord(kind recordKind) *record {
	p := &f.pipe
	var r *record
	if n := len(p.free); n > 0 {
		r, p.free = p.free[n-1], p.free[:n-1]
	} else {
		r = &record{buf: make([]byte, recordHeader, recordSize)}
	}
	*r = record{buf: r.buf[:recordHeader], kind: kind, first: f.appended.Load() + 1}
	p.open.records = append(p.open.records, r)
	return r
}

// appendPieces appends a transaction that does not fit a record.
func (f *File) appendPieces(tx []byte) (seq uint64) {
	p := &f.pipe
	f.stats.AppendedBytes += uint64(len(tx))
	for kind := recordFirst; ; kind = recordPiece {
		r := f.newRecord(kind)
		n := min(len(tx), cap(r.buf)-recordHeader)
		r.buf = append(r.buf, tx[:n]...)
		p.open.bytes += n
		if tx = tx[n:]; len(tx) == 0 {
			r.kind, r.count = recordLast, 1
			break
		}
	}
	p.tail = nil
	seq = f.appended.Load() + 1
	f.appended.Store(seq)
	return seq
}

// Wait returns once the transaction with number seq, and all before it, are on
// disk: written and synced, as Always promises, whatever the policy, and to stay
// there (promise.go). If it returns an error, whether they are is unknown; unless
// it is ErrFuture: there has been no transaction seq.
func (f *File) Wait(seq uint64) error { return f.WaitContext(context.Background(), seq) }

// WaitContext is Wait until ctx is done, whose error it then returns.
func (f *File) WaitContext(ctx context.Context, seq uint64) error {
	if f.OnDisk(seq) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.has(seq) == nil { // who asks for what there is not is told nothing that would have to hold
		f.promise()
	}
	for led := false; !f.onDisk(seq); {
		g := f.pipe.taken
		last := errors.Is(f.err, ErrClosed) && g != nil && g.sync && seq <= g.last // Close is writing it
		if f.err != nil && !last {
			return f.err
		}
		if err := f.has(seq); err != nil {
			return err
		}
		if g == nil || !g.sync || seq > g.last {
			g = f.pipe.open
			g.sync = true
			if !led {
				led = true
				f.mu.Unlock()
				f.lead()
				f.mu.Lock()
				continue
			}
			f.signal()
		}
		if g.over == nil {
			g.over = make(chan struct{})
		}
		over := g.over
		f.mu.Unlock()
		select {
		case <-over:
			f.mu.Lock()
		case <-ctx.Done():
			f.mu.Lock()
			return ctx.Err()
		}
		led = false
	}
	return nil
}

// has returns an error if there has been no transaction seq.
func (f *File) has(seq uint64) error {
	if last := f.appended.Load(); seq > last {
		return fmt.Errorf("%w: %d of %d", ErrFuture, seq, last)
	}
	return nil
}

// Hasten has everything appended so far written and synced now, whatever the
// policy, and does not wait for it.
func (f *File) Hasten() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.promise()
	if g := f.pipe.taken; f.err == nil && !f.onDisk(f.appended.Load()) && (g == nil || !g.sync || f.pipe.open.bytes > 0) {
		f.pipe.open.sync = true
		f.signal()
	}
}

// Sync returns once everything appended so far is on disk.
func (f *File) Sync() error { return f.Wait(f.appended.Load()) }

// Appended returns the number of the last transaction appended, in this run or
// before.
func (f *File) Appended() uint64 { return f.appended.Load() }

// Durable returns the number up to which transactions are known to be on disk.
// That they stay there is what OnDisk and Wait say.
func (f *File) Durable() uint64 { return f.durable.Load() }

// signal tells the committer that there is something to do.
func (f *File) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take makes the open group the taken one.
func (p *pipeline) take(last uint64) *group {
	g := p.open
	g.last = last
	p.taken, p.open, p.tail = g, p.spare, nil
	return g
}

// written ends the commit of the taken group.
func (p *pipeline) written() {
	g := p.taken
	for _, r := range g.records {
		if len(p.free) < maxFree {
			p.free = append(p.free, r)
		}
	}
	p.end()
}

// unwritten puts what was taken back to the front of the open group.
func (p *pipeline) unwritten() {
	g := p.taken
	p.open.records = append(append([]*record(nil), g.records...), p.open.records...)
	p.open.bytes += g.bytes
	p.tail = nil
	p.end()
}

// end wakes the waiters of the taken group and empties it.
func (p *pipeline) end() {
	g := p.taken
	if p.together = g.over != nil; p.together {
		close(g.over)
	}
	clear(g.records)
	*g = group{records: g.records[:0]}
	p.taken, p.spare = nil, g
	p.room.Broadcast()
}

// fail wakes everybody who waits for what will not happen.
func (p *pipeline) fail() {
	p.tail = nil
	if p.open.over != nil {
		close(p.open.over)
		p.open.over = nil
	}
	p.room.Broadcast()
}
