package logging

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

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

// lookupLines returns a lookup for reading: who or what was asked for, how many
// entries came, how long it took, the result and what was translated; below it,
// indented, the hints and whatever explains a failure or an empty answer.
//
//	20:14:03.123 search   group       gameOfThrones       1 entry    4.1 ms  success  bridged: class,member-dn
func (e *consoleEncoder) lookupLines(at time.Time, r *record) string {
	var b strings.Builder
	b.WriteString(e.paint.apply(dim, at.Format(clock)))
	b.WriteString(" " + padded(r.Op, opWidth))
	b.WriteString(" " + padded(kindColumn(r), kindWidth))
	b.WriteString(" " + e.paint.apply(bold, padded(lookup.Clip((*lookup.Record)(r).Subject(), subjectWidth), subjectWidth)))
	b.WriteString(e.paint.apply(entriesColor(r), fmt.Sprintf("%*s", entriesWidth, entriesColumn(r))))
	fmt.Fprintf(&b, "%*s", timeWidth, duration(r.Total))
	b.WriteString("  " + e.paint.apply(resultColor(r), resultColumn(r)))
	for _, remark := range remarks(r) {
		b.WriteString("  " + e.paint.apply(dim, remark))
	}
	b.WriteByte('\n')
	for _, hint := range r.Hints {
		writeDetail(&b, e.paint.apply(yellow, "hint: "+e.explained(hint)))
	}
	for _, reason := range reasons(r) {
		writeDetail(&b, e.paint.apply(dim, reason))
	}
	return b.String()
}

// explained adds the text of a hint that does not bring its own.
func (e *consoleEncoder) explained(hint string) string {
	if text := e.hintText(hint); text != "" {
		hint += ": " + text
	}
	return lookup.Clip(hint, maxText)
}

func writeDetail(b *strings.Builder, s string) {
	b.WriteString(strings.Repeat(" ", detailIndent) + s + "\n")
}

func padded(s string, width int) string {
	if n := width - utf8.RuneCountInString(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// kindColumn leaves out a kind that only repeats the operation.
func kindColumn(r *record) string {
	if r.Kind == r.Op || r.Kind == lookup.KindOther {
		return ""
	}
	return r.Kind
}

func entriesColumn(r *record) string {
	switch {
	case r.Op != lookup.OpSearch:
		return ""
	case r.Entries == 1:
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", r.Entries)
}

func entriesColor(r *record) color {
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

func resultColumn(r *record) string {
	if r.Result == lookup.NoResult {
		return "no answer"
	}
	if r.ResultName == "" {
		return fmt.Sprintf("result %d", r.Result)
	}
	return r.ResultName
}

func resultColor(r *record) color {
	switch {
	case r.Result == lookup.NoResult:
		return dim
	case failed(r):
		return red
	}
	return green
}

// failed reports whether the client got an answer that is neither success nor a
// regular step or verdict.
func failed(r *record) bool {
	switch r.Result {
	case resultSuccess, resultCompareFalse, resultCompareTrue, resultSASLInProgress, lookup.NoResult:
		return false
	}
	return true
}

// remarks are the notes behind the result.
func remarks(r *record) []string {
	var list []string
	if r.Bridged {
		list = append(list, strings.TrimSuffix("bridged: "+strings.Join(r.Rules, ","), ": "))
	}
	switch r.Cache {
	case "", lookup.CacheOff, lookup.CacheMiss:
	default:
		list = append(list, "cache "+r.Cache)
	}
	return list
}

// reasons says why an answer is empty or a failure: what upstream or the proxy
// said, the question in full, and its translation if there was one.
func reasons(r *record) []string {
	empty := r.Op == lookup.OpSearch && r.Entries == 0 && r.Result == resultSuccess
	if !failed(r) && !empty {
		return nil
	}
	var list []string
	if r.Diagnostic != "" {
		list = append(list, "said: "+lookup.Clip(r.Diagnostic, maxText))
	}
	if failed(r) {
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

func identity(r *record) string {
	if r.BindDN == "" {
		return "anonymous"
	}
	return lookup.Clip(r.BindDN, maxText)
}

func question(filter, base string) string {
	return lookup.Clip(filter, maxText) + " at " + quoted(base)
}
