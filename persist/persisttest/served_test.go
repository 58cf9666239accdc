package persisttest

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
func served(t *testing.T, db *store.DB) (srv *wire.Server, dial func() *client, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv = wire.NewServer(db, nil)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	dial = func() *client {
		nc, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		return newClient(t, nc)
	}
	return srv, dial, func() {
		require.NoError(t, srv.Close())
		<-ended
	}
}

func newClient(t *testing.T, nc net.Conn) *client {
	t.Cleanup(func() { nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(time.Minute)))
	return &client{t, nc, resp.NewReader(nc)}
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
	_, dial, stop := served(t, db)
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

// requireSilent fails if one of them has been told something. A deadline that is
// over would not do: then Read does not look.
func requireSilent(t *testing.T, clients []*client) {
	t.Helper()
	var all sync.WaitGroup
	for _, c := range clients {
		require.NoError(t, c.nc.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		all.Go(func() {
			n, err := c.nc.Read(make([]byte, 100))
			assert.Zero(t, n, "acknowledged although it is not on disk")
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, c := range clients {
		require.NoError(t, c.nc.SetReadDeadline(time.Now().Add(time.Minute)))
	}
}

// The disk of a server hangs: those who write wait for it, those who read are
// answered, and when it comes back so are the others. With company the loop does not
// wait for the disk itself.
func TestServedDiskHangs(t *testing.T) {
	for _, company := range []int{0, 10} {
		t.Run(fmt.Sprint(company), func(t *testing.T) { hangServed(t, company) })
	}
}

func hangServed(t *testing.T, company int) {
	dir := memoryDir(t)
	var hanging atomic.Bool
	entered, release := make(chan bool, 100), make(chan bool)
	defer disk.Watch(dir, func(e disk.Event, do func() error) error {
		if hanging.Load() && (e.Op == disk.Commit || e.Op == disk.Write || e.Op == disk.Flush || e.Op == disk.Sync) {
			entered <- true
			<-release
		}
		return do()
	})()
	db, err := store.Open(appFile(dir), &store.Options{Sync: store.Always})
	require.NoError(t, err)
	srv, dial, stop := served(t, db)
	a, b, waiter := dial(), dial(), dial()
	for range 3 {
		require.Equal(t, "OK", a.do("SET k old"))
	}
	waiter.send("BLPOP l 0")
	var others []*client
	for range company {
		others = append(others, dial())
	}
	for range 20 {
		for _, c := range others {
			c.send("INCR together")
		}
		for _, c := range others {
			c.receive()
		}
	}

	hanging.Store(true)
	a.send("SET k new")
	<-entered
	require.Equal(t, "new", b.do("GET k"))
	var writers []*client
	for i := range 20 {
		w := dial()
		w.send(fmt.Sprintf("SET k%d v\r\nGET k%d\r\nSET k%d w", i, i, i))
		writers = append(writers, w)
		require.Equal(t, "PONG", b.do("PING"))
		require.Equal(t, "new", dial().do("GET k"))
	}
	pipe, err := srv.Dialer()(context.Background(), "", "") // which no loop serves
	require.NoError(t, err)
	require.Equal(t, "new", newClient(t, pipe).do("GET k"))
	push := dial()
	push.send("RPUSH l e")
	for b.do("LLEN l") != "0" || b.do("EXISTS k19") != "1" {
	}
	gone := dial()
	gone.send("SET gone 1")
	for b.do("EXISTS gone") != "1" {
	}
	require.NoError(t, gone.nc.Close())
	requireSilent(t, append(writers, a, push, waiter))

	hanging.Store(false)
	close(release)
	require.Equal(t, "OK", a.receive())
	for i, w := range writers {
		require.Equal(t, "OK", w.receive())
		require.Equal(t, "v", w.receive())
		require.Equal(t, "OK", w.receive())
		require.Equal(t, "OK", w.do(fmt.Sprintf("SET k%d x", i)))
	}
	require.Equal(t, "1", push.receive())
	list, err := waiter.r.Read()
	require.NoError(t, err)
	require.Len(t, list.Elems, 2)
	for range 100 {
		require.Equal(t, "OK", a.do("SET k newer"))
		require.Equal(t, "newer", b.do("GET k"))
	}
	stop()
	require.NoError(t, db.Close())
	db, err = store.Open(appFile(dir), nil)
	require.NoError(t, err)
	for _, key := range []string{"k", "k19", "gone"} {
		_, err := db.Get(key)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
}
