package proxy_test

import (
	"fmt"
	"testing"

	"jamf-ldap-proxy/internal/ldap"
)

// pager is an upstream whose cookies are good only on the connection that gave
// them out: 3 entries a search, named after its filter's value.
func pager(c *upstreamConn, m ldap.Message) {
	if m.Op != ldap.OpSearchRequest {
		answer(c, m)
		return
	}
	req, controls := decodeSearch(m)
	if len(controls) == 0 {
		answer(c, m)
		return
	}
	p, err := ldap.DecodePagedResults(controls[0].Value)
	if err != nil {
		panic(err)
	}
	conn, next := c.number, 0
	if p.Cookie != "" {
		if _, err := fmt.Sscanf(p.Cookie, "%d/%d", &conn, &next); err != nil || conn != c.number {
			c.done(m, ldap.Result{Code: ldap.UnwillingToPerform, Diagnostic: "foreign cookie"})
			return
		}
	}
	cookie := ""
	if p.Size > 0 {
		c.entry(m, fmt.Sprintf("cn=%s-%d,%s", req.Filter.Value, next, usersBase), "cn", "x")
		if next < 2 {
			cookie = fmt.Sprintf("%d/%d", c.number, next+1)
		}
	}
	c.done(m, ldap.Result{}, ldap.PagedResults{Size: 3, Cookie: cookie}.Control(false))
}

// page asks for one page and returns the DN on it and the cookie for the next.
func (c *client) page(id int32, name string, p ldap.PagedResults, want ldap.ResultCode) (dn, cookie string) {
	c.Helper()
	c.send(searchRequest(id, ldap.Equal("cn", name), p.Control(true)))
	entries, done := c.results(id, want)
	if len(entries) > 0 {
		dn, _ = names(c.T, entries[0])
	}
	list, err := ldap.DecodeControls(string(done.Controls), 9)
	if err != nil {
		c.Fatal(err)
	}
	if len(list) > 0 {
		got, err := ldap.DecodePagedResults(list[0].Value)
		if err != nil {
			c.Fatal(err)
		}
		cookie = got.Cookie
	}
	return dn, cookie
}

func TestTwoCursorsInterleaved(t *testing.T) {
	r := start(t, func(s *setup) { s.script = pager })
	c := r.bound()
	cookies := map[string]string{}
	id := int32(2)
	for n := range 3 {
		for _, name := range []string{"a", "b"} {
			dn, cookie := c.page(id, name, ldap.PagedResults{Size: 1, Cookie: cookies[name]}, ldap.Success)
			if want := fmt.Sprintf("cn=%s-%d,%s", name, n, usersBase); dn != want {
				t.Errorf("page holds %q, want %q", dn, want)
			}
			if (cookie == "") != (n == 2) {
				t.Errorf("page %d of %s has cookie %q", n, name, cookie)
			}
			cookies[name] = cookie
			c.search(id+1, userFilter("between pages"), ldap.Success)
			id += 2
		}
	}
	if n := r.up.connections(); n > 3 {
		t.Errorf("%d upstream connections for two cursors and a search", n)
	}
}

func TestCookies(t *testing.T) {
	open := func(t *testing.T) (*rig, *client, string) {
		r := start(t, func(s *setup) { s.script, s.config.Limits.Cursors = pager, 2 })
		c := r.bound()
		_, cookie := c.page(2, "a", ldap.PagedResults{Size: 1}, ldap.Success)
		return r, c, cookie
	}
	t.Run("works once", func(t *testing.T) {
		_, c, cookie := open(t)
		c.page(3, "a", ldap.PagedResults{Size: 1, Cookie: cookie}, ldap.Success)
		c.page(4, "a", ldap.PagedResults{Size: 1, Cookie: cookie}, ldap.UnwillingToPerform)
	})
	t.Run("not in another session", func(t *testing.T) {
		r, _, cookie := open(t)
		r.bound().page(2, "a", ldap.PagedResults{Size: 1, Cookie: cookie}, ldap.UnwillingToPerform)
	})
	t.Run("not after a bind", func(t *testing.T) {
		_, c, cookie := open(t)
		c.bind(3, jamfDN, password, ldap.Success)
		c.page(4, "a", ldap.PagedResults{Size: 1, Cookie: cookie}, ldap.UnwillingToPerform)
	})
	t.Run("size 0 ends it upstream", func(t *testing.T) {
		r, c, cookie := open(t)
		if _, next := c.page(3, "a", ldap.PagedResults{Size: 0, Cookie: cookie}, ldap.Success); next != "" {
			t.Errorf("cookie %q", next)
		}
		c.search(4, userFilter("x"), ldap.Success)
		if n := r.up.connections(); n != 1 {
			t.Errorf("%d connections: the pinned one was not given back", n)
		}
	})
	t.Run("oldest is dropped", func(t *testing.T) {
		_, c, first := open(t)
		_, second := c.page(3, "b", ldap.PagedResults{Size: 1}, ldap.Success)
		c.page(4, "c", ldap.PagedResults{Size: 1}, ldap.Success)
		c.page(5, "a", ldap.PagedResults{Size: 1, Cookie: first}, ldap.UnwillingToPerform)
		c.page(6, "b", ldap.PagedResults{Size: 1, Cookie: second}, ldap.Success)
	})
	t.Run("pinned connection died", func(t *testing.T) {
		r, c, cookie := open(t)
		r.up.cut()
		c.page(3, "a", ldap.PagedResults{Size: 1, Cookie: cookie}, ldap.Unavailable)
		c.search(4, userFilter("x"), ldap.Success)
	})
	t.Run("malformed control", func(t *testing.T) {
		_, c, _ := open(t)
		for i, value := range []string{"", "\x30", "\x30\x03\x02\x01\xff", "\x30\x06\x02\x01\x01\x04\x01\x00\x00"} {
			id := int32(3 + i)
			c.send(searchRequest(id, userFilter("x"), ldap.Control{OID: ldap.OIDPagedResults, HasValue: true, Value: value}))
			c.result(id, ldap.ProtocolError)
		}
		c.search(9, userFilter("x"), ldap.Success)
	})
}
