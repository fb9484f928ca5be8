package upstream_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// freePort is a server that refuses connections, until somebody listens there.
func freePort(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

// fresh binds over a connection of its own and tells which server that is to.
func fresh(t *testing.T, p *testPool) string {
	t.Helper()
	c, err := p.AcquireFresh(t.Context(), identity("cn=a", "pw-a"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Discard()
	if _, err := search(t.Context(), c, "cn=a"); err != nil {
		t.Error(err)
	}
	return c.Server()
}

// Whatever is wrong with the first server, a bind that was certainly not sent
// there goes to the second, and others do not try the first again meanwhile.
func TestFailover(t *testing.T) {
	ca := newAuthority(t)
	broken, g := newGated(t, ca)
	g.broken.Store(true)
	hole := newHole(t)
	for name, first := range map[string]struct {
		url  string
		fake *fake
	}{
		"refused":    {"ldaps://" + freePort(t), nil},
		"black hole": {hole.url("ldaps"), hole},
		"broken":     {broken.url("ldaps"), broken},
	} {
		t.Run(name, func(t *testing.T) {
			var at clock
			second := newTLSFake(t, ca.serve(loopback()), nil)
			p := newPoolAt(t, &at, trusting(ca, func(c *upstream.Config) { c.ConnectTimeout = 2 * time.Second }),
				first.url, second.url("ldaps"))
			if a := mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success); a.Server != second.url("ldaps") {
				t.Errorf("bound at %s", a.Server)
			}
			for range 5 {
				if got := fresh(t, p); got != second.url("ldaps") {
					t.Errorf("asked %s", got)
				}
			}
			if first.fake != nil && (first.fake.count("dial") != 1 || first.fake.count("bind") != 0) {
				t.Errorf("the first server saw %d dials and %d binds", first.fake.count("dial"), first.fake.count("bind"))
			}
			if second.count("bind") != 6 {
				t.Errorf("%d binds at the second server", second.count("bind"))
			}
		})
	}
}

// One probe decides whether a server is back; no lookup is spent on it.
func TestRecovery(t *testing.T) {
	var at clock
	ca := newAuthority(t)
	first, g := newGated(t, ca)
	g.broken.Store(true)
	second := newTLSFake(t, ca.serve(loopback()), nil)
	p := newPoolAt(t, &at, trusting(ca, func(c *upstream.Config) { c.Warm = 2 }), first.url("ldaps"), second.url("ldaps"))
	eventually(t, "two spares of the second", spares(p, 2))
	const before = 2 // for spares, at the start
	eventually(t, "the first has seen all of its dials", func() bool { return first.count("dial") == before && p.Open() == 2 })

	p.Upkeep()
	if n := first.count("dial"); n != before {
		t.Errorf("%d dials before the back-off is over", n-before)
	}
	at.advance(2 * time.Second)
	p.Upkeep()
	eventually(t, "a probe", func() bool { return first.count("dial") == before+1 && p.Open() == 2 })
	for range 5 {
		if got := fresh(t, p); got != second.url("ldaps") {
			t.Errorf("asked %s", got)
		}
	}
	if n := first.count("dial"); n != before+1 {
		t.Errorf("%d dials of lookups", n-before-1)
	}

	g.broken.Store(false)
	at.advance(4 * time.Second)
	p.Upkeep()
	eventually(t, "spares of the first again", func() bool { return first.open() == 2 && second.open() == 0 })
	if got := fresh(t, p); got != first.url("ldaps") {
		t.Errorf("asked %s", got)
	}
	up := p.gauges.ups()
	if !up[len(up)-1] {
		t.Error("the server is not shown as up")
	}
}

// Connections of a server that failed are not used while another one works.
func TestIdleConnectionsOfAFailedServer(t *testing.T) {
	var at clock
	ca := newAuthority(t)
	first, g := newGated(t, ca)
	second := newTLSFake(t, ca.serve(loopback()), nil)
	p := newPoolAt(t, &at, trusting(ca, nil), first.url("ldaps"), second.url("ldaps"))
	id := identity("cn=a", "pw-a")
	mustBind(t, p, id, ldap.Success)
	g.broken.Store(true)
	if got := fresh(t, p); got != second.url("ldaps") {
		t.Fatalf("asked %s", got)
	}
	eventually(t, "the idle connection is gone", func() bool { return p.gauges.get("idle") == 0 })
	if a := mustBind(t, p, id, ldap.Success); a.Server != second.url("ldaps") {
		t.Errorf("bound at %s", a.Server)
	}
}

// A search that the first server hung up on is repeated at the second, and only
// while nothing of the answer has come.
func TestHangUpBeforeTheAnswer(t *testing.T) {
	var at clock
	var entries atomic.Int64
	first := newFake(t, func(f *fake) {
		f.intercept = func(c *fakeConn, m ldap.Message) bool {
			if m.Op != ldap.OpSearchRequest {
				return false
			}
			for range entries.Load() {
				_, _ = c.Write(entry(m.ID, "cn=a"))
			}
			_ = c.Conn.Close()
			return true
		}
	})
	second := newFake(t, nil)
	for n := range 2 {
		entries.Store(int64(n))
		p := newPoolAt(t, &at, nil, first.url("ldap"), second.url("ldap"))
		c := mustAcquire(t, p, identity("cn=a", "pw-a"))
		_, err := search(t.Context(), c, "cn=a")
		c.Discard()
		if c.Server() != first.url("ldap") || err == nil {
			t.Fatalf("%s: %v", c.Server(), err)
		}
		if want := n == 0; upstream.Retryable(err) != want {
			t.Errorf("after %d entries: retryable %v", n, !want)
		}
		if got := fresh(t, p); got != second.url("ldap") {
			t.Errorf("asked %s again", got)
		}
	}
}

// A bind that may have left is sent to nobody else, over a spare or not.
func TestBindIsSentOnce(t *testing.T) {
	for _, warm := range []int{0, 2} {
		dies := func(f *fake) {
			f.intercept = func(c *fakeConn, m ldap.Message) bool { _ = c.Conn.Close(); return true }
		}
		first, second := newFake(t, dies), newFake(t, dies)
		p := newPool(t, func(c *upstream.Config) { c.Warm = warm }, first.url("ldap"), second.url("ldap"))
		eventually(t, "spares", spares(p, warm))
		_, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
		var e *upstream.Error
		if !errors.As(err, &e) || !e.Sent || upstream.Retryable(err) {
			t.Errorf("got %#v", err)
		}
		if _, err := p.Acquire(t.Context(), identity("cn=b", "pw-b")); !errors.As(err, &e) || !e.Sent || upstream.Retryable(err) {
			t.Errorf("got %#v", err)
		}
		if first.count("bind")+second.count("bind") != 2 {
			t.Errorf("%d and %d binds for two", first.count("bind"), second.count("bind"))
		}
	}
}

// With no server that answers, each lookup tries them all and says so.
func TestAllServersDown(t *testing.T) {
	var at clock
	one, two := "ldap://"+freePort(t), "ldap://"+freePort(t)
	p := newPoolAt(t, &at, nil, one, two)
	for range 3 {
		_, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
		var e *upstream.Error
		if !errors.As(err, &e) || e.Sent || e.Timeout || !strings.Contains(err.Error(), "dialing "+one) || !strings.Contains(err.Error(), "dialing "+two) {
			t.Errorf("got %v", err)
		}
	}
	// The first that is back serves the next lookup, without waiting for a probe.
	f := newFake(t, func(f *fake) {
		_ = f.listener.Close()
		eventually(t, "the port of the server is free", func() (ok bool) {
			l, err := net.Listen("tcp", strings.TrimPrefix(two, "ldap://"))
			if err == nil {
				f.listener = l
			}
			return err == nil
		})
	})
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	if f.count("bind") != 1 {
		t.Errorf("%d binds", f.count("bind"))
	}
}

func TestRoundRobin(t *testing.T) {
	first, second, gone := newFake(t, nil), newFake(t, nil), "ldap://"+freePort(t)
	p := newPool(t, func(c *upstream.Config) { c.Policy = upstream.PolicyRoundRobin },
		first.url("ldap"), gone, second.url("ldap"))
	asked := map[string]int{}
	for range 12 {
		asked[fresh(t, p)]++
	}
	if asked[first.url("ldap")] < 4 || asked[second.url("ldap")] < 4 {
		t.Errorf("%v", asked)
	}
}

func TestRoundRobinSpares(t *testing.T) {
	first, second := newFake(t, nil), newFake(t, nil)
	p := newPool(t, func(c *upstream.Config) { c.Policy, c.Warm = upstream.PolicyRoundRobin, 4 }, first.url("ldap"), second.url("ldap"))
	eventually(t, "four spares", spares(p, 4))
	eventually(t, "two at each", func() bool { return first.open() == 2 && second.open() == 2 })
}

// An outage of ten minutes, seen by a server that ends every handshake.
func TestNoDialStorm(t *testing.T) {
	var at clock
	ca := newAuthority(t)
	f, g := newGated(t, ca)
	g.broken.Store(true)
	p := newPoolAt(t, &at, trusting(ca, func(c *upstream.Config) { c.Warm = 8 }), f.url("ldaps"))
	eventually(t, "the first failures", func() bool { return len(p.gauges.ups()) >= 8 && p.Open() == 0 })
	eventually(t, "8 dials for 8 spares", func() bool { return f.count("dial") == 8 })
	for range 600 {
		at.advance(time.Second)
		p.Upkeep()
		eventually(t, "no dial", func() bool { return p.Open() == 0 })
	}
	// 5 until the back-off is 30 s, and those are 22 s at least.
	if n := f.count("dial") - 8; n < 10 || n > 35 {
		t.Errorf("%d dials in ten minutes", n)
	}
	g.broken.Store(false)
	at.advance(time.Minute)
	p.Upkeep()
	eventually(t, "all spares", spares(p, 8))
}

// A crowd before a server that does not answer shares a few dials.
func TestACrowdBeforeABlackHole(t *testing.T) {
	var at clock
	hole := newHole(t)
	p := newPoolAt(t, &at, func(c *upstream.Config) { c.ConnectTimeout = 300 * time.Millisecond }, hole.url("ldaps"))
	var crowd sync.WaitGroup
	for range 200 {
		crowd.Go(func() {
			_, err := p.Acquire(context.Background(), identity("cn=a", "pw-a"))
			var e *upstream.Error
			if !errors.As(err, &e) || !e.Timeout || !strings.Contains(err.Error(), "upstream.connect_timeout") {
				t.Errorf("got %v", err)
			}
		})
	}
	crowd.Wait()
	if n := hole.count("dial"); n > 4*upstream.MaxDials {
		t.Errorf("%d dials for 200 lookups", n)
	}
}

// Sessions of TLS are kept for each server, so that spares cost little.
func TestSparesResume(t *testing.T) {
	ca := newAuthority(t)
	f := newTLSFake(t, ca.serve(loopback()), nil)
	p := newPool(t, trusting(ca, func(c *upstream.Config) { c.Warm = 1 }), f.url("ldaps"))
	for range 4 {
		eventually(t, "a spare", spares(p, 1))
		time.Sleep(10 * time.Millisecond) // for the tickets to come
		p.Upkeep()
		mustBind(t, p, identity("cn=a", "typo"), ldap.InvalidCredentials)
	}
	eventually(t, "resumed", func() bool { return f.count("resumed") >= 3 })
}
