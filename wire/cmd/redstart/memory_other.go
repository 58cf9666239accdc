//go:build !linux

package main

import "runtime/debug"

// limitMemory makes the process try hard not to use more memory than limit
// bytes. Only Linux has a limit on what Go takes from it.
func limitMemory(limit int64) { debug.SetMemoryLimit(limit) }
