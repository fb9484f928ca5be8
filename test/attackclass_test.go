package test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/config"
)

// One test for each class of attack that other LDAP servers and proxies fell to;
// docs/security-attacks.md is the table of them. Each runs against the real
// program, with a witness beside it; see siege_test.go. Some stand beside their
// relatives: A06, A07 and A10 in session_test.go, A13 in crowd_test.go, A15 in
// names_test.go, A17 is TestHostileUpstream, A22 is in record_test.go.

func TestAttackA01Nesting(t *testing.T) { sendBadPackets(t, "A01") }

func TestAttackA02LengthClaims(t *testing.T) { sendBadPackets(t, "A02") }

// Filters at and beyond the limits of depth and width, and one that translating
// must not blow up.
func TestAttackA03Filters(t *testing.T) {
	sendBadPackets(t, "A03")
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := besiege(t, settings{servers: []string{relay.url()}, plain: true})
		w := p.session()
		op := func(filter []byte) []byte { return searchOp(usersBase, 2, 0, 0, filter, "cn") }
		terms := func(n int) []byte { return tlv(0xa1, bytes.Repeat(equals("uid", "jon.snow"), n)) }
		for _, c := range []struct {
			what   string
			filter []byte
			code   int
			knob   string
		}{
			{"depth 63", nest(0xa2, 62, equals("uid", "jon.snow")), 0, ""},
			{"depth 65", nest(0xa2, 65, equals("uid", "jon.snow")), goldap.LDAPResultAdminLimitExceeded, "limits.nesting"},
			{"2000 terms", terms(2000), 0, ""},
			{"5000 terms", terms(5000), goldap.LDAPResultAdminLimitExceeded, "limits.filter_terms"},
		} {
			r := w.ask(op(c.filter))
			if r.code != c.code || !strings.Contains(r.text, c.knob) {
				t.Errorf("%s: code %d %q, want %d with %q", c.what, r.code, r.text, c.code, c.knob)
			}
		}
		// Wildcards on group names each stand for several Linux names.
		wide := op(tlv(0xa0, equals("objectClass", "groupOfNames"),
			tlv(0xa1, bytes.Repeat(tlv(0xa4, octets("cn"), tlv(0x30, tlv(0x81, []byte("e")))), 500))))
		q := search("(500 wildcards)", "cn")
		check(t, q, w.ask(wide).answer(t), found(groups("gameOfThrones", "breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Everyone")))
		for _, m := range relay.seen(opSearch) {
			if len(m.raw) > 256<<10 {
				t.Errorf("a request of %d octets went upstream", len(m.raw))
			}
		}
	})
}

func TestAttackA04Controls(t *testing.T) {
	sendBadPackets(t, "A04")
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := besiege(t, settings{servers: []string{up.url()}})
		w := p.session()
		q := searchOp(usersBase, 2, 0, 0, present("uid"), "uid")
		if r := w.ask(q, slices.Repeat([][]byte{control("1.2.3", false)}, 33)...); r.code != goldap.LDAPResultAdminLimitExceeded || !strings.Contains(r.text, "limits.controls") {
			t.Errorf("33 controls: %d %q", r.code, r.text)
		}
		paged := func(size int, cookie string) []byte {
			return control(oidPaging, true, tlv(0x30, integer(int64(size)), octets(cookie)))
		}
		if r := w.ask(q, paged(0, "")); r.code != 0 || len(r.entries) > 0 && len(r.entries) < 10 {
			t.Errorf("a page of 0: code %d %q, %d entries", r.code, r.text, len(r.entries))
		}
		first := w.ask(q, paged(2, ""))
		cookie := cookieOf(t, first.last)
		if first.code != 0 || cookie == "" {
			t.Fatalf("first page: code %d %q, cookie %q", first.code, first.text, cookie)
		}
		for what, other := range map[string]*wire{"the same user": p.session(), "another user": p.connect()} {
			if what == "another user" {
				other.bind(otherAdmin, password)
			}
			if r := other.ask(q, paged(2, cookie)); r.code != goldap.LDAPResultUnwillingToPerform || len(r.entries) != 0 {
				t.Errorf("the cookie of another connection, by %s: code %d %q, %d entries", what, r.code, r.text, len(r.entries))
			}
		}
		if r := w.ask(q, paged(2, cookie)); r.code != 0 || len(r.entries) != 2 {
			t.Errorf("the cookie of this connection: code %d %q, %d entries", r.code, r.text, len(r.entries))
		}
		if r := w.ask(q, paged(2, cookie)); r.code != goldap.LDAPResultUnwillingToPerform {
			t.Errorf("a cookie once more: code %d %q", r.code, r.text)
		}
	})
}

