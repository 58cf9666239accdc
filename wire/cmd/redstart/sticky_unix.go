//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// giveTo makes a request one that the server which has the file at path open can
// answer, in a sticky directory, too. Of another user's server only root can ask
// something there.
func giveTo(request *os.File, path string) error {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	file, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner, mine := uid(file), os.Geteuid()
	if dir.Mode()&fs.ModeSticky == 0 || owner == mine || owner == uid(dir) {
		return nil
	}
	if mine != 0 {
		return fmt.Errorf("the server of user %d cannot answer in a sticky directory: ask it as that user, or as root", owner)
	}
	return request.Chown(owner, -1)
}

// replaceable returns an error if this process cannot rename anything over a
// request in dir.
func replaceable(request *os.File, dir string) error {
	where, err := os.Stat(dir)
	if err != nil {
		return err
	}
	info, err := request.Stat()
	if err != nil {
		return err
	}
	mine := os.Geteuid()
	if where.Mode()&fs.ModeSticky == 0 || mine == 0 || mine == uid(where) || mine == uid(info) {
		return nil
	}
	return fmt.Errorf("%w: %s is another user's, in a sticky directory", errUnanswered, request.Name())
}

// uid returns the owner of a file, -1 if the system does not tell.
func uid(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
