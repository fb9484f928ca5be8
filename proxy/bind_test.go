package proxy_test

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/proxy"
)

func TestBindsAnsweredWithoutUpstream(t *testing.T) {
	sasl := func(id int32) []byte {
		body := ber.AppendInt(nil, ber.Integer, 3)
		body = ber.Append(body, ber.OctetString, "")
		body = ber.Append(body, ber.ContextConstructed(3), ber.Append(nil, ber.OctetString, "DIGEST-MD5"))
		return ldap.AppendOperation(nil, id, ldap.OpBindRequest, body, nil)
	}
	v2 := func(id int32) []byte {
		body := ber.AppendInt(nil, ber.Integer, 2)
		body = ber.Append(body, ber.OctetString, jamfDN)
		return ldap.AppendOperation(nil, id, ldap.OpBindRequest, ber.Append(body, ber.Context(0), password), nil)
	}
	for name, tc := range map[string]struct {
		request []byte
		code    ldap.ResultCode
		metric  string
	}{
		"anonymous":             {bindRequest(1, "", ""), ldap.Success, ""},
		"DN without a password": {bindRequest(1, jamfDN, ""), ldap.UnwillingToPerform, "bind " + proxy.BindFailedEmptyPassword},
		"password without a DN": {bindRequest(1, "", password), ldap.UnwillingToPerform, "bind " + proxy.BindFailedMethod},
		"SASL":                  {sasl(1), ldap.AuthMethodNotSupported, "bind " + proxy.BindFailedMethod},
		"LDAPv2":                {v2(1), ldap.ProtocolError, "bind " + proxy.BindFailedMethod},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			c := r.bound() // whatever was before, it is gone afterwards
			before := r.up.count(ldap.OpBindRequest)
			c.send(tc.request)
			c.result(1, tc.code)
			if r.up.count(ldap.OpBindRequest) != before {
				t.Error("upstream was asked")
			}
			if tc.metric != "" && r.counts.get(tc.metric) != 1 {
				t.Errorf("%s was not counted", tc.metric)
			}
			c.search(2, userFilter("x"), ldap.InsufficientAccessRights)
		})
	}
}

func TestFailedRebindLeavesTheSessionAnonymous(t *testing.T) {
	r := start(t)
	c := r.bound()
	if res := c.bind(2, jamfDN, "wrong", ldap.InvalidCredentials); res.Diagnostic != "wrong" {
		t.Errorf("upstream's text was lost: %q", res.Diagnostic)
	}
	c.search(3, userFilter("x"), ldap.InsufficientAccessRights)
	c.bind(4, jamfDN, password, ldap.Success)
	c.search(5, userFilter("x"), ldap.Success)
	rec := r.record(lookup.OpBind, 2)
	if rec.Result != 49 || rec.BindDN != jamfDN || rec.Kind != lookup.KindBind || rec.Upstream.Server == "" {
		t.Errorf("record %+v", rec)
	}
}

func TestBindAnswerPassesWithItsControls(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			res := ldap.Result{Code: ldap.UnwillingToPerform, MatchedDN: "dc=com", Diagnostic: "account locked"}
			c.write(ldap.AppendResult(nil, m.ID, ldap.OpBindResponse, &res,
				encodeControls([]ldap.Control{{OID: "1.3.6.1.4.1.42.2.27.8.5.1", HasValue: true, Value: "\x30\x00"}})))
		}
	})
	c := r.dial()
	c.send(bindRequest(9, jonDN, password))
	m := c.receive()
	res := c.check(m, 9, ldap.UnwillingToPerform)
	if res.MatchedDN != "dc=com" || res.Diagnostic != "account locked" || !strings.Contains(string(m.Controls), "1.3.6.1.4.1.42.2.27.8.5.1") {
		t.Errorf("%+v, controls %q", res, m.Controls)
	}
}

func TestUpstreamTroubleIsNeverAWrongPassword(t *testing.T) {
	for name, s := range map[string]script{
		"closes":        func(c *upstreamConn, _ ldap.Message) { _ = c.Close() },
		"is silent":     func(*upstreamConn, ldap.Message) {},
		"foreign ID":    func(c *upstreamConn, m ldap.Message) { m.ID += 7; c.result(m, ldap.Result{}) },
		"garbage":       func(c *upstreamConn, _ ldap.Message) { c.write([]byte("HTTP/1.1 400")) },
		"referral":      func(c *upstreamConn, m ldap.Message) { c.result(m, ldap.Result{Code: ldap.Referral}) },
		"protocolError": func(c *upstreamConn, m ldap.Message) { c.result(m, ldap.Result{Code: ldap.ProtocolError}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(st *setup) { st.script, st.upstream.BindTimeout = s, 100*time.Millisecond })
			c := r.dial()
			c.bind(1, jamfDN, password, ldap.Unavailable)
			c.search(2, userFilter("x"), ldap.InsufficientAccessRights)
		})
	}
	t.Run("is down", func(t *testing.T) {
		r := start(t)
		r.up.close()
		r.dial().bind(1, jamfDN, password, ldap.Unavailable)
	})
}

