package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"redstart/store"
)

const compactHelp = `Writes the database FILE anew, without the space that is free in it and without
its journal, and puts the new file in place of the old one when it is complete
and on disk. If anything goes wrong the old one stays. A damaged file is not
touched. The space for both is needed meanwhile.

FILE must not be open elsewhere: a server does by itself what this does, when
most of its file is free space. All keys are in memory meanwhile, as when the
file is served.

	--timeout D   give up when nothing has happened for so long (60s)
	--memory MB   give up when it takes more (1024, and 24 times the file)

The status is 0 if FILE was compacted, 3 if it is damaged, 1 if anything else
went wrong.
`

const backupHelp = `Writes the file NEW, which must not exist, with everything that is in the
database FILE. NEW is complete, compact and on disk when it appears; it can be
served like any other file.

If a redstart server has FILE open, the server is asked to write the backup, which
it does while it goes on serving. Nobody but those who may write to the
directory of FILE can ask it (in a sticky one, such as /tmp, the owner of FILE and
root), and it writes to that directory only: NEW is moved from there, or copied if
it is in another file system.

If nobody has FILE open it is read, and not written to. All keys are in memory
meanwhile, as when the file is served. A damaged file is not copied:
'redstart recover' saves what is whole.

	--timeout D   give up when nothing has happened for so long (60s; 10s until
	              a server has begun)
	--memory MB   give up when it takes more (1024, and 24 times the file)

The status is 0 if NEW was written, 3 if FILE is damaged, 1 if anything else
went wrong.
`

// compactFile is the command "compact".
func compactFile(c *subcommand, args []string, stdout, stderr io.Writer) int {
	n := new(nurse)
	files, err := parse(args, n.options())
	if err == nil && len(files) != 1 {
		err = errors.New("which FILE?")
	}
	if err != nil {
		return c.misused(stderr, "%v", err)
	}
	end, err := n.examine("compact", files, line(io.Discard), newProgress(stderr, "compacting "+files[0]))
	if err != nil || end.Err != "" {
		hint := ""
		if end.Locked {
			hint = ": a server does this by itself, and at once when it gets the command BGREWRITEAOF"
		}
		return failed(stderr, end, err, hint)
	}
	fmt.Fprintf(stdout, "%s: %s, %s before, %s now\n", files[0], keys(end.Summary.Keys), size(end.Summary.Size), size(end.Size))
	return statusOK
}

// backupFile is the command "backup".
func backupFile(c *subcommand, args []string, stdout, stderr io.Writer) int {
	n := new(nurse)
	files, err := parse(args, n.options())
	if err == nil && len(files) != 2 {
		err = errors.New("which FILE, and what is the backup called?")
	}
	if err == nil {
		err = nameable(files[0], files[1])
	}
	if err != nil {
		return c.misused(stderr, "%v", err)
	}
	first := cmp.Or(n.still, answerTime)
	p := newProgress(stderr, "backing up "+files[0])
	end, err := n.examine("copy", files, line(io.Discard), p)
	switch {
	case err == nil && end.Locked:
		if err := fetchBackup(files[0], files[1], first, n.still, p); err != nil {
			fmt.Fprintf(stderr, "redstart: %s, and %v\n", end.Err, err)
			return statusFailed
		}
		fmt.Fprintf(stdout, "%s is a backup of %s, written by the server that has it open\n", files[1], files[0])
		return statusOK
	case err != nil || end.Err != "":
		return failed(stderr, end, err, "")
	}
	fmt.Fprintf(stdout, "%s is a backup of %s: %s\n", files[1], files[0], contents(end.Summary))
	return statusOK
}

// How a server is asked for a backup of app.db: whoever wants one creates an
// empty file .app.db.backup-request and locks it, for as long as it waits. The
// server looks for it once a second, writes the backup to .app.db.backup-ready and
// renames that to .app.db.backup-request; if it cannot, it removes the request. A
// request that nobody has locked is removed: whoever wanted it is gone. Whoever
// finds their backup there locks it until it is where they want it; one that
// nobody has locked for a while is removed by the next who asks, who wants a newer
// one.
//
// In a sticky directory nobody can rename over the request of another user: there
// the request must be the server's own. Root makes it so.
//
// While it goes on the server touches what it writes, also when that does not
// grow, because it is read back: whoever waits sees that something happens.
//
// So a client of the server cannot ask for anything, no path is passed to the
// server, and whoever can ask could have done worse to the file.
const (
	askedEvery  = time.Second
	lookedEvery = 50 * time.Millisecond
	answerTime  = 10 * time.Second // until the server must have begun, if nobody allows more
)

