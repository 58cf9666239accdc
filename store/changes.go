package store

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"

	"redstart/persist"
	"redstart/types"
)

// How changes are followed.
//
// The journal, which makes commits durable, is all there is to tell of them: no
// commit does anything for those who follow. [DB.Changes] reads it back while it
// is being written, some of it at a time, and waits at its end; so a follower
// can be as slow as it likes, stop, and go on after a restart from the number
// it has come to.
//
// A commit is told when it is as sure as the policy makes it: on disk, or under
// Never given to the operating system. Under EverySecond that may be a second
// after it was made ([DB.Sync], or a Durable commit, makes it sooner). The reason:
// after a crash numbers are used again. Somebody who has seen a commit that the
// crash took back, and goes on behind it, would miss others for it.
//
// The journal is dropped behind a checkpoint, but for Options.KeepJournal bytes
// and, while somebody follows, what he has not read, up to Options.MaxJournal
// bytes. Who comes from before that gets [ErrGone], and begins anew: with the
// Changes of a [Snapshot], and those after its Seq.
//
// Numbers belong to one history of one file. A backup that is restored, and what
// is recovered of a damaged file, go on counting from a number that others have
// had, with other commits: who has followed the file that they replace begins anew.

// A Commit is what one transaction has changed. It is the receiver's, with all that
// it holds, for as long as he likes.
type Commit struct {
	// Seq is its number. Changes from it on begin with the commit after it.
	Seq uint64
	// Changes are what it changed, in the order in which it did: all of it, or
	// what the options of Changes ask for. Without any, nothing that was asked
	// for has changed in the commits since the last one told, up to Seq. They may
	// be those of several commits up to Seq, if a key has arrived: see [Prefix].
	Changes []Change
}

// A Change is one effect: small and deterministic, so that who makes the same
// changes to the same data gets the same data.
type Change struct {
	// DB and Key say what was changed. [OpFlush] and [OpSwap] have no key, and
	// OpFlush has -1 as DB if it empties all of them.
	DB  int
	Key string
	// Old and New are the kinds of what is at the key before and after the change,
	// KindNone if there is no key. They are types.KindUnknown in a journal of
	// before they were noted.
	Old, New types.Kind
	// To, in database ToDB, is where the value went, for [OpRename] and [OpCopy], and
	// Replaced is the kind of what was there before.
	To       string
	ToDB     int
	Replaced types.Kind
	// Effect is the change itself; its Op, one of types.OpPushFront, … or of
	// OpSet, …, says what its other fields are.
	Effect types.Effect

	clock   Clock // of the database that tells it; nil: no deadline has passed
	undated bool  // Commands give no deadlines
}

// The changes of whole keys and of databases; those of elements are the ops of
// package types.
const (
	OpSet      = persist.OpSet
	OpDelete   = persist.OpDelete
	OpExpire   = persist.OpExpire
	OpAppend   = persist.OpAppend
	OpSetRange = persist.OpSetRange
	OpRename   = persist.OpRename
	OpCopy     = persist.OpCopy
	OpFlush    = persist.OpFlush
	OpSwap     = persist.OpSwap
)

// ErrGone says that changes can be told no more, and that one begins anew. A
// [GoneError] is one.
var ErrGone = persist.ErrGone

// A GoneError says that the journal does not reach back so far, and how far.
type GoneError = persist.GoneError

// A ChangesOption changes what Changes tells.
type ChangesOption func(*changesOptions)

type changesOptions struct {
	scope
	undated bool
}

