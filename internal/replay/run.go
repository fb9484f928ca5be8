package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// Options say what is compared, and how.
type Options struct {
	A, B   *Server
	Every  time.Duration // between two questions, at least
	Limit  int           // questions, at most
	Ignore []string      // attributes that may differ
	// Case is called for each question whose answers differ or did not come, and
	// Progress after each question; either may be nil.
	Case     func(*Case)
	Progress func(Report)
}

// Case is a question whose answers differ.
type Case struct {
	Question    *Question    `json:"question"`
	Time        time.Time    `json:"time"` // when it was asked first
	A           Said         `json:"a"`
	B           Said         `json:"b"`
	Differences []Difference `json:"differences"`
}

// Said is an answer in short.
type Said struct {
	Result  string `json:"result"` // "" when there was no answer
	Entries int    `json:"entries"`
	Error   string `json:"error,omitempty"`
}

// Report counts what came of a replay.
type Report struct {
	Asked      int            `json:"asked"`
	Same       int            `json:"same"`
	Loosely    int            `json:"same_but_for_form"` // of Same: but for capitals and spaces that mean nothing
	Different  int            `json:"different"`
	Unanswered int            `json:"unanswered"` // by one of the two, or both
	PassedOver map[Reason]int `json:"passed_over"`
}

// maxUnanswered is how many questions in a row may stay without an answer.
const maxUnanswered = 5

var errDead = fmt.Errorf("%d questions in a row got no answer", maxUnanswered)

// Run asks both servers every question of the records, one after the other, and
// closes both. It ends early with ctx, with an error of the records, when a server
// refuses the bind, or when nothing is answered any more; the report then tells how
// far it got.
func Run(ctx context.Context, records iter.Seq2[*lookup.Record, error], o Options) (Report, error) {
	r := run{Options: o, compare: newComparer(o.Ignore), seen: make(map[string]bool)}
	r.report.PassedOver = make(map[Reason]int)
	if r.Case == nil {
		r.Case = func(*Case) {}
	}
	defer o.A.close()
	defer o.B.close()
	for _, s := range []*Server{o.A, o.B} {
		if err := s.open(ctx); err != nil {
			return r.report, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	for record, err := range records {
		if err != nil {
			return r.report, err
		}
		if err := r.record(ctx, record); err != nil {
			return r.report, err
		}
		if r.report.Asked >= o.Limit {
			break
		}
	}
	return r.report, nil
}

// run is a replay under way.
type run struct {
	Options
	compare *comparer
	seen    map[string]bool
	report  Report
	next    time.Time // when the next question may be asked
	silent  int       // questions in a row without an answer
}

// record repeats one lookup, unless there is a reason not to.
func (r *run) record(ctx context.Context, record *lookup.Record) error {
	q, reason := QuestionOf(record)
	if reason == "" && r.seen[q.key()] {
		reason = Repeated
	}
	if reason != "" {
		r.report.PassedOver[reason]++
		return nil
	}
	r.seen[q.key()] = true
	if err := r.wait(ctx); err != nil {
		return err
	}
	a, b, err := r.ask(ctx, q)
	if err != nil {
		return err
	}
	r.report.Asked++
	c := &Case{Question: q, Time: record.Time, A: said(a), B: said(b), Differences: []Difference{}}
	err = r.judge(c, a, b)
	if r.Progress != nil {
		r.Progress(r.report)
	}
	return err
}

// judge counts the answers, and hands on those that differ.
func (r *run) judge(c *Case, a, b Answer) error {
	if a.Err != nil || b.Err != nil {
		r.report.Unanswered++
		r.Case(c)
		if r.silent++; r.silent >= maxUnanswered {
			return fmt.Errorf("%w, the last because of: %w", errDead, errors.Join(a.Err, b.Err))
		}
		return nil
	}
	r.silent = 0
	x := r.compare.compare(a, b)
	switch {
	case len(x.differences) > 0:
		r.report.Different++
		c.Differences = x.differences
		r.Case(c)
	default:
		r.report.Same++
		if x.loosely {
			r.report.Loosely++
		}
	}
	return nil
}

// wait keeps the questions apart.
func (r *run) wait(ctx context.Context) error {
	if left := time.Until(r.next); left > 0 {
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	r.next = time.Now().Add(r.Every)
	return ctx.Err()
}

// ask asks both servers at once.
func (r *run) ask(ctx context.Context, q *Question) (a, b Answer, err error) {
	var (
		other  error
		asking sync.WaitGroup
	)
	asking.Go(func() { b, other = r.B.ask(ctx, q) })
	a, err = r.A.ask(ctx, q)
	asking.Wait()
	for _, e := range []struct {
		server *Server
		err    error
	}{{r.A, err}, {r.B, other}} {
		if e.err != nil {
			return a, b, fmt.Errorf("%s: %w", e.server.Name, e.err)
		}
	}
	return a, b, nil
}

func said(a Answer) Said {
	if a.Err != nil {
		return Said{Error: clip(a.Err.Error())}
	}
	return Said{Result: resultName(a.Code), Entries: len(a.Entries)}
}
