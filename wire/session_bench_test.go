package wire

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"redstart/store"
	"redstart/wire/resp"
)

// nowhere is the transport of a session whose replies nobody reads.
type nowhere struct{}

func (nowhere) notify()                           {}
func (nowhere) hangUp()                           {}
func (nowhere) yield()                            {}
func (nowhere) addresses() (remote, local string) { return "bench:0", "bench:0" }
func (nowhere) fd() int                           { return 0 }

// BenchmarkSession runs the commands of redis-benchmark through a session, 16
// at a time: all the work of a server but the system calls.
func BenchmarkSession(b *testing.B) {
	value := strings.Repeat("x", 64)
	for _, t := range []struct{ name, line string }{
		{"PING", "PING"},
		{"SET", "SET key:R V"},
		{"GET", "GET key:R"},
		{"INCR", "INCR counter:R"},
		{"LPUSH", "LPUSH mylist V"},
		{"RPOP", "RPOP mylist"},
		{"SADD", "SADD myset element:R"},
		{"HSET", "HSET myhash element:R V"},
		{"SPOP", "SPOP myset"},
		{"ZADD", "ZADD myzset R element:R"},
		{"ZPOPMIN", "ZPOPMIN myzset"},
		{"LRANGE_100", "LRANGE mylist 0 99"},
		{"MSET", "MSET key:R V key:R V key:R V key:R V key:R V key:R V key:R V key:R V key:R V key:R V"},
	} {
		b.Run(t.name, func(b *testing.B) {
			db, err := store.Open("", nil)
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			s := newSession(NewServer(db, nil), nowhere{})
			batches := make([][]byte, 1000)
			for i := range batches {
				var w resp.Writer
				for range 16 {
					args := strings.Fields(t.line)
					for j, a := range args {
						a = strings.ReplaceAll(a, "R", fmt.Sprintf("%012d", rand.IntN(100_000)))
						args[j] = strings.ReplaceAll(a, "V", value)
					}
					args[0] = strings.Fields(t.line)[0]
					w.Command(args...)
				}
				batches[i] = w.Bytes()
			}
			fill := [][]byte{}
			for i := range 1000 {
				var w resp.Writer
				w.Command("RPUSH", "mylist", value)
				w.Command("SADD", "myset", fmt.Sprint("element:", i))
				fill = append(fill, w.Bytes())
			}
			if t.name == "LRANGE_100" || t.name == "SPOP" {
				for _, f := range fill {
					s.feed(f)
					s.publish(nil)
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.feed(batches[i%len(batches)])
				s.publish(nil)
				s.box.send(func([]byte) (bool, error) { return false, nil })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/command")
		})
	}
}
