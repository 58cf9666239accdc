package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestGoRedis(t *testing.T) {
	ours, theirs := lab.Both(t, nil)
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprint("RESP", protocol), func(t *testing.T) {
			compareTours(t, ours, theirs, func(r *tour) {
				rdb := redis.NewClient(&redis.Options{Addr: r.s.Addr(), Protocol: protocol, ClientName: "tour", DB: 3})
				defer rdb.Close()
				g := goRedis{r, rdb, context.Background()}
				g.handshake()
				r.values(func(args []any) (any, error) { return rdb.Do(g.ctx, args...).Result() })
				g.typed()
				g.iterators()
				g.transactions()
				g.messages()
				g.blocking()
			})
		})
	}
}

// goRedis is a tour with go-redis.
type goRedis struct {
	*tour
	rdb *redis.Client
	ctx context.Context
}

func (g goRedis) handshake() {
	g.say2(g.rdb.Ping(g.ctx).Result())
	name, err := g.rdb.ClientGetName(g.ctx).Result()
	g.say("name", name, err)
	info, err := g.rdb.ClientInfo(g.ctx).Result()
	g.must(err)
	// Not the name of the library: CLIENT SETINFO, which go-redis sends, came
	// with 7.2, and Debian's redis-server does not know it.
	g.say("client info", []any{info.Name, info.DB, info.LastCmd, info.Multi}, nil)
	hello, err := g.rdb.Do(g.ctx, "HELLO").Result()
	g.must(err)
	if m, ok := hello.(map[any]any); ok {
		g.say("hello", []any{m["server"], m["proto"], m["mode"], m["role"]}, nil)
	}
}

func (g goRedis) say2(value any, err error) { g.say("result", value, err) }

// typed uses the methods that turn replies into Go types.
func (g goRedis) typed() {
	ctx, rdb := g.ctx, g.rdb
	g.say2(rdb.Set(ctx, "s", "1", time.Minute).Result())
	g.say2(rdb.SetNX(ctx, "s", "1", 0).Result())
	g.say2(rdb.TTL(ctx, "s").Result())
	g.say2(rdb.Get(ctx, "none").Result())
	g.say2(rdb.Get(ctx, "s").Int())
	g.say2(rdb.SetArgs(ctx, "s", "2", redis.SetArgs{Get: true, KeepTTL: true}).Result())
	g.say2(rdb.MGet(ctx, "s", "none").Result())
	g.say2(rdb.IncrByFloat(ctx, "f", 2.25).Result())
	g.say2(rdb.HSet(ctx, "h", map[string]any{"a": 1}).Result())
	g.say2(rdb.HGetAll(ctx, "h").Result())
	g.say2(rdb.HGetAll(ctx, "none").Result())
	g.say2(rdb.HRandFieldWithValues(ctx, "h", 1).Result())
	g.say2(rdb.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "a"}, redis.Z{Score: 2, Member: "b"}).Result())
	g.say2(rdb.ZRangeWithScores(ctx, "z", 0, -1).Result())
	g.say2(rdb.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{Key: "z", Start: 0, Stop: "+inf", ByScore: true, Rev: true}).Result())
	g.say2(rdb.ZPopMax(ctx, "z", 1).Result())
	g.say2(rdb.ZScore(ctx, "z", "a").Result())
	g.say2(rdb.ZAddArgsIncr(ctx, "z", redis.ZAddArgs{XX: true, Members: []redis.Z{{Score: 1, Member: "none"}}}).Result())
	g.say2(rdb.ZRandMemberWithScores(ctx, "z", -2).Result())
	key, elems, err := rdb.LMPop(ctx, "left", 1, "none").Result()
	g.say("lmpop", []any{key, elems}, err)
	g.say2(rdb.LPos(ctx, "none", "x", redis.LPosArgs{}).Result())
	g.say2(rdb.SMembersMap(ctx, "none").Result())
	g.say2(rdb.ExpireTime(ctx, "f").Result())
	g.say2(rdb.ObjectEncoding(ctx, "z").Result())
	when, err := rdb.Time(ctx).Result()
	g.say("time passes", when.Year() > 2000, err)
}

// iterators walks through SCAN and its relatives.
func (g goRedis) iterators() {
	ctx, rdb := g.ctx, g.rdb
	pipe := rdb.Pipeline()
	for i := range 1000 {
		name := fmt.Sprint("n", i)
		pipe.Set(ctx, "scan:"+name, i, 0)
		pipe.HSet(ctx, "big", name, i)
		pipe.SAdd(ctx, "bigset", name)
		pipe.ZAdd(ctx, "bigz", redis.Z{Score: float64(i), Member: name})
	}
	_, err := pipe.Exec(ctx)
	g.must(err)
	for _, scan := range []struct {
		name string
		cmd  *redis.ScanCmd
	}{
		{"keys", rdb.Scan(ctx, 0, "scan:*", 100)},
		{"type", rdb.ScanType(ctx, 0, "*", 100, "hash")},
		{"hash", rdb.HScan(ctx, "big", 0, "", 50)},
		{"set", rdb.SScan(ctx, "bigset", 0, "", 50)},
		{"zset", rdb.ZScan(ctx, "bigz", 0, "", 50)},
	} {
		var all []string
		it := scan.cmd.Iterator()
		for it.Next(ctx) {
			all = append(all, it.Val())
		}
		g.must(it.Err())
		slices.Sort(all)
		all = slices.Compact(all) // SCAN may return an element more than once
		g.say("scan "+scan.name, all, nil)
	}
}

