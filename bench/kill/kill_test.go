package kill

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redstart/bench/peer"
)

var (
	kills    = flag.Int("kills", 12, "how often our server is killed under appendfsync always; a sixth as often under everysec")
	clients  = flag.Int("clients", 8, "how many clients write at once")
	longLife = flag.Duration("longest", 500*time.Millisecond, "the longest time under load before a kill; under everysec three seconds")
	seed     = flag.Uint64("seed", 0, "of the requests and of the moments of the kills; 0: a random one")
)

// allowedLoss is the last second, and what a flush of it takes on a disk that
// others use, too.
const allowedLoss = 2 * time.Second

// everySecondPace leaves the judge, for lives of seconds, a few thousand requests
// a second.
const everySecondPace = 4 * time.Millisecond

// checkEvery is how many kills there are for each that is followed by some
// while the file is opened, and by a look at it by redstart check.
const checkEvery = 4

var lab peer.Lab

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

// After SIGKILL under appendfsync always everything that was acknowledged is
// there, and what was not is there as a whole or not at all.
func TestKill(t *testing.T) {
	newLives(t, lab.Redstart(t), "always").run(t, *kills, *longLife)
}

// After SIGKILL under everysec there is what there was at some moment of the
// last second.
func TestKillEverySecond(t *testing.T) {
	newLives(t, lab.Redstart(t), "everysec").run(t, max(1, *kills/6), 3*time.Second)
}

// That redis-server passes, too, is the test of the test.
func TestKillRedisServer(t *testing.T) {
	newLives(t, lab.Redis(t), "always").run(t, 1, *longLife)
	newLives(t, lab.Redis(t), "everysec").run(t, 1, *longLife)
}

// Lives are those of a server that is killed and started again on the same
// file.
type lives struct {
	program peer.Program
	opt     peer.Options
	rand    *rand.Rand
	clients []*client
	server  *peer.Server
	seen    [groups]keyspace // what there was when this life began
	allowed time.Duration    // see sentence
	pace    time.Duration    // see client
	total   toll
	chores  chores
	copier  *exec.Cmd // 'redstart backup', in this life
	covered int       // commits in the snapshot while a checkpoint was made, in this life; -1: none was
}

func newLives(t *testing.T, program peer.Program, sync string) *lives {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("%s, appendfsync %s: -seed %d", program.Name, sync, s)
	opt := peer.Options{Dir: t.TempDir(), Sync: sync, Args: []string{"--auto-aof-rewrite-min-size", journalLimit}}
	l := &lives{program: program, opt: opt, rand: rand.New(rand.NewPCG(s, 0))}
	if sync == "everysec" {
		l.allowed, l.pace = allowedLoss, everySecondPace
	}
	for i := range *clients {
		l.clients = append(l.clients, newClient(s, i, l.pace))
	}
	return l
}

// run kills the server so many times.
func (l *lives) run(t *testing.T, kills int, longest time.Duration) {
	t.Helper()
	l.start(t)
	defer func() { l.server.Kill() }()
	for n := range kills {
		p := l.plan()
		killed, dead := l.live(t, p, time.Duration(l.rand.Int64N(int64(longest))))
		if n%checkEvery == checkEvery-1 && l.program.Name == "redstart" {
			l.stillborn(t)
			l.check(t)
		}
		l.start(t)
		l.tidy(t)
		l.judge(t, fmt.Sprintf("%s-kill-%d", l.opt.Sync, n+1), p, killed, dead)
		if t.Failed() {
			t.Logf("the server printed:\n%s", l.server.Output())
			return
		}
	}
	x := l.total
	c := l.chores
	t.Logf("of %d kills %d hit a checkpoint that was asked for, %d one of the server's own (which finished %d), %d a rewrite, %d a backup",
		kills, c.checkpoints, c.own, c.begun, c.rewrites, c.backups)
	t.Logf("%d kills: %d requests acknowledged, of which %d lost (at most %v before the kill); %d under way, of which %d surely found",
		kills, x.answered, x.lost, x.oldest.Round(time.Millisecond), x.open, x.found)
}

func (l *lives) start(t *testing.T) {
	t.Helper()
	s, err := l.program.Start(&l.opt)
	if err != nil {
		t.Fatal(err)
	}
	l.server = s
}

