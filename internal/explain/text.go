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
	p.request(&x.Request)
	p.printf("\n")
	if x.Refused != "" {
		p.title("Refused, and not asked upstream: " + x.Refused)
		p.printf("\nWithout that:\n\n")
	}
	p.title(x.verdict())
	for i := range x.Rules {
		p.rule(&x.Rules[i])
	}
	p.widened(x)
	if x.Changed {
		p.printf("\n")
		p.upstream(x)
	}
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

// upstream prints what is asked as far as it differs from the request.
func (p *printer) upstream(x *Explanation) {
	was, is := x.Request.fields(), x.Upstream.fields()
	switch {
	case x.Request.Op != x.Upstream.Op:
		p.title("Asked upstream, as a " + x.Upstream.Op)
		was = nil
	case slices.Equal(was, is):
		p.title("Asked upstream: the same")
		return
	default:
		p.title("Asked upstream, the rest as above")
	}
	for i, f := range is {
		switch {
		case was == nil && f.name == "limit" && x.Upstream.SizeLimit == 0:
		case was == nil || f != was[i]:
			p.printf("  %-7s %s\n", f.name, p.paint.with(p.paint.New, f.value))
		}
	}
}

func (p *printer) request(r *Request) {
	for _, f := range r.fields() {
		if f.name != "limit" || r.SizeLimit > 0 {
			p.printf("  %-7s %s\n", f.name, f.value)
		}
	}
}

type field struct{ name, value string }

// fields are the same for every request of an operation.
func (r *Request) fields() []field {
	if r.Op == "compare" {
		return []field{{"compare", r.Base}, {"whether", r.Filter}}
	}
	return []field{
		{"base", describeBase(r.Base)}, {"scope", r.Scope}, {"filter", r.Filter},
		{"attrs", describeAttributes(r)}, {"limit", describeLimit(r.SizeLimit)},
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
