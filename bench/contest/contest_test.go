package contest

import "testing"

func TestParse(t *testing.T) {
	const header = `"test","rps","avg_latency_ms","p99_latency_ms"` + "\n"
	rate, p99, err := parse(header + `"LRANGE mylist 0 99","3802.28","0.828","8.423"` + "\n")
	if rate != 3802.28 || p99 != 8.423 || err != nil {
		t.Errorf("got %g, %g, %v", rate, p99, err)
	}
	for _, bad := range []string{"", header, header + `"GET","x","1","2"`, "\"test\",\"rps\"\n\"GET\",\"1\"\n"} {
		if rate, p99, err := parse(bad); err == nil {
			t.Errorf("%q is understood as %g, %g", bad, rate, p99)
		}
	}
}

func TestEveryOtherRoundIsReversed(t *testing.T) {
	var got string
	for round := range 3 {
		inTurn([]string{"a", "b", "c"}, round, func(s string) error {
			got += s
			return nil
		})
	}
	if got != "abccbaabc" {
		t.Errorf("got %s", got)
	}
}
