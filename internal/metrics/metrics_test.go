package metrics_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/metrics"
)

func groupSearch() *lookup.Record {
	return &lookup.Record{
		Op: lookup.OpSearch, Kind: lookup.KindGroup, Bridged: true, Mode: "posix",
		Rules: []string{"class", "member-dn"}, Hints: []string{"bare-uid: jon.snow was read as a DN"},
		Upstream: lookup.UpstreamPart{Server: "dc1:636", Duration: 3 * time.Millisecond},
		Entries:  2, Total: 4 * time.Millisecond,
	}
}

// expect compares the named metrics with their text form.
func expect(t *testing.T, m *metrics.Metrics, want string, names ...string) {
	t.Helper()
	for i, name := range names {
		names[i] = prefix + name
	}
	var text strings.Builder
	for line := range strings.Lines(want) {
		text.WriteString(strings.TrimSpace(line) + "\n")
	}
	if err := testutil.GatherAndCompare(m.Registry(), strings.NewReader(text.String()), names...); err != nil {
		t.Error(err)
	}
}

func TestALookupIsCounted(t *testing.T) {
	m := metrics.New("")
	sink := m.Sink()
	sink.Write(groupSearch())
	sink.Write(&lookup.Record{Op: lookup.OpUnbind, Kind: lookup.KindOther, Result: lookup.NoResult, Total: time.Hour})
	sink.Write(&lookup.Record{Op: "\xff", Kind: "made up", Result: 4711})
	expect(t, m, `
		# HELP jamf_ldap_proxy_entries_total Entries sent to clients.
		# TYPE jamf_ldap_proxy_entries_total counter
		jamf_ldap_proxy_entries_total 2
		# HELP jamf_ldap_proxy_hints_total Lookups with a hint for the administrator.
		# TYPE jamf_ldap_proxy_hints_total counter
		jamf_ldap_proxy_hints_total{hint="bare-uid"} 1
		# HELP jamf_ldap_proxy_lookups_total Operations of clients.
		# TYPE jamf_ldap_proxy_lookups_total counter
		jamf_ldap_proxy_lookups_total{bridged="false",kind="other",op="unbind",result="none"} 1
		jamf_ldap_proxy_lookups_total{bridged="false",kind="other",op="unknown",result="other"} 1
		jamf_ldap_proxy_lookups_total{bridged="true",kind="group",op="search",result="success"} 1
		# HELP jamf_ldap_proxy_rewrites_total Lookups that a rule translated.
		# TYPE jamf_ldap_proxy_rewrites_total counter
		jamf_ldap_proxy_rewrites_total{rule="class"} 1
		jamf_ldap_proxy_rewrites_total{rule="member-dn"} 1
	`, "entries_total", "hints_total", "lookups_total", "rewrites_total")
}

