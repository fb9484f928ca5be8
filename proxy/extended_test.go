package proxy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/proxy"
)

func TestWhoAmI(t *testing.T) {
	c := start(t).dial()
	ask := func(id int32) string {
		c.send(extendedRequest(id, ldap.OIDWhoAmI, manageDsaIT))
		m := c.receive()
		c.check(m, id, ldap.Success)
		_, rest, _ := ldap.DecodeResult(m.Body)
		r := ber.Read(rest)
		value, err := r.Expect(ber.Context(11))
		if err != nil {
			t.Fatal(err)
		}
		return string(value)
	}
	if got := ask(1); got != "" {
		t.Errorf("anonymous is %q", got)
	}
	c.bind(2, jamfDN, password, ldap.Success)
	if got := ask(3); got != "dn:"+jamfDN {
		t.Errorf("bound is %q", got)
	}
	c.send(extendedRequest(4, ldap.OIDWhoAmI, ldap.Control{OID: "1.2.3", Critical: true}))
	c.result(4, ldap.UnavailableCriticalExtension)
}

func TestUnknownExtendedOperation(t *testing.T) {
	c := start(t).dial()
	for _, oid := range []string{"1.3.6.1.4.1.4203.1.11.1", ldap.OIDStartTLS} { // password modify; no TLS here
		c.send(extendedRequest(1, oid, manageDsaIT))
		if res := c.result(1, ldap.ProtocolError); res.Diagnostic != "unsupported extended operation" {
			t.Errorf("diagnostic %q", res.Diagnostic)
		}
	}
}

func withTLS(t *testing.T, implicit bool) func(*setup) {
	return func(s *setup) {
		s.listen.TLS = &tls.Config{Certificates: []tls.Certificate{newCertificate(t, "one").pair}}
		s.listen.Implicit = implicit
	}
}

func (c *client) secure() {
	c.Helper()
	conn := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true}) // the proxy's side is under test
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := conn.Handshake(); err != nil {
		c.Fatalf("handshake: %v", err)
	}
	c.Conn, c.framer = conn, ldap.NewFramer(conn)
}

func TestStartTLS(t *testing.T) {
	r := start(t, withTLS(t, false))
	c := r.bound()
	c.send(extendedRequest(2, ldap.OIDStartTLS, manageDsaIT))
	c.result(2, ldap.Success)
	c.secure()
	c.search(3, userFilter("x"), ldap.InsufficientAccessRights) // anonymous again
	c.bind(4, jamfDN, password, ldap.Success)
	c.search(5, userFilter("x"), ldap.Success)
	c.send(extendedRequest(6, ldap.OIDStartTLS))
	c.result(6, ldap.OperationsError)
	c.search(7, userFilter("x"), ldap.Success)
}

func TestStartTLSRefusesOctetsBehindTheRequest(t *testing.T) {
	r := start(t, withTLS(t, false))
	c := r.dial()
	c.send(extendedRequest(1, ldap.OIDStartTLS), bindRequest(2, jamfDN, password))
	c.closed()
	if r.up.count(ldap.OpBindRequest) != 0 {
		t.Error("the injected bind went upstream")
	}
}

func TestStartTLSWithOperationsOutstanding(t *testing.T) {
	hold := make(chan struct{})
	r := start(t, withTLS(t, false), func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.wait(hold)
			}
			answer(c, m)
		}
	})
	c := r.bound()
	c.send(searchRequest(2, userFilter("x")))
	r.eventually("search upstream", func() bool { return r.up.count(ldap.OpSearchRequest) == 1 })
	c.send(extendedRequest(3, ldap.OIDStartTLS))
	c.result(3, ldap.OperationsError)
	close(hold)
	c.results(2, ldap.Success)
	c.send(extendedRequest(4, ldap.OIDStartTLS))
	c.result(4, ldap.Success)
	c.secure()
}

func TestHandshakeIsNotWaitedForForever(t *testing.T) {
	for name, implicit := range map[string]bool{"StartTLS": false, "ldaps": true} {
		t.Run(name, func(t *testing.T) {
			r := start(t, withTLS(t, implicit), func(s *setup) { s.config.Limits.TLSHandshake = 100 * time.Millisecond })
			c := r.dial()
			if !implicit {
				c.send(extendedRequest(1, ldap.OIDStartTLS))
				c.result(1, ldap.Success)
			}
			c.send([]byte("\x16\x03\x01")) // half a record
			c.closed()
			r.eventually("count", func() bool { return r.counts.get("connection "+proxy.ConnectionTLSFailed) == 1 })
		})
	}
}

