package pubsub

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// check returns an error if the two sides of the hub do not agree.
func (h *Hub) check() error {
	live := int64(0)
	for k := range kinds {
		for name, subs := range h.topics[k] {
			if len(subs) == 0 {
				return fmt.Errorf("nobody listens to %q", name)
			}
			for sub := range subs {
				live++
				if j := h.joined[sub]; j == nil || !has(j[k], name) {
					return fmt.Errorf("a listener of %q does not know it", name)
				}
			}
		}
	}
	for _, j := range h.joined {
		n := 0
		for k := range kinds {
			n += len(j[k])
		}
		if n == 0 {
			return fmt.Errorf("somebody listens to nothing")
		}
		live -= int64(n)
	}
	if live != 0 {
		return fmt.Errorf("%d more listeners than subscriptions", live)
	}
	return nil
}

func has(set map[string]struct{}, name string) bool { _, ok := set[name]; return ok }

type inbox struct{ got []Message }

func (in *inbox) Deliver(m Message) { in.got = append(in.got, m) }

// All subscribers get the messages of all publishers in one order.
func TestOneOrder(t *testing.T) {
	var h Hub
	subs := [3]inbox{}
	for i := range subs {
		require.True(t, h.Join(&subs[i], Channel, "news"))
		require.False(t, h.Join(&subs[i], Channel, "news"))
	}
	var publishers sync.WaitGroup
	for p := range 4 {
		publishers.Go(func() {
			for i := range 500 {
				h.Publish(Channel, "news", fmt.Append(nil, p, " ", i), nil)
			}
		})
	}
	publishers.Wait()
	require.Len(t, subs[0].got, 2000)
	require.Equal(t, subs[0].got, subs[1].got)
	require.Equal(t, subs[0].got, subs[2].got)
}

// A random history of joining, parting and leaving, beside a model of one line.
func TestHubModel(t *testing.T) {
	type subscription struct {
		sub  *inbox
		kind Kind
		name string
	}
	r := rand.New(rand.NewPCG(1, 2))
	var h Hub
	subs, names := []*inbox{{}, {}, {}}, []string{"a", "ab", "a*", "*"}
	model := map[subscription]bool{}
	for range 5000 {
		s := subscription{subs[r.IntN(len(subs))], Kind(r.IntN(int(kinds))), names[r.IntN(len(names))]}
		switch r.IntN(20) {
		case 0:
			h.Leave(s.sub)
			for x := range model {
				if x.sub == s.sub {
					delete(model, x)
				}
			}
		case 1, 2, 3, 4, 5, 6, 7, 8:
			require.Equal(t, !model[s], h.Join(s.sub, s.kind, s.name))
			model[s] = true
		case 9, 10, 11, 12, 13, 14:
			require.Equal(t, model[s], h.Part(s.sub, s.kind, s.name))
			delete(model, s)
		default:
			want := 0
			for x := range model {
				if x.kind == Channel && x.name == "ab" || x.kind == Pattern && x.name != "a" {
					want++
				}
			}
			require.Equal(t, want, h.Publish(Channel, "ab", nil, nil))
		}
		require.NoError(t, h.check())
	}
}
