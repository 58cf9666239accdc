package store

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Large values that change a little between saves come back from the file as
// they were, with every kind of change there is.
func TestSavedPatches(t *testing.T) {
	for seed := range uint64(3) {
		savedPatches(t, seed)
	}
}

func savedPatches(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 4))
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := Open(path, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(makeLarge))
	require.NoError(t, db.Save())
	base, _ := db.Stats()
	for range 12 {
		for range 1 + r.IntN(6) {
			require.NoError(t, db.Update(func(tx *Tx) error { return changeLarge(tx, r) }))
		}
		require.NoError(t, db.Save())
		if r.IntN(4) != 0 {
			continue
		}
		want := contents(t, db)
		require.NoError(t, db.Close())
		db, err = Open(path, nil)
		require.NoError(t, err)
		require.Equal(t, want, contents(t, db), "seed %d", seed)
		require.NoError(t, db.Check())
	}
	s, _ := db.Stats()
	require.Equal(t, base.Generation, s.Generation, "a base was written")
	require.Less(t, s.DeltaBytes, s.BaseBytes/4, "large values were written whole")
	require.NoError(t, db.Close())
}

func contents(t *testing.T, db *DB) map[string]string {
	s := db.Snapshot()
	defer s.Close()
	return textOf(t, s.Tx)
}

func makeLarge(tx *Tx) error {
	list, _ := tx.EditList("list")
	hash, _ := tx.EditHash("hash")
	set, _ := tx.EditSet("set")
	zset, _ := tx.EditZSet("zset")
	for i := range 5000 {
		name := fmt.Sprintf("element %05d", i)
		list.PushBack([]byte(name))
		hash.Set(name, []byte("value"))
		set.Add(name)
		zset.Add(name, float64(i), 0)
	}
	return tx.Set("string", []byte(strings.Repeat("0123456789", 10000)))
}

// changeLarge makes one change to one of the values.
func changeLarge(tx *Tx, r *rand.Rand) error {
	name := fmt.Sprintf("element %05d", r.IntN(5050))
	list, _ := tx.EditList("list")
	hash, _ := tx.EditHash("hash")
	set, _ := tx.EditSet("set")
	zset, _ := tx.EditZSet("zset")
	switch r.IntN(20) {
	case 0:
		list.PushFront([]byte(name))
	case 1:
		list.PushBack([]byte(name))
	case 2:
		list.PopFront()
	case 3:
		list.PopBack()
	case 4:
		return list.SetAt(r.IntN(list.Len()), []byte(name))
	case 5:
		list.Insert([]byte(name), []byte("beside"), r.IntN(2) == 0)
	case 6:
		hash.Set(name, []byte("other"))
	case 7:
		hash.Delete(name)
	case 8:
		_, err := hash.IncrByFloat("float", "0.1")
		return err
	case 9:
		set.Add(name)
	case 10:
		set.Remove(name)
	case 11:
		zset.Add(name, r.NormFloat64(), 0)
	case 12:
		zset.Remove(name)
	case 13:
		_, err := tx.Append("string", []byte(name))
		return err
	case 14:
		_, err := tx.SetRange("string", r.IntN(100_000), []byte(name))
		return err
	case 15:
		list.Trim(1, -2)
	case 16:
		zset.RemoveRange(r.IntN(100), 100)
	case 17:
		list.Remove([]byte("beside"), 1)
	default:
		at := []int64{0, tx.Now() + 1e9 + r.Int64N(1e9)}[r.IntN(2)]
		_, err := tx.Expire([]string{"list", "hash", "string"}[r.IntN(3)], at)
		return err
	}
	return nil
}
