package persisttest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/persist/persisttest"
	"redstart/store"
)

func lookup(t *testing.T, db *persisttest.DB, key string) string {
	t.Helper()
	value, err := db.Get(key)
	require.NoError(t, err)
	return string(value)
}

// What survives which end under which policy.
func TestCrashAndKill(t *testing.T) {
	for _, c := range []struct {
		policy store.Policy
		end    func(*persisttest.DB)
		want   string
	}{
		{store.Always, (*persisttest.DB).Crash, "synced second last"},
		{store.Always, (*persisttest.DB).Kill, "synced second last"},
		{store.EverySecond, (*persisttest.DB).Crash, "synced second "},
		{store.EverySecond, (*persisttest.DB).Kill, "synced second "},
		{store.Never, (*persisttest.DB).Crash, "synced second "}, // by then somebody has asked
		{store.Never, (*persisttest.DB).Kill, "synced second "},
	} {
		t.Run(fmt.Sprint(c.policy, c.want), func(t *testing.T) {
			db := persisttest.Open(t, &store.Options{Sync: c.policy})
			require.NoError(t, db.Set("a", []byte("synced")))
			require.NoError(t, db.Sync())
			for range 2 { // and again with what has come back
				require.NoError(t, db.Set("b", []byte("second")))
				db.Second()
				require.NoError(t, db.Set("c", []byte("last")))
				old := db.DB
				c.end(db)
				require.Equal(t, c.want, lookup(t, db, "a")+" "+lookup(t, db, "b")+" "+lookup(t, db, "c"))
				require.ErrorIs(t, old.Set("d", nil), store.ErrClosed)
				require.NoError(t, db.Check())
			}
		})
	}
}

// Under Never nothing is synced as long as nobody asks; and somebody who asked
// of the file when it was open before counts for nothing.
func TestCrashUnderNever(t *testing.T) {
	db := persisttest.Open(t, &store.Options{Sync: store.Never})
	set := func(key string) {
		require.NoError(t, db.Set(key, []byte("there")))
		db.Second()
	}
	for _, round := range []string{"", "there"} {
		set("a")
		db.Crash()
		require.Equal(t, round, lookup(t, db, "a"))
		set("a")
		require.NoError(t, db.Sync())
		set("b")
		require.True(t, db.Durable(db.Seq()))
		set("c")
		db.Crash()
		require.Equal(t, "there there there", lookup(t, db, "a")+" "+lookup(t, db, "b")+" "+lookup(t, db, "c"))
	}
}

// A checkpoint makes durable what it holds, under every policy, and a crash
// after much unsynced work, of which some is written early, goes back to it.
func TestCrashAfterSave(t *testing.T) {
	db := persisttest.Open(t, &store.Options{Sync: store.Never})
	big := make([]byte, 1<<20)
	for i := range 3 {
		require.NoError(t, db.Set("big", big))
		require.NoError(t, db.Set("n", fmt.Append(nil, i)))
		require.NoError(t, db.Save())
		for range 20 {
			require.NoError(t, db.Set("more", big))
			require.NoError(t, db.Set("n", []byte("lost")))
		}
		db.Second()
		db.Crash()
		require.Equal(t, fmt.Sprint(i), lookup(t, db, "n"))
		require.Empty(t, lookup(t, db, "more"))
	}
}

// Writers that are under way when the power goes get an error or are there.
func TestCrashUnderLoad(t *testing.T) {
	db := persisttest.Open(t, &store.Options{Sync: store.Always})
	acked := make([]int, 4)
	for round := range 5 {
		done := make(chan int)
		old := db.DB
		for w := range acked {
			go func() {
				for {
					n, err := old.Incr(fmt.Sprint(w), 1)
					if err != nil {
						break
					}
					acked[w] = int(n)
				}
				done <- w
			}()
		}
		for db.Unsaved() < int64(10*(round+1)) {
			require.NoError(t, db.Sync())
		}
		db.Crash()
		for range acked {
			<-done
		}
		for w, n := range acked {
			var got int
			fmt.Sscan(lookup(t, db, fmt.Sprint(w)), &got)
			require.GreaterOrEqual(t, got, n, "writer %d", w)
			require.LessOrEqual(t, got, n+1, "writer %d", w)
			acked[w] = got
		}
	}
}
