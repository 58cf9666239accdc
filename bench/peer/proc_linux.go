package peer

import (
	"bytes"
	"fmt"
	"os"
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
	path := fmt.Sprintf("/proc/%d/status", s.PID())
	status, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		var kib int64
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("%s: no VmRSS (is the process gone?)", path)
}
