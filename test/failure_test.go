package test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
)

// Upstream closes its connections between two lookups, as an idle timeout
// does. The client, whose connection stays, must not notice.
func TestUpstreamClosesIdleConnections(t *testing.T) {
	t.Parallel()
	up, dir := embeddedWith(t, directory.Config{})
	p := start(t, up)
	forEachClient(t, p.ldap, func(t *testing.T, c client) {
		for range 5 {
			usable(t, c)
			dir.CloseClientConnections()
			usable(t, c)
			dir.CloseClientConnections()
			q := compare(groupDN("gameOfThrones"), "memberUid", "jon.snow")
			check(t, q, c.ask(t, q), code(goldap.LDAPResultCompareTrue))
		}
	})
	t.Run("bind", func(t *testing.T) {
		for range 5 {
			dir.CloseClientConnections()
			p.session() // a bind too, although it may be sent only once
		}
	})
}

// Upstream closes its connection just as a request arrives on it. Nothing was
// sent to the client yet, so the lookup is asked again over a fresh connection;
// a bind is not, and neither is what fails twice.
func TestLookupIsReplayedOnce(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		first, second := startRelay(t, up.addr), startRelay(t, up.addr)
		p := startWith(t, settings{servers: []string{first.url(), second.url()}})
		w := p.session()
		closeOn := func(tag byte, times int) {
			var mu sync.Mutex
			for _, r := range []*relay{first, second} {
				r.onRequest(func(c *relayConn, m packet) bool {
					mu.Lock()
					defer mu.Unlock()
					if m.op.tag != tag || times == 0 {
						return true
					}
					times--
					c.close()
					return false
				})
			}
		}
		group := search("(&(objectClass=groupOfNames)(cn=gameOfThrones))")
		member := compare(groupDN("got"), "memberUid", "jon.snow")
		closeOn(opSearch, 1)
		check(t, group, w.search(group), found(groups("gameOfThrones")))
		closeOn(opCompare, 1)
		check(t, member, wireClient{w}.ask(t, member), code(goldap.LDAPResultCompareTrue))
		seen := func(tag byte) int { return len(first.seen(tag)) + len(second.seen(tag)) }
		closeOn(opSearch, 100)
		before := seen(opSearch)
		check(t, group, w.search(group), code(goldap.LDAPResultUnavailable))
		if after := seen(opSearch); after != before+2 {
			t.Errorf("upstream saw the search %d times, want 2", after-before)
		}
		closeOn(opBind, 1)
		before = seen(opBind)
		if r := p.connect().ask(bindOp(3, otherAdmin, password)); r.code != goldap.LDAPResultUnavailable {
			t.Errorf("bind that broke: %d %s, want 52", r.code, r.text)
		}
		if after := seen(opBind); after != before+1 {
			t.Errorf("upstream saw the bind %d times, want 1", after-before)
		}
		closeOn(opSearch, 0)
		check(t, group, w.search(group), found(groups("gameOfThrones")))
	})
}

// Upstream is unreachable and comes back: 52 in between, never 49, and the
// client's connection survives.
func TestUpstreamDown(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := startWith(t, settings{servers: []string{relay.url()}})
		w := p.session()
		c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
		usable(t, wireClient{w})
		relay.shut()
		group := search("(&(objectClass=groupOfNames)(cn=gameOfThrones))")
		for _, q := range []request{group, search("(uid=jon.snow)"), compare(groupDN("gameOfThrones"), "memberUid", "jon.snow")} {
			if a := (wireClient{w}).ask(t, q); a.Code != goldap.LDAPResultUnavailable || len(a.Entries) != 0 {
				t.Errorf("%v: code %d with %d entries, want 52 with none", q, a.Code, len(a.Entries))
			}
		}
		if a := c.ask(t, group); a.Code != goldap.LDAPResultUnavailable {
			t.Errorf("JNDI search: %d %s, want 52", a.Code, a.Text)
		}
		if r := p.connect().ask(bindOp(3, service, password)); r.code != goldap.LDAPResultUnavailable {
			t.Errorf("bind: %d %s, want 52", r.code, r.text)
		}
		if a := newJNDI(t).open("ldap://"+p.ldap, simpleBind(service, password)...); a.Code != goldap.LDAPResultUnavailable {
			t.Errorf("JNDI bind: %d %s, want 52", a.Code, a.Text)
		}
		if r := p.connect().ask(read("", "(objectClass=*)").wire(t)); r.code != goldap.LDAPResultUnavailable && r.code != 0 {
			t.Errorf("rootDSE: %d %s, want 52 or an answer of the proxy's own", r.code, r.text)
		}
		relay.reopen()
		eventually(t, "lookups work again", func() error {
			if a := (wireClient{w}).ask(t, group); a.Code != 0 || len(a.Entries) != 1 {
				return fmt.Errorf("code %d, %d entries", a.Code, len(a.Entries))
			}
			return nil
		})
		usable(t, c)
		p.session()
	})
}

