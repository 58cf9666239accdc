package wire

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/types"
	"redstart/wire/command"
	"redstart/wire/resp"
)

// A handler that panics, plain, in EXEC or when it is served after a wait, ends
// its own command with an error: no lock stays held, the session goes on, and
// memory and journal have the same half of what it did.
func TestPanicInHandler(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := store.Open(path, nil)
	require.NoError(t, err)
	srv := NewServer(db, nil)
	srv.table, err = command.NewTable(append(Commands(), command.Command{
		Name: "BOOM", Syntax: "{key}", Summary: "Panics half-way.", Since: "1.0.0", Flags: command.Write, Run: boom,
	}, command.Command{
		Name: "BLBOOM", Syntax: "{key}", Summary: "Panics when served.", Since: "1.0.0", Flags: command.Write | command.Blocking,
		Run: func(c *command.Call) error {
			key := c.Key()
			if c.Tx.Kind(key) == types.KindNone {
				return c.Wait(command.Wait{Kind: types.KindList, Keys: []string{key}})
			}
			l, _ := c.Tx.EditList(key)
			l.PopFront()
			panic("served")
		},
	}))
	require.NoError(t, err)
	s, waiter := newSession(srv, nowhere{}), newSession(srv, nowhere{})

	internal := "-" + string(errInternal) + "\r\n"
	require.Equal(t, internal+"+PONG\r\n", run(s, "BOOM a", "PING"))
	require.Equal(t, "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n"+internal+":1\r\n",
		run(s, "MULTI", "SET b 1", "BOOM c", "LPUSH d e", "EXEC"))
	require.Empty(t, run(waiter, "BLBOOM q"))
	require.Equal(t, ":2\r\n", run(s, "RPUSH q 1 2"))
	waiter.resume()
	require.Equal(t, internal+"+PONG\r\n", run(waiter, "PING"))
	require.Equal(t, ":5\r\n", run(s, "DBSIZE")) // takes every lock
	require.NoError(t, db.Check())
	look := []string{"LRANGE a 0 -1", "GET b", "LRANGE c 0 -1", "LRANGE d 0 -1", "LRANGE q 0 -1", "DBSIZE"}
	before := run(s, look...)
	require.NoError(t, db.Close())

	db, err = store.Open(path, nil)
	require.NoError(t, err)
	defer db.Close()
	require.Equal(t, before, run(newSession(NewServer(db, nil), nowhere{}), look...))
}

func boom(c *command.Call) error {
	l, err := c.Tx.EditList(c.Key())
	if err != nil {
		return err
	}
	l.PushBack([]byte("half"))
	c.Reply.Array(2)
	panic("boom")
}

// run runs commands and returns what the session has to say.
func run(s *session, commands ...string) string {
	var in resp.Writer
	for _, line := range commands {
		in.Command(strings.Fields(line)...)
	}
	s.feed(in.Bytes())
	s.publish(nil)
	var out []byte
	s.box.send(func(b []byte) (bool, error) { out = append(out, b...); return false, nil })
	return string(out)
}
