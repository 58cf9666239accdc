package wire

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/types"
	"redstart/wire/resp"
)

// What is on its way comes out in order and as it was, however much of it is
// taken at a time.
func TestOutgoing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var d types.Dict
		h, value := types.HashOf("k"), bytes.Repeat([]byte("v"), 40_000)
		d.Put(h, "k", value, 0, 0)
		loan, ok := d.Find(h, "k").Lend()
		require.True(t, ok)
		var w resp.Writer
		w.Int(7)
		l := lent{w.BulkAround(len(value)), loan}
		w.Simple("after")
		want := ":7\r\n$40000\r\n" + string(value) + "\r\n+after\r\n+more\r\n"

		o := newOutgoing(w.Swap(nil), l)
		more := newOutgoing([]byte("+more\r\n"), lent{})
		o.add(&more)
		var got []byte
		for o.len() > 0 {
			n := 1 + rng.IntN(1+rng.IntN(o.len()))
			got = append(got, o.all()[:n]...)
			if o.sent(n); rng.IntN(4) == 0 { // the value changes meanwhile
				d.Put(h, "k", bytes.Repeat([]byte("x"), 40_000), 0, 0)
			}
		}
		require.Equal(t, want, string(got))
		o.release()
		require.Zero(t, o)
	}
}
