package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

const (
	dashboardFile = "../deploy/grafana/jamf-ldap-proxy.json"
	prometheusDir = "../deploy/prometheus"
)

// board is what a test looks at in a dashboard of Grafana.
type board struct {
	Title      string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	FieldConfig              struct {
		Defaults struct{ Unit string }
	}
	Targets []struct{ Expr, LegendFormat string }
}

func dashboard(t *testing.T) board {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var b board
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// alert is one rule of alerts.yaml.
type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	readYAML(t, filepath.Join(prometheusDir, "alerts.yaml"), &file)
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// expression is something that Prometheus is asked, and by whom.
type expression struct{ where, text string }

var (
	grafanaInterval = regexp.MustCompile(`\$__(rate_interval|range|interval)\b`)
	labelValues     = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
	codeSpan        = regexp.MustCompile("`([^`\n]+)`")
)

// expressions are all of the dashboard, of the alerts and of docs/metrics.md.
func expressions(t *testing.T) []expression {
	t.Helper()
	var all []expression
	b := dashboard(t)
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			all = append(all, expression{"panel " + p.Title, grafanaInterval.ReplaceAllString(target.Expr, "5m")})
		}
	}
	for _, v := range b.Templating.List {
		if found := labelValues.FindStringSubmatch(v.Definition); found != nil {
			all = append(all, expression{"variable " + v.Name, fmt.Sprintf("count by (%s) (%s)", found[2], found[1])})
		}
	}
	for _, a := range alerts(t) {
		all = append(all, expression{"alert " + a.Alert, a.Expr})
	}
	for _, span := range codeSpan.FindAllStringSubmatch(documents(t)["../docs/metrics.md"], -1) {
		if strings.Contains(span[1], "jamf_ldap_proxy_") && strings.ContainsAny(span[1], "([{=") {
			all = append(all, expression{"docs/metrics.md", strings.ReplaceAll(span[1], `\|`, "|")})
		}
	}
	return all
}

// Every metric, label and value that the dashboard and the alerts ask for is one
// that a running proxy has, or that docs/metrics.md says it may have.
func TestMonitoringAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	v := documentedVocabulary(t)
	v.addScrape(busyProxy(t).get("/metrics"))
	all := expressions(t)
	if len(all) < 70 {
		t.Errorf("only %d expressions were found", len(all))
	}
	asked := map[string]bool{}
	for _, e := range all {
		for _, wrong := range v.complaints(e.text) {
			t.Errorf("%s: %s\n%s", e.where, wrong, e.text)
		}
		for _, word := range token.FindAllString(e.text, -1) {
			asked[word] = true
		}
	}
	for metric := range v {
		base := strings.TrimSuffix(strings.TrimSuffix(metric, "_sum"), "_count")
		if strings.HasPrefix(metric, "jamf_") && !asked[metric] && !asked[base+"_bucket"] {
			t.Errorf("%s is neither on the dashboard nor in an alert", metric)
		}
	}
}

// busyProxy is a proxy that has something to show in most of its metrics.
func busyProxy(t *testing.T) *proxy {
	t.Helper()
	s := withAccount(t, settings{
		servers: []string{embedded(t).tlsURL()}, ca: pki(t).caPEM, listenerTLS: true, discover: true,
		cache: yamlMap{"ttl": "1m", "negative_ttl": "1m"},
	})
	p := startWith(t, s)
	c := dialGoLDAP(t, p.ldap, service, password)
	group := groupDN("gameOfThrones")
	for _, q := range []request{
		search("(&(objectClass=inetOrgPerson)(uid=jon.snow))", "uid", "mail"),
		search("(&(objectClass=inetOrgPerson)(uid=ned.stark))", "uid", "mail"), // nobody
		search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", groupAttrs...),
		search("(&(cn=breakingBad)(objectClass=groupOfNames))", groupAttrs...),
		search("(&(objectClass=groupOfNames)(member=jon.snow))", "cn"),
		search("(&(objectClass=groupOfNames)(cn=gameOfThrones)(member="+userDN("gus.fring")+"))", "1.1"), // no member
		read("uid=nobody,"+usersBase, "(objectClass=*)"),
		compare(group, "member", userDN("jon.snow")),
	} {
		c.ask(t, q)
	}
	if code := resultCode(t, goDial(t, "ldap://"+p.ldap, nil).Bind(endUser, "wrong")); code != goldap.LDAPResultInvalidCredentials {
		t.Errorf("a wrong password: %d", code)
	}
	for series, want := range map[string]string{
		`bind_failures_total{reason="invalid_credentials"}`:                            "1",
		`empty_answers_total{kind="user"}`:                                             "1",
		`empty_answers_total{kind="membership"}`:                                       "1",
		`empty_answers_total{kind="group"}`:                                            "0",
		`shape_lookups_total{shape="(&(cn=?)(objectClass=groupOfNames))"}`:             "2",
		`shape_lookups_total{shape="compare cn=? (member=?)"}`:                         "1",
		`lookups_total{bridged="false",kind="user",op="search",result="noSuchObject"}`: "1",
		`lookups_total{bridged="false",kind="bind",op="bind",result="success"}`:        "1",
		`dropped_records_total{sink="log"}`:                                            "0",
		`journal_errors_total`:                                                         "0",
		`upstream_up{server="` + s.servers[0] + `"}`:                                   "1",
		`pairs{state="discovered"}`:                                                    "0",
	} {
		eventually(t, series+" "+want, func() error {
			if got := p.counted(series); got != want {
				return fmt.Errorf("it is %s", got)
			}
			return nil
		})
	}
	return p
}

