package discovery_test

import (
	"strings"
	"sync"
	"testing"

	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

func compiled(t *testing.T, pairs ...rewrite.PairConfig) *rewrite.Rules {
	t.Helper()
	cfg := rewrite.DefaultConfig()
	cfg.Base, cfg.Pairs = base, pairs
	rules, err := rewrite.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// asks is which group upstream is asked for when a client reads the group.
func asks(rules *rewrite.Rules, name string) string {
	plan := rules.Search(&ldap.SearchRequest{
		Base: "cn=" + name + "," + base, Scope: ldap.ScopeBase, Filter: ldap.Equal("objectClass", "groupOfNames"),
	})
	cn, _, _ := strings.Cut(strings.TrimPrefix(plan.Request.Base, "cn="), ",")
	return cn
}

func expectAsks(t *testing.T, rules *rewrite.Rules, name, posix string) {
	t.Helper()
	if got := asks(rules, name); got != posix {
		t.Errorf("%s is asked for as %s, want %s", name, got, posix)
	}
}

func TestTable(t *testing.T) {
	table := discovery.NewTable(compiled(t, rewrite.PairConfig{Legacy: "a", Posix: "la"}))
	expectAsks(t, table.Rules(), "a", "la")
	expectAsks(t, table.Rules(), "b", "b")
	early := table.Rules()

	table.Apply(rewrite.Discovered{Pairs: []rewrite.PairConfig{{Legacy: "b", Posix: "lb"}, {Legacy: "a", Posix: "other"}}})
	expectAsks(t, table.Rules(), "b", "lb")
	expectAsks(t, table.Rules(), "a", "la") // the configuration comes first
	expectAsks(t, early, "b", "b")          // rules that a lookup holds do not change

	table.Apply(rewrite.Discovered{Pairs: []rewrite.PairConfig{{Legacy: "c", Posix: "lc"}}})
	expectAsks(t, table.Rules(), "b", "b") // forgotten
	expectAsks(t, table.Rules(), "c", "lc")

	table.Replace(compiled(t, rewrite.PairConfig{Legacy: "d", Posix: "ld"}), true)
	expectAsks(t, table.Rules(), "a", "a")
	expectAsks(t, table.Rules(), "d", "ld")
	expectAsks(t, table.Rules(), "c", "lc") // a reload does not forget what was discovered

	table.Replace(compiled(t, rewrite.PairConfig{Legacy: "d", Posix: "ld"}), false)
	expectAsks(t, table.Rules(), "d", "ld")
	expectAsks(t, table.Rules(), "c", "c") // unless it is about another directory
}

// TestTableChangesOnlyWithNews: whoever keeps something per rules keeps it.
func TestTableChangesOnlyWithNews(t *testing.T) {
	table := discovery.NewTable(compiled(t, rewrite.PairConfig{Legacy: "a", Posix: "la"}))
	found := func() rewrite.Discovered {
		return rewrite.Discovered{Pairs: []rewrite.PairConfig{{Legacy: "b", Posix: "lb"}}, Ambiguous: []string{"x"}}
	}
	table.Apply(found())
	table.LearnGIDs(map[string]int{"la": 7001})
	before := table.Rules()
	table.Apply(found())
	table.LearnGIDs(map[string]int{"la": 7001, "lb": 0})
	if table.Rules() != before {
		t.Error("the rules were made anew although nothing is new")
	}
	table.LearnGIDs(map[string]int{"la": 7002})
	if table.Rules() == before {
		t.Error("a new group ID did not reach the rules")
	}
	before = table.Rules()
	table.Apply(rewrite.Discovered{Pairs: found().Pairs})
	if table.Rules() == before {
		t.Error("the end of an ambiguity did not reach the rules")
	}
}

// TestTableUnderLoad is for the race detector.
func TestTableUnderLoad(t *testing.T) {
	table := discovery.NewTable(compiled(t))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 200 {
				if got := asks(table.Rules(), "b"); got != "b" && got != "lb" {
					t.Errorf("b is asked for as %s", got)
				}
			}
		})
		wg.Go(func() {
			for k := range 50 {
				table.Apply(rewrite.Discovered{Pairs: []rewrite.PairConfig{{Legacy: "b", Posix: "lb", GID: k + 1}}})
				table.LearnGIDs(map[string]int{"lb": i})
				table.Replace(compiled(t), true)
			}
		})
	}
	wg.Wait()
	expectAsks(t, table.Rules(), "b", "lb")
}
