package persisttest

import (
	"fmt"
	"io/fs"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
	"redstart/store"
	"redstart/wire"
	"redstart/wire/resp"
)

// A client talks to a server by TCP.
type client struct {
	t  *testing.T
	nc net.Conn
	r  *resp.Reader
}

// served starts a server of db and returns what connects to it.
func served(t *testing.T, db *store.DB) (dial func() *client, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := wire.NewServer(db, nil)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	dial = func() *client {
		nc, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { nc.Close() })
		require.NoError(t, nc.SetDeadline(time.Now().Add(time.Minute)))
		return &client{t, nc, resp.NewReader(nc)}
	}
	return dial, func() {
		require.NoError(t, srv.Close())
		<-ended
	}
}

func (c *client) send(line string) {
	c.t.Helper()
	_, err := c.nc.Write([]byte(line + "\r\n"))
	require.NoError(c.t, err)
}

func (c *client) receive() string {
	c.t.Helper()
	v, err := c.r.Read()
	require.NoError(c.t, err)
	if v.Type == resp.Int {
		return fmt.Sprint(v.Int)
	}
	return v.Str
}

// do sends a command and returns the text of its reply.
func (c *client) do(line string) string {
	c.t.Helper()
	c.send(line)
	return c.receive()
}

// The disk of a server cannot sync: those who write hear that as they do from
// Redis, those who read are answered, INFO tells, and when the cause is gone
// the file is written anew and everything goes on, without a restart.
func TestServedDiskFails(t *testing.T) {
	for _, policy := range []store.Policy{store.Always, store.EverySecond} {
		t.Run(policy.String(), func(t *testing.T) { failServed(t, policy) })
	}
}

func failServed(t *testing.T, policy store.Policy) {
	dir, ticks := memoryDir(t), make(chan time.Time)
	defer disk.Pace(dir, ticks)()
	second := func() { // that what is done in it is done
		ticks <- time.Now()
		ticks <- disk.Mark
	}
	var failing atomic.Bool
	defer disk.Watch(dir, func(e disk.Event, do func() error) error {
		err := do()
		if failing.Load() && (e.Op == disk.Commit || e.Op == disk.Flush || e.Op == disk.Sync) {
			return &fs.PathError{Op: "sync", Path: e.Path, Err: syscall.EIO}
		}
		return err
	})()
	db, err := store.Open(appFile(dir), &store.Options{Sync: policy})
	require.NoError(t, err)
	dial, stop := served(t, db)
	a, b := dial(), dial()
	require.Equal(t, "OK", a.do("SET before 1"))
	require.Equal(t, "OK", a.do("CONFIG RESETSTAT"))
	second()

	failing.Store(true)
	acknowledged := []string{"before"}
	const misconf = "^MISCONF Errors writing to the AOF file: .*input/output error$"
	unknown := a.do("SET unknown 1")
	if policy == store.Always {
		require.Regexp(t, misconf, unknown)
		a = dial() // who has an unknown outcome is sent away
	} else {
		require.Equal(t, "OK", unknown)
		acknowledged = append(acknowledged, "unknown")
		second()
	}
	require.Regexp(t, misconf, a.do("SET refused 1"))
	require.Regexp(t, misconf, a.do("DEL before"))
	require.Equal(t, "OK", a.do("MULTI"))
	require.Regexp(t, misconf, a.do("INCR before"))
	require.Regexp(t, "^EXECABORT ", a.do("EXEC"))
	require.Equal(t, "1", b.do("GET before"))
	require.Equal(t, "0", b.do("EXISTS refused"))
	save := b.do("SAVE")
	for save == "ERR Background save already in progress" { // the first try to write the file anew
		save = b.do("SAVE")
	}
	require.Regexp(t, "input/output error", save)
	info := b.do("INFO")
	for _, line := range []string{"rdb_last_bgsave_status:err", "aof_last_bgrewrite_status:err", "aof_last_write_status:err",
		"file_read_only_sec:[1-9]", "file_last_error:.*input/output error", "errorstat_MISCONF:count=[1-9]"} {
		require.Regexp(t, `(?m)^`+line, info)
	}

	failing.Store(false)
	for n := 0; a.do("SET after 1") != "OK"; n++ {
		require.Less(t, n, 100_000, "writes are still refused")
		select {
		case ticks <- time.Now():
		default:
		}
	}
	acknowledged = append(acknowledged, "after")
	info = b.do("INFO persistence")
	for _, line := range []string{"rdb_last_bgsave_status:ok", "aof_last_write_status:ok", "file_read_only_sec:0", "file_last_error:\r", "file_rewrites:1"} {
		require.Regexp(t, `(?m)^`+line, info)
	}
	stop()
	require.NoError(t, db.Close())
	db, err = store.Open(appFile(dir), nil)
	require.NoError(t, err)
	for _, key := range acknowledged {
		value, err := db.Get(key)
		require.NoError(t, err)
		require.Equal(t, "1", string(value), key)
	}
	refused, err := db.Get("refused")
	require.NoError(t, err)
	require.Nil(t, refused)
	require.NoError(t, db.Close())
}
