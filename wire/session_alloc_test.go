package wire

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire/pubsub"
	"redstart/wire/resp"
)

// Commands of every day allocate nothing in a session: not with 16 in a
// pipeline, nor one at a time.
func TestCommandsAllocateNothing(t *testing.T) {
	for _, line := range [][]string{
		{"PING"}, {"SET", "key", "value"}, {"GET", "key"}, {"INCR", "n"}, {"HSET", "h", "f", "v"}, {"HGET", "h", "f"},
		{"SADD", "s", "m"}, {"SISMEMBER", "s", "m"}, {"ZADD", "z", "1", "m"}, {"ZSCORE", "z", "m"},
		{"LPUSH", "l", "e"}, {"RPOP", "l"}, {"LRANGE", "l", "0", "9"}, {"EXPIRE", "key", "100"}, {"TTL", "key"}, {"EXISTS", "key"},
	} {
		for _, n := range []int{1, 16} {
			t.Run(fmt.Sprint(line[0], n), func(t *testing.T) {
				s := quietSession(t)
				var w resp.Writer
				w.Command("LPUSH", "l", "a", "b", "c")
				s.feed(w.Bytes())
				w.Reset()
				for range n {
					w.Command(line...)
				}
				run := func() {
					s.feed(w.Bytes())
					s.publish(nil)
					s.box.send(sendNowhere)
				}
				for range 100 {
					run()
				}
				perCommand := testing.AllocsPerRun(1000, run) / float64(n)
				require.Less(t, perCommand, 0.1)
			})
		}
	}
}

func sendNowhere([]byte) (bool, error) { return false, nil }

func quietSession(t *testing.T) *session {
	db, err := store.Open("", nil)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	s := newSession(NewServer(db, nil), nowhere{})
	return s
}

// A large command that comes in many pieces is copied a few times, not with
// each piece, and its buffer is not larger than it needs.
func TestLargeCommandIsCopiedFewTimes(t *testing.T) {
	s := quietSession(t)
	var w resp.Writer
	w.Command("SET", "k", string(make([]byte, 8<<20)))
	copies, buffer := 0, (*byte)(nil)
	for in := w.Bytes(); len(in) > 0; {
		n := min(len(in), 1<<10)
		s.feed(in[:n])
		s.publish(nil)
		s.box.send(sendNowhere)
		in = in[n:]
		require.Less(t, len(s.in), 100)
		if b := s.apart.buf; len(b) > 0 && &b[0] != buffer {
			buffer = &b[0]
			copies++
		}
		require.LessOrEqual(t, cap(s.apart.buf), w.Len()*17/16)
	}
	require.LessOrEqual(t, copies, 14)
	require.Nil(t, s.in)
	require.Zero(t, s.apart)
}

// An idle session holds no buffer, whatever it did before.
func TestIdleSessionHoldsNothing(t *testing.T) {
	s := quietSession(t)
	var w resp.Writer
	w.Command("SET", "k", string(make([]byte, 200_000)))
	for range 1000 {
		w.Command("GET", "k")
	}
	w.Command("CLIENT", "REPLY", "OFF")
	w.Command("GET", "k")
	for in := w.Bytes(); len(in) > 0; {
		n := min(len(in), bufferSize)
		for more := s.feed(in[:n]); ; more = s.feedMore() {
			s.publish(nil)
			s.box.send(sendNowhere)
			if !more {
				break
			}
		}
		in = in[n:]
	}
	require.Nil(t, s.in)
	require.Zero(t, cap(s.out.Bytes()))
	require.Nil(t, s.box.buf)
	require.Nil(t, s.call.Args())
	require.Zero(t, s.locks)
}

// A message to a client costs no memory while its outbox has room, and one
// that falls too far behind is dropped with all that waits for it.
func TestOutboxOfMessages(t *testing.T) {
	s := quietSession(t)
	m := pubsub.Message{Kind: pubsub.Channel, Channel: "news", Payload: make([]byte, 100)}
	none := &outputLimit{}
	push := func() {
		require.True(t, s.box.push(m, none, 1))
		s.box.send(sendNowhere)
	}
	for range 100 {
		push()
	}
	require.Less(t, testing.AllocsPerRun(1000, push), 0.1)

	s.box.hold(3) // as HELLO 3 does: this message comes after its reply
	push()
	require.Empty(t, s.box.buf)
	s.out.Simple("reply")
	s.publish(nil)
	require.Equal(t, "+reply\r\n>3\r\n", string(s.box.buf[:12]))

	small := &outputLimit{hard: 1000}
	for s.box.push(m, small, 1) {
	}
	require.Zero(t, s.box.size())
	last, _ := s.box.send(sendNowhere)
	require.True(t, last)
}
