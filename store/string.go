package store

import (
	"errors"
	"math"
	"strconv"
	"time"

	"redstart/persist"
	"redstart/types"
)

// MaxString is the largest a string can be, in bytes.
const MaxString = persist.MaxString

// The marks of strings, for OBJECT ENCODING: what Redis would have.
const (
	markAuto   = 0                    // int if it is one, else by length
	markRaw    = persist.MarkAppended // was extended in place
	markNotInt = 2                    // was written as text though it may read as an integer
)

// KeepTTL, as the deadline of PutString, leaves the deadline of the key as it is.
const KeepTTL int64 = math.MinInt64

// Get returns the string at key, or nil if there is none; an empty string is
// not nil. The bytes are valid until the transaction ends or writes the key.
func (tx *Tx) Get(key string) ([]byte, error) {
	r, err := tx.read(key)
	if !r.OK() {
		return nil, err
	}
	if r.Kind() != types.KindString {
		return nil, ErrWrongType
	}
	return present(r.Value()), nil
}

// present makes an empty string differ from none.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// A SetOption changes what Set does.
type SetOption func(*setOptions)

type setOptions struct {
	ttl              time.Duration
	at               time.Time
	keep             bool
	absent, existing bool
}

// TTL makes the key expire after d, or after a millisecond if d is less. With a
// d of 0 it does not expire.
func TTL(d time.Duration) SetOption { return func(o *setOptions) { o.ttl = d } }

// ExpireAt makes the key expire at t.
func ExpireAt(t time.Time) SetOption { return func(o *setOptions) { o.at = t } }

// KeepDeadline leaves the time the key expires as it is.
func KeepDeadline(o *setOptions) { o.keep = true }

// IfAbsent sets only if there is no key; otherwise Set returns [ErrExists].
func IfAbsent(o *setOptions) { o.absent = true }

// IfExists sets only if there is a key; otherwise Set returns [ErrNoKey].
func IfExists(o *setOptions) { o.existing = true }

// ErrExists is returned by Set with IfAbsent if there is a key.
var ErrExists = errors.New("key exists")

// Set makes value, which is copied, the string at key, whatever was there
// before. Without an option the key does not expire.
func (tx *Tx) Set(key string, value []byte, opts ...SetOption) error {
	if len(opts) == 0 {
		return tx.PutString(key, value, 0)
	}
	var o setOptions
	for _, opt := range opts {
		opt(&o)
	}
	if o.absent || o.existing {
		r, err := tx.find(key)
		switch {
		case err != nil:
			return err
		case o.absent && r.OK():
			return ErrExists
		case o.existing && !r.OK():
			return ErrNoKey
		}
	}
	var deadline int64
	switch {
	case o.ttl != 0:
		deadline = tx.Now() + max(o.ttl.Milliseconds(), 1)
	case !o.at.IsZero():
		if deadline = o.at.UnixMilli(); deadline == 0 {
			deadline = 1 // 0 is none, but 1970 has passed
		}
	case o.keep:
		deadline = KeepTTL
	}
	return tx.PutString(key, value, deadline)
}

// PutString is Set for callers that have the deadline as a number: Unix
// milliseconds, 0 for none, or KeepTTL. One that has passed deletes the key.
func (tx *Tx) PutString(key string, value []byte, deadline int64) error {
	return tx.putString(key, value, deadline, markAuto)
}

func (tx *Tx) putString(key string, value []byte, deadline int64, mark uint8) error {
	if len(value) > MaxString {
		return ErrTooLarge
	}
	h, err := tx.write(key)
	if err != nil {
		return err
	}
	r := tx.table(h).dict.Find(h, key)
	if r.OK() {
		r.Touch(tx.db.seconds.Load())
	}
	switch {
	case deadline == KeepTTL:
		deadline = 0
		if r.OK() && (r.Deadline() == 0 || tx.replay || r.Deadline() > tx.Now()) {
			deadline = r.Deadline()
		}
	case deadline != 0 && !tx.replay && deadline <= tx.Now():
		if r.OK() {
			was := r.Kind()
			tx.table(h).delete(h, key)
			tx.changed(h, key, was, persist.OpDelete, 0, 0, "")
		}
		return nil
	}
	tx.putAt(r, h, key, value, deadline, mark)
	return nil
}

// putAt stores a string at key, whose entry, touched already, is r if there is one.
func (tx *Tx) putAt(r types.Ref, h uint64, key string, value []byte, deadline int64, mark uint8) {
	t, kind := tx.table(h), types.KindNone
	if r.OK() {
		kind = r.Kind()
		if was := r.Deadline(); was != deadline {
			t.moveDeadline(h, was, deadline)
		}
	} else {
		t.moveDeadline(h, 0, deadline)
	}
	switch {
	case tx.isOffered(value):
		tx.offer = t.dict.Give(r, h, key, tx.offer, deadline, mark)
		t.dict.Find(h, key).Touch(tx.db.seconds.Load())
	case r.OK():
		t.dict.PutAt(r, h, key, value, deadline, mark)
	default:
		t.dict.Add(h, key, value, deadline, mark).Touch(tx.db.seconds.Load())
	}
	tx.changed(h, key, kind, persist.OpSet, deadline, int64(mark), text(value))
}

// minOffer is the length from which on a value may be given to a table.
const minOffer = 32 << 10

