package wire

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"redstart/persist"
	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/pubsub"
)

var infoCommand = command.Command{
	Name: "INFO", Syntax: "[section [section ...]]",
	Summary: "Describes the server and how it is doing.",
	Since:   "1.0.0", Complexity: "O(1)",
	Flags: command.Loading | command.Stale | command.Keyspace, Run: info,
	ACL:     command.ACLDangerous,
	Tips:    []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
	History: []command.Change{{Since: "7.0.0", What: "Added support for taking multiple section arguments."}},
}

// infoSections are the parts of INFO, in their order. All belong to the default.
var infoSections = []struct {
	name  string
	write func(*report)
}{
	{"Server", (*report).server},
	{"Clients", (*report).clients},
	{"Memory", (*report).memory},
	{"Persistence", (*report).persistence},
	{"Stats", (*report).statistics},
	{"Replication", (*report).replication},
	{"CPU", (*report).cpu},
	{"Modules", func(*report) {}},
	{"Errorstats", (*report).errors},
	{"Cluster", func(r *report) { r.add("cluster_enabled", 0) }},
	{"Keyspace", (*report).keyspace},
}

// info answers the sections asked for, each once. It has every lock, because the
// section Keyspace counts keys in all databases.
func info(c *command.Call) error {
	wanted := command.Strings(c.Rest())
	r := &report{srv: c.Peer.(*session).srv, call: c}
	for _, section := range infoSections {
		if len(wanted) != 0 && !slices.ContainsFunc(wanted, func(w string) bool {
			return strings.EqualFold(w, section.name) || strings.EqualFold(w, "default") ||
				strings.EqualFold(w, "all") || strings.EqualFold(w, "everything")
		}) {
			continue
		}
		if r.text.Len() != 0 {
			r.text.WriteString("\r\n")
		}
		r.text.WriteString("# " + section.name + "\r\n")
		section.write(r)
	}
	c.Reply.Verbatim("txt", r.text.String())
	return nil
}

// A report is the text of INFO being written.
type report struct {
	srv  *Server
	call *command.Call
	text strings.Builder
}

// add writes one field.
func (r *report) add(name string, value any) { fmt.Fprintf(&r.text, "%s:%v\r\n", name, value) }

// zero writes fields about what is not there.
func (r *report) zero(names ...string) {
	for _, name := range names {
		r.add(name, 0)
	}
}

func (r *report) server() {
	s := r.srv
	now := s.now()
	up := int64(now.Sub(s.began) / time.Second)
	executable, _ := os.Executable()
	r.add("redis_version", RedisVersion)
	r.add("redis_git_sha1", "00000000")
	r.add("redis_git_dirty", 0)
	r.add("redis_build_id", "redstart")
	r.add("redis_mode", "standalone")
	r.add("os", strings.TrimSpace(runtime.GOOS+" "+firstLine("/proc/sys/kernel/osrelease"))+" "+runtime.GOARCH)
	r.add("arch_bits", strconv.IntSize)
	r.add("monotonic_clock", "Go runtime")
	r.add("multiplexing_api", map[bool]string{true: "epoll", false: "goroutines"}[s.hasLoop()])
	r.add("gcc_version", runtime.Version())
	r.add("process_id", os.Getpid())
	r.add("process_supervised", "no")
	r.add("run_id", s.runID)
	r.add("tcp_port", s.tcpPort())
	r.add("server_time_usec", now.UnixMicro())
	r.add("uptime_in_seconds", up)
	r.add("uptime_in_days", up/86400)
	r.add("hz", 10)
	r.add("configured_hz", 10)
	r.add("lru_clock", now.Unix()&(1<<24-1))
	r.add("executable", executable)
	r.add("config_file", s.config.path)
	r.add("io_threads_active", 0)
	for i, a := range s.Addrs() {
		host, port, err := net.SplitHostPort(a.String())
		if err != nil {
			r.add(fmt.Sprint("listener", i), "name=unix,bind="+a.String())
			continue
		}
		r.add(fmt.Sprint("listener", i), fmt.Sprintf("name=tcp,bind=%s,port=%s", host, port))
	}
}

// tcpPort returns the first port the server listens on, 0 if there is none.
func (s *Server) tcpPort() int {
	for _, a := range s.Addrs() {
		if tcp, ok := a.(*net.TCPAddr); ok {
			return tcp.Port
		}
	}
	return 0
}

