package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// How many clients a sync can expect: those of the last two, each once.
func TestCompany(t *testing.T) {
	g := new(gathering)
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
		g.waiting = g.waiting[:0]
		for _, i := range step.come {
			g.waiting = append(g.waiting, &clients[i])
		}
		g.meet()
		require.Equal(t, step.company, g.company)
	}
}

// A few clients are waited for, of many half of them.
func TestEnough(t *testing.T) {
	for _, c := range []struct{ company, need int }{{1, 1}, {10, 10}, {many - 1, many - 1}, {many, many / 2}, {50, 25}, {51, 25}} {
		g := &gathering{company: c.company}
		for !g.enough() {
			g.waiting = append(g.waiting, nil)
		}
		require.Len(t, g.waiting, c.need)
	}
}

// Those whose replies wait for the disk do not have a turn before they are sent,
// whatever happens to them, and the others do.
func TestHold(t *testing.T) {
	l := new(loop)
	waits, comes, away := &loopConn{isTouched: true, isReady: true}, &loopConn{isReady: true}, &loopConn{isTouched: true, away: true}
	l.ready, l.touched = []*loopConn{waits, comes}, []*loopConn{waits, away}
	l.hold()
	require.Equal(t, []*loopConn{waits, away}, l.gathering.waiting)
	require.Empty(t, l.touched)
	require.False(t, waits.onlyMail)
	require.True(t, away.onlyMail, "its replies are of a run that is not over")
	waits.readable, waits.resumes, waits.takes = true, true, true
	l.enqueue(waits)
	l.touch(waits)
	require.Empty(t, l.touched)
	require.True(t, l.others())
	require.Equal(t, []*loopConn{comes}, l.doing)
	require.False(t, l.others())
}
