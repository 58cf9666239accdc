package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"redstart/store"
	"redstart/wire"
)

const serveHelp = `Serves the database in FILE, which is created if there is none, to Redis
clients on 127.0.0.1:6379. Without FILE everything is in memory, and gone when
the server ends.

Ctrl-C, SIGTERM and the command SHUTDOWN save and end the server.

	--port N           TCP port (6379); 0 for none
	--bind ADDRESS     where to listen (127.0.0.1); * for everywhere
	--unixsocket PATH  listen on a Unix socket as well
	--requirepass S    the password that clients must give
	--appendfsync P    when writes are on disk: always (before the reply),
	                   everysec (within a second, the default), no (when the
	                   operating system likes). Unlike in Redis, a kill of the
	                   process may lose the last second under everysec and no.
	                   Under no, a loss of power may leave a file that does not
	                   open
	--databases N      how many databases there are (16)
	--config PATH      read a redis.conf first

Any other directive of a redis.conf is a flag, too: --name value.
`

// shutdownTime is how long the commands that run get to end.
const shutdownTime = 10 * time.Second

// serve is the command of that name.
func serve(c *subcommand, args []string, stdout, stderr io.Writer) int {
	config := new(wire.Config)
	files, err := config.ParseArgs(args)
	var bad *wire.ConfigError
	switch {
	case errors.As(err, &bad): // the arguments are right, the file is not
		fmt.Fprintln(stderr, "redstart:", err)
		return statusFailed
	case err != nil:
		return c.misused(stderr, "%v", err)
	case len(files) > 1:
		return c.misused(stderr, "unexpected argument %s", files[1])
	}
	path := config.DatabaseFile()
	if len(files) == 1 {
		path = files[0]
	}
	if err := serveFile(path, config, stdout, stderr); err != nil {
		var locked *store.LockedError
		if errors.As(err, &locked) {
			err = locked
		}
		fmt.Fprintln(stderr, "redstart:", err)
		return statusFailed
	}
	return statusOK
}

// serveFile serves until a signal or a client ends it.
func serveFile(path string, config *wire.Config, stdout, stderr io.Writer) error {
	gc := tuneGC()
	logs, err := openLog(config.Get("logfile"), stderr)
	if err != nil {
		return err
	}
	defer logs.Close()
	logger := config.Logger(logs)
	opt := config.StoreOptions()
	opt.Logger = logger
	bar, lines := newProgress(stderr, "loading "+path), loadingLines{logger: logger, next: time.Now().Add(loadingAfter)}
	opt.Progress = func(done, total int64) {
		if bar.show(done, total); bar.w == nil {
			lines.show(time.Now(), done, total)
		}
	}
	db, err := store.Open(path, opt)
	bar.clear()
	if err != nil {
		return err
	}
	gc.loaded(db.Size)
	if db.Path() != "" {
		spareProcs(opt.Sync)
	}
	// From here on a signal must find the database whole.
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if gc != nil {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go beThrifty(ctx, db.Size, gc)
	}
	srv := wire.NewServer(db, &wire.Options{Config: config, Logger: logger})
	listeners, err := config.Listen()
	if err != nil {
		return errors.Join(err, db.Close())
	}
	removePID, err := writePID(config.Get("pidfile"))
	if err != nil {
		logger.Warn("cannot write the process number", "err", err)
	}
	defer removePID()
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- srv.Serve(l) }()
	}
	if db.Path() != "" {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go answerRequests(ctx, db, logger)
	}
	fmt.Fprintf(stdout, "redstart: %s; ready on %s\n", describe(db), addresses(listeners))

	var failure, unsaved error
	save := true
	select {
	case <-signals.Done():
		stop() // another signal ends the process at once
	case <-srv.Quit():
		save = false // SHUTDOWN has, as far as it was asked to
	case failure = <-failed:
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	srv.Shutdown(ctx)
	if save {
		if err := db.Save(); err != nil && !errors.Is(err, store.ErrNoFile) && !errors.Is(err, store.ErrSaving) {
			unsaved = err
		}
	}
	if err := db.Close(); err != nil {
		unsaved = err // of the same cause, which is told once
	}
	return errors.Join(failure, unsaved)
}

// loadingLines tells the log now and then how far loading is, if it takes long.
type loadingLines struct {
	logger *slog.Logger
	next   time.Time
}

const (
	loadingAfter = time.Second
	loadingEvery = 5 * time.Second
)

func (l *loadingLines) show(now time.Time, done, total int64) {
	if now.Before(l.next) || total <= 0 {
		return
	}
	l.next = now.Add(loadingEvery)
	l.logger.Info(fmt.Sprintf("loading: %d %% of %d MB", done*100/total, total>>20))
}

// openLog opens what the log goes to: the file path, at its end, or stderr.
func openLog(path string, stderr io.Writer) (io.WriteCloser, error) {
	if path == "" {
		return unclosed{stderr}, nil
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
}

// unclosed is a writer that others close.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// writePID writes the number of the process to a file, unless path is empty,
// and returns what removes it.
func writePID(path string) (remove func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	if err := os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		return func() {}, err
	}
	return func() { os.Remove(path) }, nil
}

// describe tells what is served, and what becomes of it.
func describe(db *store.DB) string {
	if db.Path() == "" {
		return "in memory, nothing is kept"
	}
	when := map[store.Policy]string{
		store.EverySecond: "fsync every second",
		store.Always:      "fsync before every reply",
		store.Never:       "fsync by the operating system",
	}[db.Policy()]
	opened := db.Opened()
	return fmt.Sprintf("%s: %s in %.1f s, %s", db.Path(), keys(opened.Keys), opened.Took.Seconds(), when)
}

// keys writes a number of keys.
func keys(n int) string { return count(n, "key") }

// count writes a number of things, in groups of three digits.
func count(n int, thing string) string {
	if n == 1 {
		return digits(int64(n)) + " " + thing
	}
	if strings.HasSuffix(thing, "sh") {
		thing += "e" // hashes
	}
	return digits(int64(n)) + " " + thing + "s"
}

// digits writes a number in groups of three digits.
func digits(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

func addresses(ls []net.Listener) string {
	names := make([]string, len(ls))
	for i, l := range ls {
		names[i] = l.Addr().String()
	}
	return strings.Join(names, ", ")
}
