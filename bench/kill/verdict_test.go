package kill

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// told makes an attempt of a client: its time from and to, the commands, and
// the reply, "" if there was none.
func told(client, from, to int, reply string, commands ...string) *attempt {
	a := &attempt{client: client, sent: at(from), ended: at(to), reply: reply, answered: reply != "", batch: len(commands) > 1}
	for _, c := range commands {
		a.request = append(a.request, strings.Fields(c))
	}
	if !a.answered {
		a.fate = unknown
	}
	return a
}

func at(ms int) moment {
	return moment{time.Duration(ms) * time.Millisecond, int64(year2100 + ms)}
}

// there is what is seen at some time: keys with their values.
func there(ms int, values map[string]*value) *sight {
	s := &sight{keys: []string{"s", "t", "q", "l", "set"}, sent: at(ms), ended: at(ms + 1)}
	for k, v := range values {
		s.keyspace = s.with(k, v)
	}
	return s
}

func list(elems ...string) *value {
	var items []item
	for _, e := range elems {
		items = append(items, item{name: e})
	}
	return holding(items, 0)
}

// The judge refuses what must not be, and nothing else.
func TestVerdicts(t *testing.T) {
	deadline := int64(year2100 + 50)
	brief := fmt.Sprint("SET s a PXAT ", deadline)
	type keys = map[string]*value
	for _, c := range []struct {
		name     string
		attempts []*attempt
		after    *sight
		refused  bool
	}{
		{"nothing", nil, there(10, nil), false},
		{"a write", []*attempt{told(1, 0, 5, "+OK", "SET s a")}, there(10, keys{"s": texted("a", 0)}), false},
		{"a lost write", []*attempt{told(1, 0, 5, "+OK", "SET s a")}, there(10, nil), true},
		{"an older write", []*attempt{told(1, 0, 1, "+OK", "SET s a"), told(1, 2, 3, "+OK", "SET s b")},
			there(10, keys{"s": texted("a", 0)}), true},
		{"either of two at once", []*attempt{told(1, 0, 3, "+OK", "SET s a"), told(2, 2, 4, "+OK", "SET s b")},
			there(10, keys{"s": texted("a", 0)}), false},
		{"something nobody wrote", []*attempt{told(1, 0, 1, "+OK", "SET s a")},
			there(10, keys{"s": texted("a", 0), "t": texted("x", 0)}), true},
		{"open, found", []*attempt{told(1, 0, 9, "", "SET s a")}, there(10, keys{"s": texted("a", 0)}), false},
		{"open, not found", []*attempt{told(1, 0, 9, "", "SET s a")}, there(10, nil), false},
		{"half a batch", []*attempt{told(1, 0, 9, "", "SET s a", "SET t a")}, there(10, keys{"s": texted("a", 0)}), true},
		{"half an answered batch", []*attempt{told(1, 0, 9, "[+OK +OK]", "SET s a", "SET t a")}, there(10, keys{"t": texted("a", 0)}), true},
		{"seen, then gone", []*attempt{told(1, 0, 9, "", "SET s a"), told(2, 1, 3, "$a", "GET s")}, there(10, nil), true},
		{"a pop", []*attempt{told(1, 0, 1, ":1", "RPUSH q a"), told(2, 0, 3, "[$q $a]", "BLPOP q 1")}, there(10, nil), false},
		{"popped, and there", []*attempt{told(1, 0, 1, ":1", "RPUSH q a"), told(2, 0, 3, "[$q $a]", "BLPOP q 1")},
			there(10, keys{"q": list("a")}), true},
		{"popped twice", []*attempt{told(1, 0, 1, ":1", "RPUSH q a"), told(2, 0, 3, "[$q $a]", "BLPOP q 1"), told(3, 0, 3, "[$q $a]", "BLPOP q 1")},
			there(10, nil), true},
		{"popped by nobody", []*attempt{told(1, 0, 1, ":1", "RPUSH q a")}, there(10, nil), true},
		{"popped for one who is gone", []*attempt{told(1, 0, 1, ":1", "RPUSH q a"), told(2, 0, 9, "", "BLPOP q 1")}, there(10, nil), false},
		{"moved, and lost", []*attempt{told(1, 0, 1, ":1", "RPUSH q a"), told(2, 0, 9, "", "BLMOVE q l LEFT RIGHT 1")}, there(10, nil), true},
		{"timed out beside an element", []*attempt{told(1, 0, 1, ":1", "RPUSH q a"), told(2, 2, 4, "nil", "BLPOP q 1")},
			there(10, keys{"q": list("a")}), true},
		{"expired", []*attempt{told(1, 0, 1, "+OK", brief)}, there(60, nil), false},
		{"not expired yet", []*attempt{told(1, 0, 1, "+OK", brief)}, there(40, keys{"s": texted("a", deadline)}), false},
		{"expired early", []*attempt{told(1, 0, 1, "+OK", brief)}, there(40, nil), true},
		{"expired, and there", []*attempt{told(1, 0, 1, "+OK", brief)}, there(60, keys{"s": texted("a", deadline)}), true},
		{"expired, and back", []*attempt{told(1, 0, 1, "+OK", brief), told(2, 49, 50, "nil", "GET s")}, there(51, keys{"s": texted("a", deadline)}), true},
		{"made permanent, nobody knows when", []*attempt{told(1, 0, 1, "+OK", brief), told(2, 2, 59, "", "PERSIST s")},
			there(60, keys{"s": texted("a", 0)}), false},
		{"a deadline lost", []*attempt{told(1, 0, 1, "+OK", brief)}, there(40, keys{"s": texted("a", 0)}), true},
		{"a member that was there", []*attempt{told(1, 0, 1, ":1", "SADD set m"), told(1, 2, 3, "$m", "SPOP set")}, there(10, nil), false},
		{"a member that was not", []*attempt{told(1, 0, 1, ":1", "SADD set m"), told(1, 2, 3, "$n", "SPOP set")}, there(10, nil), true},
		{"a list turned round", []*attempt{told(1, 0, 1, ":2", "RPUSH l a b")}, there(10, keys{"l": list("b", "a")}), true},
	} {
		h := history{attempts: c.attempts, after: c.after}
		if got := h.linearizable(); (got != porcupine.Ok) != c.refused {
			t.Errorf("%s: porcupine says %s", c.name, got)
		}
	}
}

