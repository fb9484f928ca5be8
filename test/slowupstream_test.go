package test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/test/faults"
)

// Upstream says nothing, too little or no end of it.

// Silence, of the whole answer or in the middle of a message: 3, or 52 for a
// bind. What comes after all is nobody's.
func TestSilentUpstream(t *testing.T) {
	t.Parallel()
	up := embedded(t)
	for _, e := range errands {
		t.Run(e.what, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, up.addr)
			p := startWith(t, settings{servers: []string{r.url()}, upstream: yamlMap{"search_timeout": "1s", "bind_timeout": "1s"}})
			for _, s := range []struct {
				what string
				send func(*relayConn, packet) (late []byte)
			}{
				{"nothing", func(_ *relayConn, m packet) []byte { return m.raw }},
				{"half a message", func(c *relayConn, m packet) []byte {
					c.toProxy(m.raw[:len(m.raw)/2])
					return m.raw[len(m.raw)/2:]
				}},
			} {
				late := make(chan func(), 10)
				got := e.run(t, p, r, func(c *relayConn, m packet) bool {
					rest := bytes.Clone(s.send(c, m))
					late <- func() { c.toProxy(rest) }
					return false
				})
				tooLate.check(t, &e, got)
				for len(late) > 0 {
					(<-late)()
				}
				w := p.in(t).session()
				for _, next := range errands[1:] {
					if r := next.ask(w); !next.good(r) {
						t.Errorf("%s after %s: %d %s", next.what, s.what, r.code, r.text)
					}
				}
			}
		})
	}
}

// What upstream says while nobody asks is no answer to who asks next.
func TestUpstreamTalksOutOfTurn(t *testing.T) {
	t.Parallel()
	r := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{r.url()}})
	w := p.session()
	for what, text := range map[string][]byte{
		"notice of disconnection": noticeOfDisconnection(),
		"a notice nobody knows":   message(0, tlv(opExtendedResp, success(), tlv(0x8a, []byte("1.2.3")))),
		"result of the next":      okResult(opDone, 3, 0),
		"compareTrue of the next": okResult(opCompareResp, 3, 6),
		"entry":                   message(3, entryOp(userDN("nobody"), []string{"uid", "nobody"})),
		"half a message":          okResult(opDone, 3, 0)[:5],
		"garbage":                 []byte("HTTP/1.1 408 Request Timeout\r\n\r\n"),
	} {
		for _, e := range errands[1:] {
			r.each(func(c *relayConn) { c.toProxy(text) })
			if got := e.ask(w); !e.good(got) {
				t.Errorf("%s after %s: %d %s with %d entries", e.what, what, got.code, got.text, len(got.entries))
			}
		}
		r.each(func(c *relayConn) { c.toProxy(text) })
		p.session()
	}
}

// The line to a TLS server fails at the octet level, in a handshake as well.
func TestBrokenLine(t *testing.T) {
	t.Parallel()
	line, err := faults.New(embedded(t).tlsAddr, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(line.Close)
	p := startWith(t, settings{servers: []string{"ldaps://" + line.Addr()}, ca: pki(t).caPEM, upstream: yamlMap{"warm": 0}})
	type fault struct {
		what  string
		want  outcome
		toxic faults.Toxic
	}
	table := []fault{
		{"latency", right, faults.Latency(50 * time.Millisecond)},
		{"one octet at a time", right, faults.Slicer(1, 0)},
		{"a narrow line", right, faults.Slicer(500, 5*time.Millisecond)},
		{"garbage", broken, faults.Garbage([]byte("HTTP/1.1 502 Bad Gateway\r\n\r\n"))},
		{"TLS alert in clear", broken, faults.Garbage([]byte{0x15, 3, 3, 0, 2, 2, 40})},
		{"TLS record of nonsense", broken, faults.Garbage(append([]byte{0x17, 3, 3, 0, 64}, make([]byte, 64)...))},
	}
	for _, n := range []int{0, 1, 5, 30} {
		table = append(table,
			fault{fmt.Sprintf("closed after %d", n), broken, faults.LimitData(n, (*faults.Conn).Close)},
			fault{fmt.Sprintf("half-closed after %d", n), broken, faults.LimitData(n, (*faults.Conn).HalfClose)},
			fault{fmt.Sprintf("reset after %d", n), broken, faults.LimitData(n, (*faults.Conn).Reset)})
	}
	for _, f := range table {
		for _, e := range errands {
			t.Run(f.what+"/"+e.what, func(t *testing.T) {
				w := e.wire(p.in(t))
				line.Set(f.toxic)
				got := e.ask(w)
				line.Set(nil)
				f.want.check(t, &e, got)
				if got := e.ask(w); !e.good(got) {
					t.Errorf("on a good line again: %d %s", got.code, got.text)
				}
			})
		}
	}
}

// A certificate that has expired: no password is sent, and the log says why.
func TestExpiredUpstreamCertificate(t *testing.T) {
	t.Parallel()
	_, _, expired, err := pki(t).issueUntil(7, time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{expired}})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan int)
	go func() {
		defer close(heard)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := c.Read(make([]byte, 1)) // shakes hands first
			c.Close()
			if n > 0 {
				heard <- n
			}
		}
	}()
	p := startWith(t, settings{servers: []string{"ldaps://" + l.Addr().String()}, ca: pki(t).caPEM, upstreamIsOff: true})
	if r := p.connect().ask(bindOp(3, service, password)); r.code != goldap.LDAPResultUnavailable {
		t.Errorf("bind: %d %s, want 52", r.code, r.text)
	}
	p.awaitRecord("that the certificate has expired", func(r record) bool {
		return strings.Contains(fmt.Sprint(r["error"]), "needs a new certificate")
	})
	l.Close()
	for range heard {
		t.Error("the proxy spoke to a server whose certificate has expired")
	}
}

