package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	tests := []struct {
		spread Spread
		want   string
	}{
		{nil, "–"},
		{Spread{1.5}, "1.50"},
		{Spread{3, 1, 2}, "2.00 (1.00–3.00)"},
		{Spread{4, 1, 2, 3}, "2.50 (1.00–4.00)"},
	}
	for _, test := range tests {
		if got := test.spread.String(); got != test.want {
			t.Errorf("%v prints as %s, want %s", []float64(test.spread), got, test.want)
		}
	}
}

func TestRatiosAreOfOneRound(t *testing.T) {
	got := Spread{1, 4, math.NaN(), 3, 5}.Over(Spread{2, 2, 1, 0})
	if want := "1.25 (0.50–2.00)"; len(got) != 2 || got.String() != want {
		t.Errorf("got %v, want %s: rounds without a ratio are left out", got, want)
	}
}

func TestGoal(t *testing.T) {
	tests := []struct {
		goal  Goal
		ratio float64
		want  bool
	}{
		{Goal{Ratio: 1}, 1.004, true}, // printed as 1.00
		{Goal{Ratio: 1}, 1.006, false},
		{Goal{Ratio: 0.75}, 0.7, true},
		{Goal{Ratio: 1, AtLeast: true}, 0.99, false},
		{Goal{Ratio: 1, AtLeast: true}, 1.2, true},
	}
	for _, test := range tests {
		if got := test.goal.Met(test.ratio); got != test.want {
			t.Errorf("%v by %g: %v", test.goal, test.ratio, got)
		}
	}
}

// example is a table with all there is: two pairs, goals of rows, and figures
// that are missing.
func example() *Table {
	t := &Table{
		Name: "example", Title: "An `example` <with> & signs", Subject: "test",
		Notes: []string{"A note."},
		Measures: []Measure{
			{Name: "CPU", Unit: "µs", Goal: Goal{Ratio: 1}},
			{Name: "throughput", Unit: "1/s", Goal: Goal{Ratio: 1, AtLeast: true}, Hidden: true},
			{Name: "late", Unit: "ms", Plain: true},
		},
		Pairs: []Pair{{"ours", "theirs"}, {"other", "theirs"}, {"alone", ""}},
	}
	r := t.NewRow("first")
	r.Add("ours", Sample{1, 300, 7})
	r.Add("ours", Sample{2, 100, 7})
	r.Add("theirs", Sample{2, 200, 7})
	r.Add("theirs", Sample{2, 200, 7})
	r = t.NewRow("second")
	r.Goals = []Goal{{Ratio: 0.5}, {}}
	r.Add("ours", Sample{12, math.NaN(), 7})
	r.Add("theirs", Sample{2, 200, 7})
	r.Add("other", Sample{2000, 0, 7})
	t.NewRow("third").Add("alone", Sample{1, 2, 7})
	return t
}

func TestMarkdown(t *testing.T) {
	var out strings.Builder
	example().Markdown(&out)
	want, err := os.ReadFile(filepath.Join("testdata", "example.md"))
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", &out, want)
	}
}

func TestSVGIsWellFormed(t *testing.T) {
	for _, table := range []*Table{example(), {Name: "empty", Title: "Nothing", Measures: example().Measures}} {
		svg := table.SVG("here & now")
		dots := 0
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", table.Name, err, svg)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
				dots++
			}
		}
		if want := map[string]int{"example": 2 + 5, "empty": 0}[table.Name]; dots != want {
			t.Errorf("%s: %d dots, want %d: one for each pair in the legend, and one for each ratio", table.Name, dots, want)
		}
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s: a place that is not a number:\n%s", table.Name, svg)
		}
	}
}

// TestTicksHaveRoom: no two labels of an axis touch, whatever its length.
func TestTicksHaveRoom(t *testing.T) {
	for e := range 11 * 10 {
		low, high := math.Exp2(-float64(e%11))/1.08, 2*math.Exp2(float64(e/11))*1.08
		end := math.Inf(-1)
		one := false
		for _, tick := range ticks(low, high) {
			at := panelWidth * math.Log(tick/low) / math.Log(high/low)
			half := charWidth * float64(len(tickLabel(tick))) / 2
			if at-half < end {
				t.Errorf("from %g to %g: %s touches the label before", low, high, tickLabel(tick))
			}
			end = at + half
			one = one || tick == 1
		}
		if !one {
			t.Errorf("from %g to %g: no tick at 1", low, high)
		}
	}
}

func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	r := Report{Machine: ThisMachine(), Tables: []*Table{example()}, Versions: map[string]string{"ours": "1"}}
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Machine Machine
		Tables  []struct {
			Rows []struct{ Samples map[string][][]*float64 }
		}
	}
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	samples := back.Tables[0].Rows[1].Samples["ours"]
	if len(samples) != 1 || *samples[0][0] != 12 || samples[0][1] != nil {
		t.Errorf("samples come back as %v", samples)
	}
	if back.Machine.Cores < 1 || back.Machine.Go == "" || back.Machine.LoadAvg == "" {
		t.Errorf("machine: %+v", back.Machine)
	}
	if _, err := os.Stat(filepath.Join(dir, "example.svg")); err != nil {
		t.Error(err)
	}
}
