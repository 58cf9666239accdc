// Package types has the values of a Redis database as Go types. It knows no
// keys, no clock, no locks, no disk and no protocol.
//
// The nouns:
//
//   - A [List], [Set], [ZSet] or [Hash] is a collection; together they are the
//     [Value] interface. The zero value of each is empty and ready to use.
//     Small ones are one piece of packed bytes, large ones trees and tables;
//     only [Value.Encoding] tells.
//   - A [Dict] is the table below the large forms, and below the keyspace.
//   - An [Effect] is one small change. A value that has a [Recorder] reports
//     its changes to it; a [Log] is a list of them; [Value.Apply] makes one.
//   - A clone is a copy made in O(1) by [Clone]: the two share what neither
//     has written to since.
//
// Bytes that a value hands out belong to it and are valid until its next
// write. Bytes handed to it are copied.
package types
