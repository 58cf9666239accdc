package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/store"
)

// misbehave is what the test program does as the child of a nurse: it begins
// well and then does what its file is called.
func misbehave(args []string) int {
	out := gob.NewEncoder(os.Stdout)
	out.Encode(message{At: &position{"byte 4096", 0, 0}})
	out.Encode(message{Problem: "page 7 is odd"})
	out.Encode(message{At: &position{"snapshot chunk 2 of 9", 10, 100}})
	switch args[2] {
	case "panic":
		panic("page 8 is too much")
	case "killed":
		p, _ := os.FindProcess(os.Getpid())
		p.Kill()
		select {}
	case "hang":
		<-context.Background().Done()
	case "well":
		for i := range 20000 { // more than fits the pipe
			out.Encode(message{At: &position{"journal record", int64(i), 20000}})
		}
		out.Encode(message{End: &ending{}})
	case "recursion":
		debug.SetMaxStack(1 << 20)
		var dive func(n int) int
		dive = func(n int) int { return dive(n+1) + 1 }
		return dive(0)
	}
	return 0 // without an ending
}

// Whatever becomes of the child, the parent tells what was found, where it was,
// and goes on.
func TestNurse(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	for _, c := range []struct{ file, want string }{
		{"panic", `^panic: examining it broke off at snapshot chunk 2 of 9: panic: page 8 is too much$`},
		{"killed", `^killed: examining it broke off at snapshot chunk 2 of 9: (signal: killed|exit status 1)$`},
		{"nothing", `^nothing: examining it broke off at snapshot chunk 2 of 9: it ended without a word$`},
		{"hang", `^hang: examining it was given up at snapshot chunk 2 of 9: nothing had happened for 500ms \(--timeout allows more\)$`},
		{"recursion", `^recursion: examining it broke off at snapshot chunk 2 of 9: (runtime: goroutine stack exceeds|fatal error: stack overflow)`},
	} {
		n := &nurse{program: program, still: time.Minute}
		if c.file == "hang" {
			n.still = 500 * time.Millisecond
		}
		var found []string
		var stderr bytes.Buffer
		end, err := n.examine("check", []string{c.file}, func(text string) { found = append(found, text) }, newProgress(&stderr, ""))
		require.Error(t, err)
		require.Regexp(t, c.want, err.Error())
		require.Equal(t, []string{"page 7 is odd"}, found)
		require.Empty(t, stderr.String())
		want := statusDamaged
		if c.file == "hang" || c.file == "killed" && runtime.GOOS != "windows" {
			want = statusFailed
		}
		require.Equal(t, want, failed(&stderr, end, err, ""))
	}
	n := &nurse{program: filepath.Join(t.TempDir(), "nothing")}
	_, err = n.examine("check", []string{"x"}, nil, newProgress(os.Stdin, ""))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A child is not given up because somebody takes long to read what it has found.
func TestNurseSlowReader(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	n := &nurse{program: program, still: 2 * time.Second}
	slow := func(string) { <-time.After(2*n.still + 500*time.Millisecond) }
	end, err := n.examine("check", []string{"well"}, slow, newProgress(new(bytes.Buffer), ""))
	require.NoError(t, err)
	require.Empty(t, end.Err)
}

// A file whose keys do not fit the memory allowed is not read to the end, which
// is no damage.
func TestMemoryLimit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no limit")
	}
	if testing.Short() {
		t.Skip("writes 180 MB")
	}
	dir := t.TempDir()
	db, err := store.Open(filepath.Join(dir, "app.db"), &store.Options{MaxJournal: 1 << 30, Sync: store.Never})
	require.NoError(t, err)
	for i := range 180 {
		require.NoError(t, db.Set(fmt.Sprint(i), make([]byte, 1<<20)))
	}
	require.NoError(t, db.Close())
	status, _, stderr := redstart(dir, "check", "app.db", "--memory", "8")
	require.Equal(t, 1, status, stderr)
	require.Regexp(t, `^redstart: app\.db: examining it broke off at journal record \d+ of \d+: it needs more than 8 MB of memory \(--memory allows more\)\n$`, stderr)
	status, _, stderr = redstart(dir, "check", "app.db")
	require.Equal(t, 0, status, stderr)
}

