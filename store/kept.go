package store

import (
	"bytes"
	"context"
	"sync"

	"redstart/persist"
)

// A keptJournal is the journal of a database without a file: the last commits,
// in memory, for those who follow them.
//
// Invariants: numbers of txs ascend by one, up to seq; bytes is the sum of their
// effects' lengths and overheads, and at most limit unless there is only one.
type keptJournal struct {
	limit int64

	mu     sync.Mutex
	seq    uint64
	txs    []persist.Transaction
	bytes  int64
	moved  chan struct{} // closed by the next commit; nil: nobody waits
	closed bool
}

// keptOverhead is what a commit costs beside its effects, with the room that
// append leaves: small commits cost more than they say.
const keptOverhead = 64

func keptSize(effects []byte) int64 { return int64(len(effects)) + keptOverhead }

func newKeptJournal(limit int64) *keptJournal { return &keptJournal{limit: limit} }

// append adds a commit and returns its number.
func (k *keptJournal) append(effects []byte) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seq++
	k.txs = append(k.txs, persist.Transaction{Seq: k.seq, Effects: append([]byte(nil), effects...)})
	k.bytes += keptSize(effects)
	for k.bytes > k.limit && len(k.txs) > 1 {
		k.bytes -= keptSize(k.txs[0].Effects)
		k.txs[0] = persist.Transaction{}
		k.txs = k.txs[1:] // append moves the rest when it is at the end of its memory
	}
	k.tell()
	return k.seq
}

func (k *keptJournal) tell() {
	if k.moved != nil {
		close(k.moved)
		k.moved = nil
	}
}

func (k *keptJournal) last() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seq
}

// close wakes those who follow; they read what is left.
func (k *keptJournal) close() {
	k.mu.Lock()
	k.closed = true
	k.tell()
	k.mu.Unlock()
}

// A keptReader follows a keptJournal.
type keptReader struct {
	journal *keptJournal
	seq     uint64 // of the last commit read
}

// keptBatch is how many bytes of commits a keptReader takes at a time, or one
// commit if that is larger.
const keptBatch = 1 << 20

// Next returns the commits that follow, and waits until there is one.
func (r *keptReader) Next(ctx context.Context) ([]persist.Transaction, error) {
	k := r.journal
	for {
		k.mu.Lock()
		txs, err := k.after(r.seq)
		if k.moved == nil {
			k.moved = make(chan struct{})
		}
		moved, closed := k.moved, k.closed
		k.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case len(txs) > 0:
			r.seq = txs[len(txs)-1].Seq
			for i := range txs { // the receiver may change what it gets
				txs[i].Effects = bytes.Clone(txs[i].Effects)
			}
			return txs, nil
		case closed:
			return nil, ErrClosed
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// after returns some of the commits after the one numbered seq. Their effects are
// those of the journal, which nobody changes.
func (k *keptJournal) after(seq uint64) ([]persist.Transaction, error) {
	oldest := k.seq - uint64(len(k.txs)) + 1
	if seq+1 < oldest {
		return nil, &persist.GoneError{After: seq, Oldest: oldest}
	}
	rest := k.txs[min(seq+1-oldest, uint64(len(k.txs))):]
	n := 0
	for bytes := int64(0); n < len(rest) && bytes < keptBatch; n++ {
		bytes += keptSize(rest[n].Effects)
	}
	return append([]persist.Transaction(nil), rest[:n]...), nil
}

func (r *keptReader) Close() {}
