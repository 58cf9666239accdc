package kill

import (
	"fmt"
	"slices"

	"github.com/gomodule/redigo/redis"
)

// look reads all keys of a group in one batch.
func look(conn redis.Conn, group int) (*sight, error) {
	var keys []string
	sent := now()
	conn.Send("MULTI")
	for _, kc := range keyCounts {
		for n := range kc.count {
			k := key(group, kc.kind, n)
			keys = append(keys, k)
			conn.Send("PEXPIRETIME", k)
			if err := conn.Send(reading(kc.kind, k)[0], redis.Args{}.AddFlat(reading(kc.kind, k)[1:])...); err != nil {
				return nil, err
			}
		}
	}
	replies, err := redis.Values(conn.Do("EXEC"))
	if err != nil {
		return nil, err
	}
	s := &sight{keys: keys, sent: sent, ended: now()}
	for i, k := range keys {
		v, err := valueOf(replies[2*i], replies[2*i+1], kindOf(i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		s.keyspace = s.with(k, v)
	}
	return s, nil
}

// kindOf returns the kind of the key numbered i in the order of keyCounts.
func kindOf(i int) string {
	for _, kc := range keyCounts {
		if i < kc.count {
			return kc.kind
		}
		i -= kc.count
	}
	panic("BUG: no such key")
}

// reading is the command that reads a key as a whole.
func reading(kind, key string) []string {
	switch kind {
	case "list", "queue", "biglist":
		return []string{"LRANGE", key, "0", "-1"}
	case "hash", "bighash":
		return []string{"HGETALL", key}
	case "set":
		return []string{"SMEMBERS", key}
	case "zset", "zqueue", "bigzset":
		return []string{"ZRANGE", key, "0", "-1", "WITHSCORES"}
	}
	return []string{"GET", key}
}

// valueOf makes a value of the replies to PEXPIRETIME and reading.
func valueOf(expiry, content any, kind string) (*value, error) {
	deadline, err := redis.Int64(expiry, nil)
	if err != nil {
		return nil, err
	}
	if deadline == -2 {
		return nil, nil
	}
	deadline = max(deadline, 0) // -1: none
	command := reading(kind, "")[0]
	if command == "GET" {
		text, err := redis.String(content, nil)
		return texted(text, deadline), err
	}
	words, err := redis.Strings(content, nil)
	if err != nil {
		return nil, err
	}
	if command == "LRANGE" {
		var items []item
		for _, w := range words {
			items = append(items, item{name: w})
		}
		return holding(items, deadline), nil
	}
	width := 2
	if command == "SMEMBERS" {
		width = 1
	}
	items := map[string]item{}
	for pair := range slices.Chunk(words, width) {
		x := item{name: pair[0]}
		if width == 2 {
			x.value = pair[1]
		}
		items[x.name] = x
	}
	if len(items) != len(words)/width {
		return nil, fmt.Errorf("%d names, %d of them different", len(words)/width, len(items))
	}
	return holding(sorted(items), deadline), nil
}
