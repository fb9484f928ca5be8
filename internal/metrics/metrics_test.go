package metrics_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/metrics"
)

func groupSearch() *lookup.Record {
	return &lookup.Record{
		Op: lookup.OpSearch, Kind: lookup.KindGroup, Bridged: true, Mode: "posix",
		Scope: "sub", Filter: "(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=uid=jon.snow,ou=Users,o=x,dc=jumpcloud,dc=com))",
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

// populated leaves out what is still zero.
func populated(t *testing.T, m *metrics.Metrics, name string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(scrape(m)) {
		if line, found := strings.CutPrefix(line, prefix+name+"{"); found && !strings.HasSuffix(line, " 0\n") {
			lines = append(lines, "{"+strings.TrimSpace(line))
		}
	}
	return lines
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
		# HELP jamf_ldap_proxy_rewrites_total Lookups that a rule translated.
		# TYPE jamf_ldap_proxy_rewrites_total counter
		jamf_ldap_proxy_rewrites_total{rule="class"} 1
		jamf_ldap_proxy_rewrites_total{rule="member-dn"} 1
	`, "entries_total", "hints_total", "rewrites_total")
	want := []string{
		`{bridged="false",kind="other",op="unbind",result="none"} 1`,
		`{bridged="false",kind="other",op="unknown",result="other"} 1`,
		`{bridged="true",kind="group",op="search",result="success"} 1`,
	}
	if diff := cmp.Diff(want, populated(t, m, "lookups_total")); diff != "" {
		t.Errorf("lookups_total (-want +got):\n%s", diff)
	}
}

// The share of empty answers is right from the first lookup on, because both of
// its sides begin at zero.
func TestEmptyAnswersAreCountedByKind(t *testing.T) {
	m := metrics.New("")
	for kind, want := range map[string]bool{lookup.KindUser: true, lookup.KindMembership: true, lookup.KindBind: false} {
		zero := prefix + `empty_answers_total{kind="` + kind + `"} 0`
		if got := strings.Contains(scrape(m), zero); got != want {
			t.Errorf("%s at the start: %v, want %v", zero, got, want)
		}
	}
	for _, series := range []string{`{bridged="true",kind="user",op="search",result="success"}`, `{bridged="false",kind="bind",op="bind",result="success"}`} {
		if zero := prefix + "lookups_total" + series + " 0\n"; !strings.Contains(scrape(m), zero) {
			t.Errorf("missing at the start: %s", zero)
		}
	}
	sink := m.Sink()
	for _, r := range []*lookup.Record{
		{Op: lookup.OpSearch, Kind: lookup.KindUser},                             // empty
		{Op: lookup.OpSearch, Kind: "made up"},                                   // empty
		{Op: lookup.OpSearch, Kind: lookup.KindUser, Entries: 1},                 // found
		{Op: lookup.OpSearch, Kind: lookup.KindUser, Result: 32},                 // failed
		{Op: lookup.OpSearch, Kind: lookup.KindUser, Result: lookup.NoResult},    // unanswered
		{Op: lookup.OpCompare, Kind: lookup.KindMembership, Result: 5},           // no
		{Op: lookup.OpBind, Kind: lookup.KindBind},                               // no search
		{Op: lookup.OpSearch, Kind: lookup.KindMembership, Filter: "(member=x)"}, // empty
	} {
		sink.Write(r)
	}
	want := []string{`{kind="membership"} 1`, `{kind="other"} 1`, `{kind="user"} 1`}
	if diff := cmp.Diff(want, populated(t, m, "empty_answers_total")); diff != "" {
		t.Errorf("empty_answers_total (-want +got):\n%s", diff)
	}
}

func TestShapesOfSearchesAndComparesAreCounted(t *testing.T) {
	m := metrics.New("")
	sink := m.Sink()
	for _, r := range []*lookup.Record{
		{Op: lookup.OpSearch, Scope: "sub", Filter: "(&(objectClass=groupOfNames)(cn=a))"},
		{Op: lookup.OpSearch, Scope: "sub", Filter: "(&(cn=b)(objectClass=groupOfNames))"},
		{Op: lookup.OpSearch, Scope: "sub", Filter: "(uid=\"\xff\n\")"},
		{Op: lookup.OpCompare, Base: "cn=a,o=x", Filter: "(member=uid=u,o=x)"},
		{Op: lookup.OpBind, BindDN: "cn=a"},
		{Op: lookup.OpUnbind},
	} {
		sink.Write(r)
	}
	want := []string{
		`{shape="(&(cn=?)(objectClass=groupOfNames))"} 2`,
		`{shape="(uid=?)"} 1`,
		`{shape="compare cn=? (member=?)"} 1`,
	}
	if diff := cmp.Diff(want, populated(t, m, "shape_lookups_total")); diff != "" {
		t.Errorf("shape_lookups_total (-want +got):\n%s", diff)
	}
}

// A client can make up shapes without end, and of bytes that no label may have.
func TestShapesAreBounded(t *testing.T) {
	m := metrics.New("")
	sink := m.Sink()
	for i := range 150 {
		for range 2 {
			sink.Write(&lookup.Record{Op: lookup.OpSearch, Filter: fmt.Sprintf("(attribute%d=%s)", i, strings.Repeat("*x", 2000))})
		}
	}
	sink.Write(&lookup.Record{Op: lookup.OpSearch, Filter: "(objectClass=\xff)"})
	lines := populated(t, m, "shape_lookups_total")
	if len(lines) != 101 {
		t.Errorf("%d series, want 100 and other", len(lines))
	}
	if want := `{shape="other"} 101`; !slices.Contains(lines, want) {
		t.Errorf("missing: %s", want)
	}
	for _, line := range lines {
		if len(line) > 600 || !utf8.ValidString(line) {
			t.Errorf("a label of %d octets: %q", len(line), line)
		}
	}
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

// An alert on lost records must see the first one, so their count begins at zero.
func TestQueuesOfSinks(t *testing.T) {
	m := metrics.New("")
	if text := scrape(m); strings.Contains(text, "sink_queue_length") {
		t.Errorf("a queue of nobody:\n%s", text)
	}
	queued := 0
	m.Sinks(func() []metrics.SinkStats {
		return []metrics.SinkStats{{Name: "log", Queued: queued}, {Name: "journal"}}
	})
	queued = 7
	expect(t, m, `
		# HELP jamf_ldap_proxy_dropped_records_total Lookup records that a sink lost because it did not keep up.
		# TYPE jamf_ldap_proxy_dropped_records_total counter
		jamf_ldap_proxy_dropped_records_total{sink="journal"} 0
		jamf_ldap_proxy_dropped_records_total{sink="log"} 0
		# HELP jamf_ldap_proxy_sink_queue_length Lookup records that wait for a sink.
		# TYPE jamf_ldap_proxy_sink_queue_length gauge
		jamf_ldap_proxy_sink_queue_length{sink="journal"} 0
		jamf_ldap_proxy_sink_queue_length{sink="log"} 7
	`, "dropped_records_total", "sink_queue_length")
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
	m.ConfigReload(false, time.Unix(1, 0))
	m.DroppedRecord("log")
	m.SearchReference()
	m.JournalError()
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
		`journal_errors_total 1`,
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
		jamf_ldap_proxy_bind_failures_total{reason="not_allowed"} 0
		jamf_ldap_proxy_bind_failures_total{reason="other"} 1
		jamf_ldap_proxy_bind_failures_total{reason="refused"} 0
		jamf_ldap_proxy_bind_failures_total{reason="tls_required"} 0
		jamf_ldap_proxy_bind_failures_total{reason="unavailable"} 0
		# HELP jamf_ldap_proxy_client_connections_total Connections of clients by what became of them.
		# TYPE jamf_ldap_proxy_client_connections_total counter
		jamf_ldap_proxy_client_connections_total{outcome="accepted"} 0
		jamf_ldap_proxy_client_connections_total{outcome="other"} 1
		jamf_ldap_proxy_client_connections_total{outcome="refused_allow"} 0
		jamf_ldap_proxy_client_connections_total{outcome="refused_limit"} 0
		jamf_ldap_proxy_client_connections_total{outcome="refused_per_address"} 0
		jamf_ldap_proxy_client_connections_total{outcome="refused_proxy_header"} 0
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
