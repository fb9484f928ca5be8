package metrics

import (
	"strconv"

	"jamf-ldap-proxy/internal/lookup"
)

// Sink returns a lookup sink that counts and times records.
func (m *Metrics) Sink() lookup.Sink {
	return &sink{
		m:     m,
		ops:   setOf(lookup.Ops()),
		kinds: setOf(lookup.Kinds()),
		rules: newNames(maxNames),
		hints: newNames(maxNames),

		shapes: newShapes(m.shapeLookups),
	}
}

type sink struct {
	m            *Metrics
	ops, kinds   map[string]bool
	rules, hints *names
	shapes       *shapes
}

func (*sink) Name() string { return "metrics" }

// Write counts one lookup. It looks its series up by their labels, which neither
// allocates nor waits; a test and a benchmark watch that.
func (s *sink) Write(r *lookup.Record) {
	op := memberOr(s.ops, r.Op, lookup.OpUnknown)
	kind := memberOr(s.kinds, r.Kind, lookup.KindOther)
	result := resultLabel(r.Result)
	s.m.lookups.WithLabelValues(op, kind, result, strconv.FormatBool(r.Bridged)).Inc()
	if r.Result != lookup.NoResult {
		s.m.lookupDuration.WithLabelValues(op, kind).Observe(r.Total.Seconds())
	}
	if r.Upstream.Server != "" {
		s.m.upstreamDuration.WithLabelValues(r.Upstream.Server, op, result).Observe(r.Upstream.Duration.Seconds())
	}
	s.m.countCache(r.Cache)
	s.m.entries.Add(float64(r.Entries))
	if r.Outcome() == lookup.Empty {
		s.m.emptyAnswers.WithLabelValues(kind).Inc()
	}
	s.shapes.count(r)
	for _, rule := range r.Rules {
		s.m.rewrites.WithLabelValues(s.rules.label(rule)).Inc()
	}
	for _, hint := range r.Hints {
		s.m.hints.WithLabelValues(s.hints.label(lookup.HintName(hint))).Inc()
	}
}

func memberOr(known map[string]bool, value, fallback string) string {
	if known[value] {
		return value
	}
	return fallback
}

func setOf(values []string) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, value := range values {
		set[value] = true
	}
	return set
}
