package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	duration time.Duration
	seed     uint64
	race     bool
	binary   string
	scale    int
}

func main() {
	var o options
	flag.DurationVar(&o.duration, "duration", 10*time.Minute, "how long faults are injected")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "order of faults and questions; printed, so that it can be given again")
	flag.BoolVar(&o.race, "race", false, "build the proxy with the race detector")
	flag.StringVar(&o.binary, "binary", "", "a proxy that is built already")
	flag.IntVar(&o.scale, "scale", 1, "multiplies the number of clients")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := run(ctx, &o, os.Stderr)
	fmt.Print(report)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// run is one soak. An interrupt ends it early, with a report.
func run(ctx context.Context, o *options, progress io.Writer) (report string, err error) {
	s, err := newSite(ctx, o)
	if err != nil {
		return "", err
	}
	defer s.close()
	fmt.Fprintf(progress, "seed %d, %v\n", o.seed, o.duration)
	v, err := newVitals(s)
	if err != nil {
		return "", err
	}
	c, err := newCrowd(s, o)
	if err != nil {
		return "", err
	}
	soak(ctx, o, s, v, c, progress)
	v.settle()
	exit := s.stop()
	r := &result{options: o, tally: c.tally, vitals: v, weather: s.weather, exit: exit, log: s.complaints()}
	return r.markdown(), r.verdict()
}

// soak lets everything run for the time given, and the clients finish what
// they began.
func soak(ctx context.Context, o *options, s *site, v *vitals, c *crowd, progress io.Writer) {
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	began := time.Now()
	watching := v.watch(ctx, c.tally)
	raining := s.rain(ctx, o.seed)
	crowd := c.run(ctx)
	ticker := time.NewTicker(o.duration/20 + 1)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			raining.Wait() // the line is good again
			crowd.Wait()
			watching.Wait()
			return
		case <-ticker.C:
			fmt.Fprintf(progress, "%4.0f s  %s  %s\n", time.Since(began).Seconds(), c.tally.line(), v.line())
		}
	}
}
