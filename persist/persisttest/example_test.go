package persisttest_test

import (
	"fmt"
	"os"

	"redstart/persist/persisttest"
	"redstart/store"
)

// Example shows what a test of an application can find out: how much it loses
// when the power goes, and what it may rely on. In a test, t is its *testing.T.
func Example() {
	t := new(exampleT)
	defer t.end()

	// A counter of visits may lose a second.
	db := persisttest.Open(t, nil)
	db.Incr("visits", 1)
	db.Second()
	db.Incr("visits", 1) // nobody waits for this one
	db.Crash()
	visits, _ := db.Get("visits")
	fmt.Printf("every second: %s of 2 visits\n", visits)

	// An order that was confirmed must be there, and so must what came before it.
	db.Incr("visits", 1)
	err := db.Update(func(tx *store.Tx) error {
		return tx.Set("order:1", []byte("tea"))
	}, store.Durable)
	db.Crash()
	order, _ := db.Get("order:1")
	visits, _ = db.Get("visits")
	fmt.Printf("durable: %v, order of %s, %s visits\n", err, order, visits)

	// Under Always that goes for everything.
	db.SetPolicy(store.Always)
	db.Incr("visits", 1)
	db.Crash()
	visits, _ = db.Get("visits")
	fmt.Printf("always: %s visits\n", visits)

	// Output:
	// every second: 1 of 2 visits
	// durable: <nil>, order of tea, 2 visits
	// always: 3 visits
}

// exampleT stands in for a *testing.T.
type exampleT struct{ cleanups []func() }

func (*exampleT) Helper() {}

func (*exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (t *exampleT) TempDir() string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (t *exampleT) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *exampleT) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}
