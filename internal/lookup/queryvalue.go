package lookup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseWord refuses what cannot be found because no lookup has it.
func parseWord(name, s string) (string, error) {
	switch name {
	case "kind":
		return oneOf(s, Kinds())
	case "op":
		return oneOf(s, append(Ops(), QuestionOps, AnyOp))
	case "result":
		return parseResult(s)
	}
	return s, nil
}

func oneOf(s string, known []string) (string, error) {
	if lower := strings.ToLower(s); slices.Contains(known, lower) {
		return lower, nil
	}
	return "", fmt.Errorf("%q is none of %s", s, strings.Join(known, ", "))
}

func parseResult(s string) (string, error) {
	same := func(known string) bool { return strings.EqualFold(known, s) }
	outcomes := []string{string(Answered), string(Empty), string(Failed), string(Silent)}
	_, err := strconv.Atoi(s)
	if err == nil || slices.ContainsFunc(outcomes, same) || slices.ContainsFunc(resultNames, same) || isCode(s) {
		return s, nil
	}
	return "", fmt.Errorf("%q is none of %s, and no result such as noSuchObject or 32", s, strings.Join(outcomes, ", "))
}

func parseNumber(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

// parseDuration reads a time such as 100ms, 90s, 2h or 7d.
func parseDuration(s string) (time.Duration, error) {
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

// timeLayouts are how a moment may be written, beside RFC 3339.
var timeLayouts = []string{
	"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly,
}

// parseTime reads how long ago, or when; without a zone, in that of now.
func parseTime(s string, now time.Time) (time.Time, error) {
	if d, err := parseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write how long ago (15m, 2h, 7d) or when (2026-01-31 or 2026-01-31T08:00)", s)
}

// parseUntil reads a date as its end: until yesterday includes yesterday.
func parseUntil(s string, now time.Time) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return day.AddDate(0, 0, 1).Add(-1), nil
	}
	return parseTime(s, now)
}