// requestName returns the name of a request for a backup of the file at real, of
// which no part is a link.
func requestName(real string) string { return hidden(real, ".backup-request") }

// answerName returns the name of the backup until it takes the place of the
// request.
func answerName(real string) string { return hidden(real, ".backup-ready") }

func hidden(real, suffix string) string {
	dir, base := filepath.Split(real)
	return dir + "." + base + suffix
}

// unfinished follows the name of a file that is not complete yet.
const unfinished = ".unfinished"

// nameable returns an error if a backup of the file at path cannot be called
// newPath, since its making needs that name for something else.
func nameable(path, newPath string) error {
	dir, base := filepath.Split(newPath)
	taken := strings.HasSuffix(base, unfinished)
	real, err := filepath.EvalSymlinks(path)
	if err == nil && !taken {
		file := filepath.Base(real)
		taken = (base+unfinished == file || base == requestName(file) || base == answerName(file)) &&
			sameDirectory(dir, filepath.Dir(real))
	}
	if taken {
		return fmt.Errorf("%s is a name that is needed while a backup is made: choose another", newPath)
	}
	return nil
}

func sameDirectory(a, b string) bool {
	x, err := os.Stat(cmp.Or(a, "."))
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// fetchBackup has the server that has the file at path open write a backup, and
// moves that to newPath. It gives up when nothing happens for the time first, or
// still, once something has.
func fetchBackup(path, newPath string, first, still time.Duration, p *progress) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	request, err := newRequest(requestName(real))
	if err != nil {
		return err
	}
	defer request.Close()
	defer p.clear()
	if err := giveTo(request, real); err != nil {
		return errors.Join(err, os.Remove(request.Name()))
	}
	got, err := awaitBackup(request, answerName(real), first, still, p)
	if !got {
		return errors.Join(err, os.Remove(request.Name()))
	}
	if err != nil {
		return err
	}
	if answer, _ := os.Open(request.Name()); answer != nil { // else it is moved all the same
		defer answer.Close()
		if free, err := lockFile(answer); err == nil && !free {
			return fmt.Errorf("%s was taken away by another", request.Name())
		}
	}
	return move(request.Name(), newPath)
}

// requestMode lets the server open the request of another user. There is nothing
// in it to read.
const requestMode = 0o644

// newRequest creates a request, or takes over one that was left.
func newRequest(name string) (*os.File, error) {
	for tries := 1; ; tries++ {
		file, err := tryRequest(name)
		if err == nil || tries == requestTries || !errors.Is(err, errTaken) {
			return file, err
		}
		time.Sleep(lookedEvery) // the server may just have removed, or be looking at, what was left
	}
}

const requestTries = 5

// errTaken says that somebody else has the request, for the moment or for long.
var errTaken = errors.New("another backup is being made")

func tryRequest(name string) (_ *os.File, err error) {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() { // a pipe would not even open
		return nil, fmt.Errorf("%s is in the way: it is no regular file", name)
	}
	file, err := os.OpenFile(name, os.O_RDONLY|os.O_CREATE, requestMode)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	free, err := lockFile(file)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	there, err := os.Lstat(name)
	if !free || err != nil || !os.SameFile(info, there) {
		return nil, fmt.Errorf("%s is in use: %w", name, errTaken)
	}
	if info.Size() > 0 {
		if time.Since(info.ModTime()) < answerTime {
			return nil, fmt.Errorf("%s is being fetched: %w", name, errTaken)
		}
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("an old backup that nobody has fetched is in the way: %w", err)
		}
		return nil, fmt.Errorf("%s was an old one: %w", name, errTaken)
	}
	if info.Mode().Perm()&requestMode != requestMode { // the umask
		err = file.Chmod(requestMode)
	}
	return file, err
}

