package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

func TestWhoAmI(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		w := start(t, up).connect()
		if got := w.whoAmI(); got != "" {
			t.Errorf("before bind: %q", got)
		}
		w.bind(service, password)
		if got := w.whoAmI(); got != service {
			t.Errorf("after bind: %q, want %q", got, service)
		}
		w.bind("", "")
		if got := w.whoAmI(); got != "" {
			t.Errorf("after an anonymous bind: %q", got)
		}
	})
}

// What a session may do before a bind: nothing but read the rootDSE and ask who
// it is.
func TestAttackA06Anonymous(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := besiege(t, settings{servers: []string{up.url()}})
		for _, begin := range []struct {
			what string
			with func() *wire
		}{
			{"no bind", p.connect},
			{"anonymous bind", func() *wire { w := p.connect(); w.bind("", ""); return w }},
		} {
			t.Run(begin.what, func(t *testing.T) {
				w := begin.with()
				for _, op := range []struct {
					what string
					op   []byte
				}{
					{"search", search("(objectClass=*)").wire(t)},
					{"bridged search", search("(objectClass=groupOfNames)").wire(t)},
					{"base read", read(usersBase, "(objectClass=*)").wire(t)},
					{"rootDSE with one level", search("(objectClass=*)").at("").oneLevel().wire(t)},
					{"compare", compare(groupDN("got"), "memberUid", "jon.snow").wire(t)},
				} {
					if r := w.ask(op.op); r.code != goldap.LDAPResultInsufficientAccessRights || len(r.entries) != 0 {
						t.Errorf("%s: code %d with %d entries, want 50 with none", op.what, r.code, len(r.entries))
					}
				}
				r := w.ask(read("", "(objectClass=*)").wire(t))
				if r.code != 0 || len(r.entries) != 1 {
					t.Errorf("rootDSE: code %d with %d entries, want 0 with 1", r.code, len(r.entries))
				}
				w.bind(service, password) // the session is still good
			})
		}
	})
}

// The rootDSE tells what the proxy can do, which is less than upstream can.
func TestRootDSE(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		for _, tls := range []bool{false, true} {
			p := startWith(t, settings{servers: []string{up.url()}, listenerTLS: tls})
			w := p.session()
			a := w.search(read("", "(objectClass=*)", "*", "+"))
			if a.Code != 0 || len(a.Entries) != 1 || a.Entries[0].DN != "" {
				t.Fatalf("rootDSE: %+v", a)
			}
			attrs := folded(a.Entries)[0].Attrs
			extensions := []string{oidWhoAmI}
			if tls {
				extensions = []string{oidStartTLS, oidWhoAmI}
			}
			got := slices.Sorted(slices.Values(attrs["supportedextension"]))
			slices.Sort(extensions)
			if !slices.Equal(got, extensions) {
				t.Errorf("TLS %v: supportedExtension %v, want %v", tls, got, extensions)
			}
			for _, name := range []string{"supportedsaslmechanisms", "altserver"} {
				if attrs[name] != nil {
					t.Errorf("%s: %v, want none", name, attrs[name])
				}
			}
			if !slices.Contains(attrs["supportedldapversion"], "3") {
				t.Errorf("supportedLDAPVersion: %v", attrs["supportedldapversion"])
			}
		}
	})
}

