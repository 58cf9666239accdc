package wire

import (
	"os"
	"strconv"
	"strings"
)

// firstLine returns the first line of a file, "" if it cannot be read.
func firstLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}

// residentMemory returns the bytes of memory the process has, 0 where the
// system does not tell in a file.
func residentMemory() int64 {
	f := strings.Fields(firstLine("/proc/self/statm"))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// systemMemory returns the bytes of memory the machine has, 0 if not known.
func systemMemory() int64 {
	f := strings.Fields(firstLine("/proc/meminfo"))
	if len(f) < 2 || f[0] != "MemTotal:" {
		return 0
	}
	kb, _ := strconv.ParseInt(f[1], 10, 64)
	return kb << 10
}
