package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What Redis does not count as a change of a watched key.
func TestWatchNoChange(t *testing.T) {
	clock := newManual()
	db := open(t, "", &Options{Clock: clock})
	var locks LockSet
	locks.AddAll(db)
	changed := func(do func()) bool {
		var w Watch
		tx := db.NewTx()
		require.NoError(t, tx.Begin(locks, false))
		tx.Watch(&w, "k")
		require.NoError(t, tx.End())
		do()
		require.NoError(t, tx.Begin(locks, false))
		defer tx.End()
		defer db.Unwatch(&w)
		return w.Changed(tx)
	}
	_, err := db.HSet("k", "f", []byte("1"))
	require.NoError(t, err)
	require.False(t, changed(func() { db.HSet("k", "f", []byte("1")) }), "the same value")
	require.False(t, changed(func() {
		require.NoError(t, db.Update(func(tx *Tx) error { return tx.Copy("k", 0, "copy") }))
	}), "the source of a copy")
	require.True(t, changed(func() {
		require.NoError(t, db.Update(func(tx *Tx) error { return tx.Copy("copy", 0, "k") }))
	}), "its target")

	db.Expire("k", time.Millisecond)
	clock.set(clock.Now().Add(time.Second))
	require.False(t, changed(func() { db.Update(func(tx *Tx) error { tx.Exists("k"); return nil }) }), "expired before it was watched")
	require.True(t, changed(func() { db.Set("k", nil) }))
}
