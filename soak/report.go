package main

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// result is a soak that is over.
type result struct {
	options *options
	tally   *tally
	vitals  *vitals
	weather *weather
	exit    string
	log     string // what it must not have
}

// verdict is nil when nothing was wrong.
func (r *result) verdict() (failed error) {
	t := r.tally
	complain := func(format string, args ...any) { failed = errors.Join(failed, fmt.Errorf(format, args...)) }
	for _, f := range []struct {
		what string
		findings
	}{{"lost", t.lost}, {"doubled", t.doubled}, {"wrong", t.wrong}} {
		if f.n > 0 {
			complain("%d answers %s:\n  %s", f.n, f.what, strings.Join(f.told, "\n  "))
		}
	}
	for what, n := range t.odd {
		complain("%d connections ended without the client's fault: %s", n, what)
	}
	for i, sign := range vitalSigns {
		if r.vitals.trend(i).upward(sign.slack) {
			complain("%s only grow: %+.2f per minute", sign.name, r.vitals.trend(i).perMinute)
		}
	}
	if what := r.vitals.leftBehind(); what != "" {
		complain("%s did not come back: %v at the start, %v at the end", what, r.vitals.start, r.vitals.end)
	}
	if r.vitals.panics > 0 {
		complain("%.0f panics", r.vitals.panics)
	}
	if !strings.HasPrefix(r.exit, "exit status 0") {
		complain("the proxy ended %s", r.exit)
	}
	if r.log != "" {
		complain("the log has what it must not have:\n%s", r.log)
	}
	if sum(t.asked) == 0 || sum(t.faults) == 0 {
		complain("nothing was asked, or nothing failed: %s", t.line())
	}
	return failed
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (r *result) markdown() string {
	var b strings.Builder
	t := r.tally
	fmt.Fprintf(&b, "Seed %d, %v of faults, %s/%s, %d CPUs%s. ", r.options.seed, r.options.duration, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		map[bool]string{true: ", with the race detector"}[r.options.race])
	fmt.Fprintf(&b, "%d reloads, %d pages read, %d events followed. The proxy ended with %s.\n\n",
		r.vitals.reloads, r.vitals.pages, r.vitals.events, r.exit)
	fmt.Fprintf(&b, "| lost | doubled | wrong | connections ended without the client's fault | panics |\n|---|---|---|---|---|\n| %d | %d | %d | %d | %.0f |\n\n",
		t.lost.n, t.doubled.n, t.wrong.n, sum(t.odd), r.vitals.panics)
	r.operations(&b)
	fmt.Fprintf(&b, "\n%d requests were given up by clients that left or stopped reading.\n\n", t.left)
	fmt.Fprintf(&b, "| witness, a user search every 50 ms | answers | p50 | p99 | longest |\n|---|---|---|---|---|\n")
	fmt.Fprintf(&b, "| right | %s |\n| 52, 3 or 51 | %s |\n\n", times(t.witness), times(t.late))
	fmt.Fprintf(&b, "| | start | mean after a third | per minute | end |\n|---|---|---|---|---|\n")
	for i, sign := range vitalSigns {
		trend := r.vitals.trend(i)
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %+.2f | %.0f |\n", sign.name, r.vitals.start[i], trend.mean, trend.perMinute, r.vitals.end[i])
	}
	counted(&b, "end of a connection that the client deserved", t.ends)
	counted(&b, "fault of the line to the directory", r.weather.seen)
	return b.String()
}

func (r *result) operations(b *strings.Builder) {
	fmt.Fprintf(b, "| operation | asked | right | 52 | 3 | 51 | abandoned or left |\n|---|---|---|---|---|---|---|\n")
	for _, op := range sortedKeys(r.tally.asked) {
		got := r.tally.results[op]
		trouble := got[52] + got[3] + got[51]
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d |\n", op, r.tally.asked[op], sum(got)-trouble, got[52], got[3], got[51],
			r.tally.asked[op]-sum(got))
	}
}

func times(list []time.Duration) string {
	if len(list) == 0 {
		return "0 | | | "
	}
	list = slices.Sorted(slices.Values(list))
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d | %v | %v | %v", len(list), round(list[len(list)/2]), round(list[len(list)*99/100]), round(list[len(list)-1]))
}

func counted(b *strings.Builder, title string, m map[string]int) {
	fmt.Fprintf(b, "\n| %s | times |\n|---|---|\n", title)
	for _, what := range sortedKeys(m) {
		fmt.Fprintf(b, "| %s | %d |\n", what, m[what])
	}
}
