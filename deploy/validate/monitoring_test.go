package validate

import (
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write prometheusrule.yaml anew")

const ruleHead = `# Written by ` + "`go test -run TestAlertsAreThoseOfPrometheus -update`" + ` in deploy/validate, from deploy/prometheus/alerts.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: jamf-ldap-proxy
spec:
`

var sameWords = cmp.Comparer(func(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) })

// The alerts of Prometheus Operator are those of deploy/prometheus, which promtool
// tests. Kustomize breaks long lines otherwise, which means nothing in PromQL.
func TestAlertsAreThoseOfPrometheus(t *testing.T) {
	file := filepath.Join(kubernetes, "components", "monitoring", "prometheusrule.yaml")
	_, text, found := strings.Cut(read(t, "../prometheus/alerts.yaml"), "\ngroups:\n")
	if !found {
		t.Fatal("alerts.yaml has no groups")
	}
	if *update {
		var out strings.Builder
		out.WriteString(ruleHead)
		for line := range strings.Lines("groups:\n" + text) {
			if line != "\n" {
				out.WriteString("  ")
			}
			out.WriteString(line)
		}
		write(t, file, out.String())
	}
	var want monitoring.PrometheusRuleSpec
	if err := yaml.UnmarshalStrict([]byte("groups:\n"+text), &want); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, o := range overlays(t) {
		for _, rule := range o.rules {
			seen++
			if diff := cmp.Diff(want, rule.Spec, sameWords); diff != "" {
				t.Errorf("%s differs from alerts.yaml; write it anew with -update\n%s", file, diff)
			}
		}
	}
	if seen == 0 || len(want.Groups) == 0 || len(want.Groups[0].Rules) < 15 {
		t.Errorf("%d rules seen, %+v", seen, want)
	}
}

// Prometheus finds the metrics, comes with the token of the Secret that the pod has,
// and calls the job by the name that the alerts go by.
func TestMonitorFindsTheProxy(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		for _, m := range o.monitors {
			found := 0
			for _, s := range o.services {
				if !selects(t, &m.Spec.Selector, s.Labels) {
					continue
				}
				found++
				if s.Spec.Ports[0].Name != m.Spec.Endpoints[0].Port || s.Labels[m.Spec.JobLabel] != "jamf-ldap-proxy" {
					t.Errorf("%s: monitor %+v of service %+v", o.name, m.Spec, s)
				}
			}
			if found != 1 {
				t.Errorf("%s: the monitor finds %d services", o.name, found)
			}
			token := m.Spec.Endpoints[0].Authorization.Credentials
			if madeByHand[token.Name][token.Key] == "" || o.config(t).Web.TokenFile != token.Key {
				t.Errorf("%s: the token %+v is not that of the proxy", o.name, token)
			}
		}
	}
}

// The certificate goes where the pod expects it.
func TestCertificateIsMounted(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		_, pod := o.proxy(t)
		for _, c := range o.certificates {
			mounted := false
			for _, v := range pod.Volumes {
				mounted = mounted || v.Secret != nil && v.Secret.SecretName == c.Spec.SecretName
			}
			if !mounted || len(c.Spec.DNSNames) == 0 || c.Spec.IssuerRef.Name == "" {
				t.Errorf("%s: certificate %+v", o.name, c.Spec)
			}
		}
	}
}

// adapterRule is a rule of prometheus-adapter as its documentation has it. Its Go types
// are not asked: that module cannot be had through the module proxy. So this is a check of
// the shape, and no more.
type adapterRule struct {
	SeriesQuery string `json:"seriesQuery"`
	Resources   struct {
		Overrides map[string]struct {
			Resource string `json:"resource"`
		} `json:"overrides"`
	} `json:"resources"`
	Name struct {
		Matches string `json:"matches"`
		As      string `json:"as"`
	} `json:"name"`
	MetricsQuery string `json:"metricsQuery"`
}

// The autoscaler asks for what the adapter offers, which is a metric that there is.
func TestAdapterOffersWhatTheScalerAsks(t *testing.T) {
	t.Parallel()
	var rules []adapterRule
	text := read(t, filepath.Join(kubernetes, "components", "autoscaling", "prometheus-adapter.yaml"))
	if err := yaml.UnmarshalStrict([]byte(text), &rules); err != nil || len(rules) != 1 {
		t.Fatalf("%v %+v", err, rules)
	}
	r := rules[0]
	if !strings.HasPrefix(r.SeriesQuery, r.Name.Matches+"{") || r.Resources.Overrides["pod"].Resource != "pod" ||
		!strings.Contains(read(t, "../../docs/metrics.md"), "`"+r.Name.Matches+"`") {
		t.Errorf("%+v", r)
	}
	asked := 0
	for _, o := range overlays(t) {
		for _, s := range o.scalers {
			for _, m := range s.Spec.Metrics {
				asked++
				if m.Pods == nil || m.Pods.Metric.Name != r.Name.As || m.Pods.Target.AverageValue == nil {
					t.Errorf("%s: %+v", o.name, m)
				}
			}
		}
	}
	if asked == 0 {
		t.Error("no autoscaler asks")
	}
}