func TestDurationsAreInSecondsAndOnlyOfWhatWasAnswered(t *testing.T) {
	m := metrics.New("")
	sink := m.Sink()
	sink.Write(groupSearch())
	sink.Write(&lookup.Record{Op: lookup.OpUnbind, Result: lookup.NoResult, Total: time.Hour})
	text := scrape(m)
	for _, want := range []string{
		`lookup_duration_seconds_sum{kind="group",op="search"} 0.004`,
		`lookup_duration_seconds_bucket{kind="group",op="search",le="0.0025"} 0`,
		`lookup_duration_seconds_bucket{kind="group",op="search",le="0.005"} 1`,
		`upstream_duration_seconds_sum{op="search",result="success",server="dc1:636"} 0.003`,
	} {
		if !strings.Contains(text, prefix+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(text, `lookup_duration_seconds_sum{kind="other",op="unbind"}`) {
		t.Error("an unbind was timed")
	}
}

func TestRuleAndHintLabelsAreBounded(t *testing.T) {
	m := metrics.New("")
	sink := m.Sink()
	r := &lookup.Record{Hints: []string{"Free text with jon.snow", ""}}
	for i := range 500 {
		r.Rules = append(r.Rules, fmt.Sprintf("rule-%d", i))
		r.Hints = append(r.Hints, fmt.Sprintf("hint-%d", i))
	}
	sink.Write(r)
	for _, name := range []string{"rewrites_total", "hints_total"} {
		n, err := testutil.GatherAndCount(m.Registry(), prefix+name)
		if err != nil || n != 65 {
			t.Errorf("%s has %d series, error %v; want 64 and other", name, n, err)
		}
	}
}

func TestObservingALookupAllocatesNothing(t *testing.T) {
	sink := metrics.New("").Sink()
	r := groupSearch()
	sink.Write(r) // the first of its kind makes the series
	if n := testing.AllocsPerRun(1000, func() { sink.Write(r) }); n > 0 {
		t.Errorf("%v allocations per lookup", n)
	}
}

func TestEventsOfTheProxy(t *testing.T) {
	m := metrics.New("")
	m.ClientConnected()
	m.ClientConnected()
	m.ClientDisconnected()
	m.UpstreamConnection("dc1:636", "idle", 3)
	m.UpstreamConnection("dc1:636", "idle", -1)
	m.UpstreamConnection("dc1:636", "leased", 1)
	m.UpstreamUp("dc1:636", true)
	m.UpstreamUp("dc2:636", false)
	m.UpstreamTLSExpiry("dc1:636", time.Unix(1_800_000_000, 0))
	m.UpstreamTLSExpiry("dc2:636", time.Unix(1_900_000_000, 0))
	m.UpstreamTLSExpiry("dc2:636", time.Time{})
	m.ListenerTLSExpiry("0.0.0.0:1636", time.Unix(1_700_000_000, 0))
	m.Pairs("ambiguous", 4)
	m.Pairs("ambiguous", 2)
	m.Pairs("made up", 1)
	m.Discovery("bind_refused")
	m.Discovery("made up")
	m.DiscoverySucceeded(time.Unix(1_600_000_000, 0))
	m.ConfigReload(false)
	m.DroppedRecord("log")
	m.SearchReference()
	m.Panic()
	text := scrape(m)
	for _, want := range []string{
		`client_connections 1`,
		`upstream_connections{server="dc1:636",state="idle"} 2`,
		`upstream_connections{server="dc1:636",state="leased"} 1`,
		`upstream_up{server="dc1:636"} 1`,
		`upstream_up{server="dc2:636"} 0`,
		`upstream_tls_expiry_timestamp_seconds{server="dc1:636"} 1.8e+09`,
		`listener_tls_expiry_timestamp_seconds{listener="0.0.0.0:1636"} 1.7e+09`,
		`pairs{state="ambiguous"} 2`,
		`pairs{state="other"} 1`,
		`discoveries_total{outcome="bind_refused"} 1`,
		`discoveries_total{outcome="other"} 1`,
		`discoveries_total{outcome="success"} 0`,
		`discovery_last_success_timestamp_seconds 1.6e+09`,
		`config_last_reload_successful 0`,
		`dropped_records_total{sink="log"} 1`,
		`search_references_total 1`,
		`panics_total 1`,
	} {
		if !strings.Contains(text, prefix+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(text, `expiry_timestamp_seconds{server="dc2:636"}`) {
		t.Error("a server without certificate still has an expiry")
	}
}

func TestOutcomesAndReasonsStartAtZeroAndAreBounded(t *testing.T) {
	m := metrics.New("")
	m.ClientConnection("tls_failed")
	m.ClientConnection("anything")
	m.BindFailed("invalid_credentials")
	m.BindFailed("anything")
	expect(t, m, `
		# HELP jamf_ldap_proxy_bind_failures_total Binds that did not succeed.
		# TYPE jamf_ldap_proxy_bind_failures_total counter
		jamf_ldap_proxy_bind_failures_total{reason="backoff"} 0
		jamf_ldap_proxy_bind_failures_total{reason="empty_password"} 0
		jamf_ldap_proxy_bind_failures_total{reason="invalid_credentials"} 1
		jamf_ldap_proxy_bind_failures_total{reason="method"} 0
		jamf_ldap_proxy_bind_failures_total{reason="other"} 1
		jamf_ldap_proxy_bind_failures_total{reason="refused"} 0
		jamf_ldap_proxy_bind_failures_total{reason="unavailable"} 0
		# HELP jamf_ldap_proxy_client_connections_total Connections of clients by what became of them.
		# TYPE jamf_ldap_proxy_client_connections_total counter
		jamf_ldap_proxy_client_connections_total{outcome="accepted"} 0
		jamf_ldap_proxy_client_connections_total{outcome="other"} 1
		jamf_ldap_proxy_client_connections_total{outcome="refused_allow"} 0
		jamf_ldap_proxy_client_connections_total{outcome="refused_limit"} 0
		jamf_ldap_proxy_client_connections_total{outcome="refused_per_address"} 0
		jamf_ldap_proxy_client_connections_total{outcome="tls_failed"} 1
	`, "bind_failures_total", "client_connections_total")
}

func TestFreshProgram(t *testing.T) {
	text := scrape(metrics.New("1.2.3"))
	if strings.Contains(text, "discovery_last_success_timestamp_seconds ") {
		t.Error("a discovery is said to have succeeded in 1970")
	}
	for _, want := range []string{
		prefix + "config_last_reload_successful 1", prefix + `build_info{`, `version="1.2.3"`,
		prefix + "panics_total 0", "go_goroutines ", "process_cpu_seconds_total ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
}

// Two families of one name would make OpenMetrics scrapers refuse everything.
func TestOpenMetricsIsNotOffered(t *testing.T) {
	request := httptest.NewRequest("GET", "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	answer := httptest.NewRecorder()
	metrics.New("").Handler().ServeHTTP(answer, request)
	if got := answer.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type %q", got)
	}
}

func scrape(m *metrics.Metrics) string {
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	return answer.Body.String()
}

func BenchmarkSink(b *testing.B) {
	sink := metrics.New("").Sink()
	r := groupSearch()
	b.ReportAllocs()
	for b.Loop() {
		sink.Write(r)
	}
}
