package kill

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// A chore is what a server does beside serving.
type chore string

const (
	none       chore = ""
	checkpoint chore = "BGSAVE"
	rewrite    chore = "BGREWRITEAOF" // of the whole file, with its rename
	backup     chore = "backup"       // that 'redstart backup' has asked for
)

// chores counts the kills that came in the middle of something: after them what it
// would have changed at its end was not changed.
type chores struct {
	checkpoints int // that were asked for
	own         int // that the server began by itself
	rewrites    int
	backups     int
	begun       int // checkpoints that the server began by itself and finished, in all lives
}

// journalLimit is the size of the journal from which our server makes a
// checkpoint by itself: several in a life under always.
const journalLimit = "150kb"

// A plan is what is asked of the server in one life, beside the load.
type plan struct {
	alone bool  // nothing but last: it makes the checkpoints it finds due
	last  chore // has just begun when the server is killed
}

func (l *lives) plan() plan {
	p := plan{alone: l.rand.IntN(2) == 0}
	switch n := l.rand.IntN(10); {
	case n < 3:
		p.last = checkpoint
	case n < 6:
		p.last = rewrite
	case n == 6 && l.program.Name == "redstart":
		p.last = backup
	}
	return p
}

// disturb does what is planned for the time a life takes.
func (l *lives) disturb(conn redis.Conn, p plan, forTime time.Duration) error {
	asked := 0 // checkpoints
	end := time.After(forTime)
	for over := false; !over; {
		select {
		case <-end:
			over = true
			continue
		case <-time.After(time.Duration(l.rand.Int64N(int64(150 * time.Millisecond)))):
		}
		if p.alone {
			continue
		}
		c := checkpoint
		if l.rand.IntN(3) == 0 {
			c = rewrite
		}
		begun, err := ask(conn, c)
		if err != nil {
			return err
		}
		if begun && c == checkpoint {
			asked++
		}
	}
	before, err := l.persistence(conn)
	if err != nil {
		return err
	}
	l.chores.begun += max(0, before.checkpoints-asked)
	return l.begin(conn, p, before)
}

// begin makes the server begin a chore, or finds it at one of its own, and waits
// for it to be in the middle of that, perhaps.
func (l *lives) begin(conn redis.Conn, p plan, before persistence) error {
	middle := 3 * time.Millisecond
	l.covered = -1
	switch p.last {
	case none:
		if p.alone {
			return l.awaitOwn(conn)
		}
		return nil
	case backup:
		if err := l.askBackup(); err != nil {
			return err
		}
	default:
		begun, err := ask(conn, p.last)
		if err != nil {
			return err
		}
		if begun && p.last == checkpoint {
			l.covered = before.covered
		}
	}
	if p.last == rewrite {
		middle = 30 * time.Millisecond // it syncs several times before it renames
	}
	<-time.After(time.Duration(l.rand.Int64N(int64(middle))))
	return nil
}

// awaitOwn waits, for a moment, until the server makes a checkpoint by itself.
func (l *lives) awaitOwn(conn redis.Conn) error {
	for range 300 {
		now, err := l.persistence(conn)
		if err != nil {
			return err
		}
		if now.running > 0 {
			l.covered = now.covered
			<-time.After(time.Duration(l.rand.Int64N(int64(time.Millisecond))))
			return nil
		}
		<-time.After(500 * time.Microsecond)
	}
	return nil
}

// ask has the server begin a checkpoint or a rewrite. It has not begun if
// another is under way.
func ask(conn redis.Conn, c chore) (begun bool, err error) {
	_, err = conn.Do(string(c))
	if err != nil && (strings.Contains(err.Error(), "in progress") || strings.Contains(err.Error(), "Another child process is active")) {
		return false, nil
	}
	return err == nil, err
}

// askBackup starts 'redstart backup' and waits until the server writes.
func (l *lives) askBackup() error {
	l.copier = exec.Command(l.program.Path, "backup", l.file(), filepath.Join(l.opt.Dir, "copy.db"))
	if err := l.copier.Start(); err != nil {
		return err
	}
	for late := time.After(20 * time.Second); !l.exists(backupDraft) && !l.exists("copy.db"); {
		select {
		case <-late:
			return errors.New("the server begins no backup")
		case <-time.After(200 * time.Microsecond):
		}
	}
	return nil
}

// Names in the directory of our file while something is written there.
const (
	rewriteDraft = "app.db.unfinished"
	backupDraft  = ".app.db.backup-ready.unfinished"
)

func (l *lives) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(l.opt.Dir, name))
	return err == nil
}

// persistence is what INFO says of saving.
type persistence struct{ running, checkpoints, covered int }

func (l *lives) persistence(conn redis.Conn) (p persistence, err error) {
	text, err := redis.String(conn.Do("INFO", "persistence"))
	for line := range strings.Lines(text) {
		fmt.Sscanf(line, "rdb_bgsave_in_progress:%d", &p.running)
		fmt.Sscanf(line, "file_checkpoints:%d", &p.checkpoints)
		fmt.Sscanf(line, "file_covered_commit:%d", &p.covered)
	}
	return p, err
}

// leftovers counts the files that a kill has left unfinished.
func (l *lives) leftovers() {
	if l.exists(rewriteDraft) {
		l.chores.rewrites++
	}
	if l.exists(backupDraft) {
		l.chores.backups++
	}
	if l.copier != nil {
		l.copier.Process.Kill()
		l.copier.Wait()
		l.copier = nil
		os.Remove(filepath.Join(l.opt.Dir, "copy.db")) // it was faster
	}
}

// hit counts a checkpoint that a kill has cut off: the snapshot is of the same
// commit as before.
func (l *lives) hit(conn redis.Conn, p plan) error {
	if l.covered < 0 {
		return nil
	}
	now, err := l.persistence(conn)
	switch {
	case now.covered != l.covered:
	case p.last == checkpoint:
		l.chores.checkpoints++
	default:
		l.chores.own++
	}
	return err
}

// tidy fails unless what was being written at a kill is gone soon after the next
// start.
func (l *lives) tidy(t *testing.T) {
	t.Helper()
	for late := time.After(10 * time.Second); l.exists(rewriteDraft) || l.exists(backupDraft); {
		select {
		case <-late:
			t.Error("what a kill has left unfinished is still there after a start")
			return
		case <-time.After(time.Millisecond):
		}
	}
}
