package embedded

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// libraries are Redstart and all others.
func libraries() []Library { return slices.Concat([]Library{Redstart}, Peers) }

// every calls f for each task of each library.
func every(tasks []Task, f func(t Task, lib Library)) {
	for _, t := range tasks {
		for _, lib := range libraries() {
			f(t, lib)
		}
	}
}

// TestAnswers does a little of everything. The tasks verify the answers.
func TestAnswers(t *testing.T) {
	d := NewData(100, 300)
	every(append(slices.Clone(Tasks), Mix(3)), func(task Task, lib Library) {
		t.Run(task.Name+"/"+lib.Name, func(t *testing.T) {
			r, has, err := begin(task, lib, d)
			if err != nil {
				t.Fatal(err)
			}
			if !has {
				t.Skip(lib.Name, "does not have it")
			}
			for range 2 {
				if did, err := r.run(250); err != nil || did < 250 {
					t.Errorf("%d operations, %v", did, err)
				}
			}
			if err := r.end(); err != nil {
				t.Error(err)
			}
		})
	})
}

// TestWrongAnswers: a task notices an engine that answers something else.
func TestWrongAnswers(t *testing.T) {
	lying := func(string) (*Engine, error) {
		e, err := openMap("")
		e.Get = func(_ []byte, key string) ([]byte, error) { return []byte("something"), nil }
		e.Incr = func(key string) (int64, error) { return 42, nil }
		e.HGet = func(_, key string) ([]byte, error) { return nil, nil }
		e.ZAdd = func(_, _ string, _ float64) error { return nil }
		e.ZRank = func(_, _ string) (int, error) { return 1, nil }
		e.Each = func(_ string, yield func([]byte)) error { yield(make([]byte, 8)); return nil }
		e.Update = func(_ [3]string, _ []byte, see func([]byte) error) error { return see(nil) }
		return e, err
	}
	d := NewData(100, 300)
	for _, task := range append(slices.Clone(Tasks), Mix(2)) {
		if slices.Contains([]string{"hset", "zadd"}, task.Name) {
			continue // they have no answer
		}
		r, _, err := begin(task, Library{Name: "lying", Open: lying}, d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.run(100); err == nil {
			t.Errorf("%s: no error", task.Name)
		}
		r.end()
	}
}

func TestCompare(t *testing.T) {
	d := NewData(100, 300)
	f, ok, err := Compare(Tasks[0], Redstart, Peers[3], d, Effort{Rounds: 2, Run: time.Millisecond})
	if err != nil || !ok || len(f.Ratio) != 2 || f.Ours.Median() <= 0 || f.Theirs.Median() <= 0 {
		t.Errorf("%+v, %v, %v", f, ok, err)
	}
}

// BenchmarkEmbedded is every task with every library.
func BenchmarkEmbedded(b *testing.B) {
	d, less := NewData(100_000, 1_000_000), NewData(10_000, 100_000)
	every(append(slices.Clone(Tasks), Mix(runtime.GOMAXPROCS(0))), func(task Task, lib Library) {
		b.Run(task.Name+"/"+lib.Name, func(b *testing.B) {
			data := d
			if lib.Slow {
				data = less
			}
			r, has, err := begin(task, lib, data)
			if err != nil {
				b.Fatal(err)
			}
			if !has {
				b.Skip(lib.Name, "does not have it")
			}
			b.ReportAllocs()
			b.ResetTimer()
			did, err := r.run(b.N)
			b.StopTimer()
			if err != nil {
				b.Fatal(err)
			}
			if did > b.N { // whole rounds only
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(did), "ns/op")
			}
			r.end()
		})
	})
}
