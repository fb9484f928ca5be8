package proxy_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

func TestPipelinedRequestsWaitForTheBind(t *testing.T) {
	r := start(t)
	c := r.dial()
	c.send(bindRequest(1, jamfDN, password), searchRequest(2, userFilter("jon.snow")), extendedRequest(3, ldap.OIDWhoAmI))
	c.result(1, ldap.Success)
	got := map[int32]int{}
	for range 3 {
		got[c.receive().ID]++
	}
	if got[2] != 2 || got[3] != 1 {
		t.Errorf("messages by ID: %v", got)
	}
}

func TestDebugLogShowsMessagesButNoPassword(t *testing.T) {
	r := start(t, func(s *setup) { s.config.Trace = true })
	c := r.bound()
	c.search(2, userFilter("x"), ldap.Success)
	var text strings.Builder
	for _, e := range r.logs.All() {
		message, _ := e.ContextMap()["message"].(string)
		fmt.Fprintf(&text, "%s: %s\n", e.Message, message)
	}
	for _, want := range []string{"from client: 1 BIND v3 dn=", "to client: 1 ", "from client: 2 SEARCH base=", "to client: 2 ENTRY dn=", "to client: 2 DONE success"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), password) {
		t.Errorf("the password shows:\n%s", text.String())
	}
}

func TestOneByteAtATime(t *testing.T) {
	r := start(t)
	c := r.dial()
	stream := append(bindRequest(1, jamfDN, password), searchRequest(2, userFilter("jon.snow"))...)
	for _, b := range stream {
		c.send([]byte{b})
	}
	c.result(1, ldap.Success)
	if entries, _ := c.results(2, ldap.Success); len(entries) != 1 {
		t.Errorf("%d entries", len(entries))
	}
}

func TestMessageIDs(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	slow := func(c *upstreamConn, m ldap.Message) {
		if m.Op == ldap.OpSearchRequest {
			c.wait(hold)
		}
		answer(c, m)
	}
	t.Run("zero", func(t *testing.T) {
		c := start(t).bound()
		c.send(searchRequest(0, userFilter("x")))
		c.notice(ldap.ProtocolError)
	})
	t.Run("in flight", func(t *testing.T) {
		r := start(t, func(s *setup) { s.script = slow })
		c := r.bound()
		c.send(searchRequest(7, userFilter("x")), searchRequest(7, userFilter("y")))
		c.notice(ldap.ProtocolError)
	})
	t.Run("used again after the answer", func(t *testing.T) {
		c := start(t).bound()
		for range 200 {
			c.search(7, userFilter("x"), ldap.Success)
		}
	})
	t.Run("largest", func(t *testing.T) {
		c := start(t).bound()
		c.search(1<<31-1, userFilter("x"), ldap.Success)
	})
}

func TestMalformed(t *testing.T) {
	for name, octets := range map[string]string{
		"http":            "GET / HTTP/1.0\r\n\r\n",
		"indefinite":      "\x30\x80\x02\x01\x01\x42\x00\x00\x00",
		"gigabyte":        "\x30\x84\x40\x00\x00\x00",
		"negative ID":     "\x30\x05\x02\x01\xff\x42\x00",
		"no operation":    "\x30\x03\x02\x01\x01",
		"unknown tag":     "\x30\x05\x02\x01\x01\x5e\x00",
		"a response":      "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
		"half a search":   "\x30\x07\x02\x01\x01\x63\x02\x04\x00",
		"empty bind":      "\x30\x05\x02\x01\x01\x60\x00",
		"empty extended":  "\x30\x05\x02\x01\x01\x77\x00",
		"garbage control": "\x30\x0c\x02\x01\x01\x77\x03\x80\x01\x31\xa0\x02\x04\x00",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			c := r.dial()
			c.send([]byte(octets))
			c.notice(ldap.ProtocolError)
			r.bound().search(2, userFilter("x"), ldap.Success) // nobody else noticed
		})
	}
}

