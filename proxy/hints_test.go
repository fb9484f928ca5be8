package proxy_test

import (
	"fmt"
	"slices"
	"testing"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

// answering is a script in which every search has these entries, as many as
// asked for, and this result.
func answering(entries func() int, code func() ldap.ResultCode) func(*setup) {
	return func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			for i := range entries() {
				c.entry(m, fmt.Sprintf("uid=u%d,%s", i, usersBase), "uid", fmt.Sprintf("u%d", i))
			}
			c.done(m, ldap.Result{Code: code()})
		}
	}
}

func always[T any](v T) func() T { return func() T { return v } }

func hinted(rec *lookup.Record, hint string) bool { return slices.Contains(rec.Hints, hint) }

func TestHintUnpagedLargeResult(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries int
		code    ldap.ResultCode
		limit   int32
		paged   bool
		want    bool
	}{
		{"many entries", 500, ldap.Success, 0, false, true},
		{"few", 499, ldap.Success, 0, false, false},
		{"cut by upstream", 3, ldap.SizeLimitExceeded, 0, false, true},
		{"the client's own limit", 3, ldap.SizeLimitExceeded, 3, false, false},
		{"pages", 500, ldap.Success, 0, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, answering(always(c.entries), always(c.code)))
			conn := r.bound()
			req := request(userFilter("x"))
			req.SizeLimit = c.limit
			if c.paged {
				conn.send(encodeSearch(2, &req, ldap.PagedResults{Size: 1000}.Control(false)))
			} else {
				conn.send(encodeSearch(2, &req))
			}
			conn.results(2, c.code)
			if got := hinted(r.record(lookup.OpSearch, 1), rewrite.HintUnpagedLargeResult); got != c.want {
				t.Errorf("hinted %v", got)
			}
		})
	}
}

// A user without "Enable as LDAP Bind DN" binds and finds nothing.
func TestHintNotABindDNUser(t *testing.T) {
	t.Run("the users base is absent for it", func(t *testing.T) {
		r := start(t, answering(always(0), always(ldap.NoSuchObject)))
		r.bound().search(2, userFilter("x"), ldap.NoSuchObject)
		if rec := r.record(lookup.OpSearch, 1); !hinted(rec, rewrite.HintNotABindDNUser) {
			t.Errorf("hints %v", rec.Hints)
		}
	})
	t.Run("nothing is ever found", func(t *testing.T) {
		r := start(t, answering(always(0), always(ldap.Success)))
		for i := range 3 { // each time over a new connection, as Jamf does
			r.bound().search(2, userFilter("x"), ldap.Success)
			if got := hinted(r.record(lookup.OpSearch, i+1), rewrite.HintNotABindDNUser); got != (i == 2) {
				t.Errorf("search %d: hinted %v", i+1, got)
			}
		}
	})
	t.Run("an unknown user is no sign", func(t *testing.T) {
		found := 1
		r := start(t, answering(func() int { return found }, always(ldap.Success)))
		c := r.bound()
		c.search(2, userFilter("x"), ldap.Success)
		found = 0
		for i := range int32(5) {
			c.search(3+i, userFilter("x"), ldap.Success)
			if rec := r.record(lookup.OpSearch, int(i)+2); hinted(rec, rewrite.HintNotABindDNUser) {
				t.Fatalf("search %d: hints %v", i, rec.Hints)
			}
		}
	})
}

func TestHintUnknownGroup(t *testing.T) {
	r := start(t, answering(always(0), always(ldap.Success)))
	c := r.bound()
	c.search(2, ldap.And(ldap.Equal("objectClass", "groupOfNames"), ldap.Equal("cn", "nonesuch")), ldap.Success)
	if rec := r.record(lookup.OpSearch, 1); !slices.Equal(rec.Hints, []string{rewrite.HintUnknownGroup}) {
		t.Errorf("hints %v", rec.Hints)
	}
}

// In mode merge an entry may lack what was asked for.
func TestHintGIDOnUnpaired(t *testing.T) {
	r := start(t, func(s *setup) {
		s.groups.Mode = rewrite.ModeMerge
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.entry(m, "cn=CarWash,"+usersBase, "cn", "CarWash", "objectClass", "groupOfNames")
			}
			answer(c, m)
		}
	})
	c := r.bound()
	req := request(ldap.Equal("objectClass", "groupOfNames"))
	req.Attributes = []string{"cn", "gidNumber"}
	c.send(encodeSearch(2, &req))
	c.results(2, ldap.Success)
	if rec := r.record(lookup.OpSearch, 1); !slices.Equal(rec.Hints, []string{rewrite.HintGIDOnUnpaired}) {
		t.Errorf("hints %v", rec.Hints)
	}
}
