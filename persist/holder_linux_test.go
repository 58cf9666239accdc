package persist

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindHolder(t *testing.T) {
	const locks = `1: POSIX  ADVISORY  WRITE 11 fd:01:5678 0 EOF
2: FLOCK  ADVISORY  WRITE 22 fd:01:56789 0 EOF
3: FLOCK  ADVISORY  WRITE 33 fd:02:5678 0 EOF
4: FLOCK  ADVISORY  WRITE 44 fd:01:5678 0 EOF
4: -> FLOCK  ADVISORY  WRITE 55 fd:01:5678 0 EOF
`
	require.Equal(t, 44, findHolder(locks, 0xfd01, 5678))
	require.Equal(t, 22, findHolder(locks, 0x0001, 56789))
	require.Zero(t, findHolder(locks, 0xfd01, 9))
	require.Zero(t, findHolder("garbage\n\n", 1, 1))
}
