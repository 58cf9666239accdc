// Package load drives a server that speaks RESP2, and measures how long it
// takes to answer.
//
// The nouns:
//
//   - A [Script] holds requests, encoded before anything is measured.
//   - A [Load] says how a script is sent: over how many connections, and at
//     which rate. Its Run returns a [Result].
//   - A [Histogram] counts durations.
//   - A [Filler] is a client that stores much at once, before the measuring.
//   - A [Mix] is a script like what applications send: many commands, many keys.
//
// With a rate a load is an open loop: requests leave on a fixed schedule,
// whether the server keeps up or not, and each counts from the moment at which
// it was due. A server that stops for a while is charged for all the requests
// that had to wait meanwhile, also for those that a client which waits for its
// reply would not even have sent (the mistake known as coordinated omission).
// Without a rate a load is a closed loop, which finds the highest throughput:
// each connection sends when it has its reply.
//
// The generator shares a machine with what it measures, so it has to be cheap:
// one thread sends from ready-made bytes, waits in epoll until something comes
// or the next request is due, and only looks for the ends of replies. It is
// for Linux.
package load
