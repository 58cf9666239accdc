// Package kill holds tests only: a server under load is ended with SIGKILL at
// a random moment, started again, and what it holds then must follow from what
// its clients were told.
//
// The load: some clients send random requests about the keys of a few groups,
// which all of them share: strings, lists, hashes, sets and sorted sets, small
// and large ones, alone and in MULTI, with deadlines far away and about now;
// some wait for elements of queues (BLPOP, BLMOVE, BZPOPMIN); some send several
// requests at once. In half of the lives checkpoints and rewrites of the file are
// asked for all the while, in the others the server makes the checkpoints that it
// finds due; and most kills come right after one of these, or a backup, has begun
// (chores_test.go, which counts how many they hit). Now and then the server is
// killed again while it opens the file, and redstart check looks at what that has
// left. Each request is noted as an attempt, with its reply and two times.
//
// The judge is porcupine: for each group it looks for an order of the attempts
// in which a model of Redis (command_test.go) gives the replies that came, and
// ends with what was read from the server after the kill. An attempt that was
// under way at the kill may have happened or not. Deadlines are part of the
// model: before its own a key must be there, after it it must not, neither
// before nor after the kill. What was read is what the next life begins with,
// so the lives make one history.
//
// What each policy promises (fate_test.go):
//
//   - Under always every attempt with a reply is kept.
//   - Under everysec what is left is a prefix of what happened. Clients count
//     their batches in keys of their own, which tells for each where its prefix
//     ends. No attempt may be lost that was acknowledged longer before the kill
//     than a second and some, none may be kept that was sent after the reply to
//     a lost one, and what is kept must satisfy porcupine alone, as all must
//     without the kill.
//
// verdict_test.go shows that the judge refuses what must not be.
//
// SIGKILL takes the process, not the machine: what the server has handed to
// the operating system survives, synced or not. That the disk is synced before
// an answer is for the tests of package persist to show.
package kill
