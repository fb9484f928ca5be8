package proxy_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

func guards(t *testing.T, cfg proxy.GuardsConfig) *proxy.Guards {
	t.Helper()
	g, err := proxy.NewGuards(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func withoutJava(t *testing.T) *proxy.Guards {
	t.Helper()
	return guards(t, proxy.GuardsConfig{StripJava: true})
}

func guarded(t *testing.T, cfg proxy.GuardsConfig) *rig {
	t.Helper()
	return start(t, func(s *setup) { s.config.Guards = guards(t, cfg) })
}

func TestGuardsRefuseWhatIsNoDN(t *testing.T) {
	for _, cfg := range []proxy.GuardsConfig{
		{Bases: []string{""}}, {Bases: []string{"Users"}}, {Bases: []string{"*," + usersBase}},
		{BindDNs: []string{"jamf"}}, {BindDNs: []string{"*"}}, {BindDNs: []string{"*,"}}, {BindDNs: []string{" *, "}},
	} {
		if _, err := proxy.NewGuards(cfg); err == nil || !strings.Contains(err.Error(), "guards.") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestGuardedBases(t *testing.T) {
	r := guarded(t, proxy.GuardsConfig{Bases: []string{"OU=users , o=org,dc=JumpCloud,dc=com", "cn=other"}})
	c := r.bound()
	subschema := ldap.Equal("objectClass", "subschema")
	atLeast := subschema
	atLeast.Kind = ldap.FilterGreaterOrEqual
	for i, q := range []struct {
		base   string
		scope  ldap.Scope
		filter ldap.Filter
		want   ldap.ResultCode
	}{
		{usersBase, ldap.ScopeSubtree, userFilter("x"), ldap.Success},
		{"2.5.4.11=USERS,o=org,dc=jumpcloud,dc=com", ldap.ScopeSubtree, userFilter("x"), ldap.Success},
		{"cn=gameOfThrones," + usersBase, ldap.ScopeBase, ldap.Present("objectClass"), ldap.Success},
		{"cn=x,cn=other", ldap.ScopeOne, userFilter("x"), ldap.Success},
		{"", ldap.ScopeBase, ldap.Present("objectClass"), ldap.Success},
		{"cn=Subschema", ldap.ScopeBase, ldap.Present("objectClass"), ldap.Success},
		{"cn=schema,cn=config", ldap.ScopeBase, subschema, ldap.Success},

		{"", ldap.ScopeSubtree, userFilter("x"), ldap.InsufficientAccessRights},
		{"o=org,dc=jumpcloud,dc=com", ldap.ScopeSubtree, userFilter("x"), ldap.InsufficientAccessRights},
		{"ou=Users,o=else,dc=jumpcloud,dc=com", ldap.ScopeBase, userFilter("x"), ldap.InsufficientAccessRights},
		{`ou=x\,` + usersBase, ldap.ScopeBase, userFilter("x"), ldap.InsufficientAccessRights}, // an escaped comma is none
		{"no DN", ldap.ScopeSubtree, userFilter("x"), ldap.InsufficientAccessRights},
		{"cn=subschema", ldap.ScopeSubtree, userFilter("x"), ldap.InsufficientAccessRights},
		{"o=org", ldap.ScopeBase, ldap.Or(subschema, userFilter("x")), ldap.InsufficientAccessRights},
		{"o=org", ldap.ScopeBase, atLeast, ldap.InsufficientAccessRights},
		{"o=org", ldap.ScopeSubtree, subschema, ldap.InsufficientAccessRights},
	} {
		req := request(q.filter)
		req.Base, req.Scope = q.base, q.scope
		before := r.up.count(ldap.OpSearchRequest)
		c.send(encodeSearch(int32(i+2), &req))
		entries, _ := c.results(int32(i+2), q.want)
		rec := r.record(lookup.OpSearch, i+1)
		if asked := r.up.count(ldap.OpSearchRequest) > before; asked != (q.want == ldap.Success) {
			t.Errorf("%q: upstream was asked: %v", q.base, asked)
		}
		hinted := slices.Contains(rec.Hints, rewrite.HintGuardedBase) && strings.Contains(rec.Diagnostic, "guards.bases")
		if refused := q.want != ldap.Success; hinted != refused || refused && len(entries) > 0 {
			t.Errorf("%q: hints %v, diagnostic %q, %d entries", q.base, rec.Hints, rec.Diagnostic, len(entries))
		}
	}
	compare := func(id int32, dn string, want ldap.ResultCode) {
		t.Helper()
		c.send(compareRequest(id, dn, "uid", "jon.snow"))
		c.result(id, want)
	}
	compare(100, jonDN, ldap.CompareTrue)
	compare(101, "uid=jon.snow,o=else", ldap.InsufficientAccessRights)
	if n := r.up.count(ldap.OpCompareRequest); n != 1 {
		t.Errorf("upstream was asked %d times", n)
	}
	if rec := r.record(lookup.OpCompare, 2); !slices.Contains(rec.Hints, rewrite.HintGuardedBase) {
		t.Errorf("hints %v", rec.Hints)
	}
}

func TestGuardedBindDNs(t *testing.T) {
	r := guarded(t, proxy.GuardsConfig{BindDNs: []string{"UID=jamf , " + usersBase, "*, ou=admins,o=org"}})
	n := int32(0)
	bind := func(dn, pw string, want ldap.ResultCode) *lookup.Record {
		t.Helper()
		c := r.dial()
		c.bind(1, dn, pw, want)
		c.search(2, userFilter("x"), map[bool]ldap.ResultCode{true: ldap.Success, false: ldap.InsufficientAccessRights}[want == ldap.Success])
		n++
		return r.record(lookup.OpBind, int(n))
	}
	bind(jamfDN, password, ldap.Success)
	bind("uid=JAMF,"+usersBase, password, ldap.Success)
	bind(jamfDN, "wrong", ldap.InvalidCredentials)
	bind("uid=one,ou=admins,o=org", password, ldap.Success)
	bind("uid=two,ou=more,ou=admins,o=org", password, ldap.Success)
	asked := r.up.count(ldap.OpBindRequest)
	for _, dn := range []string{jonDN, "ou=admins,o=org", "uid=jamf,o=org", "no DN", "uid=jamf," + usersBase + ",dc=x", `uid=x\,ou=admins,o=org`} {
		rec := bind(dn, password, ldap.UnwillingToPerform)
		if !slices.Contains(rec.Hints, rewrite.HintGuardedBindDN) || !strings.Contains(rec.Diagnostic, "guards.bind_dns") || rec.BindDN != dn {
			t.Errorf("%q: hints %v, diagnostic %q, DN %q", dn, rec.Hints, rec.Diagnostic, rec.BindDN)
		}
	}
	if got := r.up.count(ldap.OpBindRequest); got != asked {
		t.Errorf("%d refused binds went upstream", got-asked)
	}
	if got := r.counts.get("bind " + proxy.BindFailedGuard); got != 6 {
		t.Errorf("%d counted", got)
	}
	r.dial().bind(1, "", "", ldap.Success) // anonymous: nobody's DN
}

// A refused bind takes the identity that the session had.
func TestGuardedBindEndsTheSessionBefore(t *testing.T) {
	c := guarded(t, proxy.GuardsConfig{BindDNs: []string{jamfDN}}).bound()
	c.bind(2, jonDN, password, ldap.UnwillingToPerform)
	c.search(3, userFilter("x"), ldap.InsufficientAccessRights)
}

func TestRequireTLS(t *testing.T) {
	r := start(t, func(s *setup) {
		s.listen.TLS, s.listen.RequireTLS = &tls.Config{Certificates: []tls.Certificate{newCertificate(t, "one").pair}}, true
	})
	c := r.dial()
	if res := c.bind(1, jamfDN, password, ldap.ConfidentialityRequired); !strings.Contains(res.Diagnostic, "StartTLS") {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
	if r.up.count(ldap.OpBindRequest) != 0 || r.counts.get("bind "+proxy.BindFailedTLS) != 1 {
		t.Error("went upstream, or was not counted")
	}
	c.bind(2, "", "", ldap.Success) // a load balancer's check
	c.search(3, userFilter("x"), ldap.InsufficientAccessRights)
	c.send(extendedRequest(4, ldap.OIDStartTLS))
	c.result(4, ldap.Success)
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true}) // the proxy's side is under test
	c = &client{T: t, Conn: secure, framer: ldap.NewFramer(secure)}
	c.bind(5, jamfDN, password, ldap.Success)
	c.search(6, userFilter("x"), ldap.Success)
}
