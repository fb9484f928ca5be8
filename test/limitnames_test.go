package test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// Whoever runs into a limit is told its key, and so is the administrator: in the
// record of the lookup, or in the log when there is no lookup.
func TestLimitsAreNamed(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{relay.url()},
		limits: yamlMap{"nesting": 5, "filter_terms": 20, "controls": 3, "attributes": 4, "paged_cursors": 1,
			"failed_binds": 2, "failed_bind_wait": "1h", "pdu_before_bind": "2KiB", "pdu_after_bind": "16KiB", "partial_pdu": "1s", "idle": "3s"},
		upstream: yamlMap{"search_timeout": "3s", "bind_timeout": "1s", "max_connections": 2, "warm": 0, "max_pdu": "64KiB"}})
	relay.onRequest(leaveUnanswered)
	op := func(filter []byte, attrs ...string) []byte { return searchOp(usersBase, 2, 0, 0, filter, attrs...) }
	uid := equals("uid", "jon.snow")
	bound := func(ask func(w *wire) reply) func(*testing.T) reply {
		return func(t *testing.T) reply { return ask(p.in(t).session()) }
	}
	for _, c := range []struct {
		knob string
		code int
		ask  func(t *testing.T) reply
	}{
		{"limits.nesting", goldap.LDAPResultAdminLimitExceeded, bound(func(w *wire) reply { return w.ask(op(nest(0xa2, 9, uid))) })},
		{"limits.filter_terms", goldap.LDAPResultAdminLimitExceeded, bound(func(w *wire) reply { return w.ask(op(tlv(0xa1, bytes.Repeat(uid, 30)))) })},
		{"limits.attributes", goldap.LDAPResultAdminLimitExceeded, bound(func(w *wire) reply { return w.ask(op(uid, "a", "b", "c", "d", "e")) })},
		{"limits.controls", goldap.LDAPResultAdminLimitExceeded, bound(func(w *wire) reply {
			return w.ask(op(uid), control("1.2.3", false), control("1.2.4", false), control("1.2.5", false), control("1.2.6", false))
		})},
		{"limits.paged_cursors", goldap.LDAPResultUnwillingToPerform, bound(func(w *wire) reply {
			return w.ask(op(present("uid")), control(oidPaging, true, tlv(0x30, integer(1), octets("no-such-cookie"))))
		})},
		{"limits.failed_binds", goldap.LDAPResultBusy, func(t *testing.T) reply {
			w := p.in(t).connect()
			w.ask(bindOp(3, endUser, "wrong"))
			w.ask(bindOp(3, endUser, "wrong"))
			return w.ask(bindOp(3, endUser, "wrong"))
		}},
		{"limits.failed_bind_wait", goldap.LDAPResultBusy, func(t *testing.T) reply { return p.in(t).connect().ask(bindOp(3, endUser, "wrong")) }},
		{"upstream.search_timeout", goldap.LDAPResultTimeLimitExceeded, bound(func(w *wire) reply { return w.ask(op(equals("uid", "unanswered"))) })},
		{"upstream.bind_timeout", goldap.LDAPResultUnavailable, func(t *testing.T) reply {
			return p.in(t).connect().ask(bindOp(3, userDN("unanswered"), "x"))
		}},
		{"upstream.max_pdu", goldap.LDAPResultUnavailable, bound(func(w *wire) reply { return w.ask(op(equals("uid", "too.large"))) })},
		{"upstream.max_connections", goldap.LDAPResultBusy, func(t *testing.T) reply {
			began := len(relay.seen(opSearch))
			for range 2 {
				p.in(t).session().send(op(equals("uid", "unanswered")))
			}
			eventually(t, "both connections are in use", func() error {
				if n := len(relay.seen(opSearch)) - began; n < 2 {
					return fmt.Errorf("%d searches upstream", n)
				}
				return nil
			})
			return p.in(t).connect().ask(bindOp(3, otherAdmin, password))
		}},
	} {
		t.Run(c.knob, func(t *testing.T) {
			if r := c.ask(t); r.code != c.code || !strings.Contains(r.text, c.knob) {
				t.Errorf("code %d %q, want %d and the name of %s", r.code, r.text, c.code, c.knob)
			}
			p.awaitLookup(c.knob, func(r record) bool { return strings.Contains(r.text("diagnostic"), c.knob) })
		})
	}
	for knob, provoke := range map[string]func(w *wire){
		"limits.pdu_before_bind": func(w *wire) { w.send(op(equals("uid", strings.Repeat("x", 3<<10)))) },
		"limits.pdu_after_bind":  func(w *wire) { w.bind(service, password); w.send(op(equals("uid", strings.Repeat("x", 17<<10)))) },
		"limits.partial_pdu":     func(w *wire) { w.write([]byte{0x30, 0x20}) },
		"limits.idle":            func(w *wire) {},
	} {
		t.Run(knob, func(t *testing.T) {
			w := p.in(t).connect()
			provoke(w)
			code := goldap.LDAPResultProtocolError
			if knob == "limits.idle" {
				code = goldap.LDAPResultUnavailable
			}
			p.in(t).disconnects(w, code, knob)
			p.awaitRecord(knob, func(r record) bool { return strings.Contains(r.text("diagnostic")+r.text("error"), knob) })
		})
	}
}

// leaveUnanswered drops what is about "unanswered", and answers what is about
// "too.large" with a message that is.
func leaveUnanswered(c *relayConn, m packet) bool {
	switch {
	case bytes.Contains(m.raw, []byte("unanswered")):
		return false
	case bytes.Contains(m.raw, []byte("too.large")):
		c.toProxy(message(m.id, entryOp("uid=too.large,"+usersBase, []string{"description", strings.Repeat("x", 70<<10)})))
		return false
	}
	return true
}