func TestLDAPS(t *testing.T) {
	r := start(t, withTLS(t, true))
	c := r.dial()
	c.secure()
	c.bind(1, jamfDN, password, ldap.Success)
	c.search(2, userFilter("x"), ldap.Success)
	if err := r.shutdown(patience); err != nil {
		t.Error(err)
	}
	c.notice(ldap.Unavailable)
}

func TestPlainLDAPOnAnLDAPSPortIsNamedInTheLog(t *testing.T) {
	r := start(t, withTLS(t, true))
	c := r.dial()
	c.send(bindRequest(1, jamfDN, password))
	c.closed()
	r.eventually("log line", func() bool { return r.logs.FilterMessageSnippet("speaks LDAP without TLS").Len() == 1 })
}

func rootDSE(id int32, attrs ...string) []byte {
	return encodeSearch(id, &ldap.SearchRequest{Filter: ldap.Present("objectClass"), Attributes: attrs})
}

func TestRootDSEBeforeBind(t *testing.T) {
	r := start(t, withTLS(t, false))
	c := r.dial()
	for i, tc := range []struct{ asked, want string }{
		{"", "objectClass"},
		{"+", "supportedLDAPVersion supportedExtension supportedControl vendorName namingContexts"},
		{"namingcontexts supportedSASLMechanisms", "namingContexts"},
		{"1.1", ""},
	} {
		id := int32(i + 1)
		c.send(rootDSE(id, strings.Fields(tc.asked)...))
		entries, _ := c.results(id, ldap.Success)
		dn, attrs := names(t, entries[0])
		if dn != "" || strings.Join(attrs, " ") != tc.want {
			t.Errorf("asked for %q: entry %q with %v, want %s", tc.asked, dn, attrs, tc.want)
		}
	}
	if r.up.connections() != 0 {
		t.Error("upstream was asked")
	}
	if rec := r.record(lookup.OpSearch, 1); rec.Kind != lookup.KindRootDSE || rec.Entries != 1 || !rec.Upstream.IsZero() {
		t.Errorf("record %+v", rec)
	}
	c.send(encodeSearch(9, &ldap.SearchRequest{Filter: ldap.Equal("objectClass", "person")}))
	if entries, _ := c.results(9, ldap.Success); len(entries) != 0 {
		t.Error("rootDSE matches a filter that it should not")
	}
}

func TestRootDSEAfterBindIsUpstreamsCorrected(t *testing.T) {
	r := start(t, withTLS(t, false), func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.entry(m, "", "vendorName", "JumpCloud", "supportedSASLMechanisms", "GSSAPI", "altServer", "ldap://other",
					"supportedExtension", "1.3.6.1.4.1.4203.1.11.1", "supportedControl", "1.2.3")
				c.done(m, ldap.Result{})
				return
			}
			answer(c, m)
		}
	})
	c := r.bound()
	c.send(rootDSE(2, "+"))
	entries, _ := c.results(2, ldap.Success)
	_, attrs := names(t, entries[0])
	if want := []string{"vendorName", "supportedControl", "supportedExtension"}; !slices.Equal(attrs, want) {
		t.Errorf("%v, want %v", attrs, want)
	}
	body := entries[0].Body
	if bytes.Contains(body, []byte("1.3.6.1.4.1.4203.1.11.1")) || !bytes.Contains(body, []byte(ldap.OIDStartTLS)) || !bytes.Contains(body, []byte(ldap.OIDWhoAmI)) {
		t.Errorf("extensions in %q", body)
	}
}

func TestDrain(t *testing.T) {
	hold := make(chan struct{})
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.wait(hold)
			}
			answer(c, m)
		}
	})
	idle, busy := r.dial(), r.bound()
	busy.send(searchRequest(2, userFilter("x")))
	r.eventually("search upstream", func() bool { return r.up.count(ldap.OpSearchRequest) == 1 })
	done := make(chan error)
	go func() { done <- r.shutdown(patience) }()
	idle.notice(ldap.Unavailable)
	if _, err := net.Dial("tcp", r.addr); err == nil {
		t.Error("still accepting")
	}
	close(hold)
	busy.results(2, ldap.Success)
	busy.notice(ldap.Unavailable)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
			}
		}
	})
	c := r.bound()
	c.send(searchRequest(2, userFilter("x")))
	r.eventually("search upstream", func() bool { return r.up.count(ldap.OpSearchRequest) == 1 })
	if err := r.shutdown(50 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v", err)
	}
	c.closed()
	if err := r.server.Serve(context.Background(), listener(t), proxy.ListenOptions{}); !errors.Is(err, proxy.ErrServerClosed) {
		t.Errorf("Serve after Shutdown returned %v", err)
	}
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
