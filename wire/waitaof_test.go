package wire_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
)

// WAITAOF answers when what its client has written is on disk, under every
// policy. Under Never nothing is there by itself, until somebody asks.
func TestWaitaof(t *testing.T) {
	p := startOurs(t, filepath.Join(t.TempDir(), "app.db"), &store.Options{Sync: store.Never}, nil)
	a, b := newClient(t, p), newClient(t, p)
	say := func(c *client, args ...string) string { return c.do(t, args...).String() }
	const onDisk, notYet = "1) (integer) 1\n2) (integer) 0", "1) (integer) 0\n2) (integer) 0"

	require.Equal(t, onDisk, say(a, "WAITAOF", "1", "0", "0"), "it has written nothing")
	require.Equal(t, "OK", say(a, "SET", "k", "v"))
	require.Equal(t, notYet, say(a, "WAITAOF", "0", "0", "0"), "who asks for nothing does not wait")
	require.Equal(t, notYet, say(a, "WAITAOF", "0", "5", "0"), "nor for replicas")
	require.Equal(t, onDisk, say(b, "WAITAOF", "1", "0", "0"), "the write of another")
	require.False(t, p.db.Durable(p.db.Seq()))

	require.Equal(t, "OK", say(a, "MULTI"))
	require.Equal(t, "QUEUED", say(a, "WAITAOF", "1", "0", "0"))
	require.Equal(t, "1) 1) (integer) 0\n   2) (integer) 0", say(a, "EXEC"), "in a transaction nobody waits")

	// What a client was served is its own, whoever has committed it.
	waiting := p.waiting()
	a.send(t, [][]byte{[]byte("BLPOP"), []byte("l"), []byte("0")})
	require.Eventually(t, func() bool { return p.waiting() > waiting }, patience, time.Millisecond)
	require.Equal(t, "(integer) 1", say(b, "RPUSH", "l", "e"))
	require.Equal(t, "1) \"l\"\n2) \"e\"", a.read(t).String())
	require.Equal(t, notYet, say(a, "WAITAOF", "0", "0", "0"))
	require.Equal(t, onDisk, say(a, "WAITAOF", "1", "1", "60000"))
	require.True(t, p.db.Durable(p.db.Seq()))
	require.Equal(t, onDisk, say(a, "WAITAOF", "0", "0", "0"))

	// Commands behind it wait, in their order.
	a.send(t, [][]byte{[]byte("SET"), []byte("k"), []byte("w")})
	a.send(t, [][]byte{[]byte("WAITAOF"), []byte("1"), []byte("0"), []byte("0")})
	a.send(t, [][]byte{[]byte("GET"), []byte("k")})
	require.Equal(t, "OK", a.read(t).String())
	require.Equal(t, onDisk, a.read(t).String())
	require.Equal(t, `"w"`, a.read(t).String())
}

// Every transport knows how to wait.
func TestWaitaofOverTCP(t *testing.T) {
	for _, policy := range []store.Policy{store.EverySecond, store.Always, store.Never} {
		p := startOurs(t, filepath.Join(t.TempDir(), "app.db"), &store.Options{Sync: policy}, nil)
		c := newClient(t, onTCP(t, p))
		for range 20 {
			require.Equal(t, "OK", c.do(t, "SET", "k", "v").String())
			require.Equal(t, "1) (integer) 1\n2) (integer) 0", c.do(t, "WAITAOF", "1", "0", "0").String())
			require.True(t, p.db.Durable(p.db.Seq()))
		}
	}
}

func TestWaitaofInMemory(t *testing.T) {
	c := newClient(t, startOurs(t, "", nil, nil))
	require.Equal(t, "(error) ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
		c.do(t, "WAITAOF", "1", "0", "0").String())
	require.Equal(t, "1) (integer) 1\n2) (integer) 0", c.do(t, "WAITAOF", "0", "0", "0").String())
}
