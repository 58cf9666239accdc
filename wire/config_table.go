package wire

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"redstart/store"
	"redstart/types"
)

// A directive is one setting of a redis.conf, declared once.
type directive struct {
	name    string
	alias   string // an older name
	kind    *kind
	initial string // its default, in normal form
	fixed   bool   // only when the server is started
	adds    bool   // a second line of it in a file adds to the first
	refuse  func(value string) error

	apply  func(s *Server, value string)       // makes a new value effective
	report func(s *Server) string              // the value in force, if not what was set
	veto   func(s *Server, value string) error // what this very server cannot honour
	limit  func(l *types.Limits) (field *int)  // for those that are limits of compact forms
}

// A kind is what values of a directive can be.
type kind struct {
	many bool // several words
	read func(words []string) (normal string, err error)
}

// parse returns the normal form of a value.
func (d *directive) parse(words []string) (string, error) {
	if !d.kind.many && len(words) != 1 {
		return "", errors.New("wrong number of arguments")
	}
	v, err := d.kind.read(words)
	if err == nil && d.refuse != nil {
		err = d.refuse(v)
	}
	return v, err
}

// policies are the values of appendfsync.
var policies = map[string]store.Policy{"everysec": store.EverySecond, "always": store.Always, "no": store.Never}

var directives = makeDirectives()

func findDirective(name string) *directive {
	name = strings.ToLower(name)
	for _, d := range directives {
		if d.name == name || d.alias == name && name != "" {
			return d
		}
	}
	return nil
}

func makeDirectives() []*directive {
	return []*directive{
		{name: "port", kind: integer(0, 65535), initial: "6379", fixed: true},
		{name: "bind", kind: words, initial: "127.0.0.1", fixed: true},
		{name: "unixsocket", kind: text, fixed: true},
		{name: "unixsocketperm", kind: octal, initial: "0", fixed: true},
		{name: "protected-mode", kind: yesNo, initial: "yes"},
		{name: "requirepass", kind: text},
		{name: "maxclients", kind: integer(1, 1<<32-1), initial: "10000"},
		{name: "timeout", kind: integer(0, 1<<31-1), initial: "0"},
		{name: "tcp-keepalive", kind: integer(0, 1<<31-1), initial: "300"},
		{name: "proto-max-bulk-len", kind: memory(1<<20, 1<<63-1), initial: "536870912"},
		{name: "client-query-buffer-limit", kind: memory(1<<20, 1<<63-1), initial: "1073741824"},
		{name: "client-output-buffer-limit", kind: words,
			initial: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
		{name: "databases", kind: integer(1, 1<<31-1), initial: "16", fixed: true},
		{name: "dir", kind: text, initial: workingDirectory(), fixed: true},
		{name: "dbfilename", kind: text, fixed: true},
		{name: "appendfsync", kind: oneOf("everysec", "always", "no"), initial: "everysec",
			apply: func(s *Server, v string) { s.db.SetPolicy(policies[v]) }},
	}
}

func workingDirectory() string {
	dir, err := filepath.Abs(".")
	if err != nil {
		return "."
	}
	return dir
}

func oneWord(read func(string) (string, error)) *kind {
	return &kind{read: func(words []string) (string, error) { return read(words[0]) }}
}

var (
	text  = oneWord(func(s string) (string, error) { return s, nil })
	words = &kind{many: true, read: func(words []string) (string, error) { return strings.Join(words, " "), nil }}
	yesNo = oneWord(func(s string) (string, error) {
		if s = strings.ToLower(s); s != "yes" && s != "no" {
			return "", errors.New("argument must be 'yes' or 'no'")
		}
		return s, nil
	})
	octal = oneWord(func(s string) (string, error) {
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil {
			return "", errors.New("argument couldn't be parsed as an octal number")
		}
		return strconv.FormatUint(n, 8), nil
	})
)

func oneOf(values ...string) *kind {
	return oneWord(func(s string) (string, error) {
		for _, v := range values {
			if strings.EqualFold(v, s) {
				return v, nil
			}
		}
		return "", errors.New("argument(s) must be one of the following: " + strings.Join(values, ", "))
	})
}

func integer(lo, hi int64) *kind {
	return oneWord(func(s string) (string, error) {
		n, ok := types.ParseInt([]byte(s))
		if !ok {
			return "", errors.New("argument couldn't be parsed into an integer")
		}
		if n < lo || n > hi {
			return "", fmt.Errorf("argument must be between %d and %d inclusive", lo, hi)
		}
		return strconv.FormatInt(n, 10), nil
	})
}

func memory(lo, hi int64) *kind {
	return oneWord(func(s string) (string, error) {
		n, ok := parseMemory(s)
		if !ok {
			return "", errors.New("argument must be a memory value")
		}
		if n < lo || n > hi {
			return "", fmt.Errorf("argument must be between %d and %d inclusive", lo, hi)
		}
		return strconv.FormatInt(n, 10), nil
	})
}

// units are those of sizes: k is 1000, kb is 1024.
var units = map[string]int64{
	"": 1, "b": 1, "k": 1e3, "kb": 1 << 10, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30,
}

// parseMemory reads a size such as 64mb.
func parseMemory(s string) (int64, bool) {
	digits := strings.TrimRight(s, "bBkKmMgG")
	unit, ok := units[strings.ToLower(s[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > (1<<63-1)/unit {
		return 0, false
	}
	return n * unit, true
}

// hardLimit returns the hard limit of a class in the normal form of
// client-output-buffer-limit.
func hardLimit(value, class string) int {
	f := strings.Fields(value)
	for i := 0; i+1 < len(f); i += 4 {
		if f[i] == class {
			n, _ := strconv.Atoi(f[i+1])
			return n
		}
	}
	return 0
}
