package logging

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"jamf-ldap-proxy/internal/lookup"
)

// NewSink returns a sink that logs each record as the message "lookup": at warn
// when the proxy or the directory could not serve the client, at info otherwise.
func NewSink(logger *zap.Logger) lookup.Sink {
	return sink{logger}
}

type sink struct{ logger *zap.Logger }

func (sink) Name() string { return "log" }

func (s sink) Write(r *lookup.Record) {
	entry := s.logger.Check(levelOf(r), "lookup")
	if entry == nil {
		return
	}
	entry.Time = r.Time // of the lookup, not of the logging
	entry.Write(zap.Inline((*record)(r)))
}

// levelOf tells a service failure, which an administrator should hear about, from
// a lookup that was answered, be it with a no.
func levelOf(r *lookup.Record) zapcore.Level {
	switch r.Result {
	case resultTimeLimitExceeded, resultBusy, resultUnavailable, resultOther:
		return zapcore.WarnLevel
	}
	return zapcore.InfoLevel
}

// Result codes of RFC 4511 that say that nobody could be served.
const (
	resultTimeLimitExceeded = 3
	resultBusy              = 51
	resultUnavailable       = 52
	resultOther             = 80
)
