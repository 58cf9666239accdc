package main

import "testing"

func TestSpread(t *testing.T) {
	tests := []struct {
		spread spread
		want   string
	}{
		{spread{1.5}, "1.50"},
		{spread{3, 1, 2}, "2.00 (1.00–3.00)"},
		{spread{4, 1, 2, 3}, "2.50 (1.00–4.00)"},
	}
	for _, test := range tests {
		if got := test.spread.String(); got != test.want {
			t.Errorf("%v prints as %s, want %s", []float64(test.spread), got, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	const header = `"test","rps","avg_latency_ms","p99_latency_ms"` + "\n"
	got, err := parse(header + `"LRANGE mylist 0 99","3802.28","0.828","8.423"` + "\n")
	if want := (sample{rate: 3802.28, p99: 8.423}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", header, header + `"GET","x","1","2"`, "\"test\",\"rps\"\n\"GET\",\"1\"\n"} {
		if got, err := parse(bad); err == nil {
			t.Errorf("%q is understood as %+v", bad, got)
		}
	}
}
