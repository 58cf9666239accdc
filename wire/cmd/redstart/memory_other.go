//go:build !linux

package main

import (
	"os"
	"runtime/debug"
)

// limitMemory makes the process try hard not to use more memory than limit
// bytes. Only Linux has a limit on what Go takes from it.
func limitMemory(limit int64) { debug.SetMemoryLimit(limit) }

// memoryUsed would return how much memory a process had when it had most.
func memoryUsed(*os.ProcessState) int64 { return 0 }
