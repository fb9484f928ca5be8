package main

import "os"

// painter colours for a terminal and writes plain text otherwise.
type painter struct{ on bool }

func newPainter(out output) painter { return painter{out.terminal && os.Getenv("NO_COLOR") == ""} }

func (p painter) wrap(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p painter) bold(s string) string    { return p.wrap("1", s) }
func (p painter) answer(s string) string  { return p.wrap("32", s) }
func (p painter) dim(s string) string     { return p.wrap("2", s) }
func (p painter) removed(s string) string { return p.wrap("31", s) }
func (p painter) hint(s string) string    { return p.wrap("33", s) }
