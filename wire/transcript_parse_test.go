package wire_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"redstart/wire/resp"
)

// A transcript is a file of commands and replies:
//
//	# Remarks begin with a number sign.
//	ZADD k 1 a 2 b
//	----
//	(integer) 2
//
//	2> PUBLISH channel message
//	----
//	(integer) 1
//
// A paragraph is a case: a command line as one types it to redis-cli, and the
// reply as redis-cli prints it on a terminal. "2>" in front sends the command
// from a second client; alone it waits for what that client is pushed.
// (closed) is printed where the server has closed the connection; the next
// command of that client connects anew. A paragraph that has no reply yet may
// hold several commands, one a line; -update makes cases of them.
//
// Remarks that say something to the runner:
//
//	# differs: why    the reply is ours, not that of redis-server 7.0.15
//	# unordered       the elements of the reply come in any order
//	# varies: why     only whether the reply is an error is compared
//	# replies: n      the command has n replies, not one
//	# blocks          the command has no reply yet: the client waits
//	# resp2: why      the reply is that of RESP2 alone
//	# stateful: why   at the top of a file: its commands cannot be put in MULTI
//	                  and need their connection from one FLUSHALL to the next
type transcript struct {
	name     string
	preamble []string // remarks at the top, a paragraph of their own
	cases    []*exchange
	stateful bool
}

// An exchange is one case of a transcript.
type exchange struct {
	remarks  []string
	text     string // the command line as it stands in the file
	client   int
	args     [][]byte
	want     string
	recorded bool

	differs, unordered, varies, blocks, resp2 bool
	replies                                   int
}

// name is the command's name in capitals, empty for a case that only reads.
func (x *exchange) name() string {
	if len(x.args) == 0 {
		return ""
	}
	return strings.ToUpper(string(x.args[0]))
}

// is reports whether the command line begins with the words, whatever their case.
func (x *exchange) is(words ...string) bool {
	for i, w := range words {
		if i >= len(x.args) || !strings.EqualFold(w, string(x.args[i])) {
			return false
		}
	}
	return true
}

// refused reports whether the server has recorded to refuse the command before
// it looked at the data, as it does when a command is queued in MULTI.
func (x *exchange) refused() bool {
	for _, text := range []string{"(error) ERR wrong number of arguments", "(error) ERR unknown "} {
		if strings.HasPrefix(x.want, text) {
			return true
		}
	}
	return false
}

func parseTranscript(t testing.TB, path string) *transcript {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	tr := &transcript{name: path}
	for _, paragraph := range strings.Split(string(text), "\n\n") {
		if paragraph = strings.Trim(paragraph, "\n"); paragraph != "" {
			require.NoError(t, tr.add(paragraph), "%s:\n%s", path, paragraph)
		}
	}
	return tr
}

func (tr *transcript) add(paragraph string) error {
	lines := strings.Split(paragraph, "\n")
	var remarks []string
	for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
		remarks, lines = append(remarks, lines[0]), lines[1:]
	}
	if len(lines) == 0 {
		tr.stateful = tr.stateful || strings.HasPrefix(remarks[0], "# stateful:")
		if len(tr.cases) == 0 {
			tr.preamble = append(tr.preamble, append(remarks, "")...)
			return nil
		}
		return fmt.Errorf("remarks without a command")
	}
	if len(lines) > 1 && lines[1] == "----" {
		x, err := newExchange(remarks, lines[0])
		x.want, x.recorded = strings.Join(lines[2:], "\n"), true
		tr.cases = append(tr.cases, x)
		return err
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "#") {
			remarks = append(remarks, line)
			continue
		}
		x, err := newExchange(remarks, line)
		if err != nil {
			return err
		}
		tr.cases = append(tr.cases, x)
		remarks = nil
	}
	return nil
}

var clientPrefix = regexp.MustCompile(`^(\d)> ?`)

func newExchange(remarks []string, line string) (x *exchange, err error) {
	x = &exchange{remarks: remarks, text: line, client: 1, replies: 1}
	if m := clientPrefix.FindStringSubmatch(line); m != nil {
		x.client = int(m[1][0] - '0')
		line = line[len(m[0]):]
	}
	if x.args, err = resp.SplitLine([]byte(line)); err != nil {
		return x, err
	}
	switch x.name() {
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
		x.replies = max(1, len(x.args)-1)
	}
	for _, r := range remarks {
		word, rest, _ := strings.Cut(strings.TrimPrefix(r, "# "), ":")
		switch word {
		case "differs":
			x.differs = true
		case "unordered":
			x.unordered = true
		case "varies":
			x.varies = true
		case "resp2":
			x.resp2 = true
		case "blocks":
			x.blocks, x.replies = true, 0
		case "replies":
			if x.replies, err = strconv.Atoi(strings.TrimSpace(rest)); err != nil {
				return x, err
			}
		}
	}
	return x, nil
}

// write puts the transcript back into its file.
func (tr *transcript) write(t testing.TB) {
	t.Helper()
	var b bytes.Buffer
	for _, line := range tr.preamble {
		fmt.Fprintln(&b, line)
	}
	for i, x := range tr.cases {
		if i > 0 {
			fmt.Fprintln(&b)
		}
		for _, line := range x.remarks {
			fmt.Fprintln(&b, line)
		}
		fmt.Fprintf(&b, "%s\n----\n", x.text)
		if x.want != "" {
			fmt.Fprintln(&b, x.want)
		}
	}
	require.NoError(t, os.WriteFile(tr.name, b.Bytes(), 0o644))
}
