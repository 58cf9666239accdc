// Package clients holds tests only: programs and libraries that people use
// with Redis run against our server and against redis-server, and both must
// answer alike.
//
// A [guide] program is one of the guide "How to Use Redis with Bun", unchanged.
// A [script] is one of our own, for what the guide leaves out. Both run under
// Bun. A tour is Go code that uses one client library in every way we could
// think of and writes down each answer; the two transcripts are compared.
// What is truly a matter of chance (times, random members, the order of a set)
// is rewritten before the comparison by a [rule] with a name.
//
// The programs in testdata/guide are the text of their author, nawazdhandala,
// cut from the guide as they stand.
package clients
