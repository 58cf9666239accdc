package kill

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// A state is what a client's keys hold, as far as its history determines it.
type state struct {
	strings map[string]string
	lists   map[string][]string
	hashes  map[string]map[string]string
	sets    map[string]map[string]bool
	zsets   map[string]map[string]int64
	expires map[string]int64 // deadline of a key in ms since 1970
}

func newState() *state {
	return &state{
		strings: map[string]string{},
		lists:   map[string][]string{},
		hashes:  map[string]map[string]string{},
		sets:    map[string]map[string]bool{},
		zsets:   map[string]map[string]int64{},
		expires: map[string]int64{},
	}
}

// clone returns a copy that shares nothing with s.
func (s *state) clone() *state {
	c := newState()
	maps.Copy(c.strings, s.strings)
	maps.Copy(c.expires, s.expires)
	for k, v := range s.lists {
		c.lists[k] = slices.Clone(v)
	}
	for k, v := range s.hashes {
		c.hashes[k] = maps.Clone(v)
	}
	for k, v := range s.sets {
		c.sets[k] = maps.Clone(v)
	}
	for k, v := range s.zsets {
		c.zsets[k] = maps.Clone(v)
	}
	return c
}

// keys yields the names of all keys, in no order.
func (s *state) keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		_ = each(s.strings, yield) && each(s.lists, yield) && each(s.hashes, yield) &&
			each(s.sets, yield) && each(s.zsets, yield)
	}
}

func each[V any](m map[string]V, yield func(string) bool) bool {
	for k := range m {
		if !yield(k) {
			return false
		}
	}
	return true
}

func (s *state) has(key string) bool {
	for k := range s.keys() {
		if k == key {
			return true
		}
	}
	return false
}

// contents describes each key in one string: type, deadline, elements.
func (s *state) contents() map[string]string {
	all := map[string]string{}
	for k, v := range s.strings {
		all[k] = "string " + v
	}
	for k, v := range s.lists {
		all[k] = "list " + strings.Join(v, " ")
	}
	for k, v := range s.hashes {
		all[k] = "hash " + pairs(v)
	}
	for k, v := range s.sets {
		all[k] = "set " + strings.Join(slices.Sorted(maps.Keys(v)), " ")
	}
	for k, v := range s.zsets {
		text := map[string]string{}
		for m, score := range v {
			text[m] = strconv.FormatInt(score, 10)
		}
		all[k] = "zset " + pairs(text)
	}
	for k := range all {
		deadline, ok := s.expires[k]
		if !ok {
			deadline = -1
		}
		all[k] = fmt.Sprint(deadline, " ", all[k])
	}
	return all
}

func pairs(m map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, k+"="+m[k])
	}
	return strings.Join(list, " ")
}

// A command is sent as args. apply does to a state what the server does to the
// keys, and returns the reply; it may be called once per state.
type command struct {
	args  []any
	apply func(*state) any
}

// A request is what a client sends and waits for as a whole: one command, or
// several in MULTI and EXEC.
type request []command

func (r request) apply(s *state) []any {
	replies := make([]any, len(r))
	for i, c := range r {
		replies[i] = c.apply(s)
	}
	return replies
}

// A history is the sequence of one client's requests.
type history struct {
	seed   uint64
	client int
}

const year2100 = 4102444800000

// at returns the request at position i, given the state after those before it.
func (h history) at(i int, s *state) request {
	r := rand.New(rand.NewPCG(h.seed, uint64(h.client)<<40|uint64(i)))
	if r.IntN(4) == 0 {
		return h.batch(r, i)
	}
	return request{h.single(r, i, s)}
}

func (h history) key(family string, n int) string {
	return fmt.Sprintf("client%d:%s:%d", h.client, family, n)
}

// batch changes a key of each type, the client's count of batches and that of
// all clients.
func (h history) batch(r *rand.Rand, i int) request {
	n := strconv.Itoa(i)
	return request{
		h.set(h.key("batch", r.IntN(4)), n),
		h.push(h.key("list", 0), n, true),
		h.hset(h.key("hash", 0), "batch", n),
		h.sadd(h.key("set", 0), n),
		h.zadd(h.key("zset", 0), "batch", int64(i)),
		h.incr(h.key("batches", 0)),
		{args: []any{"INCR", allBatches}, apply: func(*state) any { return nil }},
	}
}

// allBatches is the one key that all clients write.
const allBatches = "all:batches"

// single is one command of any kind.
func (h history) single(r *rand.Rand, i int, s *state) command {
	value := fmt.Sprintf("%d-%s", i, strings.Repeat("x", size(r)))
	small := fmt.Sprintf("m%d", r.IntN(300))
	switch r.IntN(16) {
	case 0, 1:
		return h.set(h.key("string", r.IntN(20)), value)
	case 2:
		return h.incr(h.key("count", r.IntN(3)))
	case 3:
		return h.append(h.key("string", r.IntN(20)), strconv.Itoa(i))
	case 4:
		return h.del(h.key("string", r.IntN(20)))
	case 5, 6:
		return h.push(h.key("list", r.IntN(3)), value, r.IntN(2) == 0)
	case 7:
		return h.pop(h.key("list", r.IntN(3)), r.IntN(2) == 0)
	case 8:
		return h.trim(h.key("list", r.IntN(3)), 50)
	case 9:
		return h.hset(h.key("hash", r.IntN(3)), small, value)
	case 10:
		return h.hdel(h.key("hash", r.IntN(3)), small)
	case 11:
		return h.sadd(h.key("set", r.IntN(3)), small)
	case 12:
		return h.srem(h.key("set", r.IntN(3)), small)
	case 13:
		return h.zadd(h.key("zset", r.IntN(3)), small, r.Int64N(1e6))
	case 14:
		return h.expire(h.anyKey(r, s), year2100+r.Int64N(1e9))
	}
	if r.IntN(2) == 0 {
		return h.brief(r.IntN(10), value)
	}
	return h.persist(h.anyKey(r, s))
}

