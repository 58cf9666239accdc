// Package report holds the outcome of measurements, and shows it: as Markdown,
// as JSON with every sample, and as a plot.
//
// A [Table] has rows (what was measured), measures (in which respects) and
// pairs (which server beside which other one). A [Spread] is one figure in all
// rounds. A [Report] is all tables of a run, with the [Machine] it was on.
package report

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// A Table is what was measured of one kind.
type Table struct {
	Name     string // of its files
	Title    string
	Notes    []string // what a reader has to know, a paragraph each
	Subject  string   // what the rows are: the header of the first column
	Measures []Measure
	Pairs    []Pair
	Rows     []*Row
}

// A Measure is one respect in which servers are compared.
type Measure struct {
	Name   string
	Unit   string
	Goal   Goal
	Hidden bool // in Markdown only the ratio is shown
	Plain  bool // only the figure is shown: a ratio would mean nothing
}

// A Pair is two servers. Ratios are figures of Server divided by those of Base.
type Pair struct{ Server, Base string }

// A Row is one thing that was measured.
type Row struct {
	Name    string
	Goals   []Goal              `json:",omitempty"` // instead of those of the measures, as many
	Samples map[string][]Sample // by server, one for each round
}

// A Sample holds one figure for each measure, NaN for what was not measured.
type Sample []float64

// NewRow adds a row to the table.
func (t *Table) NewRow(name string) *Row {
	r := &Row{Name: name, Samples: map[string][]Sample{}}
	t.Rows = append(t.Rows, r)
	return r
}

// Add adds what a server did in a further round.
func (r *Row) Add(server string, s Sample) { r.Samples[server] = append(r.Samples[server], s) }

// Figures returns measure number m of a server in all rounds.
func (r *Row) Figures(server string, m int) Spread {
	var s Spread
	for _, sample := range r.Samples[server] {
		s = append(s, sample[m])
	}
	return s
}

// Ratios returns the ratio of measure number m in each round.
func (r *Row) Ratios(p Pair, m int) Spread {
	return r.Figures(p.Server, m).Over(r.Figures(p.Base, m))
}

// goal returns what the ratio of measure number m should be in the row.
func (t *Table) goal(r *Row, m int) Goal {
	if r.Goals != nil {
		return r.Goals[m]
	}
	return t.Measures[m].Goal
}

// has says whether the row says anything about the pair.
func (r *Row) has(p Pair) bool {
	return len(r.Samples[p.Server]) > 0
}

// Markdown writes the table, in one part for each pair.
func (t *Table) Markdown(w io.Writer) {
	fmt.Fprintf(w, "## %s\n\n", t.Title)
	for _, note := range t.Notes {
		fmt.Fprintf(w, "%s\n\n", note)
	}
	for _, p := range t.Pairs {
		t.part(w, p)
	}
}

// part writes the rows of one pair.
func (t *Table) part(w io.Writer, p Pair) {
	var lines []string
	met, goals := make([]int, len(t.Measures)), make([]int, len(t.Measures))
	for _, r := range t.Rows {
		if r.has(p) {
			lines = append(lines, t.line(r, p, met, goals))
		}
	}
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "%s\n\n", p.caption())
	fmt.Fprintf(w, "| %s |%s\n|---|%s\n", t.Subject, t.header(p), strings.Repeat("---:|", t.columns(p)))
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	var summary []string
	for m, measure := range t.Measures {
		if goals[m] > 0 {
			summary = append(summary, fmt.Sprintf("%s %d of %d", measure.Name, met[m], goals[m]))
		}
	}
	if len(summary) > 0 {
		fmt.Fprintf(w, "\nGoals met: %s.\n", strings.Join(summary, ", "))
	}
	fmt.Fprintln(w)
}

func (p Pair) caption() string {
	if p.Base == "" {
		return fmt.Sprintf("**%s**", p.Server)
	}
	return fmt.Sprintf("**%s** beside **%s**", p.Server, p.Base)
}

// columns counts the columns of header.
func (t *Table) columns(p Pair) int { return strings.Count(t.header(p), "|") }

// header returns the titles of all columns but the first.
func (t *Table) header(p Pair) string {
	var b strings.Builder
	for m, measure := range t.Measures {
		unit := measure.Unit
		if unit != "" {
			unit = ", " + unit
		}
		if p.Base == "" {
			fmt.Fprintf(&b, " %s%s |", measure.Name, unit)
			continue
		}
		if !measure.Hidden {
			fmt.Fprintf(&b, " %s%s | beside |", measure.Name, unit)
		}
		if measure.Plain {
			continue
		}
		fmt.Fprintf(&b, " %s ratio", measure.Name)
		if g := measure.Goal.String(); g != "" {
			fmt.Fprintf(&b, ", %s", g)
		}
		b.WriteString(" |")
		if t.ownGoals(m) {
			b.WriteString(" goal |")
		}
	}
	return b.String()
}

// ownGoals says whether rows have goals of their own for measure number m.
func (t *Table) ownGoals(m int) bool {
	for _, r := range t.Rows {
		if r.Goals != nil && r.Goals[m].Ratio != 0 {
			return true
		}
	}
	return false
}

// line returns the line of a row, and counts goals and those met.
func (t *Table) line(r *Row, p Pair, met, goals []int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |", r.Name)
	for m, measure := range t.Measures {
		if p.Base == "" {
			fmt.Fprintf(&b, " %s |", number(r.Figures(p.Server, m).Median()))
			continue
		}
		if !measure.Hidden {
			fmt.Fprintf(&b, " %s | %s |", number(r.Figures(p.Server, m).Median()), number(r.Figures(p.Base, m).Median()))
		}
		if measure.Plain {
			continue
		}
		ratios, goal := r.Ratios(p, m), t.goal(r, m)
		text := ratios.String()
		if len(ratios) > 0 && goal.Ratio != 0 {
			goals[m]++
			if goal.Met(ratios.Median()) {
				met[m]++
			} else {
				text = "**" + text + "**"
			}
		}
		fmt.Fprintf(&b, " %s |", text)
		if t.ownGoals(m) {
			fmt.Fprintf(&b, " %s |", goal)
		}
	}
	return b.String()
}

// number shows x with three digits that count, or all before the point.
func number(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	digits := 2
	for limit := 10.0; digits > 0 && math.Abs(x) >= limit; limit *= 10 {
		digits--
	}
	return fmt.Sprintf("%.*f", digits, x)
}
