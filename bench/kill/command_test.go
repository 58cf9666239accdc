package kill

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An outcome is what a command leaves, and what it answers, in the form of
// rendered.
type outcome struct {
	keyspace
	reply string
}

// A command's meaning is a function from what there is to the outcomes it may
// have: one, but for SPOP.
type meaning func(k keyspace, args []string) []outcome

// meanings are the commands of the load.
var meanings = map[string]meaning{
	"SET":       certain(set),
	"GET":       certain(get),
	"INCR":      certain(incr),
	"APPEND":    certain(appendText),
	"DEL":       certain(del),
	"RENAME":    certain(rename),
	"COPY":      certain(copyKey),
	"PEXPIREAT": certain(expireAt),
	"PERSIST":   certain(persist),
	"LPUSH":     certain(push(true)),
	"RPUSH":     certain(push(false)),
	"LPOP":      certain(pop(true)),
	"RPOP":      certain(pop(false)),
	"LTRIM":     certain(trim),
	"LRANGE":    certain(contents),
	"LMOVE":     certain(move),
	"BLMOVE":    certain(move),
	"BLPOP":     certain(blockingPop),
	"HSET":      certain(hset),
	"HDEL":      certain(remove),
	"HINCRBY":   certain(hincrby),
	"HGET":      certain(hget),
	"SADD":      certain(sadd),
	"SREM":      certain(remove),
	"SPOP":      spop,
	"SCARD":     certain(card),
	"ZADD":      certain(zadd),
	"ZREM":      certain(remove),
	"ZPOPMIN":   certain(zpopmin),
	"BZPOPMIN":  certain(blockingMin),
	"ZRANGE":    certain(zrange),
}

// certain is the meaning of a command with one outcome.
func certain(f func(k keyspace, args []string) (keyspace, string)) meaning {
	return func(k keyspace, args []string) []outcome {
		after, reply := f(k, args)
		return []outcome{{after, reply}}
	}
}

// Replies, rendered.
const (
	okReply  = "+OK"
	nilReply = "nil"
)

func number(n int) string          { return ":" + strconv.Itoa(n) }
func bulk(text string) string      { return "$" + text }
func array(parts ...string) string { return "[" + strings.Join(parts, " ") + "]" }

func truth(is bool) string {
	if is {
		return number(1)
	}
	return number(0)
}

// rendered is a client's reply as a string.
func rendered(reply any) string {
	switch r := reply.(type) {
	case nil:
		return nilReply
	case int64:
		return ":" + strconv.FormatInt(r, 10)
	case []byte:
		return bulk(string(r))
	case string:
		return "+" + r
	case error:
		return "-" + r.Error()
	case []any:
		parts := make([]string, len(r))
		for i, x := range r {
			parts[i] = rendered(x)
		}
		return array(parts...)
	}
	panic(fmt.Sprintf("BUG: a reply of type %T", reply))
}

// set is SET, with GET perhaps, and then perhaps with PXAT and a time.
func set(k keyspace, args []string) (keyspace, string) {
	reply := okReply
	var deadline int64
	for i, option := range args[2:] {
		switch option {
		case "GET":
			_, reply = get(k, args)
		case "PXAT":
			deadline = integer(args[3+i])
		}
	}
	return k.with(args[0], texted(args[1], deadline)), reply
}

func get(k keyspace, args []string) (keyspace, string) {
	if v := k.find(args[0]); v != nil {
		return k, bulk(v.text)
	}
	return k, nilReply
}

// rewritten returns k with another text of a string, which keeps its deadline.
func (k keyspace) rewritten(key, text string) keyspace {
	var deadline int64
	if v := k.find(key); v != nil {
		deadline = v.deadline
	}
	return k.with(key, texted(text, deadline))
}

func incr(k keyspace, args []string) (keyspace, string) {
	n := 1
	if v := k.find(args[0]); v != nil {
		n += int(integer(v.text))
	}
	return k.rewritten(args[0], strconv.Itoa(n)), number(n)
}

