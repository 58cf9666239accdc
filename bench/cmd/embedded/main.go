// Command embedded measures Redstart as a library beside other Go libraries,
// and prints the outcome as Markdown tables.
//
//	go run ./cmd/embedded                          # everything, some minutes
//	go run ./cmd/embedded -tasks get,set,mix -peers map,buntdb
//	go run ./cmd/embedded -rounds 9 -json out.json
//
// Times are what the processors spent on the process, collecting garbage
// included; of the parallel mixes, what passed on the clock. A ratio is the
// peer's time over Redstart's in the same round: above 1, Redstart is faster.
// The median of the rounds stands first, the smallest and the largest follow.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"redstart/bench/embedded"
)

// goals are the least ratios that Redstart is to reach, by task and peer.
var goals = map[string]map[string]float64{
	"get":        {"map": 1},
	"get-unseen": {"map": 1},
	"set":        {"map": 1 / 1.5},
	"mix":        {"map": 1},
}

// goal returns the least ratio wanted, 0 if none is.
func goal(task, peer string) float64 {
	switch peer {
	case "buntdb":
		return 10
	case "redka":
		return 100
	}
	task, _, _ = strings.Cut(task, "-")
	return goals[task][peer]
}

// A report is what -json writes.
type report struct {
	When    time.Time
	Go      string
	Cores   int
	Keys    int
	Fields  int
	Rounds  int
	Figures []embedded.Figure
}

func main() {
	var e embedded.Effort
	keys := flag.Int("keys", 100_000, "`number` of keys")
	fields := flag.Int("fields", 1_000_000, "`number` of fields of the hash that is iterated over")
	tasks := flag.String("tasks", "all", "which `tasks`; mix is the parallel one")
	peers := flag.String("peers", "all", "which `peers`")
	file := flag.String("json", "", "write the figures to `file`")
	flag.IntVar(&e.Rounds, "rounds", 5, "how often each task is repeated")
	flag.DurationVar(&e.Run, "run", 100*time.Millisecond, "how long a task runs in each round")
	flag.Parse()

	r := report{When: time.Now(), Go: runtime.Version(), Cores: runtime.NumCPU(), Keys: *keys, Fields: *fields, Rounds: e.Rounds}
	t := table{effort: e, peers: *peers, tasks: *tasks, report: &r}
	t.full, t.tenth = embedded.NewData(*keys, *fields), embedded.NewData(max(*keys/10, 1), max(*fields/10, 1))
	if err := t.print(); err != nil {
		fmt.Fprintln(os.Stderr, "embedded:", err)
		os.Exit(1)
	}
	if *file == "" {
		return
	}
	out, err := json.MarshalIndent(r, "", "\t")
	if err == nil {
		err = os.WriteFile(*file, append(out, '\n'), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "embedded:", err)
		os.Exit(1)
	}
}

// A table is what is measured and printed.
type table struct {
	effort       embedded.Effort
	tasks, peers string
	full, tenth  *embedded.Data
	report       *report
}

// selected reports whether name is in a list given on the command line.
func selected(list, name string) bool {
	return list == "all" || slices.Contains(strings.Split(list, ","), name)
}

func (t *table) print() error {
	fmt.Printf("## Redstart as a library, beside others (%s, cores: %d, rounds: %d)\n\n", runtime.Version(), t.report.Cores, t.effort.Rounds)
	fmt.Println("Ratio is the peer's time / Redstart's: above 1, Redstart is faster. \"/10\": measured with a tenth of the keys.")
	fmt.Println()
	for _, p := range append([]embedded.Library{embedded.Redstart}, embedded.Peers...) {
		fmt.Printf("- %s: %s\n", p.Name, p.Note)
	}
	for _, task := range embedded.Tasks {
		if !selected(t.tasks, task.Name) {
			continue
		}
		if err := t.task(task, task.What, t.libraries()); err != nil {
			return err
		}
	}
	if selected(t.tasks, "mix") {
		if err := t.scaling(); err != nil {
			return err
		}
	}
	t.summary()
	return nil
}

