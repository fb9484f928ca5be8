package main

import (
	"fmt"
	"strings"
)

// roff writes a man page (man(7)). It has no date, so that the same program makes
// the same page whenever it is asked.
type roff struct{ strings.Builder }

func (p *roff) title(name, section string) {
	fmt.Fprintf(p, ".TH %s %s \"\" \"jamf-ldap-proxy %s\" \" \"\n", quotedRoff(strings.ToUpper(name)), section, escapeRoff(version().Version))
	p.WriteString(".nh\n.ad l\n") // names must not be broken
}

func (p *roff) section(name string) { p.WriteString(".SH " + name + "\n") }

// item is a term with its explanation.
func (p *roff) item(term, text string) {
	p.WriteString(".TP\n.B " + escapeRoff(term) + "\n")
	if text != "" {
		p.lines(text)
	}
}

// text writes paragraphs; lines that begin with two spaces stay as they are.
func (p *roff) text(text string) {
	asIs := false
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		switch {
		case line == "":
			p.keep(&asIs, false)
			p.WriteString(".PP\n")
		case strings.HasPrefix(line, "  "):
			p.keep(&asIs, true)
			p.lines(line[2:])
		default:
			p.keep(&asIs, false)
			p.lines(line)
		}
	}
	p.keep(&asIs, false)
}

// keep begins or ends lines that stay as they are.
func (p *roff) keep(now *bool, want bool) {
	switch {
	case want && !*now:
		p.WriteString(".RS 4\n.nf\n")
	case !want && *now:
		p.WriteString(".fi\n.RE\n")
	}
	*now = want
}

func (p *roff) lines(text string) { p.WriteString(escapeRoff(text) + "\n") }

// escapeRoff keeps a text from being taken for instructions: a backslash anywhere,
// a dot or an apostrophe at the beginning. A - becomes the one of the keyboard,
// so that what is copied from the page can be pasted.
func escapeRoff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}

func quotedRoff(text string) string {
	return `"` + strings.ReplaceAll(escapeRoff(text), `"`, `\(dq`) + `"`
}
