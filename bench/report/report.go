package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Report is the outcome of one run.
type Report struct {
	Machine  Machine
	Command  []string          // that made it
	Quick    bool              // a smoke run: its figures are worth nothing
	Versions map[string]string // of the servers, by name
	Tables   []*Table
}

// A Machine is where and when something was measured.
type Machine struct {
	Date    time.Time
	CPU     string
	Cores   int
	Memory  string
	Kernel  string
	Go      string
	LoadAvg string // at the beginning
}

// ThisMachine describes the machine, now.
func ThisMachine() Machine {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(load))
	return Machine{
		Date:    time.Now(),
		CPU:     processor(),
		Cores:   runtime.NumCPU(),
		Memory:  memory(),
		Kernel:  "Linux " + strings.TrimSpace(string(kernel)),
		Go:      runtime.Version(),
		LoadAvg: strings.Join(fields[:min(3, len(fields))], " "),
	}
}

// processor returns the model of the first processor.
func processor() string {
	if name := procField("/proc/cpuinfo", "model name"); name != "" {
		return name
	}
	return runtime.GOARCH
}

// memory returns how much there is.
func memory() string {
	kib, err := strconv.Atoi(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20))
}

// procField returns the value of the first line "name: value" of a file.
func procField(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if field, value, _ := strings.Cut(s.Text(), ":"); strings.TrimSpace(field) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Version asks a program for the first line of its version, with the arguments
// given; "unknown" if it does not say.
func Version(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n"); err == nil && line != "" {
		return line
	}
	return "unknown"
}

// Header writes what stands above the tables.
func (r *Report) Header(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "# Redstart beside others, %s\n\n", m.Date.Format("2006-01-02 15:04"))
	if r.Quick {
		fmt.Fprintf(w, "**A quick run: it shows that everything works. Do not quote its figures.**\n\n")
	}
	fmt.Fprintf(w, "- machine: %d cores, %s, %s, %s, %s; load average at the start: %s\n", m.Cores, m.CPU, m.Memory, m.Kernel, m.Go, m.LoadAvg)
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		fmt.Fprintf(w, "- %s: %s\n", name, r.Versions[name])
	}
	fmt.Fprintf(w, "- command: `%s`\n\n", strings.Join(r.Command, " "))
	fmt.Fprintf(w, "Ratios are formed in each round: the median stands first, the smallest and the largest behind it. "+
		"Bold: the goal in the column's head is not met.\n\n")
}

// Save writes everything into dir: report.json with all samples, and a plot of
// each table as name.svg.
func (r *Report) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), append(b, '\n'), 0o644); err != nil {
		return err
	}
	for _, t := range r.Tables {
		if err := os.WriteFile(filepath.Join(dir, t.Name+".svg"), t.SVG(r.subtitle()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// subtitle says in one line where and when.
func (r *Report) subtitle() string {
	m := r.Machine
	s := fmt.Sprintf("%s, %d cores, %s, %s", m.Date.Format("2006-01-02"), m.Cores, m.Kernel, m.Go)
	if r.Quick {
		s += "; a quick run, not to be quoted"
	}
	return s
}

// MarshalJSON writes null for what was not measured, as JSON has no NaN.
func (s Sample) MarshalJSON() ([]byte, error) {
	figures := make([]*float64, len(s))
	for i, x := range s {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			figures[i] = &x
		}
	}
	return json.Marshal(figures)
}
