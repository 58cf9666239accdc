package wire_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
	"redstart/wire"
)

func ExampleDo() {
	db, _ := store.Open("", nil)
	defer db.Close()
	ctx := context.Background()

	wire.Do(ctx, db, "ZADD", "board", 20, "ann", 12.5, "bob")
	v, err := wire.Do(ctx, db, "ZRANGE", "board", 0, -1, "WITHSCORES")
	fmt.Println(v, err)

	_, err = wire.Do(ctx, db, "INCR", "board")
	fmt.Println(err)
	// Output:
	// [bob 12.5 ann 20] <nil>
	// WRONGTYPE Operation against a key holding the wrong kind of value
}

func memoryDB(t testing.TB) *store.DB {
	db, err := store.Open("", nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, db.Check())
		require.NoError(t, db.Close())
	})
	return db
}

func TestDo(t *testing.T) {
	db, ctx := memoryDB(t), context.Background()
	v, err := wire.Do(ctx, db, "SET", "k", []byte("v"))
	require.NoError(t, err)
	require.Equal(t, "OK", v.String())
	v, err = wire.Do(ctx, db, "GET", "nosuch")
	require.NoError(t, err)
	require.True(t, v.IsNull())
	v, err = wire.Do(ctx, db, "EXISTS", "k", true, uint8(3))
	require.NoError(t, err)
	require.Equal(t, 1, v.Integer())

	_, err = wire.Do(ctx, db, "NOSUCH")
	var e wire.Error
	require.ErrorAs(t, err, &e)
	_, err = wire.Do(ctx, db, "SET", "k", struct{}{})
	require.EqualError(t, err, "wire.Do: argument 2: a struct {} cannot be an argument")
	_, err = wire.Do(ctx, db)
	require.Error(t, err)
}

func TestDoBlocks(t *testing.T) {
	db := memoryDB(t)
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan string)
	go func() {
		v, err := wire.Do(context.Background(), db, "BLPOP", "q", 0)
		got <- fmt.Sprint(v, err)
	}()
	require.Eventually(t, func() bool { return db.Waiting() == 1 }, patience, time.Millisecond)
	_, err := wire.Do(ctx, db, "RPUSH", "q", "job")
	require.NoError(t, err)
	require.Equal(t, "[q job] <nil>", <-got)

	go func() {
		_, err := wire.Do(ctx, db, "BLPOP", "q", 0)
		got <- fmt.Sprint(err)
	}()
	require.Eventually(t, func() bool { return db.Waiting() == 1 }, patience, time.Millisecond)
	cancel()
	require.Equal(t, "context canceled", <-got)
	require.Zero(t, db.Waiting())

	v, err := wire.Do(context.Background(), db, "BLPOP", "q", 0.001)
	require.NoError(t, err)
	require.True(t, v.IsNull())
}

func BenchmarkDo(b *testing.B) {
	db, ctx := memoryDB(b), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		wire.Do(ctx, db, "SET", "k", "v")
	}
}