// Prometheus itself reads every file and every expression.
func TestPrometheusAcceptsRules(t *testing.T) {
	t.Parallel()
	need(t, "promtool")
	promtool := func(args ...string) {
		cmd := exec.Command(findProgram("promtool"), args...)
		cmd.Dir = prometheusDir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	promtool("check", "config", "prometheus.yaml")
	promtool("check", "rules", "alerts.yaml")
	promtool("test", "rules", "alerts_test.yaml")

	var rules []yamlMap
	for i, e := range expressions(t) {
		rules = append(rules, yamlMap{"record": fmt.Sprintf("expression:%d", i), "expr": e.text, "labels": yamlMap{"of": e.where}})
	}
	text, err := yaml.Marshal(yamlMap{"groups": []yamlMap{{"name": "expressions", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "expressions.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool("check", "rules", file)
}

var (
	firing    = regexp.MustCompile(`^ALERTS\{alertname="(\w+)",alertstate="firing",severity="(\w+)",(.*)\}$`)
	usedLabel = regexp.MustCompile(`\$labels\.(\w+)`)
	usedPanel = regexp.MustCompile(`panels? "([^"]+)"(?: and "([^"]+)")?`)
	alertRow  = regexp.MustCompile("(?m)^\\| `(JamfLDAPProxy\\w+)` \\| ([a-z, ]+) \\|")
)

// Each alert fires in a test, says what to do, and speaks only of labels that it
// has when it fires, of panels that there are, and of nothing that docs/metrics.md
// does not list.
func TestAlertsAreTestedAndDocumented(t *testing.T) {
	t.Parallel()
	fired := firedInTests(t)
	panels := map[string]bool{"": true}
	for _, p := range dashboard(t).Panels {
		panels[p.Title] = true
	}
	severities := map[string]string{}
	for _, a := range alerts(t) {
		severity := a.Labels["severity"]
		severities[a.Alert] = strings.TrimPrefix(severities[a.Alert]+", "+severity, ", ")
		if severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity %q", a.Alert, severity)
		}
		labels, ok := fired[a.Alert+" "+severity]
		if !ok {
			t.Errorf("%s (%s) fires in no test of alerts_test.yaml", a.Alert, severity)
		}
		for _, name := range []string{"summary", "description", "what_to_do"} {
			text := a.Annotations[name]
			if text == "" || strings.Contains(text, "\n") {
				t.Errorf("%s: no %s, or one of several lines: %q", a.Alert, name, text)
			}
			for _, used := range usedLabel.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(labels, used[1]) {
					t.Errorf("%s: its %s speaks of the label %s; it has %v", a.Alert, name, used[1], labels)
				}
			}
			for _, used := range usedPanel.FindAllStringSubmatch(text, -1) {
				if !panels[used[1]] || !panels[used[2]] {
					t.Errorf("%s: there is no such panel: %s", a.Alert, used[0])
				}
			}
		}
	}
	documented := map[string]string{}
	for _, row := range alertRow.FindAllStringSubmatch(documents(t)["../docs/alerts.md"], -1) {
		documented[row[1]] = row[2]
	}
	if diff := cmp.Diff(documented, severities); diff != "" {
		t.Errorf("alerts and their severities (-docs/alerts.md +alerts.yaml)\n%s", diff)
	}
}

// firedInTests lists the labels of what fires in alerts_test.yaml, by name and
// severity.
func firedInTests(t *testing.T) map[string][]string {
	t.Helper()
	var file struct {
		Tests []struct {
			Questions []struct {
				Samples []struct{ Labels string } `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	readYAML(t, filepath.Join(prometheusDir, "alerts_test.yaml"), &file)
	fired := map[string][]string{}
	for _, test := range file.Tests {
		for _, question := range test.Questions {
			for _, sample := range question.Samples {
				found := firing.FindStringSubmatch(sample.Labels)
				if found == nil {
					t.Fatalf("alerts_test.yaml: unexpected sample %s", sample.Labels)
				}
				var labels []string
				for _, p := range pair.FindAllStringSubmatch(found[3], -1) {
					labels = append(labels, p[1])
				}
				fired[found[1]+" "+found[2]] = labels
			}
		}
	}
	return fired
}

// A panel says what it shows, in which unit, and no two lie on each other.
func TestDashboardIsComplete(t *testing.T) {
	t.Parallel()
	v := documentedVocabulary(t)
	ids, titles, taken := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range dashboard(t).Panels {
		if ids[p.ID] || titles[p.Title] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d %q: id and title must be there, once", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies on %q, or beside the page", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q lacks a description, a unit or an expression", p.Title)
		}
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, `{instance=~"$instance"`) {
				t.Errorf("panel %q does not heed the chosen proxies: %s", p.Title, target.Expr)
			}
			for _, used := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !answersWith(v, target.Expr, used[1]) {
					t.Errorf("panel %q: the legend has the label %s, the answer does not: %s", p.Title, used[1], target.Expr)
				}
			}
		}
	}
}

// answersWith reports whether the series of an answer have a label: they are
// grouped by it, or are not grouped and have it.
func answersWith(v vocabulary, expr, label string) bool {
	if by := regexp.MustCompile(`by \(([\w, ]+)\)`).FindStringSubmatch(expr); by != nil {
		return slices.Contains(strings.Split(by[1], ", "), label)
	}
	for _, word := range token.FindAllString(expr, -1) {
		if v[word] != nil {
			return v[word][label] != nil
		}
	}
	return label == "instance" // of the metrics of Go and of the process
}
