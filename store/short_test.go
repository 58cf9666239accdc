package store

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Set by itself leaves the same behind as Set in a transaction, whatever was
// there before and however long the value is.
func TestSetWithoutTransaction(t *testing.T) {
	before := map[string]func(tx *Tx) error{
		"nothing":    func(tx *Tx) error { return nil },
		"string":     func(tx *Tx) error { return tx.Set("k", []byte("value")) },
		"long":       func(tx *Tx) error { return tx.Set("k", bytes.Repeat([]byte("long"), 1000)) },
		"appended":   func(tx *Tx) error { _, err := tx.Append("k", []byte("12")); return err },
		"timed":      func(tx *Tx) error { return tx.Set("k", []byte("value"), TTL(time.Hour)) },
		"expired":    func(tx *Tx) error { return tx.Set("k", []byte("value"), TTL(time.Millisecond)) },
		"collection": func(tx *Tx) error { l, err := tx.EditList("k"); l.PushBack([]byte("e")); return err },
	}
	state := func(db *DB) (s string) {
		require.NoError(t, db.View(func(tx *Tx) error {
			v, err := tx.Get("k")
			at, _ := tx.Deadline("k")
			encoding, _ := tx.Encoding("k")
			s = fmt.Sprintf("%q, %v, deadline %d, %s, of %d keys %d expire, %d changes",
				v, err, at, encoding, tx.Len(), tx.Expires(), db.Unsaved())
			return nil
		}))
		require.NoError(t, db.Check())
		return s
	}
	for name, prepare := range before {
		for _, value := range []string{"", "7", "value", strings.Repeat("v", 64), strings.Repeat("v", 5000)} {
			clock := newManual()
			short, whole := open(t, "", &Options{Clock: clock}), open(t, "", &Options{Clock: clock})
			for _, db := range []*DB{short, whole} {
				require.NoError(t, db.Update(prepare))
			}
			clock.set(clock.Now().Add(time.Second))
			fork := short.Fork() // so that what is there is shared
			was := state(fork)
			require.NoError(t, short.Set("k", []byte(value)))
			require.NoError(t, whole.Update(func(tx *Tx) error { return tx.Set("k", []byte(value)) }))
			require.Equal(t, state(whole), state(short), "%s, then %d bytes", name, len(value))
			require.Equal(t, was, state(fork))
			require.NoError(t, fork.Close())
		}
	}
}

// Get and Set lock for themselves: a value is never seen half written.
func TestSetAndGetAtOnce(t *testing.T) {
	db := open(t, "", nil)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			var buf []byte
			for i := range 3000 {
				key := fmt.Sprint("key:", i%7)
				if (i+g)%3 == 0 {
					if err := db.Set(key, bytes.Repeat([]byte{byte('a' + i%26)}, 20+i%2*600)); err != nil {
						t.Error(err)
					}
					continue
				}
				var err error
				if buf, err = db.AppendGet(buf[:0], key); err != nil {
					t.Error(err)
				}
				if n := len(buf); n != 0 && (n != 20 && n != 620 || bytes.Count(buf, buf[:1]) != n) {
					t.Errorf("%s holds %q", key, buf)
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, db.Check())
}

// What a Get needs no more than one look for, and what needs more.
func TestGetForms(t *testing.T) {
	clock := newManual()
	db := open(t, "", &Options{Clock: clock})
	db.TrackAccess()
	long := strings.Repeat("long", 1000)
	require.NoError(t, db.Set("empty", nil))
	require.NoError(t, db.Set("long", []byte(long)))
	require.NoError(t, db.Set("timed", []byte("t"), TTL(time.Minute)))
	_, err := db.SAdd("set", "member")
	require.NoError(t, err)
	get := func(key string) []byte {
		v, err := db.Get(key)
		require.NoError(t, err)
		return v
	}
	require.Equal(t, []byte{}, get("empty"))
	require.Equal(t, long, string(get("long")))
	require.Equal(t, "t", string(get("timed")))
	require.Nil(t, get("none"))
	_, err = db.Get("set")
	require.ErrorIs(t, err, ErrWrongType)
	clock.set(clock.Now().Add(time.Hour))
	require.Nil(t, get("timed"))
	v, err := db.AppendGet([]byte("before "), "long")
	require.NoError(t, err)
	require.Equal(t, "before "+long, string(v))
}

// What a Set by itself writes to the file comes back, in the order in which it
// was made, is told to who follows, and leaves no log as large as a key behind.
func TestSetWithoutTransactionInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path, nil)
	policies := []Policy{EverySecond, Always, Never, EverySecond}
	var all sync.WaitGroup
	const each = 400
	for g := range 4 {
		all.Go(func() {
			for i := range each {
				if g == 0 && i%20 == 0 {
					db.SetPolicy(policies[i/20%len(policies)])
				}
				key, value := fmt.Sprint("key:", i%5), fmt.Appendf(nil, "%d of %d", i, g)
				err := db.Set(key, value)
				if i%3 == 0 {
					err = errors.Join(err, db.Update(func(tx *Tx) error { return tx.Set(key, value) }, Keys(key)))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	long := strings.Repeat("k", 1<<20)
	require.NoError(t, db.Set(long, []byte("v")))
	for i := range db.shards {
		require.Less(t, cap(db.shards[i].log.Bytes()), 2*keepLog)
	}
	require.NoError(t, db.Sync())
	last, told, heard := db.Seq(), map[string]string{}, uint64(0)
	for c, err := range db.Changes(t.Context(), 0) {
		require.NoError(t, err)
		for _, change := range c.Changes {
			told[change.Key] = string(change.Effect.A)
		}
		if heard = c.Seq; heard == last {
			break
		}
	}
	there := map[string]string{}
	for key := range told {
		v, err := db.Get(key)
		require.NoError(t, err)
		there[key] = string(v)
	}
	require.Equal(t, there, told)
	require.Len(t, there, 6)
	require.NoError(t, db.Close())
	db = open(t, path, nil)
	for key, value := range there {
		v, err := db.Get(key)
		require.NoError(t, err)
		require.Equal(t, value, string(v))
	}
	require.Equal(t, last, db.Seq())
}
