package types

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"unsafe"
)

// A Kind says which of the data types a value is.
type Kind uint8

// The kinds. Their numbers are written to files and never change.
const (
	KindNone   Kind = 0
	KindString Kind = 1
	KindList   Kind = 2
	KindSet    Kind = 3
	KindZSet   Kind = 4
	KindHash   Kind = 5

	KindUnknown Kind = 255 // of a value of long ago; no value says it is that
)

// String returns the kind's name as the TYPE command spells it.
func (k Kind) String() string {
	switch k {
	case KindNone:
		return "none"
	case KindString:
		return "string"
	case KindList:
		return "list"
	case KindSet:
		return "set"
	case KindZSet:
		return "zset"
	case KindHash:
		return "hash"
	case KindUnknown:
		return "unknown"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// A Value is a collection: a *List, *Set, *ZSet or *Hash. (A string is plain
// bytes, kept where its key is.) The zero value of each is empty and ready to
// use; a nil one reads as empty and must not be written to.
//
// A Value is not safe for concurrent use while one of its users writes.
type Value interface {
	// Kind returns which of the data types the value is.
	Kind() Kind
	// Len returns the number of elements.
	Len() int
	// Size returns the bytes of memory the value takes, within 10 %, in O(1).
	Size() int
	// Encoding returns the name OBJECT ENCODING has for how the value is
	// stored now: listpack, quicklist, intset, hashtable, skiplist.
	Encoding() string
	// Record makes the value report its changes to r from now on, or to
	// nobody if r is nil. It is how a store edits: Record(r), write, Record(nil).
	// No other value may have r meanwhile.
	Record(r *Recorder)
	// Apply makes the change that e describes. It changes nothing, and returns
	// an error, if e is not an effect on this kind of value or does not fit it.
	Apply(e Effect) error

	clone() Value
	check() error
}

// New returns an empty value of kind k, or nil if values of that kind are not
// a Value of this package.
func New(k Kind) Value {
	switch k {
	case KindList:
		return new(List)
	case KindSet:
		return new(Set)
	case KindZSet:
		return new(ZSet)
	case KindHash:
		return new(Hash)
	}
	return nil
}

// Clone returns a copy of v in O(1). The two share memory until either is
// written to; from then on the writer copies what it touches. A clone reports
// to no Recorder. Clone counts as a write to v; afterwards v and its clone may
// be used by different goroutines. Several goroutines may clone the same value
// at once, as a database and its fork do when both edit what they share.
func Clone(v Value) Value {
	cloning.Lock()
	defer cloning.Unlock()
	return v.clone()
}

// cloning orders concurrent clones of one value. Nothing is done under it but
// to copy a few words, so one lock serves all.
var cloning sync.Mutex

// Check returns an error that names the first broken invariant of v, if any.
// It costs O(n) and is meant for tests and for checking files.
func Check(v Value) error { return v.check() }

// Limits are the sizes up to which a collection keeps its compact form. They
// are the *-max-listpack-* and set-max-intset-entries settings of redis.conf.
type Limits struct {
	HashEntries, HashValue int // hash-max-listpack-entries, -value
	SetEntries, SetValue   int // set-max-listpack-entries, -value
	SetInts                int // set-max-intset-entries
	ZSetEntries, ZSetValue int // zset-max-listpack-entries, -value
	ListSize               int // list-max-listpack-size: entries if positive, -1…-5: 4…64 KiB
}

// DefaultLimits are those of Redis 7.2. They are used where no others are given.
func DefaultLimits() *Limits { return &defaultLimits }

var defaultLimits = Limits{
	HashEntries: 512, HashValue: 64,
	SetEntries: 128, SetValue: 64, SetInts: 512,
	ZSetEntries: 128, ZSetValue: 64,
	ListSize: -2,
}

// Errors of operations on elements.
var (
	ErrNotInteger = errors.New("value is not an integer")
	ErrNotFloat   = errors.New("value is not a valid float")
	ErrOverflow   = errors.New("increment or decrement would overflow")
	ErrNaN        = errors.New("result is not a number or infinite")
	ErrRange      = errors.New("index out of range")
	ErrEffect     = errors.New("effect does not fit the value")
)

// HashOf returns the hash by which every Dict finds key. It is seeded once per
// process, so it must not be stored.
func HashOf(key string) uint64 { return maphash.String(seed, key) }

var seed = maphash.MakeSeed()

// text returns b as a string without copying it: b must not change while the
// string is in use.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// raw returns s as bytes without copying it: they must not be written to.
func raw(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