func TestBindFailures(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := start(t, up)
		sasl := tlv(opBind, integer(3), octets(""), tlv(0xa3, octets("DIGEST-MD5")))
		for _, c := range []struct {
			what string
			op   []byte
			code int
		}{
			{"wrong password", bindOp(3, service, "wrong"), goldap.LDAPResultInvalidCredentials},
			{"unknown user", bindOp(3, userDN("ned.stark"), password), goldap.LDAPResultInvalidCredentials},
			{"a DN that is none", bindOp(3, "jamf.ldap", password), goldap.LDAPResultInvalidDNSyntax},
			{"DN without password", bindOp(3, service, ""), goldap.LDAPResultUnwillingToPerform},
			{"SASL", sasl, goldap.LDAPResultAuthMethodNotSupported},
			{"LDAPv2", bindOp(2, service, password), goldap.LDAPResultProtocolError},
			{"LDAPv4", bindOp(4, service, password), goldap.LDAPResultProtocolError},
		} {
			t.Run(c.what, func(t *testing.T) {
				for _, bound := range []bool{false, true} {
					w := p.connect()
					if bound {
						w.bind(service, password)
					}
					r := w.ask(c.op)
					if r.code != c.code {
						t.Errorf("bound %v: code %d (%s), want %d", bound, r.code, r.text, c.code)
					}
					if r.last.op.tag != opBindResponse {
						t.Errorf("bound %v: answered with tag %#x, want a bind response", bound, r.last.op.tag)
					}
					// A failed bind leaves the session anonymous, whoever it was before.
					if got := w.whoAmI(); got != "" {
						t.Errorf("bound %v: the session is %q, want anonymous", bound, got)
					}
					q := search("(uid=jon.snow)")
					check(t, q, w.search(q), code(goldap.LDAPResultInsufficientAccessRights))
					w.bind(service, password)
					check(t, q, w.search(q), found(people("jon.snow")))
				}
			})
		}
		t.Run("LDAPv2 from the command line", func(t *testing.T) {
			need(t, "ldapsearch")
			_, text, code := runTool(t, "ldapsearch", "-P", "2", "-x", "-H", "ldap://"+p.ldap, "-D", service, "-w", password, "-b", usersBase, "(uid=jon.snow)")
			if code != goldap.LDAPResultProtocolError {
				t.Errorf("exit code %d, want 2: %s", code, text)
			}
		})
	})
}

// The diagnostic text and the code of a refused bind are upstream's own, so an
// unknown user and a wrong password look alike.
func TestAttackA10ErrorOracle(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := besiege(t, settings{servers: []string{up.url()}, limits: yamlMap{"failed_bind_wait": "1h"}})
		direct := dialWire(t, up.addr)
		var known []string // what a user that exists is told
		for _, op := range [][]byte{
			bindOp(3, service, "wrong"), bindOp(3, userDN("ned.stark"), "wrong"), bindOp(3, "nonsense", "wrong"),
		} {
			want, got := direct.ask(op), p.connect().ask(op)
			samePacket(t, "bind response", want.last, got.last)
		}
		w := p.connect()
		for _, dn := range []string{service, userDN("ned.stark"), "nonsense"} {
			var texts []string
			for range 7 {
				r := w.ask(bindOp(3, dn, "wrong"))
				texts = append(texts, fmt.Sprint(r.code, r.matched, r.text))
			}
			if dn == service {
				known = texts
			} else if dn != "nonsense" && !slices.Equal(texts, known) {
				t.Errorf("an unknown user is told %q, a known one %q", texts, known)
			}
		}
	})
}

func TestWritesAreRefused(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := startWith(t, settings{servers: []string{relay.url()}})
		w := p.session()
		victim := octets(userDN("jon.snow"))
		partial := tlv(0x30, octets("description"), tlv(0x31, octets("x")))
		for _, c := range []struct {
			what     string
			op       []byte
			response byte
		}{
			{"add", tlv(opAdd, octets(userDN("new")), tlv(0x30, partial)), opAddResp},
			{"modify", tlv(opModify, victim, tlv(0x30, tlv(0x30, enumerated(2), partial))), opModifyResp},
			{"delete", tlv(opDelete, []byte(userDN("jon.snow"))), opDeleteResp},
			{"rename", tlv(opModifyDN, victim, octets("uid=else"), boolean(true)), opModifyDNResp},
		} {
			r := w.ask(c.op)
			if r.code != goldap.LDAPResultUnwillingToPerform || r.text != "read-only proxy" || r.last.op.tag != c.response {
				t.Errorf("%s: tag %#x, %d %q; want tag %#x, 53 \"read-only proxy\"", c.what, r.last.op.tag, r.code, r.text, c.response)
			}
		}
		if seen := relay.seen(opAdd, opModify, opDelete, opModifyDN); len(seen) != 0 {
			t.Errorf("upstream saw %d writes", len(seen))
		}
		c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
		for _, what := range []string{"add", "modify", "delete", "rename"} {
			if a := c.do("write", what, userDN("jon.snow")); a.Code != goldap.LDAPResultUnwillingToPerform {
				t.Errorf("JNDI %s: %d %s", what, a.Code, a.Text)
			}
		}
	})
}

