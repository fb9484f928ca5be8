package discovery

import (
	"slices"
	"sync"
	"sync/atomic"

	"jamf-ldap-proxy/rewrite"
)

// Table holds the rules that lookups use now. It is safe for concurrent use;
// reading never waits for a change.
type Table struct {
	rules atomic.Pointer[rewrite.Rules]

	mu    sync.Mutex // of whoever makes new rules
	base  *rewrite.Rules
	found *rewrite.Discovered // nil while no discovery has succeeded
	gids  map[string]int      // Linux group IDs that were learned, by Linux name
}

// NewTable returns a table that holds base, the rules of the configuration.
func NewTable(base *rewrite.Rules) *Table {
	t := &Table{base: base, gids: make(map[string]int)}
	t.rules.Store(base)
	return t
}

// Rules returns the rules as they are now. They do not change any more; a
// lookup asks once and keeps what it got.
func (t *Table) Rules() *rewrite.Rules { return t.rules.Load() }

// Apply puts what a discovery found in place of what the one before found.
func (t *Table) Apply(d rewrite.Discovered) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found != nil && equal(t.found, &d) {
		return
	}
	t.found = &d
	t.compile()
}

// LearnGIDs adds Linux group IDs, by Linux name as the pair spells it. They
// stand behind those of the configuration and of a discovery, and stay when
// these change. What is known already costs no more than a look.
func (t *Table) LearnGIDs(gids map[string]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	news := false
	for name, gid := range gids {
		if gid > 0 && t.gids[name] != gid {
			t.gids[name], news = gid, true
		}
	}
	if news {
		t.compile()
	}
}

// Replace puts the rules of another configuration in place of the ones before.
// What was discovered and learned stays if keep says so: where the directory is
// still the same.
func (t *Table) Replace(base *rewrite.Rules, keep bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.base = base
	if !keep {
		t.found, t.gids = nil, make(map[string]int)
	}
	t.compile()
}

// compile makes the rules out of their three sources; t.mu is held.
func (t *Table) compile() {
	rules := t.base
	if t.found != nil {
		rules = rules.With(*t.found)
	}
	t.rules.Store(rules.WithGIDs(t.gids))
}

func equal(a, b *rewrite.Discovered) bool {
	return slices.Equal(a.Pairs, b.Pairs) && slices.Equal(a.NoLinuxGroup, b.NoLinuxGroup) &&
		slices.Equal(a.NoLegacyGroup, b.NoLegacyGroup) && slices.Equal(a.Ambiguous, b.Ambiguous)
}
