package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/wire/resp"
)

func (k *talker) id() string { return strings.TrimPrefix(k.do("CLIENT ID"), "(integer) ") }

func TestClientNames(t *testing.T) {
	k := talk(t, serve(t, nil))
	require.Equal(t, "(nil)", k.do("CLIENT GETNAME"))
	require.Equal(t, "OK", k.do("CLIENT SETNAME foo"))
	require.Equal(t, `"foo"`, k.do("CLIENT GETNAME"))
	require.Equal(t, "(error) ERR Client names cannot contain spaces, newlines or special characters.", k.do(`CLIENT SETNAME "a b"`))
	require.Equal(t, "OK", k.do("CLIENT SETINFO LIB-NAME go"))
	require.Equal(t, "OK", k.do("CLIENT SETINFO lib-ver 1.2"))
	require.Equal(t, "(error) ERR Unrecognized option 'foo'", k.do("CLIENT SETINFO foo 1"))
	require.Equal(t, "(error) ERR lib-name cannot contain spaces, newlines or special characters.", k.do(`CLIENT SETINFO lib-name "a b"`))
	info := k.do("CLIENT INFO")
	require.Contains(t, info, "name=foo ")
	require.Contains(t, info, "lib-name=go lib-ver=1.2")
	require.Contains(t, info, "cmd=client|info ")
	require.Equal(t, "OK", k.do(`CLIENT SETNAME ""`))
	require.Equal(t, "(nil)", k.do("CLIENT GETNAME"))
}

func TestClientListAndKill(t *testing.T) {
	srv := serve(t, nil)
	a, b, c := talk(t, srv), talk(t, srv), talk(t, srv)
	b.do("SUBSCRIBE news")
	require.Equal(t, 3, strings.Count(a.do("CLIENT LIST"), "id="))
	list := a.do("CLIENT LIST TYPE pubsub")
	require.Equal(t, 1, strings.Count(list, "id="))
	require.Contains(t, list, "sub=1 ")
	cid := c.id()
	require.Contains(t, a.do("CLIENT LIST ID 99 "+cid), "id="+cid+" ")
	for line, want := range map[string]string{
		"CLIENT LIST TYPE foo":         "ERR Unknown client type 'foo'",
		"CLIENT LIST ID":               "ERR syntax error",
		"CLIENT LIST ID 1 x":           "ERR Invalid client ID",
		"CLIENT LIST TYPE normal ID 1": "ERR syntax error",
		"CLIENT KILL foo":              "ERR No such client",
		"CLIENT KILL ID 0":             "ERR client-id should be greater than 0",
		"CLIENT KILL ID 1 x":           "ERR syntax error",
		"CLIENT KILL TYPE x":           "ERR syntax error",
		"CLIENT KILL USER nobody":      "ERR No such user 'nobody'",
		"CLIENT KILL SKIPME maybe":     "ERR syntax error",
	} {
		if line == "CLIENT KILL TYPE x" {
			want = "ERR Unknown client type 'x'"
		}
		require.Equal(t, "(error) "+want, a.do(line), line)
	}
	require.Equal(t, "(integer) 0", a.do("CLIENT KILL ID "+a.id()), "SKIPME is YES")
	require.Equal(t, "(integer) 1", a.do("CLIENT KILL ID "+cid))
	_, err := c.r.Read()
	require.Error(t, err)
	require.Equal(t, "(integer) 1", a.do("CLIENT KILL TYPE pubsub"))
	require.Equal(t, "(integer) 1", a.do("CLIENT KILL SKIPME no"), "itself, after the reply")
	_, err = a.r.Read()
	require.Error(t, err)
}

func TestClientReply(t *testing.T) {
	k := talk(t, serve(t, nil))
	k.send("CLIENT REPLY SKIP\r\nSET a 1\r\nGET a")
	require.Equal(t, `"1"`, k.receive())
	k.send("CLIENT REPLY OFF\r\nSET a 2\r\nGET a\r\nCLIENT REPLY SKIP\r\nGET a\r\nCLIENT REPLY ON\r\nGET a")
	require.Equal(t, "OK", k.receive())
	require.Equal(t, `"2"`, k.receive())
	require.Equal(t, "(error) ERR syntax error", k.do("CLIENT REPLY foo"))
}