// A DN without a password is no login, whatever upstream thinks of it.
func TestAttackA05EmptyPassword(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := besiege(t, settings{servers: []string{relay.url()}})
		before := len(relay.seen(opBind))
		for _, dn := range []string{service, endUser, userDN("nobody.at.all"), usersBase, " ", "uid=x"} {
			for _, begin := range []func() *wire{p.connect, p.session} {
				w := begin()
				if r := w.ask(bindOp(3, dn, "")); r.code != goldap.LDAPResultUnwillingToPerform {
					t.Errorf("%q: code %d %q, want 53", dn, r.code, r.text)
				}
				if who := w.whoAmI(); who != "" {
					t.Errorf("%q: the session is %q", dn, who)
				}
				if r := w.ask(search("(uid=jon.snow)").wire(t)); r.code != goldap.LDAPResultInsufficientAccessRights {
					t.Errorf("%q: a search answers %d %q", dn, r.code, r.text)
				}
			}
		}
		for _, m := range relay.seen(opBind)[before:] {
			if parts, err := elements(m.op.body); err != nil || len(parts) != 3 || len(parts[2].body) == 0 {
				t.Errorf("upstream saw % x", m.raw)
			}
		}
	})
}

// A password that was changed is worth nothing from the next bind on, and a
// session from before ends with the next connection to upstream, even with all
// the caching that there is.
func TestAttackA08StaleAuthorisation(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := besiege(t, settings{servers: []string{relay.url()}, cache: yamlMap{"ttl": "1m", "negative_ttl": "1m", "stale": "1h"}})
		w := p.connect()
		w.bind(otherAdmin, password)
		check(t, search("(uid=jon.snow)"), w.search(search("(uid=jon.snow)")), found(people("jon.snow")))
		relay.onRequest(func(c *relayConn, m packet) bool {
			if m.op.tag != opBind || !bytes.Contains(m.raw, []byte(otherAdmin)) {
				return true
			}
			c.toProxy(message(m.id, tlv(opBindResponse, enumerated(goldap.LDAPResultInvalidCredentials), octets(""), octets(""))))
			return false
		})
		for i := range 3 {
			before := len(relay.seen(opBind))
			if r := p.connect().ask(bindOp(3, otherAdmin, password)); r.code != goldap.LDAPResultInvalidCredentials {
				t.Errorf("the old password, attempt %d: %d %q, want 49", i, r.code, r.text)
			}
			if len(relay.seen(opBind)) == before {
				t.Errorf("attempt %d was answered without upstream", i)
			}
		}
		relay.hangUp()
		q := search("(uid=arya.stark)") // nobody has asked this before
		// A first search may find the connections upstream broken, before another
		// one is made; the session ends with that.
		who := otherAdmin
		for range 3 {
			if a := w.search(q); a.Code != goldap.LDAPResultUnavailable || len(a.Entries) != 0 {
				t.Errorf("the session from before: code %d %q, %d entries; want 52", a.Code, a.Text, len(a.Entries))
			}
			if who = w.whoAmI(); who == "" {
				break
			}
		}
		if who != "" {
			t.Errorf("the session from before is %q", who)
		}
		if a := w.search(search("(uid=jon.snow)")); a.Code != goldap.LDAPResultInsufficientAccessRights || len(a.Entries) != 0 {
			t.Errorf("what it had asked before: code %d, %d entries; want 50", a.Code, len(a.Entries))
		}
	})
}

