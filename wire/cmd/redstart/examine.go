package main

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"redstart/persist"
)

// What a damaged file does to the program that reads it is not known
// beforehand. So check, recover, info and the like have it read by a child: this program
// again, with the hidden command "examine" and a limit of memory. The child
// writes messages to its standard output: where it is, what it finds, and how
// it ends. If it crashes, hangs or takes too much memory, the parent still
// knows where that was.

// A message is what a child says. One of the three is set.
type message struct {
	At      *position
	Problem string
	End     *ending
}

// A position is what a child reads or writes next.
type position struct {
	What        string
	Done, Total int64
}

// An ending is how an examination has ended.
type ending struct {
	Summary persist.Summary
	Err     string // empty: well
	Damaged bool   // and that is what Err is about
	Locked  bool
	Size    int64 // of the file that was compacted
}

// examineCommand is the child's command, which is not in the list of commands:
//
//	redstart examine MEMORY check FILE
//	redstart examine MEMORY recover FILE NEW
//	redstart examine MEMORY compact FILE
//	redstart examine MEMORY copy FILE NEW
const examineCommand = "examine"

// examine is what the child does.
func examine(args []string, stdout, stderr io.Writer) int {
	if len(args) < 3 {
		return statusUsage
	}
	limit, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return statusUsage
	}
	limitMemory(limit)
	out := gob.NewEncoder(stdout)
	x := persist.Examiner{
		Report: func(problem string) { out.Encode(message{Problem: problem}) },
		Progress: func(what string, done, total int64) {
			out.Encode(message{At: &position{what, done, total}})
		},
	}
	var sum persist.Summary
	compacted := int64(0)
	switch paths := args[2:]; {
	case args[1] == "check" && len(paths) == 1:
		sum, err = x.Check(paths[0])
	case args[1] == "recover" && len(paths) == 2:
		sum, err = x.Recover(paths[0], paths[1])
	case args[1] == "compact" && len(paths) == 1:
		sum, compacted, err = x.Compact(paths[0])
	case args[1] == "copy" && len(paths) == 2:
		sum, err = x.Copy(paths[0], paths[1])
	default:
		return statusUsage
	}
	end := ending{Summary: sum, Size: compacted}
	if err != nil {
		end.Err = err.Error()
		end.Damaged = errors.Is(err, persist.ErrCorrupt)
		locked := (*persist.LockedError)(nil)
		end.Locked = errors.As(err, &locked)
	}
	if out.Encode(message{End: &end}) != nil {
		return statusFailed
	}
	return statusOK
}

// A nurse has files examined by a child and looks after it.
type nurse struct {
	program string        // the child's; default: this one
	still   time.Duration // how long it may say nothing; default stillTime
	memory  int64         // bytes it may use; default: by the size of the file
}

const (
	stillTime   = time.Minute
	memoryBase  = 1 << 30 // bytes the child may use for itself
	memoryTimes = 24      // and for each byte of the file: small keys take most
)

// options are the flags for a nurse.
func (n *nurse) options() map[string]func(value string) error {
	return map[string]func(string) error{
		"timeout": func(value string) (err error) {
			if n.still, err = time.ParseDuration(value); err != nil || n.still <= 0 {
				return fmt.Errorf("flag --timeout is a time, such as 90s or 5m, not %q", value)
			}
			return nil
		},
		"memory": func(value string) error {
			mb, err := strconv.ParseInt(value, 10, 32)
			if err != nil || mb <= 0 {
				return fmt.Errorf("flag --memory is a number of megabytes, not %q", value)
			}
			n.memory = mb << 20
			return nil
		},
	}
}