func TestUnknownOperationsAndControls(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := start(t, up)
		for _, bound := range []bool{false, true} {
			w := p.connect()
			if bound {
				w.bind(service, password)
			}
			r := w.ask(tlv(opExtended, tlv(0x80, []byte("1.2.840.113556.1.4.1781"))))
			if r.code != goldap.LDAPResultProtocolError || r.text != "unsupported extended operation" || r.last.op.tag != opExtendedResp {
				t.Errorf("bound %v: unknown extended operation: tag %#x, %d %q", bound, r.last.op.tag, r.code, r.text)
			}
		}
		w := p.session()
		q := search("(uid=jon.snow)")
		if r := w.ask(q.wire(t), control("1.2.840.113556.1.4.417", true)); r.code != goldap.LDAPResultUnavailableCriticalExtension || len(r.entries) != 0 {
			t.Errorf("unknown critical control: %d with %d entries, want 12 with none", r.code, len(r.entries))
		}
		if r := w.ask(q.wire(t), control("1.2.840.113556.1.4.417", false)); r.code != 0 || len(r.entries) != 1 {
			t.Errorf("unknown control: %d with %d entries, want 0 with 1", r.code, len(r.entries))
		}
		bridged := search("(&(objectClass=groupOfNames)(cn=gameOfThrones))")
		if r := w.ask(bridged.wire(t), control("1.2.840.113556.1.4.417", true)); r.code != goldap.LDAPResultUnavailableCriticalExtension || len(r.entries) != 0 {
			t.Errorf("unknown critical control on a bridged search: %d with %d entries, want 12 with none", r.code, len(r.entries))
		}
		if r := w.ask(compareOp(groupDN("gameOfThrones"), "memberUid", "jon.snow"), control("1.2.840.113556.1.4.417", true)); r.code != goldap.LDAPResultUnavailableCriticalExtension {
			t.Errorf("unknown critical control on a compare: %d, want 12", r.code)
		}
		// ManageDsaIT is on every request of JNDI, Abandon and Unbind included.
		w.send(tlv(opAbandon, []byte{9}), control(oidManageDSA, false))
		check(t, q, w.search(q), found(people("jon.snow")))
		w.send([]byte{opUnbind, 0}, control(oidManageDSA, false))
		if rest := w.closedBy(patience); len(rest) != 0 {
			t.Errorf("unbind was answered: % x", rest[0].raw)
		}
		w = p.connect()
		w.send([]byte{opUnbind, 0}) // before any bind
		w.closedBy(patience)
	})
}

// The password policy control, as password managers and ldapwhoami -e ppolicy
// send it, comes back from upstream.
func TestPasswordPolicyControl(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		c := goDial(t, "ldap://"+start(t, up).ldap, nil)
		result, err := c.SimpleBind(goldap.NewSimpleBindRequest(service, password, []goldap.Control{goldap.NewControlBeheraPasswordPolicy()}))
		if err != nil {
			t.Fatal(err)
		}
		if goldap.FindControl(result.Controls, goldap.ControlTypeBeheraPasswordPolicy) == nil {
			t.Errorf("controls of the bind response: %v", result.Controls)
		}
	})
}

// A client that goes on talking while its bind is outstanding never gets
// answers under the identity it had before.
func TestSearchWhileBinding(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		for _, c := range []struct {
			what         string
			dn, password string
			code         int
		}{
			{"to an end user", endUser, password, 0},
			{"with a wrong password", endUser, "wrong", goldap.LDAPResultInvalidCredentials},
		} {
			t.Run(c.what, func(t *testing.T) {
				relay := startRelay(t, up.addr)
				p := startWith(t, settings{servers: []string{relay.url()}})
				w := p.session()
				gate := relay.holdResponses(opBindResponse)
				w.write(slices.Concat(
					message(11, bindOp(3, c.dn, c.password)),
					message(12, search("(objectClass=inetOrgPerson)", "uid").wire(t)),
					message(13, whoAmIOp()),
				))
				gate.await()
				gate.open()
				var entries int
				for done := map[int64]bool{}; len(done) < 3; {
					m := w.receive()
					switch {
					case m.op.tag == opEntry:
						entries++
					default:
						done[m.id] = true
						got, _, _ := m.result()
						if m.id == 11 && got != c.code {
							t.Errorf("bind: %d, want %d", got, c.code)
						}
						if m.id == 12 && got == 0 && entries == 0 {
							t.Errorf("search: success without entries hides what happened")
						}
						if m.id == 13 && strings.Contains(string(m.op.raw), service) {
							t.Errorf("who am I after the bind: % x", m.op.raw)
						}
					}
				}
				if entries != 0 {
					t.Errorf("the search behind the bind returned %d entries of the former identity", entries)
				}
			})
		}
	})
}