// No result code of upstream but success is ever success, for a bind or behind
// the entries of a search.
func TestAttackA09FailureIsNotSuccess(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := besiege(t, settings{servers: []string{relay.url()}, limits: yamlMap{"failed_binds": 1000}})
	var result atomic.Int32
	relay.onRequest(func(c *relayConn, m packet) bool {
		if m.op.tag != opBind || !bytes.Contains(m.raw, []byte(endUser)) {
			return true
		}
		c.toProxy(message(m.id, tlv(opBindResponse, enumerated(int(result.Load())), octets(""), octets(""))))
		return false
	})
	asked := relay.spoil("a09", func(c *relayConn, m packet) bool {
		if m.op.tag == opDone {
			c.toProxy(message(m.id, tlv(opDone, enumerated(int(result.Load())), octets(""), octets(""))))
			return false
		}
		return true
	})
	w, searching := p.connect(), p.session()
	for code := 1; code <= 127; code++ {
		result.Store(int32(code))
		if r := w.ask(bindOp(3, endUser, password)); r.code == 0 {
			t.Errorf("upstream refuses a bind with %d: success", code)
		} else if r.code == goldap.LDAPResultInvalidCredentials && code != r.code {
			t.Errorf("upstream refuses a bind with %d: invalidCredentials", code)
		}
		if who := w.whoAmI(); who != "" {
			t.Errorf("after a bind refused with %d the session is %q", code, who)
		}
		for _, filter := range []string{"(|(objectClass=groupOfNames)(cn=a09))", "(|(uid=jon.snow)(uid=a09))"} {
			if r := searching.ask(search(filter).wire(t)); r.code == 0 {
				t.Errorf("upstream ends %s with %d: success with %d entries", filter, code, len(r.entries))
			}
		}
	}
	if asked() < 2*127 {
		t.Errorf("%d searches were spoiled: this tests nothing", asked())
	}
}

// spoil has f decide about the answers to requests that contain marker: false
// drops one. Other connections pass. The result counts the requests.
func (r *relay) spoil(marker string, f func(*relayConn, packet) bool) (asked func() int) {
	var (
		mu    sync.Mutex
		count int
		on    = map[*relayConn]bool{}
	)
	r.mu.Lock()
	before := r.request
	r.mu.Unlock()
	r.onRequest(func(c *relayConn, m packet) bool {
		mu.Lock()
		on[c] = bytes.Contains(m.raw, []byte(marker))
		if on[c] {
			count++
		}
		mu.Unlock()
		return before == nil || before(c, m)
	})
	r.onResponse(func(c *relayConn, m packet) bool {
		mu.Lock()
		marked := on[c]
		mu.Unlock()
		return !marked || f(c, m)
	})
	return func() int { mu.Lock(); defer mu.Unlock(); return count }
}

// holdAnswersTo holds the results of requests that contain marker.
func (r *relay) holdAnswersTo(marker string) *gate {
	g, hook := newGate(r.t, opDone)
	r.spoil(marker, hook)
	return g
}

// A client that takes its question back in every way there is, at the worst
// moment; and names without values, which other proxies stumbled over.
func TestAttackA11Races(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := besiege(t, settings{servers: []string{up.url()}})
		for what, then := range map[string]func(w *wire) []byte{
			"unbind":  func(*wire) []byte { return message(99, tlv(opUnbind)) },
			"abandon": func(w *wire) []byte { return message(99, tlv(opAbandon, []byte{50})) },
			"bind":    func(*wire) []byte { return message(99, bindOp(3, otherAdmin, password)) },
			"close":   func(*wire) []byte { return nil },
			"reset":   func(w *wire) []byte { w.conn.(*net.TCPConn).SetLinger(0); return nil },
		} {
			t.Run(what, func(t *testing.T) {
				for _, filter := range []string{"(objectClass=groupOfNames)", "(objectClass=inetOrgPerson)"} {
					for range 15 {
						w := p.in(t).session()
						w.write(append(message(50, search(filter).wire(t)), then(w)...))
						w.conn.Close()
					}
				}
			})
		}
		w := p.session()
		for _, filter := range []string{"(objectClass=groupOfNames)", "(objectClass=posixGroup)", "(&(objectClass=groupOfNames)(member=" + userDN("jon.snow") + "))"} {
			with, without := w.ask(search(filter).wire(t)), w.ask(search(filter).typesOnly().wire(t))
			if without.code != 0 || len(without.entries) != len(with.entries) {
				t.Errorf("%s: code %d %q, %d entries without values and %d with", filter, without.code, without.text, len(without.entries), len(with.entries))
			}
			for _, m := range without.entries {
				for name, values := range m.entry(t).Attrs {
					if len(values) > 0 {
						t.Errorf("%s: %s has values %q", filter, name, values)
					}
				}
			}
		}
	})
}

