package peer

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time the server has used so far, user and system, of
// all its threads, also of those that have ended: the clock of the process,
// which is finer than the steps of 10 ms in /proc.
func (s *Server) CPU() (time.Duration, error) {
	// As clock_getcpuclockid(3) makes it: the complement of the process id, and
	// in the lowest three bits which of its clocks.
	const scheduled = 2
	clock := int32(^s.PID()<<3 | scheduled)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", s.PID(), err)
	}
	return time.Duration(t.Nano()), nil
}

// RSS is the server's resident memory in bytes.
func (s *Server) RSS() (int64, error) {
	kib, err := procNumber(s.PID(), "status", "VmRSS")
	return kib << 10, err
}

// PSS is the resident memory in bytes of the server and its children together:
// what several of them share is counted once.
func (s *Server) PSS() (int64, error) {
	kib, err := procNumber(s.PID(), "smaps_rollup", "Pss")
	if err != nil {
		return 0, err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.PID(), s.PID()))
	if err != nil {
		return 0, err
	}
	for _, child := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return 0, err
		}
		if more, err := procNumber(pid, "smaps_rollup", "Pss"); err == nil { // else it has ended
			kib += more
		}
	}
	return kib << 10, nil
}

// Written is how many bytes the server has handed to the operating system so
// far, to files and to clients.
func (s *Server) Written() (int64, error) { return procNumber(s.PID(), "io", "wchar") }

// procNumber returns the number in the line "name: number" of a process's file
// in /proc.
func procNumber(pid int, file, name string) (int64, error) {
	path := fmt.Sprintf("/proc/%d/%s", pid, file)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		var n int64
		if found, _ := fmt.Sscanf(string(line), name+": %d", &n); found == 1 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s: no %s (is the process gone?)", path, name)
}
