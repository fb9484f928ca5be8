package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/simulate"
)

// Widths of a simulation on a terminal, in columns.
const (
	narrowTerminal = 72 // below it, the two answers stand one below the other
	indent         = 2
)

// columnsOf is how wide a terminal is; 0 if out is none, where lines may be as long
// as they like.
func columnsOf(out output) int {
	f, isFile := out.Writer.(*os.File)
	if !out.terminal || !isFile {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 80
	}
	return width
}

func printSimulation(out output, o *simulateOptions, sides []*simulated) error {
	p := simulationPrinter{out: out, paint: newPainter(out), width: columnsOf(out)}
	p.printf("%s\n", p.paint.bold(o.heading()))
	for _, s := range sides {
		switch {
		case s.answer != nil:
			p.sides = append(p.sides, s)
		case s.server != nil:
			p.printf("  %s, %s: %s\n", s.name, s.server, p.paint.hint("no answer"))
		}
	}
	p.blocks = simulate.Compare(sides[0].answer, sides[1].answer)
	switch {
	case len(p.sides) == 0:
	case len(p.sides) == 1:
		p.single()
	case p.width > 0 && p.width < narrowTerminal:
		p.stacked()
	default:
		p.table()
	}
	p.problems()
	if o.isDetailed {
		p.steps()
	}
	return p.err
}

func (o *simulateOptions) heading() string {
	names := make([]string, len(o.names))
	for i, name := range o.names {
		names[i] = shownName(name)
	}
	switch o.question {
	case simulate.QuestionMembership:
		return fmt.Sprintf("Is %s in %s?", names[0], names[1])
	case simulate.QuestionLogin:
		return "Login of " + names[0]
	}
	return strings.ToUpper(o.question[:1]) + o.question[1:] + " " + names[0]
}

// simulationPrinter keeps the first error of its writer.
type simulationPrinter struct {
	out    output
	paint  painter
	width  int          // 0: no limit
	sides  []*simulated // those with an answer
	blocks []simulate.Block
	err    error
}

