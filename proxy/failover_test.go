package proxy_test

import (
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

// A server that hangs up instead of answering costs the client nothing while
// there is another one.
func TestSearchIsRepeatedAtTheNextServer(t *testing.T) {
	second := startFake(t, answer)
	r := start(t, func(s *setup) {
		s.upstream.Servers = []string{"ldap://" + second.addr()}
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				_ = c.Close()
				return
			}
			answer(c, m)
			if c.number == 1 {
				_ = c.Close() // the search needs a new connection
			}
		}
	})
	c := r.bound()
	time.Sleep(50 * time.Millisecond) // for the loopback to deliver the end
	c.search(2, userFilter("x"), ldap.Success)
	if r.up.count(ldap.OpSearchRequest) != 1 || second.count(ldap.OpSearchRequest) != 1 {
		t.Errorf("%d and %d searches", r.up.count(ldap.OpSearchRequest), second.count(ldap.OpSearchRequest))
	}
	if rec := r.record(lookup.OpSearch, 1); rec.Upstream.Server != "ldap://"+second.addr() {
		t.Errorf("recorded %s", rec.Upstream.Server)
	}
}

// A bind that a server left unanswered may have counted there.
func TestBindIsNotRepeatedAtTheNextServer(t *testing.T) {
	second := startFake(t, answer)
	r := start(t, func(s *setup) {
		s.upstream.Servers = []string{"ldap://" + second.addr()}
		s.script = func(c *upstreamConn, _ ldap.Message) { _ = c.Close() }
	})
	r.dial().bind(1, jamfDN, password, ldap.Unavailable)
	if r.up.count(ldap.OpBindRequest) != 1 || second.count(ldap.OpBindRequest) != 0 {
		t.Errorf("%d and %d binds", r.up.count(ldap.OpBindRequest), second.count(ldap.OpBindRequest))
	}
}

// Waiting for one of too few connections is queue time; waiting in vain is 51,
// which says to come back, and not 49 or 52.
func TestTooFewUpstreamConnections(t *testing.T) {
	hold := make(chan struct{})
	r := start(t, func(s *setup) {
		s.upstream.MaxConnections, s.upstream.BindTimeout = 1, 100*time.Millisecond
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.wait(hold)
			}
			answer(c, m)
		}
	})
	c := r.bound()
	c.send(searchRequest(2, userFilter("holds the only connection")))
	r.eventually("search upstream", func() bool { return r.up.count(ldap.OpSearchRequest) == 1 })
	res := r.dial().bind(1, jonDN, password, ldap.Busy)
	if !strings.Contains(res.Diagnostic, "upstream.max_connections") {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
	if r.up.count(ldap.OpBindRequest) != 1 {
		t.Errorf("%d binds", r.up.count(ldap.OpBindRequest))
	}
	close(hold)
	c.results(2, ldap.Success)
}
