package persist

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"redstart/types"
)

// childEnv names the file on which this test binary, run again as a child,
// writes until it is killed.
const childEnv = "PERSIST_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	os.Exit(m.Run())
}

// rewriteEnv makes the child rewrite the file all the time.
const rewriteEnv = "PERSIST_TEST_REWRITE"

const killWriters = 4

// child opens the file and writes to it under Always, with several writers and
// checkpoints in between, and prints each number after Wait has returned.
// Transaction of writer w, round n: sets n in each of its three keys, and
// appends to its list; all at once, so that a torn one shows.
func child(path string) {
	f, err := Open(path, &Options{Sync: Always, MaxJournal: 256 << 10})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	m, err := load(f)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex // keeps m in step with the file, as a store's locks would
	out := bufio.NewWriter(os.Stdout)
	for w := range killWriters {
		go func() {
			n := 0
			mu.Lock()
			if v := m.dbs[0][fmt.Sprint("a", w)]; len(v.elems) > 0 {
				n, _ = strconv.Atoi(strings.TrimRight(v.elems[0].a, "."))
			}
			mu.Unlock()
			for n++; ; n++ {
				tx := killTx(w, n)
				mu.Lock()
				seq, err := f.Append(tx)
				if err == nil {
					err = m.apply(seq, tx)
				}
				mu.Unlock()
				if err == nil {
					err = f.Wait(seq)
				}
				mu.Lock()
				if err != nil {
					fmt.Fprintln(out, "error", err)
				} else {
					fmt.Fprintln(out, "ack", w, n)
				}
				out.Flush()
				mu.Unlock()
			}
		}()
	}
	for {
		write := f.Rewrite
		if os.Getenv(rewriteEnv) == "" {
			<-f.CheckpointDue()
			write = f.Checkpoint
		}
		mu.Lock()
		view := m.clone()
		mu.Unlock()
		if err := write(view); err != nil {
			fmt.Println("error", err)
		}
	}
}

func killTx(w, n int) []byte {
	var l types.Log
	text := fmt.Sprint(n)
	if n%50 == 0 {
		text += strings.Repeat(".", 400<<10) // some do not fit one record
	}
	for _, prefix := range []string{"a", "b", "c"} {
		l.Add(types.OpPlace, int64(0), 0, fmt.Sprint(prefix, w), "")
		l.Add(OpSet, 0, 0, text, "")
	}
	return append([]byte(nil), l.Bytes()...)
}

// A process killed at any moment loses nothing that it acknowledged, and
// leaves no half transaction.
func TestKill(t *testing.T) { killed(t) }

// Nor does one that is killed while it puts a new file in place of the old one,
// and what it has left of a new one is removed.
func TestKillRewrite(t *testing.T) {
	t.Setenv(rewriteEnv, "1")
	path := killed(t)
	require.NoFileExists(t, draftName(path))
}

func killed(t *testing.T) (path string) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	path = tempFile(t)
	acked := make([]int, killWriters)
	r := rand.New(rand.NewPCG(rand.Uint64(), 1))
	for round := range 20 {
		run(t, path, time.Duration(20+r.IntN(120))*time.Millisecond, acked)
		f, m := mustOpen(t, path, testOptions(EverySecond))
		for w, n := range acked {
			var texts []string
			for _, prefix := range []string{"a", "b", "c"} {
				text := ""
				if v := m.dbs[0][fmt.Sprint(prefix, w)]; len(v.elems) > 0 {
					text = v.elems[0].a
				}
				texts = append(texts, text)
			}
			require.Equal(t, texts[0], texts[1], "round %d: a torn transaction", round)
			require.Equal(t, texts[0], texts[2], "round %d: a torn transaction", round)
			got, _ := strconv.Atoi(strings.TrimRight(texts[0], "."))
			require.GreaterOrEqual(t, got, n, "round %d: an acknowledged transaction of writer %d is lost", round, w)
		}
		require.NoError(t, f.Close())
	}
	t.Log("acknowledged by the writers:", acked)
	return path
}

// run lets a child write for a while, kills it, and notes what it acknowledged.
func run(t *testing.T, path string, lifetime time.Duration, acked []int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(lifetime, func() { cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	for line := range strings.Lines(out.String()) {
		var w, n int
		if _, err := fmt.Sscanf(line, "ack %d %d\n", &w, &n); err == nil {
			acked[w] = max(acked[w], n)
			continue
		}
		require.False(t, strings.HasPrefix(line, "error"), line)
	}
}
