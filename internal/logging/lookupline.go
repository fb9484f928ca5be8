package logging

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap/buffer"

	"jamf-ldap-proxy/internal/lookup"
)

// Widths of the console's columns, in runes. Wider text pushes the rest of its
// line to the right, except the subject, which is cut.
const (
	opWidth      = 8
	kindWidth    = 11
	subjectWidth = 34
	entriesWidth = 11
	timeWidth    = 10
	detailIndent = len(clock) + 1
)

// columns writes lookups for a console.
type columns struct {
	paint    painter
	hintText func(name string) string
}

// write writes a lookup for reading: who or what was asked for, how many
// entries came, how long it took, the result and what was translated; below it,
// indented, the hints and whatever explains a failure or an empty answer.
//
//	20:14:03.123 search   group       gameOfThrones       1 entry    4.1 ms  success  bridged: class,member-dn
func (c columns) write(b *buffer.Buffer, r *lookup.Record) {
	b.AppendString(c.paint.apply(dim, r.Time.Format(clock)))
	b.AppendString(" " + padded(r.Op, opWidth))
	b.AppendString(" " + padded(kindColumn(r), kindWidth))
	b.AppendString(" " + c.paint.apply(bold, padded(lookup.Clip(r.Subject(), subjectWidth), subjectWidth)))
	b.AppendString(c.paint.apply(entriesColor(r), fmt.Sprintf("%*s", entriesWidth, entriesColumn(r))))
	fmt.Fprintf(b, "%*s", timeWidth, duration(r.Total))
	b.AppendString("  " + c.paint.apply(resultColor(r), resultColumn(r)))
	for _, remark := range remarks(r) {
		b.AppendString("  " + c.paint.apply(dim, remark))
	}
	b.AppendByte('\n')
	for _, hint := range r.Hints {
		writeDetail(b, c.paint.apply(yellow, "hint: "+c.explained(hint)))
	}
	for _, reason := range reasons(r) {
		writeDetail(b, c.paint.apply(dim, reason))
	}
}

// explained adds the text of a hint that does not bring its own.
func (c columns) explained(hint string) string {
	if text := c.hintText(hint); text != "" {
		hint += ": " + text
	}
	return lookup.Clip(hint, maxText)
}

func writeDetail(b *buffer.Buffer, s string) {
	b.AppendString(strings.Repeat(" ", detailIndent) + s + "\n")
}

func padded(s string, width int) string {
	if n := width - utf8.RuneCountInString(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// kindColumn leaves out a kind that only repeats the operation.
func kindColumn(r *lookup.Record) string {
	if r.Kind == r.Op || r.Kind == lookup.KindOther {
		return ""
	}
	return r.Kind
}

func entriesColumn(r *lookup.Record) string {
	switch {
	case r.Op != lookup.OpSearch:
		return ""
	case r.Entries == 1:
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", r.Entries)
}

func entriesColor(r *lookup.Record) color {
	if r.Entries == 0 {
		return yellow
	}
	return none
}

// duration has one unit per magnitude, so that slow stands out.
func duration(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
}

func resultColumn(r *lookup.Record) string {
	if r.Result == lookup.NoResult {
		return "no answer"
	}
	if r.ResultName == "" {
		return fmt.Sprintf("result %d", r.Result)
	}
	return r.ResultName
}

func resultColor(r *lookup.Record) color {
	switch r.Outcome() {
	case lookup.Silent:
		return dim
	case lookup.Failed:
		return red
	}
	return green
}

// remarks are the notes behind the result.
func remarks(r *lookup.Record) []string {
	var list []string
	if r.Bridged {
		list = append(list, strings.TrimSuffix("bridged: "+strings.Join(r.Rules, ","), ": "))
	}
	if fromCache(r) {
		list = append(list, "cache "+r.Cache)
	}
	return list
}

// fromCache reports whether the answer was not asked for upstream by this lookup.
func fromCache(r *lookup.Record) bool {
	switch r.Cache {
	case "", lookup.CacheOff, lookup.CacheMiss:
		return false
	}
	return true
}

// reasons says why an answer is empty or a failure: what upstream or the proxy
// said, the question in full, and its translation if there was one.
func reasons(r *lookup.Record) []string {
	failed := r.Outcome() == lookup.Failed
	if !failed && r.Outcome() != lookup.Empty {
		return nil
	}
	var list []string
	if r.Diagnostic != "" {
		list = append(list, "said: "+lookup.Clip(r.Diagnostic, maxText))
	}
	if failed {
		list = append(list, "from "+r.ClientAddr+" as "+identity(r))
	}
	if r.Filter != "" {
		list = append(list, "asked "+question(r.Filter, r.Base))
	}
	if r.Bridged && !r.Upstream.IsZero() {
		list = append(list, "upstream "+question(r.Upstream.Filter, r.Upstream.Base))
	}
	return list
}

func identity(r *lookup.Record) string {
	if r.BindDN == "" {
		return "anonymous"
	}
	return lookup.Clip(r.BindDN, maxText)
}

func question(filter, base string) string {
	return lookup.Clip(filter, maxText) + " at " + quoted(base)
}
