package persist

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that is damaged while it is open, in its values, by pages that are
// zeroed, and by its end that is cut off: the program goes on, whatever of commits, checkpoints and reading comes upon the damage.
// What was acknowledged is there, or the file refuses to open and says so; and
// once the damage is found, nothing is written any more.
func TestDamagedWhileOpen(t *testing.T) {
	t.Parallel()
	w := newWreck(t)
	var spots []int64
	w.visit(t, func(g *page, inline bool) {
		n := 0
		w.elements(t, g, func(at int64, what string) {
			if n++; n%5 == 0 && g.leaf() && strings.HasSuffix(what, "value") {
				spots = append(spots, at)
			}
		})
	})
	for n, at := range spots {
		if n%every(1) == 0 {
			w.hit(t, fmt.Sprintf("byte %d, bit %d", at, n%8), func(file *os.File) error {
				_, err := file.WriteAt([]byte{w.whole[at] ^ 1<<(n%8)}, at)
				return err
			})
		}
	}
	zeros := make([]byte, w.pageSize)
	for at := 0; at < len(w.whole); at += every(w.pageSize) {
		w.hit(t, fmt.Sprintf("page at byte %d zeroed", at), func(file *os.File) error {
			_, err := file.WriteAt(zeros, int64(at))
			return err
		})
		w.hit(t, fmt.Sprintf("cut at byte %d", at), func(file *os.File) error { return file.Truncate(int64(at)) })
	}
	w.report(t)
}

// hit has the file damaged while it is open, goes on with it, and looks at what
// is left.
func (w *wreck) hit(t *testing.T, what string, damage func(file *os.File) error) {
	t.Helper()
	w.states++
	w.now = nil
	w.write(t, w.whole)
	w.now = nil
	f, m := mustOpen(t, w.path, testOptions(EverySecond))
	file, err := os.OpenFile(w.path, os.O_WRONLY, 0)
	require.NoError(t, err)
	require.NoError(t, damage(file))
	require.NoError(t, file.Close())

	var errs []error
	var found []byte // the file when the damage was found
	note := func(err error) {
		if err != nil && !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s: %v", what, err)
		}
		errs = append(errs, err)
		if err != nil && found == nil {
			found, _ = os.ReadFile(w.path)
		}
	}
	for i := range 6 {
		tx := setTx(fmt.Sprint("new", i), "1")
		seq, err := f.Append(tx)
		if err == nil {
			require.NoError(t, m.apply(seq, tx))
			err = f.Sync()
		}
		note(err)
		if i%2 == 1 {
			note(f.Checkpoint(m))
		}
	}
	again := newModel()
	again.seq = f.Stats().Covered
	err = f.Load(again.put, func(seq uint64, tx []byte) error {
		again.seq = seq - 1
		return again.apply(seq, tx)
	})
	if err == nil && f.Err() == nil && again.differs(m) != "" {
		t.Fatalf("%s: it is taken for whole, and holds something else: %s", what, again.differs(m))
	}
	note(err)
	note(f.Close())
	after, err := os.ReadFile(w.path)
	require.NoError(t, err)
	if found != nil && !bytes.Equal(found, after) {
		t.Fatalf("%s: the file was written to after damage was found: %v", what, errs)
	}
	if len(after) == 0 {
		return // cut off completely
	}
	if f, err = Open(w.path, testOptions(EverySecond)); err == nil {
		again, err = load(f)
		require.NoError(t, f.Close())
	}
	switch {
	case err != nil && !errors.Is(err, ErrCorrupt):
		t.Fatalf("%s: %v", what, err)
	case err != nil:
		w.refused++
	case found == nil && again.differs(m) != "":
		t.Fatalf("%s: it opens and has lost its content: %s", what, again.differs(m))
	}
	w.recover(t, what)
}