// Two administrators and an end user on one proxy: each sees with its own
// rights, whatever connections the proxy shares among them. Only oneself may
// read userPassword.
func TestAttackA07IdentityMixing(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := besiege(t, settings{servers: []string{relay.url()}, limits: yamlMap{"failed_binds": 100_000},
			upstream: yamlMap{"max_connections": 5, "warm": 1}}) // fewer than sessions
		admin, other, user := p.session(), p.connect(), p.connect()
		other.bind(otherAdmin, password)
		user.bind(endUser, password)
		q := search("(uid=jamf.ldap)", "uid", "userPassword")
		own := found(people("jamf.ldap"))
		foreign := found([]entry{without(people("jamf.ldap")[0], "userPassword")})
		for range 5 {
			check(t, q, admin.search(q), own)
			check(t, q, other.search(q), foreign)
			if a := user.search(q); len(a.Entries) != 0 {
				t.Errorf("the end user sees %+v", a.Entries)
			}
			// Identities swap connections.
			admin.bind(otherAdmin, password)
			other.bind(service, password)
			check(t, q, admin.search(q), foreign)
			check(t, q, other.search(q), own)
			admin.bind(service, password)
			other.bind(otherAdmin, password)
		}
		t.Run("crowd", func(t *testing.T) {
			for i, dn := range []string{service, otherAdmin, endUser, service, otherAdmin, endUser} {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					interleave(t, p.in(t).connect(), dn, map[string]wanted{service: own, otherAdmin: foreign}[dn])
				})
			}
		})
		t.Run("bind with a lookup in flight", func(t *testing.T) {
			w := p.in(t).session()
			gate := relay.holdAnswersTo("a07")
			w.write(message(70, search("(uid=a07)").wire(t)))
			gate.await()
			w.write(message(71, bindOp(3, endUser, password)))
			if m := w.receive(); m.id != 71 || m.op.tag != opBindResponse {
				t.Errorf("the first answer is % x, want that of the bind", m.raw)
			}
			gate.open()
			if who := w.whoAmI(); who != endUser {
				t.Errorf("the session is %q", who)
			}
		})
	})
}

// interleave is one of several sessions on the same few connections: what it sees
// is its own, and nothing after a failed bind.
func interleave(t *testing.T, w *wire, dn string, want wanted) {
	q := search("(uid=jamf.ldap)", "uid", "userPassword")
	for range 5 {
		w.bind(dn, password)
		if dn != endUser {
			check(t, q, w.search(q), want)
		} else if a := w.search(q); len(a.Entries) > 0 {
			t.Errorf("the end user sees %+v", a.Entries)
		}
		if who := w.whoAmI(); who != dn {
			t.Errorf("the session of %s is %q", dn, who)
		}
		if r := w.ask(bindOp(3, dn, "wrong")); r.code != goldap.LDAPResultInvalidCredentials {
			t.Errorf("wrong password: %d %s", r.code, r.text)
		}
		check(t, q, w.search(q), code(goldap.LDAPResultInsufficientAccessRights))
	}
}

// After five failed binds in a row for one DN the proxy backs off, so that
// upstream does not lock the account; the first right password ends it.
func TestFailedBindsBackOff(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{relay.url()}, limits: yamlMap{"failed_bind_wait": "1h"}})
	w := p.connect()
	wrong := bindOp(3, endUser, "wrong")
	if r := w.ask(wrong); r.code != goldap.LDAPResultInvalidCredentials {
		t.Fatalf("first wrong password: %d %s", r.code, r.text)
	}
	w.bind(endUser, password) // right after one typo
	for i := range 5 {
		if r := w.ask(wrong); r.code != goldap.LDAPResultInvalidCredentials {
			t.Fatalf("wrong password %d: %d %s, want 49", i+1, r.code, r.text)
		}
	}
	before := len(relay.seen(opBind))
	if r := w.ask(wrong); r.code != goldap.LDAPResultBusy {
		t.Errorf("sixth wrong password: %d %s, want 51", r.code, r.text)
	}
	if after := len(relay.seen(opBind)); after != before {
		t.Errorf("upstream saw %d more binds", after-before)
	}
	w.bind(service, password) // others are not concerned
}
