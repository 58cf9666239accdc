package disk_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/persist/internal/disk"
)

// What is released is there when it is read again, and so is what is around it.
func TestRelease(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	m, err := syscall.Mmap(int(f.Fd()), 0, len(content), syscall.PROT_READ, syscall.MAP_SHARED)
	require.NoError(t, err)
	defer syscall.Munmap(m)
	for _, part := range [][2]int{{0, len(m)}, {1, len(m) - 1}, {5000, 5001}, {4095, 12289}, {7, 7}, {4096, 8192}, {4097, 8193}} {
		disk.Release(m[part[0]:part[1]])
		require.True(t, bytes.Equal(content, m))
	}
}