// Message IDs that are none, and one that is in use. Upstream's foreign ones are
// TestHostileUpstream's.
func TestAttackA12MessageIDs(t *testing.T) {
	sendBadPackets(t, "A12")
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := besiege(t, settings{servers: []string{relay.url()}})
		gate := relay.holdAnswersTo("a12")
		w := p.session()
		w.write(message(50, search("(uid=a12)").wire(t)))
		gate.await()
		w.write(message(50, search("(uid=jon.snow)").wire(t)))
		p.disconnects(w, goldap.LDAPResultProtocolError, "message ID")
		gate.open()
		w = p.session()
		w.write(message(1<<31-1, whoAmIOp()))
		if m := w.receive(); m.id != 1<<31-1 {
			t.Errorf("message ID %d, want the largest", m.id)
		}
	})
}

// disconnects wants a notice of disconnection with a code and a word, then the end.
func (p *proxy) disconnects(w *wire, code int, word string) {
	p.t.Helper()
	last := w.closedBy(2 * patience)
	if len(last) == 0 {
		p.t.Errorf("the connection ended without a word, want %d %q", code, word)
		return
	}
	got, yes := last[len(last)-1].disconnected()
	if _, _, text := last[len(last)-1].result(); !yes || got != code || !strings.Contains(text, word) {
		p.t.Errorf("the last message is % x, want a notice of disconnection with %d and %q", last[len(last)-1].raw, code, word)
	}
}

// Octets that wait in clear behind StartTLS, StartTLS where it does not belong,
// and an upstream that refuses it: nothing ever goes on in clear.
func TestAttackA14StartTLS(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := besiege(t, settings{servers: []string{relay.url()}, listenerTLS: true})
	start := tlv(opExtended, tlv(0x80, []byte(oidStartTLS)))
	t.Run("injection", func(t *testing.T) {
		injected := message(2, bindOp(3, service, password))
		for n := 1; n <= len(injected); n++ { // each part of it, too
			w := p.in(t).connect()
			w.write(append(message(1, start), injected[:n]...))
			w.conn.(*net.TCPConn).CloseWrite()
			if rest := w.rawUntilClosed(patience); bytes.Contains(rest, []byte{opBindResponse, 7}) {
				t.Fatalf("with %d octets behind StartTLS: % x", n, rest)
			}
		}
		// Octets that come a moment later, when the answer has been read, are no handshake.
		w := p.in(t).connect()
		if r := w.ask(start); r.code != 0 {
			t.Fatalf("StartTLS: %d %s", r.code, r.text)
		}
		w.write(injected)
		if rest := w.rawUntilClosed(patience); len(rest) > 0 && rest[0] == 0x30 {
			t.Errorf("a bind in clear in place of the handshake: % x", rest)
		}
	})
	t.Run("twice", func(t *testing.T) {
		w := p.in(t).connect()
		if r := w.ask(start); r.code != 0 {
			t.Fatalf("StartTLS: %d %s", r.code, r.text)
		}
		w.secure(clientTLS(t))
		if r := w.ask(start); r.code != goldap.LDAPResultOperationsError {
			t.Errorf("second StartTLS: %d %s, want 1", r.code, r.text)
		}
		w.bind(service, password)
	})
	t.Run("with a lookup outstanding", func(t *testing.T) {
		w := p.in(t).session()
		gate := relay.holdAnswersTo("a14")
		lookup := w.send(search("(uid=a14)").wire(t))
		gate.await()
		if r := w.ask(start); r.code != goldap.LDAPResultOperationsError {
			t.Errorf("StartTLS: %d %s, want 1", r.code, r.text)
		}
		gate.open()
		if r := w.await(lookup); r.code != 0 {
			t.Errorf("the lookup: %d %s", r.code, r.text)
		}
	})
	t.Run("the identity from before does not count", func(t *testing.T) {
		w := p.in(t).session()
		if r := w.ask(start); r.code != 0 {
			t.Fatalf("StartTLS: %d %s", r.code, r.text)
		}
		w.secure(clientTLS(t))
		if who := w.whoAmI(); who != "" {
			t.Errorf("the session is %q", who)
		}
	})
	t.Run("upstream refuses", func(t *testing.T) {
		stripping := startRelay(t, embedded(t).addr)
		stripping.onRequest(func(c *relayConn, m packet) bool {
			if m.op.tag == opExtended {
				c.toProxy(message(m.id, tlv(opExtendedResp, enumerated(goldap.LDAPResultProtocolError), octets(""), octets("no TLS here"))))
				return false
			}
			return true
		})
		p := startWith(t, settings{servers: []string{stripping.url()}, startTLS: true, ca: pki(t).caPEM, upstreamIsOff: true})
		if r := p.connect().ask(bindOp(3, service, password)); r.code != goldap.LDAPResultUnavailable {
			t.Errorf("bind: %d %s, want 52", r.code, r.text)
		}
		if seen := stripping.seen(opBind); len(seen) > 0 {
			t.Errorf("%d binds went upstream in clear", len(seen))
		}
	})
}

