package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Paint colours text for a terminal; the zero value leaves it plain.
type Paint struct {
	Bold, Dim, Old, New, Hint func(string) string
}

func (p Paint) with(f func(string) string, s string) string {
	if f == nil {
		return s
	}
	return f(s)
}

// printer writes to out until something fails.
type printer struct {
	out   io.Writer
	paint Paint
	err   error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

func (p *printer) title(s string) { p.printf("%s\n", p.paint.with(p.paint.Bold, s)) }

// Text writes the explanation for reading.
func (x *Explanation) Text(out io.Writer, paint Paint) error {
	p := &printer{out: out, paint: paint}
	p.title("Request")
	p.request(&x.Request, nil)
	p.printf("\n")
	p.title(x.verdict())
	for i := range x.Rules {
		p.rule(&x.Rules[i])
	}
	p.widened(x)
	p.printf("\n")
	p.title("Asked upstream")
	p.request(&x.Upstream, &x.Request)
	if x.Fallback != nil {
		p.printf("  and if that base does not exist, the same at %s\n", x.Fallback.Base)
	}
	if len(x.UnknownGIDs) > 0 {
		p.printf("  before that, once: the group IDs of %s\n", strings.Join(x.UnknownGIDs, ", "))
	}
	for i := range x.Entries {
		p.entry(&x.Entries[i], len(x.Entries) > 1, i)
	}
	if len(x.Hints) > 0 {
		p.printf("\n")
		p.title("Hints")
		for _, h := range x.Hints {
			p.printf("  %s\n%s", p.paint.with(p.paint.Hint, h.ID), wrapped(h.Text, "    "))
		}
	}
	return p.err
}

// verdict says in one line what the proxy does.
func (x *Explanation) verdict() string {
	switch {
	case x.Mode == "off":
		return "Passed as it is: groups.mode is off"
	case x.Bridged && len(x.Rules) == 0:
		return "Answered from the groups of mode " + x.Mode + "; the request itself needs no change"
	case x.Bridged:
		return "Answered from the groups of mode " + x.Mode
	case x.Changed:
		return "Passed with a repair: nothing in it is of the legacy vocabulary"
	}
	return "Passed as it is: nothing in it is of the legacy vocabulary"
}

// request prints a request; of was, when given, what is the same is not said
// again.
func (p *printer) request(r, was *Request) {
	line := func(name, value, before string) {
		switch {
		case was != nil && value == before:
			p.printf("  %-7s %s\n", name, p.paint.with(p.paint.Dim, "as above"))
		case was != nil:
			p.printf("  %-7s %s\n", name, p.paint.with(p.paint.New, value))
		default:
			p.printf("  %-7s %s\n", name, value)
		}
	}
	before := Request{}
	if was != nil {
		before = *was
	}
	if r.Op == "compare" {
		line("compare", r.Base, before.Base)
		line("whether", r.Filter, before.Filter)
		return
	}
	if was != nil && was.Op == "compare" {
		was = nil
	}
	line("base", describeBase(r.Base), describeBase(before.Base))
	line("scope", r.Scope, before.Scope)
	line("filter", r.Filter, before.Filter)
	line("attrs", describeAttributes(r), describeAttributes(&before))
	if r.SizeLimit != before.SizeLimit {
		line("limit", describeLimit(r.SizeLimit), describeLimit(before.SizeLimit))
	}
}

func describeBase(dn string) string {
	if dn == "" {
		return "(root)"
	}
	return dn
}

func describeAttributes(r *Request) string {
	s := strings.Join(r.Attributes, " ")
	if s == "" {
		s = "(all)"
	}
	if r.TypesOnly {
		s += " (names only)"
	}
	return s
}

func describeLimit(n int32) string {
	if n == 0 {
		return "none; the proxy counts"
	}
	return fmt.Sprintf("%d entries", n)
}

func (p *printer) rule(r *Rule) {
	p.printf("  %s\n", r.Name)
	for _, s := range r.Steps {
		p.printf("    %s\n", p.paint.with(p.paint.Old, "- "+s.Before))
		p.printf("    %s\n", p.paint.with(p.paint.New, "+ "+s.After))
	}
	p.printf("%s", p.paint.with(p.paint.Dim, wrapped(r.Why, "    ")))
}

func (p *printer) widened(x *Explanation) {
	if x.Reevaluated == "" {
		return
	}
	p.printf("\n")
	p.title("Checked again on each entry, because these parts can only be approximated upstream")
	for _, w := range x.Widened {
		p.printf("  %s\n  approximated by %s\n", w.Before, w.After)
	}
}

// entry prints what changes in a sample entry as the lines that go and come.
func (p *printer) entry(e *Entry, several bool, i int) {
	p.printf("\n")
	title := "Entry"
	if several {
		title = fmt.Sprintf("Entry %d", i+1)
	}
	if !e.Kept {
		p.title(title + ": not in the answer")
		p.printf("%s", indented(p.paint.with(p.paint.Dim, strings.TrimSuffix(e.Before, "\n")), "    "))
		return
	}
	p.title(title + ", upstream (-) and as the client gets it (+)")
	before, after := lines(e.Before), lines(e.After)
	for _, line := range before {
		if !slices.Contains(after, line) {
			p.printf("  %s\n", p.paint.with(p.paint.Old, "- "+line))
		}
	}
	for _, line := range after {
		if slices.Contains(before, line) {
			p.printf("    %s\n", line)
		} else {
			p.printf("  %s\n", p.paint.with(p.paint.New, "+ "+line))
		}
	}
}

func lines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }

func indented(s, by string) string {
	return by + strings.ReplaceAll(s, "\n", "\n"+by) + "\n"
}

// wrapped breaks a text at 100 columns.
func wrapped(s, by string) string {
	const width = 100
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(s) {
		switch {
		case column == 0:
			b.WriteString(by)
			column = len(by)
		case column+1+len(word) > width:
			b.WriteString("\n" + by)
			column = len(by)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	b.WriteByte('\n')
	return b.String()
}
