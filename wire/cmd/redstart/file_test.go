package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/persist"
	"redstart/store"
)

// redstart runs the program in dir.
func redstart(dir string, args ...string) (status int, stdout, stderr string) {
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// fill makes a file with a key of every kind in the snapshot, another database,
// and ten transactions in the journal.
func fill(t *testing.T, path string) {
	db, err := store.Open(path, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *store.Tx) error {
		l, _ := tx.EditList("list")
		h, _ := tx.EditHash("hash")
		h2, _ := tx.EditHash("hash2")
		s, _ := tx.EditSet("set")
		z, err := tx.EditZSet("zset")
		if err != nil {
			return err
		}
		l.PushBack([]byte("a"))
		h.Set("f", []byte("v"))
		h2.Set("f", []byte("v"))
		s.Add("m")
		z.Add("m", 1, 0)
		return tx.Set("string", []byte("v"))
	}))
	require.NoError(t, db.Update(func(tx *store.Tx) error { return tx.Set("k", []byte("v")) }, store.In(3)))
	require.NoError(t, db.Save())
	for range 10 {
		_, err := db.RPush("list", []byte("journal"))
		require.NoError(t, err)
		require.NoError(t, db.Sync())
	}
	require.NoError(t, db.Close())
}

const filled = `7 keys, 10 transactions in the journal
	database 0: 1 string, 1 list, 1 set, 1 zset, 2 hashes
	database 3: 1 string
`

// damageChunk flips a bit in the snapshot of a file and returns what the file
// holds then. Where the snapshot is, and where the journal it came from was,
// depends on how the commits happened to be grouped, so it looks.
func damageChunk(t *testing.T, path string, whole []byte) []byte {
	t.Helper()
	for at := 0; ; at++ {
		i := bytes.Index(whole[at:], []byte("string"))
		require.GreaterOrEqual(t, i, 0, "no place to damage the snapshot")
		at += i
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		var problems []string
		persist.Check(path, func(problem string) { problems = append(problems, problem) })
		if len(problems) == 1 && strings.HasPrefix(problems[0], "snapshot chunk") {
			return damaged
		}
	}
}