// A referral leads nowhere: neither the proxy nor its client ever dials it.
func TestAttackA16Referrals(t *testing.T) {
	t.Parallel()
	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var caught atomic.Int32
	sprung := make(chan struct{})
	go func() {
		defer close(sprung)
		for {
			c, err := trap.Accept()
			if err != nil {
				return
			}
			caught.Add(1)
			c.Close()
		}
	}()
	defer func() { trap.Close(); <-sprung }()
	url := "ldap://" + trap.Addr().String() + "/" + usersBase
	relay := startRelay(t, embedded(t).addr)
	p := besiege(t, settings{servers: []string{relay.url()}})
	relay.spoil("a16", func(c *relayConn, m packet) bool {
		referral := func(op byte) []byte {
			return message(m.id, tlv(op, enumerated(goldap.LDAPResultReferral), octets(usersBase), octets(""), tlv(0xa3, octets(url))))
		}
		switch m.op.tag {
		case opDone:
			c.toProxy(append(message(m.id, tlv(opReference, octets(url))), referral(opDone)...))
		case opCompareResp, opBindResponse:
			c.toProxy(referral(m.op.tag))
		default:
			return true
		}
		return false
	})
	w := p.session()
	c := openJNDI(t, "ldap://"+p.ldap, append(simpleBind(service, password), "java.naming.referral=follow")...)
	t.Cleanup(c.close)
	for _, q := range []request{search("(uid=a16)"), search("(&(objectClass=groupOfNames)(cn=a16))"), compare(groupDN("got"), "memberUid", "a16")} {
		for _, a := range []answer{wireClient{w}.ask(t, q), c.ask(t, q)} {
			if a.Code != goldap.LDAPResultUnavailable || len(a.Entries) != 0 {
				t.Errorf("%v: code %d %q, %d entries; want 52", q, a.Code, a.Text, len(a.Entries))
			}
		}
	}
	if r := p.connect().ask(bindOp(3, userDN("a16"), "x")); r.code != goldap.LDAPResultUnavailable || bytes.Contains(r.last.raw, []byte(url)) {
		t.Errorf("bind: %d %q", r.code, r.text)
	}
	if n := caught.Load(); n > 0 {
		t.Errorf("the referral was dialed %d times", n)
	}
	if n := p.counted("search_references_total"); n == "0" || n == "absent" {
		t.Errorf("search_references_total is %s", n)
	}
}

// What would make a Java client build objects does not get through.
func TestAttackA18JavaObjects(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := besiege(t, settings{servers: []string{relay.url()}})
	poison := entryOp("cn=got,"+usersBase, []string{"objectClass", "top", "posixGroup", "javaObject", "javaNamingReference"}, []string{"cn", "got"},
		[]string{"javaClassName", "a"}, []string{"javaCodeBase", "http://127.0.0.1:1/"}, []string{"JavaSerializedData;binary", "\xac\xed\x00\x05"},
		[]string{"javaFactory", "Exploit"}, []string{"memberUid", "jon.snow"}, []string{"gidNumber", "7001"})
	relay.spoil("a18", func(c *relayConn, m packet) bool {
		if m.op.tag == opDone {
			c.toProxy(message(m.id, poison))
		}
		return true
	})
	w := p.session()
	for _, filter := range []string{"(|(cn=a18)(uid=a18))", "(&(objectClass=groupOfNames)(|(cn=gameOfThrones)(description=a18)))"} {
		r := w.ask(search(filter).wire(t))
		if r.code != 0 || len(r.entries) == 0 {
			t.Errorf("%s: code %d %q with %d entries", filter, r.code, r.text, len(r.entries))
		}
		for _, m := range r.entries {
			if bytes.Contains(bytes.ToLower(m.raw), []byte("java")) || bytes.Contains(m.raw, []byte("\xac\xed\x00\x05")) {
				t.Errorf("%s: %q", filter, m.raw)
			}
		}
	}
}

