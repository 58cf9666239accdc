package persist

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// holder returns the process that has file locked, or 0 if it cannot be known.
func holder(file *os.File) int {
	info, err := file.Stat()
	if err != nil {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	return findHolder(string(locks), uint64(stat.Dev), stat.Ino)
}

// findHolder reads lines such as
//
//	1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF
//
// Some file systems show another device there than stat does: if no line has
// the device, one with the inode must do.
func findHolder(locks string, dev, inode uint64) int {
	major := (dev>>8)&0xfff | (dev>>32)&^0xfff
	minor := dev&0xff | (dev>>12)&^0xff
	exact := fmt.Sprintf("%02x:%02x:%d", major, minor, inode)
	end := fmt.Sprintf(":%d", inode)
	found := 0
	for line := range strings.Lines(locks) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "FLOCK" || !strings.HasSuffix(fields[5], end) {
			continue
		}
		pid, err := strconv.Atoi(fields[4])
		if err != nil || pid <= 0 {
			continue
		}
		if fields[5] == exact {
			return pid
		}
		found = pid
	}
	return found
}