func (r *report) clients() {
	all := r.srv.clients()
	blocked, output := 0, 0
	for _, x := range all {
		if x.card.parked.Load() != nil {
			blocked++
		}
		output = max(output, x.box.size())
	}
	r.add("connected_clients", len(all))
	r.add("cluster_connections", 0)
	r.add("maxclients", r.srv.config.maxClients())
	r.add("client_recent_max_input_buffer", bufferSize)
	r.add("client_recent_max_output_buffer", output)
	r.add("blocked_clients", blocked)
	tracking, _, _, _ := r.srv.tracking.totals()
	r.add("tracking_clients", tracking)
	r.zero("clients_in_timeout_table")
}

func (r *report) memory() {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(samples)
	used, total := int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())
	held := used + int64(samples[2].Value.Uint64()+samples[3].Value.Uint64())
	rss := residentMemory()
	if rss == 0 {
		rss = total
	}
	peak := r.srv.stats.peakMemory(used)
	r.bytes("used_memory", used)
	r.bytes("used_memory_rss", rss)
	r.bytes("used_memory_peak", peak)
	r.add("used_memory_peak_perc", fmt.Sprintf("%.2f%%", 100*float64(used)/float64(peak)))
	parts := r.databases()
	data := min(int64(parts.Data()), used)
	r.add("used_memory_overhead", used-data) // garbage that is to be collected, too
	r.add("used_memory_dataset", data)
	r.add("used_memory_dataset_perc", fmt.Sprintf("%.2f%%", 100*float64(data)/float64(used)))
	r.add("allocator_allocated", used)
	r.add("allocator_active", held)
	r.add("allocator_resident", total)
	r.bytes("total_system_memory", systemMemory())
	r.bytes("maxmemory", 0)
	r.add("maxmemory_policy", r.srv.config.Get("maxmemory-policy"))
	r.add("allocator_frag_ratio", ratio(held, used))
	r.add("allocator_frag_bytes", held-used)
	r.add("allocator_rss_ratio", ratio(total, held))
	r.add("allocator_rss_bytes", total-held)
	r.add("mem_fragmentation_ratio", ratio(rss, used))
	r.add("mem_fragmentation_bytes", rss-used)
	r.add("mem_clients_normal", len(r.srv.clients())*sessionSize)
	if stats, ok := r.srv.db.Stats(); ok {
		r.add("mem_aof_buffer", stats.Pending)
	}
	for name, n := range parts.All() { // of used_memory, what store.Memory says; Redis has no such fields
		r.add("mem_"+name, n)
	}
	r.add("mem_allocator", "go")
	r.zero("mem_clients_slaves", "active_defrag_running", "lazyfree_pending_objects")
}

func ratio(a, b int64) string { return fmt.Sprintf("%.2f", float64(a)/float64(max(b, 1))) }

// bytes writes a number of bytes twice, the second time for people.
func (r *report) bytes(name string, n int64) {
	r.add(name, n)
	human := strconv.FormatInt(n, 10) + "B"
	for i, unit := 40, "TGMK"; len(unit) > 0; i, unit = i-10, unit[1:] {
		if n >= 1<<i {
			human = fmt.Sprintf("%.2f%c", float64(n)/float64(int64(1)<<i), unit[0])
			break
		}
	}
	r.add(name+"_human", human)
}

func (r *report) persistence() {
	db := r.srv.db
	saves := db.Saves()
	status := func(err error) string {
		if err != nil {
			return "err"
		}
		return "ok"
	}
	took, current := int64(-1), int64(-1)
	if saves.Count > 0 {
		took = int64(saves.Took / time.Second)
	}
	running := asInt(saves.Running)
	if saves.Running {
		current = int64(r.srv.now().Sub(saves.Began) / time.Second)
	}
	r.zero("loading", "async_loading")
	r.add("rdb_changes_since_last_save", db.Unsaved())
	r.add("rdb_bgsave_in_progress", running)
	r.add("rdb_last_save_time", saves.Last.Unix())
	r.add("rdb_last_bgsave_status", status(saves.Err))
	r.add("rdb_last_bgsave_time_sec", took)
	r.add("rdb_current_bgsave_time_sec", current)
	r.add("rdb_saves", saves.Count)
	r.add("rdb_last_load_keys_loaded", db.Opened().Keys)
	stats, file := db.Stats()
	r.add("aof_enabled", asInt(file))
	r.add("aof_rewrite_in_progress", running)
	r.add("aof_rewrite_scheduled", 0)
	r.add("aof_last_rewrite_time_sec", took)
	r.add("aof_current_rewrite_time_sec", current)
	r.add("aof_last_bgrewrite_status", status(saves.Err))
	r.add("aof_rewrites", saves.Count)
	r.add("aof_last_write_status", status(db.Err()))
	if file {
		r.add("aof_current_size", stats.JournalBytes+stats.BaseBytes+stats.DeltaBytes)
		r.add("aof_base_size", stats.BaseBytes+stats.DeltaBytes)
		r.add("aof_buffer_length", stats.Pending)
		r.add("aof_pending_bio_fsync", asInt(stats.Written > stats.Durable))
		r.file(&stats)
	}
}

