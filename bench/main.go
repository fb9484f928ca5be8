package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	var (
		clients  = flag.Int("clients", 16, "connections, each asking again as soon as it is answered")
		rounds   = flag.Int("rounds", 3, "interleaved rounds; the median is reported")
		duration = flag.Duration("duration", 2*time.Second, "length of one measurement")
		users    = flag.Int("users", 5000, "users in the generated organisation")
		groups   = flag.Int("groups", 300, "groups in the generated organisation")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, *clients, *rounds, *duration, *users, *groups); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, clients, rounds int, duration time.Duration, users, groups int) error {
	dir, err := os.MkdirTemp("", "jamf-ldap-proxy-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(os.Stderr, "generating %d users and %d groups, starting the peers\n", users, groups)
	peers, err := startPeers(ctx, dir, users, groups)
	if err != nil {
		return err
	}
	defer peers.stop()

	results := map[string][]sample{}
	for round := range rounds {
		for _, w := range workloads(users) {
			for _, p := range peers.list {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				s, err := measure(p, w, clients, duration)
				if err != nil {
					return fmt.Errorf("measuring %s on %s: %w", w.name, p.name, err)
				}
				results[w.name+p.name] = append(results[w.name+p.name], s)
				fmt.Fprintf(os.Stderr, "round %d  %-10s %-16s %7.0f lookups/s  %6.1f µs CPU\n", round+1, w.name, p.name, s.perSecond, s.cpu)
			}
		}
	}
	printTable(peers.list, workloads(users), results)
	return nil
}

// sample is one measurement.
type sample struct {
	perSecond float64
	cpu       float64 // of the peer's process, microseconds per lookup; of the directory itself for "direct"
	p50, p99  float64 // microseconds
}

func median(list []sample, of func(sample) float64) float64 {
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func printTable(peers []peer, loads []workload, results map[string][]sample) {
	fmt.Println("| workload | peer | lookups/s | p50 µs | p99 µs | CPU µs per lookup | CPU, ratio to HAProxy |")
	fmt.Println("|---|---|---:|---:|---:|---:|---:|")
	for _, w := range loads {
		relay := median(results[w.name+haproxyName], func(s sample) float64 { return s.cpu })
		for _, p := range peers {
			list := results[w.name+p.name]
			cpu := median(list, func(s sample) float64 { return s.cpu })
			ratio := "-"
			if p.name != directName {
				ratio = fmt.Sprintf("%.2f", cpu/relay)
			}
			fmt.Printf("| %s | %s | %.0f | %.0f | %.0f | %.1f | %s |\n", w.name, p.name,
				median(list, func(s sample) float64 { return s.perSecond }),
				median(list, func(s sample) float64 { return s.p50 }),
				median(list, func(s sample) float64 { return s.p99 }), cpu, ratio)
		}
	}
	fmt.Println()
	for _, w := range loads {
		fmt.Printf("- %s: `%s`, attributes %s", w.name, w.filter(0), strings.Join(w.attrs, " "))
		if w.legacy != nil {
			fmt.Printf("; jamf-ldap-proxy is asked `%s`, attributes %s, and translates", w.legacy(0), strings.Join(w.legacyAttrs, " "))
		}
		fmt.Println(".")
	}
}