// The proxy starts although upstream is down, and serves as soon as it is up.
func TestStartBeforeUpstream(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	relay.shut()
	p := startWith(t, settings{servers: []string{relay.url()}, upstreamIsOff: true})
	w := p.connect()
	if r := w.ask(bindOp(3, service, password)); r.code != goldap.LDAPResultUnavailable {
		t.Errorf("bind: %d %s, want 52", r.code, r.text)
	}
	relay.reopen()
	eventually(t, "a bind works", func() error {
		if r := w.ask(bindOp(3, service, password)); r.code != 0 {
			return fmt.Errorf("code %d %s", r.code, r.text)
		}
		return nil
	})
	usable(t, wireClient{w})
	p.awaitReady()
}

// The second server takes over when the first is down.
func TestFailover(t *testing.T) {
	t.Parallel()
	first, second := startRelay(t, embedded(t).addr), startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{first.url(), second.url()}})
	w := p.session()
	usable(t, wireClient{w})
	first.shut()
	usable(t, wireClient{w})
	p.session()
	if len(second.seen(opSearch)) == 0 {
		t.Error("the second server saw no search")
	}
	first.reopen()
	second.shut()
	eventually(t, "the first server serves again", func() error {
		if r := w.ask(bindOp(3, service, password)); r.code != 0 {
			return fmt.Errorf("bind: %d %s", r.code, r.text)
		}
		return nil
	})
	usable(t, wireClient{w})
}

// A refused bind is never tried again on another server: it would count twice
// towards a lock-out.
func TestWrongPasswordIsSentOnce(t *testing.T) {
	t.Parallel()
	target := embedded(t).addr
	first, second := startRelay(t, target), startRelay(t, target)
	p := startWith(t, settings{servers: []string{first.url(), second.url()}})
	if r := p.connect().ask(bindOp(3, endUser, "wrong")); r.code != goldap.LDAPResultInvalidCredentials {
		t.Errorf("bind: %d %s", r.code, r.text)
	}
	binds := 0
	for _, r := range []*relay{first, second} {
		binds += len(r.seen(opBind))
	}
	if binds != 1 {
		t.Errorf("upstream saw %d binds, want 1", binds)
	}
}

// The client's time limit ends a search that upstream does not answer.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	slow := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{slow.url()}})
	w := p.session()
	c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
	gate := slow.holdRequests(opSearch)
	for _, filter := range []string{"(objectClass=groupOfNames)", "(uid=jon.snow)"} {
		began := time.Now()
		if a := w.search(search(filter).within(1)); a.Code != goldap.LDAPResultTimeLimitExceeded || len(a.Entries) != 0 {
			t.Errorf("%s: code %d %s, want 3", filter, a.Code, a.Text)
		}
		if took := time.Since(began); took < time.Second/2 || took > patience/2 {
			t.Errorf("%s: answered after %v, asked for 1s", filter, took)
		}
		if a := c.ask(t, search(filter).within(1)); a.Code != goldap.LDAPResultTimeLimitExceeded {
			t.Errorf("JNDI %s: code %d %s, want 3", filter, a.Code, a.Text)
		}
	}
	gate.open()
	usable(t, wireClient{w})
	usable(t, c)
}

// The same with a directory that really takes its time.
func TestTimeLimitOfSlowUpstream(t *testing.T) {
	t.Parallel()
	up, _ := embeddedWith(t, directory.Config{Latency: 3 * time.Second})
	p := startWith(t, settings{servers: []string{up.url()}, upstreamIsOff: true})
	w := p.session()
	began := time.Now()
	if a := w.search(search("(objectClass=groupOfNames)").within(1)); a.Code != goldap.LDAPResultTimeLimitExceeded {
		t.Errorf("code %d %s, want 3", a.Code, a.Text)
	}
	if took := time.Since(began); took > 2500*time.Millisecond {
		t.Errorf("answered after %v, asked for 1s", took)
	}
	usable(t, wireClient{w}) // without a limit it is merely slow
}

