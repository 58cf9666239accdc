package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// The plot: a panel for each measure beside each other, the rows below each
// other, a dot for each pair with a whisker from the smallest to the largest
// ratio. The axis is logarithmic, so that half and twice are equally far from 1.
// All lengths are pixels.
const (
	charWidth  = 7.0 // of the font's characters, at most, in the size used
	panelWidth = 250.0
	panelGap   = 34.0
	pairHeight = 13.0
	rowGap     = 9.0
	topMargin  = 96.0
	sideMargin = 20.0
	axisHeight = 34.0
)

// pairColors are told apart also by those who do not see red or green.
var pairColors = []string{"#0060a8", "#d1661b", "#3d8b5f", "#8a4fa3", "#6b6b6b"}

// A plot is a table being drawn.
type plot struct {
	bytes.Buffer
	table *Table
	pairs []Pair // those with ratios
	shown []int  // the measures with ratios
	rows  []*Row // those with a ratio of any pair
	label float64
}

// SVG returns the table's ratios as a picture. The subtitle says where they
// were measured.
func (t *Table) SVG(subtitle string) []byte {
	p := &plot{table: t}
	longest := 8
	for _, pair := range t.Pairs {
		if pair.Base != "" {
			p.pairs = append(p.pairs, pair)
		}
	}
	for m, measure := range t.Measures {
		if !measure.Plain {
			p.shown = append(p.shown, m)
		}
	}
	for _, r := range t.Rows {
		if p.drawn(r) {
			p.rows = append(p.rows, r)
			longest = max(longest, utf8.RuneCountInString(r.Name))
		}
	}
	p.label = sideMargin + float64(longest)*charWidth + 10
	width := p.label + float64(len(p.shown))*(panelWidth+panelGap) + sideMargin
	p.start(max(width, 560), p.bottom()+axisHeight+sideMargin)
	p.text(sideMargin, 28, "start", "title", t.Title)
	p.text(sideMargin, 46, "start", "small", subtitle)
	p.legend()
	for i, r := range p.rows {
		y := p.rowTop(i)
		if i%2 == 0 {
			p.rect(sideMargin, y-rowGap/2, width-2*sideMargin, p.rowHeight(), "#f4f6f8")
		}
		p.text(p.label-10, y+(p.rowHeight()-rowGap)/2+4, "end", "label", r.Name)
	}
	for i, m := range p.shown {
		p.panel(m, p.label+float64(i)*(panelWidth+panelGap))
	}
	p.WriteString("</svg>\n")
	return p.Bytes()
}

// drawn says whether the row has any ratio.
func (p *plot) drawn(r *Row) bool {
	for _, m := range p.shown {
		for _, pair := range p.pairs {
			if len(r.Ratios(pair, m)) > 0 {
				return true
			}
		}
	}
	return false
}

func (p *plot) rowHeight() float64       { return float64(max(len(p.pairs), 1))*pairHeight + rowGap }
func (p *plot) rowTop(i int) float64     { return topMargin + 26 + float64(i)*p.rowHeight() }
func (p *plot) bottom() float64          { return p.rowTop(len(p.rows)) }
func (p *plot) pairColor(i int) string   { return pairColors[i%len(pairColors)] }
func (p *plot) pairY(row, i int) float64 { return p.rowTop(row) + (float64(i)+0.5)*pairHeight }

// legend names the pairs.
func (p *plot) legend() {
	x := sideMargin + 5
	for i, pair := range p.pairs {
		text := pair.Server + " / " + pair.Base
		p.dot(x, 68, p.pairColor(i))
		p.text(x+10, 72, "start", "label", text)
		x += 10 + charWidth*float64(utf8.RuneCountInString(text)) + 24
	}
}