// A password is in no line of the log, however its bind was damaged.
func TestAttackA19SecretsInTheLog(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"debug", "info"} {
		t.Run(level, func(t *testing.T) {
			p := besiege(t, settings{servers: []string{embedded(t).url()}, logLevel: level, limits: yamlMap{"failed_binds": 100_000}})
			const marker = "m4rked-p4ssw0rd"
			whole := message(7, bindOp(3, endUser, marker))
			var attempts [][]byte
			for i := range whole {
				attempts = append(attempts, whole[:i])
				if at := bytes.Index(whole, []byte(marker)); i < at { // a changed password is another one
					for _, flip := range []byte{0x01, 0x20, 0x80, 0xff} {
						damaged := bytes.Clone(whole)
						damaged[i] ^= flip
						attempts = append(attempts, damaged)
					}
				}
			}
			atOnce(t, 8, len(attempts), func(i int) error {
				conn, err := net.DialTimeout("tcp", p.ldap, patience)
				if err != nil {
					return err
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(2 * patience))
				if _, err := conn.Write(attempts[i]); err != nil {
					return nil // it hangs up at the first octets of some
				}
				conn.(*net.TCPConn).CloseWrite()
				readAway(conn)
				return nil
			})
			p.connect().ask(bindOp(3, endUser, marker))
			p.awaitLookup("the last bind", func(r record) bool { return r["result"] == float64(goldap.LDAPResultInvalidCredentials) })
			for line := range strings.Lines(p.log()) {
				if strings.Contains(line, marker) || strings.Contains(line, "6d34726b65642d70347373773072") { // in hex
					t.Fatalf("the password is in the log: %s", line)
				}
			}
		})
	}
}

// readAway reads to the end, or to the deadline.
func readAway(c net.Conn) {
	buffer := make([]byte, 4<<10)
	for {
		if _, err := c.Read(buffer); err != nil {
			return
		}
	}
}

// atOnce calls f for 0 to n-1 from some goroutines.
func atOnce(t testing.TB, workers, n int, f func(i int) error) {
	t.Helper()
	var (
		group sync.WaitGroup
		next  atomic.Int64
	)
	for range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					t.Errorf("%d of %d: %v", i, n, err)
					return
				}
			}
		}()
	}
	group.Wait()
}

// The web listener shows everything, so it is on loopback unless configured
// otherwise, and then asks who is there. Half requests do not pile up.
func TestAttackA20WebListener(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	addresses := []string{cfg.Web.Address}
	for _, l := range cfg.Listeners {
		addresses = append(addresses, l.Address)
	}
	for _, a := range addresses {
		if at, err := netip.ParseAddrPort(a); err != nil || !at.Addr().IsLoopback() {
			t.Errorf("listens on %q by default: %v", a, err)
		}
	}
	open := "upstream: { servers: [\"ldaps://ldap.jumpcloud.com:636\"], base: \"" + usersBase + "\" }\nweb: { address: \"0.0.0.0:8389\" }\n"
	if _, err := config.Parse("open.yaml", []byte(open)); err == nil || !strings.Contains(err.Error(), "web.") {
		t.Errorf("a page for everybody: %v", err)
	}
	p := besiege(t, settings{servers: []string{embedded(t).url()}})
	foreign, err := http.NewRequest("GET", "http://"+p.web+"/api/lookups", nil)
	if err != nil {
		t.Fatal(err)
	}
	foreign.Host = "attacker.example.test"
	response, err := http.DefaultClient.Do(foreign)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode < 400 {
		t.Errorf("under a foreign name: %s", response.Status)
	}
	for i, c := range dialAll(t, p.web, 100) {
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")[:1+i%38]); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "half requests are cut off", func() error {
		if f := p.footprint(); f.files > 60 {
			return fmt.Errorf("%d descriptors", f.files)
		}
		return nil
	})
}

func TestAttackA21AttributeLists(t *testing.T) {
	sendBadPackets(t, "A21")
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := besiege(t, settings{servers: []string{up.url()}})
		w := p.session()
		for _, c := range []struct {
			attr    string
			n, code int
		}{{"x", 1000, 0}, {"", 1001, goldap.LDAPResultAdminLimitExceeded}, {"member", 1001, goldap.LDAPResultAdminLimitExceeded}} {
			r := w.ask(searchOp(usersBase, 2, 0, 0, equals("uid", "jon.snow"), slices.Repeat([]string{c.attr}, c.n)...))
			if r.code != c.code || c.code != 0 && !strings.Contains(r.text, "limits.attributes") {
				t.Errorf("%d times %q: code %d %q, want %d", c.n, c.attr, r.code, r.text, c.code)
			}
		}
	})
}
