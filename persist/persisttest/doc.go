// Package persisttest gives tests a database that can lose its power.
//
//	func TestCheckout(t *testing.T) {
//		db := persisttest.Open(t, &store.Options{Sync: store.EverySecond})
//		shop := NewShop(db.DB)
//		shop.Confirm(order)
//		db.Crash()
//		…
//	}
//
// Open opens it, Second lets a second pass for its file, Crash ends it as a loss
// of power does and Kill as the death of its process, and both open it again
// from what is left. Everything is in this process and nothing sleeps.
//
// # How package persist is tested
//
// The tests of this package do to persist what Crash does to applications, at
// every moment. Their nouns: an event is one operation on a file or a name. A
// recording is the events of some work. A media is a disk as it may be after
// the first events of a recording: what is durable, and what is not yet. A
// state is what a loss of power makes of a media, by a fate.
//
// The model of a disk (media_test.go):
//
//   - A write is durable after a sync of its file. Before, it may be there or
//     not, and so may be each of its sectors of 512 bytes, in any order.
//   - A name that was given, taken away or moved is durable after a sync of its
//     directory. Before, it may be as it was, each by itself.
//   - The size of a file is one of its writes.
//   - A sync that fails decides nothing, and what it should have made durable
//     stays undecided whatever is synced later, until it is written again: so
//     do kernels that call pages clean which they could not write.
//
// Every recording is cut after every event, and what is undecided is kept as a
// whole, not at all, by writes, by sectors, or up to some sector. Each such state
// is opened and must hold exactly what some transaction left, and not less than
// what was acknowledged by then (Wait had returned nil); bbolt's own checker
// looks at each fourth. From some the file is written to and crashes again, in
// the middle of opening it or later; from some of those that a dying process
// leaves, with what it wrote still undecided.
//
// The work: creating a file; commits and groups under each policy, and changes
// of policy; transactions in pieces; checkpoints with bases, deltas, patches,
// trimming, cleaning; rewrites, with views that writers have left behind; several
// writers at once; a store with values of all types; a file of the first version; Recover.
//
// Then every n-th operation of such work fails, once or until it is healed, with
// ENOSPC, EIO, or half a write (fail_test.go): what was acknowledged must be
// there, then and after a loss of power; refusals name the cause; reads go on;
// when the cause is gone writing works again without the file being opened
// anew, be it by a Rewrite.
//
// That a server tells its clients what Redis would tell them, and takes writes
// again without a restart, is in served_test.go.
//
// To see what bbolt does, TestHooked builds a copy of it that tells package
// disk, and runs all this in a process of its own: see there for when it skips.
// One run, on two cores that did six times as much besides, in all 28 s of
// processor time:
//
//	crashes of files     14 000 states in 11 s
//	crashes of stores     2 300 states, with upgrade and Recover, in 8 s
//	faults                1 600, and 4 500 states after them, in 17 s
//	building the copy     4 to 20 s the first time, then nothing
//
// A failure prints the state it is about. REDSTART_CRASH_STATE=state shows that
// one only, REDSTART_CRASH_SEED=n begins with another seed than 1, and
// REDSTART_CRASH_ROUNDS=n does everything with n seeds. The copy of bbolt
// allocates pages in a fixed order; what is left to chance is the order of
// large hashes and sets in a snapshot.
//
// What the model says of Never: of the states after up to twenty seconds without
// a sync a quarter does not open, and none that opens is wrong. That cannot be
// had for less than a sync each second, which is EverySecond, as long as bbolt
// writes what is not synced: its two meta pages take turns, and the pages that
// the last durable one leads to are free for use again one commit later. So that
// is what it is from the moment on in which somebody was told that something is on
// disk, until the file is closed: then each state opens, and holds it.
//
// What it does not say: nothing about a disk that loses what it called durable,
// or that reads back other bytes than were written; the damage tests of persist
// are about those. Real processes die in persist/kill_test.go and bench/kill.
package persisttest
