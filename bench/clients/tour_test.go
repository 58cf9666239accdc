package clients

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redstart/bench/peer"
)

// A tour is the transcript of what one client library did with one server.
type tour struct {
	t   *testing.T
	s   *peer.Server
	log strings.Builder
}

// say writes down the outcome of one call. Go's own notation shows types, too:
// whether a reply arrived as a number or as text is part of it.
func (t *tour) say(name string, value any, err error) {
	if err != nil {
		fmt.Fprintf(&t.log, "%s: %T %v\n", name, err, err)
		return
	}
	fmt.Fprintf(&t.log, "%s: %#v\n", name, readable(value))
}

// readable turns the bytes and errors in a reply into text.
func readable(value any) any {
	switch v := value.(type) {
	case []byte:
		return string(v)
	case error:
		return "error: " + v.Error()
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = readable(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = readable(e)
		}
		return m
	}
	return value
}

// must ends the test if something the tour only needs, but does not look at,
// has failed.
func (t *tour) must(err error) {
	t.t.Helper()
	if err != nil {
		const shown = 12
		lines := strings.Split(t.log.String(), "\n")
		t.t.Fatalf("%s: %v\nbefore that:\n%s", t.s.Name, err, strings.Join(lines[max(0, len(lines)-shown):], "\n"))
	}
}

// compareTours makes the same tour of both servers, each empty at the start,
// and compares the transcripts.
func compareTours(t *testing.T, ours, redis *peer.Server, walk func(*tour)) {
	t.Helper()
	transcript := func(s *peer.Server) string {
		send(t, s, "", "FLUSHALL")
		r := &tour{t: t, s: s}
		walk(r)
		return r.log.String()
	}
	theirs := transcript(redis)
	compare(t, transcript(ours), theirs)
}

// commands are sent one by one through the generic call of each client. Words
// are separated by spaces; replies in no order are marked with a ~ in front.
const commands = `
	PING
	ECHO hello
	SET s value
	SET s value NX
	SET s other XX GET
	SETEX e 100 v
	TTL e
	TTL s
	TTL none
	PERSIST e
	EXPIREAT e 4102444800
	PEXPIRETIME e
	EXPIRE e 10 GT
	GETEX e PERSIST
	GETDEL e
	GET none
	APPEND s !
	STRLEN s
	GETRANGE s -3 -1
	SETRANGE s 10 x
	MSETNX a 1 b 2
	MSETNX b 2 c 3
	MGET a none b
	INCR a
	INCRBY a 9223372036854775807
	DECRBY a 12
	INCRBYFLOAT a 0.1
	INCR a
	INCR s
	LPUSH s x
	GET
	NOSUCH command
	SET s v EX 0
	SET s v EX x
	SETNX s v
	GETSET s last
	OBJECT ENCODING s
	OBJECT ENCODING none
	RPUSH l a b c d e b
	LPUSH l z
	LPUSHX none x
	LRANGE l 0 -1
	LRANGE l 5 1
	LINDEX l -1
	LINDEX l 99
	LSET l 0 y
	LSET l 99 y
	LINSERT l BEFORE b new
	LINSERT l AFTER none new
	LPOS l b RANK -1
	LPOS l b COUNT 0
	LPOS l none
	LREM l -1 b
	LTRIM l 1 -2
	LMOVE l l2 LEFT RIGHT
	RPOPLPUSH l l2
	LPOP l
	LPOP l 2
	LPOP none
	LPOP none 2
	LMPOP 2 none l2 LEFT COUNT 5
	LMPOP 1 none LEFT
	LLEN l
	OBJECT ENCODING l
	HSET h f1 v1 f2 v2
	HSET h f2 v3 f3 v4
	HSETNX h f1 x
	HGET h f1
	HGET h none
	HMGET h f1 none
	HMSET h n 5
	HINCRBY h n 3
	HINCRBYFLOAT h n 0.5
	HINCRBY h f1 1
	~HGETALL h
	HGETALL none
	~HKEYS h
	~HVALS h
	HLEN h
	HSTRLEN h f1
	HEXISTS h f1
	HDEL h f1 none
	~HRANDFIELD h 10
	HRANDFIELD none
	HSCAN h 0
	SADD set 1 2 3 2
	SADD set2 2 3 4
	OBJECT ENCODING set
	SADD set x
	~SMEMBERS set
	SISMEMBER set x
	SMISMEMBER set x none
	~SINTER set set2
	~SUNION set set2
	~SDIFF set set2
	SINTERCARD 2 set set2 LIMIT 1
	SUNIONSTORE set3 set set2
	SMOVE set set2 x
	SREM set 1 none
	SCARD set
	SPOP none
	~SRANDMEMBER set 5
	SRANDMEMBER none 5
	ZADD z 1 a 2 b 3 c
	ZADD z NX 9 a
	ZADD z XX CH 9 a
	ZADD z GT LT 1 a
	ZADD z INCR 0.5 a
	ZADD z NX INCR 0.5 a
	ZADD z x a
	ZSCORE z a
	ZSCORE z none
	ZMSCORE z a none
	ZINCRBY z inf b
	ZINCRBY z -inf b
	ZRANK z a
	ZREVRANK z a
	ZRANK z none
	ZRANGE z 0 -1
	ZRANGE z 0 -1 WITHSCORES
	ZRANGE z 0 -1 REV
	ZRANGE z (1 +inf BYSCORE LIMIT 0 2
	ZRANGEBYSCORE z -inf +inf WITHSCORES
	ZREVRANGEBYSCORE z +inf 3
	ZCOUNT z (3 +inf
	ZADD lex 0 a 0 b 0 c
	ZRANGEBYLEX lex [a (c
	ZLEXCOUNT lex - +
	ZRANGESTORE z4 z 0 1
	ZUNION 2 z lex WITHSCORES
	ZINTER 2 z lex WEIGHTS 1 2 AGGREGATE MAX WITHSCORES
	ZDIFF 2 z lex
	ZUNIONSTORE z5 2 z lex
	ZINTERCARD 2 z lex
	ZPOPMIN z
	ZPOPMAX z 2
	ZPOPMIN none
	ZMPOP 1 lex MIN COUNT 2
	ZMPOP 1 none MIN
	ZREM lex c none
	ZRANDMEMBER none 3 WITHSCORES
	ZREMRANGEBYRANK z5 0 0
	ZREMRANGEBYSCORE z5 -inf +inf
	TYPE h
	TYPE none
	EXISTS h h none
	RENAME h h2
	RENAMENX h2 s
	RENAME none x
	COPY h2 h3
	TOUCH h2 none
	UNLINK h3 none
	~KEYS *
	DBSIZE
	RANDOMKEY none
	SELECT 99
	OBJECT REFCOUNT none
	DEL s l h2
	FLUSHDB
	DBSIZE
	RANDOMKEY`

// values sends every line of commands through call.
func (t *tour) values(call func(args []any) (any, error)) {
	for line := range strings.Lines(commands) {
		line = strings.TrimSpace(line)
		line, unordered := strings.CutPrefix(line, "~")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		args := make([]any, len(words))
		for i, w := range words {
			args[i] = w
		}
		value, err := call(args)
		if unordered {
			value = sorted(value)
		}
		t.say(line, value, err)
	}
}

// sorted puts the elements of a reply in order, by their Go notation. Pairs
// fall apart, on both sides alike. Maps are printed in order anyway.
func sorted(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int {
		return strings.Compare(fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", b))
	})
	return list
}

// infoInt finds a number in the reply of INFO, -1 if it is not there.
func infoInt(info, name string) int {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
				return n
			}
		}
	}
	return -1
}
