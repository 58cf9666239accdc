package persisttest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"redstart/persist"
)

// seedEnv is the seed of all that is random here, instead of 1; roundsEnv how
// often everything is done, each time with the next seed; stateEnv the one
// state that is looked at, as a failure names it.
const (
	seedEnv   = "REDSTART_CRASH_SEED"
	roundsEnv = "REDSTART_CRASH_ROUNDS"
	stateEnv  = "REDSTART_CRASH_STATE"
)

// seeds returns those of this run.
func seeds() (all []uint64) {
	seed, _ := strconv.ParseUint(cmp.Or(os.Getenv(seedEnv), "1"), 10, 64)
	rounds, _ := strconv.Atoi(cmp.Or(os.Getenv(roundsEnv), "1"))
	for i := range max(rounds, 1) {
		all = append(all, seed+uint64(i))
	}
	return all
}

// A state is a disk as a crash left it, by what led to it: after an event of a
// recording, with a fate for what was not durable.
type state struct {
	scenario string
	seed     uint64
	point    int
	fate     fate
	variant  int
}

func (s state) String() string {
	return fmt.Sprintf("%s:%d:%d:%v:%d", s.scenario, s.seed, s.point, s.fate, s.variant)
}

// rng returns what decides of this state.
func (s state) rng() *rand.Rand {
	return rand.New(rand.NewPCG(s.seed, uint64(s.point)<<16|uint64(s.fate)<<8|uint64(s.variant)))
}

// An explorer goes through the states that a crash can leave at any point of
// a recording, opens each and looks whether it is one that was promised.
type explorer struct {
	t          testing.TB
	dir, later string // where states are laid, and those of what comes later
	history    map[uint64]content
	policy     persist.Policy
	variants   int  // of each fate that is random
	mayRefuse  bool // a state may be refused as damaged, if nobody has asked
	read       func(path string) (content, uint64, error)
	once       bool // states are not written to
	skip       int  // of so many states one is looked at; 0: each is
	states     int
	refused    int
	began      time.Time
}

func newExplorer(t testing.TB, policy persist.Policy) *explorer {
	x := &explorer{
		t: t, dir: memoryDir(t), later: memoryDir(t), policy: policy,
		variants: 2, began: time.Now(),
	}
	x.read = x.load
	if testing.Short() {
		x.variants = 1
	}
	return x
}

// run explores every state of the recording of w.
func (x *explorer) run(name string, seed uint64, w *world) {
	x.t.Helper()
	x.history = w.history
	m, acked := w.rec.before.clone(), uint64(0)
	for point := 0; ; point++ {
		x.point(state{scenario: name, seed: seed, point: point}, m, acked)
		if point == len(w.rec.events) {
			break
		}
		acked = m.step(&w.rec.events[point], acked)
	}
	x.t.Logf("%s: %d events, %d states, %d refused, %.2f s", name, len(w.rec.events), x.states, x.refused, time.Since(x.began).Seconds())
}

// point explores the states after one event.
func (x *explorer) point(s state, m *media, acked uint64) {
	x.t.Helper()
	for s.fate = range fates {
		if s.fate != keepAll && m.decided() {
			return
		}
		for s.variant = range x.variants {
			if s.variant > 0 && s.fate <= keepNone {
				break
			}
			if only := os.Getenv(stateEnv); only != "" && only != s.String() {
				continue
			}
			x.look(s, m, acked)
		}
	}
}

// look checks one state, and from time to time what can come of it.
func (x *explorer) look(s state, m *media, acked uint64) {
	x.t.Helper()
	r := s.rng()
	if x.skip > 0 && r.IntN(x.skip) > 0 && os.Getenv(stateEnv) == "" {
		return
	}
	files := m.lose(s.fate, r)
	refused := x.refused
	seq, err := x.check(files, acked, m.asked)
	if x.refused > refused {
		return
	}
	if x.once && err == nil {
		return
	}
	if err == nil && r.IntN(10) == 0 {
		err = x.goOn(loaded(files), seq, acked, r)
	}
	if err == nil && s.fate == keepAll && r.IntN(4) == 0 {
		err = x.goOn(m, seq, acked, r) // the process died, the machine did not
	}
	if err != nil {
		x.t.Fatalf("state %v: %v\n(%s=%v and %s=%d go test ./persist/persisttest shows this one only)", s, err, stateEnv, s, seedEnv, s.seed)
	}
}