// live lets all clients write until the server is killed, after some time, or
// then as soon as a chore has begun.
func (l *lives) live(t *testing.T, p plan, after time.Duration) (killed, dead moment) {
	t.Helper()
	conn, err := dial(l.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var wg sync.WaitGroup
	errs := make([]error, len(l.clients))
	for i, c := range l.clients {
		wg.Go(func() { errs[i] = c.run(l.server.Addr()) })
	}
	if err := l.disturb(conn, p, after); err != nil {
		t.Error(err)
	}
	killed = now()
	l.server.Kill()
	dead = now()
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	l.leftovers()
	return killed, dead
}

// stillborn kills our server some times while it opens the file.
func (l *lives) stillborn(t *testing.T) {
	t.Helper()
	for range 3 {
		cmd := exec.Command(l.program.Path, "serve", l.file(), "--appendfsync", l.opt.Sync, "--port", "0", "--unixsocket", filepath.Join(l.opt.Dir, "stillborn"))
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(l.rand.Int64N(int64(40 * time.Millisecond))))
		cmd.Process.Kill()
		if err := cmd.Wait(); cmd.ProcessState.Exited() {
			t.Errorf("the server ends by itself: %v\n%s", err, &out)
		}
	}
}

// check asks redstart check whether the file is whole after a kill.
func (l *lives) check(t *testing.T) {
	t.Helper()
	out, err := exec.Command(l.program.Path, "check", l.file()).CombinedOutput()
	if err != nil {
		t.Errorf("redstart check: %v\n%s", err, out)
	}
}

// file is our server's.
func (l *lives) file() string { return filepath.Join(l.opt.Dir, "app.db") }

// judge looks at what there is after a kill, and decides whether that, and all
// replies before, are as they must be.
func (l *lives) judge(t *testing.T, name string, p plan, killed, dead moment) {
	t.Helper()
	conn, err := dial(l.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := l.hit(conn, p); err != nil {
		t.Fatal(err)
	}
	s := sentence{killed: killed, allowed: l.allowed}
	var attempts []*attempt
	for _, c := range l.clients {
		n, err := redis.Int(conn.Do("GET", lastBatch(c.number)))
		if err != nil && !errors.Is(err, redis.ErrNil) {
			t.Fatal(err)
		}
		s.found = append(s.found, n)
		if n > c.sent {
			t.Errorf("batch %d of client %d is found, but it has sent only %d requests", n, c.number, c.sent)
		}
		attempts = append(attempts, until(dead, c.attempts)...)
	}
	x, err := s.pass(attempts)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	l.total.add(x)
	for g := range groups {
		after, err := look(conn, g)
		if err != nil {
			t.Fatal(err)
		}
		l.judgeGroup(t, fmt.Sprintf("%s-group-%d", name, g), history{before: l.seen[g], attempts: about(g, attempts), after: after}, x.lost > 0)
		l.seen[g] = after.keyspace
	}
	t.Logf("%s: %d acknowledged, %d lost, %d under way, %d of them surely found; judged in %v", name, x.answered, x.lost, x.open, x.found,
		(now().since - dead.since).Round(time.Millisecond))
}

// judgeGroup judges the history of a group up to the kill, if some of it is
// lost, and what is left of it together with what is there.
func (l *lives) judgeGroup(t *testing.T, name string, h history, some bool) {
	t.Helper()
	if some {
		alive := history{before: h.before}
		for _, a := range h.attempts {
			b := *a
			if b.fate = unknown; b.answered {
				b.fate = kept
			}
			alive.attempts = append(alive.attempts, &b)
		}
		alive.judge(t, name+"-alive")
	}
	h.judge(t, name)
}

// until returns the attempts that were sent before the server was dead, and
// lets those that had no reply end then.
func until(dead moment, attempts []*attempt) []*attempt {
	var some []*attempt
	for _, a := range attempts {
		if a.sent.since >= dead.since {
			continue
		}
		if !a.answered {
			a.ended = dead
		}
		some = append(some, a)
	}
	return some
}

func about(group int, attempts []*attempt) []*attempt {
	var some []*attempt
	for _, a := range attempts {
		if a.group == group {
			some = append(some, a)
		}
	}
	return some
}

func (x *toll) add(y toll) {
	x.answered += y.answered
	x.open += y.open
	x.found += y.found
	x.lost += y.lost
	x.oldest = max(x.oldest, y.oldest)
}