// file writes what is ours to tell of the file: see persist.Stats.
func (r *report) file(s *persist.Stats) {
	r.add("file_last_commit", s.Appended)
	r.add("file_written_commit", s.Written)
	r.add("file_durable_commit", s.Durable)
	r.add("file_covered_commit", s.Covered)
	r.add("file_size", s.FileBytes)
	r.add("file_free_bytes", s.FreeBytes)
	r.add("file_journal_bytes", s.JournalBytes)
	r.add("file_journal_kept_bytes", s.KeptBytes)
	r.add("file_base_bytes", s.BaseBytes)
	r.add("file_delta_bytes", s.DeltaBytes)
	r.add("file_generation", s.Generation)
	r.add("file_groups", s.Groups)
	r.add("file_syncs", s.Syncs)
	r.add("file_checkpoints", s.Checkpoints)
	r.add("file_rewrites", s.Rewrites)
	r.add("file_failures", s.Failures)
	r.add("file_followers", s.Readers)
	r.add("file_appended_bytes", s.AppendedBytes)
	r.add("file_written_bytes", s.PageWrites)
	r.add("file_write_amplification", fmt.Sprintf("%.2f", s.Amplification()))
	readOnly := int64(0)
	if !s.ReadOnlySince.IsZero() {
		readOnly = max(1, int64(r.srv.now().Sub(s.ReadOnlySince)/time.Second))
	}
	r.add("file_read_only_sec", readOnly)
	last := ""
	if err := cmp.Or(r.srv.db.Err(), s.CheckpointErr, s.RewriteErr); err != nil {
		last = strings.Join(strings.Fields(err.Error()), " ") // in one line
	}
	r.add("file_last_error", last)
}

func (r *report) statistics() {
	s := r.srv
	ops, in, out := s.stats.rates(s.now())
	r.add("total_connections_received", s.stats.connections.Load())
	r.add("total_commands_processed", s.stats.commands.Load())
	r.add("instantaneous_ops_per_sec", int64(ops))
	r.add("total_net_input_bytes", s.stats.in.Load())
	r.add("total_net_output_bytes", s.stats.out.Load())
	r.add("instantaneous_input_kbps", fmt.Sprintf("%.2f", in/1024))
	r.add("instantaneous_output_kbps", fmt.Sprintf("%.2f", out/1024))
	r.add("rejected_connections", s.stats.rejected.Load())
	r.zero("sync_full", "sync_partial_ok", "sync_partial_err")
	r.add("expired_keys", s.db.Expired())
	r.zero("evicted_keys", "evicted_clients")
	r.add("keyspace_hits", s.stats.hits.Load())
	r.add("keyspace_misses", s.stats.misses.Load())
	r.add("pubsub_channels", s.hub.Len(pubsub.Channel))
	r.add("pubsub_patterns", s.hub.Len(pubsub.Pattern))
	r.add("pubsubshard_channels", s.hub.Len(pubsub.Shard))
	r.zero("latest_fork_usec", "total_forks", "migrate_cached_sockets")
	_, keys, items, prefixes := s.tracking.totals()
	r.add("tracking_total_keys", keys)
	r.add("tracking_total_items", items)
	r.add("tracking_total_prefixes", prefixes)
	r.add("eventloop_reliefs", s.stats.reliefs.Load()) // ours: how often a slow command left the loop to others
	r.zero("unexpected_error_replies")
	r.add("total_error_replies", s.stats.failures.total())
}