// check opens a state and reads it. It returns up to which transaction it is.
func (x *explorer) check(files map[string][]byte, acked uint64, asked bool) (seq uint64, err error) {
	x.states++
	if err := lay(x.dir, files); err != nil {
		return 0, err
	}
	path := appFile(x.dir)
	c, seq, err := x.read(path)
	nothing := acked == 0 && errors.Is(err, persist.ErrForeign) // is left of a file that was young
	if x.mayRefuse && !asked && (nothing || errors.Is(err, persist.ErrCorrupt)) {
		x.refused++
		return 0, nil
	}
	if err == nil {
		err = x.compare(c, seq, acked)
	}
	if err == nil && x.states%4 == 0 {
		err = checkPages(path)
	}
	return seq, err
}

// load opens the file, reads it and closes it.
func (x *explorer) load(path string) (c content, seq uint64, err error) {
	f, c, err := load(path, x.policy)
	if err != nil {
		return nil, 0, err
	}
	return c, f.Appended(), f.Close()
}

// compare says why content as of seq is not what was promised.
func (x *explorer) compare(c content, seq, acked uint64) error {
	want, ok := x.history[seq]
	switch {
	case seq < acked:
		return fmt.Errorf("it ends at transaction %d, but %d was acknowledged", seq, acked)
	case !ok:
		return fmt.Errorf("it ends at transaction %d, which never was", seq)
	}
	if d := c.differs(want); d != "" {
		return fmt.Errorf("as of transaction %d %s", seq, d)
	}
	return nil
}

// checkPages has bbolt check its pages. It panics, where nobody can recover, if
// they are too bad, so others look first.
func checkPages(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			return fmt.Errorf("bbolt finds: %w", err)
		}
		return nil
	})
}

// goOn opens the file on disk m, writes to it, and crashes again: while it is
// opened, or later. What was read of it was up to seq.
func (x *explorer) goOn(m *media, seq, acked uint64, r *rand.Rand) error {
	w := newWorld(x.t, x.later, r.Uint64(), m.clone())
	w.history = maps.Clone(x.history)
	w.rec.acknowledge(acked)
	func() {
		defer w.leave()
		f, c, err := load(appFile(w.dir), x.policy)
		if err != nil {
			x.t.Fatalf("what was opened before is not opened any more: %v", err)
		}
		w.file, w.seq, w.now = f, seq, c
		require.Equal(x.t, seq, f.Appended())
		require.NoError(x.t, f.Sync())
		w.rec.promise(seq)
		for range r.IntN(3) {
			w.random()
			w.wait()
		}
		if r.IntN(3) == 0 {
			w.checkpoint()
		}
		w.close()
	}()
	later := *x
	later.history = w.history
	defer func() { x.states, x.refused = later.states, later.refused }()
	for range 4 {
		point := r.IntN(len(w.rec.events) + 1)
		m, acked := w.rec.after(point, 0)
		how := fate(r.IntN(int(fates)))
		if _, err := later.check(m.lose(how, r), acked, m.asked); err != nil {
			return fmt.Errorf("opened, written to, and after event %d of that crashed again (fate %v): %w", point, how, err)
		}
	}
	return nil
}

// needHook skips a test that must see what bbolt does.
func needHook(t *testing.T) {
	if !hooked {
		t.Skip("needs a bbolt that can be watched: TestHooked runs it")
	}
}

// base is the name of a file in an event.
func base(path string) string { return filepath.Base(path) }