// Upstream's own time-out, upstream.search_timeout, answers too: JNDI without
// a read timeout would wait for ever.
func TestSearchTimeout(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{relay.url()}, upstream: yamlMap{"search_timeout": "1s", "bind_timeout": "1s"}})
	w := p.session()
	gate := relay.holdRequests(opSearch)
	if a := w.search(search("(objectClass=groupOfNames)")); a.Code != goldap.LDAPResultTimeLimitExceeded {
		t.Errorf("search: code %d %s, want 3", a.Code, a.Text)
	}
	gate.open()
	usable(t, wireClient{w})
	silent := relay.holdRequests(opBind)
	if r := p.connect().ask(bindOp(3, otherAdmin, password)); r.code != goldap.LDAPResultUnavailable {
		t.Errorf("bind that upstream leaves unanswered: %d %s, want 52", r.code, r.text)
	}
	silent.open()
}

// An abandoned search gets no answer, and neither its connection nor others
// wait for it.
func TestAbandon(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := startWith(t, settings{servers: []string{relay.url()}})
		for _, filter := range []string{"(objectClass=inetOrgPerson)", "(objectClass=groupOfNames)"} {
			w := p.session()
			gate := relay.holdResponses(opDone)
			id := w.send(search(filter, "1.1").wire(t))
			gate.await()
			w.send(tlv(opAbandon, []byte{byte(id)}))
			relay.onResponse(nil) // later searches are not held
			next := w.send(search("(uid=jon.snow)", "uid").wire(t))
			for done := false; !done; {
				m := w.receive() // fails the test when nothing comes
				switch {
				case m.id == id && m.op.tag != opEntry:
					t.Errorf("%s: the abandoned search was answered", filter)
				case m.id == next && m.op.tag != opEntry:
					code, _, text := m.result()
					if code != 0 {
						t.Errorf("search after the abandon: %d %s", code, text)
					}
					done = true
				}
			}
			gate.open()
			for range 5 {
				usable(t, wireClient{w}) // a late answer would come here
			}
		}
		w := p.session()
		w.send(tlv(opAbandon, []byte{77})) // nothing of that name
		usable(t, wireClient{w})
	})
}

