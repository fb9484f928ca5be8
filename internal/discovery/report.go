package discovery

import (
	"errors"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// note tells of the end of an attempt: in the metrics each time, in the log when
// it is another than the time before.
func (r *Refresher) note(err error) {
	outcome := outcomeOf(err)
	if r.Metrics != nil {
		r.Metrics.Discovery(outcome)
		if err == nil {
			r.Metrics.DiscoverySucceeded(r.Now())
		}
	}
	before := r.outcome
	r.outcome = outcome
	if err == nil {
		r.failures = 0
		if before != Success {
			r.Logger.Info("discovering pairs works again")
		}
		return
	}
	r.failures++
	if outcome == before {
		r.Logger.Debug("discovering pairs has failed again", zap.Error(err), zap.Int("failures", r.failures))
		return
	}
	meanwhile := "the pairs found before stay in use"
	if r.last == nil {
		meanwhile = "only the pairs of the configuration are in use"
	}
	fields := []zap.Field{zap.String("outcome", outcome), zap.Error(err), zap.String("meanwhile", meanwhile)}
	var e *Error
	if errors.As(err, &e) && e.Try != "" {
		fields = append(fields, zap.String("try", e.Try))
	}
	r.Logger.Warn("discovering pairs has failed", fields...)
}

// report tells of a new result: its numbers in the metrics, and in the log what
// has changed since the last one.
func (r *Refresher) report(now *Result) {
	counts := now.counts()
	if r.Metrics != nil {
		for state, n := range counts {
			r.Metrics.Pairs(state, n)
		}
	}
	before := r.last
	if before == nil {
		r.Logger.Info("pairs discovered", countFields(counts)...)
		// What was found first is no news, but what is in doubt is.
		before = &Result{Pairs: now.Pairs}
	}
	c := changesBetween(before, now)
	r.tell(zapcore.InfoLevel, "pairs added", c.added, "")
	r.tell(zapcore.WarnLevel, "pairs lost: Jamf sees these groups without their pair", c.removed, "add those that are right to groups.pairs")
	r.tell(zapcore.WarnLevel, "pairs kept although their members differ now", c.kept, "if it stays so, look at the two groups in JumpCloud")
	r.tell(zapcore.WarnLevel, "Linux group IDs have changed", c.gids, "")
	r.tell(zapcore.WarnLevel, "groups have more than one candidate to pair with", c.ambiguous, "add the right pairs to groups.pairs")
	r.tell(zapcore.WarnLevel, "pairs are in doubt", c.doubts, "")
}

// maxTold bounds the names in one line of the log.
const maxTold = 20

// tell writes one line about some pairs or groups, and nothing about none.
func (r *Refresher) tell(level zapcore.Level, message string, names []string, try string) {
	if len(names) == 0 {
		return
	}
	fields := []zap.Field{zap.Int("count", len(names))}
	switch {
	case !r.NoNames:
		fields = append(fields, zap.Strings("which", names[:min(len(names), maxTold)]))
	case try == "":
		try = "`jamf-ldap-proxy pairs` shows which"
	default:
		try += "; `jamf-ldap-proxy pairs` shows which"
	}
	if try != "" {
		fields = append(fields, zap.String("try", try))
	}
	r.Logger.Log(level, message, fields...)
}

// counts is the result in numbers, by state. An ambiguous group counts under
// either of its names.
func (r *Result) counts() map[string]int {
	n := map[string]int{
		StateConfigured: 0, StateDiscovered: 0, StateAmbiguous: 0,
		StateNoLinuxGroup: len(r.NoLinuxGroup), StateNoLegacyGroup: len(r.NoLegacyGroup),
	}
	for _, p := range r.Pairs {
		if p.Reason == Configured {
			n[StateConfigured]++
		} else {
			n[StateDiscovered]++
		}
	}
	for _, a := range r.Ambiguous {
		n[StateAmbiguous] += len(a.Legacy) + len(a.Posix)
	}
	return n
}

func countFields(n map[string]int) []zap.Field {
	var fields []zap.Field
	for _, state := range []string{StateConfigured, StateDiscovered, StateAmbiguous, StateNoLinuxGroup, StateNoLegacyGroup} {
		fields = append(fields, zap.Int(state, n[state]))
	}
	return fields
}
