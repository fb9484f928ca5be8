package discovery_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/rewrite"
)

func TestSampleOrganisation(t *testing.T) {
	s := source(t, startDirectory(t, directory.Config{}).Addr())
	for range 2 { // the second time on the same connection
		groups, err := s.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r := discovery.Match(groups, nil)
		want := []string{
			"Everyone = everyone_lx 7006: only-members",
			"gameOfThrones = got 7001: only-members",
			"Los Pollos Hermanos = lospolloshermanos 7004: names-agree",
			"Night's Watch (Wall) = nightswatch 7005: only-members",
			"breakingBad, Heisenberg Crew ? bb, crew: same-members",
			"CarWash -: no-linux-group",
		}
		if diff := gocmp.Diff(want, summary(&r)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if r.Pairs[0].Members != 8 || len(r.Warnings) != 0 {
			t.Errorf("Everyone has %d members; warnings %q", r.Pairs[0].Members, r.Warnings)
		}
	}
	groups, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r := discovery.Match(groups, []rewrite.PairConfig{{Legacy: "breakingBad", Posix: "bb"}})
	if len(r.Ambiguous) != 0 || !strings.Contains(strings.Join(summary(&r), "\n"), "Heisenberg Crew = crew 7003: only-members") {
		t.Errorf("with one of two pairs in the configuration:\n%s", strings.Join(summary(&r), "\n"))
	}
}

// TestManyPages: more groups than a page holds, all of them paired as they were
// generated, with the progress told on the way.
func TestManyPages(t *testing.T) {
	var ldif bytes.Buffer
	directory.Generate(&ldif, 400, 1200, 40)
	var told []int
	s := source(t, startDirectory(t, directory.Config{LDIF: &ldif}).Addr(), func(_ *upstream.Config, s *discovery.Source) {
		s.Progress = func(n int) { told = append(told, n) }
	})
	groups, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(groups.Legacy) != 1200 || len(groups.Posix) != 1200 {
		t.Fatalf("read %d and %d groups", len(groups.Legacy), len(groups.Posix))
	}
	if diff := gocmp.Diff([]int{500, 1000, 1200, 1700, 2200, 2400}, told); diff != "" {
		t.Errorf("progress -want +got:\n%s", diff)
	}
	r := discovery.Match(groups, nil)
	if len(r.Pairs) < 1000 {
		t.Errorf("%d pairs of 1200 groups", len(r.Pairs))
	}
	for _, p := range r.Pairs {
		var i, j int
		if _, err := fmt.Sscanf(p.Legacy+" "+p.Posix, "Team %04d (Site", &i); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(p.Posix, "lx%04d", &j); err != nil || i != j || p.GID != 7000+i {
			t.Errorf("%s is paired with %s, gid %d", p.Legacy, p.Posix, p.GID)
		}
	}
}

// TestMemberSpellings: a DN may be spelled in many ways; it is still this user
// directly below the base, or it is not.
func TestMemberSpellings(t *testing.T) {
	const org = "o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"
	for dn, user := range map[string]string{
		"uid=jon.snow,ou=Users," + org:            "jon.snow",
		"UID=Jon.Snow,OU=users," + org:            "jon.snow",
		"uid = jon.snow , ou=Users, " + org:       "jon.snow",
		`uid=jon\2esnow,ou=Users,` + org:          "jon.snow",
		`uid=a\,b,ou=Users,` + org:                "a,b",
		"uid=jon.snow,ou=More,ou=Users," + org:    "",
		"uid=jon.snow," + org:                     "",
		"cn=jon.snow,ou=Users," + org:             "",
		"uid=jon.snow+cn=Jon,ou=Users," + org:     "",
		"jon.snow":                                "",
		"uid=,ou=Users," + org:                    "",
		"uid=jon.snow,ou=Users," + org + "#'01'B": "",
	} {
		f := startFake(t, func(c *fakeConn, m ldap.Message, s ldap.SearchRequest) {
			if s.Filter.Value == "groupOfNames" {
				// The first teaches how the directory spells the base.
				c.entry(m.ID, "cn=teacher,ou=Users,"+org, []string{"member", "uid=x,ou=users," + org})
				c.entry(m.ID, "cn=a,ou=Users,"+org, []string{"member", dn})
			} else {
				c.entry(m.ID, "cn=lx,ou=Users,"+org, []string{"memberUid", cmp.Or(user, "jon.snow")}, []string{"gidNumber", "7"})
			}
			c.done(m.ID, ldap.OpSearchResultDone, ldap.Success, "", nil)
		})
		groups, err := source(t, f.addr()).Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r := discovery.Match(groups, nil)
		if paired := len(r.Pairs) == 1; paired != (user != "") {
			t.Errorf("%s as %q: %v", dn, user, summary(&r))
		}
	}
}

// TestOddEntries: what other directories may return.
func TestOddEntries(t *testing.T) {
	f := startFake(t, func(c *fakeConn, m ldap.Message, s ldap.SearchRequest) {
		if s.Filter.Value == "groupOfUniqueNames" {
			c.entry(m.ID, `cn=Sales\, EMEA,`+base, []string{"CN", "other", "Sales, EMEA"}, []string{"uniqueMember", "uid=a," + base})
			c.entry(m.ID, "ou=unit,"+base, []string{"cn", "By Attribute"}, []string{"2.5.4.50", "uid=b," + base})
			c.out = ldap.AppendOperation(c.out, m.ID, ldap.OpSearchResultReference, []byte("\x04\x08ldap://x"), nil)
			c.out = ldap.AppendOperation(c.out, m.ID, ldap.OpIntermediateResponse, nil, nil)
		} else {
			c.entry(m.ID, "cn=s,"+base, []string{"memberuid", "a"}, []string{"GIDNUMBER", "70"})
			c.entry(m.ID, "cn=t,"+base, []string{"memberUid", "b"}, []string{"gidNumber", "-5"})
			c.entry(m.ID, "ou=nameless,"+base, []string{"memberUid", "c"}, []string{"gidNumber", "99999999999"})
		}
		c.done(m.ID, ldap.OpSearchResultDone, ldap.Success, "", nil)
	})
	groups, err := source(t, f.addr(), func(_ *upstream.Config, s *discovery.Source) { s.Class = "groupOfUniqueNames" }).Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r := discovery.Match(groups, nil)
	want := []string{
		"By Attribute = t 0: only-members", "Sales, EMEA = s 70: only-members",
		"- ou=nameless," + base + ": no-legacy-group",
	}
	if diff := gocmp.Diff(want, summary(&r)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFailures: whatever happens on the way, the answer is an error that says
// what to do, and never a part of the groups.
func TestFailures(t *testing.T) {
	text := func(s string) *string { return &s }
	end := func(code ldap.ResultCode, diagnostic string) func(*fakeConn, ldap.Message) {
		return func(c *fakeConn, m ldap.Message) { c.done(m.ID, ldap.OpSearchResultDone, code, diagnostic, nil) }
	}
	for name, tc := range map[string]struct {
		end     func(c *fakeConn, m ldap.Message) // of each search, behind one entry
		empty   bool                              // no entry before it
		outcome string
		want    []string
	}{
		"size limit": {end: end(ldap.SizeLimitExceeded, ""), outcome: discovery.Truncated,
			want: []string{"sizeLimitExceeded (4) after 1", "limit raised for " + accountDN, "groups.pairs", "groups.discover.enabled: false"}},
		"time limit": {end: end(ldap.TimeLimitExceeded, "slow"), outcome: discovery.Truncated, want: []string{"timeLimitExceeded (3) after 1: slow"}},
		"no such object": {end: end(ldap.NoSuchObject, ""), empty: true, outcome: discovery.SearchRefused,
			want: []string{"reading groupOfNames entries: upstream answers noSuchObject (32)", `is "Enable as LDAP Bind DN" still set for ` + accountDN, "upstream.base"}},
		"no rights": {end: end(ldap.InsufficientAccessRights, ""), outcome: discovery.SearchRefused, want: []string{"Enable as LDAP Bind DN"}},
		"referral":  {end: end(ldap.Referral, ""), outcome: discovery.SearchRefused, want: []string{"referral (10)"}},
		"busy":      {end: end(ldap.Busy, "later"), outcome: discovery.SearchRefused, want: []string{"busy (51) after 1: later"}},
		"no group":  {end: end(ldap.Success, ""), empty: true, outcome: discovery.NoGroups, want: []string{"not a single group", "Enable as LDAP Bind DN"}},
		"hangs up":  {end: func(c *fakeConn, _ ldap.Message) { c.hangUp() }, outcome: discovery.Unreachable, want: []string{"server closed the connection", "upstream.servers"}},
		"silent":    {end: func(*fakeConn, ldap.Message) {}, outcome: discovery.Unreachable, want: []string{"upstream.search_timeout (200ms)"}},
		"half an answer": {end: func(c *fakeConn, m ldap.Message) {
			c.done(m.ID, ldap.OpSearchResultDone, ldap.Success, "", nil)
			c.out = c.out[:len(c.out)-3]
			c.hangUp()
		}, outcome: discovery.Unreachable, want: []string{"server closed the connection"}},
		"broken entry": {end: func(c *fakeConn, m ldap.Message) {
			c.out = ldap.AppendOperation(c.out, m.ID, ldap.OpSearchResultEntry, []byte("\x04\x02cn\x30\x03\x30\x01\x04"), nil)
			c.done(m.ID, ldap.OpSearchResultDone, ldap.Success, "", nil)
		}, outcome: discovery.Other, want: []string{"reading a groupOfNames entry: malformed"}},
		"broken cookie": {end: func(c *fakeConn, m ldap.Message) {
			control := ldap.AppendControl(nil, ldap.Control{OID: ldap.OIDPagedResults, HasValue: true, Value: "\x30\x01\x02"})
			c.out = ldap.AppendResult(c.out, m.ID, ldap.OpSearchResultDone, &ldap.Result{}, control)
		}, outcome: discovery.Other, want: []string{"malformed", "paged results"}},
		"pages without an end": {end: func(c *fakeConn, m ldap.Message) {
			c.done(m.ID, ldap.OpSearchResultDone, ldap.Success, "", text("again"))
		}, empty: true, outcome: discovery.Truncated, want: []string{"one empty page after the other"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, func(c *fakeConn, m ldap.Message, _ ldap.SearchRequest) {
				if !tc.empty {
					c.entry(m.ID, "cn=a,"+base, []string{"member", "uid=a," + base})
				}
				tc.end(c, m)
			})
			s := source(t, f.addr(), func(cfg *upstream.Config, _ *discovery.Source) { cfg.SearchTimeout = 200 * time.Millisecond })
			groups, err := s.Read(context.Background())
			expectError(t, err, tc.outcome, tc.want...)
			if len(groups.Legacy)+len(groups.Posix) > 0 {
				t.Errorf("a part was returned: %+v", groups)
			}
		})
	}
}

func expectError(t *testing.T, err error, outcome string, want ...string) {
	t.Helper()
	var e *discovery.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if e.Outcome != outcome {
		t.Errorf("outcome %q, want %q (%v)", e.Outcome, outcome, err)
	}
	for _, w := range want {
		if !strings.Contains(e.Error()+"\n"+e.Try, w) {
			t.Errorf("%q is missing in:\n%v\ntry: %s", w, e, e.Try)
		}
	}
	if strings.Contains(e.Error()+e.Try, directory.SamplePassword) {
		t.Errorf("the password is shown: %v", e)
	}
}

func TestUpstreamDoesNotLetUsIn(t *testing.T) {
	d := startDirectory(t, directory.Config{})
	as := func(dn, password string) error {
		s := source(t, d.Addr(), func(_ *upstream.Config, s *discovery.Source) {
			s.Identity, s.Account = upstream.NewIdentity(dn, secret.New([]byte(password))), dn
		})
		_, err := s.Read(context.Background())
		return err
	}
	expectError(t, as(accountDN, "hunter2"), discovery.BindRefused, "invalidCredentials (49)", "check upstream.service_account and its password")
	expectError(t, as("uid=jon.snow,"+base, directory.SamplePassword), discovery.SearchRefused, `"Enable as LDAP Bind DN" still set for uid=jon.snow,`)
	addr := d.Addr()
	d.Close()
	_, err := source(t, addr).Read(context.Background())
	expectError(t, err, discovery.Unreachable, "refused", "upstream.servers")
}

// TestAnIdleConnectionThatDied is replaced once, without a failure.
func TestAnIdleConnectionThatDied(t *testing.T) {
	var searches atomic.Int32
	f := startFake(t, func(c *fakeConn, m ldap.Message, _ ldap.SearchRequest) {
		if searches.Add(1) == 3 { // the first search of the second reading
			c.hangUp()
			return
		}
		c.entry(m.ID, "cn=a,"+base, []string{"member", "uid=a," + base}, []string{"memberUid", "a"})
		c.done(m.ID, ldap.OpSearchResultDone, ldap.Success, "", nil)
	})
	s := source(t, f.addr())
	for range 2 {
		if _, err := s.Read(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.bound(); n != 2 {
		t.Errorf("%d binds, want 2", n)
	}
}

// TestReadingEndsWithItsContext, whatever it is waiting for.
func TestReadingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f := startFake(t, func(c *fakeConn, m ldap.Message, _ ldap.SearchRequest) {
		c.entry(m.ID, "cn=a,"+base, []string{"member", "uid=a," + base})
		time.AfterFunc(20*time.Millisecond, cancel)
	})
	began := time.Now()
	_, err := source(t, f.addr()).Read(ctx)
	if !errors.Is(err, context.Canceled) || time.Since(began) > patience {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}
