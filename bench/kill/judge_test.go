package kill

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// How long the judge may think about one group's history, and how long about
// why it refuses it.
const (
	patience   = time.Minute
	afterwards = 5 * time.Second
)

// clockTolerance is how much a deadline may be missed by: moments are in
// whole milliseconds, and the clock may be slewed.
const clockTolerance = 3 // ms

// A history is what happened to the keys of one group between two moments at
// which they were seen as a whole, while nobody wrote.
type history struct {
	before   keyspace
	attempts []*attempt
	after    *sight // nil: nobody has looked
}

// A sight is what a group's keys held in a moment between two.
type sight struct {
	keyspace
	keys        []string // all that were looked at
	sent, ended moment
}

// operations are the attempts and the sight for porcupine, each between the
// moment it was sent and the one it ended. Those that are lost are left out.
func (h *history) operations() []porcupine.Operation {
	var ops []porcupine.Operation
	for _, a := range h.attempts {
		if a.fate != lost {
			ops = append(ops, porcupine.Operation{ClientId: a.client, Input: a, Call: int64(a.sent.since), Return: int64(a.ended.since)})
		}
	}
	if h.after != nil {
		ops = append(ops, porcupine.Operation{Input: h.after, Call: int64(h.after.sent.since), Return: int64(h.after.ended.since)})
	}
	return ops
}

// linearizable asks porcupine whether there is an order of the operations that
// explains all replies and what was seen.
func (h *history) linearizable() porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(h.model(), h.operations(), patience)
}

func (h *history) model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init:  func() []any { return []any{state{keyspace: h.before}} },
		Step:  func(s, input, _ any) []any { return s.(state).step(input) },
		Equal: func(a, b any) bool { return a.(state).equal(b.(state)) },
		Hash:  func(s any) uint64 { return s.(state).hash },
		DescribeOperation: func(input, _ any) string {
			if s, ok := input.(*sight); ok {
				return "all keys: " + s.String()
			}
			return input.(*attempt).String()
		},
		DescribeState: func(s any) string { return s.(state).String() },
	}
	return m.ToModel()
}

// A state is what porcupine knows at some place of an order.
//
// An attempt whose reply nobody knows, or that may be lost, is put aside when
// its turn comes. It takes effect, if it does, right before an attempt that may
// notice. Were its place in the order left to porcupine, which finds out at the
// end only whether it was the right one, there would be too many to try.
type state struct {
	keyspace
	aside []*attempt
}

func (s state) equal(o state) bool {
	return slices.Equal(s.aside, o.aside) && s.keyspace.equal(o.keyspace)
}

// step returns the states there may be after an attempt, or a sight.
func (s state) step(input any) (after []any) {
	if seen, ok := input.(*sight); ok {
		for _, s := range s.noticed(seen.keys) {
			for _, k := range s.due(seen.keys, seen.sent, seen.ended) {
				if k.equal(seen.keyspace) && !slices.ContainsFunc(s.aside, (*attempt).happened) {
					return []any{state{keyspace: k}}
				}
			}
		}
		return nil
	}
	a := input.(*attempt)
	if !a.answered || a.fate == unknown {
		return []any{state{s.keyspace, append(slices.Clip(s.aside), a)}}
	}
	for _, s := range s.noticed(a.keys()) {
		for _, o := range a.outcomes(s.keyspace) {
			if a.batch && a.reply == array(o.reply) || !a.batch && a.reply == o.reply {
				after = append(after, state{o.keyspace, s.aside})
			}
		}
	}
	return after
}

func (a *attempt) happened() bool { return a.fate == kept }

// noticed returns s, and what it is after attempts put aside that concern keys.
func (s state) noticed(keys []string) []state {
	all := []state{s}
	for i := 0; i < len(all); i++ {
		for n, a := range all[i].aside {
			if !s.concerns(a, keys) {
				continue
			}
			rest := slices.Concat(all[i].aside[:n], all[i].aside[n+1:])
			for _, o := range a.outcomes(all[i].keyspace) {
				next := state{o.keyspace, rest}
				if !slices.ContainsFunc(all, next.equal) {
					all = append(all, next)
				}
			}
		}
	}
	return all
}

// concerns says whether a touches one of keys, or what another attempt put
// aside touches that does.
func (s state) concerns(a *attempt, keys []string) bool {
	touched := slices.Clone(keys)
	for range s.aside {
		for _, b := range s.aside {
			if overlap(b.keys(), touched) {
				touched = append(touched, b.keys()...)
			}
		}
	}
	return overlap(a.keys(), touched)
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(key string) bool { return slices.Contains(b, key) })
}

// outcomes returns what a may do to k at some moment while it was under way.
func (a *attempt) outcomes(k keyspace) (all []outcome) {
	for _, k := range k.due(a.keys(), a.sent, a.ended) {
		all = append(all, a.request.outcomes(k)...)
	}
	return all
}

// due returns what of k is left at some moment between two: of the keys given
// those with deadlines before are gone, those with deadlines in between may be.
func (k keyspace) due(keys []string, from, to moment) []keyspace {
	all := []keyspace{k}
	for _, e := range k.entries {
		switch {
		case e.deadline == 0 || e.deadline > to.unix+clockTolerance || !slices.Contains(keys, e.key):
		case e.deadline+clockTolerance <= from.unix:
			for i := range all {
				all[i] = all[i].with(e.key, nil)
			}
		default:
			for _, k := range all {
				all = append(all, k.with(e.key, nil))
			}
		}
	}
	return all
}

func (k keyspace) String() string {
	text := ""
	for _, e := range k.entries {
		text += e.key + " " + e.value.String() + "\n"
	}
	return text
}

// judge fails the test if a history is not linearizable, and draws it.
func (h *history) judge(t *testing.T, name string) {
	t.Helper()
	result := h.linearizable()
	if result == porcupine.Ok {
		return
	}
	t.Errorf("%s: porcupine says %s of %d attempts", name, result, len(h.attempts))
	if h.after != nil {
		t.Logf("first difference to what was there before: %s", h.before.difference(h.after.keyspace))
	}
	model := h.model()
	_, info := porcupine.CheckOperationsVerbose(model, h.operations(), afterwards)
	h.explain(t, info.PartialLinearizationsOperations())
	path := filepath.Join(t.ArtifactDir(), name+".html")
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		t.Error(err)
		return
	}
	t.Logf("drawn in %s (kept if the test runs with -artifacts)", path)
}

// explain logs the longest order that porcupine has found, its last attempts,
// what is there after it, and what then should have come next.
func (h *history) explain(t *testing.T, orders [][][]porcupine.Operation) {
	t.Helper()
	const last = 6
	var longest []porcupine.Operation
	for _, order := range slices.Concat(orders...) {
		if len(order) > len(longest) {
			longest = order
		}
	}
	states := []any{state{keyspace: h.before}}
	done := map[any]bool{}
	for i, op := range longest {
		var next []any
		for _, s := range states {
			next = append(next, s.(state).step(op.Input)...)
		}
		states = next
		done[op.Input] = true
		if i >= len(longest)-last {
			t.Logf("fits: %v", op.Input)
		}
	}
	for _, s := range states[:min(len(states), 2)] {
		t.Logf("there is then: %v", s)
	}
	left := 0
	for _, op := range h.operations() {
		if left < last && !done[op.Input] {
			left++
			t.Logf("does not fit: %v", op.Input)
		}
	}
}
