package command

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/resp"
)

// newSince70 are the commands that redis-server 7.0 lacks.
var newSince70 = map[string]bool{
	"client|no-touch": true, "client|setinfo": true, "cluster|myshardid": true, "waitaof": true,
}

// changedSince70 says what 7.2 tells otherwise than redis-server 7.0.
var changedSince70 = map[string]string{
	"acl|deluser":             "tips",
	"acl|save":                "tips",
	"acl|setuser":             "tips",
	"blmove":                  "no longer noscript: scripts do not block",
	"blpop":                   "no longer noscript",
	"brpop":                   "no longer noscript",
	"brpoplpush":              "no longer noscript",
	"bzpopmax":                "no longer noscript",
	"bzpopmin":                "no longer noscript",
	"client|setname":          "tips",
	"cluster|shards":          "allowed while loading",
	"cluster|slots":           "allowed while loading",
	"command|getkeys":         "arity -3",
	"command|getkeysandflags": "arity -3",
	"config|resetstat":        "tips",
	"config|rewrite":          "tips",
	"latency|reset":           "tips",
	"msetnx":                  "tips",
	"randomkey":               "tips",
	"scan":                    "tips",
	"wait":                    "no longer noscript",
	"zrank":                   "WITHSCORE",
	"zrevrank":                "WITHSCORE",
}

func TestDerivedFactsAreThoseOfARunningServer(t *testing.T) {
	server := startRedis(t)
	if version := server.do(t, "INFO", "server").String(); !strings.Contains(version, "redis_version:7.0.") {
		t.Skip("made for redis-server 7.0")
	}
	live := map[string]string{}
	for _, c := range server.do(t, "COMMAND").Array() {
		readInfo(live, c)
	}
	for c := range usageTable(t).Every() {
		name, got := c.FullName(), c.Info().String()
		want, ok := live[name]
		switch {
		case newSince70[name]:
			require.False(t, ok, name)
		case changedSince70[name] != "":
			require.NotEqual(t, want, got, name)
		default:
			if want != got {
				t.Errorf("%s\n got %s\nwant %s", name, got, want)
			}
		}
	}
}

// readInfo notes a command of COMMAND's reply, and its sub-commands, in the
// form of Info.String.
func readInfo(facts map[string]string, v resp.Value) {
	f := v.Array()
	var cats, specs []string
	for _, c := range f[6].Array() {
		cats = append(cats, strings.TrimPrefix(c.String(), "@"))
	}
	for _, s := range f[8].Array() {
		specs = append(specs, readSpec(s))
	}
	facts[f[0].String()] = fmt.Sprintf("%s\t%d\t%s\t%d %d %d\t%s\t%s\t%s", f[0].String(), f[1].Integer(),
		joinValues(f[2]), f[3].Integer(), f[4].Integer(), f[5].Integer(), strings.Join(cats, ","),
		joinValues(f[7]), strings.Join(specs, "; "))
	for _, sub := range f[9].Array() {
		readInfo(facts, sub)
	}
}

func readSpec(v resp.Value) string {
	spec := readMap(v)
	parts := []string{}
	for _, name := range []string{"begin_search", "find_keys"} {
		search := readMap(spec[name])
		part := search["type"].String()
		for i, value := range search["spec"].Array() {
			if i%2 == 1 {
				part += " " + value.String()
			}
		}
		parts = append(parts, part)
	}
	return joinValues(spec["flags"]) + ": " + strings.Join(parts, ", ")
}

func readMap(v resp.Value) map[string]resp.Value {
	m := map[string]resp.Value{}
	list := v.Array()
	for i := 0; i+1 < len(list); i += 2 {
		m[list[i].String()] = list[i+1]
	}
	return m
}

func joinValues(v resp.Value) string {
	var words []string
	for _, w := range v.Array() {
		words = append(words, w.String())
	}
	return strings.Join(words, ",")
}

// differentKeys are commands for which COMMAND GETKEYS of redis-server 7.0
// says something else than we do, and why.
var differentKeys = map[string]string{
	"pfmerge":  "redis-server refuses to tell the one key of a merge of nothing",
	"migrate":  "a key and KEYS, or neither, is an error of the command to us, not of its keys",
	"zrank":    "WITHSCORE is of 7.2",
	"zrevrank": "WITHSCORE is of 7.2",
}

