package wire

import (
	"net"

	"redstart/types"
)

// A lent is a large value that is part of a reply, but not of its buffer: the
// table lends it until it has been sent.
type lent struct {
	at   int // where in the buffer its bytes belong
	loan types.Loan
}

func (l *lent) any() bool { return l.loan.Bytes() != nil }

// end gives the value back.
func (l *lent) end() {
	arguments.put(l.loan.End())
	*l = lent{}
}

// lend replies the string at key without copying it. There is room for one such
// reply until it is sent: run waits for that, EXEC goes on with copies.
func (s *session) lend(key string) bool {
	if s.lent.any() || s.executing || s.noReply || s.skip > 0 {
		return false
	}
	loan, ok := s.tx.Lend(key)
	if ok {
		s.lent = lent{s.out.BulkAround(len(loan.Bytes())), loan}
	}
	return ok
}

// An outgoing is what is on its way to a client: bytes of a buffer with, perhaps,
// those of a lent value among them.
type outgoing struct {
	buf  []byte // what is left of base
	base []byte // a buffer of the pool, perhaps
	lent lent   // its at counts in buf
	rest []byte // what is left of its value
}

func newOutgoing(buf []byte, l lent) outgoing { return outgoing{buf, buf, l, l.loan.Bytes()} }

func (o *outgoing) len() int { return len(o.buf) + len(o.rest) }

// parts returns what there is, in order; some may be empty.
func (o *outgoing) parts() [3][]byte {
	if len(o.rest) == 0 {
		return [3][]byte{o.buf}
	}
	return [3][]byte{o.buf[:o.lent.at], o.rest, o.buf[o.lent.at:]}
}

// sent drops the first n bytes.
func (o *outgoing) sent(n int) {
	if len(o.rest) > 0 {
		before := min(n, o.lent.at)
		o.buf, o.lent.at, n = o.buf[before:], o.lent.at-before, n-before
		value := min(n, len(o.rest))
		o.rest, n = o.rest[value:], n-value
	}
	o.buf = o.buf[n:]
}

// add adds what is in p, which remains the caller's, in a copy.
func (o *outgoing) add(p *outgoing) {
	for _, b := range p.parts() {
		o.buf = append(o.buf, b...)
	}
	o.base = nil // another one, perhaps
}

// release gives back what o consists of.
func (o *outgoing) release() {
	buffers.put(o.base)
	o.lent.end()
	*o = outgoing{}
}

// buffers returns what there is for a connection to write.
func (o *outgoing) buffers() net.Buffers {
	parts := o.parts()
	return parts[:]
}
