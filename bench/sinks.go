package main

import (
	"context"
	"fmt"
	"time"
)

const (
	logName   = "ours, log only"
	pageName  = "ours, log, metrics, page"
	sinksName = "ours, every sink"
)

// measureSinks tells what it costs to keep and show lookups, beside writing a
// line of log for each.
func measureSinks(ctx context.Context, s *site, o *options, r *report) error {
	c := r.compare(comparison{
		name: "sinks", title: fmt.Sprintf("Log only, and with metrics, page and journal, %d connections that stay", o.clients),
		manner: persistent, clients: o.clients, rounds: max(o.rounds, 5), duration: max(o.duration, severalBatches), loads: []string{userLoad, mixedLoad},
	})
	up := s.plainUpstream()
	for _, p := range []struct {
		name  string
		start func() (*process, error)
	}{
		{logName, func() (*process, error) { return s.startOurs("log-only", up, posixMode) }},
		{pageName, func() (*process, error) { return s.startOurs("page", up, variant{mode: "posix", page: true}) }},
		{sinksName, func() (*process, error) {
			return s.startOurs("sinks", up, variant{mode: "posix", page: true, journal: true})
		}},
	} {
		if err := c.add(s, p.name, vocabulary, p.start); err != nil {
			return err
		}
	}
	return c.run(ctx, s)
}

// severalBatches is long enough for the journal to write several times.
const severalBatches = 3 * time.Second