// size is mostly small, sometimes more than a page, and once in a while so
// large that one write does not fit into a journal record.
func size(r *rand.Rand) int {
	switch r.IntN(200) {
	case 0:
		return 300_000
	case 1, 2, 3, 4, 5:
		return 10_000
	}
	return r.IntN(200)
}

func (h history) anyKey(r *rand.Rand, s *state) string {
	keys := slices.Sorted(s.keys())
	if len(keys) == 0 {
		return h.key("string", 0)
	}
	return keys[r.IntN(len(keys))]
}

func (h history) set(key, value string) command {
	return command{[]any{"SET", key, value}, func(s *state) any {
		s.strings[key] = value
		delete(s.expires, key)
		return "OK"
	}}
}

func (h history) incr(key string) command {
	return command{[]any{"INCR", key}, func(s *state) any {
		n, _ := strconv.ParseInt(s.strings[key], 10, 64)
		s.strings[key] = strconv.FormatInt(n+1, 10)
		return n + 1
	}}
}

func (h history) append(key, more string) command {
	return command{[]any{"APPEND", key, more}, func(s *state) any {
		s.strings[key] += more
		return int64(len(s.strings[key]))
	}}
}

func (h history) del(key string) command {
	return command{[]any{"DEL", key}, func(s *state) any {
		_, there := s.strings[key]
		delete(s.strings, key)
		delete(s.expires, key)
		return count(there)
	}}
}

func (h history) push(key, elem string, front bool) command {
	name := "RPUSH"
	if front {
		name = "LPUSH"
	}
	return command{[]any{name, key, elem}, func(s *state) any {
		at := len(s.lists[key])
		if front {
			at = 0
		}
		s.lists[key] = slices.Insert(s.lists[key], at, elem)
		return int64(len(s.lists[key]))
	}}
}

func (h history) pop(key string, front bool) command {
	name := "RPOP"
	if front {
		name = "LPOP"
	}
	return command{[]any{name, key}, func(s *state) any {
		list := s.lists[key]
		if len(list) == 0 {
			return nil
		}
		at := len(list) - 1
		if front {
			at = 0
		}
		elem := list[at]
		s.lists[key] = slices.Delete(slices.Clone(list), at, at+1)
		if len(list) == 1 {
			delete(s.lists, key)
			delete(s.expires, key)
		}
		return elem
	}}
}

// trim leaves the first n elements.
func (h history) trim(key string, n int) command {
	return command{[]any{"LTRIM", key, 0, n - 1}, func(s *state) any {
		if list := s.lists[key]; len(list) > n {
			s.lists[key] = slices.Clone(list[:n])
		}
		return "OK"
	}}
}

func (h history) hset(key, field, value string) command {
	return command{[]any{"HSET", key, field, value}, func(s *state) any {
		if s.hashes[key] == nil {
			s.hashes[key] = map[string]string{}
		}
		_, there := s.hashes[key][field]
		s.hashes[key][field] = value
		return count(!there)
	}}
}

func (h history) hdel(key, field string) command {
	return command{[]any{"HDEL", key, field}, func(s *state) any {
		_, there := s.hashes[key][field]
		delete(s.hashes[key], field)
		if there && len(s.hashes[key]) == 0 {
			delete(s.hashes, key)
			delete(s.expires, key)
		}
		return count(there)
	}}
}

func (h history) sadd(key, member string) command {
	return command{[]any{"SADD", key, member}, func(s *state) any {
		if s.sets[key] == nil {
			s.sets[key] = map[string]bool{}
		}
		there := s.sets[key][member]
		s.sets[key][member] = true
		return count(!there)
	}}
}

func (h history) srem(key, member string) command {
	return command{[]any{"SREM", key, member}, func(s *state) any {
		there := s.sets[key][member]
		delete(s.sets[key], member)
		if there && len(s.sets[key]) == 0 {
			delete(s.sets, key)
			delete(s.expires, key)
		}
		return count(there)
	}}
}

func (h history) zadd(key, member string, score int64) command {
	return command{[]any{"ZADD", key, score, member}, func(s *state) any {
		if s.zsets[key] == nil {
			s.zsets[key] = map[string]int64{}
		}
		_, there := s.zsets[key][member]
		s.zsets[key][member] = score
		return count(!there)
	}}
}

func (h history) expire(key string, deadline int64) command {
	return command{[]any{"PEXPIREAT", key, deadline}, func(s *state) any {
		there := s.has(key)
		if there {
			s.expires[key] = deadline
		}
		return count(there)
	}}
}

func (h history) persist(key string) command {
	return command{[]any{"PERSIST", key}, func(s *state) any {
		_, there := s.expires[key]
		delete(s.expires, key)
		return count(there)
	}}
}

// brief is a key that lives for some milliseconds: after a kill it must not be
// there, whatever became of the write.
func (h history) brief(n int, value string) command {
	return command{[]any{"SET", h.key("brief", n), value, "PX", briefLife.Milliseconds()}, func(*state) any { return "OK" }}
}

func count(changed bool) int64 {
	if changed {
		return 1
	}
	return 0
}
