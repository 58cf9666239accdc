package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"redstart/bench/peer"
)

// value is what -d 64 makes redis-benchmark store.
var value = strings.Repeat("x", 64)

// A filler stores many keys or elements quickly. The first error stays; after
// it nothing is sent.
type filler struct {
	conn redis.Conn
	err  error
}

func newFiller(s *peer.Server) (*filler, error) {
	conn, err := redis.Dial("tcp", s.Addr(), redis.DialReadTimeout(2*time.Minute))
	return &filler{conn: conn}, err
}

func (f *filler) close() { f.conn.Close() }

func (f *filler) do(command string, args ...any) {
	if f.err == nil {
		_, f.err = f.conn.Do(command, args...)
	}
}

// fill sends command with n groups of arguments, some hundred in one command
// and some commands at once.
func (f *filler) fill(n int, command []any, group func(i int) []any) {
	const groups, depth = 200, 20
	pending := 0
	for i := 0; i < n && f.err == nil; {
		args := command[1:len(command):len(command)]
		for end := min(i+groups, n); i < end; i++ {
			args = append(args, group(i)...)
		}
		if f.err = f.conn.Send(command[0].(string), args...); f.err != nil {
			return
		}
		if pending++; pending == depth {
			f.receive(pending)
			pending = 0
		}
	}
	f.receive(pending)
}

func (f *filler) receive(n int) {
	if f.err == nil {
		f.err = f.conn.Flush()
	}
	for ; n > 0 && f.err == nil; n-- {
		_, f.err = f.conn.Receive()
	}
}

// The names are redis-benchmark's: its tests find what is filled in here.

func (f *filler) strings(n int) {
	f.fill(n, []any{"MSET"}, func(i int) []any { return []any{fmt.Sprintf("key:%012d", i), value} })
}

func (f *filler) list(n int) {
	f.fill(n, []any{"RPUSH", "mylist"}, func(int) []any { return []any{value} })
}

func (f *filler) hash(n int) {
	f.fill(n, []any{"HSET", "myhash"}, func(i int) []any { return []any{element(i), value} })
}

func (f *filler) set(n int) {
	f.fill(n, []any{"SADD", "myset"}, func(i int) []any { return []any{element(i)} })
}

func (f *filler) zset(n int) {
	f.fill(n, []any{"ZADD", "myzset"}, func(i int) []any { return []any{(i * 7919) % n, element(i)} })
}

func element(i int) string { return fmt.Sprintf("element:%012d", i) }