func TestTLSOctetsOnAPlainPortAreNamedInTheLog(t *testing.T) {
	r := start(t)
	c := r.dial()
	c.send([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))
	c.closed()
	r.eventually("log line", func() bool { return r.logs.FilterMessageSnippet("speaks TLS to an LDAP port").Len() == 1 })
}

func TestLimitsNameTheirKey(t *testing.T) {
	r := start(t, func(s *setup) {
		l := &s.config.Limits
		l.Nesting, l.FilterTerms, l.Controls, l.Attributes = 3, 5, 2, 4
	})
	c := r.bound()
	deep, wide := ldap.Present("a"), ldap.And()
	for range 4 {
		deep, wide.Children = ldap.Not(deep), append(wide.Children, ldap.Present("a"), ldap.Present("b"))
	}
	greedy := request(ldap.Present("a"))
	greedy.Attributes = strings.Split("a,b,c,d,e", ",")
	for i, tc := range []struct {
		knob    string
		request func(id int32) []byte
	}{
		{"limits.nesting", func(id int32) []byte { return searchRequest(id, deep) }},
		{"limits.filter_terms", func(id int32) []byte { return searchRequest(id, wide) }},
		{"limits.attributes", func(id int32) []byte { return encodeSearch(id, &greedy) }},
		{"limits.controls", func(id int32) []byte {
			return searchRequest(id, userFilter("x"), manageDsaIT, manageDsaIT, manageDsaIT)
		}},
	} {
		id := int32(i + 10)
		c.send(tc.request(id))
		if res := c.result(id, ldap.AdminLimitExceeded); !strings.Contains(res.Diagnostic, tc.knob) {
			t.Errorf("%q does not name %s", res.Diagnostic, tc.knob)
		}
	}
	c.search(99, userFilter("x"), ldap.Success)
}

func TestMessageSizeBeforeAndAfterBind(t *testing.T) {
	r := start(t, func(s *setup) {
		s.config.Limits.PDUBeforeBind, s.config.Limits.PDUAfterBind = 1*bytesize.KiB, 4*bytesize.KiB
	})
	large := searchRequest(5, userFilter(strings.Repeat("x", 2000)))
	c := r.dial()
	c.send(large)
	if res := c.notice(ldap.ProtocolError); !strings.Contains(res.Diagnostic, "limits.pdu_before_bind (1024)") {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
	c = r.bound()
	c.send(large)
	c.results(5, ldap.Success)
	c.send(searchRequest(6, userFilter(strings.Repeat("x", 5000))))
	if res := c.notice(ldap.ProtocolError); !strings.Contains(res.Diagnostic, "limits.pdu_after_bind") {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
}

func TestIdleClientIsClosedAndABusyOneIsNot(t *testing.T) {
	release := make(chan struct{})
	r := start(t, func(s *setup) {
		s.config.Limits.Idle = 900 * time.Millisecond
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.wait(release)
			}
			answer(c, m)
		}
	})
	idle, busy := r.dial(), r.bound()
	busy.send(searchRequest(2, userFilter("x")))
	if res := idle.notice(ldap.Unavailable); !strings.Contains(res.Diagnostic, "limits.idle") {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
	time.Sleep(1100 * time.Millisecond)
	close(release)
	busy.results(2, ldap.Success)
	for i := range int32(6) { // requests push the end ahead
		time.Sleep(200 * time.Millisecond)
		busy.search(3+i, userFilter("x"), ldap.Success)
	}
	busy.notice(ldap.Unavailable)
}

func TestHalfAMessageIsNotWaitedForForever(t *testing.T) {
	r := start(t, func(s *setup) { s.config.Limits.PartialPDU = 100 * time.Millisecond })
	c := r.dial()
	whole := bindRequest(1, jamfDN, password)
	c.send(whole[:10])
	if res := c.notice(ldap.ProtocolError); !strings.Contains(res.Diagnostic, "limits.partial_pdu") {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
	c = r.dial() // and the deadline does not outlive a message that comes in two halves
	c.send(whole[:10])
	time.Sleep(20 * time.Millisecond)
	c.send(whole[10:])
	c.result(1, ldap.Success)
	time.Sleep(200 * time.Millisecond)
	c.search(2, userFilter("x"), ldap.Success)
}

func TestStuckReaderHarmsOnlyItself(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	r := start(t, func(s *setup) {
		s.config.Limits.WriteStall = 300 * time.Millisecond
		s.script = func(c *upstreamConn, m ldap.Message) {
			req, _ := ldap.DecodeSearchRequest(string(m.Body), ldap.Limits{Nesting: 9, FilterTerms: 9, Attributes: 9})
			if m.Op == ldap.OpSearchRequest && req.Filter.Attr == "large" {
				for range 64 {
					c.entry(m, jonDN, "blob", big)
				}
			}
			answer(c, m)
		}
	})
	stuck, other := r.bound(), r.bound()
	_ = stuck.Conn.(*net.TCPConn).SetReadBuffer(4096)
	stuck.send(searchRequest(2, ldap.Present("large")))
	for i := range int32(20) {
		other.search(2+i, userFilter("x"), ldap.Success)
	}
	r.eventually("end of the stuck client", func() bool { return r.counts.get("disconnected") == 1 })
	if r.logs.FilterMessageSnippet("limits.write_stall").Len() == 0 {
		t.Error("no log line names limits.write_stall")
	}
	if got := r.record(lookup.OpSearch, 21); got == nil {
		t.Error("no record")
	}
}

// holding counts the searches that an upstream holds, until release.
type holding struct {
	now, most atomic.Int32
	release   func()
}

// startHolding runs a proxy with a limit in flight, before such an upstream.
func startHolding(t *testing.T, inFlight int) (*rig, *holding) {
	t.Helper()
	released := make(chan struct{})
	h := &holding{release: sync.OnceFunc(func() { close(released) })}
	return start(t, func(s *setup) {
		s.config.Limits.InFlight = inFlight
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				h.most.Store(max(h.most.Load(), h.now.Add(1)))
				c.wait(released)
				h.now.Add(-1)
			}
			answer(c, m)
		}
	}), h
}

// reach waits until n searches are held, lets them go, takes all messages for the
// client, and fails if there were ever more at a time.
func (h *holding) reach(r *rig, c *client, n int32, messages int) {
	r.Helper()
	r.eventually("searches upstream", func() bool { return h.now.Load() == n })
	time.Sleep(50 * time.Millisecond)
	h.release()
	for range messages {
		c.receive()
	}
	if most := h.most.Load(); most != n {
		r.Errorf("%d searches at a time, there is room for %d", most, n)
	}
}

func TestInFlightLimitHoldsTheClientBack(t *testing.T) {
	r, held := startHolding(t, 3)
	c := r.bound()
	for id := range int32(10) {
		c.send(searchRequest(id+2, userFilter("x")))
	}
	held.reach(r, c, 3, 20)
}

// A large request counts for several, so that a client does not make the proxy
// hold limits.in_flight times limits.pdu_after_bind.
func TestLargeRequestsCountForSeveral(t *testing.T) {
	r, held := startHolding(t, 8)
	c := r.bound()
	for id, kib := range []int{40, 40, 40, 900, 40} { // 3, 3, 3, 8, 3 of 8
		c.send(searchRequest(int32(id+2), userFilter(strings.Repeat("x", kib<<10))))
	}
	held.reach(r, c, 2, 10)
}

// Before a bind requests are served one at a time, and the goroutine that reads
// does it: a stranger who does not read his answers holds one.
func TestStrangersAreServedOneAtATime(t *testing.T) {
	r := start(t)
	c := r.dial()
	before := runtime.NumGoroutine()
	root := ldap.SearchRequest{Scope: ldap.ScopeBase, Filter: ldap.Present("objectClass")}
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.SetWriteDeadline(time.Now().Add(time.Second))
		for id := int32(1); ; id++ {
			if _, err := c.Write(encodeSearch(id, &root)); err != nil {
				return
			}
		}
	}()
	<-written // the client has not read a single answer
	if n := runtime.NumGoroutine(); n > before+4 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

func TestPanicCostsOneOperation(t *testing.T) {
	var bad atomic.Bool
	r := start(t, func(s *setup) {
		rules, err := rewrite.Compile(s.groups)
		if err != nil {
			t.Fatal(err)
		}
		s.config.Rules = func() *rewrite.Rules {
			if bad.CompareAndSwap(true, false) {
				panic("quotes the password " + password)
			}
			return rules
		}
	})
	c := r.bound()
	bad.Store(true)
	c.send(searchRequest(2, userFilter("x")))
	if res := c.result(2, ldap.OtherError); res.Diagnostic != "internal error" {
		t.Errorf("diagnostic %q", res.Diagnostic)
	}
	c.search(3, userFilter("x"), ldap.Success)
	if r.counts.get("panic") != 1 {
		t.Error("panic was not counted")
	}
	for _, e := range r.logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), password) {
			t.Errorf("log line quotes the request: %v", e)
		}
	}
}

func TestAnswersAreWholeUnderConcurrency(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			req, _ := decodeSearch(m)
			for i := range 50 {
				c.entry(m, fmt.Sprintf("cn=%d,%s", i, usersBase), "echo", req.Filter.Value)
			}
			c.done(m, ldap.Result{})
		}
	})
	c := r.bound()
	const searches = 40
	go func() {
		for id := int32(2); id < 2+searches; id++ {
			_, _ = c.Write(searchRequest(id, ldap.Equal("echo", fmt.Sprintf("value-%d", id))))
		}
	}()
	entries, done := map[int32]int{}, 0
	for done < searches {
		m := c.receive()
		if m.Op == ldap.OpSearchResultDone {
			done++
			if entries[m.ID] != 50 {
				t.Fatalf("search %d ended with %d entries", m.ID, entries[m.ID])
			}
			continue
		}
		if want := fmt.Sprintf("value-%d", m.ID); !bytes.Contains(m.Body, []byte(want)) {
			t.Fatalf("entry under ID %d is another search's: %q", m.ID, m.Body)
		}
		entries[m.ID]++
	}
}

// TestDamagedMessages flips octets of honest messages: whatever comes of it,
// the process lives, nothing panics and other clients are served.
func TestDamagedMessages(t *testing.T) {
	r := start(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	honest := [][]byte{
		bindRequest(1, jamfDN, password),
		searchRequest(2, ldap.And(ldap.Equal("objectClass", "groupOfNames"), ldap.Not(ldap.Equal("member", jonDN))), manageDsaIT, ldap.PagedResults{Size: 1}.Control(true)),
		compareRequest(3, "cn=gameOfThrones,"+usersBase, "member", jonDN, manageDsaIT),
		extendedRequest(4, ldap.OIDWhoAmI), ldap.AppendAbandonRequest(nil, 5, 2), rootDSE(6, "+"),
	}
	for range 500 {
		c := r.bound()
		damaged := bytes.Clone(honest[rnd.IntN(len(honest))])
		for range 1 + rnd.IntN(3) {
			damaged[rnd.IntN(len(damaged))] = byte(rnd.Uint32())
		}
		c.send(damaged)
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		for {
			if _, err := c.next(); err != nil {
				break
			}
		}
		_ = c.Close()
	}
	if r.counts.get("panic") != 0 {
		t.Error("panicked")
	}
	r.bound().search(2, userFilter("x"), ldap.Success)
}
