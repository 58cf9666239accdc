package persist

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// recovered recovers the file at path and returns what the new one holds, and
// what was told.
func recovered(t *testing.T, path string) (m *model, told []string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "new.db")
	x := Examiner{Report: func(line string) { told = append(told, line) }}
	_, err := x.Recover(path, to)
	require.NoError(t, err)
	f, m := mustOpen(t, to, nil)
	require.NoError(t, f.Close())
	return m, told
}

// Both meta pages of a file that was written as a whole lead to all of it.
func TestEitherMetaLeadsToAll(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	for i := range 100 {
		do(t, f, m, setTx(fmt.Sprint(i), strings.Repeat("x", 1000)))
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, WriteFile(copied, m, nil))
	require.NoError(t, f.Rewrite(m))
	require.NoError(t, f.Close())
	for _, path := range []string{copied, path} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, at := range []int{0, os.Getpagesize()} {
			damaged := tempFile(t)
			clear(content[at+16 : at+80])
			require.NoError(t, os.WriteFile(damaged, content, 0o600))
			got, told := recovered(t, damaged)
			require.Len(t, told, 1)
			got.seq = m.seq // of the commit before, whose journal may be shorter
			got.same(t, m)
			content, err = os.ReadFile(path)
			require.NoError(t, err)
		}
	}
}

// encoded returns an entry as it lies in chunks, without their headers.
func encoded(t *testing.T, e Entry) (b []byte) {
	for _, c := range pack(t, []Entry{e}) {
		b = append(b, c.buf[chunkHeader:]...)
	}
	return b
}

// What a user has stored is not taken for an entry, wherever the pieces of a large
// value begin after one was lost.
func TestPiecesAreNoEntries(t *testing.T) {
	entry := func(key string, value []byte) Entry {
		return Entry{Key: []byte(key), Kind: types.KindString, Value: value}
	}
	value := []byte(strings.Repeat("x", 300<<10))
	own := encoded(t, entry("large", value))
	second := chunkSize - chunkHeader - (len(own) - len(value)) // where in the value the second piece begins
	evil := value[second:]
	for n := len(evil); ; n-- {
		if b := encoded(t, entry("evil", bytes.Repeat([]byte("y"), n))); len(b) == len(evil) {
			copy(evil, b)
			break
		}
	}
	path := tempFile(t)
	f, m := mustOpen(t, path, testOptions(EverySecond))
	m.set(0, "large", stringValue(string(value), 0, 0))
	do(t, f, m, setTx("small", ""))
	require.NoError(t, f.Checkpoint(m))
	require.NoError(t, f.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.Index(content, value[:second])
	require.Positive(t, at)
	content[at] ^= 1
	damaged := tempFile(t)
	require.NoError(t, os.WriteFile(damaged, content, 0o600))
	got, told := recovered(t, damaged)
	require.NotEmpty(t, told)
	delete(m.dbs[0], "large")
	got.same(t, m)
}