// summary prints the median of each ratio, all in one table.
func (t *table) summary() {
	peers := t.libraries()
	fmt.Print("\n### All ratios\n\n| | redstart, ns |")
	for _, p := range peers {
		fmt.Printf(" %s |", p.Name)
	}
	fmt.Printf("\n|---|---:|%s\n", strings.Repeat("---:|", len(peers)))
	figures := t.report.Figures
	for len(figures) != 0 {
		n := 1
		for n < len(figures) && figures[n].Task == figures[0].Task {
			n++
		}
		t.summaryRow(figures[:n], peers)
		figures = figures[n:]
	}
}

// summaryRow prints the ratios of one task.
func (t *table) summaryRow(figures []embedded.Figure, peers []embedded.Library) {
	var ours embedded.Spread
	for _, f := range figures {
		if f.Keys == t.report.Keys || f.Keys == t.report.Fields {
			ours = append(ours, f.Ours...)
		}
	}
	if len(ours) == 0 {
		ours = figures[0].Ours
	}
	fmt.Printf("| %s | %.0f |", figures[0].Task, ours.Median())
	for _, p := range peers {
		cell := ""
		for _, f := range figures {
			if f.Peer == p.Name {
				cell = embedded.Short(f.Ratio.Median())
			}
		}
		fmt.Printf(" %s |", cell)
	}
	fmt.Println()
}

// libraries returns the peers selected.
func (t *table) libraries() []embedded.Library {
	return slices.DeleteFunc(slices.Clone(embedded.Peers), func(l embedded.Library) bool { return !selected(t.peers, l.Name) })
}

// task prints the table of one task.
func (t *table) task(task embedded.Task, title string, peers []embedded.Library) error {
	time := "processor time"
	if task.Wall {
		time = "time"
	}
	fmt.Printf("\n### %s\n\n", title)
	fmt.Printf("| beside | redstart, ns of %s | peer, ns | ratio | goal | met | allocations: redstart | peer |\n|---|---:|---:|---:|---:|---|---:|---:|\n", time)
	for _, peer := range peers {
		d, note := t.full, ""
		if peer.Slow {
			d, note = t.tenth, " /10"
		}
		f, ok, err := embedded.Compare(task, embedded.Redstart, peer, d, t.effort)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		t.report.Figures = append(t.report.Figures, f)
		wanted, met := "", ""
		if g := goal(task.Name, peer.Name); g != 0 {
			wanted, met = fmt.Sprintf("≥ %.3g", g), "**no**"
			if math.Round(f.Ratio.Median()*100)/100 >= math.Round(g*100)/100 {
				met = "yes"
			}
		}
		fmt.Printf("| %s%s | %.0f | %.0f | %v | %s | %s | %.1f | %.1f |\n", peer.Name, note,
			f.Ours.Median(), f.Theirs.Median(), f.Ratio, wanted, met, f.OurAllocs, f.Allocs)
	}
	return nil
}

// scaling prints the mix with more and more processors allowed.
func (t *table) scaling() error {
	was := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(was)
	for _, n := range []int{1, 2, 4, 8} {
		runtime.GOMAXPROCS(n)
		title := fmt.Sprintf("95 %% GET, 5 %% SET, GOMAXPROCS and goroutines: %d", n)
		peers := t.libraries()
		if n > t.report.Cores {
			title += fmt.Sprintf(" (over-subscribed: cores: %d)", t.report.Cores)
		}
		if n != t.report.Cores { // the slow ones once
			peers = slices.DeleteFunc(peers, func(l embedded.Library) bool {
				return !slices.Contains([]string{"map", "xsync", "otter", "redstart, file"}, l.Name)
			})
		}
		if err := t.task(embedded.Mix(n), title, peers); err != nil {
			return err
		}
	}
	return nil
}
