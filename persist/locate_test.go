package persist

import (
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The name of a segment that was damaged while the file is in use is damage for
// whoever looks for a transaction, and not something to be looked for for ever.
func TestLocateDamagedName(t *testing.T) {
	f, m := mustOpen(t, filepath.Join(t.TempDir(), "a.db"), &Options{ticks: make(chan time.Time)})
	defer f.Close()
	do(t, f, m, setTx("k", "v"))
	require.NoError(t, f.Sync())
	tx, err := f.db.Begin(true)
	require.NoError(t, err)
	defer tx.Rollback()
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	for _, segment := range []struct {
		name  []byte
		first uint64
	}{{append(number(80), 'x'), 2}, {number(160), 100}} {
		b, err := tx.Bucket(journalBucket).CreateBucket(segment.name)
		require.NoError(t, err)
		r := record{buf: make([]byte, recordHeader), kind: recordWhole, first: segment.first, count: 1}
		r.seal(number(1))
		require.NoError(t, b.Put(number(1), r.buf))
	}
	found := make(chan error, 1)
	go func() {
		_, err := f.locate(tx, 5)
		found <- err
	}()
	select {
	case err = <-found:
	case <-time.After(10 * time.Second):
		panic("it is still looking")
	}
	require.ErrorIs(t, err, ErrCorrupt)
}
