package types

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

var zsizes = []int{1, 100, 100_000, 1_000_000}

// zfilled returns a set of n members of 16 bytes with random scores, and their
// names.
func zfilled(n int) (*ZSet, []string) {
	z, names, r := new(ZSet), make([]string, n), rand.New(rand.NewPCG(1, 2))
	for i := range names {
		names[i] = fmt.Sprintf("member:%09d", i)
		z.Add(names[i], float64(r.IntN(10*n)), 0)
	}
	return z, names
}

// zbench runs f on sets of all sizes, with a number that differs each time.
func zbench(b *testing.B, f func(z *ZSet, names []string, i int)) {
	for _, n := range zsizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			z, names := zfilled(n)
			r := rand.New(rand.NewPCG(3, 4))
			b.ReportAllocs()
			for b.Loop() {
				f(z, names, r.IntN(n))
			}
		})
	}
}

func BenchmarkZSetInsert(b *testing.B) {
	const n = 1_000_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("member:%09d", i)
	}
	for _, order := range []string{"ascending", "random", "equal"} {
		b.Run(order, func(b *testing.B) {
			r := rand.New(rand.NewPCG(5, 6))
			var z *ZSet
			for i := 0; b.Loop(); i++ {
				if i%n == 0 {
					z = new(ZSet)
				}
				score := 0.0
				switch order {
				case "ascending":
					score = float64(i)
				case "random":
					score = r.Float64()
				}
				z.Add(names[i*7919%n], score, 0)
			}
		})
	}
}

func BenchmarkZSetMemory(b *testing.B) {
	for _, order := range []string{"ascending", "random"} {
		b.Run(order, func(b *testing.B) {
			const n = 1_000_000
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				z, r := new(ZSet), rand.New(rand.NewPCG(5, 6))
				for i := range n {
					score := float64(i)
					if order == "random" {
						score = r.Float64()
					}
					z.Add(fmt.Sprintf("member:%09d", i), score, 0)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/member")
				b.ReportMetric(float64(z.Size())/n, "Size/member")
				if z.large() != nil {
					b.ReportMetric(float64(z.large().tree.size())/n, "tree/member")
				}
				runtime.KeepAlive(z)
			}
		})
	}
}

func BenchmarkZSetScore(b *testing.B) {
	zbench(b, func(z *ZSet, names []string, i int) { z.Score(names[i]) })
}

func BenchmarkZSetRank(b *testing.B) {
	zbench(b, func(z *ZSet, names []string, i int) { z.Rank(names[i]) })
}

func BenchmarkZSetAt(b *testing.B) {
	zbench(b, func(z *ZSet, _ []string, i int) { z.At(i) })
}

func BenchmarkZSetSeek(b *testing.B) {
	zbench(b, func(z *ZSet, _ []string, i int) { z.Seek(float64(i*10), true) })
}

func BenchmarkZSetMove(b *testing.B) {
	zbench(b, func(z *ZSet, names []string, i int) { z.Add(names[i], float64((i*7919)%(10*len(names))), 0) })
}

func BenchmarkZSetIncr(b *testing.B) {
	zbench(b, func(z *ZSet, names []string, i int) { z.Incr(names[i], 1, 0) })
}

func BenchmarkZSetPopMin(b *testing.B) {
	zbench(b, func(z *ZSet, names []string, i int) {
		member, _, ok := z.At(0)
		if !ok {
			b.StopTimer()
			for j, name := range names {
				z.Add(name, float64(j*7919%len(names)), 0)
			}
			b.StartTimer()
			return
		}
		_ = member
		z.RemoveRange(0, 1)
	})
}

func BenchmarkZSetRange100(b *testing.B) {
	sum := 0.0
	zbench(b, func(z *ZSet, _ []string, i int) {
		z.Each(i, i+100, func(member []byte, score float64) bool {
			sum += score + float64(member[0])
			return true
		})
	})
}

func BenchmarkZSetClone(b *testing.B) {
	zbench(b, func(z *ZSet, _ []string, _ int) { Clone(z) })
}

func BenchmarkZSetCloneAndAdd(b *testing.B) {
	zbench(b, func(z *ZSet, names []string, i int) {
		Clone(z)
		z.Add(names[i], float64(i*7919%len(names)), 0)
	})
}
