package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/lookup"
)

// maxShownName bounds a name in a table or comment, in bytes.
const maxShownName = 120

// shownName is a group's name as it may be printed: on one line, without
// anything that a terminal obeys.
func shownName(name string) string { return lookup.Clip(name, maxShownName) }

// printPairTable writes a result for reading.
func printPairTable(out output, r *discovery.Result) error {
	p := pairPrinter{out: out, paint: newPainter(out)}
	p.pairs(r.Pairs)
	for _, a := range r.Ambiguous {
		p.ambiguity(a)
	}
	p.unpaired("group", "without a Linux group", r.NoLinuxGroup)
	p.unpaired("Linux group", "without a group in the console", r.NoLegacyGroup)
	for _, w := range r.Warnings {
		p.printf("\n%s %s\n", p.paint.hint("Warning:"), lookup.Clip(w, 1000))
	}
	return p.err
}

// pairPrinter keeps the first error of its writer.
type pairPrinter struct {
	out   output
	paint painter
	err   error
}

func (p *pairPrinter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

func (p *pairPrinter) pairs(list []discovery.Pair) {
	p.printf("%s\n", p.paint.bold(counted(len(list), "pair")))
	if len(list) == 0 {
		return
	}
	rows := [][]string{{"CONSOLE NAME", "LINUX NAME", "GID", "MEMBERS", "WHY"}}
	for _, pair := range list {
		rows = append(rows, []string{shownName(pair.Legacy), shownName(pair.Posix), number(pair.GID), number(pair.Members), pair.Reason.Why()})
	}
	p.table(rows)
}

func (p *pairPrinter) ambiguity(a discovery.Ambiguity) {
	members := counted(a.Legacy[0].Members, "member")
	p.printf("\n%s: %s (%s)\n", p.paint.hint("Ambiguous"), a.Reason.Why(), members)
	rows := [][]string{{"CONSOLE NAME", "LINUX NAME", "GID"}}
	for i := range max(len(a.Legacy), len(a.Posix)) {
		row := []string{"", "", ""}
		if i < len(a.Legacy) {
			row[0] = shownName(a.Legacy[i].Name)
		}
		if i < len(a.Posix) {
			row[1], row[2] = shownName(a.Posix[i].Name), number(a.Posix[i].GID)
		}
		rows = append(rows, row)
	}
	p.table(rows)
	p.printf("  Try: %s\n", a.Reason.Try())
}

func (p *pairPrinter) unpaired(what, lacking string, list []discovery.Unpaired) {
	if len(list) == 0 {
		return
	}
	p.printf("\n%s %s\n", p.paint.bold(counted(len(list), what)), lacking)
	rows := [][]string{{"NAME", "GID", "MEMBERS", "WHY"}}
	var reasons []discovery.Reason
	for _, u := range list {
		rows = append(rows, []string{shownName(u.Name), number(u.GID), number(u.Members), whyUnpaired(u)})
		if !slices.Contains(reasons, u.Reason) {
			reasons = append(reasons, u.Reason)
		}
	}
	p.table(rows)
	for _, reason := range reasons {
		p.printf("  Try: %s\n", reason.Try())
	}
}

// whyUnpaired names the group that is nearly the other half.
func whyUnpaired(u discovery.Unpaired) string {
	if u.Like != "" {
		return shownName(u.Like) + " has this name, but other members"
	}
	return u.Reason.Why()
}

// table writes rows in columns; the first row is the head. A column without
// anything below its head is left out.
func (p *pairPrinter) table(rows [][]string) {
	width := make([]int, len(rows[0]))
	for i, row := range rows {
		for k, cell := range row {
			if n := utf8.RuneCountInString(cell); i > 0 && n > 0 {
				width[k] = max(width[k], n, utf8.RuneCountInString(rows[0][k]))
			}
		}
	}
	for i, row := range rows {
		var line strings.Builder
		for k, cell := range row {
			if width[k] > 0 {
				line.WriteString("  " + cell + strings.Repeat(" ", width[k]-utf8.RuneCountInString(cell)))
			}
		}
		text := strings.TrimRight(line.String(), " ")
		if i == 0 {
			text = p.paint.dim(text)
		}
		p.printf("%s\n", text)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// number leaves out what is not known.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
