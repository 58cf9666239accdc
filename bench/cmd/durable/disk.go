package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// useDisk makes a folder in dir the one for temporary files, of this process
// and of the servers that it starts. It returns what file system it is on, and
// what removes it.
func useDisk(dir string) (disk string, remove func(), err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	if disk, err = fileSystem(dir); err != nil {
		return "", nil, err
	}
	files, err := os.MkdirTemp(dir, ".durable-")
	if err != nil {
		return "", nil, err
	}
	before, there := os.LookupEnv("TMPDIR")
	os.Setenv("TMPDIR", files)
	return disk, func() {
		if there {
			os.Setenv("TMPDIR", before)
		} else {
			os.Unsetenv("TMPDIR")
		}
		os.RemoveAll(files)
	}, nil
}

// fileSystem says what file system dir is on, as /proc/mounts names it. One in
// memory is an error.
func fileSystem(dir string) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	if s.Type == unix.TMPFS_MAGIC || s.Type == unix.RAMFS_MAGIC {
		return "", fmt.Errorf("%s is in memory, where a sync costs nothing: name a folder on a disk by -dir", dir)
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return "", err
	}
	return mounted(string(mounts), dir), nil
}

// mounted finds dir in the text of /proc/mounts.
func mounted(mounts, dir string) string {
	found, at := "unknown", ""
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line) // device, place, type, options
		if len(f) < 4 || len(f[1]) < len(at) {
			continue
		}
		if place := strings.TrimSuffix(f[1], "/"); dir == place || strings.HasPrefix(dir, place+"/") {
			found, at = fmt.Sprintf("%s on %s (%s)", f[2], f[0], f[3]), f[1]
		}
	}
	return found
}
