package contest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"

	"redstart/bench/report"
)

// parts are the names that INFO gives, after mem_, to what the memory of our
// databases is for.
var parts = []string{"keys", "values", "headers", "outside", "collections", "index", "directories", "access", "deadlines", "slack", "garbage"}

// Parts tells what the memory of our server, the first contestant, is for while
// it holds what Memory compares: bytes for each key or element.
func (c *Contest) Parts() (*report.Table, error) {
	t := &report.Table{
		Name:  "parts",
		Title: "What the bytes are for",
		Notes: []string{"Bytes for each key or element. Resident is what the process has more than when it was empty; " +
			"the parts are those of INFO memory (see `types.Memory`); the rest is what Go's heap has free or not yet collected, and what its allocator rounds up. " +
			"A large collection is one value: all of it is in collections."},
		Subject:  "holding",
		Measures: []report.Measure{{Name: "resident"}},
	}
	for _, name := range parts {
		t.Measures = append(t.Measures, report.Measure{Name: name})
	}
	t.Measures = append(t.Measures, report.Measure{Name: "rest"})
	ours := c.Contestants[0]
	t.Pairs = []report.Pair{{Server: ours.Name}}
	for _, h := range holdings {
		if !c.wants(h.name) {
			continue
		}
		c.progress("parts, %s", h.name)
		n := c.Sizes.Elements / h.divisor
		s, err := c.parts(ours, h, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.name, err)
		}
		t.NewRow(fmt.Sprintf("%s: %d %s", h.name, n, h.what)).Add(ours.Name, s)
	}
	return t, nil
}

// parts fills a server and returns its resident memory, the parts of it, and
// the rest.
func (c *Contest) parts(x Contestant, h holding, n int) (report.Sample, error) {
	e, empty, rss, err := x.filled(h, n, c.Sizes.Calm)
	if err != nil {
		return nil, err
	}
	defer e.Kill()
	control, err := redis.Dial("tcp", e.Addr())
	if err != nil {
		return nil, err
	}
	defer control.Close()
	info, err := redis.String(control.Do("INFO", "memory"))
	if err != nil {
		return nil, err
	}
	return partsOf(info, float64(rss-empty), float64(n))
}

// partsOf returns the sample that an INFO gives: bytes for each of n.
func partsOf(info string, resident, n float64) (report.Sample, error) {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	s, rest := report.Sample{resident / n}, resident
	for _, name := range parts {
		bytes, err := strconv.ParseFloat(fields["mem_"+name], 64)
		if err != nil {
			return nil, fmt.Errorf("INFO memory has no mem_%s", name)
		}
		s = append(s, bytes/n)
		rest -= bytes
	}
	return append(s, rest/n), nil
}