// Random calls, right and wrong: the keys found are those that the server finds.
func TestKeysOfRandomCallsAreThoseOfARunningServer(t *testing.T) {
	server := startRedis(t)
	table := usageTable(t)
	for _, call := range []string{
		"BITFIELD k GET u4 0 OVERFLOW FAIL", "BITFIELD k GET u4 0 OVERFLOW", "BITFIELD k OVERFLOW FAIL", "BITFIELD k OVERFLOW GET u4 0",
		"BITFIELD k OVERFLOW FAIL GET u4 0", "BITFIELD k GET u4", "BITFIELD k GET u4 0 OVERFLOW FAIL SET u4 0 1", "BITFIELD k",
	} {
		var args [][]byte
		for _, word := range strings.Fields(call) {
			args = append(args, []byte(word))
		}
		keys, err := table.GetKeys(args, nil)
		require.Equal(t, server.getKeys(t, args), describeKeys(args, keys, err), call)
	}
	seed := rand.Uint64()
	t.Log("seed", seed)
	w := Walker{Rand: rand.New(rand.NewPCG(seed, 0)), Keys: []string{"k1", "k2", "k3"}}
	for c := range table.Every() {
		if !c.HasKeys() || differentKeys[c.FullName()] != "" || newSince70[c.FullName()] {
			continue
		}
		w.Odd = 0.3
		if c.Name == "SORT" {
			w.Odd = 0 // redis-server looks for STORE even in what STORE names
		}
		for range 40 {
			call := w.Call(c)
			if len(call) < 2 {
				continue // too short for GETKEYS itself
			}
			want := server.getKeys(t, call)
			keys, err := table.GetKeys(call, nil)
			got := describeKeys(call, keys, err)
			if got != want && numkeys(c, call) {
				t.Errorf("%q\n got %s\nwant %s", call, got, want)
				break
			}
		}
	}
}

// numkeys reports whether call has a proper number of keys, or none. Of another
// one redis-server takes as much as looks like a number; we find no keys, as the
// command will refuse it.
func numkeys(c *Command, call [][]byte) bool {
	for _, s := range c.Specs {
		if s.Count && s.Index < len(call) {
			_, ok := smallInt(call[s.Index])
			return ok
		}
	}
	return true
}

func describeKeys(call [][]byte, keys []Key, err error) string {
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, k := range keys {
		list = append(list, fmt.Sprintf("%q %s", call[k.Index], strings.Join(k.Access.Names(), ",")))
	}
	sort.Strings(list)
	return strings.Join(list, "; ")
}

// getKeys asks for COMMAND GETKEYSANDFLAGS.
func (s *redisServer) getKeys(t *testing.T, call [][]byte) string {
	line := []any{"COMMAND", "GETKEYSANDFLAGS"}
	for _, a := range call {
		line = append(line, a)
	}
	v := s.do(t, line...)
	if err := v.Error(); err != nil {
		return err.Error()
	}
	var list []string
	for _, k := range v.Array() {
		list = append(list, fmt.Sprintf("%q %s", k.Array()[0].Bytes(), joinValues(k.Array()[1])))
	}
	sort.Strings(list)
	return strings.Join(list, "; ")
}

// A redisServer is a connection to a redis-server of a test's own.
type redisServer struct{ conn *resp.Conn }

func (s *redisServer) do(t *testing.T, args ...any) resp.Value {
	t.Helper()
	require.NoError(t, s.conn.WriteMultiBulk(args[0].(string), args[1:]...))
	v, _, err := s.conn.ReadValue()
	require.NoError(t, err)
	return v
}

// startRedis starts redis-server on a socket in a directory of the test's, or
// skips the test.
func startRedis(t *testing.T) *redisServer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	var conn net.Conn
	require.Eventually(t, func() bool {
		conn, err = net.Dial("unix", socket)
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	t.Cleanup(func() { conn.Close() })
	return &redisServer{resp.NewConn(conn)}
}
