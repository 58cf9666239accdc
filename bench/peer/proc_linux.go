package peer

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of processor time in /proc: USER_HZ, which is 100 on every
// architecture Go and Linux share.
const tick = 10 * time.Millisecond

// CPU is the processor time the server has used so far, user and system, of
// all its threads. The operating system counts it in steps of 10 ms.
func (s *Server) CPU() (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", s.PID())
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return parseCPU(path, stat)
}

// parseCPU adds the fields utime and stime of a stat file. The second field,
// the program's name, may hold spaces and parentheses: fields are counted from
// the last ')'.
func parseCPU(path string, stat []byte) (time.Duration, error) {
	const utime, stime = 11, 12 // counted from the field after the name
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= stime {
		return 0, fmt.Errorf("%s: %d fields after the name", path, len(fields))
	}
	var sum time.Duration
	for _, f := range fields[utime : stime+1] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
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
