// Command write makes a sample of a database file, for the versions to come to
// open: a snapshot with a delta run, a journal with every effect there is,
// several databases, deadlines, and values that continue in further chunks and
// records. It prints what the file holds, as the program that wrote it sees it.
//
// It is run in the tree of the commit whose format the sample is to have:
//
//	go run persist/testdata/write.go v3.db >v3.txt && gzip -9n v3.db
//
// The file is not closed: so there is something in the stage.
//
// v3.db.gz was written so by commit fb4a691, v1.db.gz, under Never and closed, by
// commit 00b4779.
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"redstart/store"
	"redstart/types"
	"redstart/wire"
)

// base is what the first snapshot holds. Deadlines are of the year 2100, but for
// one that has passed when the file is opened.
const base = `SET s1 one
SET s2 two PXAT 4102444800000
SET gone old PXAT 946771200000
SET n 41
SET raw abc
APPEND raw def
RPUSH l a b c d e f b
HSET h a 1 b 2 c 3
SADD ints 1 2 3 -5 70000
SADD t x y z w
ZADD z 1 a 2.5 b -3 c 4e300 d inf e
ZADD zt 1 a 2 b
PEXPIREAT zt 4102444800001
COPY s1 s1 DB 3
COPY l l DB 3
COPY z z DB 15
SET dropped 1
SET moved 1
MOVE moved 2
SET swapped 1`

// delta is changed before the second one.
const delta = `DEL dropped
SET s1 changed
LPUSH l z
HDEL h b
HSET h d 4
ZADD z 7 new
PERSIST s2
PEXPIREAT h 4102444800002`

// journal is changed after it.
const journal = `APPEND s1 \x00more
SETRANGE gap 10 xyz
INCR n
INCRBYFLOAT f 1.5
LPOP l
RPOP l
LSET l 1 B
LINSERT l AFTER c C
LINSERT l BEFORE c D
LREM l 1 d
LTRIM l 0 4
HINCRBY h a 5
HDEL h c
SREM t y
SPOP t
SADD t new
ZINCRBY z 10 a
ZREM z b
ZREMRANGEBYRANK z 0 0
ZUNIONSTORE zu 2 z zt
PEXPIREAT n 4102444800003
COPY l l2
RPUSH l2 more
RENAME ints numbers
SADD numbers 9
MOVE zu 1
SET flushed 1
MOVE flushed 4
RPUSH empty 1
LPOP empty
SWAPDB 2 5`

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: write FILE")
	}
	db, err := store.Open(os.Args[1], &store.Options{Sync: store.Always, Clock: clock{}, Seed: 1})
	must(err)
	do(db, base)
	large(db, "snapshot")
	must(db.Save())
	do(db, delta)
	must(db.Save())
	do(db, journal)
	must(db.Sync())
	large(db, "journal")
	must(db.Flush(4))
	must(db.Update(func(tx *store.Tx) error { // one transaction on several keys
		l, err := tx.EditList("l")
		if err != nil {
			return err
		}
		l.PushBack([]byte("together"))
		return tx.Set("together", []byte("1"))
	}))
	must(dump(db))
}

func do(db *store.DB, lines string) {
	for line := range strings.Lines(lines) {
		var words []any
		for _, w := range strings.Fields(line) {
			words = append(words, strings.ReplaceAll(w, `\x00`, "\x00"))
		}
		_, err := wire.Do(context.Background(), db, words...)
		must(err)
	}
}

// large makes values that a chunk, a record and a compact form have no room for.
func large(db *store.DB, name string) {
	r := rand.New(rand.NewPCG(1, uint64(len(name))))
	text := func(n int) string { return strings.Repeat(fmt.Sprintf("%s %d, ", name, r.IntN(10)), n) }
	must(db.Update(func(tx *store.Tx) error {
		l, _ := tx.EditList("large list " + name)
		h, _ := tx.EditHash("large hash " + name)
		s, _ := tx.EditSet("large set " + name)
		z, err := tx.EditZSet("large zset " + name)
		if err != nil {
			return err
		}
		for i := range 3000 {
			l.PushBack(fmt.Append(nil, i, text(1)))
			h.Set(fmt.Sprint(i), fmt.Append(nil, i*i))
			s.Add(fmt.Sprint("member ", i))
			z.Add(fmt.Sprint("member ", i), float64(i/7)+0.25, 0)
		}
		return tx.Set("large string "+name, []byte(text(40000)))
	}))
}

// dump prints what is in db: a line for each key, in the order of names.
func dump(db *store.DB) error {
	for i := range db.Databases() {
		err := db.View(func(tx *store.Tx) error {
			for _, key := range slices.Sorted(tx.Keys("*")) {
				at, _ := tx.Deadline(key)
				var elems []string
				switch v := tx.Value(key).(type) {
				case nil:
					text, err := tx.Get(key)
					if err != nil {
						return err
					}
					elems = append(elems, fmt.Sprintf("%q", text))
				case *types.List:
					for _, e := range v.All() {
						elems = append(elems, fmt.Sprintf("%q", e))
					}
				case *types.Hash:
					for f, e := range v.All() {
						elems = append(elems, fmt.Sprintf("%q=%q", f, e))
					}
					slices.Sort(elems)
				case *types.Set:
					for e := range v.All() {
						elems = append(elems, fmt.Sprintf("%q", e))
					}
					slices.Sort(elems)
				case *types.ZSet:
					for _, e := range v.Ascend() {
						elems = append(elems, fmt.Sprintf("%q=%v", e.Name, e.Score))
					}
				}
				what := strings.Join(elems, " ")
				if len(what) > 200 {
					what = fmt.Sprintf("sha256 %x", sha256.Sum256([]byte(what)))
				}
				fmt.Printf("%d %q %v %d %d: %s\n", i, key, tx.Kind(key), at, len(elems), what)
			}
			return nil
		}, store.In(i))
		if err != nil {
			return err
		}
	}
	return nil
}

// A clock stands still, at the beginning of the year 2000.
type clock struct{}

func (clock) Now() time.Time { return time.UnixMilli(946684800000) }

func (clock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
