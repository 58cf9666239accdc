package main

import (
	"os"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// goOwn is what Go has mapped before there is anything in its heap.
const goOwn = 128 << 20

// limitMemory makes the process end rather than use more memory than limit
// bytes, about, and try hard before.
func limitMemory(limit int64) {
	debug.SetMemoryLimit(limit)
	limit += goOwn
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)})
}

// memoryUsed returns the bytes of memory that a process had when it had most.
func memoryUsed(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return int64(usage.Maxrss) << 10
}