// examine has the child do what op says with the files at paths. What it finds
// is passed to report, and where it is to p. The error is nil if the child has
// come to an end, whatever it is.
func (n *nurse) examine(op string, paths []string, report func(string), p *progress) (ending, error) {
	if n.still == 0 {
		n.still = stillTime
	}
	info, err := os.Stat(paths[0])
	if err == nil && !info.Mode().IsRegular() {
		return ending{}, fmt.Errorf("%s is no regular file", paths[0])
	}
	if n.memory == 0 {
		n.memory = memoryBase
		if err == nil {
			n.memory += memoryTimes * info.Size()
		}
	}
	if n.program == "" {
		program, err := os.Executable()
		if err != nil {
			return ending{}, err
		}
		n.program = program
	}
	child := exec.Command(n.program, append([]string{examineCommand, strconv.FormatInt(n.memory, 10), op}, paths...)...)
	words := new(firstWords)
	child.Stderr = words
	out, err := child.StdoutPipe()
	if err != nil {
		return ending{}, err
	}
	if err := child.Start(); err != nil {
		return ending{}, err
	}
	defer p.clear()
	var givenUp atomic.Bool
	hung := time.AfterFunc(n.still, func() {
		givenUp.Store(true)
		child.Process.Kill()
	})
	heed, over := make(chan os.Signal, 1), make(chan bool)
	signal.Notify(heed, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(heed)
	go func() {
		select {
		case <-heed:
			child.Process.Kill()
		case <-over:
		}
	}()
	end, at := listen(out, hung, n.still, report, p)
	out.Close()
	err = child.Wait()
	close(over)
	if end != nil {
		return *end, nil
	}
	if op != "check" {
		removeUnfinished(paths[len(paths)-1])
	}
	if givenUp.Load() {
		return ending{}, fmt.Errorf("%s: examining it was given up %s: nothing had happened for %v (--timeout allows more)", paths[0], at, n.still)
	}
	if words.outOfMemory() || memoryUsed(child.ProcessState) >= n.memory { // of which Go dies in several ways
		return ending{}, fmt.Errorf("%s: examining it broke off %s: it needs more than %d MB of memory (--memory allows more)", paths[0], at, n.memory>>20)
	}
	text := fmt.Sprintf("%s: examining it broke off %s: %s", paths[0], at, words.reason(err))
	if ended(child.ProcessState) {
		return ending{}, errors.New(text)
	}
	return ending{}, &crashError{text}
}

// removeUnfinished removes what a child that was ended has left of the file at
// path that it wrote.
func removeUnfinished(path string) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	file, err := os.OpenFile(path+unfinished, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer file.Close()
	if free, err := lockFile(file); err == nil && free {
		os.Remove(file.Name())
	}
}

// ended reports whether somebody has ended a process from outside, which says
// nothing about what it was doing.
func ended(p *os.ProcessState) bool {
	status, ok := p.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return false
	}
	switch status.Signal() {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		return true
	}
	return false
}

// listen reads what a child says until it ends. at tells where it was last. hung
// runs, for the time still, only while the child is listened to: it is not the
// child's fault if whoever reads what is reported takes long.
func listen(out io.Reader, hung *time.Timer, still time.Duration, report func(string), p *progress) (end *ending, at string) {
	defer hung.Stop()
	at = "at its beginning"
	in := gob.NewDecoder(out)
	for {
		var m message
		hung.Reset(still)
		if in.Decode(&m) != nil {
			return nil, at
		}
		hung.Stop()
		switch {
		case m.At != nil:
			at = "at " + m.At.What
			p.showing(m.At.What, m.At.Done, m.At.Total)
		case m.End != nil:
			return m.End, at
		default:
			p.clear()
			report(m.Problem)
		}
	}
}

// A crashError says that reading a file has brought the child down.
type crashError struct{ text string }

func (e *crashError) Error() string { return e.text }

// A firstWords keeps the beginning of what is written to it, which is where Go
// programs say why they die.
type firstWords struct{ text []byte }

func (t *firstWords) Write(b []byte) (int, error) {
	t.text = append(t.text, b[:min(len(b), 4096-len(t.text))]...)
	return len(b), nil
}

func (t *firstWords) outOfMemory() bool {
	text := string(t.text)
	return strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory")
}

// reason returns the line that tells why the child has died, or how.
func (t *firstWords) reason(err error) string {
	for line := range strings.Lines(string(t.text)) {
		for _, sign := range []string{"fatal error: ", "panic: ", "unexpected fault address", "runtime: "} {
			if strings.HasPrefix(line, sign) {
				return strings.TrimSpace(line)
			}
		}
	}
	if err == nil {
		return "it ended without a word"
	}
	return err.Error()
}
