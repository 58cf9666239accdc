package clients

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"redstart/bench/peer"
)

// A guide is a program of the guide and what is needed to run it.
type guide struct {
	file  string   // in testdata/guide
	last  string   // what it prints last begins with this
	rules []rule   // what is a matter of chance in its output
	tail  string   // if set: runs in the place of the call in the program's last line
	name  string   // of the variant, if there is more than one
	env   []string // environment variables
	login bool     // the server asks for the password "your-password"
}

// The programs in the guide's order. Most of them declare more than they call;
// the variants with a tail call the rest.
var guidePrograms = []guide{
	{file: "01_connect.ts", last: "Redis connection successful:"},
	{file: "01_connect.ts", name: "password needed", last: "Failed to connect to Redis:", login: true, rules: []rule{once}},
	{file: "02_connect_env.ts", last: "Connected to Redis"},
	{file: "02_connect_env.ts", name: "password needed", last: "Connected to Redis", login: true,
		env:  []string{"REDIS_HOST=127.0.0.1", "REDIS_PORT=6379", "REDIS_PASSWORD=your-password", "REDIS_TLS=false"},
		tail: `redis.set("by env", 1).then(async () => console.log(await redis.get("by env")));`},
	{file: "03_strings.ts", last: "Updated username:"},
	{file: "04_hashes.ts", last: "Hash values:", rules: []rule{isoTime}},
	{file: "05_lists.ts", last: "Final list:"},
	{file: "05_lists.ts", name: "jobQueue", last: "Job added: {\n  type: \"notification\"", tail: "jobQueue();"},
	{file: "06_sets.ts", last: "Popped tag:", rules: []rule{
		setOrder("Post 1 tags:"), setOrder("All unique tags:"), setOrder("Tags unique to post 1:"),
		anyOf("Random tag:", "javascript", "typescript", "redis"),
		anyOf("Popped tag:", "javascript", "typescript", "redis"),
	}},
	{file: "06_sets.ts", name: "trackOnlineUsers", last: "Online users:", tail: "trackOnlineUsers();"},
	{file: "07_pubsub.ts", last: "Messages published", rules: []rule{epochTime, apart("Received on")}},
	{file: "07_pubsub.ts", name: "patternSubscription", last: "healthy", tail: "patternSubscription();"},
	{file: "08_transactions.ts", last: "Account 2 balance:"},
	{file: "09_pipelines.ts", last: "Retrieved items:"},
	{file: "09_pipelines.ts", name: "performanceComparison", last: "Speedup:", tail: "performanceComparison();",
		rules: []rule{millis, speedup}},
	{file: "10_sessions.ts", last: "Session destroyed", rules: []rule{sessionID, epochTime}},
	{file: "10_sessions.ts", name: "destroyAllUserSessions", last: "left:", tail: `
const store = new SessionStore();
for (let i = 0; i < 3; i++) await store.createSession("u", { email: "e" + i });
console.log("sessions:", await redis.scard("user:u:sessions"), "keys:", (await redis.keys("session:*")).length);
const [one] = await redis.smembers("user:u:sessions");
console.log("updated:", await store.updateSession(one, { role: "admin" }), (await store.getSession(one))?.role);
console.log("no such session:", await store.updateSession("none", {}), await store.getSession("none"));
console.log("expires in an hour:", (await redis.ttl("session:" + one)) > 3590);
await store.destroyAllUserSessions("u");
console.log("left:", await redis.dbsize());`},
	{file: "11_caching.ts", last: "User (cached):"},
	{file: "11_caching.ts", name: "other patterns", last: "left:", tail: `
const through = new WriteThrough(60);
await through.write("w", { n: 1 }, async (data) => console.log("persisted:", data));
console.log("read:", await through.read("w"), await through.read("none"), "ttl:", (await redis.ttl("w")) > 50);
const stale = new StaleWhileRevalidate();
const fetched = async () => (console.log("fetched"), { n: 2 });
console.log("first:", await stale.get("s", fetched));
console.log("again:", await stale.get("s", fetched));
const cache = new CacheAside();
for (const id of [1, 2, 3]) await cache.get("c:" + id, async () => id);
await cache.invalidatePattern("c:*");
console.log("left:", (await redis.keys("*")).map((k) => k.toString()).sort());`},
	{file: "12_ratelimit.ts", last: "Request 12:", rules: []rule{millis}},
}

