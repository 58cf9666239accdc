package kill

import (
	"fmt"
	"time"
)

// A sentence decides the fates of all attempts of a life of the server, after
// its end.
//
// In each batch a client also sets a key of its own to the number of the
// attempt. What is there afterwards is thus the number of its last batch that
// was kept. As the server carries out a client's requests in their order, and
// keeps a prefix of all that it carried out, the attempts up to there are kept,
// and those from the next batch on are lost; between the two nobody can tell
// from this number, but porcupine may.
type sentence struct {
	found   []int         // per client: the number of its last batch that was kept
	killed  moment        // when the server was still alive
	allowed time.Duration // how long before that a request may have been acknowledged that is lost; 0: none may be
}

// A toll is how many attempts had which fate.
type toll struct {
	answered, open int           // attempts with a reply, and without
	found          int           // of those without, surely kept
	lost           int           // of those with a reply
	oldest         time.Duration // how long before the kill the first lost one was acknowledged
}

// pass sets the fates of all attempts of the life. The error is about one that
// must not have the fate it has.
func (s *sentence) pass(attempts []*attempt) (t toll, err error) {
	next := map[int]int{} // per client: the number of its first batch that is lost
	for _, a := range attempts {
		if n, ok := next[a.client]; a.batch && a.number > s.found[a.client] && (!ok || a.number < n) {
			next[a.client] = a.number
		}
	}
	for _, a := range attempts {
		first, ok := next[a.client]
		switch {
		case a.number <= s.found[a.client]:
			a.fate = kept
		case ok && a.number >= first:
			a.fate = lost
		default:
			a.fate = unknown
		}
		if !a.answered {
			t.open++
			if a.fate == kept {
				t.found++
			}
			continue
		}
		t.answered++
		age := s.killed.since - a.ended.since
		old := s.allowed == 0 || age >= s.allowed
		if a.fate == unknown && old {
			a.fate = kept
		}
		if a.fate != lost {
			continue
		}
		t.lost++
		t.oldest = max(t.oldest, age)
		if old && err == nil {
			err = fmt.Errorf("acknowledged %v before the kill, and lost: %v", age, a)
		}
	}
	if err == nil {
		err = prefix(attempts)
	}
	return t, err
}

// prefix returns an error if an attempt is kept that was sent only after the
// reply to one that is lost.
func prefix(attempts []*attempt) error {
	var last, first *attempt // the kept one that was sent last, the lost one that ended first
	for _, a := range attempts {
		if a.fate == kept && (last == nil || a.sent.since > last.sent.since) {
			last = a
		}
		if a.fate == lost && a.answered && (first == nil || a.ended.since < first.ended.since) {
			first = a
		}
	}
	if last != nil && first != nil && first.ended.since < last.sent.since {
		return fmt.Errorf("kept: %v\nalthough sent after this one was acknowledged, which is lost: %v", last, first)
	}
	return nil
}
