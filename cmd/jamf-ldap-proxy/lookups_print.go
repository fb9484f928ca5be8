package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/logging"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

// lookupPrinter writes lookups in one of three forms.
type lookupPrinter interface {
	lookup(*lookup.Record) error
	flush() error
	nothing(shown int) error // says so when there was none
}

func (o *lookupsOptions) printer(out output, notes io.Writer) lookupPrinter {
	buffered := bufio.NewWriter(out)
	switch {
	case o.asJSON:
		lines := json.NewEncoder(buffered)
		lines.SetEscapeHTML(false)
		return &jsonLookups{lines, buffered}
	case o.csv:
		return &csvLookups{csv: csv.NewWriter(buffered), out: buffered}
	}
	return &lookupLines{
		out: buffered, notes: notes,
		lines: logging.NewLines(newPainter(out).on, func(id string) string { return rewrite.HintText[id] }),
		paint: newPainter(out),
	}
}

// jsonLookups writes the objects of /api/lookups, one a line.
type jsonLookups struct {
	lines *json.Encoder
	out   *bufio.Writer
}

func (p *jsonLookups) lookup(r *lookup.Record) error { return p.lines.Encode(r) }

func (p *jsonLookups) flush() error    { return p.out.Flush() }
func (*jsonLookups) nothing(int) error { return nil }

// csvLookups writes a table for a spreadsheet.
type csvLookups struct {
	csv   *csv.Writer
	out   *bufio.Writer
	begun bool
}

var csvHeader = []string{
	"time", "client_addr", "bind_dn", "op", "kind", "user", "group", "base", "scope", "filter", "bridged", "rules", "hints", "cache",
	"entries", "result", "result_name", "diagnostic", "ms", "upstream_ms", "upstream_filter", "shape",
}

func (p *csvLookups) lookup(r *lookup.Record) error {
	if err := p.begin(); err != nil {
		return err
	}
	row := []string{
		r.Time.Format(time.RFC3339Nano), r.ClientAddr, r.BindDN, r.Op, r.Kind, r.User(), r.Group(), r.Base, r.Scope, r.Filter,
		strconv.FormatBool(r.Bridged), strings.Join(r.Rules, " "), strings.Join(hintNames(r), " "), r.Cache,
		strconv.Itoa(r.Entries), strconv.Itoa(r.Result), r.ResultName, r.Diagnostic,
		milliseconds(r.Total), milliseconds(r.Upstream.Duration), r.Upstream.Filter, r.Shape(),
	}
	for i := range row {
		row[i] = harmless(row[i])
	}
	return p.csv.Write(row)
}

func (p *csvLookups) begin() error {
	if p.begun {
		return nil
	}
	p.begun = true
	return p.csv.Write(csvHeader)
}

func (p *csvLookups) flush() error {
	if err := p.begin(); err != nil {
		return err
	}
	p.csv.Flush()
	if err := p.csv.Error(); err != nil {
		return err
	}
	return p.out.Flush()
}

func (*csvLookups) nothing(int) error { return nil }

// harmless keeps a spreadsheet from taking a client's text for a formula. A number
// may begin with a minus.
func harmless(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := strconv.Atoi(s); err == nil {
		return s
	}
	return "'" + s
}

func hintNames(r *lookup.Record) []string {
	names := make([]string, len(r.Hints))
	for i, hint := range r.Hints {
		names[i] = lookup.HintName(hint)
	}
	return names
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 3, 64)
}

// lookupLines writes lookups as the log does on a terminal, with a line for each
// day.
type lookupLines struct {
	out   *bufio.Writer
	notes io.Writer // what is no lookup
	lines *logging.Lines
	paint painter
	day   string
}

func (p *lookupLines) lookup(r *lookup.Record) error {
	if day := r.Time.Local().Format("Monday, 2 January 2006"); day != p.day {
		p.day = day
		if _, err := fmt.Fprintln(p.out, p.paint.bold(day)); err != nil {
			return err
		}
	}
	_, err := p.out.WriteString(p.lines.Of(r))
	return err
}

func (p *lookupLines) flush() error { return p.out.Flush() }

func (p *lookupLines) nothing(shown int) error {
	if shown == 0 {
		fmt.Fprintln(p.notes, "No lookup fits. --since reaches further back in a journal; without conditions all are shown.")
	}
	return nil
}