// Every program of the guide prints against our server what it prints against
// redis-server. Each starts with an empty server.
func TestGuide(t *testing.T) {
	bun(t)
	ours, redis := lab.Both(t, nil)
	oursLogin, redisLogin := lab.Both(t, &peer.Options{Password: "your-password"})
	for _, g := range guidePrograms {
		t.Run(strings.TrimSpace(g.file+" "+g.name), func(t *testing.T) {
			file := g.source(t)
			us, them := ours, redis
			if g.login {
				us, them = oursLogin, redisLogin
			}
			p := startGuide(t, g, file, us)
			q := startGuide(t, g, file, them)
			compare(t, p.output(t, g), q.output(t, g))
		})
	}
}

// Every program in testdata/guide is run by TestGuide, and there are as many
// as in the guide.
func TestGuideIsComplete(t *testing.T) {
	files, err := filepath.Glob("testdata/guide/*.ts")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 12 {
		t.Errorf("%d programs, the guide has 12", len(files))
	}
	run := map[string]bool{}
	for _, g := range guidePrograms {
		run[g.file] = run[g.file] || g.tail == ""
	}
	for _, f := range files {
		if !run[filepath.Base(f)] {
			t.Errorf("%s is not run as it stands", f)
		}
	}
}

// source returns the file to run: the guide's own, or, for a variant with a
// tail, a copy with another last line.
func (g guide) source(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", "guide", g.file))
	if err != nil {
		t.Fatal(err)
	}
	if g.tail == "" {
		return file
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if i := len(lines) - 1; strings.HasSuffix(lines[i], "();") {
		lines = lines[:i]
	}
	return writeProgram(t, g.file, strings.Join(lines, "\n")+"\n"+g.tail+"\n")
}

// writeProgram stores a program in a directory where it finds its packages.
func writeProgram(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	modules, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func startGuide(t *testing.T, g guide, file string, s *peer.Server) *process {
	t.Helper()
	password := ""
	if g.login {
		password = "your-password"
	}
	send(t, s, password, "FLUSHALL")
	return runBun(t, file, s.Port, g.env...)
}

// output waits until the program has said all and returns it, normalised.
func (p *process) output(t *testing.T, g guide) string {
	t.Helper()
	p.waitFor(t, g.last)
	p.settle()
	p.kill()
	return normalise(p.stdout.String(), g.rules) + "--- stderr\n" + normalise(p.stderr.String(), g.rules)
}

// compare fails the test if the two outputs differ. It shows both from the
// first difference on, for some lines.
func compare(t *testing.T, ours, redis string) {
	t.Helper()
	if ours == redis {
		return
	}
	a, b := strings.Split(ours, "\n"), strings.Split(redis, "\n")
	for i := range max(len(a), len(b)) {
		if i < len(a) && i < len(b) && a[i] == b[i] {
			continue
		}
		const shown = 12
		rest := func(lines []string) string {
			return strings.Join(lines[min(i, len(lines)):min(i+shown, len(lines))], "\n")
		}
		t.Fatalf("different from line %d on\n--- redstart\n%s\n--- redis-server\n%s", i+1, rest(a), rest(b))
	}
}

// send sends one command, after AUTH if there is a password. It is for setting
// a server up: an answer that is not +OK fails the test.
func send(t *testing.T, s *peer.Server, password, command string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.Addr(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	want := "+OK\r\n"
	if password != "" {
		fmt.Fprintf(c, "AUTH %s\r\n", password)
		want += "+OK\r\n"
	}
	fmt.Fprintf(c, "%s\r\n", command)
	got := make([]byte, 0, 256)
	for len(got) < len(want) {
		n, err := c.Read(got[len(got):cap(got)])
		got = got[:len(got)+n]
		if err != nil {
			break
		}
	}
	if string(got) != want {
		t.Fatalf("%s answers %s with %q", s.Name, command, got)
	}
}

func port(s *peer.Server) string { return strconv.Itoa(s.Port) }
