package wire

import (
	"errors"
	"fmt"
)

// inertDirectives are those whose value makes no difference here, with the
// reason for each group.
func inertDirectives() (all []directive) {
	add := func(k *kind, initial string, names ...string) {
		for _, name := range names {
			all = append(all, directive{name: name, kind: k, initial: initial})
		}
	}
	// The Go runtime schedules, collects and listens as it does.
	add(integer(0, 1<<31-1), "511", "tcp-backlog")
	add(integer(1, 500), "10", "hz")
	add(yesNo, "yes", "dynamic-hz", "activerehashing", "jemalloc-bg-thread", "disable-thp", "set-proc-title",
		"crash-log-enabled", "crash-memcheck-enabled")
	add(yesNo, "no", "io-threads-do-reads", "always-show-logo", "activedefrag", "lazyfree-lazy-eviction", "lazyfree-lazy-expire",
		"lazyfree-lazy-server-del", "lazyfree-lazy-user-del", "lazyfree-lazy-user-flush")
	add(integer(1, 10), "1", "active-expire-effort")
	add(text, "{title} {listen-addr} {server-mode}", "proc-title-template")
	add(words, "", "ignore-warnings")
	add(memory(1, 1<<63-1), "104857600", "active-defrag-ignore-bytes")
	add(integer(0, 1000), "10", "active-defrag-threshold-lower")
	add(integer(0, 1000), "100", "active-defrag-threshold-upper")
	add(integer(1, 99), "1", "active-defrag-cycle-min")
	add(integer(1, 99), "25", "active-defrag-cycle-max")
	add(integer(1, 1<<63-1), "1000", "active-defrag-max-scan-fields")
	add(text, "", "server_cpulist", "bio_cpulist", "aof_rewrite_cpulist", "bgsave_cpulist")
	// The file is a journal and a snapshot in one, always checksummed, and
	// saved when the journal has grown. A failed write stops writes always.
	all = append(all, directive{name: "save", kind: savePoints, initial: "3600 1 300 100 60 10000", adds: true})
	add(yesNo, "yes", "rdbcompression", "rdbchecksum", "rdb-save-incremental-fsync", "aof-rewrite-incremental-fsync",
		"aof-use-rdb-preamble", "aof-load-truncated", "stop-writes-on-bgsave-error")
	add(yesNo, "no", "no-appendfsync-on-rewrite", "aof-timestamp-enabled", "aof-disable-auto-gc", "rdb-del-sync-files")
	add(oneOf("no", "yes", "clients"), "no", "sanitize-dump-payload")
	add(text, "appendonly.aof", "appendfilename")
	add(text, "appendonlydir", "appenddirname")
	add(integer(0, 1<<31-1), "100", "auto-aof-rewrite-percentage")
	// Memory is not limited (see maxmemory), so nothing is ever evicted.
	add(oneOf("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu",
		"allkeys-random", "noeviction"), "noeviction", "maxmemory-policy")
	add(integer(1, 64), "5", "maxmemory-samples")
	add(integer(0, 100), "10", "maxmemory-eviction-tenacity", "lfu-log-factor")
	add(integer(0, 1<<31-1), "1", "lfu-decay-time")
	// Lists are not compressed; these types and scripts are not there.
	add(integer(0, 1<<31-1), "0", "list-compress-depth")
	add(memory(0, 1<<63-1), "3000", "hll-sparse-max-bytes")
	add(memory(0, 1<<63-1), "4096", "stream-node-max-bytes")
	add(integer(0, 1<<63-1), "100", "stream-node-max-entries")
	all = append(all, directive{name: "busy-reply-threshold", alias: "lua-time-limit", kind: integer(0, 1<<63-1), initial: "5000"})
	// There are no commands that show what these would record.
	add(integer(-1, 1<<63-1), "10000", "slowlog-log-slower-than")
	add(integer(0, 1<<63-1), "128", "slowlog-max-len", "acllog-max-len")
	add(integer(0, 1<<63-1), "0", "latency-monitor-threshold")
	add(yesNo, "yes", "latency-tracking")
	add(words, "50 99 99.9", "latency-tracking-info-percentiles")
	// There is one user, whom no rule holds back.
	add(oneOf("allchannels", "resetchannels"), "resetchannels", "acl-pubsub-default")
	// Ending takes as long as the commands that run.
	add(integer(0, 1<<31-1), "10", "shutdown-timeout")
	add(text, "redis", "syslog-ident")
	add(oneOf("user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"), "local0", "syslog-facility")
	add(words, "0 200 800", "oom-score-adj-values")
	return append(all, replicaDirectives()...)
}