// info tells what was put in, as text and as JSON.
func TestInfo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	fill(t, path)
	db, err := store.Open(path, nil)
	require.NoError(t, err)
	require.NoError(t, db.Set("\xffbinary", make([]byte, 20000), store.TTL(time.Hour)))
	require.NoError(t, db.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	stat, err := os.Stat(path)
	require.NoError(t, err)

	status, stdout, stderr := redstart(dir, "info", "app.db")
	require.Equal(t, 0, status, stderr)
	require.Empty(t, stderr)
	stdout = regexp.MustCompile(`[\d ]+ (bytes|KiB)`).ReplaceAllString(stdout, " N bytes")
	stdout = regexp.MustCompile(` +`).ReplaceAllString(stdout, " ")
	require.Equal(t, `app.db: 8 keys, 1 with a time to live
	database 0: 2 strings, 1 list, 1 set, 1 zset, 2 hashes
	database 3: 1 string

format 4
sequence 13 transactions
file N bytes, of which N bytes are free
snapshot N bytes of base and N bytes of changes, up to transaction 2, generation 1
journal N bytes, 11 transactions after the snapshot

largest of 3 strings:
 N bytes database 0 "\xffbinary"
 1 byte database 0 "string"
 1 byte database 3 "k"

largest of 1 list:
 N bytes database 0 11 elements "list"

largest of 1 set:
 N bytes database 0 1 element "m"

largest of 1 zset:
 N bytes database 0 1 element "zset"

largest of 2 hashes:
 N bytes database 0 1 element "hash"
 N bytes database 0 1 element "hash2"
`, strings.ReplaceAll(stdout, `"set"`, `"m"`))

	status, stdout, stderr = redstart(dir, "info", "--json", "app.db")
	require.Equal(t, 0, status, stderr)
	var info infoJSON
	require.NoError(t, json.Unmarshal([]byte(stdout), &info))
	require.Equal(t, 8, info.Keys)
	require.Equal(t, 1, info.Expiring)
	require.Equal(t, 11, info.Transactions)
	require.Equal(t, uint64(13), info.Sequence)
	require.Equal(t, uint64(2), info.Covered)
	require.Equal(t, map[int]map[string]int{0: {"string": 2, "list": 1, "set": 1, "zset": 1, "hash": 2}, 3: {"string": 1}}, info.Databases)
	require.Equal(t, infoKeyBytes{Key: "\ufffdbinary", Hex: "ff62696e617279", Len: 1, Bytes: 20000}, info.Largest["string"][0])
	require.Equal(t, int64(len(before)), info.Bytes.File)

	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	again, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, stat.ModTime(), again.ModTime())
}

// What a progress shows, and that it shows nothing where there is no terminal.
func TestProgressLine(t *testing.T) {
	p := newProgress(new(bytes.Buffer), "checking app.db")
	p.show(1, 2)
	p.clear()
	var out bytes.Buffer
	p = &progress{w: &out, title: "checking app.db", width: 70}
	require.Equal(t, "redstart: checking app.db  byte 17", p.line("byte 17", 0, 0))
	require.Equal(t, "redstart: checking app.db [........................]   0 %", p.line("", 0, 1))
	require.Equal(t, "redstart: checking app.db [############............]  50 %  journal r", p.line("journal record 17", 5, 10))
	require.Equal(t, "redstart: checking app.db [########################] 100 %", p.line("", 11, 10))
	p.show(1, 2)
	p.show(1, 2) // too early
	p.clear()
	p.clear()
	require.Equal(t, "\r"+p.line("", 1, 2)+"\x1b[K"+"\r\x1b[K", out.String())
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	require.Nil(t, newProgress(null, "").w)
}