func (p *simulationPrinter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// Differences are told in words, for those who see no colours.
const (
	same    = "the same"
	differs = "  (differs)"
)

// table writes label, the directory's answer, and the proxy's where it differs.
func (p *simulationPrinter) table() {
	head := []simulate.Line{
		{Direct: "DIRECTLY", Proxy: "THROUGH THE PROXY"},
		{Direct: p.sides[0].server.String(), Proxy: p.sides[1].server.String()},
	}
	labels, values := 0, 0
	for _, b := range append([]simulate.Block{{Lines: head}}, p.blocks...) {
		for _, l := range b.Lines {
			labels, values = max(labels, utf8.RuneCountInString(l.Label)), max(values, utf8.RuneCountInString(l.Direct))
		}
	}
	if p.width > 0 {
		values = min(values, (p.width-3*indent-labels-len(differs))/2)
	}
	for _, l := range head {
		p.row(labels, values, l.Label, p.cells(l.Direct, values), p.cells(l.Proxy, values), p.paint.dim)
	}
	for i, b := range p.blocks {
		if i > 0 {
			p.printf("\n%s\n", p.paint.bold(b.Title))
		}
		for _, l := range b.Lines {
			right, paint := []string{same}, p.paint.dim
			switch {
			case l.Differs:
				right, paint = p.cells(l.Proxy, values), p.paint.hint
				right[len(right)-1] += differs
			case l.Direct != l.Proxy:
				right = p.cells(l.Proxy, values)
			}
			p.row(labels, values, l.Label, p.cells(l.Direct, values), right, paint)
		}
	}
}

// row writes a line of the table; a long value goes on below.
func (p *simulationPrinter) row(labels, values int, label string, left, right []string, paint func(string) string) {
	gap := strings.Repeat(" ", indent)
	for i := range max(len(left), len(right)) {
		l, r := at(left, i), at(right, i)
		if i > 0 {
			label = ""
		}
		line := gap + padded(label, labels) + gap + padded(l, values) + gap
		p.printf("%s\n", strings.TrimRight(line+paint(r), " "))
	}
}

// cells cuts a value into lines of a terminal.
func (p *simulationPrinter) cells(value string, width int) []string {
	if p.width == 0 || utf8.RuneCountInString(value) <= width {
		return []string{value}
	}
	var lines []string
	for runes := []rune(value); len(runes) > 0; {
		n := min(max(width, 1), len(runes))
		lines, runes = append(lines, string(runes[:n])), runes[n:]
	}
	return lines
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// stacked writes the two answers one below the other.
func (p *simulationPrinter) stacked() {
	for _, s := range p.sides {
		p.printf("  %s: %s\n", s.name, p.paint.dim(s.server.String()))
	}
	for i, b := range p.blocks {
		if i > 0 {
			p.printf("\n%s\n", p.paint.bold(b.Title))
		}
		for _, l := range b.Lines {
			if l.Direct == l.Proxy {
				p.printf("  %s: %s\n", l.Label, l.Direct)
				continue
			}
			p.printf("  %s: %s\n    directly           %s\n    through the proxy  %s\n", l.Label, p.paint.hint("differs"), l.Direct, l.Proxy)
		}
	}
}

// single writes the answer of the one side that was asked.
func (p *simulationPrinter) single() {
	s := p.sides[0]
	p.printf("  %s\n", p.paint.dim(s.name+", "+s.server.String()))
	for i, b := range p.blocks {
		if i > 0 {
			p.printf("\n%s\n", p.paint.bold(b.Title))
		}
		labels := 0
		for _, l := range b.Lines {
			labels = max(labels, utf8.RuneCountInString(l.Label))
		}
		for _, l := range b.Lines {
			value := l.Direct
			if s.name != directly {
				value = l.Proxy
			}
			p.printf("  %s  %s\n", padded(l.Label, labels), value)
		}
	}
}

// problems writes what to look at, what both sides have in common once.
func (p *simulationPrinter) problems() {
	for i, s := range p.sides {
		for _, problem := range s.answer.Problems {
			where := s.name
			if len(p.sides) == 2 && p.has(p.sides[1-i], problem) {
				if i == 1 {
					continue
				}
				where = "both"
			}
			p.printf("\n%s: %s\n", p.paint.hint(strings.ToUpper(where[:1])+where[1:]), problem.What)
			if problem.Try != "" {
				p.printf("  Try: %s\n", problem.Try)
			}
		}
	}
}

func (p *simulationPrinter) has(s *simulated, problem simulate.Problem) bool {
	for _, other := range s.answer.Problems {
		if other == problem {
			return true
		}
	}
	return false
}

// steps writes every request.
func (p *simulationPrinter) steps() {
	for _, s := range p.sides {
		p.printf("\n%s\n", p.paint.bold("Requests "+s.name))
		for _, step := range s.answer.Steps {
			asked := cmp.Or(step.Filter, step.Base)
			if step.Op == "search" {
				asked += " " + p.paint.dim("attrs "+strings.Join(step.Attributes, " "))
			}
			result := cmp.Or(step.ResultName, "no answer")
			if step.Op == "search" {
				result += fmt.Sprintf(", %d found", step.Entries)
			}
			p.printf("  %-7s %s\n          %s, %.1f ms\n", step.Op, asked, result, step.Ms)
		}
	}
}

// The JSON form is for programs: names may be added, none changes its meaning.
type (
	jsonSimulation struct {
		Question    string           `json:"question"`
		Names       []string         `json:"names"`
		Direct      *jsonSide        `json:"direct"` // null when it was not asked
		Proxy       *jsonSide        `json:"proxy"`
		Comparison  []simulate.Block `json:"comparison"`
		Differences int              `json:"differences"`
	}
	jsonSide struct {
		Server string           `json:"server"`
		Answer *simulate.Answer `json:"answer"`
		Error  string           `json:"error,omitempty"`
	}
)

func printSimulationJSON(out output, o *simulateOptions, sides []*simulated) error {
	doc := jsonSimulation{
		Question: o.question, Names: o.names, Direct: jsonSideOf(sides[0]), Proxy: jsonSideOf(sides[1]),
		Comparison: simulate.Compare(sides[0].answer, sides[1].answer),
	}
	for _, b := range doc.Comparison {
		for _, l := range b.Lines {
			if l.Differs {
				doc.Differences++
			}
		}
	}
	return printJSON(out, doc)
}

func jsonSideOf(s *simulated) *jsonSide {
	if s.server == nil {
		return nil
	}
	j := &jsonSide{Server: s.server.String(), Answer: s.answer}
	if s.err != nil {
		j.Error = lookup.Clip(s.err.Error(), 1000)
	}
	return j
}

func printJSON(out output, doc any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
