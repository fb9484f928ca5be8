package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// report gathers what a run has measured.
type report struct {
	site        *site
	options     *options
	began       time.Time
	comparisons []*comparison
	holdings    []holding
}

func (r *report) compare(c comparison) *comparison {
	r.comparisons = append(r.comparisons, &c)
	return &c
}

func cpuOf(s sample) float64       { return s.cpu }
func ownOf(s sample) float64       { return s.own }
func perSecondOf(s sample) float64 { return s.perSecond }
func p50Of(s sample) float64       { return s.p50 }
func p99Of(s sample) float64       { return s.p99 }

func median(list []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range list {
		values = append(values, of(s))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// ratio is the median of the rounds' ratios: what disturbed a round disturbed
// both.
func (c *comparison) ratio(load, peer, against string, of func(sample) float64) (float64, bool) {
	a, b := c.of(load, peer), c.of(load, against)
	var values []float64
	for i := range min(len(a), len(b)) {
		if of(b[i]) > 0 {
			values = append(values, of(a[i])/of(b[i]))
		}
	}
	return middle(values), len(values) > 0
}

func (r *report) markdown() string {
	var out strings.Builder
	r.writeMachine(&out)
	out.WriteString("\n### Bars\n\n| what | bar | reached | |\n|---|---|---:|---|\n")
	for _, b := range bars {
		out.WriteString(b.row(r))
	}
	for _, c := range r.comparisons {
		c.write(&out)
	}
	r.writeHoldings(&out)
	r.writeQuestions(&out)
	if len(r.site.notes) > 0 {
		out.WriteString("\nNotes of this run:\n\n")
		for _, n := range r.site.notes {
			fmt.Fprintf(&out, "- %s\n", strings.Join(strings.Fields(n), " "))
		}
	}
	return out.String()
}

// writeMachine tells what the figures depend on, and nothing that names the
// machine.
func (r *report) writeMachine(out *strings.Builder) {
	memory, _ := kilobytes("/proc/meminfo", "MemTotal:")
	fmt.Fprintf(out, "Measured %s in %.0f minutes: %d cores, %.0f GiB, %s, Linux %s. %d rounds of %v; %d users, %d groups; the proxy's file is %.1f MiB. "+
		"CPU is µs per lookup of the peer's process, user and system, logging on; of \"direct\" it is the directory's own. \"Load\" is the generator's. Ratios are medians of the rounds' ratios.\n",
		r.began.UTC().Format(time.DateOnly), time.Since(r.began).Minutes(), runtime.NumCPU(), float64(memory)/(1<<30),
		runtime.Version(), kernel(), r.options.rounds, r.options.duration, r.options.users, r.options.groups, mib(r.site.binarySize()))
}

// kernel is the version without what its builder has appended.
func kernel() string {
	var u syscall.Utsname
	if syscall.Uname(&u) != nil {
		return "?"
	}
	var text strings.Builder
	for _, c := range u.Release {
		if c != '.' && (c < '0' || c > '9') {
			break
		}
		text.WriteByte(byte(c))
	}
	return text.String()
}

func (c *comparison) write(out *strings.Builder) {
	if len(c.samples) == 0 {
		return
	}
	fmt.Fprintf(out, "\n### %s\n\n", c.title)
	if c.name == "line" {
		c.writeLatency(out)
		return
	}
	out.WriteString("| load | peer | lookups/s | to direct | p50 µs | p99 µs | CPU | to HAProxy | Load |\n|---|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, load := range c.loads {
		for _, p := range c.peers {
			list := c.of(load, p.name)
			if len(list) == 0 {
				continue
			}
			toRelay := c.cell(load, p.name, haproxyName, cpuOf)
			if p.name == directName {
				toRelay = "-"
			}
			fmt.Fprintf(out, "| %s | %s | %.0f | %s | %.0f | %.0f | %.1f | %s | %.1f |\n", load, p.name,
				median(list, perSecondOf), c.cell(load, p.name, directName, perSecondOf),
				median(list, p50Of), median(list, p99Of), median(list, cpuOf), toRelay, median(list, ownOf))
		}
	}
}

func (c *comparison) cell(load, peer, against string, of func(sample) float64) string {
	if ratio, ok := c.ratio(load, peer, against, of); ok {
		return fmt.Sprintf("%.2f", ratio)
	}
	return "-"
}

func (c *comparison) writeLatency(out *strings.Builder) {
	out.WriteString("| peer | lookups/s | p50 ms | p99 ms |\n|---|---:|---:|---:|\n")
	for _, p := range c.peers {
		if list := c.of(userLoad, p.name); len(list) > 0 {
			fmt.Fprintf(out, "| %s | %.0f | %.2f | %.2f |\n", p.name, median(list, perSecondOf), median(list, p50Of)/1000, median(list, p99Of)/1000)
		}
	}
}

func (r *report) writeHoldings(out *strings.Builder) {
	if len(r.holdings) == 0 {
		return
	}
	out.WriteString("\n### Memory of idle, bound clients (VmRSS)\n\n| peer | without MiB | clients | with MiB | KiB each |\n|---|---:|---:|---:|---:|\n")
	for _, h := range r.holdings {
		fmt.Fprintf(out, "| %s | %.1f | %d | %.1f | %.1f |\n", h.peer, mib(h.before), h.clients, mib(h.after), h.each()/1024)
	}
}

func (r *report) writeQuestions(out *strings.Builder) {
	out.WriteString("\nWhat is asked, for example:\n\n")
	for _, w := range r.site.loads {
		if w.mix != nil {
			fmt.Fprintf(out, "- %s:", w.name)
			for _, part := range w.mix {
				fmt.Fprintf(out, " %d %% %s", part.percent, part.of)
			}
			out.WriteString("\n")
			continue
		}
		for d, who := range []string{"the directory and what does not translate", "jamf-ldap-proxy in posix and merge", "rwm"} {
			if q := w.ask[d]; q.filter != nil {
				fmt.Fprintf(out, "- %s, %s: `%s`, attributes %s\n", w.name, who, q.filter(0), strings.Join(q.attrs, " "))
			}
		}
	}
}

const (
	markBegin = "<!-- bench: begin -->"
	markEnd   = "<!-- bench: end -->"
)

func writeBetweenMarkers(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), markBegin)
	_, after, ok2 := strings.Cut(rest, markEnd)
	if !ok || !ok2 {
		return errors.New(file + " lacks the lines " + markBegin + " and " + markEnd)
	}
	return os.WriteFile(file, []byte(before+markBegin+"\n"+text+"\n"+markEnd+after), 0o644)
}
