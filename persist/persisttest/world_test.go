package persisttest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/persist"
	"redstart/persist/internal/disk"
)

// A world is a file that is written to by a test, with what it should hold.
// What is done to the disk is recorded.
type world struct {
	t       testing.TB
	dir     string
	rng     *rand.Rand
	rec     *recorder
	ticks   chan time.Time
	file    *persist.File
	now     content
	history map[uint64]content // after each transaction
	seq     uint64             // of the last one
	leave   func()             // ends the recording
}

// newWorld begins with the files of before in dir.
func newWorld(t testing.TB, dir string, seed uint64, before *media) *world {
	w := &world{
		t: t, dir: dir, rng: rand.New(rand.NewPCG(seed, 1)), ticks: make(chan time.Time),
		now: content{}, history: map[uint64]content{0: {}},
	}
	require.NoError(t, lay(w.dir, before.lose(keepAll, nil)))
	rec, stop := record(w.dir, before)
	stopPace := disk.Pace(w.dir, w.ticks)
	w.rec = rec
	w.leave = func() {
		stop()
		stopPace()
	}
	return w
}

// memoryDir returns a directory of the test's own: in memory if there is such
// a file system, because these tests make thousands of files to read them once.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "persisttest")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// load opens a file and reads it.
func load(path string, policy persist.Policy) (f *persist.File, c content, err error) {
	f, err = persist.Open(path, &persist.Options{Sync: policy})
	if err != nil {
		return nil, nil, err
	}
	c = content{}
	if err := f.Load(c.put, c.apply); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, c, nil
}

// open opens the file. Its content is what was recorded for its last transaction.
func (w *world) open(policy persist.Policy) {
	w.t.Helper()
	w.rec.open()
	f, c, err := load(appFile(w.dir), policy)
	require.NoError(w.t, err)
	w.file, w.seq, w.now = f, f.Appended(), c
	require.Empty(w.t, c.differs(w.history[w.seq]))
}

// append appends a transaction.
func (w *world) append(ops ...op) {
	w.t.Helper()
	_, err := w.try(ops...)
	require.NoError(w.t, err)
}

// try is append that may fail.
func (w *world) try(ops ...op) (uint64, error) {
	w.t.Helper()
	tx := encode(ops)
	seq, err := w.file.Append(tx)
	if seq != 0 {
		require.Equal(w.t, w.seq+1, seq)
		w.now = maps.Clone(w.now)
		require.NoError(w.t, w.now.apply(seq, tx))
		w.seq, w.history[seq] = seq, w.now
	}
	return seq, err
}

// wait waits for all transactions, and notes that they were acknowledged.
func (w *world) wait() {
	w.t.Helper()
	require.NoError(w.t, w.file.Wait(w.seq))
	w.rec.promise(w.seq)
}

// ask asks whether all transactions are on disk.
func (w *world) ask() {
	w.t.Helper()
	require.True(w.t, w.file.OnDisk(w.seq))
	w.rec.promise(w.seq)
}

// tick lets a second pass.
func (w *world) tick() {
	w.ticks <- time.Time{}
	w.ticks <- disk.Mark
	w.rec.acknowledge(w.file.Durable())
}

func (w *world) checkpoint() {
	w.t.Helper()
	require.NoError(w.t, w.file.Checkpoint(contentView{w.now, w.seq}))
	w.rec.acknowledge(w.file.Durable())
}

func (w *world) close() {
	w.t.Helper()
	require.NoError(w.t, w.file.Close())
	w.rec.acknowledge(w.seq)
}

// random appends a random transaction.
func (w *world) random() {
	w.t.Helper()
	var ops []op
	for range 1 + w.rng.IntN(4) {
		o := op{kind: "sssppd"[w.rng.IntN(6)], text: w.text()}
		o.key = fmt.Sprint("s", w.rng.IntN(30))
		if o.kind == 'p' {
			o.key = fmt.Sprint("l", w.rng.IntN(4))
		}
		ops = append(ops, o)
	}
	w.append(ops...)
}

// text returns one that says where it came from; some are long.
func (w *world) text() string {
	text := fmt.Sprint(w.seq+1, "-", w.rng.Uint32())
	switch w.rng.IntN(12) {
	case 0:
		text += strings.Repeat(".", w.rng.IntN(9000))
	case 1:
		text += strings.Repeat("+", w.rng.IntN(600))
	}
	return text
}
