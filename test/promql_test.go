package test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// vocabulary is what can be asked for in an expression of Prometheus: metrics,
// their labels, and the values of those that are known.
type vocabulary map[string]map[string]map[string]bool

// add notes a metric with a label, and values of it.
func (v vocabulary) add(metric, label string, values ...string) {
	if v[metric] == nil {
		v[metric] = map[string]map[string]bool{}
		v.add(metric, "instance")
		v.add(metric, "job", "jamf-ldap-proxy") // of the scrape configuration
	}
	if v[metric][label] == nil {
		v[metric][label] = map[string]bool{}
	}
	for _, value := range values {
		v[metric][label][value] = true
	}
}

var (
	metricRow = regexp.MustCompile("(?m)^\\| `(jamf_ldap_proxy_\\w+)` \\| (\\w+) \\| ([^|]*)\\| (.+) \\|$")
	codeWord  = regexp.MustCompile("`([a-zA-Z_-]+)`")
)

// documentedVocabulary reads the table of docs/metrics.md. A test beside the
// metrics holds that table against the program.
func documentedVocabulary(t testing.TB) vocabulary {
	t.Helper()
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	v := vocabulary{}
	v.add("up", "job")
	lookups := ""
	for _, row := range metricRow.FindAllStringSubmatch(string(page), -1) {
		metric, kind, labels, text := row[1], row[2], strings.Fields(row[3]), row[4]
		if lookups == "" {
			lookups = text // the first one, whose values others have too
		} else if strings.Contains(text, "`lookups_total`") {
			text = lookups
		}
		names := []string{metric}
		if kind == "histogram" {
			names = []string{metric + "_bucket", metric + "_sum", metric + "_count"}
			v.add(names[0], "le")
		}
		for _, name := range names {
			v.add(name, "job")
			for _, label := range labels {
				v.add(name, strings.Trim(label, "`"), valuesIn(text, label)...)
			}
		}
	}
	return v
}

// valuesIn lists the words that a row gives for a label: behind the label, as far
// as the next one, or all if it does not repeat the label.
func valuesIn(text, label string) (values []string) {
	_, part, found := strings.Cut(text, label+" ")
	if !found {
		part = text
	}
	for _, next := range []string{"`kind` ", "`result` ", "`bridged` "} {
		part, _, _ = strings.Cut(part, next)
	}
	for _, w := range codeWord.FindAllStringSubmatch(part, -1) {
		values = append(values, w[1])
	}
	return values
}

var (
	series = regexp.MustCompile(`^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$`)
	pair   = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// addScrape adds what /metrics shows.
func (v vocabulary) addScrape(page string) {
	for line := range strings.Lines(page) {
		if found := series.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
			v.add(found[1], "job")
			for _, p := range pair.FindAllStringSubmatch(found[2], -1) {
				v.add(found[1], p[1], p[2])
			}
		}
	}
}

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[a-zA-Z_:][\w:]*|[0-9][\w.]*|[=!<>]=|[=!]~|\S`)

// complaints reads an expression as far as names go; its syntax is for promtool
// to judge. It returns what does not exist.
func (v vocabulary) complaints(expression string) []string {
	r := &promReader{v: v, tokens: token.FindAllString(expression, -1)}
	r.read(len(r.tokens))
	return r.wrong
}

// promReader goes through the tokens of an expression.
type promReader struct {
	v      vocabulary
	tokens []string
	at     int
	wrong  []string
}

func (r *promReader) complain(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// peek returns the token that is ahead by n.
func (r *promReader) peek(n int) string {
	if r.at+n < len(r.tokens) {
		return r.tokens[r.at+n]
	}
	return ""
}

// read reads up to a token and returns the metrics it met.
func (r *promReader) read(end int) (metrics []string) {
	for r.at < end {
		word := r.peek(0)
		r.at++
		switch {
		case !isIdentifier(word) || slices.Contains([]string{"and", "or", "unless", "offset", "bool"}, word):
		case word == "by" || word == "without":
			labels := r.labels()
			if r.peek(0) != "(" {
				r.complain("write %s (...) before what is grouped, not behind it", word)
				continue
			}
			inside := r.read(r.closing())
			r.need(labels, inside)
			metrics = append(metrics, inside...)
		case slices.Contains([]string{"on", "ignoring", "group_left", "group_right"}, word):
			r.need(r.labels(), metrics)
		case slices.Contains([]string{"(", "by", "without"}, r.peek(0)): // a function
		default:
			metrics = append(metrics, word)
			r.selector(word)
		}
	}
	return metrics
}

func isIdentifier(s string) bool {
	return s != "" && (s[0] == '_' || s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z')
}

// labels reads a list of labels in parentheses.
func (r *promReader) labels() (list []string) {
	if r.peek(0) != "(" {
		return nil
	}
	end := r.closing()
	for ; r.at < end; r.at++ {
		if isIdentifier(r.peek(0)) {
			list = append(list, r.peek(0))
		}
	}
	r.at++
	return list
}

// closing returns where the parenthesis ends that opens here.
func (r *promReader) closing() int {
	open := 0
	for i := r.at; i < len(r.tokens); i++ {
		switch r.tokens[i] {
		case "(":
			open++
		case ")":
			if open--; open == 0 {
				return i
			}
		}
	}
	return len(r.tokens)
}

// need complains of labels that one of the metrics does not have.
func (r *promReader) need(labels, metrics []string) {
	for _, metric := range metrics {
		for _, label := range labels {
			if r.v[metric] != nil && r.v[metric][label] == nil {
				r.complain("%s has no label %s", metric, label)
			}
		}
	}
}

// selector reads the matchers behind a metric, if there are any.
func (r *promReader) selector(metric string) {
	if r.v[metric] == nil {
		r.complain("there is no metric %s", metric)
	}
	if r.peek(0) != "{" {
		return
	}
	for r.at++; r.at < len(r.tokens) && r.peek(0) != "}"; {
		label, operator, value := r.peek(0), r.peek(1), strings.Trim(r.peek(2), `"`)
		r.at += 3
		if r.peek(0) == "," {
			r.at++
		}
		r.need([]string{label}, []string{metric})
		if known := r.v[metric][label]; known != nil && !strings.Contains(value, "$") {
			r.values(metric, label, operator, value, known)
		}
	}
	r.at++
}

