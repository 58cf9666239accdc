package types

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// grown returns a tree of n members with the scores that score gives.
func grown(n int, score func(i int) float64) (*ztree, zmodel) {
	t, m := new(ztree), make(zmodel, n)
	for i := range n {
		m[i] = ZMember{fmt.Sprintf("member:%07d", i), score(i)}
		t.insert(m[i].Score, m[i].Name)
	}
	slices.SortFunc(m, zcompare)
	return t, m
}

// fullness returns the share of the leaves' bytes that is in use.
func (t *ztree) fullness() float64 {
	var live func(n *znode) int
	live = func(n *znode) (sum int) {
		for i := range n.n {
			if k := &n.kid[i]; k.node != nil {
				sum += live(k.node)
			} else {
				sum += k.leaf.live()
			}
		}
		return sum
	}
	return float64(live(t.root)) / float64(t.leaves*zBody)
}

func TestTreeOrders(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		score func(i int) float64
		full  float64
	}{
		{"ascending", func(i int) float64 { return float64(i) }, 0.95},
		{"descending", func(i int) float64 { return float64(-i) }, 0.95},
		{"all equal", func(i int) float64 { return 1 }, 0.95},
		{"random", func(i int) float64 { return r.Float64() }, 0.75},
		{"few scores", func(i int) float64 { return float64(r.IntN(5)) }, 0.8},
	} {
		tree, m := grown(40_000, c.score)
		require.NoError(t, tree.check(), c.name)
		require.GreaterOrEqual(t, tree.fullness(), c.full, c.name)
		for i := 0; i < len(m); i += 97 {
			rank, ok := tree.rank(m[i].Score, m[i].Name)
			require.True(t, ok, c.name)
			require.Equal(t, i, rank, c.name)
			k, j := tree.at(i)
			require.Equal(t, m[i].Name, string(k.name(j)), c.name)
		}
	}
}

func TestTreeStaysDense(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	tree, m := grown(40_000, func(int) float64 { return r.Float64() })
	r.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
	for len(m) > 1000 {
		e := m[len(m)-1]
		m = m[:len(m)-1]
		tree.remove(e.Score, e.Name)
		if len(m)%10_000 == 0 {
			require.NoError(t, tree.check())
			require.Greater(t, tree.fullness(), 0.4)
		}
	}
	require.NoError(t, tree.check())
	require.Less(t, tree.nodes, 5)
	for _, e := range m {
		tree.remove(e.Score, e.Name)
	}
	require.NoError(t, tree.check())
	require.Nil(t, tree.root)
}

func TestTreeRemoveRange(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 8 {
		tree, m := grown(10_000, func(int) float64 { return r.Float64() })
		for len(m) > 0 {
			old := tree.clone()
			lo := r.IntN(len(m))
			hi := lo + 1 + r.IntN(min(len(m)-lo, 1<<r.IntN(14)))
			tree.removeRange(lo, hi)
			require.NoError(t, tree.check())
			require.NoError(t, old.check())
			require.Equal(t, len(m), old.len())
			m = slices.Delete(m, lo, hi)
			require.Equal(t, len(m), tree.len())
			if len(m) == 0 {
				break
			}
			i := r.IntN(len(m))
			k, j := tree.at(i)
			require.Equal(t, m[i].Name, string(k.name(j)))
		}
	}
}

func TestTreeMove(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, width := range []float64{0.0001, 0.01, 1} { // mostly in the leaf, sometimes, hardly ever
		tree, m := grown(5000, func(int) float64 { return r.Float64() })
		for i := range 20_000 {
			e := &m[r.IntN(len(m))]
			score := e.Score + (r.Float64()-0.5)*width
			tree.move(e.Score, score, e.Name)
			e.Score = score
			if i%500 == 0 {
				require.NoError(t, tree.check())
			}
		}
		slices.SortFunc(m, zcompare)
		i := 0
		tree.root.each(0, len(m), func(member []byte, score float64) bool {
			require.Equal(t, m[i], ZMember{string(member), score})
			i++
			return true
		})
		require.Equal(t, len(m), i)
	}
}

func TestTreeLongMembers(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	tree := new(ztree)
	sizes := []int{1, zInline, zInline + 1, 300, 5000}
	var m zmodel
	for i := range 3000 {
		e := ZMember{fmt.Sprintf("%0*d", sizes[r.IntN(len(sizes))], i), float64(r.IntN(20))}
		tree.insert(e.Score, owned(e.Name))
		m = append(m, e)
	}
	require.NoError(t, tree.check())
	old := tree.clone()
	for i := range m[:2500] {
		tree.move(m[i].Score, 5, m[i].Name)
		tree.remove(5, m[i].Name)
	}
	require.NoError(t, tree.check())
	require.NoError(t, old.check())
	m = m[2500:]
	slices.SortFunc(m, zcompare)
	i := 0
	tree.root.each(0, len(m), func(member []byte, score float64) bool {
		require.Equal(t, m[i], ZMember{strings.Clone(text(member)), score})
		i++
		return true
	})
}