func (r *report) replication() {
	r.add("role", "master")
	r.add("connected_slaves", 0)
	r.add("master_failover_state", "no-failover")
	r.add("master_replid", r.srv.runID)
	r.add("master_replid2", strings.Repeat("0", 40))
	r.add("master_repl_offset", 0)
	r.add("second_repl_offset", -1)
	r.zero("repl_backlog_active", "repl_backlog_size", "repl_backlog_first_byte_offset", "repl_backlog_histlen")
}

func (r *report) cpu() {
	system, user := cpuTime()
	for _, suffix := range []string{"", "_main_thread"} { // threads are the Go runtime's affair
		r.add("used_cpu_sys"+suffix, fmt.Sprintf("%.6f", system.Seconds()))
		r.add("used_cpu_user"+suffix, fmt.Sprintf("%.6f", user.Seconds()))
		if suffix == "" {
			r.add("used_cpu_sys_children", "0.000000")
			r.add("used_cpu_user_children", "0.000000")
		}
	}
}

func (r *report) errors() {
	r.srv.stats.failures.each(func(code string, n int64) { r.add("errorstat_"+code, fmt.Sprintf("count=%d", n)) })
}

// databases returns what the memory of all databases is for.
func (r *report) databases() (m store.Memory) {
	tx := r.call.Tx
	selected := tx.Index()
	r.call.Heavy(tx.Len() / 50) // a look at each segment, of which there is one for some hundred keys
	for i := range r.srv.db.Databases() {
		tx.Select(i)
		m.Add(tx.Memory())
	}
	tx.Select(selected)
	return m
}

func (r *report) keyspace() {
	tx := r.call.Tx
	selected := tx.Index()
	for i := range r.srv.db.Databases() {
		tx.Select(i)
		if n := tx.Len(); n > 0 {
			r.add(fmt.Sprint("db", i), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=0", n, tx.Expires()))
		}
	}
	tx.Select(selected)
}

// failures counts error replies by their code.
type failures struct {
	mu     sync.Mutex
	counts map[string]int64
}

// mostCodes bounds the number of codes, which scripts may one day make up.
const mostCodes = 128

// note counts an error reply.
func (f *failures) note(text string) {
	code, _, _ := strings.Cut(text, " ")
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.counts[code]; !known && len(f.counts) >= mostCodes {
		return
	}
	if f.counts == nil {
		f.counts = make(map[string]int64)
	}
	f.counts[code]++
}

func (f *failures) total() (n int64) {
	f.each(func(_ string, count int64) { n += count })
	return n
}

// each calls yield for each code, in their order.
func (f *failures) each(yield func(code string, n int64)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	codes := make([]string, 0, len(f.counts))
	for code := range f.counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		yield(code, f.counts[code])
	}
}

func (f *failures) reset() {
	f.mu.Lock()
	f.counts = nil
	f.mu.Unlock()
}

// gauges are figures that INFO makes from what it saw the last time. So a rate
// is the average since then, which is what those who ask regularly want; who
// asks again within a second gets the same.
type gauges struct {
	mu                       sync.Mutex
	at                       time.Time
	commands, in, out        int64
	opsRate, inRate, outRate float64
	peak                     int64
}

func (s *stats) rates(now time.Time) (ops, in, out float64) {
	g := &s.gauges
	g.mu.Lock()
	defer g.mu.Unlock()
	elapsed := now.Sub(g.at).Seconds()
	if elapsed >= 1 {
		commands, bytesIn, bytesOut := s.commands.Load(), s.in.Load(), s.out.Load()
		if !g.at.IsZero() {
			g.opsRate = float64(max(0, commands-g.commands)) / elapsed
			g.inRate = float64(max(0, bytesIn-g.in)) / elapsed
			g.outRate = float64(max(0, bytesOut-g.out)) / elapsed
		}
		g.at, g.commands, g.in, g.out = now, commands, bytesIn, bytesOut
	}
	return g.opsRate, g.inRate, g.outRate
}

// peakMemory returns the most memory INFO has seen in use.
func (s *stats) peakMemory(used int64) int64 {
	s.gauges.mu.Lock()
	defer s.gauges.mu.Unlock()
	s.gauges.peak = max(s.gauges.peak, used)
	return s.gauges.peak
}
