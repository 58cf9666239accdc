package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A commit can be told to be on disk by its number: before, after, from inside.
func TestDurabilityOfOneWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db := open(t, path, &Options{Sync: Never}) // nothing is synced by itself
	ctx := t.Context()
	set := func(key string) func(*Tx) error {
		return func(tx *Tx) error { return tx.Set(key, []byte(key)) }
	}

	var first, second, none uint64
	require.NoError(t, db.Update(set("a"), Seq(&first)))
	require.NotZero(t, first)
	require.Equal(t, first, db.Seq())
	require.False(t, db.Durable(first))

	require.NoError(t, db.Batch().Set("b", []byte("b")).Commit(Seq(&second)))
	require.Equal(t, first+1, second)
	require.NoError(t, db.WaitSeq(ctx, first))
	require.True(t, db.Durable(first))

	none = 7
	require.NoError(t, db.Update(func(*Tx) error { return nil }, Seq(&none)))
	require.Zero(t, none, "nothing was changed")
	none = 7
	refused := errors.New("refused")
	require.ErrorIs(t, db.Update(func(tx *Tx) error { return errors.Join(set("c")(tx), refused) }, Seq(&none)), refused)
	require.Zero(t, none, "nothing was committed")
	require.Equal(t, second, db.Seq())

	require.NoError(t, db.Set("d", []byte("d")))
	third := db.Seq()
	require.False(t, db.Durable(third))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, db.WaitSeq(ended, third), context.Canceled)
	require.NoError(t, db.WaitSeq(ctx, third))
	require.ErrorIs(t, db.WaitSeq(ctx, third+1), ErrFuture)

	var raised uint64
	require.NoError(t, db.Update(func(tx *Tx) error {
		tx.Sync(Always)
		tx.Sync(Never) // lowers nothing
		return tx.Set("e", nil)
	}, Seq(&raised)))
	require.True(t, db.Durable(raised))
	require.NoError(t, db.Update(set("f"), Durable, Seq(&raised)))
	require.True(t, db.Durable(raised))
	require.NoError(t, db.Update(func(tx *Tx) error {
		tx.Sync(EverySecond)
		return tx.Set("g", nil)
	}, Seq(&raised)))
	require.Eventually(t, func() bool { return db.Durable(raised) }, 10*time.Second, time.Millisecond)
	require.NoError(t, db.Update(set("h"), Seq(&raised)))
	require.False(t, db.Durable(raised), "it was raised for one transaction only")
	require.NoError(t, db.Close())

	db = open(t, path, nil)
	require.Equal(t, raised, db.Seq(), "numbers go on after a restart")
	require.True(t, db.Durable(raised))
	require.NoError(t, db.WaitSeq(ctx, raised))
}

// Without a file every wait is over at once.
func TestDurabilityInMemory(t *testing.T) {
	db := open(t, "", &Options{Sync: Always})
	seq := uint64(1)
	require.NoError(t, db.Update(func(tx *Tx) error {
		tx.Sync(Always)
		return tx.Set("a", nil)
	}, Seq(&seq), Durable))
	require.Zero(t, seq)
	require.True(t, db.Durable(seq))
	require.NoError(t, db.WaitSeq(t.Context(), db.Seq()))
}
