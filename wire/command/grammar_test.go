package command

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// matches reports all places where n can end in args after i.
func matches(n *Node, args [][]byte, i int) map[int]bool {
	ends := map[int]bool{}
	switch n.Kind {
	case Word:
		if i < len(args) && EqualFold(args[i], n.Name) {
			ends[i+1] = true
		}
	case Value, KeyName:
		if i < len(args) {
			ends[i+1] = true
		}
	case Sequence:
		ends[i] = true
		for _, part := range n.Nodes {
			next := map[int]bool{}
			for at := range ends {
				for end := range matches(part, args, at) {
					next[end] = true
				}
			}
			ends = next
		}
	case Choice:
		for _, alt := range n.Nodes {
			for end := range matches(alt, args, i) {
				ends[end] = true
			}
		}
	case Optional:
		ends = matches(n.Nodes[0], args, i)
		ends[i] = true
	case Repeat:
		for open := []int{i}; len(open) > 0; open = open[1:] {
			for end := range matches(n.Nodes[0], args, open[0]) {
				if !ends[end] {
					ends[end] = true
					open = append(open, end)
				}
			}
		}
	}
	return ends
}

func TestWalksMatchTheSyntax(t *testing.T) {
	table := usageTable(t)
	w := Walker{Rand: rand.New(rand.NewPCG(1, 2)), Keys: []string{"a", "b"}}
	for c := range table.Every() {
		if c.Container() || c.Name == "COMMAND" {
			continue
		}
		for range 20 {
			call := w.Call(c)
			require.Same(t, c, table.Resolve(call))
			require.True(t, matches(c.Tree(), call, c.words())[len(call)], "%q is no %s", call, c.Syntax)
			if c.Arity > 0 || c.FullName() != "psync" && c.FullName() != "quit" {
				_, err := table.Find(call)
				require.NoError(t, err, "%q", call)
			}
			_, ok := c.Keys(call, nil)
			require.True(t, ok, "%q", call)
		}
	}
}

func TestOddWalksDiffer(t *testing.T) {
	table := usageTable(t)
	w := Walker{Rand: rand.New(rand.NewPCG(1, 2)), Odd: 1, Value: func(r *rand.Rand, n *Node) (string, bool) {
		return "v", n.Name == "member"
	}}
	c := table.Named("zadd")
	wrong := 0
	for range 1000 {
		if call := w.Call(c); !matches(c.Tree(), call, 1)[len(call)] {
			wrong++
		}
	}
	require.Greater(t, wrong, 100)
	require.Less(t, wrong, 1000)
	for c := range table.Every() { // none is too short to be spoilt
		for range 20 {
			w.Call(c)
		}
	}
}
