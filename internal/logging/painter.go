package logging

import "go.uber.org/zap/zapcore"

// color is an ANSI SGR parameter. The basic ones follow the terminal's theme.
type color string

const (
	none   color = ""
	dim    color = "2"
	bold   color = "1"
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	cyan   color = "36"
)

// painter colours text, or leaves it as it is on anything but a colour terminal.
type painter struct{ on bool }

func (p painter) apply(c color, s string) string {
	if !p.on || c == none || s == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

// level returns the level in five columns.
func (p painter) level(l zapcore.Level) string {
	switch {
	case l < zapcore.InfoLevel:
		return p.apply(dim, "debug")
	case l == zapcore.InfoLevel:
		return p.apply(cyan, "info ")
	case l == zapcore.WarnLevel:
		return p.apply(yellow, "warn ")
	}
	return p.apply(red, "error")
}
