package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// check is one thing to look at.
type check[T any] struct {
	id, title string
	needs     []string                          // checks without which this one cannot be made
	run       func(T, context.Context) *Finding // nil: there is nothing to look at
}

// runner makes checks and keeps their findings.
type runner struct {
	o      *Options
	report *Report
	// blamed has each check of the part that did not succeed, and the one that is to
	// blame: itself if it failed, another if it was skipped.
	blamed map[string]string
}

// runAll makes the checks of a part in their order and tells whether none failed.
func runAll[T any](ctx context.Context, r *runner, part string, checks []check[T], on T) bool {
	good := true
	for _, c := range checks {
		f := r.one(ctx, part, c.id, c.title, c.needs, func() *Finding { return c.run(on, ctx) })
		good = good && (f == nil || f.Status == OK || f.Status == Warn)
	}
	return good
}

// one makes a check, unless what it needs is missing. Nothing is noted of one that
// does not apply, nor of one that was interrupted.
func (r *runner) one(ctx context.Context, part, id, title string, needs []string, run func() *Finding) *Finding {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	f, start := r.withheld(ctx, needs), r.o.Now()
	if f == nil {
		if r.o.Begin != nil {
			r.o.Begin(part, title)
		}
		f = run()
	}
	if f == nil || errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	f.Part, f.Check, f.Title = part, id, title
	f.Ms = float64(r.o.Now().Sub(start).Microseconds()) / 1000
	if f.Status == Fail && len(f.Try) == 0 {
		f.Try = []string{again}
	}
	f.printable()
	switch f.Status {
	case Fail:
		r.blamed[id] = id
	case Skip:
		r.blamed[id] = f.Because
	}
	r.report.Findings = append(r.report.Findings, *f)
	if r.o.End != nil {
		r.o.End(*f)
	}
	return f
}

const again = "run doctor again; if it stays so, see the log of the other side, and whether a firewall ends connections"

// withheld says why a check cannot be made; nil if it can.
func (r *runner) withheld(ctx context.Context, needs []string) *Finding {
	for _, id := range needs {
		if to, missing := r.blamed[id]; missing {
			to = cmp.Or(to, id)
			f := skip("not looked at, because of " + to)
			f.Because = to
			return f
		}
	}
	if ctx.Err() != nil {
		return skip(fmt.Sprintf("not looked at: the checks before took %v", longest))
	}
	return nil
}

// Bounds of a finding's texts, in bytes.
const (
	maxSaw = 1000
	maxTry = 1000
)

// printable makes texts that came from servers safe to print.
func (f *Finding) printable() {
	f.Part, f.Saw = lookup.Clip(f.Part, maxSaw), lookup.Clip(f.Saw, maxSaw)
	for i := range f.Try {
		f.Try[i] = lookup.Clip(f.Try[i], maxTry)
	}
	if f.Try == nil {
		f.Try = []string{}
	}
}

// limited bounds a wait by a time of the configuration, which the error of a wait
// that was too long names.
func limited(ctx context.Context, limit time.Duration, knob string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, &lateError{knob, limit})
}

// lateError is a wait that was too long.
type lateError struct {
	knob  string
	limit time.Duration
}

func (e *lateError) Error() string { return fmt.Sprintf("no answer within %v (%s)", e.limit, e.knob) }

// Timeout makes it look like any other.
func (e *lateError) Timeout() bool { return true }
