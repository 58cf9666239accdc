package types

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// A value that is lent stays as it is, whatever is done to its key; its memory
// is the borrower's if it was replaced meanwhile, the writer's if the loan had
// ended, and nobody's if a clone has it.
func TestLoan(t *testing.T) {
	const key, size = "key", 40_000
	h := HashOf(key)
	value := func(c byte) []byte { return bytes.Repeat([]byte{c}, size) }
	writes := map[string]func(d *Dict){
		"put":     func(d *Dict) { d.Put(h, key, value('n'), 0, 0) },
		"give":    func(d *Dict) { require.Nil(t, d.Give(d.Find(h, key), h, key, value('n'), 0, 0)) },
		"mutable": func(d *Dict) { clear(d.Mutable(h, key)) },
		"grow":    func(d *Dict) { clear(d.Grow(h, key, size+1)) },
		"delete":  func(d *Dict) { d.Delete(h, key) },
		"clear":   func(d *Dict) { d.Clear() },
		"object":  func(d *Dict) { d.PutObject(h, key, New(KindSet), 0) },
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			d := new(Dict)
			d.Put(h, key, value('o'), 0, 0)
			a, ok := d.Find(h, key).Lend()
			require.True(t, ok)
			b, _ := d.Find(h, key).Lend()
			write(d)
			require.Equal(t, value('o'), a.Bytes())
			require.NoError(t, d.check())
			require.Nil(t, a.End())
			if left := b.End(); name == "give" {
				require.Equal(t, value('o'), left)
			}
		})
	}

	d := new(Dict)
	give := func(c byte) []byte { return d.Give(d.Find(h, key), h, key, value(c), 0, 0) }
	require.Nil(t, give('1'))
	l, _ := d.Find(h, key).Lend()
	require.Nil(t, l.End())
	require.Equal(t, value('1'), give('2'), "the loan had ended")
	c := d.Clone()
	l, _ = d.Find(h, key).Lend()
	require.Nil(t, give('3'), "a clone has it")
	require.Nil(t, l.End())
	require.Equal(t, value('2'), c.Find(h, key).Value())
	require.NoError(t, d.check())

	d.Put(HashOf("s"), "s", make([]byte, minLoan-1), 0, 0)
	_, ok := d.Find(HashOf("s"), "s").Lend()
	require.False(t, ok)
	require.Nil(t, Loan{}.End())
	require.Nil(t, Loan{}.Bytes())
}
