package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
)

// A listener hears of every change once, with the database it is in.
func TestListen(t *testing.T) {
	db, err := store.Open("", nil)
	require.NoError(t, err)
	defer db.Close()
	var heard []string
	l := &store.Listener{
		Changed: func(tx *store.Tx, key string) { heard = append(heard, fmt.Sprint(tx.Index(), " ", key)) },
		Cleared: func(tx *store.Tx) { heard = append(heard, "all") },
	}
	expect := func(want ...string) {
		t.Helper()
		require.Equal(t, want, heard)
		heard = nil
	}
	require.NoError(t, db.Set("before", nil))
	db.Listen(l)
	require.NoError(t, db.Set("a", []byte("1")))
	expect("0 a")
	_, err = db.Incr("a", 1)
	require.NoError(t, err)
	_, err = db.Expire("a", time.Hour)
	require.NoError(t, err)
	expect("0 a", "0 a")
	require.NoError(t, db.Update(func(tx *store.Tx) error {
		l, err := tx.EditList("l")
		l.PushBack([]byte("x"))
		l.PushBack([]byte("y"))
		return err
	}, store.In(3)))
	expect("3 l")
	require.NoError(t, db.Update(func(tx *store.Tx) error { return tx.Rename("a", 2, "b") }))
	require.ElementsMatch(t, []string{"0 a", "2 b"}, heard)
	heard = nil
	_, err = db.Delete("none", "before")
	require.NoError(t, err)
	expect("0 before")
	_, err = db.Expire("l", -time.Hour)
	require.NoError(t, err)
	require.NoError(t, db.Flush(2))
	require.NoError(t, db.Flush(-1))
	expect("all", "all")
	require.Error(t, db.Update(func(tx *store.Tx) error {
		require.NoError(t, tx.Set("c", nil))
		return fmt.Errorf("no")
	}))
	expect()
	db.Unlisten(l)
	require.NoError(t, db.Set("a", []byte("1")))
	expect()
}
