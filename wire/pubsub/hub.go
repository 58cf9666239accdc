// Package pubsub has the channels of a server: who listens to which, and who
// is to get a message. It knows nothing of connections or protocols.
package pubsub

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"redstart/store"
)

// A Kind says what a subscription is to.
type Kind uint8

// The kinds. Shard channels have names of their own: a message to the channel
// news does not reach the shard channel news.
const (
	Channel Kind = iota
	Pattern
	Shard
	kinds
)

// A Message is what a subscriber gets.
type Message struct {
	Kind    Kind   // of the subscription it comes by
	Pattern string // that matched, if Kind is Pattern
	Channel string
	Payload []byte // valid until Deliver returns
	Own     bool   // the subscriber published it itself
}

// A Subscriber gets messages. Deliver must not block and must not call the Hub.
type Subscriber interface{ Deliver(m Message) }

// A Hub connects publishers and subscribers. The zero value is ready to use.
//
// Invariant: topics[k][name] has sub exactly if joined[sub][k] has name, and
// neither map holds an empty one.
type Hub struct {
	mu     sync.RWMutex
	topics [kinds]map[string]map[Subscriber]struct{}
	joined map[Subscriber]*[kinds]map[string]struct{}
	live   atomic.Int64 // subscriptions: publishing to nobody takes no lock
}

// Join subscribes sub to name and reports whether it was not before.
func (h *Hub) Join(sub Subscriber, k Kind, name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.joined == nil {
		h.joined = make(map[Subscriber]*[kinds]map[string]struct{})
	}
	j := h.joined[sub]
	if j == nil {
		j = new([kinds]map[string]struct{})
		h.joined[sub] = j
	}
	if _, there := j[k][name]; there {
		return false
	}
	if j[k] == nil {
		j[k] = make(map[string]struct{})
	}
	j[k][name] = struct{}{}
	if h.topics[k] == nil {
		h.topics[k] = make(map[string]map[Subscriber]struct{})
	}
	if h.topics[k][name] == nil {
		h.topics[k][name] = make(map[Subscriber]struct{})
	}
	h.topics[k][name][sub] = struct{}{}
	h.live.Add(1)
	return true
}

// Part ends the subscription of sub to name and reports whether there was one.
func (h *Hub) Part(sub Subscriber, k Kind, name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.part(sub, k, name)
}

func (h *Hub) part(sub Subscriber, k Kind, name string) bool {
	j := h.joined[sub]
	if j == nil {
		return false
	}
	if _, there := j[k][name]; !there {
		return false
	}
	delete(j[k], name)
	delete(h.topics[k][name], sub)
	if len(h.topics[k][name]) == 0 {
		delete(h.topics[k], name)
	}
	if len(j[Channel])+len(j[Pattern])+len(j[Shard]) == 0 {
		delete(h.joined, sub)
	}
	h.live.Add(-1)
	return true
}

// Joined returns the names sub is subscribed to, sorted.
func (h *Hub) Joined(sub Subscriber, k Kind) []string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	j := h.joined[sub]
	if j == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(j[k]))
}

// Has reports whether sub is subscribed to anything.
func (h *Hub) Has(sub Subscriber) bool {
	if h.live.Load() == 0 {
		return false
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.joined[sub] != nil
}

// Leave ends all subscriptions of sub.
func (h *Hub) Leave(sub Subscriber) {
	if h.live.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	j := h.joined[sub]
	if j == nil {
		return
	}
	for k := range kinds {
		for _, name := range slices.Collect(maps.Keys(j[k])) {
			h.part(sub, k, name)
		}
	}
}

// Publish delivers a message to the subscribers of a channel, and, unless it
// is a shard channel, to those of the patterns that match it. It returns how
// many deliveries that were. from, which may be nil, is who publishes.
func (h *Hub) Publish(k Kind, channel string, payload []byte, from Subscriber) int {
	if h.live.Load() == 0 {
		return 0
	}
	// Exclusive, so that all subscribers get messages in the same order.
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.topics[k][channel])
	for sub := range h.topics[k][channel] {
		sub.Deliver(Message{Kind: k, Channel: channel, Payload: payload, Own: sub == from})
	}
	if k == Shard {
		return n
	}
	for pattern, subs := range h.topics[Pattern] {
		if !store.Match(pattern, channel) {
			continue
		}
		for sub := range subs {
			sub.Deliver(Message{Kind: Pattern, Pattern: pattern, Channel: channel, Payload: payload, Own: sub == from})
		}
		n += len(subs)
	}
	return n
}

// Names returns the names somebody is subscribed to that match a glob-style
// pattern, sorted.
func (h *Hub) Names(k Kind, pattern string) []string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var names []string
	for name := range h.topics[k] {
		if pattern == "*" || store.Match(pattern, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Count returns how many subscribers name has.
func (h *Hub) Count(k Kind, name string) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.topics[k][name])
}

// Len returns how many names somebody is subscribed to.
func (h *Hub) Len(k Kind) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.topics[k])
}