// What a broken or hostile directory sends never harms the proxy or the
// client's connection: 52, and the next lookup works.
func TestHostileUpstream(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{relay.url()}})
	done := func(id int64, code byte) []byte {
		return message(id, tlv(opDone, tlv(0x0a, []byte{code}), octets(""), octets("")))
	}
	const linux, bridged = "(&(objectClass=posixGroup)(cn=got))", "(&(objectClass=groupOfNames)(cn=gameOfThrones))"
	for _, c := range []struct {
		what string
		send func(c *relayConn, id int64) // instead of the result of a search
	}{
		{"closes", func(c *relayConn, _ int64) { c.close() }},
		{"result for another message", func(c *relayConn, id int64) { c.toProxy(done(id+100, 0)) }},
		{"result of another operation", func(c *relayConn, id int64) {
			c.toProxy(message(id, tlv(opBindResponse, enumerated(0), octets(""), octets(""))))
		}},
		{"a request", func(c *relayConn, id int64) { c.toProxy(message(id, bindOp(3, service, "x"))) }},
		{"garbage", func(c *relayConn, _ int64) { c.toProxy([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }},
		{"message ID missing", func(c *relayConn, _ int64) { c.toProxy(tlv(0x30, tlv(opDone))) }},
		{"empty result", func(c *relayConn, id int64) { c.toProxy(message(id, tlv(opDone))) }},
		{"entry without parts", func(c *relayConn, id int64) {
			c.toProxy(append(message(id, tlv(opEntry)), done(id, 0)...))
		}},
		{"entry with attributes of the wrong type", func(c *relayConn, id int64) {
			c.toProxy(append(message(id, tlv(opEntry, octets(groupDN("got")), integer(7))), done(id, 0)...))
		}},
		{"indefinite length", func(c *relayConn, _ int64) { c.toProxy([]byte{0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00}) }},
		{"claims 2 GiB", func(c *relayConn, _ int64) { c.toProxy([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01}) }},
		{"half a message and the end", func(c *relayConn, id int64) { c.toProxy(done(id, 0)[:4]); c.close() }},
		{"referral", func(c *relayConn, id int64) {
			c.toProxy(message(id, tlv(opDone, enumerated(10), octets(""), octets(""), tlv(0xa3, octets("ldap://127.0.0.1:1/")))))
		}},
		{"notice of disconnection", func(c *relayConn, _ int64) {
			c.toProxy(message(0, tlv(opExtendedResp, enumerated(52), octets(""), octets(""), tlv(0x8a, []byte(oidDisconnect)))))
			c.close()
		}},
	} {
		for _, filter := range []string{linux, bridged} {
			t.Run(c.what+" "+filter, func(t *testing.T) {
				w := p.in(t).session()
				spoil := true
				relay.onResponse(func(conn *relayConn, m packet) bool {
					if m.op.tag != opDone && m.op.tag != opEntry {
						return true
					}
					if !spoil {
						return true
					}
					if m.op.tag == opDone {
						c.send(conn, m.id)
					}
					return false
				})
				r := w.ask(search(filter).wire(t))
				relay.onResponse(nil)
				// An entry that is not translated passes through unread, good or bad.
				unread := filter == linux && len(r.entries) > 0
				if r.code != goldap.LDAPResultUnavailable && !unread {
					t.Errorf("code %d %s with %d entries, want 52", r.code, r.text, len(r.entries))
				}
				usable(t, wireClient{w})
				p.alive()
			})
		}
	}
	t.Run("reference", func(t *testing.T) {
		w := p.in(t).session()
		relay.onResponse(func(conn *relayConn, m packet) bool {
			if m.op.tag == opDone {
				conn.toProxy(message(m.id, tlv(opReference, octets("ldap://127.0.0.1:1/"+usersBase))))
			}
			return true
		})
		r := w.ask(search("(&(objectClass=groupOfNames)(cn=gameOfThrones))").wire(t))
		relay.onResponse(nil)
		if r.code != 0 || len(r.entries) != 1 || len(r.references) != 0 {
			t.Errorf("code %d, %d entries, %d references; want 0, 1, 0", r.code, len(r.entries), len(r.references))
		}
	})
	t.Run("bind answered under another message ID", func(t *testing.T) {
		relay.onResponse(func(conn *relayConn, m packet) bool {
			if m.op.tag == opBindResponse {
				conn.toProxy(message(m.id+1, m.op.raw))
				return false
			}
			return true
		})
		w := p.in(t).connect()
		r := w.ask(bindOp(3, service, password))
		relay.onResponse(nil)
		if r.code != goldap.LDAPResultUnavailable {
			t.Errorf("bind: %d %s, want 52", r.code, r.text)
		}
		if got := w.whoAmI(); got != "" {
			t.Errorf("the session is %q after a bind that nobody confirmed", got)
		}
	})
}

// Upstream dies in the middle of an answer of which the client has entries
// already: the client hears about it and is not given a complete-looking list.
func TestUpstreamDiesMidAnswer(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := startWith(t, settings{servers: []string{relay.url()}})
		for _, filter := range []string{"(objectClass=inetOrgPerson)", "(objectClass=groupOfNames)"} {
			w := p.session()
			entries := 0
			relay.onResponse(func(c *relayConn, m packet) bool {
				if m.op.tag == opEntry {
					if entries++; entries == 4 {
						c.close()
						return false
					}
				}
				return true
			})
			a := w.search(search(filter))
			relay.onResponse(nil)
			// The first try may be replayed while nothing was sent, so success
			// is right only with the whole answer.
			whole := map[string]int{"(objectClass=inetOrgPerson)": 10, "(objectClass=groupOfNames)": 6}[filter]
			if a.Code != goldap.LDAPResultUnavailable && (a.Code != 0 || len(a.Entries) != whole) {
				t.Errorf("%s: code %d with %d entries; want 52, or 0 with %d", filter, a.Code, len(a.Entries), whole)
			}
			seen := map[string]bool{}
			for _, e := range a.Entries {
				if seen[e.DN] {
					t.Errorf("%s: %s twice", filter, e.DN)
				}
				seen[e.DN] = true
			}
			usable(t, wireClient{w})
		}
	})
}

// The client goes away in the middle of a search: nothing is left behind.
func TestClientGoesAway(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{relay.url()}})
	for range 20 {
		w := p.session()
		gate := relay.holdResponses(opDone)
		w.send(search("(objectClass=groupOfNames)").wire(t))
		gate.await()
		w.conn.Close()
		gate.open()
		relay.onResponse(nil)
	}
	usable(t, wireClient{p.session()})
	eventually(t, "the proxy forgets the clients", func() error {
		if n := relay.openConns(); n > 10 {
			return fmt.Errorf("%d connections to upstream", n)
		}
		return nil
	})
}
