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

func TestPartsOf(t *testing.T) {
	info := "# Memory\r\nused_memory:5\r\n"
	if s, err := partsOf(info, 1000, 2); err == nil {
		t.Errorf("got %v from an INFO without parts", s)
	}
	for _, name := range parts {
		info += "mem_" + name + ":20\r\n"
	}
	s, err := partsOf(info, 1000, 2)
	if err != nil || len(s) != len(parts)+2 || s[0] != 500 || s[1] != 10 || s[len(s)-1] != 500-10*float64(len(parts)) {
		t.Errorf("got %v, %v", s, err)
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