func TestClientUnblock(t *testing.T) {
	srv := serve(t, nil)
	a, b := talk(t, srv), talk(t, srv)
	id := b.id()
	require.Equal(t, "(integer) 0", a.do("CLIENT UNBLOCK "+id))
	for _, reason := range []string{"", " TIMEOUT", " ERROR"} {
		b.send("BLPOP q 0")
		require.Eventually(t, func() bool { return srv.db.Waiting() == 1 }, patience, tick)
		require.Equal(t, "(integer) 1", a.do("CLIENT UNBLOCK "+id+reason))
		want := "(nil)"
		if reason == " ERROR" {
			want = "(error) UNBLOCKED client unblocked via CLIENT UNBLOCK"
		}
		require.Equal(t, want, b.receive())
	}
	require.Equal(t, "(error) ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR", a.do("CLIENT UNBLOCK 1 x"))
	require.Contains(t, a.do("CLIENT UNBLOCK 1 ERROR x"), "wrong number of arguments for 'UNBLOCK'")
}

func TestClientPause(t *testing.T) {
	srv := serve(t, nil)
	a, b := talk(t, srv), talk(t, srv)
	require.Equal(t, "OK", a.do("CLIENT PAUSE 100000 WRITE"))
	require.Equal(t, "(nil)", b.do("GET k"), "reading goes on")
	b.send("SET k 1\r\nGET k")
	require.Equal(t, "OK", a.do("MULTI"))
	a.send("SET other 1") // queueing a write is held back, too
	var held *session
	require.Eventually(t, func() bool {
		n := 0
		for _, x := range srv.clients() {
			if x.held.Load() {
				held = x
				n++
			}
		}
		return n == 2 && held != nil
	}, patience, tick)
	c := talk(t, srv)
	require.Equal(t, "(nil)", c.do("GET k"))
	require.Equal(t, "OK", c.do("CLIENT UNPAUSE"))
	require.Equal(t, "OK", b.receive())
	require.Equal(t, `"1"`, b.receive())
	require.Equal(t, "QUEUED", a.receive())
	require.Equal(t, "1) OK", a.do("EXEC"))

	large := strings.Repeat("large", 100_000)
	require.Equal(t, "OK", c.do("CLIENT PAUSE 100000 WRITE"))
	held = nil
	var set resp.Writer
	set.Command("SET", "large", large)
	_, err := b.nc.Write(set.Bytes())
	require.NoError(t, err)
	b.send("STRLEN large")
	require.Eventually(t, func() bool {
		for _, x := range srv.clients() {
			if x.held.Load() {
				held = x
			}
		}
		return held != nil
	}, patience, tick)
	require.Equal(t, "OK", c.do("CLIENT UNPAUSE"))
	require.Equal(t, "OK", b.receive())
	require.Equal(t, "(integer) 500000", b.receive())

	require.Equal(t, "OK", c.do("CLIENT PAUSE 30"))
	require.Equal(t, "PONG", a.do("PING"), "the pause ends by itself")
	require.Nil(t, srv.paused.Load())
	for _, bad := range []string{"x", "-1", "1 x"} {
		require.Contains(t, a.do("CLIENT PAUSE "+bad), "(error) ERR ")
	}
}

func TestClientNoTouch(t *testing.T) {
	srv := serve(t, nil)
	k := talk(t, srv)
	require.Equal(t, "OK", k.do("CLIENT NO-TOUCH ON"))
	require.Contains(t, k.do("CLIENT INFO"), "flags=T ")
	require.Equal(t, "(error) ERR syntax error", k.do("CLIENT NO-TOUCH x"))
	require.Equal(t, "OK", k.do("CLIENT NO-EVICT ON"))
	require.Contains(t, k.do("CLIENT INFO"), "flags=eT ")
	require.Equal(t, "RESET", k.do("RESET"))
	require.Contains(t, k.do("CLIENT INFO"), "flags=N ")
	require.Equal(t, "(integer) -1", k.do("CLIENT GETREDIR"))
	k.do("HELLO 3")
	require.Equal(t, fmt.Sprint("1# \"flags\" => 1~ \"off\"\n2# \"redirect\" => (integer) -1\n3# \"prefixes\" => (empty array)"), k.do("CLIENT TRACKINGINFO"))
}
