package load

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestScanner(t *testing.T) {
	replies := []string{
		"+OK\r\n", ":12\r\n", "$-1\r\n", "*-1\r\n", "$0\r\n\r\n", "*0\r\n",
		"$5\r\na\r\nb\n\r\n", // line ends inside
		"*2\r\n$1\r\na\r\n$-1\r\n",
		"*3\r\n*2\r\n:1\r\n*0\r\n+x\r\n*1\r\n*1\r\n$2\r\n*1\r\n",
		"-ERR first\r\n", "-ERR second\r\n",
		"$70000\r\n" + strings.Repeat("x", 70000) + "\r\n",
	}
	stream := strings.Join(replies, "")
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 100 {
		var s scanner
		count := 0
		for rest := []byte(stream); len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(1+round*round))
			got, err := s.feed(rest[:n])
			if err != nil {
				t.Fatal(err)
			}
			count += got
			rest = rest[n:]
		}
		if count != len(replies) || s.errors != 2 || s.message != "ERR first" {
			t.Fatalf("round %d: %d replies of %d, %d errors of 2, the first %q", round, count, len(replies), s.errors, s.message)
		}
	}
	for _, r := range replies {
		var s scanner
		if n, err := s.feed([]byte(r[:len(r)-1])); n != 0 || err != nil {
			t.Errorf("%.20q without its last byte: %d replies, %v", r, n, err)
		}
	}
}

func TestScannerRefusesOtherBytes(t *testing.T) {
	for _, bad := range []string{"\r\n", "HTTP/1.1\r\n", "$x\r\n", "$\r\n", "*1\r\n%2\r\n", "\n"} {
		var s scanner
		if _, err := s.feed([]byte(bad)); !errors.Is(err, errReply) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