func newChangesOptions(opts []ChangesOption) *changesOptions {
	o := new(changesOptions)
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// Prefix asks for changes of keys that begin with one of prefixes, and of nothing
// else: a key that is renamed to one with another prefix is told as deleted, and
// one that comes from there, by RENAME or COPY, as made anew, with all
// that is in it. Only [OpFlush] and [OpSwap] are told as they are: they are about
// all keys, and so about these. Several options Prefix add up.
//
// What is in a key that arrives has to be looked up, and by then later commits may
// have changed it. All commits up to that of the look are then told as one Commit.
// It costs a [Snapshot], and may take until that is on disk. If it is more than
// 64 MiB, for who is that far behind or because that much arrives at once, in
// several keys, the loop ends with [ErrGone], and one begins anew.
func Prefix(prefixes ...string) ChangesOption {
	return func(o *changesOptions) { o.prefixes = append(o.prefixes, prefixes...) }
}

// OfDatabase asks for changes in database i, and of nothing else: what is moved
// to another is told as deleted, what comes from there as made anew. An exchange
// with a database that was not asked for is an [OpFlush], and then all that is
// there now. Several options OfDatabase add up.
func OfDatabase(i int) ChangesOption {
	return func(o *changesOptions) { o.dbs = append(o.dbs, i) }
}

// Undated has [Change.Commands] give no deadlines: a copy made of them deletes what
// has expired when it is told so, and at no other time. It has what was here,
// without deadlines, however late it is told.
func Undated() ChangesOption {
	return func(o *changesOptions) { o.undated = true }
}

// Changes tells of commits, in their order, from the one after number from on:
// first of those that the journal holds, then of each that is made, when it is
// on disk: under [EverySecond] that is within a second.
//
// Where to begin: from is 0, which is the beginning of the file; the Seq of the
// last Commit that was dealt with, kept wherever what was made of it is kept; the
// Seq of a [Snapshot], for who needs all that is there first; or db.Seq(), for
// who needs only what comes. The Seq of a Commit can be gone on from after a crash (under
// [Never]: of the program, not of the machine). That of a Snapshot, and db.Seq(),
// may be those of commits that a crash takes back, until [DB.WaitSeq] has returned.
// All are numbers of this file alone: who goes on after it was replaced by a
// backup, or by what was recovered of it, misses commits and is not told so. He
// begins anew. (Who keeps the number in this very database makes a commit by
// it, of which he is told: he keeps it only after one with Changes.)
//
// How slow one may be: nobody waits for the receiver, and little is kept in memory
// for him: some megabyte, or one commit, or what is told as one (see [Prefix]).
// What he has not read yet stays in the journal, up to Options.MaxJournal bytes
// beyond the Options.KeepJournal that are there for everybody. While no loop
// runs, as between two runs of the program, only the latter stay: who stops and
// goes on needs KeepJournal to be as much as is written meanwhile.
//
// How it ends: by leaving the loop, or with an error, which is the last thing that
// is yielded: that of ctx; [ErrClosed]; [ErrGone] if from, or a slow receiver, is
// behind what the journal holds, mostly as a *[GoneError]: one begins anew;
// [ErrFuture] if there has been no commit from: begin anew, too; [ErrNoFile] if there is no
// journal, in memory without Options.KeepJournal; [ErrCorrupt].
func (db *DB) Changes(ctx context.Context, from uint64, opts ...ChangesOption) iter.Seq2[Commit, error] {
	o := newChangesOptions(opts)
	return func(yield func(Commit, error) bool) {
		if err := db.follow(ctx, from, o, yield); err != nil {
			yield(Commit{}, err)
		}
	}
}

// A journalReader reads the journal and waits at its end.
type journalReader interface {
	Next(context.Context) ([]persist.Transaction, error)
	Close()
}

func (db *DB) readAfter(seq uint64) (journalReader, error) {
	switch last := db.Seq(); {
	case db.closing.Load():
		return nil, ErrClosed
	case db.file == nil && db.kept == nil:
		return nil, ErrNoFile
	case seq > last:
		return nil, fmt.Errorf("%w: commit %d of %d", ErrFuture, seq, last)
	case db.file == nil:
		return &keptReader{db.kept, seq}, nil
	}
	return db.file.ReadAfter(seq)
}

// follow yields commits until the loop ends, and returns nil, or there is an error.
func (db *DB) follow(ctx context.Context, from uint64, o *changesOptions, yield func(Commit, error) bool) error {
	r, err := db.readAfter(from)
	if err != nil {
		return err
	}
	defer r.Close()
	t := teller{db: db, changesOptions: o}
	defer t.reset()
	for {
		txs, err := r.Next(ctx)
		if err != nil {
			return err
		}
		for i, tx := range txs {
			if err := ctx.Err(); err != nil {
				return err
			}
			changes, err := t.commit(tx)
			if err != nil {
				return fmt.Errorf("commit %d: %w", tx.Seq, err)
			}
			if t.snap != nil || len(changes) == 0 && i < len(txs)-1 {
				continue // it is told with what follows
			}
			if !yield(Commit{tx.Seq, changes}, nil) {
				return nil
			}
		}
	}
}

// eachChange passes the changes of a transaction to do.
func eachChange(effects []byte, do func(c Change)) error {
	var at Change // the place of the last OpPlace, and the kind there now
	for e, err := range types.Effects(effects) {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if e.Op == types.OpPlace {
			at = Change{DB: int(e.N), Key: text(e.A), New: types.PlacedKind(e.M)}
			continue
		}
		c := at
		c.Effect, c.Old = e, at.New
		if err := c.complete(); err != nil {
			return err
		}
		at.New = c.New
		do(c)
	}
	return nil
}

// complete fills in what follows from the effect.
func (c *Change) complete() error {
	e := c.Effect
	if kind := e.Op.Kind(); kind != types.KindNone {
		c.New = kind
		return nil
	}
	switch e.Op {
	case OpSet, OpAppend, OpSetRange:
		c.New = types.KindString
	case OpDelete:
		c.New = types.KindNone
	case OpExpire:
		c.New = c.Old
	case OpRename, OpCopy:
		c.To, c.ToDB, c.Replaced = text(e.A), int(e.N), types.PlacedKind(e.M)
		if c.New = c.Old; e.Op == OpRename {
			c.New = types.KindNone
		}
	case OpFlush, OpSwap:
		*c = Change{DB: int(e.N), Effect: e}
	default:
		return fmt.Errorf("%w: op %d", types.ErrEffect, e.Op)
	}
	return nil
}

// Commands returns the change as write commands of Redis, each a name and its
// arguments, to be run one after the other in database DB, which is -1 for
// FLUSHALL: that one may run in any. Most changes are one command; moving a key
// over another one of another database is two. The commands of all changes make
// a Redis, or another database, that had the same data have the same data again.
// (But for one deadline: a collection with one that a single Update empties and
// fills again keeps it here, where a Redis deletes the key in between.)
//
// What deletes a key that has expired is a change of its own, and nothing else
// does: a deadline that has passed when Commands is called is given as none,
// because a change that the follower has yet to come to may have moved it. A
// receiver that has been given a deadline goes by it, though. It loses a key
// whose deadline passes while its follower is late, even if it was moved in
// time, and then some commands fail, for want of the key. So who extends deadlines
// keeps his followers closer than they are long, or has them [Undated].
func (c *Change) Commands() [][]string {
	sentence := sentences[c.Effect.Op]
	switch c.Effect.Op {
	case OpSet:
		if c.expires() {
			sentence = []string{"SET", "key", "a", "PXAT", "n"}
		}
	case OpExpire:
		switch {
		case c.undated:
			return nil
		case !c.expires():
			sentence = []string{"PERSIST", "key"}
		}
	case OpRename:
		if c.DB != c.ToDB {
			return [][]string{c.fill(sentences[OpCopy]), c.fill(sentences[OpDelete])}
		}
	case OpFlush:
		if c.DB < 0 {
			sentence = []string{"FLUSHALL"}
		}
	}
	if sentence == nil {
		return nil
	}
	return [][]string{c.fill(sentence)}
}

// sentences are the commands of ops, as Commands gives them if there is no more to
// it. Words in small letters stand for what fill puts there.
var sentences = map[types.Op][]string{
	types.OpPushFront:    {"LPUSH", "key", "a"},
	types.OpPushBack:     {"RPUSH", "key", "a"},
	types.OpPopFront:     {"LPOP", "key", "n"},
	types.OpPopBack:      {"RPOP", "key", "n"},
	types.OpListSet:      {"LSET", "key", "n", "a"},
	types.OpInsertBefore: {"LINSERT", "key", "BEFORE", "a", "b"},
	types.OpInsertAfter:  {"LINSERT", "key", "AFTER", "a", "b"},
	types.OpListRemove:   {"LREM", "key", "n", "a"},
	types.OpHashSet:      {"HSET", "key", "a", "b"},
	types.OpHashDelete:   {"HDEL", "key", "a"},
	types.OpSetAdd:       {"SADD", "key", "a"},
	types.OpSetRemove:    {"SREM", "key", "a"},
	types.OpZAdd:         {"ZADD", "key", "score", "a"},
	types.OpZRemove:      {"ZREM", "key", "a"},
	types.OpZRemoveRange: {"ZREMRANGEBYRANK", "key", "n", "last"},

	OpSet:      {"SET", "key", "a"},
	OpDelete:   {"DEL", "key"},
	OpExpire:   {"PEXPIREAT", "key", "n"},
	OpAppend:   {"APPEND", "key", "a"},
	OpSetRange: {"SETRANGE", "key", "n", "a"},
	OpRename:   {"RENAME", "key", "a"},
	OpCopy:     {"COPY", "key", "a", "DB", "n", "REPLACE"},
	OpFlush:    {"FLUSHDB"},
	OpSwap:     {"SWAPDB", "n", "m"},
}

// fill returns a sentence with what its words stand for.
func (c *Change) fill(sentence []string) []string {
	e := &c.Effect
	words := make([]string, len(sentence))
	for i, word := range sentence {
		switch word {
		case "key":
			word = c.Key
		case "a":
			word = text(e.A)
		case "b":
			word = text(e.B)
		case "n":
			word = strconv.FormatInt(e.N, 10)
		case "m":
			word = strconv.FormatInt(e.M, 10)
		case "last":
			word = strconv.FormatInt(e.M-1, 10)
		case "score":
			word = strings.ToLower(strconv.FormatFloat(math.Float64frombits(uint64(e.N)), 'g', -1, 64))
		}
		words[i] = word
	}
	return words
}

// expires reports whether OpSet or OpExpire sets a deadline that is yet to come.
func (c *Change) expires() bool {
	at := c.Effect.N
	return at != 0 && !c.undated && (c.clock == nil || at > c.clock.Now().UnixMilli())
}
