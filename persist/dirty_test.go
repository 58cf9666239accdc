package persist

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDirty(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var d dirty
	want := map[string]bool{}
	for range 20000 {
		db, key := r.IntN(3), fmt.Sprint(r.IntN(5000))
		if r.IntN(500) == 0 {
			key = ""
		}
		at := d.add(db, []byte(key))
		gotDB, gotKey := d.name(at)
		require.Equal(t, db, gotDB)
		require.Equal(t, key, string(gotKey))
		want[fmt.Sprint(db, " ", key)] = true
		require.Equal(t, len(want), d.count)
	}
	for e := range d.entries(newModel()) {
		require.True(t, e.Deleted)
		name := fmt.Sprint(e.DB, " ", string(e.Key))
		require.True(t, want[name], "twice or never added: %s", name)
		delete(want, name)
	}
	require.Empty(t, want)
}
