package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"jamf-ldap-proxy/internal/lookup"
)

// CacheStats are what the cache tells of itself when it is asked.
type CacheStats struct {
	Bytes     int64
	Entries   int
	Evictions uint64
}

// Cache says whom to ask about the cache. Without it there is nothing in it.
func (m *Metrics) Cache(stats func() CacheStats) { m.cache.Store(&stats) }

func (m *Metrics) registerCache() {
	m.cacheRequests = m.counters("cache_requests_total",
		"Lookups that the cache was asked about, by how they were answered.", "outcome")
	preset(m.cacheRequests, []string{lookup.CacheHit, lookup.CacheMiss, lookup.CacheStale, lookup.CacheCoalesced})
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "cache_bytes",
			Help: "Memory that answers take in the cache."},
			func() float64 { return float64(m.cacheStats().Bytes) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "cache_entries",
			Help: "Answers in the cache, expired ones included."},
			func() float64 { return float64(m.cacheStats().Entries) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: "cache_evictions_total",
			Help: "Answers that left the cache to make room."},
			func() float64 { return float64(m.cacheStats().Evictions) }),
	)
}

func (m *Metrics) cacheStats() CacheStats {
	if stats := m.cache.Load(); stats != nil {
		return (*stats)()
	}
	return CacheStats{}
}

// countCache counts a lookup that the cache was asked about.
func (m *Metrics) countCache(outcome string) {
	switch outcome {
	case lookup.CacheHit, lookup.CacheMiss, lookup.CacheStale, lookup.CacheCoalesced:
		m.cacheRequests.WithLabelValues(outcome).Inc()
	}
}
