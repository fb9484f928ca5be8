package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
)

// counted reads one series of the proxy's metrics.
func (p *proxy) counted(series string) string {
	p.t.Helper()
	for line := range strings.Lines(p.get("/metrics")) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "jamf_ldap_proxy_"+series+" "); ok {
			return value
		}
	}
	return "absent"
}

// An answer is kept, shown as such in log and metrics, served for a while after
// the directory has gone, and no longer than that.
func TestCache(t *testing.T) {
	t.Parallel()
	const ttl, stale = 3 * time.Second, 4 * time.Second
	up, d := embeddedWith(t, directory.Config{})
	p := startWith(t, settings{
		servers:  []string{up.url()},
		upstream: yamlMap{"service_account": yamlMap{"dn": service}},
		cache:    yamlMap{"ttl": ttl.String(), "negative_ttl": "1s", "stale": stale.String(), "service_bind_ttl": "1m"},
	})
	first, second := p.session(), p.session()
	p.awaitLookup("a bind that was remembered", func(r record) bool {
		return r.text("op") == "bind" && r.text("cache") == "hit" && r.text("result_name") == "success"
	})
	group := search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", "cn", "gidNumber", "member")
	asked := time.Now()
	live := first.search(group)
	if live.Code != 0 || len(live.Entries) != 1 {
		t.Fatalf("%+v", live)
	}
	if kept := second.search(group); fmt.Sprint(kept) != fmt.Sprint(live) {
		t.Errorf("kept answer differs:\n%v\n%v", live, kept)
	}
	p.awaitLookup("a hit", func(r record) bool { return r.text("op") == "search" && r.text("cache") == "hit" })
	for series, want := range map[string]string{
		`cache_requests_total{outcome="miss"}`:  "2",
		`cache_requests_total{outcome="hit"}`:   "2",
		`cache_requests_total{outcome="stale"}`: "0",
		"cache_entries":                         "1",
		"cache_evictions_total":                 "0",
	} {
		eventually(t, series+" "+want, func() error {
			if got := p.counted(series); got != want {
				return fmt.Errorf("it is %s", got)
			}
			return nil
		})
	}
	d.Close()

	// Until the end of both times the answer is the same, then it is 52.
	var outcome answer
	for outcome = first.search(group); outcome.Code == 0; outcome = first.search(group) {
		if fmt.Sprint(outcome) != fmt.Sprint(live) {
			t.Fatalf("stale answer differs:\n%v\n%v", live, outcome)
		}
		if time.Since(asked) > ttl+stale+patience {
			t.Fatal("served past every bound")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if lived := time.Since(asked); outcome.Code != goldap.LDAPResultUnavailable || lived < ttl+stale {
		t.Errorf("code %d after %v, want 52 after %v", outcome.Code, lived, ttl+stale)
	}
	p.awaitLookup("a stale answer with its hint", func(r record) bool {
		hints, _ := r["hints"].([]any)
		return r.text("cache") == "stale" && slices.Contains(hints, any("stale-answer"))
	})
	eventually(t, "stale answers are counted", func() error {
		if got := p.counted(`cache_requests_total{outcome="stale"}`); got == "0" {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	// A bind of somebody else is not answered from memory.
	if r := p.connect().ask(bindOp(3, userDN("jon.snow"), password)); r.code != goldap.LDAPResultUnavailable {
		t.Errorf("bind: %d %s, want 52", r.code, r.text)
	}
}
