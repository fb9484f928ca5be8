package proxy_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

// merging is a proxy in mode merge with one pair whose group ID nobody has
// configured, in front of a directory with both entries of that group.
type merging struct {
	*rig
	mu     sync.Mutex
	rules  *rewrite.Rules
	asked  []string // filters that came upstream
	hideIt bool     // the Linux group is not there
}

func startMerging(t *testing.T) *merging {
	m := &merging{}
	m.rig = start(t, func(s *setup) {
		s.groups.Mode = rewrite.ModeMerge
		s.groups.Pairs = []rewrite.PairConfig{{Legacy: "gameOfThrones", Posix: "got"}}
		var err error
		if m.rules, err = rewrite.Compile(s.groups); err != nil {
			t.Fatal(err)
		}
		s.config.Rules = func() *rewrite.Rules { m.mu.Lock(); defer m.mu.Unlock(); return m.rules }
		s.config.LearnGIDs = func(gids map[string]int) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.rules = m.rules.WithGIDs(gids)
		}
		s.script = m.answer
	})
	return m
}

func (m *merging) answer(c *upstreamConn, msg ldap.Message) {
	if msg.Op != ldap.OpSearchRequest {
		answer(c, msg)
		return
	}
	req, _ := decodeSearch(msg)
	m.mu.Lock()
	m.asked = append(m.asked, req.Filter.String())
	hide := m.hideIt
	m.mu.Unlock()
	switch linux := strings.Contains(req.Filter.String(), "posixGroup"); {
	case linux && !hide:
		c.entry(msg, "cn=got,"+usersBase, "cn", "got", "gidNumber", "7001")
	case !linux:
		c.entry(msg, "cn=gameOfThrones,"+usersBase, "cn", "gameOfThrones", "objectClass", "groupOfNames", "member", jonDN)
	}
	c.done(msg, ldap.Result{})
}

func (m *merging) questions() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

func groupByName() ldap.SearchRequest {
	req := request(ldap.And(ldap.Equal("objectClass", "groupOfNames"), ldap.Equal("cn", "gameOfThrones")))
	req.Attributes = []string{"cn", "gidNumber"}
	return req
}

func (m *merging) gid(c *client, id int32) string {
	m.Helper()
	req := groupByName()
	c.send(encodeSearch(id, &req))
	entries, _ := c.results(id, ldap.Success)
	if len(entries) != 1 {
		m.Fatalf("%d entries", len(entries))
	}
	return valueOf(m.T, entries[0], "gidNumber")
}

// valueOf returns the first value of an attribute, "" when it is not there.
func valueOf(t *testing.T, m ldap.Message, name string) string {
	t.Helper()
	e, err := ldap.DecodeEntry(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	for {
		a, ok, err := e.NextAttribute()
		if err != nil || !ok {
			return ""
		}
		if v, ok, _ := a.NextValue(); ok && string(a.Description) == name {
			return string(v)
		}
	}
}

func TestGroupIDIsReadOnce(t *testing.T) {
	m := startMerging(t)
	c := m.bound()
	for id := range int32(3) {
		if got := m.gid(c, 2+id); got != "7001" {
			t.Errorf("lookup %d: group ID %q", id, got)
		}
	}
	want := []string{"(&(objectClass=posixGroup)(cn=got))"}
	for range 3 {
		want = append(want, "(&(objectClass=groupOfNames)(cn=gameOfThrones))")
	}
	if got := m.questions(); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
	if rec := m.record(lookup.OpSearch, 1); !slices.Contains(rec.Rules, rewrite.RuleGroupIDRead) || rec.Upstream.Filter != want[1] {
		t.Errorf("the first record has rules %v and filter %s", rec.Rules, rec.Upstream.Filter)
	}
	if rec := m.record(lookup.OpSearch, 2); slices.Contains(rec.Rules, rewrite.RuleGroupIDRead) {
		t.Errorf("the second record has rules %v", rec.Rules)
	}
}

// A Linux group that cannot be seen must not double every lookup.
func TestGroupIDIsNotAskedForAgainAtOnce(t *testing.T) {
	m := startMerging(t)
	m.hideIt = true
	c := m.bound()
	reads := func() (n int) {
		for _, q := range m.questions() {
			if strings.Contains(q, "posixGroup") {
				n++
			}
		}
		return n
	}
	for id := range int32(3) {
		if got := m.gid(c, 2+id); got != "" {
			t.Errorf("group ID %q", got)
		}
	}
	if n := reads(); n != 1 {
		t.Errorf("read %d times", n)
	}
	m.clock.advance(61e9)
	m.mu.Lock()
	m.hideIt = false
	m.mu.Unlock()
	if got := m.gid(c, 10); got != "7001" || reads() != 2 {
		t.Errorf("a minute later: group ID %q after %d reads", got, reads())
	}
}

func TestCompareOfAnUnknownGroupID(t *testing.T) {
	m := startMerging(t)
	c := m.bound()
	c.send(compareRequest(2, "cn=gameOfThrones,"+usersBase, "gidNumber", "7001"))
	c.result(2, ldap.CompareTrue)
	if got := m.questions(); len(got) != 2 || !strings.Contains(got[0], "posixGroup") {
		t.Errorf("asked %q", got)
	}
}
