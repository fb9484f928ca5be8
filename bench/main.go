package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	clients  int
	rounds   int
	duration time.Duration
	users    int
	groups   int
	idle     int
	only     string
	peers    string
	loads    string
	full     bool
	write    string
}

// longest bounds a run, whatever its flags: nothing is left behind.
const longest = 45 * time.Minute

func main() {
	var o options
	flag.IntVar(&o.clients, "clients", 16, "connections, each asking again as soon as it is answered")
	flag.IntVar(&o.rounds, "rounds", 3, "interleaved rounds; medians are reported")
	flag.DurationVar(&o.duration, "duration", 0, "length of one measurement (default 800ms, with -full 3s)")
	flag.IntVar(&o.users, "users", 5000, "users in the generated organisation")
	flag.IntVar(&o.groups, "groups", 300, "groups in the generated organisation")
	flag.IntVar(&o.idle, "idle", 5000, "idle bound connections whose memory is measured")
	flag.StringVar(&o.only, "only", strings.Join(groupNames(), ","), "groups to measure")
	flag.StringVar(&o.peers, "peers", "", "measure only the peers whose name matches this regular expression")
	flag.StringVar(&o.loads, "loads", "", "the same for loads")
	flag.BoolVar(&o.full, "full", false, "every peer in every group, and longer: some 25 minutes instead of 5")
	flag.StringVar(&o.write, "write", "", "also put the report into this file, between its bench markers")
	flag.Parse()
	if o.duration == 0 {
		o.duration = 800 * time.Millisecond
		if o.full {
			o.duration = 3 * time.Second
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// groupOf is one group of measurements.
type groupOf struct {
	name string
	run  func(context.Context, *site, *options, *report) error
}

var groups = []groupOf{
	{"persist", measurePersistent}, {"connect", measureConnect}, {"tls", measureTLS},
	{"line", measureLine}, {"idle", measureIdle}, {"sinks", measureSinks}, {"replicas", measureReplicas},
}

func groupNames() (names []string) {
	for _, g := range groups {
		names = append(names, g.name)
	}
	return names
}

func run(ctx context.Context, o *options) error {
	chosen := strings.Split(o.only, ",")
	for _, name := range chosen {
		if !slices.Contains(groupNames(), name) {
			return fmt.Errorf("-only: no group %q; there are %s", name, strings.Join(groupNames(), ", "))
		}
	}
	if err := errors.Join(patternError(o.peers), patternError(o.loads)); err != nil {
		return err
	}
	began := time.Now()
	s, err := newSite(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	r := &report{site: s, options: o, began: began}
	for _, g := range groups {
		if !slices.Contains(chosen, g.name) {
			continue
		}
		if err := g.run(ctx, s, o, r); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	text := r.markdown()
	fmt.Print(text)
	if o.write != "" {
		return writeBetweenMarkers(o.write, text)
	}
	return nil
}

func patternError(pattern string) error { _, err := regexp.Compile(pattern); return err }

// progress is for who watches; the report goes to standard output.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