// Offer lets the transaction have the memory of b: if b becomes the value of a
// string, it is kept instead of a copy of it, and what the caller has of b is
// then borrowed, as by Get. Whoever offers must ask Withdraw what is left, in any
// case, before the next one. A b of less than 32 KiB is not taken, nor is one by
// a transaction that can be rolled back.
func (tx *Tx) Offer(b []byte) { tx.offer = b }

// Withdraw ends an Offer. It returns memory that is the caller's own: what was
// offered, if it was not taken; else that of the value it has replaced, or nil.
func (tx *Tx) Withdraw() (left []byte) {
	left, tx.offer = tx.offer, nil
	return left
}

// isOffered reports whether value, which is about to become that of a string, is
// what was offered.
func (tx *Tx) isOffered(value []byte) bool {
	return len(value) >= minOffer && !tx.undo && len(value) == len(tx.offer) && &value[0] == &tx.offer[0]
}

// stringAt returns the entry of key, which is about to be written, if it is a
// string; a zero Ref if there is none. It touches the entry before it looks at
// what is there: the processor then fetches both from memory at the same time.
func (tx *Tx) stringAt(key string) (types.Ref, error) {
	r, err := tx.find(key)
	if !r.OK() {
		return r, err
	}
	r.Touch(tx.db.seconds.Load())
	if r.Kind() != types.KindString {
		return types.Ref{}, ErrWrongType
	}
	return r, nil
}

// Append adds data to the end of the string at key, creating it, and returns
// the new length. It costs O(len(data)).
func (tx *Tx) Append(key string, data []byte) (int, error) {
	r, err := tx.stringAt(key)
	if err != nil {
		return 0, err
	}
	if !r.OK() {
		return len(data), tx.PutString(key, data, 0)
	}
	old := len(r.Value())
	if len(data) > MaxString-old {
		return 0, ErrTooLarge
	}
	if len(data) == 0 {
		return old, nil
	}
	h, err := tx.write(key)
	if err != nil {
		return 0, err
	}
	d := &tx.table(h).dict
	copy(d.Grow(h, key, old+len(data))[old:], data)
	d.SetMark(h, key, markRaw)
	tx.changed(h, key, types.KindString, persist.OpAppend, 0, 0, text(data))
	return old + len(data), nil
}

// SetRange overwrites the string at key from offset on, filling a gap with
// zero bytes, and returns the new length. No data changes nothing.
func (tx *Tx) SetRange(key string, offset int, data []byte) (int, error) {
	r, err := tx.stringAt(key)
	if err != nil {
		return 0, err
	}
	size, was := 0, types.KindNone
	if r.OK() {
		size, was = len(r.Value()), types.KindString
	}
	if len(data) == 0 {
		return size, nil
	}
	if offset < 0 {
		return 0, ErrRange
	}
	if offset > MaxString || len(data) > MaxString-offset {
		return 0, ErrTooLarge
	}
	h, err := tx.write(key)
	if err != nil {
		return 0, err
	}
	t := tx.table(h)
	if !r.OK() {
		t.put(h, key, nil, 0, markRaw)
	}
	var b []byte
	if end := offset + len(data); end > size {
		size = end
		b = t.dict.Grow(h, key, end)
	} else {
		b = t.dict.Mutable(h, key)
	}
	copy(b[offset:], data)
	t.dict.SetMark(h, key, markRaw)
	t.dict.Find(h, key).Touch(tx.db.seconds.Load())
	tx.changed(h, key, was, persist.OpSetRange, int64(offset), 0, text(data))
	return size, nil
}

// Incr adds by to the integer at key, 0 if there is none, and returns the
// sum. It returns [ErrNotInteger] if there is no integer and [ErrOverflow] if
// the sum would not fit in 64 bits; the key is then as it was.
func (tx *Tx) Incr(key string, by int64) (int64, error) {
	r, err := tx.stringAt(key)
	if err != nil {
		return 0, err
	}
	var n, deadline int64
	if r.OK() {
		var ok bool
		if n, ok = types.ParseInt(r.Value()); !ok {
			return 0, ErrNotInteger
		}
		deadline = r.Deadline()
	}
	if (by > 0 && n > math.MaxInt64-by) || (by < 0 && n < math.MinInt64-by) {
		return 0, ErrOverflow
	}
	h, err := tx.write(key)
	if err != nil {
		return 0, err
	}
	if !r.OK() && len(tx.touches) != 0 { // a collection emptied in this transaction
		r = tx.table(h).dict.Find(h, key)
	}
	var buf [20]byte
	tx.putAt(r, h, key, strconv.AppendInt(buf[:0], n+by, 10), deadline, markAuto)
	return n + by, nil
}

// IncrByFloat adds by, a decimal number, to the number at key, 0 if there is
// none, and returns the sum as text, with the precision of Redis: that of an
// 80-bit float. It returns [ErrNotFloat] or [ErrNaN] and changes nothing if
// there is no such sum.
func (tx *Tx) IncrByFloat(key, by string) ([]byte, error) {
	r, err := tx.stringAt(key)
	if err != nil {
		return nil, err
	}
	old, deadline := []byte("0"), int64(0)
	if r.OK() {
		old, deadline = r.Value(), r.Deadline()
	}
	sum, err := types.AddFloat(old, by)
	if err != nil {
		return nil, err
	}
	return sum, tx.putString(key, sum, deadline, markNotInt)
}
