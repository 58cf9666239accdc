// Package resp reads and writes the Redis protocol, RESP2 and RESP3.
//
// Its nouns:
//
//   - A Parser finds the commands in the bytes a client sent. It copies
//     nothing, allocates nothing for an ordinary command, and remembers how far
//     it got when a command arrives in pieces.
//   - A Writer appends replies to a buffer, in the protocol version that the
//     client asked for.
//   - A Value is a reply as a tree, a Reader gets Values from a stream, and
//     Value.String prints one as redis-cli does. They are for tools, tests and
//     calls from Go; a server needs none of them.
//
// # What a Parser accepts
//
// A Parser faces strangers, so its limits are part of its contract and it
// never allocates from a length that was only declared: memory grows with the
// bytes that arrived. Texts of errors are those of Redis, and so are the limits:
// 64 KiB for a line, 2^31-1 arguments, MaxBulk for one of them, and 10 arguments
// of 16 KiB before a client has authenticated.
//
// A Parser decides as if bytes came one at a time, so the verdict does not
// depend on how the network cut them. It differs from Redis 7 on purpose in
// three points:
//
//   - Redis takes any two bytes after an argument, and any byte after the
//     carriage return of a length, for a line end. That hides broken clients
//     and lets requests be smuggled past a proxy. Here it is "invalid CRLF in
//     request", the text that Valkey 8.0.10 and 9.0.5 have for it.
//   - A zero byte in a line makes Redis wait for a line end it will not see.
//     Here it is a byte like any other: data in an inline command, garbage in a
//     length.
//   - A line is too long as soon as 64 KiB came without its end. Redis lets a
//     few more pass if they happen to come with the same read.
package resp
