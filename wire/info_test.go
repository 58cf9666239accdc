package wire

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/store"
)

func TestInfo(t *testing.T) {
	srv := serve(t, nil)
	k := talk(t, srv)
	k.do("SET a 1")
	k.do("SET b 1 EX 100")
	k.do("SELECT 3")
	k.do("SET c 1")
	k.do("INCR nosuch x")
	k.do("LPUSH c 1")
	k.do("GET c")
	k.do("GET none")
	k.send("INFO")
	v, err := k.r.Read()
	require.NoError(t, err)
	for _, line := range []string{
		"# Server", "redis_version:" + RedisVersion, "connected_clients:1", "maxclients:10000", "maxmemory_human:0B",
		"rdb_changes_since_last_save:3", "aof_enabled:0", "keyspace_hits:1", "keyspace_misses:1",
		"errorstat_ERR:count=1", "errorstat_WRONGTYPE:count=1", "total_error_replies:2", "cluster_enabled:0",
		"db0:keys=2,expires=1,avg_ttl=0", "db3:keys=1,expires=0,avg_ttl=0", "role:master", "used_memory_dataset:6",
	} {
		require.Contains(t, v.Str, line+"\r\n")
	}
	require.Contains(t, v.Str, "\r\n\r\n# Clients\r\n")
	require.True(t, strings.HasSuffix(v.Str, "\r\n"))

	require.Equal(t, `"# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=0\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n"`,
		k.do("INFO keyspace CLUSTER keyspace"))
	require.Equal(t, `""`, k.do("INFO nosuch"))
	k.do("MULTI")
	k.do("INFO keyspace")
	require.Contains(t, k.do("EXEC"), "db3:keys=1", "the transaction has the locks already")
	require.Equal(t, "OK", k.do("CONFIG RESETSTAT"))
	require.NotContains(t, k.do("INFO errorstats"), "errorstat_")
}

func TestCommandCommand(t *testing.T) {
	srv := serve(t, nil)
	k := talk(t, srv)
	k.send("COMMAND")
	v, err := k.r.Read()
	require.NoError(t, err)
	require.Len(t, v.Elems, srv.table.Len())
	k.send("COMMAND DOCS")
	v, err = k.r.Read()
	require.NoError(t, err)
	require.Len(t, v.Elems, 2*srv.table.Len())
	for line, want := range map[string]string{
		"COMMAND GETKEYS SET a b":                `1) "a"`,
		"COMMAND GETKEYSANDFLAGS SET a b":        "1) 1) \"a\"\n   2) 1) OW\n      2) update",
		"COMMAND GETKEYS foo bar":                "(error) ERR Invalid command specified",
		"COMMAND GETKEYS PING x":                 "(error) ERR The command has no key arguments",
		"COMMAND GETKEYS GET a b":                "(error) ERR Invalid number of arguments specified for command",
		"COMMAND INFO nosuch":                    "1) (nil)",
		"COMMAND DOCS nosuch":                    "(empty array)",
		"COMMAND LIST FILTERBY MODULE x":         "(empty array)",
		"COMMAND LIST FILTERBY ACLCAT x":         "(empty array)",
		"COMMAND LIST FILTERBY PATTERN INCRBYF*": `1) "incrbyfloat"`,
		"COMMAND LIST foo":                       "(error) ERR syntax error",
		"COMMAND LIST FILTERBY x y":              "(error) ERR syntax error",
		"COMMAND foo":                            "(error) ERR unknown subcommand 'foo'. Try COMMAND HELP.",
	} {
		require.Equal(t, want, k.do(line), line)
	}
	require.Contains(t, k.do("COMMAND LIST FILTERBY ACLCAT transaction"), `"exec"`)
	require.Contains(t, k.do("COMMAND LIST"), `"config|get"`)
}

func TestSaveCommands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := store.Open(path, nil)
	require.NoError(t, err)
	srv := NewServer(db, nil)
	k := talk(t, srv)
	k.do("SET a 1")
	require.Equal(t, "OK", k.do("SAVE"))
	require.Contains(t, k.do("INFO persistence"), "rdb_saves:1")
	require.Contains(t, k.do("INFO persistence"), "rdb_changes_since_last_save:0")
	require.Equal(t, "Background saving started", k.do("BGSAVE"))
	require.Eventually(t, func() bool { return db.Saves().Count == 2 }, patience, tick)
	require.Equal(t, "Background append only file rewriting started", k.do("BGREWRITEAOF"))
	require.Equal(t, "(error) ERR syntax error", k.do("BGSAVE x"))
	require.Contains(t, k.do("LASTSAVE"), "(integer) 1")
	require.Equal(t, "1) \"master\"\n2) (integer) 0\n3) (empty array)", k.do("ROLE"))
	require.Equal(t, "(error) ERR No shutdown in progress.", k.do("SHUTDOWN ABORT"))
	require.Equal(t, "(error) ERR syntax error", k.do("SHUTDOWN SAVE NOSAVE"))
	k.send("SHUTDOWN")
	_, err = k.r.Read()
	require.Error(t, err, "no reply, the connection ends")
	<-srv.Quit()
	require.NoError(t, srv.Shutdown(context.Background()))
	require.NoError(t, db.Close())
}

func TestSaveInMemory(t *testing.T) {
	k := talk(t, serve(t, nil))
	for _, line := range []string{"SAVE", "BGSAVE", "BGREWRITEAOF"} {
		require.Equal(t, "(error) ERR database is in memory only", k.do(line))
	}
}

// INFO tells its owner how the file is doing.
func TestInfoOfFile(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "app.db"), &store.Options{Sync: store.Never})
	require.NoError(t, err)
	srv := NewServer(db, nil)
	k := talk(t, srv)
	has := func(lines ...string) {
		t.Helper()
		k.send("INFO persistence")
		v, err := k.r.Read()
		require.NoError(t, err)
		for _, line := range lines {
			require.Regexp(t, `(?m)^`+line+`\r$`, v.Str)
		}
	}
	has("aof_enabled:1", "aof_last_write_status:ok", "file_last_commit:0", "file_write_amplification:0.00", "file_last_error:")
	k.do("SET a 1")
	has("file_last_commit:1", "file_durable_commit:0", "aof_buffer_length:[1-9][0-9]*", "file_appended_bytes:[1-9][0-9]*")
	k.do("WAITAOF 1 0 0")
	has("file_written_commit:1", "file_durable_commit:1", "aof_buffer_length:0", "aof_pending_bio_fsync:0",
		"file_syncs:[1-9][0-9]*", "file_journal_bytes:[1-9][0-9]*", "file_written_bytes:[1-9][0-9]*",
		"file_write_amplification:[1-9][0-9]*[.][0-9][0-9]", "file_read_only_sec:0", "file_followers:0", "file_generation:0")
	k.do("SAVE")
	has("file_covered_commit:1", "file_checkpoints:1", "file_generation:1", "file_base_bytes:[1-9][0-9]*", "rdb_saves:1",
		"rdb_last_bgsave_status:ok", "file_size:[1-9][0-9]*")
	require.NoError(t, srv.Shutdown(context.Background()))
	require.NoError(t, db.Close())
}
