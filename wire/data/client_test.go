package data

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// A client runs commands on a database as a session does, and nothing else:
// no connection, no MULTI.
type client struct {
	t     testing.TB
	db    *store.DB
	table *command.Table
	tx    *store.Tx
	out   resp.Writer
	call  command.Call
	locks store.LockSet
	found []command.Key
}

func newClient(t testing.TB, opt *store.Options) *client {
	t.Helper()
	db, err := store.Open("", opt)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	table, err := command.NewTable(Commands())
	require.NoError(t, err)
	c := &client{t: t, db: db, table: table, tx: db.NewTx()}
	c.call.Reply = &c.out
	return c
}

// run runs a command and returns what its handler returned. The reply is in c.out.
func (c *client) run(args [][]byte) error {
	cmd, err := c.table.Find(args)
	if err != nil {
		return err
	}
	c.out.Reset()
	c.locks.Reset()
	if cmd.Flags&Keyspace != 0 {
		c.locks.AddAll(c.db)
	}
	c.found, _ = cmd.Keys(args, c.found[:0])
	for _, k := range c.found {
		c.locks.Add(c.db, command.Text(args[k.Index]))
	}
	if err := c.tx.Begin(c.locks, cmd.Flags&Write != 0); err != nil {
		return err
	}
	c.call.Tx = c.tx
	c.call.Start(cmd, args)
	err = cmd.Run(&c.call)
	if e := c.tx.End(); err == nil {
		err = e
	}
	return err
}

// do runs a command that must not fail and returns its reply as sent.
func (c *client) do(args ...string) string {
	c.t.Helper()
	require.NoError(c.t, c.run(raw(args...)), "%q", args)
	return string(c.out.Bytes())
}

// raw returns args as they come from the network.
func raw(args ...string) [][]byte {
	b := make([][]byte, len(args))
	for i, a := range args {
		b[i] = []byte(a)
	}
	return b
}

// A stopped clock goes on only when it is told to, and calls nobody.
type stopped struct{ millis atomic.Int64 }

func newStopped() *stopped {
	c := new(stopped)
	c.millis.Store(1_700_000_000_000)
	return c
}

func (c *stopped) Now() time.Time { return time.UnixMilli(c.millis.Load()) }

func (c *stopped) AfterFunc(time.Duration, func()) (stop func() bool) {
	return func() bool { return true }
}

func (c *stopped) advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }
