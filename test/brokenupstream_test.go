package test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// What upstream does wrong in the middle of its answer, with every kind of
// question: the client gets 52, or 3 when upstream was only slow; never 49,
// never the answer of another lookup, never success with less than there is.
// Upstream sees a bind once. Afterwards the same sessions work at once.

// errand is one way of asking upstream.
type errand struct {
	what string
	op   byte // what upstream is asked
	last byte // what ends its answer
	ask  func(w *wire) reply
	good func(r reply) bool // the whole right answer
}

var errands = []errand{
	{"bind", opBind, opBindResponse,
		func(w *wire) reply { return w.ask(bindOp(3, otherAdmin, password)) },
		func(r reply) bool { return r.code == 0 }},
	{"search", opSearch, opDone,
		func(w *wire) reply { return w.ask(search("(uid=jon.snow)", "uid").wire(w.t)) },
		func(r reply) bool { return r.code == 0 && len(r.entries) == 1 }},
	{"bridged search", opSearch, opDone,
		func(w *wire) reply {
			return w.ask(search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", "gidNumber").wire(w.t))
		},
		func(r reply) bool { return r.code == 0 && len(r.entries) == 1 }},
	{"compare", opCompare, opCompareResp,
		func(w *wire) reply { return w.ask(compareOp(groupDN("got"), "memberUid", "jon.snow")) },
		func(r reply) bool { return r.code == goldap.LDAPResultCompareTrue }},
	{"bridged compare", opSearch, opDone,
		func(w *wire) reply { return w.ask(compareOp(groupDN("gameOfThrones"), "member", userDN("jon.snow"))) },
		func(r reply) bool { return r.code == goldap.LDAPResultCompareTrue }},
}

// wire is a client for the errand: a bind needs one that is nobody yet.
func (e *errand) wire(p *proxy) *wire {
	if e.op == opBind {
		return p.connect()
	}
	return p.session()
}

// recordedAs is the name of the operation in the log.
func (e *errand) recordedAs() string {
	_, name, bridged := strings.Cut(e.what, " ")
	if !bridged {
		name = e.what
	}
	return name
}

// run sends the errand, has the relay spoil what upstream says to it, and
// judges everything but the result.
func (e *errand) run(t *testing.T, p *proxy, r *relay, spoil func(c *relayConn, m packet) bool) reply {
	t.Helper()
	w := e.wire(p.in(t))
	var asking sync.Map // connections that carry the errand, not the bind before it
	r.onRequest(func(c *relayConn, m packet) bool {
		if m.op.tag == e.op {
			asking.Store(c, m.id)
		}
		return true
	})
	binds := len(r.seen(opBind))
	r.onResponse(func(c *relayConn, m packet) bool {
		if id, mine := asking.Load(c); !mine || id != m.id {
			return true
		}
		return spoil(c, m)
	})
	got := e.ask(w)
	r.onResponse(nil)
	r.onRequest(nil)
	if n := len(r.seen(opBind)) - binds; e.op == opBind && n != 1 {
		t.Errorf("upstream saw %d binds for one of the client", n)
	}
	if e.op != opBind {
		if again := e.ask(w); !e.good(again) {
			t.Errorf("the next lookup of the session: %d %s with %d entries", again.code, again.text, len(again.entries))
		}
	} else if who := w.whoAmI(); (who == otherAdmin) != (got.code == 0) {
		t.Errorf("after a bind that was answered with %d the session is %q", got.code, who)
	} else {
		w.bind(otherAdmin, password)
	}
	e.checkRecord(t, p, w, got)
	return got
}

// checkRecord looks for the lookup in the log, with the result that the client got.
func (e *errand) checkRecord(t *testing.T, p *proxy, w *wire, got reply) {
	t.Helper()
	r := p.awaitLookup(e.what+" of "+w.conn.LocalAddr().String(), func(r record) bool {
		return r.text("client_addr") == w.conn.LocalAddr().String() && r.text("op") == e.recordedAs() &&
			(e.op != opBind || r.text("bind_dn") == otherAdmin)
	})
	name := map[int]string{0: "success", 3: "timeLimitExceeded", 6: "compareTrue", 52: "unavailable"}[got.code]
	if r["result"] != float64(got.code) || r.text("result_name") != name || r.text("diagnostic") != got.text {
		t.Errorf("recorded as %v %q %q, answered with %d %q", r["result"], r.text("result_name"), r.text("diagnostic"), got.code, got.text)
	}
	if got.code != 0 && got.code != goldap.LDAPResultCompareTrue && got.text == "" {
		t.Errorf("%d without a word", got.code)
	}
}

// outcome is what a client may get.
type outcome int

const (
	right   outcome = iota // the fault must not be noticed
	broken                 // 52
	tooLate                // 3; of a bind, for which there is no such word, 52
)

func (o outcome) check(t *testing.T, e *errand, got reply) {
	t.Helper()
	want := goldap.LDAPResultUnavailable
	switch {
	case o == right:
		if !e.good(got) {
			t.Errorf("%d %s with %d entries, want the whole answer", got.code, got.text, len(got.entries))
		}
		return
	case o == tooLate && e.op != opBind:
		want = goldap.LDAPResultTimeLimitExceeded
	}
	if got.code != want {
		t.Errorf("%d %s with %d entries, want %d", got.code, got.text, len(got.entries), want)
	}
}

func okResult(tag byte, id int64, code int) []byte {
	return message(id, tlv(tag, enumerated(code), octets(""), octets("")))
}

func noticeOfDisconnection() []byte {
	return message(0, tlv(opExtendedResp, enumerated(52), octets(""), octets(""), tlv(0x8a, []byte(oidDisconnect))))
}

// spoiled is what a broken server sends where the last message of an answer
// belongs. The entries before it have passed.
var spoiled = []struct {
	what string
	want outcome
	send func(c *relayConn, m packet)
}{
	{"closes", broken, func(c *relayConn, _ packet) { c.close() }},
	{"resets", broken, func(c *relayConn, _ packet) { c.reset() }},
	{"half-closes", broken, func(c *relayConn, _ packet) { c.halfClose() }},
	{"result for the next message", broken, func(c *relayConn, m packet) { c.toProxy(message(m.id+1, m.op.raw)) }},
	{"result for the message before", broken, func(c *relayConn, m packet) { c.toProxy(message(m.id-1, m.op.raw)) }},
	{"negative message ID", broken, func(c *relayConn, m packet) { c.toProxy(message(-m.id, m.op.raw)) }},
	{"message ID beyond 31 bits", broken, func(c *relayConn, m packet) { c.toProxy(message(m.id+1<<32, m.op.raw)) }},
	{"message ID is no number", broken, func(c *relayConn, m packet) { c.toProxy(tlv(0x30, octets("1"), m.op.raw)) }},
	{"modify response", broken, func(c *relayConn, m packet) { c.toProxy(okResult(opModifyResp, m.id, 0)) }},
	{"extended response", broken, func(c *relayConn, m packet) { c.toProxy(okResult(opExtendedResp, m.id, 0)) }},
	{"response of another operation", broken, func(c *relayConn, m packet) {
		other := map[byte]byte{opBindResponse: opDone, opDone: opCompareResp, opCompareResp: opBindResponse}[m.op.tag]
		c.toProxy(okResult(other, m.id, 0))
	}},
	{"a request", broken, func(c *relayConn, m packet) { c.toProxy(message(m.id, bindOp(3, service, "x"))) }},
	{"an operation nobody knows", broken, func(c *relayConn, m packet) { c.toProxy(message(m.id, tlv(0x7e))) }},
	{"garbage", broken, func(c *relayConn, _ packet) { c.toProxy([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }},
	{"TLS alert in clear", broken, func(c *relayConn, _ packet) { c.toProxy([]byte{0x15, 3, 3, 0, 2, 2, 40}) }},
	{"claims 2 GiB", broken, func(c *relayConn, _ packet) { c.toProxy([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1}) }},
	{"claims more than upstream.max_pdu", broken, func(c *relayConn, _ packet) { c.toProxy([]byte{0x30, 0x84, 1, 0, 0, 1, 2, 1}) }},
	{"length of nine octets", broken, func(c *relayConn, _ packet) { c.toProxy(append([]byte{0x30, 0x89}, make([]byte, 9)...)) }},
	{"indefinite length", broken, func(c *relayConn, _ packet) { c.toProxy([]byte{0x30, 0x80, 2, 1, 1, 0, 0}) }},
	{"empty result", broken, func(c *relayConn, m packet) { c.toProxy(message(m.id, tlv(m.op.tag))) }},
	{"negative result code", broken, func(c *relayConn, m packet) {
		c.toProxy(message(m.id, tlv(m.op.tag, tlv(0x0a, []byte{0xff}), octets(""), octets(""))))
	}},
	{"result without a diagnostic", broken, func(c *relayConn, m packet) {
		c.toProxy(message(m.id, tlv(m.op.tag, enumerated(0), octets(""))))
	}},
	{"element behind the controls", broken, func(c *relayConn, m packet) {
		c.toProxy(tlv(0x30, integer(m.id), m.op.raw, tlv(0xa0), m.op.raw))
	}},
	{"referral", broken, func(c *relayConn, m packet) {
		c.toProxy(message(m.id, tlv(m.op.tag, enumerated(10), octets(""), octets(""), tlv(0xa3, octets("ldap://127.0.0.1:1/")))))
	}},
	{"notice of disconnection in place of the result", broken, func(c *relayConn, _ packet) { c.toProxy(noticeOfDisconnection()) }},
	{"notice of disconnection and the end", broken, func(c *relayConn, _ packet) { c.toProxy(noticeOfDisconnection()); c.close() }},
	{"notice of disconnection, then the result", broken, func(c *relayConn, m packet) {
		c.toProxy(append(noticeOfDisconnection(), m.raw...))
	}},
	{"notice of disconnection behind the result", right, func(c *relayConn, m packet) {
		c.toProxy(append(bytes.Clone(m.raw), noticeOfDisconnection()...))
		c.close()
	}},
	{"a notice nobody knows, then the result", right, func(c *relayConn, m packet) {
		c.toProxy(append(message(0, tlv(opExtendedResp, enumerated(0), octets(""), octets(""), tlv(0x8a, []byte("1.2.3")))), m.raw...))
	}},
	{"a result for nobody, then the right one", broken, func(c *relayConn, m packet) {
		c.toProxy(append(okResult(m.op.tag, 0, 0), m.raw...))
	}},
	{"answers twice", right, func(c *relayConn, m packet) { c.toProxy(append(bytes.Clone(m.raw), m.raw...)) }},
	{"answers, then refuses", right, func(c *relayConn, m packet) {
		c.toProxy(append(bytes.Clone(m.raw), okResult(m.op.tag, m.id, 49)...))
	}},
	{"answers, then another entry", right, func(c *relayConn, m packet) {
		c.toProxy(append(bytes.Clone(m.raw), message(m.id, entryOp(userDN("too.late"), []string{"uid", "too.late"}))...))
	}},
	{"answers the next request as well", right, func(c *relayConn, m packet) {
		// It is closed for what it said, or, if that comes later, believed for no other lookup.
		c.toProxy(append(bytes.Clone(m.raw), okResult(m.op.tag, m.id+1, 0)...))
	}},
	{"intermediate response first", right, func(c *relayConn, m packet) {
		c.toProxy(append(message(m.id, tlv(opIntermediate, tlv(0x80, []byte("1.2.3")))), m.raw...))
	}},
	{"one octet at a time", right, func(c *relayConn, m packet) {
		for i := range m.raw {
			c.toProxy(m.raw[i : i+1])
		}
	}},
}

func TestBrokenUpstream(t *testing.T) {
	t.Parallel()
	r := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{r.url()}})
	bystander := p.session()
	unavailable := map[string]int{}
	for _, e := range errands {
		for _, s := range spoiled {
			t.Run(e.what+"/"+s.what, func(t *testing.T) {
				got := e.run(t, p, r, func(c *relayConn, m packet) bool {
					if m.op.tag == e.last {
						s.send(c, m)
						return false
					}
					return true
				})
				s.want.check(t, &e, got)
				if got.code == goldap.LDAPResultUnavailable {
					unavailable[e.recordedAs()]++
				}
				usable(t, wireClient{bystander.in(t)})
			})
		}
	}
	p.checkCounted(t, "unavailable", unavailable)
}

// checkCounted compares the metric of finished lookups with what clients saw.
func (p *proxy) checkCounted(t *testing.T, result string, want map[string]int) {
	t.Helper()
	for op, n := range want {
		eventually(t, "lookups are counted", func() error {
			got := metricSum(p.get("/metrics"), "jamf_ldap_proxy_lookups_total{", `op="`+op+`"`, `result="`+result+`"`)
			if got != n {
				return fmt.Errorf("%d of %s are counted as %s, clients saw %d", got, op, result, n)
			}
			return nil
		})
	}
}

// metricSum adds up the series whose line has all the parts.
func metricSum(metrics string, parts ...string) (sum int) {
	for line := range strings.Lines(metrics) {
		if slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			continue
		}
		var n int
		fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &n)
		sum += n
	}
	return sum
}

// Upstream's answer ends at any octet of it.
func TestAnswerIsCutAnywhere(t *testing.T) {
	t.Parallel()
	r := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{r.url()}})
	ends := []func(*relayConn){(*relayConn).close, (*relayConn).reset}
	for _, e := range errands {
		t.Run(e.what, func(t *testing.T) {
			for at, whole := 0, 1; at < whole; at++ {
				passed := map[*relayConn]int{} // the relay asks for one message of a connection at a time
				var mu sync.Mutex
				got := e.run(t, p, r, func(c *relayConn, m packet) bool {
					mu.Lock()
					defer mu.Unlock()
					before := passed[c]
					passed[c] += len(m.raw)
					whole = max(whole, passed[c])
					if passed[c] <= at {
						return true
					}
					if before <= at { // else it was cut before
						c.toProxy(m.raw[:at-before])
						ends[at%2](c)
					}
					return false
				})
				broken.check(t, &e, got)
				if t.Failed() {
					t.Fatalf("cut at octet %d of %d", at, whole)
				}
			}
		})
	}
}
