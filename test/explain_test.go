package test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An administrator pipes lines of the log into explain: what it says goes
// upstream is what went upstream.
func TestExplainOfTheLog(t *testing.T) {
	t.Parallel()
	up := embedded(t)
	inEachMode(t, func(t *testing.T, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode, stableUUID: true, suffixes: []string{"@example.com"}})
		w := wireClient{p.session()}
		asked := 0
		for _, q := range slices.Concat(jamfQuestions(v), bridgedSearches(v), bridgedCompares(v)) {
			if w.can(q.ask) {
				w.ask(t, q.ask)
				asked++
			}
		}
		lines, logged := p.lookups(asked)
		answers := explainLog(t, p, lines)
		if len(answers) != asked {
			t.Fatalf("%d explanations of %d lookups", len(answers), asked)
		}
		for i, r := range logged {
			upstream, _ := r["upstream"].(map[string]any)
			want := explanation{Mode: v.mode, Bridged: r["bridged"] == true}
			want.Upstream.Base, _ = upstream["base"].(string)
			want.Upstream.Filter, _ = upstream["filter"].(string)
			if diff := cmp.Diff(want, answers[i]); diff != "" {
				t.Errorf("%s %s %s: (-log +explain)\n%s", r.text("op"), r.text("base"), r.text("filter"), diff)
			}
		}
	})
}

// lookups waits for so many searches and compares, and returns their log lines
// as they were written and as they read.
func (p *proxy) lookups(n int) (lines string, records []record) {
	p.t.Helper()
	p.awaitLookup("all lookups", func(r record) bool {
		if op := r.text("op"); op == "search" || op == "compare" {
			records = append(records, r)
		}
		return len(records) == n
	})
	var b strings.Builder
	for line := range strings.Lines(p.log()) {
		if strings.Contains(line, `"msg":"lookup"`) && !strings.Contains(line, `"op":"bind"`) {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return b.String(), records
}

// explanation is the part of explain --json that a log line has as well.
type explanation struct {
	Mode     string
	Bridged  bool
	Upstream struct{ Base, Filter string }
}

// explainLog runs the command with the configuration of a running proxy.
func explainLog(t *testing.T, p *proxy, log string) []explanation {
	t.Helper()
	cmd := exec.Command(raceBinary(t), "explain", "--config", p.config, "--json")
	cmd.Env = cleanEnv()
	cmd.Stdin = strings.NewReader(log)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("explain: %v\n%s", err, errs.String())
	}
	var all []explanation
	for text := json.NewDecoder(&out); text.More(); {
		var x explanation
		if err := text.Decode(&x); err != nil {
			t.Fatalf("explain: %v", err)
		}
		all = append(all, x)
	}
	return all
}
