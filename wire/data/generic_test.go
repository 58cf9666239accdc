package data

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire/resp"
)

// elems runs a command whose reply is an array and returns its elements.
func (c *client) elems(args ...string) []resp.Value {
	c.t.Helper()
	v, _, err := resp.Decode([]byte(c.do(args...)))
	require.NoError(c.t, err)
	require.Equal(c.t, resp.Array, v.Type)
	return v.Elems
}

// A walk by SCAN sees every key that is there all the time, whatever comes and
// goes meanwhile, for every COUNT and number of shards.
func TestScanSeesEveryKey(t *testing.T) {
	for _, shards := range []int{1, 16, 64} {
		for _, count := range []int{1, 7, 10, 1000, math.MaxInt} {
			t.Run(fmt.Sprintf("%d shards, count %d", shards, count), func(t *testing.T) {
				c := newClient(t, &store.Options{Shards: shards})
				for i := range 500 {
					c.do("SET", fmt.Sprint("stay", i), "v")
					c.do("SET", fmt.Sprint("go", i), "v")
				}
				seen := map[string]bool{}
				for cursor, step := "0", 0; ; step++ {
					reply := c.elems("SCAN", cursor, "COUNT", strconv.Itoa(count), "MATCH", "s*")
					for _, e := range reply[1].Elems {
						seen[e.Str] = true
					}
					if cursor = reply[0].Str; cursor == "0" {
						break
					}
					require.Less(t, step, 5000)
					c.do("DEL", fmt.Sprint("go", step%500))
					c.do("SET", fmt.Sprint("come", step), "v")
				}
				require.Len(t, seen, 500)
			})
		}
	}
}

// Any number is good as a cursor.
func TestScanFromAnywhere(t *testing.T) {
	c := newClient(t, nil)
	for i := range 100 {
		c.do("SET", fmt.Sprint(i), "v")
	}
	for _, cursor := range []string{"1", "16", "99999999", "1099511627776", "18446744073709551615"} {
		for step := 0; cursor != "0"; step++ {
			cursor = c.elems("SCAN", cursor)[0].Str
			require.Less(t, step, 1000)
		}
	}
}

func TestRandomKeyFindsEveryKey(t *testing.T) {
	clock := newStopped()
	c := newClient(t, &store.Options{Seed: 1, Clock: clock})
	for i := range 20 {
		c.do("SET", fmt.Sprint("k", i), "v")
		c.do("SET", fmt.Sprint("expired", i), "v", "PX", "1")
	}
	clock.advance(time.Second)
	seen := map[string]int{}
	for range 2000 {
		seen[c.do("RANDOMKEY")]++
	}
	require.Len(t, seen, 20)
	for key, n := range seen {
		require.Greater(t, n, 30, key)
	}
}

// Keys that have expired are not shown, though nothing has removed them yet.
func TestKeysHidesTheExpired(t *testing.T) {
	clock := newStopped()
	c := newClient(t, &store.Options{Clock: clock})
	c.do("SET", "stays", "v")
	c.do("SET", "goes", "v", "EX", "10")
	require.Len(t, c.elems("KEYS", "*"), 2)
	clock.advance(10 * time.Second)
	require.Len(t, c.elems("KEYS", "*"), 1)
	require.Len(t, c.elems("SCAN", "0")[1].Elems, 1)
}

// IDLETIME counts from the last use, and a move is none.
func TestIdleTime(t *testing.T) {
	clock := newStopped()
	c := newClient(t, &store.Options{Clock: clock})
	c.do("SETRANGE", "a", "3", "v")
	c.do("SET", "b", "v")
	c.do("LPUSH", "l", "v")
	c.do("COPY", "b", "copy")
	clock.advance(90 * time.Second)
	c.do("RENAME", "b", "moved")
	for _, key := range []string{"a", "moved", "l", "copy"} {
		require.Equal(t, ":90\r\n", c.do("OBJECT", "IDLETIME", key), key)
	}
}

// TIME is the clock's, to the microsecond.
func TestTime(t *testing.T) {
	clock := newStopped()
	c := newClient(t, &store.Options{Clock: clock})
	clock.advance(1234 * time.Millisecond)
	require.Equal(t, "*2\r\n$10\r\n1700000001\r\n$6\r\n234000\r\n", c.do("TIME"))
}