// replicaDirectives say how replicas, clusters and TLS would be treated. There
// are none: see replicaof, cluster-enabled and tls-port.
func replicaDirectives() (all []directive) {
	add := func(k *kind, initial, name, alias string) {
		all = append(all, directive{name: name, alias: alias, kind: k, initial: initial})
	}
	add(text, "", "masterauth", "")
	add(text, "", "masteruser", "")
	add(yesNo, "yes", "replica-serve-stale-data", "slave-serve-stale-data")
	add(yesNo, "yes", "replica-read-only", "slave-read-only")
	add(yesNo, "yes", "replica-ignore-maxmemory", "slave-ignore-maxmemory")
	add(yesNo, "no", "replica-lazy-flush", "slave-lazy-flush")
	add(yesNo, "yes", "replica-announced", "")
	add(integer(0, 1<<31-1), "100", "replica-priority", "slave-priority")
	add(integer(0, 1<<31-1), "10", "min-replicas-max-lag", "min-slaves-max-lag")
	add(integer(1, 1<<31-1), "10", "repl-ping-replica-period", "repl-ping-slave-period")
	add(integer(1, 1<<31-1), "60", "repl-timeout", "")
	add(yesNo, "yes", "repl-diskless-sync", "")
	add(integer(0, 1<<31-1), "5", "repl-diskless-sync-delay", "")
	add(integer(0, 1<<31-1), "0", "repl-diskless-sync-max-replicas", "")
	add(oneOf("disabled", "on-empty-db", "swapdb"), "disabled", "repl-diskless-load", "")
	add(yesNo, "no", "repl-disable-tcp-nodelay", "")
	add(memory(1, 1<<63-1), "1048576", "repl-backlog-size", "")
	add(integer(0, 1<<31-1), "3600", "repl-backlog-ttl", "")
	add(text, "nodes.conf", "cluster-config-file", "")
	add(integer(0, 1<<31-1), "15000", "cluster-node-timeout", "")
	add(yesNo, "yes", "cluster-require-full-coverage", "")
	add(integer(0, 1<<31-1), "1", "cluster-migration-barrier", "")
	add(text, "", "tls-cert-file", "")
	add(text, "", "tls-key-file", "")
	add(text, "", "tls-ca-cert-file", "")
	return all
}

// refusedDirectives have one value that can be honoured.
func refusedDirectives() (all []directive) {
	add := func(name, alias, value, why string) {
		all = append(all, directive{name: name, alias: alias, kind: only(value, why), initial: value})
	}
	add("maxmemory", "", "0", "memory cannot be limited")
	add("maxmemory-clients", "", "0", "the memory of clients cannot be limited")
	add("notify-keyspace-events", "", "", "there are no keyspace events")
	add("replicaof", "slaveof", "", "there is no replication")
	add("min-replicas-to-write", "min-slaves-to-write", "0", "there is no replication")
	add("cluster-enabled", "", "no", "there is no cluster mode")
	add("tls-port", "", "0", "there is no TLS")
	add("tls-replication", "", "no", "there is no TLS")
	add("tls-cluster", "", "no", "there is no TLS")
	add("aclfile", "", "", "there is only the default user")
	add("daemonize", "", "no", "the process stays in the foreground")
	add("supervised", "", "no", "no supervisor is told when the server is ready")
	add("syslog-enabled", "", "no", "the log goes to standard error or logfile")
	add("oom-score-adj", "", "no", "the process leaves its score as it is")
	add("enable-debug-command", "", "no", "there is no DEBUG")
	add("enable-module-command", "", "no", "there are no modules")
	add("enable-protected-configs", "", "no", "the file cannot be changed while it is open")
	return all
}

// only is the kind of a directive that can have one value.
func only(value, why string) *kind {
	return oneWord(func(s string) (string, error) {
		if s == value {
			return value, nil
		}
		if n, ok := parseMemory(s); ok && value == "0" && n == 0 {
			return value, nil
		}
		if value == "" {
			return "", errors.New("argument must be empty: " + why)
		}
		return "", fmt.Errorf("argument must be '%s': %s", value, why)
	})
}
