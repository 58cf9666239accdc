package wire

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"redstart/store"
	"redstart/types"
)

// A directive is one setting of a redis.conf, declared once.
//
// Every directive of Redis 7.2 that a redis.conf is likely to have is in the
// table, in one of three ways. Some do what they say. Some are about a part of
// Redis that is not here, or that works in another way, so that no value of
// theirs makes a difference: they are accepted and remembered, and reported
// as they were set. The rest would promise something that is not kept: only
// the value that asks for nothing is accepted, others are an error that says why.
type directive struct {
	name    string
	alias   string // an older name
	kind    *kind
	initial string // its default, in normal form
	fixed   error  // why it cannot be changed while the server runs, or nil
	adds    bool   // a second line of it in a file adds to the first
	merge   func(old, value string) string

	veto   func(s *Server, value string) error // a value this very server cannot honour
	apply  func(s *Server, value string)       // makes a new value effective
	report func(s *Server, set string) string  // the value in force, if not what was set
	limit  func(l *types.Limits) (field *int)  // for those that limit compact forms
}

var (
	errImmutable = errors.New("can't set immutable config")
	errProtected = errors.New("can't set protected config")
)

// parse returns the normal form of a value.
func (d *directive) parse(words []string) (string, error) {
	if !d.kind.many && len(words) != 1 {
		return "", errors.New("wrong number of arguments")
	}
	return d.kind.read(words)
}

var directives, directiveNames = makeDirectives()

// findDirective returns the directive of that name or alias, in any case; nil if there is none.
func findDirective(name string) *directive { return directiveNames[strings.ToLower(name)] }

func makeDirectives() ([]*directive, map[string]*directive) {
	all := slices.Concat(networkDirectives, clientDirectives, fileDirectives, logDirectives,
		limitDirectives, inertDirectives(), refusedDirectives())
	names := make(map[string]*directive, len(all))
	list := make([]*directive, len(all))
	for i := range all {
		d := &all[i]
		list[i] = d
		names[d.name] = d
		if d.alias != "" {
			names[d.alias] = d
		}
	}
	return list, names
}

var networkDirectives = []directive{
	{name: "port", kind: integer(0, 65535), initial: "6379", fixed: errImmutable},
	{name: "bind", kind: words, initial: "127.0.0.1", fixed: errImmutable},
	{name: "unixsocket", kind: text, fixed: errImmutable},
	{name: "unixsocketperm", kind: octal, initial: "0", fixed: errImmutable},
	{name: "protected-mode", kind: yesNo, initial: "yes"},
	{name: "tcp-keepalive", kind: integer(0, 1<<31-1), initial: "300"},
	{name: "io-threads", kind: integer(1, 128), initial: "1", fixed: errImmutable},
}

var clientDirectives = []directive{
	{name: "requirepass", kind: text},
	{name: "maxclients", kind: integer(1, 1<<32-1), initial: "10000"},
	{name: "tracking-table-max-keys", kind: integer(0, 1<<63-1), initial: "1000000"},
	{name: "timeout", kind: integer(0, 1<<31-1), initial: "0"},
	{name: "proto-max-bulk-len", kind: memory(1<<20, 1<<63-1), initial: "536870912"},
	{name: "client-query-buffer-limit", kind: memory(1<<20, 1<<63-1), initial: "1073741824"},
	{name: "client-output-buffer-limit", kind: outputLimits, merge: mergeOutputLimits,
		initial: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
}

// policies are the values of appendfsync.
var policies = map[string]store.Policy{"everysec": store.EverySecond, "always": store.Always, "no": store.Never}

var fileDirectives = []directive{
	{name: "databases", kind: integer(1, 1<<31-1), initial: "16", fixed: errImmutable,
		report: func(s *Server, _ string) string { return itoa(s.db.Databases()) }},
	// The size from which the journal is folded into the snapshot, whatever its
	// growth; of a file that is open it stays as it was on opening.
	{name: "auto-aof-rewrite-min-size", kind: memory(0, 1<<63-1), initial: "67108864"},
	{name: "dir", kind: text, initial: workingDirectory(), fixed: errProtected,
		report: func(s *Server, _ string) string { return filepath.Dir(absolute(s.db.Path())) }},
	{name: "dbfilename", kind: text, fixed: errProtected,
		report: func(s *Server, _ string) string {
			if s.db.Path() == "" {
				return ""
			}
			return filepath.Base(s.db.Path())
		}},
	{name: "appendfsync", kind: oneOf("everysec", "always", "no"), initial: "everysec",
		apply:  func(s *Server, v string) { s.db.SetPolicy(policies[v]) },
		report: reportPolicy},
	// A file has its journal whatever this says; without a file there is none.
	{name: "appendonly", kind: yesNo, initial: "no", veto: vetoAppendOnly,
		report: func(s *Server, _ string) string {
			if s.db.Path() == "" {
				return "no"
			}
			return "yes"
		}},
}

func reportPolicy(s *Server, set string) string {
	if s.db.Path() == "" { // there is nothing to sync: what was set
		return set
	}
	for word, p := range policies {
		if p == s.db.Policy() {
			return word
		}
	}
	panic("BUG: unknown policy")
}

func vetoAppendOnly(s *Server, value string) error {
	if value == "yes" && s.db.Path() == "" {
		return errors.New("everything is in memory: start the server with a file")
	}
	return nil
}

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil || path == "" {
		return workingDirectory() + "/."
	}
	return abs
}

func workingDirectory() string {
	dir, err := filepath.Abs(".")
	if err != nil {
		return "."
	}
	return dir
}

var logDirectives = []directive{
	{name: "loglevel", kind: oneOf("debug", "verbose", "notice", "warning", "nothing"), initial: "notice",
		apply: func(s *Server, v string) { s.config.logLevel().Set(logLevels[v]) }},
	{name: "logfile", kind: text, fixed: errImmutable},
	{name: "pidfile", kind: text, fixed: errImmutable},
}

// limitDirectives are the sizes up to which collections keep their compact form.
var limitDirectives = []directive{
	limitOf("hash-max-listpack-entries", "hash-max-ziplist-entries", count, func(l *types.Limits) *int { return &l.HashEntries }),
	limitOf("hash-max-listpack-value", "hash-max-ziplist-value", size, func(l *types.Limits) *int { return &l.HashValue }),
	limitOf("list-max-listpack-size", "list-max-ziplist-size", integer(-1<<31, 1<<31-1), func(l *types.Limits) *int { return &l.ListSize }),
	limitOf("set-max-intset-entries", "", count, func(l *types.Limits) *int { return &l.SetInts }),
	limitOf("set-max-listpack-entries", "", count, func(l *types.Limits) *int { return &l.SetEntries }),
	limitOf("set-max-listpack-value", "", size, func(l *types.Limits) *int { return &l.SetValue }),
	limitOf("zset-max-listpack-entries", "zset-max-ziplist-entries", count, func(l *types.Limits) *int { return &l.ZSetEntries }),
	limitOf("zset-max-listpack-value", "zset-max-ziplist-value", size, func(l *types.Limits) *int { return &l.ZSetValue }),
}

var (
	count = integer(0, 1<<63-1)
	size  = memory(0, 1<<63-1)
)

func limitOf(name, alias string, k *kind, field func(*types.Limits) *int) directive {
	return directive{name: name, alias: alias, kind: k, limit: field,
		initial: itoa(*field(types.DefaultLimits())),
		report: func(s *Server, _ string) string {
			l := s.db.Limits()
			return itoa(*field(&l))
		}}
}
