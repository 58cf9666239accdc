package wire

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"redstart/store"
	"redstart/types"
)

// A Config holds the settings of a server: the directives of a redis.conf. The
// zero value holds the defaults. It is made before the server, by ReadFile and
// Set, and given in Options; what CONFIG SET changes later is the server's own.
type Config struct {
	mu     sync.Mutex
	values map[*directive]string // those that were set, in their normal form
	path   string                // of the file that CONFIG REWRITE writes
	level  *slog.LevelVar        // of the logger that Logger returned
}

// Set gives a directive its value, which may consist of several words for
// directives such as save and bind. The error says what is wrong: the directive
// is not known, or the value does not fit, or the server cannot honour it.
func (c *Config) Set(name string, words ...string) error {
	d := findDirective(name)
	if d == nil {
		return fmt.Errorf("unknown directive '%s'", name)
	}
	if d.kind.many && len(words) == 1 {
		words = splitWords(words[0])
	}
	value, err := d.parse(words)
	if err != nil {
		return fmt.Errorf("directive '%s': %w", name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.values[d]; d.adds && old != "" && value != "" {
		value = old + " " + value
	}
	c.put(d, value)
	return nil
}

// put makes value, in normal form, that of d. It is called under mu.
func (c *Config) put(d *directive, value string) {
	if d.merge != nil {
		value = d.merge(c.value(d), value)
	}
	if c.values == nil {
		c.values = make(map[*directive]string)
	}
	c.values[d] = value
}

// Get returns the value of a directive as CONFIG GET shows it, its default if
// it was not set; "" if there is no such directive.
func (c *Config) Get(name string) string {
	d := findDirective(name)
	if d == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value(d)
}

func (c *Config) value(d *directive) string {
	if v, ok := c.values[d]; ok {
		return v
	}
	return d.initial
}

// number returns the value of a directive that is a whole number.
func (c *Config) number(name string) int64 {
	n, err := strconv.ParseInt(c.Get(name), 10, 64)
	if err != nil {
		panic("BUG: directive " + name + " is no number: " + err.Error())
	}
	return n
}

// clone returns a copy. A nil c is an empty one.
func (c *Config) clone() *Config {
	if c == nil {
		return new(Config)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return &Config{values: maps.Clone(c.values), path: c.path, level: c.level}
}

// logLevels are the values of loglevel.
var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "verbose": slog.LevelDebug + 2, "notice": slog.LevelInfo,
	"warning": slog.LevelWarn, "nothing": slog.LevelError + 100,
}

// Logger returns a logger that writes what the directive loglevel says to w,
// also when that is changed while the server runs.
func (c *Config) Logger(w io.Writer) *slog.Logger {
	level := c.logLevel()
	level.Set(logLevels[c.Get("loglevel")])
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func (c *Config) logLevel() *slog.LevelVar {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.level == nil {
		c.level = new(slog.LevelVar)
	}
	return c.level
}

// DatabaseFile returns the path of the file that the directives dir and dbfilename
// name, "" if dbfilename was not set: everything is kept in memory then.
func (c *Config) DatabaseFile() string {
	name := c.Get("dbfilename")
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Get("dir"), name)
}

// StoreOptions returns the options for store.Open that follow from the directives.
func (c *Config) StoreOptions() *store.Options {
	limits := *types.DefaultLimits()
	c.applyLimits(&limits)
	return &store.Options{
		Databases: int(c.number("databases")),
		Sync:      policies[c.Get("appendfsync")],
		Limits:    &limits,

		MaxJournal: max(1, c.number("auto-aof-rewrite-min-size")),
	}
}

// applyLimits puts the limits that were set into l. It reports whether there were any.
func (c *Config) applyLimits(l *types.Limits) (any bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range directives {
		if value, ok := c.values[d]; ok && d.limit != nil {
			*d.limit(l), _ = strconv.Atoi(value)
			any = true
		}
	}
	return any
}

// Listen listens where the directives bind, port and unixsocket say.
func (c *Config) Listen() (ls []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range ls {
				l.Close()
			}
		}
	}()
	if port := c.Get("port"); port != "0" {
		for _, host := range strings.Fields(c.Get("bind")) {
			l, err := listenTCP(host, port)
			if err != nil {
				return ls, err
			}
			if l != nil {
				ls = append(ls, l)
			}
		}
	}
	if path := c.Get("unixsocket"); path != "" {
		l, err := listenUnix(path, c.Get("unixsocketperm"))
		if err != nil {
			return ls, err
		}
		ls = append(ls, l)
	}
	if len(ls) == 0 {
		return nil, errors.New("nowhere to listen: port is 0 and there is no unixsocket")
	}
	return ls, nil
}

// listenTCP listens at a word of bind: an address, * for all of IPv4 or ::* for
// all of IPv6, with a minus before it if it need not be there. In that case
// the listener may be nil.
func listenTCP(host, port string) (net.Listener, error) {
	host, optional := strings.CutPrefix(host, "-")
	network := "tcp"
	switch host {
	case "*":
		network, host = "tcp4", "0.0.0.0"
	case "::*":
		network, host = "tcp6", "::"
	}
	l, err := net.Listen(network, net.JoinHostPort(host, port))
	if err != nil && optional {
		return nil, nil
	}
	return l, err
}

// listenUnix listens at a socket in the file system. One that a server has
// left behind is replaced.
func listenUnix(path, perm string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if nc, err := net.Dial("unix", path); err == nil {
			nc.Close()
			return nil, fmt.Errorf("%s: a server is listening there", path)
		}
		os.Remove(path)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if mode, _ := strconv.ParseUint(perm, 8, 32); mode != 0 {
		if err := os.Chmod(path, os.FileMode(mode)); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}
