// Package wire speaks the Redis protocol for a database of package store.
//
// The nouns:
//
//   - A [Server] serves clients: on listeners, on connections made elsewhere
//     ([Server.ServeConn]), and in the same process ([Server.Dialer]).
//   - A session is one client: bytes in, bytes out, and no input or output of
//     its own. session.go.
//   - A transport carries a session's bytes: an event loop on Linux
//     (loop_linux.go), or a goroutine for each client (conn.go). A command
//     that takes long does not hold up the other clients (relief_linux.go).
//   - A command is declared once, in a table ([Commands]): in package data if
//     it works on data, here if it works on the server or the connection.
//   - A [Config] holds the directives of a redis.conf.
//
// The life of a command:
//
//  1. a transport reads some bytes and feeds them to the session;
//  2. resp.Parser cuts them into arguments, which stay where they were read;
//  3. command.Table finds the command and checks how many there are;
//  4. the session checks what the client may do now, or queues it (MULTI);
//  5. the command's syntax tells its keys, they tell the shards to lock;
//  6. the handler takes its arguments, works on the transaction and writes the
//     reply; an error takes back what it wrote;
//  7. the transaction ends: waiters are served, effects go to the journal;
//  8. the transport waits for the disk, if the policy says so, once for many;
//  9. the replies move to the outbox, and are sent.
//
// Imports go one way: data, pubsub and resp know nothing of this package, and
// nothing below it knows the protocol.
package wire
