package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The label values that the proxy may report; anything else counts as "other".
var (
	connectionOutcomes = []string{
		"accepted", "refused_limit", "refused_per_address", "refused_allow", "refused_proxy_header", "tls_failed", other,
	}
	bindFailureReasons = []string{
		"invalid_credentials", "refused", "unavailable", "backoff", "empty_password", "method", "tls_required", "not_allowed", other,
	}
	connectionStates  = []string{"idle", "leased", "spare", "dialing", other}
	pairStates        = []string{"configured", "discovered", "ambiguous", "no_linux_group", "no_legacy_group", other}
	discoveryOutcomes = []string{
		"success", "unreachable", "bind_refused", "search_refused", "truncated", "no_groups", other,
	}
)

const other = "other"

func oneOf(known []string, value string) string {
	if slices.Contains(known, value) {
		return value
	}
	return other
}

// ClientConnected counts a client in; each call is paired with ClientDisconnected.
func (m *Metrics) ClientConnected() { m.clients.Inc() }

// ClientDisconnected counts a client out.
func (m *Metrics) ClientDisconnected() { m.clients.Dec() }

// ClientConnection counts what became of a connection: accepted, refused_limit,
// refused_per_address, refused_allow, refused_proxy_header or tls_failed.
func (m *Metrics) ClientConnection(outcome string) {
	m.connections.WithLabelValues(oneOf(connectionOutcomes, outcome)).Inc()
}

// BindFailed counts a bind that did not succeed: invalid_credentials, refused,
// unavailable, backoff, empty_password, method, tls_required, not_allowed or other.
func (m *Metrics) BindFailed(reason string) {
	m.bindFailures.WithLabelValues(oneOf(bindFailureReasons, reason)).Inc()
}

// HeldBack says whom to ask how many pairs of a client address and a DN have to
// wait before they may bind. Without it there are none.
func (m *Metrics) HeldBack(count func() int) { m.heldBack.Store(&count) }

func (m *Metrics) countHeldBack() float64 {
	if count := m.heldBack.Load(); count != nil {
		return float64((*count)())
	}
	return 0
}

// Panic counts a panic that was caught.
func (m *Metrics) Panic() { m.panics.Inc() }

// DroppedRecord counts a lookup record that the named sink lost.
func (m *Metrics) DroppedRecord(sink string) { m.droppedRecords.WithLabelValues(sink).Inc() }

// JournalError counts a failure to write the journal.
func (m *Metrics) JournalError() { m.journalErrors.Inc() }

// SearchReference counts a search reference that was dropped.
func (m *Metrics) SearchReference() { m.searchReferences.Inc() }

// UpstreamConnection adds delta to the number of connections to server that are
// idle, leased, spare or dialing.
func (m *Metrics) UpstreamConnection(server, state string, delta int) {
	m.connectionGauge(server, state).Add(float64(delta))
}

// connectionGauge remembers each gauge: every lookup moves four, and finding
// one by its labels costs more than moving it. Servers and states are few.
func (m *Metrics) connectionGauge(server, state string) prometheus.Gauge {
	key := [2]string{server, state}
	m.gaugesMu.RLock()
	g := m.connectionGauges[key]
	m.gaugesMu.RUnlock()
	if g != nil {
		return g
	}
	known := oneOf(connectionStates, state)
	g = m.upstreamConnections.WithLabelValues(server, known)
	if known == state {
		m.gaugesMu.Lock()
		m.connectionGauges[key] = g
		m.gaugesMu.Unlock()
	}
	return g
}

// UpstreamUp records whether server could be reached last time, by a lookup or a
// probe.
func (m *Metrics) UpstreamUp(server string, up bool) {
	m.upstreamUp.WithLabelValues(server).Set(zeroOrOne(up))
}

// UpstreamTLSExpiry records when the certificate chain of server expires. The zero
// time removes the series: the server has no certificate.
func (m *Metrics) UpstreamTLSExpiry(server string, t time.Time) {
	if t.IsZero() {
		m.upstreamTLSExpiry.DeleteLabelValues(server)
		return
	}
	m.upstreamTLSExpiry.WithLabelValues(server).Set(float64(t.Unix()))
}

// ForgetUpstream removes the series of a server that is not asked any more: it
// must not look like one that is down.
func (m *Metrics) ForgetUpstream(server string) {
	m.upstreamUp.DeleteLabelValues(server)
	m.upstreamTLSExpiry.DeleteLabelValues(server)
	m.gaugesMu.Lock()
	defer m.gaugesMu.Unlock()
	for _, state := range connectionStates {
		m.upstreamConnections.DeleteLabelValues(server, state)
		delete(m.connectionGauges, [2]string{server, state})
	}
}

// Pairs records how many pairs are configured or discovered, or how many groups
// are ambiguous, or have no_linux_group or no_legacy_group.
func (m *Metrics) Pairs(state string, n int) {
	m.pairs.WithLabelValues(oneOf(pairStates, state)).Set(float64(n))
}

// Discovery counts an attempt to discover pairs by its outcome: success,
// unreachable, bind_refused, search_refused, truncated, no_groups or other.
func (m *Metrics) Discovery(outcome string) {
	m.discoveries.WithLabelValues(oneOf(discoveryOutcomes, outcome)).Inc()
}

// DiscoverySucceeded records when pairs were discovered.
func (m *Metrics) DiscoverySucceeded(at time.Time) {
	m.discoveryLastSuccess.WithLabelValues().Set(float64(at.Unix()))
}

// ListenerTLSExpiry records when the certificate of the listener, named by its
// configured address, expires. The zero time removes the series.
func (m *Metrics) ListenerTLSExpiry(listener string, t time.Time) {
	if t.IsZero() {
		m.listenerTLSExpiry.DeleteLabelValues(listener)
		return
	}
	m.listenerTLSExpiry.WithLabelValues(listener).Set(float64(t.Unix()))
}

// ConfigReload records whether the latest reload took effect, and when one did.
func (m *Metrics) ConfigReload(ok bool, at time.Time) {
	m.reloadSuccessful.Set(zeroOrOne(ok))
	if ok {
		m.reloadSuccess.Set(float64(at.Unix()))
	}
}

func zeroOrOne(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
