package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxProblems bounds a report: the twentieth repetition of one mistake teaches
// nobody, and a file of nothing but mistakes must not fill a log.
const maxProblems = 100

// Problem is one mistake in a configuration.
type Problem struct {
	// File is the file as named by the administrator, or "environment variable
	// NAME" for a value that came from there.
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1; 0 when there is no line
	Column  int    `json:"column"` // from 1, in characters
	Key     string `json:"key"`    // path of the key: groups.pairs[2].posix
	Value   string `json:"value"`  // what was written, quoted; never a secret
	Message string `json:"message"`
	Try     string `json:"try"`     // what to do about it
	Snippet string `json:"snippet"` // the line with a mark below the place
}

// Error prints the problem over several lines, without a newline at the end.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.Message)
	if p.Value != "" && !p.messageNamesValue() {
		b.WriteString(" (got " + p.Value + ")")
	}
	if p.Snippet != "" {
		b.WriteString("\n" + p.Snippet)
	}
	if p.Try != "" {
		b.WriteString("\n  try: " + strings.ReplaceAll(p.Try, "\n", "\n       "))
	}
	return b.String()
}

// messageNamesValue reports whether the message has the value as a word already.
func (p *Problem) messageNamesValue() bool {
	words := " " + strings.ReplaceAll(p.Message, `"`, "") + " "
	return strings.Contains(words, " "+strings.Trim(p.Value, `"`)+" ")
}

// Problems is every mistake of one configuration, in the order of its lines.
type Problems []*Problem

// Error prints every problem, one below the other.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// mistake records a problem with the value at path; value is what was written,
// or "" when nothing is there to show. Only the first mistake of a
// path counts, and none below a path that is wrong as a whole: what follows
// from a mistake is not another mistake.
func (l *loader) mistake(path, value, message, try string) {
	if l.isBad(path) {
		return
	}
	l.bad[path] = true
	from := l.at.nearest(path)
	p := &Problem{Key: path, Message: message, Try: try}
	if value != "" {
		p.Value = quoted(hideSecrets(path, value))
	}
	switch {
	case from.variable != "":
		p.File = "environment variable " + from.variable
	case from.line == 0:
		p.File = cmp.Or(l.name, "configuration")
	default:
		p.File, p.Line, p.Column = l.name, from.line, from.column
	}
	l.add(p)
}

// mistakeAt records a problem that is no value's: it stands at a place.
func (l *loader) mistakeAt(line, column int, key, message, try string) {
	l.add(&Problem{File: l.name, Line: line, Column: column, Key: key, Message: message, Try: try})
}

func (l *loader) add(p *Problem) {
	if len(l.problems) >= maxProblems {
		l.more++
		return
	}
	l.problems = append(l.problems, p)
}

// isBad reports whether path, or something that contains it, is already known
// to be wrong.
func (l *loader) isBad(path string) bool {
	for p := path; ; p = parent(p) {
		if l.bad[p] {
			return true
		}
		if p == "" {
			return false
		}
	}
}

// result returns the problems in reading order, or nil without any.
func (l *loader) result() error {
	if len(l.problems) == 0 {
		return nil
	}
	// Quoted at the end, because a mistake can hide part of its line.
	for _, p := range l.problems {
		p.Snippet = l.src.snippet(p.Line, p.Column)
	}
	slices.SortStableFunc(l.problems, func(a, b *Problem) int {
		return cmp.Or(
			cmp.Compare(boolInt(a.Line == 0), boolInt(b.Line == 0)), // variables last
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.File, b.File), // the variable's name
		)
	})
	if l.more > 0 {
		l.problems = append(l.problems, &Problem{
			File:    cmp.Or(l.name, "configuration"),
			Message: fmt.Sprintf("%d more mistakes are not shown", l.more),
			Try:     "correct the ones above and check again",
		})
	}
	return l.problems
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
