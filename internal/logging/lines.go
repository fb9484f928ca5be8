package logging

import "jamf-ldap-proxy/internal/lookup"

// Lines writes lookups as the log does on a terminal.
type Lines struct{ columns columns }

// NewLines returns Lines with or without colour; hintText explains a hint by its
// name, and may be nil.
func NewLines(color bool, hintText func(name string) string) *Lines {
	if hintText == nil {
		hintText = func(string) string { return "" }
	}
	return &Lines{columns{painter{color}, hintText}}
}

// Of returns the line of a lookup, at its local time, and the indented ones below
// it.
func (l *Lines) Of(r *lookup.Record) string {
	line := lines.Get()
	defer line.Free()
	local := *r
	local.Time = r.Time.Local()
	l.columns.write(line, &local)
	return line.String()
}
