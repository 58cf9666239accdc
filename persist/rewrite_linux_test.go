package persist

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
)

// mapped returns how many bytes of files are in the memory of this process.
func mapped(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	var size, resident, shared int
	_, err = fmt.Sscan(string(text), &size, &resident, &shared)
	require.NoError(t, err)
	return shared * os.Getpagesize()
}

// That a new file is read back, and the journal read again and again, does not
// bring either into the memory of the process.
func TestRewriteMapsLittle(t *testing.T) {
	path := tempFile(t)
	f, m := mustOpen(t, path, &Options{MaxJournal: 1 << 30})
	value := strings.Repeat("x", 100<<10)
	for i := range 400 {
		do(t, f, m, setTx(fmt.Sprint(i), value))
	}
	require.NoError(t, f.Sync())
	before, after := mapped(t), 0
	stop := disk.Watch(filepath.Dir(path), func(e disk.Event, do func() error) error {
		if e.Op == disk.Rename {
			after = mapped(t)
		}
		return do()
	})
	require.NoError(t, f.Rewrite(m))
	stop()
	require.Less(t, after-before, 16<<20)
	require.NoError(t, f.Close())
}
