package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// SinkStats are what a sink of lookup records tells of itself when it is asked.
// Names differ from each other.
type SinkStats struct {
	Name   string
	Queued int // records that wait to be written
}

// Sinks says whom to ask about the sinks, and lets the count of their dropped
// records begin at zero. Without it no queue is shown.
func (m *Metrics) Sinks(stats func() []SinkStats) {
	for _, sink := range stats() {
		m.droppedRecords.WithLabelValues(sink.Name)
	}
	m.sinks.stats.Store(&stats)
}

// sinkQueues is the gauge of all queues, read when it is asked for: moving it with
// every record would be work for every lookup.
type sinkQueues struct {
	length *prometheus.Desc
	stats  atomic.Pointer[func() []SinkStats]
}

func newSinkQueues() *sinkQueues {
	return &sinkQueues{length: prometheus.NewDesc(
		prometheus.BuildFQName(namespace, "", "sink_queue_length"),
		"Lookup records that wait for a sink.", []string{"sink"}, nil)}
}

// Describe implements prometheus.Collector.
func (q *sinkQueues) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- q.length }

// Collect implements prometheus.Collector.
func (q *sinkQueues) Collect(metrics chan<- prometheus.Metric) {
	stats := q.stats.Load()
	if stats == nil {
		return
	}
	for _, sink := range (*stats)() {
		metrics <- prometheus.MustNewConstMetric(q.length, prometheus.GaugeValue, float64(sink.Queued), sink.Name)
	}
}
