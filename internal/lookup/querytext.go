package lookup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// terms are the words of a query's text that stand before a colon, in the order
// in which they are written.
var terms = []string{"user", "group", "kind", "op", "result", "hint", "rule", "client", "slow", "conn", "since", "until", "shape"}

// ParseQuery reads what somebody typed to find lookups: words that have to be
// part of a lookup, and conditions such as
//
//	kind:group result:empty hint:any user:jon.snow slow:100ms since:1h
//
// A value with spaces stands in double quotes, as in group:"Night's Watch". Times
// are relative to now, or dates. An error names what is wrong and what is meant.
func ParseQuery(text string, now time.Time) (Query, error) {
	var q Query
	var words []string
	for _, word := range splitQuery(text) {
		name, value, found := strings.Cut(word, ":")
		if !found || !slices.Contains(terms, strings.ToLower(name)) {
			words = append(words, word)
			continue
		}
		if err := q.Set(strings.ToLower(name), value, now); err != nil {
			return q, err
		}
	}
	q.Text = strings.Join(words, " ")
	return q, nil
}

// Set puts one condition in place, by the name that it has in a query's text and
// as a flag. An empty value takes it away.
func (q *Query) Set(name, value string, now time.Time) error {
	text := map[string]*string{
		"user": &q.User, "group": &q.Group, "kind": &q.Kind, "op": &q.Op, "result": &q.Result, "hint": &q.Hint,
		"rule": &q.Rule, "client": &q.Client, "shape": &q.Shape, "text": &q.Text,
	}
	if field := text[name]; field != nil {
		*field = value
		return q.check(name, value)
	}
	var err error
	switch name {
	case "slow":
		q.Slow, err = parseDuration(value)
	case "conn":
		q.Conn, err = parseNumber(value)
	case "since":
		q.Since, err = parseTime(value, now)
	case "until":
		q.Until, err = parseTime(value, now)
	default:
		return fmt.Errorf("%s: there is no such condition; use %s", name, strings.Join(terms, ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// check refuses words that cannot be found because nothing has them.
func (q *Query) check(name, value string) error {
	known := map[string][]string{"kind": Kinds(), "op": Ops()}[name]
	if known == nil || value == "" || slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is none of %s", name, value, strings.Join(known, ", "))
}

// String writes the query as ParseQuery reads it.
func (q Query) String() string {
	var words []string
	if q.Text != "" {
		words = append(words, q.Text)
	}
	for _, name := range terms {
		if value := q.term(name); value != "" {
			words = append(words, name+":"+quoteTerm(value))
		}
	}
	return strings.Join(words, " ")
}

// term is the value of one condition as text, "" when it is not set.
func (q *Query) term(name string) string {
	switch name {
	case "user":
		return q.User
	case "group":
		return q.Group
	case "kind":
		return q.Kind
	case "op":
		return q.Op
	case "result":
		return q.Result
	case "hint":
		return q.Hint
	case "rule":
		return q.Rule
	case "client":
		return q.Client
	case "shape":
		return q.Shape
	case "slow":
		return text(q.Slow, q.Slow == 0, time.Duration.String)
	case "conn":
		return text(q.Conn, q.Conn == 0, func(n uint64) string { return strconv.FormatUint(n, 10) })
	case "since":
		return text(q.Since, q.Since.IsZero(), rfc3339)
	case "until":
		return text(q.Until, q.Until.IsZero(), rfc3339)
	}
	return ""
}

func text[T any](v T, zero bool, format func(T) string) string {
	if zero {
		return ""
	}
	return format(v)
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func quoteTerm(s string) string {
	if strings.ContainsAny(s, " \t") {
		return `"` + s + `"`
	}
	return s
}

// splitQuery splits at spaces that stand outside of double quotes, which it takes
// away.
func splitQuery(s string) []string {
	var words []string
	var word strings.Builder
	quoted, began := false, false
	for _, c := range s {
		switch {
		case c == '"':
			quoted, began = !quoted, true
		case (c == ' ' || c == '\t' || c == '\n' || c == '\r') && !quoted:
			if began {
				words = append(words, word.String())
			}
			word.Reset()
			began = false
		default:
			word.WriteRune(c)
			began = true
		}
	}
	if began {
		words = append(words, word.String())
	}
	return words
}

func parseNumber(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

// parseDuration reads a time such as 100ms, 90s, 2h or 7d.
func parseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if days, found := strings.CutSuffix(s, "d"); found {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no length of time; write for example 250ms, 15m, 2h or 7d", s)
	}
	return d, nil
}

// parseTime reads how long ago, or when.
func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := parseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write how long ago (15m, 2h, 7d) or when (2026-01-31 or 2026-01-31T08:00)", s)
}
