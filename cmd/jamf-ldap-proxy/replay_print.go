package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/dial"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/replay"
)

// replayPrinter writes cases as they come, or keeps them for JSON.
type replayPrinter struct {
	pairPrinter
	notes  output
	asJSON bool
	a, b   *dial.Server
	cases  []*replay.Case
}

func newReplayPrinter(out, notes output, asJSON bool, a, b *dial.Server) *replayPrinter {
	p := &replayPrinter{pairPrinter: pairPrinter{out: out, paint: newPainter(out)}, notes: notes, asJSON: asJSON, a: a, b: b, cases: []*replay.Case{}}
	if !asJSON {
		p.printf("a  %s\nb  %s\n", a, b)
	}
	return p
}

// clear takes the line of progress away.
func (p *replayPrinter) clear() {
	if p.notes.terminal {
		fmt.Fprint(p.notes, "\r\x1b[K")
	}
}

func (p *replayPrinter) progress(r replay.Report) {
	if p.notes.terminal {
		fmt.Fprintf(p.notes, "\r\x1b[K%d asked, %d different", r.Asked, r.Different)
	}
}

// add takes a question whose answers differ.
func (p *replayPrinter) add(c *replay.Case) {
	if p.asJSON {
		p.cases = append(p.cases, c)
		return
	}
	p.clear()
	p.printf("\n%s\n", p.paint.bold(c.Question.String()))
	if c.A.Error != "" || c.B.Error != "" {
		p.printf("  a  %s\n  b  %s\n", saidBy(c.A), saidBy(c.B))
		return
	}
	entry := ""
	for i, d := range c.Differences {
		if i == maxShownDifferences {
			p.printf("  and %d differences more\n", len(c.Differences)-i)
			return
		}
		if d.Attr != "" && d.DN != entry {
			entry = d.DN
			p.printf("  %s\n", shownText(entry))
		}
		p.difference(d)
	}
}

// Bounds of what is shown of one question.
const (
	maxShownDifferences = 10
	maxShownValues      = 3
)

func (p *replayPrinter) difference(d replay.Difference) {
	switch {
	case d.DN == "":
		p.printf("  result: a %s, b %s\n", d.A[0], d.B[0])
	case d.Attr == "" && len(d.A) > 0:
		p.printf("  only a has %s\n", shownText(d.DN))
	case d.Attr == "":
		p.printf("  only b has %s\n", shownText(d.DN))
	default:
		var sides []string
		if len(d.A) > 0 {
			sides = append(sides, "only a "+shownValues(d.A))
		}
		if len(d.B) > 0 {
			sides = append(sides, "only b "+shownValues(d.B))
		}
		p.printf("    %s: %s\n", shownText(d.Attr), strings.Join(sides, ", "))
	}
}

// shownValues lists the first values.
func shownValues(values []string) string {
	shown := make([]string, 0, maxShownValues+1)
	for _, v := range values[:min(len(values), maxShownValues)] {
		shown = append(shown, shownText(v))
	}
	if more := len(values) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, "; ")
}

// shownText is a value or DN on one line.
func shownText(s string) string { return lookup.Clip(s, 200) }

func saidBy(s replay.Said) string {
	if s.Error != "" {
		return "no answer: " + s.Error
	}
	return fmt.Sprintf("%s, %d found", s.Result, s.Entries)
}

// end writes the counts.
func (p *replayPrinter) end(r *replay.Report) error {
	p.clear()
	if p.asJSON {
		return printJSON(p.out, struct {
			A string `json:"a"`
			B string `json:"b"`
			*replay.Report
			Cases []*replay.Case `json:"cases"`
		}{p.a.String(), p.b.String(), r, p.cases})
	}
	p.printf("\n%s\n", p.paint.bold(replaySums(r)))
	for _, reason := range slices.Sorted(maps.Keys(r.PassedOver)) {
		p.printf("  passed over: %d, %s\n", r.PassedOver[reason], reason.Text())
	}
	return p.err
}

func replaySums(r *replay.Report) string {
	sums := []string{counted(r.Asked, "question"), fmt.Sprintf("%d the same", r.Same)}
	if r.Loosely > 0 {
		sums[1] += fmt.Sprintf(" (%d but for capitals or spaces)", r.Loosely)
	}
	sums = append(sums, fmt.Sprintf("%d different", r.Different))
	if r.Unanswered > 0 {
		sums = append(sums, fmt.Sprintf("%d not answered", r.Unanswered))
	}
	return strings.Join(sums, ", ")
}
