package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/wire/resp"
)

// Large arguments, in whatever command, place and pieces they come, by feed or
// by space, are what was sent, and the store's values are its own.
func TestLargeArguments(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	value := func() string {
		b := make([]byte, minApart-2+rng.IntN(3*minApart))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return string(b)
	}
	var in, want resp.Writer
	model := map[string]string{}
	for range 300 {
		key, v := fmt.Sprint("k", rng.IntN(5)), value()
		switch rng.IntN(9) {
		default:
			in.Command("SET", key, v)
			want.Simple("OK")
			model[key] = v
		case 1:
			w := value()
			in.Command("MSET", key, v, key+"b", w)
			want.Simple("OK")
			model[key], model[key+"b"] = v, w
		case 2:
			in.Command("MULTI")
			in.Command("SET", key, v)
			in.Command("EXEC")
			want.Simple("OK")
			want.Simple("QUEUED")
			want.Array(1)
			want.Simple("OK")
			model[key] = v
		case 3:
			in.Command("APPEND", key, v[:minApart])
			model[key] += v[:minApart]
			want.Int(int64(len(model[key])))
		case 4:
			in.Command("SETNX", key, v)
			_, there := model[key]
			want.Bool(!there)
			if !there {
				model[key] = v
			}
		case 5:
			in.Command("ECHO", v)
			want.BulkString(v)
		case 6:
			in.Command("SET", key, v, "GET")
			if was, there := model[key]; there {
				want.BulkString(was)
			} else {
				want.Null()
			}
			model[key] = v
		case 7:
			in.Command("DEL", v, key)
			n := 0
			if _, there := model[key]; there {
				n = 1
			}
			delete(model, key)
			want.Int(int64(n))
		}
		in.Command("GET", key)
		if v, there := model[key]; there {
			want.BulkString(v)
		} else {
			want.Null()
		}
	}
	s := quietSession(t)
	var got bytes.Buffer
	for b := in.Bytes(); len(b) > 0; {
		n := min(len(b), 1+rng.IntN(1<<(1+rng.IntN(18))))
		var more bool
		if space := s.space(); space != nil && rng.IntN(3) > 0 {
			n = min(n, len(space))
			copy(space, b[:n])
			more = s.feedSpace(n)
		} else {
			more = s.feed(b[:n])
		}
		for ; ; more = s.feedMore() {
			s.publish(nil)
			s.box.send(func(b []byte) (bool, error) { got.Write(b); return false, nil })
			if !more {
				break
			}
		}
		b = b[n:]
	}
	require.Equal(t, want.Len(), got.Len())
	require.True(t, bytes.Equal(want.Bytes(), got.Bytes()))
	require.Zero(t, s.apart)
	require.NoError(t, s.srv.db.Check())
}

// Buffers have room for what they are asked for, and little more.
func TestArgumentPool(t *testing.T) {
	var p argumentPool
	for i := range p {
		size := argumentSize(i)
		require.Equal(t, i, argumentPoolOf(size))
		require.Equal(t, i+1, argumentPoolOf(size+1))
	}
	for _, n := range []int{0, 1, 1 << minArgument, 1<<minArgument + 1, 70_000, 1<<20 + 2, 1 << maxArgument, 1<<maxArgument + 1} {
		b := p.get(n)
		require.GreaterOrEqual(t, len(b), n)
		require.LessOrEqual(t, len(b), n+n/16+1)
		p.put(b)
		p.put(make([]byte, n)) // of a size that is not a pool's
		for range 3 {
			require.GreaterOrEqual(t, len(p.get(n)), n)
		}
	}
	p.put(nil)
}
