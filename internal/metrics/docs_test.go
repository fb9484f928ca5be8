package metrics_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/metrics"
)

const prefix = "jamf_ldap_proxy_"

// exercised returns metrics with a series in every one of them.
func exercised() *metrics.Metrics {
	m := metrics.New("1.2.3")
	sink := m.Sink()
	sink.Write(groupSearch())
	for _, op := range lookup.Ops() {
		sink.Write(&lookup.Record{Op: op, Kind: lookup.KindOther})
	}
	for code := lookup.NoResult; code < 130; code++ {
		sink.Write(&lookup.Record{Op: lookup.OpSearch, Kind: lookup.KindOther, Result: code})
	}
	m.Cache(func() metrics.CacheStats { return metrics.CacheStats{Bytes: 1, Entries: 2, Evictions: 3} })
	m.ClientConnected()
	m.ClientConnection("accepted")
	m.BindFailed("timeout")
	m.Panic()
	m.DroppedRecord("log")
	m.Sinks(func() []metrics.SinkStats { return []metrics.SinkStats{{Name: "log", Queued: 1}} })
	m.JournalError()
	m.SearchReference()
	for _, state := range []string{"leased", "idle", "spare", "dialing"} {
		m.UpstreamConnection("dc1:636", state, 1)
	}
	m.UpstreamUp("dc1:636", true)
	for _, state := range []string{"configured", "discovered", "no_linux_group", "no_legacy_group", "ambiguous"} {
		m.Pairs(state, 4)
	}
	m.Discovery("success")
	m.DiscoverySucceeded(time.Unix(1, 0))
	m.UpstreamTLSExpiry("dc1:636", time.Unix(1, 0))
	m.ListenerTLSExpiry("0.0.0.0:1636", time.Unix(1, 0))
	m.ConfigReload(true, time.Unix(1, 0))
	return m
}

func TestPromlintHasNoComplaint(t *testing.T) {
	problems, err := testutil.GatherAndLint(exercised().Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestDocumentationEqualsRegistry(t *testing.T) {
	m := exercised()
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]string{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), prefix) {
			continue
		}
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		live[family.GetName()] = describe(family.GetType().String(), labels)
	}
	docs := map[string]string{}
	for name, row := range documented(t) {
		docs[name] = describe(row.kind, slices.Clone(row.labels))
	}
	if diff := cmp.Diff(docs, live); diff != "" {
		t.Errorf("docs/metrics.md against the registry (-docs +registry):\n%s", diff)
	}
	for _, name := range registered(m.Registry()) {
		if _, ok := live[name]; !ok {
			t.Errorf("%s is registered but exercised() does not touch it", name)
		}
	}
}

// TestDocumentedValuesEqualRegistry holds the page against the values of the labels
// that have a fixed set of them.
func TestDocumentedValuesEqualRegistry(t *testing.T) {
	families, err := exercised().Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	docs := documented(t)
	for _, family := range families {
		row, ok := docs[family.GetName()]
		if !ok || !slices.ContainsFunc(row.labels, isFixed) {
			continue
		}
		live := map[string]bool{}
		for _, series := range family.GetMetric() {
			for _, pair := range series.GetLabel() {
				live[pair.GetValue()] = true
				// Not every result has to be listed.
				if isFixed(pair.GetName()) && pair.GetName() != "result" && !row.values[pair.GetValue()] {
					t.Errorf("docs/metrics.md does not name %s{%s=%q}", family.GetName(), pair.GetName(), pair.GetValue())
				}
			}
		}
		for value := range row.own {
			if !live[value] {
				t.Errorf("docs/metrics.md names %q for %s, which no label of it is", value, family.GetName())
			}
		}
	}
}

func isFixed(label string) bool {
	return slices.Contains([]string{"op", "kind", "result", "bridged", "outcome", "reason", "state"}, label)
}

func describe(kind string, labels []string) string {
	slices.Sort(labels)
	return strings.ToLower(kind) + ": " + strings.Join(labels, " ")
}

// row is one metric in the table of docs/metrics.md.
type row struct {
	kind   string
	labels []string
	own    map[string]bool // values that its text names
	values map[string]bool // and those of the metrics that its text refers to
}

var word = regexp.MustCompile("`([a-zA-Z_-]+)`")

// documented reads the table by the name of the metric.
func documented(t *testing.T) map[string]row {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile("(?m)^\\| `(" + prefix + "\\w+)` \\| (\\w+) \\| ([^|]*)\\| (.+) \\|$")
	lines := line.FindAllStringSubmatch(string(page), -1)
	docs := map[string]row{}
	for _, cells := range lines {
		docs[cells[1]] = row{
			kind:   cells[2],
			labels: strings.Fields(strings.ReplaceAll(cells[3], "`", "")),
			own:    map[string]bool{}, values: map[string]bool{},
		}
	}
	for _, cells := range lines {
		r := docs[cells[1]]
		for _, w := range word.FindAllStringSubmatch(cells[4], -1) {
			switch _, isMetric := docs[prefix+w[1]]; {
			case !isMetric && !slices.Contains(r.labels, w[1]):
				r.own[w[1]], r.values[w[1]] = true, true
			case w[1] == "lookups_total": // the first line, and the one that others refer to
				maps.Copy(r.values, docs[prefix+w[1]].own)
			}
		}
	}
	return docs
}

// registered lists the metrics of ours that a registry knows, with or without
// series. A description gives its name only in its text form.
func registered(registry *prometheus.Registry) []string {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	name := regexp.MustCompile(`fqName: "(` + prefix + `\w+)"`)
	var list []string
	for d := range descriptions {
		if found := name.FindStringSubmatch(d.String()); found != nil {
			list = append(list, found[1])
		}
	}
	return list
}