// An answer without an end is ended by the client's time limit, by an abandon,
// by the end of the client, or by upstream.search_timeout in the end; and
// meanwhile others are served.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	const endless = 1 << 40
	person := entryOp(userDN("again"), []string{"objectClass", "inetOrgPerson"}, []string{"uid", strings.Repeat("again", 2000)})
	f := startFlood(t, endless, person)
	p := startWith(t, settings{servers: []string{f.url()}, upstream: yamlMap{"search_timeout": "200ms", "bind_timeout": "5s"}})
	small := p.session()
	others := func(t *testing.T) {
		t.Helper()
		if r := small.in(t).ask(search("(uid=" + smallUser + ")").wire(t)); r.code != 0 || len(r.entries) != 1 {
			t.Errorf("another session: %d %s with %d entries", r.code, r.text, len(r.entries))
		}
	}
	last := func(w *wire, id int64) (code int) {
		for {
			if m := w.receive(); m.id != id {
				w.t.Fatalf("an answer to %d, asked was %d", m.id, id)
			} else if m.op.tag != opEntry {
				code, _, _ = m.result()
				return code
			}
		}
	}
	for what, q := range map[string]request{
		"time limit": search("(objectClass=inetOrgPerson)").within(1), "search_timeout": search("(objectClass=inetOrgPerson)"),
		"none of it is in the view": search("(&(objectClass=groupOfNames)(cn=*a*))").within(1),
		"bridged compare":           compare(groupDN("gameOfThrones"), "member", userDN("jon.snow")),
	} {
		t.Run(what, func(t *testing.T) {
			w := p.in(t).session()
			id := w.send(q.wire(t))
			others(t)
			if code := last(w, id); code != goldap.LDAPResultTimeLimitExceeded {
				t.Errorf("ended with %d, want 3", code)
			}
			others(t)
		})
	}
	t.Run("abandoned", func(t *testing.T) {
		w := p.in(t).session()
		id := w.send(search("(objectClass=inetOrgPerson)").wire(t))
		w.receive()
		w.send(tlv(opAbandon, []byte{byte(id)}))
		next := w.send(whoAmIOp())
		for m := w.receive(); m.id != next; m = w.receive() {
			if m.op.tag != opEntry {
				t.Fatal("the abandoned search was answered")
			}
		}
		others(t)
	})
	t.Run("client goes", func(t *testing.T) {
		w := p.in(t).session()
		w.send(search("(objectClass=inetOrgPerson)").wire(t))
		w.receive()
		w.conn.Close()
		others(t)
	})
}