// numbered makes attempts of client 0, batches every other one, each answered
// ten milliseconds after the one before.
func numbered(n int) []*attempt {
	var all []*attempt
	for i := range n {
		a := told(0, 10*i, 10*i+9, "+OK", "SET s a")
		a.number, a.batch = i+1, i%2 == 1
		all = append(all, a)
	}
	return all
}

func TestFates(t *testing.T) {
	all := numbered(6)
	all[5].answered = false
	s := sentence{found: []int{2}, killed: at(55), allowed: 30 * time.Millisecond}
	_, err := s.pass(all)
	var got []fate
	for _, a := range all {
		got = append(got, a.fate)
	}
	if want := []fate{kept, kept, unknown, lost, lost, lost}; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	s.allowed = 10 * time.Millisecond
	if _, err := s.pass(numbered(6)); err == nil || !strings.Contains(err.Error(), "16ms before the kill") {
		t.Errorf("a loss too old: %v", err)
	}
	s = sentence{found: []int{4}, killed: at(60)}
	if _, err := s.pass(numbered(6)); err == nil {
		t.Error("a loss where none is allowed is not noticed")
	}
}

// What one client lost although another kept what came after is no prefix.
func TestPrefix(t *testing.T) {
	first, second := told(0, 0, 5, "+OK", "SET s a"), told(1, 6, 8, "+OK", "SET t a")
	for _, a := range []*attempt{first, second} {
		a.number, a.batch = 1, true
	}
	s := sentence{found: []int{0, 1}, killed: at(10), allowed: time.Second}
	if _, err := s.pass([]*attempt{first, second}); err == nil {
		t.Error("a hole in what is kept is not noticed")
	}
	second.sent = at(4)
	if _, err := s.pass([]*attempt{first, second}); err != nil {
		t.Errorf("two at once: %v", err)
	}
}
