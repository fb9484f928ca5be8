package main

import (
	"fmt"
	"strings"

	"jamf-ldap-proxy/internal/certs"
	"jamf-ldap-proxy/internal/lookup"
)

const (
	certTime     = "2006-01-02 15:04 UTC"
	maxShownText = 2000
	fetchWarning = "Fetching trusts nobody: before you trust a certificate, compare its SHA-256 with what the server's owner tells you by another way."
)

// printCertText describes for reading.
func printCertText(out output, reports []certReport) error {
	p := certPrinter{out: out, paint: newPainter(out)}
	for i := range reports {
		if reports[i].err == nil {
			p.report(&reports[i])
			p.printf("\n")
		}
	}
	if p.any {
		p.printf("%s\n", fetchWarning)
	}
	return p.err
}

// printCertVerdicts is what to know beside the PEM.
func printCertVerdicts(notes output, reports []certReport) error {
	p := certPrinter{out: notes, paint: newPainter(notes)}
	for i := range reports {
		if reports[i].err == nil {
			p.verdict(&reports[i])
		}
	}
	if p.any {
		p.printf("%s\n", fetchWarning)
	}
	return p.err
}

// certPrinter keeps the first error of its writer.
type certPrinter struct {
	out   output
	paint painter
	any   bool // something was shown
	err   error
}

func (p *certPrinter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

func (p *certPrinter) report(r *certReport) {
	p.printf("%s sends %s over %s\n", p.paint.bold(r.target.String()), counted(len(r.certificates), "certificate"), r.version)
	for i := range r.certificates {
		title := "the server's own"
		switch c := &r.certificates[i]; {
		case i == 0 && c.Root:
			title += ", signed by itself"
		case i == 0:
		case c.Root:
			title = "a root"
		default:
			title = "of an authority"
		}
		p.certificate(fmt.Sprintf("%d: %s", i+1, title), &r.certificates[i])
	}
	if r.root != nil {
		p.certificate("not sent: a root from "+r.roots.String(), r.root)
	}
	p.printf("\n")
	p.verdict(r)
}

func (p *certPrinter) certificate(title string, c *certs.Details) {
	p.printf("\n%s\n", p.paint.bold(title))
	names := strings.Join(c.Names, ", ")
	if names == "" && !c.CA {
		names = "none"
	}
	left := counted(c.DaysLeft, "day") + " left"
	switch {
	case c.DaysLeft < 0:
		left = p.paint.removed("ended")
	case c.DaysLeft < 30:
		left = p.paint.hint(left)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	for _, row := range [][2]string{
		{"subject", c.Subject}, {"issuer", c.Issuer}, {"names", lookup.Clip(names, maxShownText)},
		{"valid", c.NotBefore.Format(certTime) + " until " + c.NotAfter.Format(certTime) + ", " + left},
		{"key", c.Key}, {"is a CA", yes[c.CA]}, {"SHA-256", c.SHA256},
	} {
		if row[1] != "" {
			p.printf("  %s  %s\n", p.paint.dim(fmt.Sprintf("%-7s", row[0])), row[1])
		}
	}
}

// verdict says whether the chain is trusted, and what to do when it is not.
func (p *certPrinter) verdict(r *certReport) {
	p.any = true
	switch {
	case len(r.verdict.Problems) == 0:
		p.printf("%s by %s, as %s\n", p.paint.answer("Trusted"), r.roots, r.target.Name)
	default:
		p.printf("%s by %s, as %s:\n", p.paint.removed("Not trusted"), r.roots, r.target.Name)
	}
	for _, problem := range r.verdict.Problems {
		p.printf("  %s: %s\n", p.paint.bold(strings.ReplaceAll(problem.Kind, "-", " ")), lookup.Clip(problem.Why, maxShownText))
		if problem.Try != "" {
			p.printf("    Try: %s\n", lookup.Clip(problem.Try, maxShownText))
		}
		if problem.Jamf != "" {
			p.printf("    Jamf: %s\n", lookup.Clip(problem.Jamf, maxShownText))
		}
	}
	switch {
	case r.root != nil:
		p.printf("The server does not send the root, %s, as is usual; it is added.\n", r.root.Subject)
	case r.verdict.Missing != "":
		p.printf("The server does not send the certificate of the last issuer, %s.\n", r.verdict.Missing)
	}
	for _, note := range r.notes {
		p.printf("%s %s\n", p.paint.hint("Note:"), lookup.Clip(note, maxShownText))
	}
}
