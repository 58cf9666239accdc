package types

import "sync/atomic"

// A Loan is the value of an entry, lent to somebody who goes on reading it when
// the Dict is written to. Whoever borrows has to End it; one that is forgotten
// keeps the memory from being used again, no more. The zero Loan is of nothing.
type Loan struct {
	value []byte
	loans *loans
}

// Bytes returns what was lent, which must not be changed; nil if nothing was.
func (l Loan) Bytes() []byte { return l.value }

// End ends the loan: its bytes must not be looked at any more. It returns memory
// that is the caller's from now on, if the value was replaced meanwhile (see
// Dict.Give) and nobody else reads it, or nil.
func (l Loan) End() (left []byte) {
	if l.loans != nil && l.loans.n.Add(-1) == orphaned {
		return l.value
	}
	return nil
}

// loans are those of one value. As long as there are any, its memory is not
// written to, by whatever copy of the Dict.
type loans struct {
	n atomic.Int32 // and orphaned on top, when no Dict has the value any more
}

const orphaned = 1 << 30

// minLoan is the length from which on a value can be lent: below it is copied
// faster.
const minLoan = 32 << 10

// newLoans returns what counts the loans of a value of n bytes.
func newLoans(n int) *loans {
	if n < minLoan {
		return nil
	}
	return new(loans)
}

// none reports whether there are none. There may be new ones only while the Dict
// is not being written to.
func (l *loans) none() bool { return l == nil || l.n.Load() == 0 }

// orphan says that no Dict has the value any more. It reports whether nobody has
// borrowed it either: else the last who has gets its memory.
func (l *loans) orphan() bool { return l == nil || l.n.Add(orphaned) == orphaned }

// Lend lends the value. It reports false if the value is not one to be lent, but
// an object or bytes that are easily copied.
func (r Ref) Lend() (l Loan, ok bool) {
	if r.rec.form() != formBig {
		return Loan{}, false
	}
	b := &r.seg.outer.bigs.items[r.rec.number()]
	if b.loans == nil || len(b.buf) < minLoan {
		return Loan{}, false
	}
	b.loans.n.Add(1)
	return Loan{b.buf, b.loans}, true
}
