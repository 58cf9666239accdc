package kill

import (
	"fmt"
	"strings"
	"time"
)

// A request is what a client sends and waits for as a whole: one command, or
// several in MULTI and EXEC.
type request [][]string

func (r request) String() string {
	var commands []string
	for _, args := range r {
		words := make([]string, 0, len(args))
		for _, a := range args {
			if len(a) > 40 {
				a = fmt.Sprintf("%.40s… (%d bytes)", a, len(a))
			}
			words = append(words, a)
		}
		commands = append(commands, strings.Join(words[:min(len(words), 9)], " "))
	}
	return strings.Join(commands, "; ")
}

// A moment is a time on two clocks: the monotonic one, by which requests are
// ordered, and the one that deadlines are read from.
type moment struct {
	since time.Duration // since the test began
	unix  int64         // ms since 1970
}

var began = time.Now()

func now() moment {
	t := time.Now()
	return moment{t.Sub(began), t.UnixMilli()}
}

// An attempt is a request that was sent, and what the client knows of it.
type attempt struct {
	client   int
	number   int // counts the client's attempts, through all lives of the server
	group    int // of the keys it is about
	batch    bool
	request  request
	reply    string // rendered, of a batch that of EXEC
	answered bool   // else it was under way when the server was killed
	sent     moment
	ended    moment // when the reply came, or the server was dead
	fate     fate
	touched  []string // see keys
}

// A fate is what has become of an attempt when the server was killed.
type fate int

const (
	kept    fate = iota // it happened and is still there
	unknown             // it happened and is there, or it is not
	lost                // it is not there
)

func (a *attempt) String() string {
	reply := a.reply
	if len(reply) > 200 {
		reply = reply[:200] + "…"
	}
	if !a.answered {
		reply = "no reply"
	}
	return fmt.Sprintf("client %d, request %d, %v: %v → %s", a.client, a.number, a.sent.since.Round(time.Microsecond), a.request, reply)
}

// keys returns the keys the attempt is about.
func (a *attempt) keys() []string {
	if a.touched == nil {
		a.touched = a.request.keys()
	}
	return a.touched
}

func (r request) keys() []string {
	var keys []string
	for _, args := range r {
		keys = append(keys, args[1])
		switch args[0] {
		case "RENAME", "COPY", "LMOVE", "BLMOVE":
			keys = append(keys, args[2])
		}
	}
	return keys
}

// outcomes returns what the request may do to k.
func (r request) outcomes(k keyspace) []outcome {
	all := []outcome{{keyspace: k}}
	for i, args := range r {
		f := meanings[args[0]]
		if f == nil {
			panic("BUG: no meaning of " + args[0])
		}
		var next []outcome
		for _, before := range all {
			for _, o := range f(before.keyspace, args[1:]) {
				if i > 0 {
					o.reply = before.reply + " " + o.reply
				}
				next = append(next, o)
			}
		}
		all = next
	}
	return all
}