func TestBindAbandonsWhatIsOutstanding(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest && c.number == 1 {
				c.wait(hold)
			}
			answer(c, m)
		}
	})
	c := r.bound()
	c.send(searchRequest(2, userFilter("x")))
	r.eventually("search upstream", func() bool { return r.up.count(ldap.OpSearchRequest) == 1 })
	c.send(bindRequest(3, jonDN, password), searchRequest(4, userFilter("y")))
	c.result(3, ldap.Success) // and nothing for 2 before it
	c.results(4, ldap.Success)
	r.eventually("abandon upstream", func() bool { return r.up.count(ldap.OpAbandonRequest) == 1 })
	if rec := r.record(lookup.OpSearch, 1); rec.Result != lookup.NoResult {
		t.Errorf("abandoned search is recorded with result %d", rec.Result)
	}
	if rec := r.record(lookup.OpSearch, 2); rec.BindDN != jonDN {
		t.Errorf("search after the bind ran as %q", rec.BindDN)
	}
}

func TestBackoffAfterFailedBinds(t *testing.T) {
	r := start(t)
	c := r.dial()
	bind := func(dn, pw string, want ldap.ResultCode) ldap.Result {
		t.Helper()
		return c.bind(1, dn, pw, want)
	}
	bind(jamfDN, "typo", ldap.InvalidCredentials)
	bind(jamfDN, password, ldap.Success) // at once after one typo, and it resets the count
	for range 5 {
		bind(jamfDN, "guess", ldap.InvalidCredentials)
	}
	asked := r.up.count(ldap.OpBindRequest)
	if res := bind(strings.ToUpper(jamfDN), password, ldap.Busy); !strings.Contains(res.Diagnostic, "limits.failed_binds") {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
	if r.up.count(ldap.OpBindRequest) != asked {
		t.Error("upstream was asked during the back-off")
	}
	bind(jonDN, password, ldap.Success) // somebody else from the same address
	r.clock.advance(2100 * time.Millisecond)
	bind(jamfDN, "guess", ldap.InvalidCredentials)
	r.clock.advance(2100 * time.Millisecond)
	bind(jamfDN, password, ldap.Busy) // the wait has doubled
	r.clock.advance(2 * time.Second)
	bind(jamfDN, password, ldap.Success)
	bind(jamfDN, "typo", ldap.InvalidCredentials)
	bind(jamfDN, password, ldap.Success)
	if r.counts.get("bind "+proxy.BindFailedBackoff) != 2 {
		t.Errorf("%d refusals counted", r.counts.get("bind "+proxy.BindFailedBackoff))
	}
}

func TestPasswordChangedMeanwhile(t *testing.T) {
	r := start(t, func(s *setup) {
		binds := 0
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpBindRequest {
				if c.number > 1 {
					c.result(m, ldap.Result{Code: ldap.InvalidCredentials})
					return
				}
				binds++
			}
			answer(c, m)
		}
	})
	c := r.bound()
	r.up.cut()
	time.Sleep(20 * time.Millisecond) // let the pool's check see the end of the connection
	c.send(searchRequest(2, userFilter("x")))
	if res := c.result(2, ldap.Unavailable); !strings.Contains(res.Diagnostic, "bind again") {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
	c.search(3, userFilter("x"), ldap.InsufficientAccessRights)
}

// remembering keeps the memory that was read into.
type remembering struct {
	net.Listener
	mu   sync.Mutex
	read [][]byte
}

type rememberingConn struct {
	net.Conn
	l *remembering
}

func (l *remembering) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return rememberingConn{conn, l}, err
}

func (c rememberingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.l.mu.Lock()
	c.l.read = append(c.l.read, p)
	c.l.mu.Unlock()
	return n, err
}

func TestReadBuffersHoldNoPasswordAfterwards(t *testing.T) {
	memory := &remembering{}
	r := start(t, func(s *setup) {
		s.wrap = func(l net.Listener) net.Listener { memory.Listener = l; return memory }
	})
	c := r.dial()
	c.send(bindRequest(1, jamfDN, password), searchRequest(2, userFilter("x")))
	c.result(1, ldap.Success)
	c.results(2, ldap.Success)
	c.bind(3, jamfDN, password+" wrong", ldap.InvalidCredentials)
	if err := r.shutdown(patience); err != nil {
		t.Fatal(err)
	}
	for _, p := range memory.read {
		if bytes.Contains(p[:cap(p)], []byte(password)) {
			t.Fatal("a password is still in a read buffer")
		}
	}
}