// awaitBackup waits until the server has answered. got tells that the backup
// is in the place of the request; if it is not, the request is to be removed.
func awaitBackup(request *os.File, answer string, first, still time.Duration, p *progress) (got bool, err error) {
	mine, err := request.Stat()
	if err != nil {
		return false, err
	}
	limit, since := first, time.Now()
	var seen os.FileInfo // of what is written
	for ; ; time.Sleep(lookedEvery) {
		there, err := os.Stat(request.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return true, errors.New("its backup failed: see its log")
		case err != nil:
			return false, err
		case !os.SameFile(there, mine):
			return true, nil
		}
		if info, err := os.Stat(answer + unfinished); err == nil && changed(seen, info) {
			limit, seen, since = still, info, time.Now()
			p.showing(size(info.Size()), 0, 0)
		}
		if time.Since(since) > limit {
			return false, errors.New("it does not answer: only 'redstart serve' does")
		}
	}
}

func changed(before, now os.FileInfo) bool {
	return before == nil || now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime())
}

// move renames a file, where nothing may be, or copies it to another file
// system.
func move(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s was created meanwhile: the backup is in %s", to, from)
	}
	err := os.Rename(from, to)
	if errors.Is(err, syscall.EXDEV) {
		if err = copyFile(from, to); err == nil {
			err = os.Remove(from)
		}
	}
	if err != nil {
		return fmt.Errorf("the backup is in %s: %w", from, err)
	}
	return syncDirectory(filepath.Dir(to))
}

// copyFile copies a file, which appears when it is complete and on disk.
func copyFile(from, to string) (err error) {
	part := to + unfinished
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(part, to)
	}
	if err != nil {
		os.Remove(part)
	}
	return err
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// answerRequests makes backups of the database for those who ask, until ctx is
// done.
func answerRequests(ctx context.Context, db *store.DB, log *slog.Logger) {
	real, err := filepath.EvalSymlinks(db.Path())
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		log.Warn("no backups can be asked for", "err", err)
		return
	}
	os.Remove(answerName(real) + unfinished) // what a crash has left
	os.Remove(answerName(real))
	ticker := time.NewTicker(askedEvery)
	defer ticker.Stop()
	told := false // that the request there is cannot be answered
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := answerRequest(db, real)
		unanswered := errors.Is(err, errUnanswered)
		if err != nil && !told {
			log.Error("cannot write the backup that was asked for", "file", db.Path(), "err", err)
		}
		if told = unanswered; err != nil && !unanswered {
			os.Remove(requestName(real))
		}
	}
}

// touching returns a function that changes a file's time of change when called,
// if it has not for a moment.
func touching(name string) func(done, total int64) {
	var next time.Time
	return func(done, total int64) {
		if now := time.Now(); now.After(next) {
			next = now.Add(lookedEvery)
			os.Chtimes(name, time.Time{}, now)
		}
	}
}

// errUnanswered says that a request cannot be answered: it cannot be opened, so
// that nobody knows whether somebody waits for it, or nothing can be put in its
// place.
var errUnanswered = errors.New("the request cannot be answered")

// answerRequest makes a backup if one is asked for. With an error, the request
// is to be removed; but not with errUnanswered.
func answerRequest(db *store.DB, real string) error {
	info, err := os.Lstat(requestName(real))
	if err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
		return nil
	}
	request, err := os.Open(requestName(real))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // whoever asked has given up
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnanswered, err)
	}
	defer request.Close()
	if free, err := lockFile(request); err != nil {
		return err
	} else if free {
		return errors.New("nobody waits for it any more")
	}
	if err := replaceable(request, filepath.Dir(real)); err != nil {
		return err
	}
	if err := db.BackupFileProgress(answerName(real), touching(answerName(real)+unfinished)); err != nil {
		return err
	}
	free, err := lockFile(request)
	if err == nil && free {
		err = errors.New("nobody waits for it any more")
	}
	if err == nil {
		err = os.Rename(answerName(real), requestName(real))
	}
	if err != nil {
		os.Remove(answerName(real))
	}
	return err
}