// panel draws the ratios of measure number m, with x at the left.
func (p *plot) panel(m int, x float64) {
	measure := p.table.Measures[m]
	low, high := p.limits(m)
	scale := func(ratio float64) float64 {
		return x + panelWidth*math.Log(min(max(ratio, low), high)/low)/math.Log(high/low)
	}
	title := measure.Name + " ratio"
	if g := measure.Goal.String(); g != "" {
		title += ", goal " + g
	}
	p.text(x+panelWidth/2, topMargin+8, "middle", "head", title)
	top, bottom := topMargin+18, p.bottom()
	p.line(x, bottom, x+panelWidth, bottom, "#888", 1, "")
	for _, tick := range ticks(low, high) {
		color := "#d5d9de"
		if tick == 1 {
			color = "#888"
		}
		p.line(scale(tick), top, scale(tick), bottom, color, 1, "")
		p.text(scale(tick), bottom+16, "middle", "small", tickLabel(tick))
	}
	for i, r := range p.rows {
		if g := p.table.goal(r, m); g.Ratio != 0 {
			at := scale(g.Ratio)
			p.line(at, p.rowTop(i)-rowGap/2, at, p.rowTop(i)+p.rowHeight()-rowGap/2, "#b3261e", 1.5, "4 3")
		}
		for j, pair := range p.pairs {
			if s := r.Ratios(pair, m); len(s) > 0 {
				y := p.pairY(i, j)
				p.line(scale(s.Min()), y, scale(s.Max()), y, p.pairColor(j), 2, "")
				p.dot(scale(s.Median()), y, p.pairColor(j))
			}
		}
	}
}

// limits returns what the axis of measure number m has to reach, at least from
// a half to two, and a little more than the ratios and goals, but not beyond a
// thousand: dots further out stand at the end.
func (p *plot) limits(m int) (low, high float64) {
	low, high = 0.5, 2
	for _, r := range p.rows {
		for _, pair := range p.pairs {
			if s := r.Ratios(pair, m); len(s) > 0 && s.Min() > 0 {
				low, high = min(low, s.Min()), max(high, s.Max())
			}
		}
		if g := p.table.goal(r, m); g.Ratio != 0 {
			low, high = min(low, g.Ratio), max(high, g.Ratio)
		}
	}
	const far = 1024
	return max(low, 1./far) / 1.08, min(high, far) * 1.08
}

// ticks returns powers of two between low and high, few enough to be labelled.
func ticks(low, high float64) []float64 {
	first, last := math.Ceil(math.Log2(low)), math.Floor(math.Log2(high))
	step := math.Max(1, math.Ceil((last-first)/6))
	var at []float64
	for e := math.Ceil(first/step) * step; e <= last; e += step { // multiples of step: 1 is among them
		at = append(at, math.Exp2(e))
	}
	return at
}

// tickLabel writes a power of two briefly.
func tickLabel(tick float64) string {
	if tick < 1 {
		return fmt.Sprintf("1/%g", 1/tick)
	}
	return fmt.Sprintf("%g", tick)
}

func (p *plot) start(width, height float64) {
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">`+"\n", width, height, width, height)
	p.WriteString(`<style>text{font-family:"DejaVu Sans",Verdana,Arial,sans-serif;fill:#222}` +
		`.title{font-size:15px;font-weight:bold}.head{font-size:12px;font-weight:bold}` +
		`.label{font-size:11px}.small{font-size:10.5px;fill:#555}</style>` + "\n")
	p.rect(0, 0, width, height, "#fff")
}

func (p *plot) text(x, y float64, anchor, class, text string) {
	fmt.Fprintf(p, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">`, x, y, anchor, class)
	xml.EscapeText(p, []byte(strings.ReplaceAll(text, "`", "")))
	p.WriteString("</text>\n")
}

func (p *plot) rect(x, y, width, height float64, color string) {
	fmt.Fprintf(p, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, width, height, color)
}

func (p *plot) dot(x, y float64, color string) {
	fmt.Fprintf(p, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", x, y, color)
}

// line draws a line; dashes is an SVG dash pattern, "" for none.
func (p *plot) line(x1, y1, x2, y2 float64, color string, width float64, dashes string) {
	if dashes != "" {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, dashes)
	}
	fmt.Fprintf(p, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"%s/>`+"\n", x1, y1, x2, y2, color, width, dashes)
}
