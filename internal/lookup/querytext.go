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
// A value with spaces stands in double quotes, as in group:"Night's Watch"; within
// them, two quotes are one of the value. Times are relative to now, or dates. An
// error names what is wrong and what is meant.
//
// A word that has a colon behind anything else is no condition, for DNs, times and
// addresses have colons. Nor is one that begins with a quote.
func ParseQuery(text string, now time.Time) (Query, error) {
	var q Query
	var words []string
	for _, word := range splitQuery(text) {
		name, value, found := cutTerm(word)
		if !found {
			words = append(words, strings.Fields(unquoted(word))...)
			continue
		}
		if err := q.Set(name, unquoted(value), now); err != nil {
			return Query{}, err
		}
	}
	q.Text = strings.Join(words, " ")
	return q, nil
}

// cutTerm tells a condition from other words.
func cutTerm(word string) (name, value string, found bool) {
	name, value, found = strings.Cut(word, ":")
	name = strings.ToLower(name)
	return name, value, found && slices.Contains(terms, name)
}

// Set puts one condition in place, by the name that it has in a query's text and
// as a flag; "text" is the words without a condition. An empty value takes it
// away. After an error the query is what it was.
func (q *Query) Set(name, value string, now time.Time) error {
	var err error
	switch name {
	case "slow":
		err = set(&q.Slow, value, parseDuration)
	case "conn":
		err = set(&q.Conn, value, parseNumber)
	case "since":
		err = set(&q.Since, value, func(s string) (time.Time, error) { return parseTime(s, now) })
	case "until":
		err = set(&q.Until, value, func(s string) (time.Time, error) { return parseUntil(s, now) })
	default:
		field := q.words(name)
		if field == nil {
			return fmt.Errorf("%s: there is no such condition; use %s", name, strings.Join(terms, ", "))
		}
		err = set(field, value, func(s string) (string, error) { return parseWord(name, s) })
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// set parses a value into its field, and no value into the field's zero.
func set[T any](field *T, value string, parse func(string) (T, error)) error {
	var v T
	if value != "" {
		var err error
		if v, err = parse(value); err != nil {
			return err
		}
	}
	*field = v
	return nil
}

// words returns where a condition is kept that is a text, or nil.
func (q *Query) words(name string) *string {
	switch name {
	case "text":
		return &q.Text
	case "user":
		return &q.User
	case "group":
		return &q.Group
	case "kind":
		return &q.Kind
	case "op":
		return &q.Op
	case "result":
		return &q.Result
	case "hint":
		return &q.Hint
	case "rule":
		return &q.Rule
	case "client":
		return &q.Client
	case "shape":
		return &q.Shape
	}
	return nil
}

// String writes the query as ParseQuery reads it.
func (q Query) String() string {
	var list []string
	for word := range strings.FieldsSeq(q.Text) {
		list = append(list, quotedWord(word))
	}
	for _, name := range terms {
		if value := q.value(name); value != "" {
			list = append(list, name+":"+quotedValue(value))
		}
	}
	return strings.Join(list, " ")
}

// value is one condition as text, "" when it is not set.
func (q *Query) value(name string) string {
	switch name {
	case "slow":
		return text(q.Slow, q.Slow == 0, time.Duration.String)
	case "conn":
		return text(q.Conn, q.Conn == 0, func(n uint64) string { return strconv.FormatUint(n, 10) })
	case "since":
		return text(q.Since, q.Since.IsZero(), rfc3339)
	case "until":
		return text(q.Until, q.Until.IsZero(), rfc3339)
	}
	return *q.words(name)
}

func text[T any](v T, zero bool, format func(T) string) string {
	if zero {
		return ""
	}
	return format(v)
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
