package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/doctor"
)

// doctorPrinter writes findings as they come. It keeps the first error of its
// writer.
type doctorPrinter struct {
	out   output
	paint painter
	part  string
	// skipped are findings that follow from one and the same failure: one line says
	// it of all of them.
	skipped []doctor.Finding
	err     error
}

func newDoctorPrinter(out output) *doctorPrinter {
	return &doctorPrinter{out: out, paint: newPainter(out)}
}

func (p *doctorPrinter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// Columns of a finding.
const (
	statusWidth = 6
	titleWidth  = 30
)

func (p *doctorPrinter) finding(f *doctor.Finding) {
	if len(p.skipped) > 0 && (f.Because != p.skipped[0].Because || f.Part != p.skipped[0].Part) {
		p.flush()
	}
	if f.Because != "" {
		p.skipped = append(p.skipped, *f)
		return
	}
	p.line(f)
}

// flush writes what was skipped.
func (p *doctorPrinter) flush() {
	if len(p.skipped) == 0 {
		return
	}
	f := p.skipped[0]
	if more := len(p.skipped) - 1; more > 0 {
		f.Title = fmt.Sprintf("%s and %d more", f.Title, more)
	}
	p.skipped = nil
	p.line(&f)
}

func (p *doctorPrinter) line(f *doctor.Finding) {
	if f.Part != p.part {
		if p.part != "" {
			p.printf("\n")
		}
		p.part = f.Part
		p.printf("%s\n", p.paint.bold(strings.ToUpper(f.Part[:1])+f.Part[1:]))
	}
	colour := map[doctor.Status]func(string) string{
		doctor.OK: p.paint.answer, doctor.Warn: p.paint.hint, doctor.Fail: p.paint.removed, doctor.Skip: p.paint.dim,
	}[f.Status]
	p.printf("  %s%s%s%s\n", colour(string(f.Status)), blanks(statusWidth, string(f.Status)), f.Title+blanks(titleWidth, f.Title), f.Saw)
	p.advice(f)
}

func (p *doctorPrinter) advice(f *doctor.Finding) {
	for _, try := range f.Try {
		p.printf("  %sTry: %s\n", strings.Repeat(" ", statusWidth), try)
	}
}

// blanks fill a column behind a text.
func blanks(width int, text string) string {
	return strings.Repeat(" ", max(1, width-utf8.RuneCountInString(text)))
}

// summary counts, and says what to do first.
func (p *doctorPrinter) summary(r *doctor.Report) error {
	p.flush()
	counts := []string{fmt.Sprintf("%d ok", r.OK)}
	for _, c := range []struct {
		n    int
		what string
	}{{r.Warnings, "warning"}, {r.Failures, "failure"}} {
		if c.n > 0 {
			counts = append(counts, counted(c.n, c.what))
		}
	}
	if r.Skipped > 0 {
		counts = append(counts, fmt.Sprintf("%d not looked at", r.Skipped))
	}
	p.printf("\n%s\n", p.paint.bold(strings.Join(counts, ", ")))
	if f := r.First; f != nil {
		p.printf("\nFirst: %s (%s): %s\n", f.Title, f.Check, f.Saw)
		p.advice(f)
	}
	return p.err
}

func printDoctorJSON(out output, r *doctor.Report) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
