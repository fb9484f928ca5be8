package main

import (
	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/logging"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/metrics"
)

// startRecords opens everything that lookups are noted in.
func (s *service) startRecords(cfg *config.Config) {
	if cfg.Log.Privacy == "hash" {
		s.hasher = lookup.NewHasher(cfg.Log.PrivacyKey)
	}
	s.ring = lookup.NewRing(func() { s.metrics.DroppedRecord("stream") })
	s.shapes = lookup.NewShapes(nil)
	sinks := []lookup.Sink{s.hashed(logging.NewSink(s.log))}
	if cfg.Web.Address != "" { // else nobody could read either
		sinks = append(sinks, s.metrics.Sink(), s.hashed(lookup.Together("page", s.ring, s.shapes)))
	}
	if cfg.Journal.Path != "" {
		s.journal = journal.Open(cfg.Journal, journal.Options{
			Logger:  s.log,
			OnError: s.metrics.JournalError,
			OnLost: func(n int) {
				for range n {
					s.metrics.DroppedRecord("journal")
				}
			},
		})
		sinks = append(sinks, s.hashed(s.journal))
	}
	s.records = lookup.NewFanout(s.metrics.DroppedRecord, sinks...)
	s.metrics.Sinks(s.sinkStats)
}

// hashed has a sink get hashes in place of values, if that is wanted.
func (s *service) hashed(sink lookup.Sink) lookup.Sink {
	if s.hasher == nil {
		return sink
	}
	return s.hasher.Sink(sink)
}

// shownDN is how the log may name who binds, nil for as he wrote it.
func (s *service) shownDN() func(string) string {
	if s.hasher == nil {
		return nil
	}
	return s.hasher.DN
}

func (s *service) sinkStats() []metrics.SinkStats {
	var stats []metrics.SinkStats
	for _, lane := range s.records.Status() {
		stats = append(stats, metrics.SinkStats{Name: lane.Sink, Queued: lane.Queued})
	}
	return stats
}
