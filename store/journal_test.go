package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reopened returns what is in database 0 after closing and opening again, and
// requires that it is what was there before.
func reopened(t *testing.T, db *DB, clock *manual) map[string]string {
	t.Helper()
	before, path := dump(t, db, 0), db.Path()
	require.NoError(t, db.Check())
	require.NoError(t, db.Close())
	after := dump(t, open(t, path, &Options{Clock: clock}), 0)
	require.Equal(t, before, after)
	return after
}

// The steps of a server's transaction use one another's memory, but what they
// write down is each on its own key.
func TestJournalOfSettledSteps(t *testing.T) {
	clock := newManual()
	db := open(t, filepath.Join(t.TempDir(), "app.db"), &Options{Clock: clock})
	var locks LockSet
	locks.AddAll(db)
	tx := db.NewTx()
	require.NoError(t, tx.Begin(locks, true))
	for _, key := range []string{"a", "b", "c"} {
		s, err := tx.EditSet(key)
		require.NoError(t, err)
		s.Add(key)
		tx.Settle()
	}
	require.NoError(t, tx.End())
	require.Equal(t, map[string]string{"a": "set [a]", "b": "set [b]", "c": "set [c]"}, reopened(t, db, clock))
}

// A value being edited stays so when its deadline is set, or a copy is made.
func TestEditAcrossExpireAndCopy(t *testing.T) {
	clock := newManual()
	db := open(t, filepath.Join(t.TempDir(), "app.db"), &Options{Clock: clock})
	require.NoError(t, db.Update(func(tx *Tx) error {
		h, err := tx.EditHash("h")
		if err != nil {
			return err
		}
		h.Set("f", []byte("1"))
		if _, err := tx.Expire("h", tx.Now()+1000); err != nil {
			return err
		}
		h.Set("f", []byte("2"))
		if err := tx.Copy("h", 0, "copy"); err != nil {
			return err
		}
		h.Set("f", []byte("3"))

		gone, err := tx.EditSet("gone")
		gone.Add("x")
		tx.Expire("gone", tx.Now()+1000)
		gone.Remove("x")
		return err
	}))
	require.Equal(t, map[string]string{
		"h":    "hash map[f:3] until 1700000001000",
		"copy": "hash map[f:2] until 1700000001000",
	}, reopened(t, db, clock))
}

// A transaction that fails after it met an expired key leaves it to be deleted
// by others, in the journal too: what comes later must not meet its remains.
func TestExpiryInFailedUpdate(t *testing.T) {
	clock := newManual()
	db := open(t, filepath.Join(t.TempDir(), "app.db"), &Options{Clock: clock})
	require.NoError(t, db.Update(func(tx *Tx) error {
		h, err := tx.EditHash("h")
		h.Set("old", []byte("1"))
		tx.Expire("h", tx.Now()+10)
		return err
	}))
	clock.set(clock.Now().Add(time.Second)) // and no tick
	require.ErrorIs(t, db.Update(func(tx *Tx) error {
		require.False(t, tx.Exists("h"))
		return errStop
	}), errStop)
	_, err := db.HSet("h", "new", []byte("2"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"h": "hash map[new:2]"}, reopened(t, db, clock))
}

// The empty key is a key like others.
func TestEmptyKey(t *testing.T) {
	db := open(t, "", nil)
	require.NoError(t, db.Update(func(tx *Tx) error { return tx.Set("", []byte("v")) }))
	v, err := db.Get("")
	require.NoError(t, err)
	require.Equal(t, "v", string(v))
}