func appendText(k keyspace, args []string) (keyspace, string) {
	text := args[1]
	if v := k.find(args[0]); v != nil {
		text = v.text + text
	}
	return k.rewritten(args[0], text), number(len(text))
}

func del(k keyspace, args []string) (keyspace, string) {
	there := k.find(args[0]) != nil
	return k.with(args[0], nil), truth(there)
}

func rename(k keyspace, args []string) (keyspace, string) {
	v := k.find(args[0])
	if v == nil {
		return k, "-ERR no such key"
	}
	return k.with(args[0], nil).with(args[1], v), okReply
}

// copyKey is COPY with REPLACE.
func copyKey(k keyspace, args []string) (keyspace, string) {
	v := k.find(args[0])
	if v == nil {
		return k, number(0)
	}
	return k.with(args[1], v), number(1)
}

// expireAt with a time in the past leaves a value that is taken out before the
// next request (see due); no other command of a batch comes after it.
func expireAt(k keyspace, args []string) (keyspace, string) {
	v := k.find(args[0])
	if v == nil {
		return k, number(0)
	}
	return k.with(args[0], v.expiring(integer(args[1]))), number(1)
}

func persist(k keyspace, args []string) (keyspace, string) {
	v := k.find(args[0])
	if v == nil || v.deadline == 0 {
		return k, number(0)
	}
	return k.with(args[0], v.expiring(0)), number(1)
}

func push(front bool) func(k keyspace, args []string) (keyspace, string) {
	return func(k keyspace, args []string) (keyspace, string) {
		v := k.find(args[0])
		for _, elem := range args[1:] {
			at := v.length()
			if front {
				at = 0
			}
			v = v.inserted(at, item{name: elem})
		}
		return k.with(args[0], v), number(v.length())
	}
}

// take removes the first or last element of a list. There is one.
func (k keyspace) take(key string, front bool) (_ keyspace, elem string) {
	v := k.find(key)
	at := v.length() - 1
	if front {
		at = 0
	}
	return k.with(key, v.removed(at, at+1)), v.items[at].name
}

func pop(front bool) func(k keyspace, args []string) (keyspace, string) {
	return func(k keyspace, args []string) (keyspace, string) {
		if k.find(args[0]) == nil {
			return k, nilReply
		}
		k, elem := k.take(args[0], front)
		return k, bulk(elem)
	}
}

// blockingPop answers nil if there was a moment without an element: that in
// which its time had passed.
func blockingPop(k keyspace, args []string) (keyspace, string) {
	if k.find(args[0]) == nil {
		return k, nilReply
	}
	k, elem := k.take(args[0], true)
	return k, array(bulk(args[0]), bulk(elem))
}

// move is LMOVE or BLMOVE from the left to the right.
func move(k keyspace, args []string) (keyspace, string) {
	if k.find(args[0]) == nil {
		return k, nilReply
	}
	k, elem := k.take(args[0], true)
	v := k.find(args[1])
	return k.with(args[1], v.inserted(v.length(), item{name: elem})), bulk(elem)
}

// trim leaves the elements from the first to the one numbered args[2].
func trim(k keyspace, args []string) (keyspace, string) {
	v := k.find(args[0])
	if n := int(integer(args[2])) + 1; v.length() > n {
		k = k.with(args[0], v.removed(n, v.length()))
	}
	return k, okReply
}

func contents(k keyspace, args []string) (keyspace, string) {
	var parts []string
	if v := k.find(args[0]); v != nil {
		for _, x := range v.items {
			parts = append(parts, bulk(x.name))
		}
	}
	return k, array(parts...)
}

func hset(k keyspace, args []string) (keyspace, string) {
	return k.putAll(args[0], args[1:], func(pair []string) item { return item{pair[0], pair[1]} })
}