// A server that always has another page: each costs the client a request, and
// nothing is left when it has had enough.
func TestEndlessPages(t *testing.T) {
	t.Parallel()
	r := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{r.url()}})
	r.onResponse(func(c *relayConn, m packet) bool {
		if m.op.tag != opDone {
			return true
		}
		c.toProxy(message(m.id, tlv(opDone, success()), control(oidPaging, false, tlv(0x30, integer(0), octets("again")))))
		return false
	})
	w := p.session()
	cookie := ""
	for range 50 {
		got := w.ask(search("(objectClass=groupOfNames)", "cn").wire(t), control(oidPaging, true, tlv(0x30, integer(2), octets(cookie))))
		next := cookieOf(t, got.last)
		if got.code != 0 || next == "" || next == "again" || next == cookie {
			t.Fatalf("page: %d %s, cookie %q after %q", got.code, got.text, next, cookie)
		}
		cookie = next
	}
	w.conn.Close()
	r.onResponse(nil)
	usable(t, wireClient{p.session()})
	eventually(t, "the connection with the cursor ends", func() error {
		if n := r.openConns(); n > 6 { // four spares, and the session above
			return fmt.Errorf("%d connections to upstream", n)
		}
		return nil
	})
}

// Controls that are none behind a page: it cannot be told whether it was the last.
func TestBrokenPage(t *testing.T) {
	t.Parallel()
	r := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{r.url()}})
	w := p.session()
	for what, controls := range map[string][]byte{
		"no list":        octets("x"),
		"no value":       control(oidPaging, false),
		"garbage":        control(oidPaging, false, octets("x")),
		"half a control": tlv(0x30, octets(oidPaging))[:9],
	} {
		for _, filter := range []string{"(objectClass=posixGroup)", "(objectClass=groupOfNames)"} {
			r.onResponse(func(c *relayConn, m packet) bool {
				if m.op.tag == opDone {
					c.toProxy(message(m.id, m.op.raw, controls))
				}
				return m.op.tag != opDone
			})
			got := w.ask(search(filter, "cn").wire(t), control(oidPaging, true, tlv(0x30, integer(2), octets(""))))
			r.onResponse(nil)
			if got.code != goldap.LDAPResultUnavailable {
				t.Errorf("%s, %s: %d %s, want 52", what, filter, got.code, got.text)
			}
			usable(t, wireClient{w})
		}
	}
}

// cookieOf is the cookie of the paged results control in a response.
func cookieOf(t *testing.T, m packet) string {
	t.Helper()
	body := m.controls
	for _, step := range []int{0, 0, 1, 0, 1} { // controls, first of them, its value, what that holds, cookie
		list, err := elements(body)
		if err != nil || len(list) <= step {
			t.Fatalf("no paged results control in % x: %v", m.controls, err)
		}
		body = list[step].body
	}
	return string(body)
}

// Packets to upstream vanish: 52 after upstream.connect_timeout, and another
// server is asked if there is one.
func TestUpstreamSwallowsPackets(t *testing.T) {
	t.Parallel()
	hole := "ldap://" + blackHole(t)
	timeouts := yamlMap{"connect_timeout": "1s"}
	alone := startWith(t, settings{servers: []string{hole}, upstream: timeouts, upstreamIsOff: true})
	if r := alone.connect().ask(bindOp(3, service, password)); r.code != goldap.LDAPResultUnavailable {
		t.Errorf("bind: %d %s, want 52", r.code, r.text)
	}
	p := startWith(t, settings{servers: []string{hole, embedded(t).url()}, upstream: timeouts})
	usable(t, wireClient{p.session()})
}

// Clients that ask for much and read nothing hold connections to upstream until
// limits.write_stall. One of them must not hold so many that others wait.
func TestStuckReadersLeaveRoom(t *testing.T) {
	t.Parallel()
	f := startFlood(t, 1<<40, entryOp(userDN("again"), []string{"uid", strings.Repeat("again", 2000)}))
	p := startWith(t, settings{servers: []string{f.url()}, upstream: yamlMap{"max_connections": 16, "warm": 0, "bind_timeout": "5s"}})
	for range 3 {
		stuck := p.session()
		for range 40 {
			stuck.send(search("(objectClass=inetOrgPerson)").wire(t))
		}
	}
	eventually(t, "the stuck readers have what they can get", func() error {
		if n := metricSum(p.get("/metrics"), `jamf_ldap_proxy_upstream_connections{`, `state="leased"`); n < 12 {
			return fmt.Errorf("%d connections are leased", n)
		}
		return nil
	})
	w := p.session()
	if r := w.ask(search("(uid=" + smallUser + ")").wire(t)); r.code != 0 || len(r.entries) != 1 {
		t.Errorf("%d %s with %d entries", r.code, r.text, len(r.entries))
	}
}
