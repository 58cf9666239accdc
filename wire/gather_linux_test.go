package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// How many clients a sync can expect: those of the last two, each once.
func TestCompany(t *testing.T) {
	l := new(loop)
	var clients [6]loopConn
	for _, step := range []struct {
		come    []int
		company int
	}{
		{[]int{0}, 1},
		{[]int{0}, 1},
		{[]int{0, 1, 2}, 3},
		{[]int{3, 4, 5}, 6}, // two halves
		{[]int{0, 1, 2}, 6},
		{[]int{3, 4, 5}, 6},
		{[]int{0, 1, 2, 3, 4, 5}, 6}, // together
		{[]int{0, 1, 2, 3, 4, 5}, 6},
		{[]int{5}, 6},
		{[]int{5}, 1}, // the others have gone
	} {
		l.touched = l.touched[:0]
		for _, i := range step.come {
			l.touched = append(l.touched, &clients[i])
		}
		l.meet()
		require.Equal(t, step.company, l.company)
	}
}

// Those whose replies wait for the disk do not have a second turn before it.
func TestOthers(t *testing.T) {
	l := new(loop)
	waits, comes := &loopConn{isTouched: true, isReady: true}, &loopConn{isReady: true}
	l.ready = []*loopConn{waits, comes}
	require.True(t, l.others())
	require.Equal(t, []*loopConn{comes}, l.doing)
	require.Equal(t, []*loopConn{waits}, l.ready)
	require.False(t, l.others())
	require.Empty(t, l.doing)
	require.Equal(t, []*loopConn{waits}, l.ready)
}
