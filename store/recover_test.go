package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/persist"
)

// Whatever happens to a file, what is recovered from it opens and is whole, and
// the file stays as it was.
func TestRecoveredOpens(t *testing.T) {
	dir := t.TempDir()
	path, to := filepath.Join(dir, "app.db"), filepath.Join(dir, "new.db")
	db := open(t, path, nil)
	r := rand.New(rand.NewPCG(6, 6))
	for i := range 400 {
		require.NoError(t, db.Update(func(tx *Tx) error {
			n := r.IntN(20)
			l, _ := tx.EditList(fmt.Sprint("list", n))
			h, _ := tx.EditHash(fmt.Sprint("hash", n))
			z, err := tx.EditZSet(fmt.Sprint("zset", n))
			if err != nil {
				return err
			}
			l.PushBack(make([]byte, r.IntN(500)))
			if l.Len() > 3 {
				l.PopFront()
			}
			h.Set(fmt.Sprint(r.IntN(50)), make([]byte, r.IntN(500)))
			z.Add(fmt.Sprint(r.IntN(50)), r.Float64(), 0)
			return tx.Set(fmt.Sprint("string", i), make([]byte, r.IntN(500)))
		}))
		if i == 200 || i == 250 {
			require.NoError(t, db.Save())
		}
		if i%20 == 0 {
			require.NoError(t, db.Sync())
		}
	}
	require.NoError(t, db.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for round := range 60 {
		b := append([]byte(nil), whole...)
		if round > 0 {
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			}
		}
		if round%10 == 9 {
			b = b[:r.IntN(len(b))]
		}
		require.NoError(t, os.WriteFile(path, b, 0o600))
		sum, err := persist.Recover(path, to, func(string) {})
		after, readErr := os.ReadFile(path)
		require.NoError(t, readErr)
		require.Equal(t, b, after)
		if errors.Is(err, ErrForeign) && len(b) < 4*os.Getpagesize() {
			continue // not even a root is left
		}
		require.NoError(t, err)
		db, err := Open(to, nil)
		require.NoError(t, err)
		require.NoError(t, db.Check())
		require.Equal(t, sum.Keys, db.Len(0))
		if round == 0 {
			require.Equal(t, 201+199+60, sum.Keys)
		}
		require.NoError(t, db.Close())
		require.NoError(t, os.Remove(to))
	}
}