func zadd(k keyspace, args []string) (keyspace, string) {
	return k.putAll(args[0], args[1:], func(pair []string) item { return item{pair[1], pair[0]} })
}

func sadd(k keyspace, args []string) (keyspace, string) {
	v, added := k.find(args[0]).put(item{name: args[1]})
	return k.with(args[0], v), truth(added)
}

// putAll puts an item for each pair of arguments.
func (k keyspace) putAll(key string, args []string, of func(pair []string) item) (keyspace, string) {
	v, n := k.find(key), 0
	if len(args) == 2 {
		v, added := v.put(of(args))
		return k.with(key, v), truth(added)
	}
	items := map[string]item{}
	var deadline int64
	if v != nil {
		deadline = v.deadline
		for _, x := range v.items {
			items[x.name] = x
		}
	}
	for pair := range slices.Chunk(args, 2) {
		x := of(pair)
		if _, there := items[x.name]; !there {
			n++
		}
		items[x.name] = x
	}
	return k.with(key, holding(sorted(items), deadline)), number(n)
}

func sorted(items map[string]item) []item {
	list := make([]item, 0, len(items))
	for _, x := range items {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b item) int { return cmp.Compare(a.name, b.name) })
	return list
}

func hincrby(k keyspace, args []string) (keyspace, string) {
	v, n := k.find(args[0]), int(integer(args[2]))
	if i, there := v.named(args[1]); there {
		n += int(integer(v.items[i].value))
	}
	v, _ = v.put(item{args[1], strconv.Itoa(n)})
	return k.with(args[0], v), number(n)
}

func hget(k keyspace, args []string) (keyspace, string) {
	v := k.find(args[0])
	if i, there := v.named(args[1]); there {
		return k, bulk(v.items[i].value)
	}
	return k, nilReply
}

func remove(k keyspace, args []string) (keyspace, string) {
	v := k.find(args[0])
	i, there := v.named(args[1])
	if there {
		k = k.with(args[0], v.removed(i, i+1))
	}
	return k, truth(there)
}

func spop(k keyspace, args []string) []outcome {
	v := k.find(args[0])
	if v == nil {
		return []outcome{{k, nilReply}}
	}
	var all []outcome
	for i, x := range v.items {
		all = append(all, outcome{k.with(args[0], v.removed(i, i+1)), bulk(x.name)})
	}
	return all
}

func card(k keyspace, args []string) (keyspace, string) { return k, number(k.find(args[0]).length()) }

// ranked returns the items of a sorted set in its order.
func (v *value) ranked() []item {
	if v == nil {
		return nil
	}
	return slices.SortedStableFunc(slices.Values(v.items), func(a, b item) int {
		return cmp.Compare(integer(a.value), integer(b.value))
	})
}

// min removes the first member of a sorted set. There is one.
func (k keyspace) min(key string) (keyspace, item) {
	v := k.find(key)
	first := v.ranked()[0]
	i, _ := v.named(first.name)
	return k.with(key, v.removed(i, i+1)), first
}

func zpopmin(k keyspace, args []string) (keyspace, string) {
	if k.find(args[0]) == nil {
		return k, array()
	}
	k, x := k.min(args[0])
	return k, array(bulk(x.name), bulk(x.value))
}

func blockingMin(k keyspace, args []string) (keyspace, string) {
	if k.find(args[0]) == nil {
		return k, nilReply
	}
	k, x := k.min(args[0])
	return k, array(bulk(args[0]), bulk(x.name), bulk(x.value))
}

// zrange is ZRANGE of everything, with scores.
func zrange(k keyspace, args []string) (keyspace, string) {
	var parts []string
	for _, x := range k.find(args[0]).ranked() {
		parts = append(parts, bulk(x.name), bulk(x.value))
	}
	return k, array(parts...)
}

// integer is the number that text, which the load wrote, stands for.
func integer(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return n
}

func clockTime(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02 15:04:05.000") }
