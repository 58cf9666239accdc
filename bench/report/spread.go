package report

import (
	"fmt"
	"math"
	"slices"
)

// A Spread is what a figure was in each of the rounds.
type Spread []float64

// Median returns the figure in the middle, NaN if there is none.
func (s Spread) Median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// Min returns the smallest figure. There must be one.
func (s Spread) Min() float64 { return slices.Min(s) }

// Max returns the largest figure. There must be one.
func (s Spread) Max() float64 { return slices.Max(s) }

// String shows the median, and the smallest and the largest behind it.
func (s Spread) String() string {
	switch len(s) {
	case 0:
		return "–"
	case 1:
		return fmt.Sprintf("%.2f", s[0])
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median(), s.Min(), s.Max())
}

// Over returns the ratio of s to base in each round that both have.
func (s Spread) Over(base Spread) Spread {
	var ratios Spread
	for i := range min(len(s), len(base)) {
		if r := s[i] / base[i]; !math.IsNaN(r) && !math.IsInf(r, 0) {
			ratios = append(ratios, r)
		}
	}
	return ratios
}

// A Goal is what a ratio should be. The zero value is none.
type Goal struct {
	Ratio   float64
	AtLeast bool // Ratio or more; else Ratio or less
}

// Met says whether a ratio, as it is printed, is as good as it should be.
func (g Goal) Met(ratio float64) bool {
	printed := math.Round(ratio*100) / 100
	if g.AtLeast {
		return printed >= g.Ratio
	}
	return printed <= g.Ratio
}

// String shows the goal as a condition, "" if there is none.
func (g Goal) String() string {
	switch {
	case g.Ratio == 0:
		return ""
	case g.AtLeast:
		return fmt.Sprintf("≥ %g", g.Ratio)
	}
	return fmt.Sprintf("≤ %g", g.Ratio)
}