func (g goRedis) transactions() {
	ctx, rdb := g.ctx, g.rdb
	outcome := func(name string, cmds []redis.Cmder, err error) {
		for _, c := range cmds {
			g.say(name+" "+c.Name(), c.(*redis.Cmd).Val(), c.Err())
		}
		g.say(name, len(cmds), err)
	}
	cmds, err := rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Do(ctx, "SET", "m", "1")
		p.Do(ctx, "INCR", "m")
		p.Do(ctx, "LPUSH", "m", "x")
		p.Do(ctx, "GET", "none")
		p.Do(ctx, "INCR", "m")
		return nil
	})
	outcome("multi", cmds, err)
	cmds, err = rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Do(ctx, "SET", "m", "1")
		p.Do(ctx, "SET", "m")
		return nil
	})
	outcome("multi with a mistake", cmds, err)
	cmds, err = rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 500 {
			p.Do(ctx, "INCRBY", "m", i)
		}
		p.Do(ctx, "NOSUCH")
		p.Do(ctx, "GET", "m")
		return nil
	})
	outcome("pipeline", cmds, err)
	for _, meddle := range []bool{false, true} {
		err = rdb.Watch(ctx, func(tx *redis.Tx) error {
			n, err := tx.Get(ctx, "m").Int()
			g.must(err)
			if meddle {
				g.must(rdb.Incr(ctx, "m").Err())
			}
			_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Set(ctx, "m", n+1, 0)
				return nil
			})
			return err
		}, "m")
		g.say(fmt.Sprint("watch, changed: ", meddle), errors.Is(err, redis.TxFailedErr), nil)
		g.say2(rdb.Get(ctx, "m").Result())
	}
}

func (g goRedis) messages() {
	ctx, rdb := g.ctx, g.rdb
	sub := rdb.Subscribe(ctx, "news", "other")
	defer sub.Close()
	receive := func(n int) {
		for range n {
			m, err := sub.ReceiveTimeout(ctx, 5*time.Second)
			g.must(err)
			g.say("received", fmt.Sprint(m), nil)
		}
	}
	receive(2)
	g.must(sub.PSubscribe(ctx, "n?ws"))
	receive(1)
	g.say2(rdb.Publish(ctx, "news", "hello").Result())
	receive(2)
	g.must(sub.SSubscribe(ctx, "shard"))
	receive(1)
	g.say2(rdb.SPublish(ctx, "shard", "hello").Result())
	receive(1)
	g.must(sub.Ping(ctx, "still there"))
	receive(1)
	g.say2(rdb.PubSubNumSub(ctx, "news", "none").Result())
	g.say2(rdb.PubSubNumPat(ctx).Result())
	g.say2(rdb.PubSubShardChannels(ctx, "*").Result())
	g.must(sub.Unsubscribe(ctx, "news"))
	receive(1)
	g.must(sub.PUnsubscribe(ctx))
	receive(1)
	g.say2(rdb.Publish(ctx, "news", "nobody").Result())
}

// blocking waits with one connection for what another one sends.
func (g goRedis) blocking() {
	ctx, rdb := g.ctx, g.rdb
	wait := func(call func() (any, error), send func() error) {
		type outcome struct {
			value any
			err   error
		}
		done := make(chan outcome, 1)
		go func() {
			value, err := call()
			done <- outcome{value, err}
		}()
		g.must(send())
		o := <-done
		g.say("waited", o.value, o.err)
	}
	wait(func() (any, error) { return rdb.BLPop(ctx, 5*time.Second, "q1", "q2").Result() },
		func() error { return rdb.RPush(ctx, "q2", "a", "b").Err() })
	wait(func() (any, error) { return rdb.BRPop(ctx, 5*time.Second, "q3").Result() },
		func() error { return rdb.LPush(ctx, "q3", "x").Err() })
	wait(func() (any, error) { return rdb.BLMove(ctx, "q4", "q5", "left", "right", 5*time.Second).Result() },
		func() error { return rdb.RPush(ctx, "q4", "moved").Err() })
	wait(func() (any, error) {
		key, values, err := rdb.BLMPop(ctx, 5*time.Second, "left", 2, "q6", "q7").Result()
		return []any{key, values}, err
	}, func() error { return rdb.RPush(ctx, "q7", "1", "2", "3").Err() })
	wait(func() (any, error) {
		v, err := rdb.BZPopMin(ctx, 5*time.Second, "bz").Result()
		return fmt.Sprint(v), err
	},
		func() error { return rdb.ZAdd(ctx, "bz", redis.Z{Score: 1, Member: "m"}).Err() })
	wait(func() (any, error) {
		key, values, err := rdb.BZMPop(ctx, 5*time.Second, "max", 2, "bz2").Result()
		return []any{key, values}, err
	}, func() error { return rdb.ZAdd(ctx, "bz2", redis.Z{Score: 1, Member: "m"}).Err() })
	g.say2(rdb.BLPop(ctx, time.Second, "none").Result())
	g.say2(rdb.BZPopMax(ctx, time.Second, "none").Result())
}
