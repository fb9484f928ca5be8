package metrics_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"jamf-ldap-proxy/internal/metrics"
)

const prefix = "jamf_ldap_proxy_"

// exercised returns metrics with a series in every one of them.
func exercised() *metrics.Metrics {
	m := metrics.New("1.2.3")
	m.Sink().Write(groupSearch())
	m.Cache(func() metrics.CacheStats { return metrics.CacheStats{Bytes: 1, Entries: 2, Evictions: 3} })
	m.ClientConnected()
	m.ClientConnection("accepted")
	m.BindFailed("timeout")
	m.Panic()
	m.DroppedRecord("log")
	m.SearchReference()
	m.UpstreamConnection("dc1:636", "idle", 1)
	m.UpstreamUp("dc1:636", true)
	m.Pairs("discovered", 4)
	m.Discovery("success")
	m.DiscoverySucceeded(time.Unix(1, 0))
	m.UpstreamTLSExpiry("dc1:636", time.Unix(1, 0))
	m.ListenerTLSExpiry("0.0.0.0:1636", time.Unix(1, 0))
	m.ConfigReload(true)
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
	if diff := cmp.Diff(documented(t), live); diff != "" {
		t.Errorf("docs/metrics.md against the registry (-docs +registry):\n%s", diff)
	}
	for _, name := range registered(m.Registry()) {
		if _, ok := live[name]; !ok {
			t.Errorf("%s is registered but exercised() does not touch it", name)
		}
	}
}

func describe(kind string, labels []string) string {
	slices.Sort(labels)
	return strings.ToLower(kind) + ": " + strings.Join(labels, " ")
}

// documented reads the table of docs/metrics.md as name to type and labels.
func documented(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(" + prefix + "\\w+)` \\| (\\w+) \\| ([^|]*)\\| .+ \\|$")
	docs := map[string]string{}
	for _, cells := range row.FindAllStringSubmatch(string(page), -1) {
		labels := strings.Fields(strings.ReplaceAll(cells[3], "`", ""))
		docs[cells[1]] = describe(cells[2], labels)
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
