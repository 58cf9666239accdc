package data

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/types"
)

// hotStrings are the commands that programs run most, and so may not allocate.
var hotStrings = []string{
	"GET string", "GET none", "SET string 0123456789abcdef", "SET string value EX 1000 XX GET",
	"SETNX string v", "SETEX string 1000 value", "GETSET string value", "GETEX string PERSIST",
	"MGET string none number", "MSET string a other b third c", "MSETNX string a none b",
	"INCR number", "DECR number", "INCRBY number 7", "DECRBY number 7", "STRLEN string",
	"GETRANGE string 0 -1", "SETRANGE patched 1 x", "EXISTS string none", "TYPE string",
	"TOUCH string none", "EXPIRE string 1000", "PEXPIREAT string 1 GT", "TTL string",
	"PERSIST string", "DBSIZE", "TIME", "DEL none",
}

func hotClient(t testing.TB) *client {
	c := newClient(t, nil)
	c.do("SET", "string", "0123456789abcdef")
	c.do("SET", "patched", "0123456789abcdef")
	c.do("SET", "number", "41")
	return c
}

func TestStringsDoNotAllocate(t *testing.T) {
	c := hotClient(t)
	for _, line := range hotStrings {
		args := raw(strings.Fields(line)...)
		n := testing.AllocsPerRun(200, func() {
			if err := c.run(args); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		})
		require.Zero(t, n, line)
	}
}

func BenchmarkStrings(b *testing.B) {
	for _, line := range []string{"GET string", "SET string 0123456789abcdef", "INCR number", "MSET a 1 b 2 c 3 d 4"} {
		b.Run(strings.ReplaceAll(line, " ", "_"), func(b *testing.B) {
			c, args := hotClient(b), raw(strings.Fields(line)...)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.run(args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a command keeps is a copy: the network buffer is used again.
func TestStringsKeepNoArguments(t *testing.T) {
	c := newClient(t, nil)
	for i, line := range []string{
		"SET key value", "SET key value EX 100", "SETNX key value", "SETEX key 100 value", "GETSET key value",
		"MSET key value", "MSETNX key value", "APPEND key value", "SETRANGE key 0 value",
	} {
		for _, size := range []int{1, 400, 4000} {
			key := strings.Repeat("k", size) + fmt.Sprint(i)
			value := strings.Repeat("v", size)
			args := raw(strings.Fields(strings.NewReplacer("key", key, "value", value).Replace(line))...)
			require.NoError(t, c.run(args), line)
			for _, a := range args {
				clear(a)
			}
			require.Equal(t, fmt.Sprintf("$%d\r\n%s\r\n", size, value), c.do("GET", key), line)
		}
	}
}

// A key is gone in the very millisecond it expires at.
func TestExpiryIsExact(t *testing.T) {
	clock := newStopped()
	c := newClient(t, &store.Options{Clock: clock})
	for _, set := range []string{
		"SET key v PX 1500", "PSETEX key 1500 v", "SET key v PXAT 1700000001500",
		"SET key v|PEXPIRE key 1500", "SET key v|GETEX key PX 1500", "SET key v|PEXPIREAT key 1700000001500",
		"SET old v PX 1500|RENAME old key", "SET old v PX 1500|COPY old key|DEL old",
		"SET key v PX 1500|APPEND key x", "SET key 1 PX 1500|INCR key", "SET key v PX 1500|SET key w KEEPTTL",
	} {
		clock.millis.Store(1_700_000_000_000)
		for line := range strings.SplitSeq(set, "|") {
			c.do(strings.Fields(line)...)
		}
		require.Equal(t, ":1500\r\n", c.do("PTTL", "key"), set)
		require.Equal(t, ":2\r\n", c.do("TTL", "key"), set)
		clock.advance(1499 * time.Millisecond)
		require.Equal(t, ":1\r\n", c.do("PTTL", "key"), set)
		require.Equal(t, ":0\r\n", c.do("TTL", "key"), set)
		require.Equal(t, ":1700000001500\r\n", c.do("PEXPIRETIME", "key"), set)
		clock.advance(time.Millisecond)
		require.Equal(t, "$-1\r\n", c.do("GET", "key"), set)
		require.Equal(t, ":-2\r\n", c.do("TTL", "key"), set)
		require.Equal(t, ":1\r\n", c.do("SETNX", "key", "v"), set)
		c.do("DEL", "key")
	}
}

// slice against the rule said the long way.
func TestSlice(t *testing.T) {
	v := []byte("abcde")
	for start := int64(-8); start <= 8; start++ {
		for end := int64(-8); end <= 8; end++ {
			var want []byte
			for i := range int64(len(v)) {
				from, to := start, end
				if from < 0 {
					from += 5
				}
				if to < 0 {
					to = max(to+5, 0) // an end before the first byte is the first
				}
				if from <= i && i <= to && !(start < 0 && end < 0 && start > end) {
					want = append(want, v[i])
				}
			}
			require.Equal(t, string(want), string(slice(v, start, end)), "%d %d", start, end)
		}
	}
	require.Empty(t, slice(nil, 0, -1))
}

// The transaction's errors of size come before anything is allocated for it.
func TestSetRangeTooLarge(t *testing.T) {
	c := newClient(t, nil)
	require.ErrorIs(t, c.run(raw("SETRANGE", "k", "536870912", "x")), store.ErrTooLarge)
	require.Equal(t, ":0\r\n", c.do("EXISTS", "k"))
	require.ErrorIs(t, c.run(raw("INCRBYFLOAT", "k", "nan")), types.ErrNotFloat)
}