// values complains of every value, or alternative of a pattern, that a label
// never has.
func (r *promReader) values(metric, label, operator, value string, known map[string]bool) {
	alternatives := []string{regexp.QuoteMeta(value)}
	if strings.HasSuffix(operator, "~") {
		alternatives = strings.Split(value, "|")
	}
	for _, alternative := range alternatives {
		pattern, err := regexp.Compile("^(?:" + alternative + ")$")
		if err != nil {
			r.complain("%s: %v", alternative, err)
			continue
		}
		met := false
		for value := range known {
			met = met || pattern.MatchString(value)
		}
		if !met {
			r.complain("%s{%s} is never %s", metric, label, alternative)
		}
	}
}

// TestMistakesInExpressionsAreFound is the test of the test: one mistake each.
func TestMistakesInExpressionsAreFound(t *testing.T) {
	t.Parallel()
	v := documentedVocabulary(t)
	for expression, want := range map[string]string{
		`sum by (kind) (rate(jamf_ldap_proxy_lookups_total{op="search", result!~"success|none"}[5m])) > 0.5`:       "",
		`jamf_ldap_proxy_upstream_up{instance=~"$instance"} == 0 and on (job, instance) up{job="jamf-ldap-proxy"}`: "",
		`histogram_quantile(0.99, sum by (le) (rate(jamf_ldap_proxy_lookup_duration_seconds_bucket[5m])))`:         "",
		`time() - jamf_ldap_proxy_discovery_last_success_timestamp_seconds offset 1h > 3600 or vector(0)`:          "",

		`rate(jamf_ldap_proxy_lookup_total[5m])`:       "there is no metric jamf_ldap_proxy_lookup_total",
		`sum(jamf_ldap_proxy_lookup_duration_seconds)`: "there is no metric jamf_ldap_proxy_lookup_duration_seconds",
		`1 - node_load1`: "there is no metric node_load1",
		`sum by (job, kinds) (rate(jamf_ldap_proxy_lookups_total[5m]))`:                            "jamf_ldap_proxy_lookups_total has no label kinds",
		`sum by (kind) (a(jamf_ldap_proxy_lookups_total)) + sum by (kind) (jamf_ldap_proxy_pairs)`: "jamf_ldap_proxy_pairs has no label kind",
		`jamf_ldap_proxy_upstream_up and on (servers) jamf_ldap_proxy_pairs`:                       "jamf_ldap_proxy_upstream_up has no label servers",
		`jamf_ldap_proxy_upstream_up{host="x"}`:                                                    "jamf_ldap_proxy_upstream_up has no label host",
		`jamf_ldap_proxy_cache_requests_total{outcome="stall"}`:                                    "jamf_ldap_proxy_cache_requests_total{outcome} is never stall",
		`jamf_ldap_proxy_cache_requests_total{outcome=~"hit|missed"}`:                              "jamf_ldap_proxy_cache_requests_total{outcome} is never missed",
		`jamf_ldap_proxy_lookups_total{result!="compareTruth", op="search"}`:                       "jamf_ldap_proxy_lookups_total{result} is never compareTruth",
		`jamf_ldap_proxy_lookups_total{kind="search"}`:                                             "jamf_ldap_proxy_lookups_total{kind} is never search",
		`jamf_ldap_proxy_upstream_duration_seconds_count{result="user"}`:                           "jamf_ldap_proxy_upstream_duration_seconds_count{result} is never user",
		`jamf_ldap_proxy_discoveries_total{outcome="hit"}`:                                         "jamf_ldap_proxy_discoveries_total{outcome} is never hit",
		`absent(up{job="jamf_ldap_proxy"})`:                                                        "up{job} is never jamf_ldap_proxy",
		`sum(jamf_ldap_proxy_pairs) by (state)`:                                                    "write by (...) before what is grouped, not behind it",
	} {
		if got := strings.Join(v.complaints(expression), "; "); got != want {
			t.Errorf("%s\n got %q\nwant %q", expression, got, want)
		}
	}
}
