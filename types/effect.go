package types

import (
	"encoding/binary"
	"fmt"
	"iter"
	"unsafe"
)

// An Op names what one effect does.
type Op uint8

// The ops on elements, each with the fields of Effect it uses and the write
// command of Redis it is the same as. Their numbers are written to files and
// never change. Ops from OpStore on belong to the store, which knows keys.
const (
	OpPushFront    Op = 1  // A: LPUSH key A
	OpPushBack     Op = 2  // A: RPUSH key A
	OpPopFront     Op = 3  // N: LPOP key N
	OpPopBack      Op = 4  // N: RPOP key N
	OpListSet      Op = 5  // N, A: LSET key N A
	OpInsertBefore Op = 6  // A, B: LINSERT key BEFORE A B
	OpInsertAfter  Op = 7  // A, B: LINSERT key AFTER A B
	OpListRemove   Op = 8  // N, A: LREM key N A
	OpHashSet      Op = 16 // A, B: HSET key A B
	OpHashDelete   Op = 17 // A: HDEL key A
	OpSetAdd       Op = 24 // A: SADD key A
	OpSetRemove    Op = 25 // A: SREM key A
	OpZAdd         Op = 32 // A, N = bits of the score: ZADD key score A
	OpZRemove      Op = 33 // A: ZREM key A
	OpZRemoveRange Op = 34 // N, M: ZREMRANGEBYRANK key N M-1 (the ranks N ≤ r < M)

	OpPlace Op = 128 // N, A: the effects that follow are on key A of database N; M: see PlacedKind
	OpStore Op = 129 // the first op of those that packages above define
)

// Kind returns the kind of value that o is an effect on, or KindNone if o is
// not an effect on elements.
func (o Op) Kind() Kind {
	switch {
	case o == 0 || o >= OpPlace:
		return KindNone
	case o < 16:
		return KindList
	case o < 24:
		return KindHash
	case o < 32:
		return KindSet
	case o < 40:
		return KindZSet
	}
	return KindNone
}

// PlacedKind returns the kind of the value that was at a place before, given
// the M of its OpPlace: KindNone if there was no key, KindUnknown if the log is
// of a time when this was not noted.
func PlacedKind(m int64) Kind {
	if m <= 0 || m > int64(KindUnknown) {
		return KindUnknown
	}
	return Kind(m - 1)
}

// An Effect is one change, small and deterministic: applied to equal values it
// gives equal values. What N, M, A and B mean is said at each Op.
type Effect struct {
	Op   Op
	N, M int64
	A, B []byte
}

// A Log is a list of effects in the order they happened, encoded as they are
// written to the journal. The zero value is empty and ready to use.
type Log struct {
	buf []byte
	cur *Recorder // whose place the last OpPlace in buf named
}

// Add appends one effect. A and B are copied.
func (l *Log) Add(op Op, n, m int64, a, b string) { l.buf = AppendEffect(l.buf, op, n, m, a, b) }

// Place says where the effects that follow took place.
func (l *Log) Place(db int, key string) {
	l.Add(OpPlace, int64(db), 0, key, "")
	l.cur = nil
}

// PlaceOf is Place, and says of which kind the value there was before.
func (l *Log) PlaceOf(db int, key string, was Kind) {
	l.Add(OpPlace, int64(db), int64(was)+1, key, "")
	l.cur = nil
}

// Bytes returns the encoded effects. They are l's own and change with it.
func (l *Log) Bytes() []byte { return l.buf }

// Reset empties l and keeps its memory for what comes next.
func (l *Log) Reset() { l.buf, l.cur = l.buf[:0], nil }

// Truncate drops everything after the first n bytes.
func (l *Log) Truncate(n int) { l.buf, l.cur = l.buf[:n], nil }

// A Recorder takes down the changes of one value at a time: it counts them and,
// if there is a Log, writes them there after naming the place of the value. It
// must not be copied while a value has it.
type Recorder struct {
	Log     *Log    // nil: changes are only counted
	Limits  *Limits // of compact forms; nil: the defaults
	DB      int     // the place of the value, as its store names it
	Key     string
	Was     Kind // of what is at the place, before the first change
	Changes int  // how many changes there were

	of     *body          // the value's body
	memory unsafe.Pointer // and what it keeps here meanwhile
}

// Note takes down one effect. It does nothing on a nil Recorder.
func (r *Recorder) Note(op Op, n, m int64, a, b string) {
	if r == nil {
		return
	}
	r.Changes++
	if l := r.Log; l != nil {
		if l.cur != r {
			l.PlaceOf(r.DB, r.Key, r.Was)
			l.cur, r.Was = r, op.Kind()
		}
		l.Add(op, n, m, a, b)
	}
}

func (r *Recorder) limits() *Limits {
	if r == nil || r.Limits == nil {
		return &defaultLimits
	}
	return r.Limits
}

// AppendEffect appends the encoding of one effect to buf: the op, N and M as
// zig-zag varints, then A and B, each behind its length as a varint.
func AppendEffect(buf []byte, op Op, n, m int64, a, b string) []byte {
	buf = append(buf, byte(op))
	buf = binary.AppendVarint(buf, n)
	buf = binary.AppendVarint(buf, m)
	buf = binary.AppendUvarint(buf, uint64(len(a)))
	buf = append(buf, a...)
	buf = binary.AppendUvarint(buf, uint64(len(b)))
	return append(buf, b...)
}

// CutEffect decodes the effect at the front of buf and returns what follows
// it. A and B point into buf. ok is false if buf does not begin with an effect.
func CutEffect(buf []byte) (e Effect, rest []byte, ok bool) {
	if len(buf) == 0 {
		return e, nil, false
	}
	e.Op = Op(buf[0])
	rest = buf[1:]
	if e.N, rest, ok = cutVarint(rest); !ok {
		return e, nil, false
	}
	if e.M, rest, ok = cutVarint(rest); !ok {
		return e, nil, false
	}
	if e.A, rest, ok = cutBytes(rest); !ok {
		return e, nil, false
	}
	e.B, rest, ok = cutBytes(rest)
	return e, rest, ok
}

// Effects yields the effects encoded in buf, in order. It yields an error last
// if buf is damaged.
func Effects(buf []byte) iter.Seq2[Effect, error] {
	return func(yield func(Effect, error) bool) {
		for rest := buf; len(rest) > 0; {
			e, next, ok := CutEffect(rest)
			if !ok {
				yield(Effect{}, fmt.Errorf("damaged effect at byte %d of %d", len(buf)-len(rest), len(buf)))
				return
			}
			if !yield(e, nil) {
				return
			}
			rest = next
		}
	}
}

func cutVarint(buf []byte) (int64, []byte, bool) {
	v, n := binary.Varint(buf)
	if n <= 0 {
		return 0, nil, false
	}
	return v, buf[n:], true
}

func cutBytes(buf []byte) (field, rest []byte, ok bool) {
	size, n := binary.Uvarint(buf)
	if n <= 0 || size > uint64(len(buf)-n) {
		return nil, nil, false
	}
	buf = buf[n:]
	return buf[:size:size], buf[size:], true
}
