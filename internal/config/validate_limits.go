package config

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

// maxFilterNesting is the deepest limits.nesting: filters are walked by
// recursion, and no directory client nests deeper than a few dozen.
const maxFilterNesting = 1000

// validateLimits checks every limit by the types, so that a limit added in
// package proxy cannot be forgotten here.
func (l *loader) validateLimits() {
	limits := reflect.ValueOf(l.cfg.Limits)
	defaults := reflect.ValueOf(Default().Limits)
	for _, f := range fieldsOf(limits.Type()) {
		v := limits.Field(f.index)
		if v.Kind() == reflect.Slice || f.name == "drain_delay" {
			continue
		}
		if v.Int() <= 0 {
			l.notPositive(join("limits", f.name), limitText(v), limitText(defaults.Field(f.index)))
		}
	}
	if n := l.cfg.Limits.Nesting; n > maxFilterNesting {
		l.mistake("limits.nesting", strconv.Itoa(n), "must be at most "+strconv.Itoa(maxFilterNesting),
			"write a smaller number; 64 is the default and no known client needs more")
	}
	if d := l.cfg.Limits.DrainDelay; d < 0 {
		l.mistake("limits.drain_delay", shortDuration(d), "must not be negative", "write a time such as 5s, or 0s to stop accepting at once")
	}
	for i, dn := range l.cfg.Limits.FailedBindsExempt {
		if !isDN(dn) {
			l.mistake(item("limits.failed_binds_exempt", i), dn, "is not a DN",
				"write the whole DN that Jamf binds as: uid=NAME,"+l.exampleBase())
		}
	}
}

func limitText(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case bytesize.Size:
		return value.String()
	case time.Duration:
		return shortDuration(value)
	}
	return strconv.FormatInt(v.Int(), 10)
}

// shortDuration writes 15m where time.Duration writes 15m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