func TestCheckAndRecover(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	fill(t, path)
	status, stdout, stderr := redstart(dir, "check", "app.db")
	require.Equal(t, 0, status, stderr)
	require.Equal(t, "app.db is whole: "+filled, stdout)
	status, stdout, _ = redstart(dir, "recover", "app.db", "copy.db")
	require.Equal(t, 0, status)
	require.Equal(t, "copy.db holds what is whole in app.db, which is whole: "+filled, stdout)

	// A damaged file is refused by the server, which names the commands.
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	damaged := damageChunk(t, path, whole)
	status, _, stderr = redstart(dir, "serve", "app.db", "--port", "0")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "`redstart check app.db`")
	require.Contains(t, stderr, "`redstart recover app.db NEW`")
	status, stdout, stderr = redstart(dir, "check", "app.db")
	require.Equal(t, 3, status)
	require.Regexp(t, `^snapshot chunk 1 of 1: at byte \d+: it has a wrong checksum\n$`, stdout)
	require.Contains(t, stderr, "redstart: app.db: the file is damaged (damaged places: 1); `redstart recover app.db NEW` saves")
	status, stdout, stderr = redstart(dir, "recover", "app.db", "new.db")
	require.Equal(t, 3, status, stderr)
	require.Contains(t, stdout, "database 0, key \"list\": it may lack what it held before\n")
	require.Contains(t, stdout, "new.db holds what is whole in app.db, which is damaged in 1 place: 1 key, 10 transactions")
	status, stdout, stderr = redstart(dir, "info", "app.db")
	require.Equal(t, 3, status)
	require.Contains(t, stdout, "app.db: 1 key, 0 with a time to live\n\tdatabase 0: 1 list\n")
	require.Equal(t, "redstart: app.db: the file is damaged (damaged places: 1); `redstart check app.db` lists them\n", stderr)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, damaged, after)

	// One that was cut to nothing looks like a new one, but not to who asks.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "none.db"), nil, 0o600))
	status, _, stderr = redstart(dir, "check", "none.db")
	require.Equal(t, 3, status)
	require.Equal(t, "redstart: none.db has no byte: whatever was in it is lost\n", stderr)

	// A file that exists is not written to, and a lock is respected.
	status, _, stderr = redstart(dir, "recover", "app.db", "copy.db")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "copy.db: file already exists")
	db, err := store.Open(filepath.Join(dir, "new.db"), nil)
	require.NoError(t, err)
	require.NoError(t, db.Check())
	status, _, stderr = redstart(dir, "check", "new.db")
	require.Equal(t, 1, status)
	require.Regexp(t, `^redstart: new\.db is open in (process \d+|another process): .redstart backup new\.db NEW. makes a copy, which can be checked\n$`, stderr)
	status, _, stderr = redstart(dir, "info", "new.db")
	require.Equal(t, 1, status)
	require.Regexp(t, `^redstart: new\.db is open in (process \d+|another process): ask it, with INFO and DBSIZE\n$`, stderr)
	require.NoError(t, db.Close())
	left, err := filepath.Glob(filepath.Join(dir, "*.unfinished"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// The server's own file, with every effect there is in its journal, is
// recovered to what it was.
func TestRecoverServed(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	p := start(t, dir, "app.db", "--port", port, "--appendfsync", "always")
	lines := strings.Split(`SET s abc PX 100000000
APPEND s def
SETRANGE s 10 xyz
SET n 41
INCR n
APPEND n 1
SETRANGE bits 7 x
INCRBYFLOAT f 1.5
RPUSH l a b c d e f b
LPUSH l z
LPOP l
RPOP l
LSET l 1 B
LINSERT l AFTER c C
LINSERT l BEFORE c D
LREM l 1 a
LTRIM l 1 3
HSET h a 1 b 2 c 3
HDEL h b
HINCRBY h a 5
SADD t 1 2 3 x
SREM t 2
SPOP t
ZADD z 1 a 2 b 3 c 4 d 5 e
ZINCRBY z 10 a
ZREM z b
ZREMRANGEBYRANK z 0 1
ZUNIONSTORE zu 2 z z
EXPIRE h 10000
PERSIST s
COPY l l2
COPY s s2
RPUSH l2 more
APPEND s2 more
RENAME t t2
SADD t again
MOVE zu 1
SELECT 2
SET gone 1
FLUSHDB
SET k 2
SWAPDB 2 3
SELECT 0
DEL n
RPUSH e 1
LPOP e
SET e string`, "\n")
	require.Equal(t, "OK", ask(t, "tcp", p.addr, lines...))
	all := []string{"GET s", "GET s2", "GET bits", "GET f", "GET e", "TTL s", "LRANGE l 0 -1", "LRANGE l2 0 -1", "HGETALL h",
		"SMEMBERS t", "SCARD t2", "ZRANGE z 0 -1 WITHSCORES", "OBJECT ENCODING s", "OBJECT ENCODING f", "DBSIZE", "EXPIRETIME h"}
	before := map[string]string{}
	for _, line := range all {
		before[line] = ask(t, "tcp", p.addr, line)
	}
	require.Equal(t, "(integer) 11", before["DBSIZE"])
	p.cmd.Process.Kill() // nothing is saved: all of it is in the journal
	_ = p.cmd.Wait()
	status, stdout, stderr := redstart(dir, "recover", "app.db", "new.db")
	require.Equal(t, 0, status, "%s%s", stdout, stderr)
	require.Contains(t, stdout, "which is whole")
	p = start(t, dir, "new.db", "--port", port)
	for _, line := range all {
		require.Equal(t, before[line], ask(t, "tcp", p.addr, line), line)
	}
	require.Equal(t, `"2"`, ask(t, "tcp", p.addr, "SELECT 3", "GET k"))
	p.end(os.Interrupt)
}

// After -- there are no flags: a file can be called like one.
func TestFileCalledLikeAFlag(t *testing.T) {
	dir := t.TempDir()
	fill(t, filepath.Join(dir, "--json"))
	for _, args := range [][]string{{"check", "--", "--json"}, {"check", "--timeout", "30s", "--", "--json"},
		{"info", "--json", "--", "--json"}, {"backup", "--", "--json", "--help"}} {
		status, stdout, stderr := redstart(dir, args...)
		require.Equal(t, statusOK, status, stderr)
		require.Contains(t, stdout, "--json")
	}
	require.FileExists(t, filepath.Join(dir, "--help"))
	status, _, stderr := redstart(dir, "check", "--json")
	require.Equal(t, statusUsage, status)
	require.Contains(t, stderr, "unknown flag --json")
}

// What is staged is told, and that a write was cut off.
func TestStagedIsTold(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "app.db"), filepath.Join(dir, "copy.db")
	db, err := store.Open(path, &store.Options{Sync: store.Always})
	require.NoError(t, err)
	defer db.Close()
	for i := 0; ; i++ { // until the stage is there, and has not just been folded
		require.NoError(t, db.Set("k", []byte("v")))
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied, content, 0o600))
		if sum, err := persist.Check(copied, func(string) {}); err == nil && sum.Staged > 1 {
			break
		}
		require.Less(t, i, 1000)
	}
	status, stdout, _ := redstart(dir, "check", "copy.db")
	require.Equal(t, statusOK, status)
	require.Regexp(t, `^copy\.db is whole: 1 key, \d+ transactions in the journal, \d+ of them staged\n\tdatabase 0: 1 string\n$`, stdout)
	status, stdout, _ = redstart(dir, "info", "copy.db")
	require.Equal(t, statusOK, status)
	require.Regexp(t, `\nstaged +\d+ bytes, \d+ of these\n`, stdout)

	sum := persist.Summary{Sequence: 12, Unfinished: true}
	require.Equal(t, "\n\ta crash has cut off a write after transaction 12; nobody was promised it", cutOff(sum))
	var out bytes.Buffer
	writeText(&out, "app.db", sum)
	require.Contains(t, out.String(), "\na crash has cut off a write after transaction 12; nobody was promised it\n")
}
