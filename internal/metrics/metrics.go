// Package metrics holds the program's Prometheus metrics, in a registry of its
// own: two proxies in one process count apart. docs/metrics.md explains each one
// to operators; a test holds that page and the registry together.
//
// Every label is bounded. What a client can choose is mapped to a fixed set, the
// rest to "other".
package metrics

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"jamf-ldap-proxy/internal/lookup"
)

const namespace = "jamf_ldap_proxy"

// durationBuckets are bounds in seconds, from a cached answer to the longest
// search that upstream is given.
var durationBuckets = []float64{
	.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60,
}

// Metrics is a registry with every metric of the program. Its methods may be
// called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry

	lookups          *prometheus.CounterVec
	lookupDuration   *prometheus.HistogramVec
	upstreamDuration *prometheus.HistogramVec
	entries          prometheus.Counter
	emptyAnswers     *prometheus.CounterVec
	shapeLookups     *prometheus.CounterVec
	rewrites         *prometheus.CounterVec
	hints            *prometheus.CounterVec
	cacheRequests    *prometheus.CounterVec
	cache            atomic.Pointer[func() CacheStats]
	heldBack         atomic.Pointer[func() int]

	upstreamConnections *prometheus.GaugeVec
	gaugesMu            sync.RWMutex
	connectionGauges    map[[2]string]prometheus.Gauge // by server and state
	upstreamUp          *prometheus.GaugeVec
	upstreamTLSExpiry   *prometheus.GaugeVec
	listenerTLSExpiry   *prometheus.GaugeVec

	pairs                *prometheus.GaugeVec
	discoveries          *prometheus.CounterVec
	discoveryLastSuccess *prometheus.GaugeVec

	clients          prometheus.Gauge
	connections      *prometheus.CounterVec
	bindFailures     *prometheus.CounterVec
	searchReferences prometheus.Counter
	droppedRecords   *prometheus.CounterVec
	sinks            *sinkQueues
	journalErrors    prometheus.Counter
	panics           prometheus.Counter
	reloadSuccessful prometheus.Gauge
	reloadSuccess    prometheus.Gauge
}

// New returns metrics in their first state: counters whose labels are known
// beforehand are there at zero, so that their first increase is visible to
// rate(), and the configuration counts as loaded.
func New(buildVersion string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), connectionGauges: map[[2]string]prometheus.Gauge{}}
	m.registerLookups()
	m.registerCache()
	m.registerUpstream()
	m.registerDiscovery()
	m.registerClients()
	m.registerProgram(buildVersion)
	return m
}

// Registry returns the registry, for further collectors of the program.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves the registry in the Prometheus text format. OpenMetrics stays
// off: there the gauge client_connections and the counter
// client_connections_total would be two families of one name.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 8})
}

func (m *Metrics) registerLookups() {
	m.lookups = m.counters("lookups_total",
		"Operations of clients.", "op", "kind", "result", "bridged")
	m.lookupDuration = m.histograms("lookup_duration_seconds",
		"Time from a complete request to the end of its answer.", "op", "kind")
	m.upstreamDuration = m.histograms("upstream_duration_seconds",
		"Time that upstream took for a lookup.", "server", "op", "result")
	m.entries = m.counter("entries_total",
		"Entries sent to clients.")
	m.emptyAnswers = m.counters("empty_answers_total",
		"Searches that were answered with success and no entry.", "kind")
	m.shapeLookups = m.counters("shape_lookups_total",
		"Searches and compares by what they are without their values.", "shape")
	m.rewrites = m.counters("rewrites_total",
		"Lookups that a rule translated.", "rule")
	m.hints = m.counters("hints_total",
		"Lookups with a hint for the administrator.", "hint")
	m.presetRatios()
}

// presetRatios makes both sides of a ratio exist at zero. A side that appears with
// its first count lacks that count in increase(), and after a restart the share of
// searches that find nothing would exceed one. Some directories answer those with
// noSuchObject.
func (m *Metrics) presetRatios() {
	m.lookups.WithLabelValues(lookup.OpBind, lookup.KindBind, "success", "false")
	for _, kind := range lookup.Kinds() {
		if kind == lookup.KindBind {
			continue
		}
		m.emptyAnswers.WithLabelValues(kind)
		for _, bridged := range []string{"false", "true"} {
			m.lookups.WithLabelValues(lookup.OpSearch, kind, "success", bridged)
			m.lookups.WithLabelValues(lookup.OpSearch, kind, "noSuchObject", bridged)
		}
	}
}

func (m *Metrics) registerUpstream() {
	m.upstreamConnections = m.gauges("upstream_connections",
		"Connections to upstream by what they are doing.", "server", "state")
	m.upstreamUp = m.gauges("upstream_up",
		"Whether the upstream server answered last time (1) or not (0).", "server")
	m.upstreamTLSExpiry = m.gauges("upstream_tls_expiry_timestamp_seconds",
		"When the first certificate of the upstream chain expires, in Unix time.", "server")
	m.listenerTLSExpiry = m.gauges("listener_tls_expiry_timestamp_seconds",
		"When the certificate of a listener expires, in Unix time.", "listener")
}

func (m *Metrics) registerDiscovery() {
	m.pairs = m.gauges("pairs",
		"Pairs, and groups without one, by what is known of them.", "state")
	m.discoveries = m.counters("discoveries_total",
		"Attempts to discover pairs.", "outcome")
	// Without labels, but absent until there is a success: 0 would be 1970.
	m.discoveryLastSuccess = m.gauges("discovery_last_success_timestamp_seconds",
		"When pairs were last discovered, in Unix time.")
	preset(m.discoveries, discoveryOutcomes)
}

func (m *Metrics) registerClients() {
	m.clients = m.gauge("client_connections",
		"Open connections of clients.")
	m.connections = m.counters("client_connections_total",
		"Connections of clients by what became of them.", "outcome")
	m.bindFailures = m.counters("bind_failures_total",
		"Binds that did not succeed.", "reason")
	m.searchReferences = m.counter("search_references_total",
		"Search references that upstream sent and the proxy dropped.")
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "binds_held_back",
		Help: "Pairs of a client address and a DN that have to wait before they may bind."}, m.countHeldBack))
	preset(m.connections, connectionOutcomes)
	preset(m.bindFailures, bindFailureReasons)
}

func (m *Metrics) registerProgram(version string) {
	m.droppedRecords = m.counters("dropped_records_total",
		"Lookup records that a sink lost because it did not keep up.", "sink")
	m.sinks = newSinkQueues()
	m.registry.MustRegister(m.sinks)
	m.journalErrors = m.counter("journal_errors_total",
		"Failures to write the journal.")
	m.panics = m.counter("panics_total",
		"Panics that ended an operation but not the program.")
	m.reloadSuccessful = m.gauge("config_last_reload_successful",
		"Whether the configuration was loaded last time (1) or the one before is still in use (0).")
	m.reloadSuccessful.Set(1)
	m.reloadSuccess = m.gauge("config_last_reload_success_timestamp_seconds",
		"When the configuration in use was loaded, in Unix time.")

	info := m.gauges("build_info", "The running program; always 1.", "version", "revision", "goversion")
	info.WithLabelValues(version, revision(), runtime.Version()).Set(1)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
}

// revision is the commit that the program was built from, if the build says so.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return "unknown"
}
