// Package persist keeps a store's data in one file.
//
// Its nouns: a transaction is the effects of one commit of the store, as bytes
// of a types.Log, and has a number. The journal is the transactions that came
// last, in order. A snapshot is all keys as they were after some transaction: a
// base, and delta runs of what changed since. A checkpoint brings the snapshot
// up to a later transaction and drops the journal up to there. A group is the
// transactions that are written at once, by a commit of bbolt or into the
// stage: the place in the file where a group that somebody waits for becomes
// durable first. A fold brings what was staged into the journal. A draft is a new file
// that nobody uses before it is complete; a rewrite puts one in the place of the
// file that is open.
//
// The store calls Open, then Load, then Append for each transaction while it
// holds the locks of its keys, Wait where somebody must know that it is on
// disk, and Checkpoint or Rewrite with a copy-on-write view when CheckpointDue
// or RewriteDue says so. WriteFile makes a backup from such a view. A Reader,
// from ReadAfter, follows the journal: see reader.go.
//
// # The promise
//
// A transaction is whole or absent after any crash of the process, and none is
// there without all before it. When Wait(seq) has returned nil, transaction
// seq and all before it have been synced to disk: by the fdatasync after a frame
// was written to the stage, or by both of a commit of bbolt; and the directory
// was, too. What an earlier process has written is synced before it is taken for
// durable (renew). What else is on disk is up to the policy:
//
//	Always       the store waits for every transaction; those that wait at
//	             the same time share one sync
//	EverySecond  written and synced once a second: a crash, of the process or
//	             the machine, loses at most the last second and what the disk
//	             was busy with
//	Never        written once a second, synced by a checkpoint and Close
//	             only: a crash of the process loses at most the last second. A
//	             crash of the machine may lose more. As bbolt orders its pages
//	             by syncing, it may also leave a file that does not open any
//	             more: that is the price of Never, and why it is not the
//	             default. It is refused as damaged, and does not open as of
//	             something older than was synced (stamp.go). When somebody
//	             asks for the disk, by Wait, Sync, Hasten or OnDisk, he gets it, and
//	             what he was told holds: from then on, until the file is
//	             closed, every commit is synced, once a second, as under
//	             EverySecond (promise.go). Whoever opens a file with Never puts
//	             all that is in it at risk, as long as nobody asks
//
// After an error of a write nothing more is acknowledged. The file is opened
// again and compared with what should be in it; if the group is not there it
// is written again, at once and then every second, and Append fails with
// ErrReadOnly meanwhile. After an error of a sync nothing in the file proves
// anything: the kernel may call pages clean that never reached the disk
// (retry.go). Then a complete new file is written from what is in memory, and
// takes the place of the old one; if that fails, again after a second, and
// later every half minute, for as long as it takes (rewrite.go). The same is
// done when the file was removed or cut short behind our back, which is looked
// for once a second, or does not open again, or holds what it should not; a
// file that somebody has put in its place is left alone. What
// was acknowledged is in the new file. A transaction whose Wait returned an
// error has an unknown outcome: it may be there, and is, if writing resumes
// before the process ends.
//
// Opening never drops anything silently. The tree of pages is inspected before
// bbolt sees it (preflight.go), its root says of which commit it is (stamp.go),
// every value has a CRC-32C that covers its place,
// and records, transactions, chunks and segments are numbered without gaps. A
// file that is open elsewhere, damaged, foreign, or written by a newer version
// is refused with an error that says so, and left as it was, byte for byte. What
// an unfinished checkpoint has left is no damage: it is dropped after loading.
// Check lists what is damaged, and Recover saves the rest to a new file; both
// read pages without bbolt (survey.go) and change nothing.
//
// What a crash has cut off in the middle of a write was promised to nobody. In
// bbolt it leaves no trace; in the stage it may, and opening then tells the
// logger so, and goes on.
//
// What can be told of a page that was not written, although the disk said so
// or nobody asked it: the root is of another commit than its meta, and below it
// there is a gap in the numbers, or a page with two parents. What cannot be told:
//
//   - a meta page that was not written: the other one leads to the commit before,
//     whose tree is whole until the next but one is written;
//   - a file that was replaced as a whole by an older copy of itself;
//   - damage in the last frame of the stage, which looks like a write that was cut
//     off (but the stage is empty once the file was at rest for two seconds, or
//     was closed);
//   - what is from the first time when numbers are given a second time: of commits
//     and records after a loss of power under Never, of chunks after a
//     checkpoint that did not end. Pages of then, if they are where those should be
//     that were not written, have the right numbers;
//   - in a file that was of format 3 or older, a root from before its first commit
//     by a program that writes stamps.
//
// # What fails, and what happens
//
//	the process is killed      what was written is there, what the policy had
//	                           not written yet is lost. Opening syncs what it
//	                           finds before anything counts as durable
//	the machine loses power    what was synced is there. A frame of the stage
//	                           that was being written is cut off, and the
//	                           logger told
//	no space, a quota, a size  writes are refused with ErrReadOnly, which wraps
//	limit, an error of a write the cause; reads go on. Each second it is looked
//	                           whether there is space again
//	an error of a sync         the same, until a complete new file has been
//	                           written from memory and has taken the place
//	a sync that hangs          Wait waits, but clients of a server who only read
//	                           do so for a second at most; under the other
//	                           policies writers go on until 56 MiB wait for the
//	                           disk, and then wait before they take a lock:
//	                           readers go on
//	the file is removed, moved as with a sync; but a stranger's file in its
//	or cut short in use        place is left alone
//	damage found in use, by a  the file takes no more writes and is written anew
//	checkpoint or a Reader     from memory
//	damage found on opening    ErrCorrupt with the place; nothing is changed
//	killed in a checkpoint     the snapshot is the old one and the journal whole
//	killed in a rewrite        the file is the old one or the new one. What is
//	or a backup                left of X.unfinished is removed by the next
//	open in another process    a *LockedError that says in which
//	a newer layout             ErrNewer
//	bbolt panics               an error; the handle is not used any more
//
// What no error can be made of: a page that changes under a running process may
// make bbolt follow a pointer into nowhere, and an unreadable page may fault in
// a goroutine of bbolt's own while it rolls back. Either ends the process.
//
// # How this is tested
//
// Every write, sync, truncation, rename, and sync of a directory, of bbolt's and
// of this package's own, is recorded while a file is worked on; then the disk is
// put together as a loss of power may leave it after each of them, and opened;
// and each of them fails, once or for good, by ENOSPC, EIO or half a write. What
// comes of it is held against the promise above: package persisttest, which has
// the model of the disk and the figures. Damage at every page and what can
// be told of it is in the damage tests here, processes that are really killed are in
// kill_test.go and in bench/kill.
//
// # The file
//
//	app.db (bbolt; pages of the system's size)
//	├─ redstart       (sequence: number of the commit, and whether there is a stage)
//	│   ├─ format     version of the layout                       | crc32c
//	│   └─ state      covered, generation, chunks, bytes of base,
//	│                 bytes of deltas                             | crc32c
//	├─ journal        (sequence: number of the last record)
//	│   ├─ 00000001   a segment of 32 KiB or more, named by its first record
//	│   │   ├─ 00000001   crc32c | kind | count | first seq | transactions
//	│   │   └─ 00000002   …
//	│   └─ 00000003
//	│       └─ 00000003   …
//	├─ data
//	│   ├─ generation 1, part 1
//	│   │   ├─ 00000001   crc32c | kind | count | entries, up to 64 KiB   ┐
//	│   │   └─ …                                                          │ base
//	│   ├─ generation 1, part 257                                         │
//	│   │   └─ …                                                          ┘
//	│   └─ generation 1, part 300
//	│       └─ 00000300   entries, patches and tombstones                 ─ delta run
//	└─ stage          (once somebody has waited under Always)
//	    └─ stage      salt | where the ring is | crc32c, and, written in place,
//	                  ┌ crc32c | length | count | first seq | transactions
//	                  ├ frames, each on pages of its own, up to 4 MiB
//	                  └ …
//
// Names are numbers, 8 bytes big endian. A part holds up to 256 chunks and is
// dropped as one, and so is a segment: dropping costs pages, not keys. Chunks
// are read in order, a later entry of a key replacing an earlier one, or a
// patch changing it (patch.go); base and runs differ only in what was written
// into them. Only the chunks that state counts are the snapshot; others are
// leftovers. A value too large for a record or a chunk continues in the next
// ones.
//
// Why so: one bbolt entry per key took 8 times as long to write and made every
// checkpoint touch a third of all pages; hash-ordered pages of a few KiB did
// no better. Chunks with delta runs write what changed, load in one pass and
// leave a file of constant size. The journal is ordinary records of bbolt,
// which need two fdatasyncs a group: good enough once a second, and half as fast
// as it could be for whoever waits each time. The stage needs one. It writes
// below bbolt's surface, on pages that bbolt does not touch; stage.go says why
// nothing that was promised can be lost by it. A file for which nobody waits has
// none.
//
// A program that does not know of the stage would open the file without what is
// staged, and one that does not know of stamps would leave an old one. So there
// are versions of the layout, and older programs refuse a file of a newer one.
// This program makes a file one of version 4 with the first commit.
//
// The file does not shrink by itself: pages that nothing is on are used again.
// When they are more than twice what is in use, and 192 MiB (Options.MaxFree), as
// after a FLUSHALL, it is rewritten in the background.
//
// A file that is not complete yet is called app.db.unfinished. One that a crash
// has left is removed when app.db is opened.
//
// bbolt runs without its synced freelist, which it would rewrite at each
// commit, and rebuilds it on opening from a scan of the tree.
package persist
