package upstream_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// gate is a listener whose connections say nothing while it is shut, and end at
// once while it is broken.
type gate struct {
	net.Listener
	broken atomic.Bool

	mu   sync.Mutex
	shut chan struct{} // nil: open
}

func (g *gate) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err == nil && g.broken.Load() {
		_ = c.Close()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return gatedConn{c, g.shut}, err
}

type gatedConn struct {
	net.Conn
	shut chan struct{}
}

func (c gatedConn) Read(b []byte) (int, error) {
	if c.shut != nil {
		<-c.shut
	}
	return c.Conn.Read(b)
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

// newGated is a directory behind TLS and a gate.
func newGated(t *testing.T, ca *authority) (*fake, *gate) {
	t.Helper()
	g := &gate{}
	t.Cleanup(func() { g.open() })
	f := newFake(t, func(f *fake) {
		g.Listener = f.listener
		f.listener = tls.NewListener(g, ca.serve(loopback()))
	})
	t.Cleanup(func() { g.open() }) // before the directory ends
	return f, g
}

func trusting(ca *authority, change func(*upstream.Config)) func(*upstream.Config) {
	return func(c *upstream.Config) {
		c.TLS.CA = ca.file
		if change != nil {
			change(c)
		}
	}
}

// spares waits until n of them can be taken, and are counted.
func spares(p *testPool, n int) func() bool {
	return func() bool { return p.Spares() == n && p.gauges.get("spare") == n }
}

// No handshake can end while the gate is shut: whoever binds has only the spares.
func TestBindTakesASpare(t *testing.T) {
	ca := newAuthority(t)
	f, g := newGated(t, ca)
	p := newPool(t, trusting(ca, func(c *upstream.Config) { c.Warm = 2 }), f.url("ldaps"))
	eventually(t, "two spares", spares(p, 2))
	g.close()
	if a := mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success); a.Reused || f.count("bind") != 1 {
		t.Errorf("reused %v, %d binds", a.Reused, f.count("bind"))
	}
	c := mustAcquire(t, p, identity("cn=b", "pw-b"))
	if dns, err := search(t.Context(), c, "cn=b"); err != nil || len(dns) != 3 || dns[0] != "cn=b" {
		t.Errorf("search: %v, %v", dns, err)
	}
	c.Release()
	g.open()
	eventually(t, "two spares again", spares(p, 2))
	if f.count("dial") != 4 {
		t.Errorf("%d dials, want two and two", f.count("dial"))
	}
}

// What nobody takes is nobody's: no bind is sent for it.
func TestSparesAreNotBound(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, func(c *upstream.Config) { c.Warm = 3 }, f.url("ldap"))
	eventually(t, "three spares", spares(p, 3))
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three farewells", func() bool { return f.count("unbind") == 3 })
	if f.count("bind") != 0 {
		t.Errorf("%d binds", f.count("bind"))
	}
}

func TestFailedBindSpendsItsSpare(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, func(c *upstream.Config) { c.Warm = 1 }, f.url("ldap"))
	for range 3 {
		eventually(t, "a spare", spares(p, 1))
		mustBind(t, p, identity("cn=a", "typo"), ldap.InvalidCredentials)
	}
	eventually(t, "a spare", spares(p, 1))
	mustBind(t, p, identity("cn=b", "pw-b"), ldap.Success)
	eventually(t, "a spare", spares(p, 1))
	eventually(t, "three farewells", func() bool { return f.count("unbind") == 3 && f.count("dial") == 5 })
	if f.count("bind") != 4 {
		t.Errorf("%d binds", f.count("bind"))
	}
}

func TestSparesThatTheServerClosed(t *testing.T) {
	ca := newAuthority(t)
	for name, scheme := range map[string]string{"plain": "ldap", "TLS": "ldaps"} {
		t.Run(name, func(t *testing.T) {
			var at clock
			f := newFake(t, nil)
			if scheme == "ldaps" {
				f = newTLSFake(t, ca.serve(loopback()), nil)
			}
			p := newPoolAt(t, &at, trusting(ca, func(c *upstream.Config) { c.Warm = 3 }), f.url(scheme))
			eventually(t, "three spares", spares(p, 3))
			f.hangUp()
			eventually(t, "the server has closed them", func() bool { return f.open() == 0 })
			time.Sleep(20 * time.Millisecond)                      // for the loopback to deliver
			mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success) // none of them fails it
			at.advance(5 * time.Second)
			p.Upkeep()
			eventually(t, "three living spares", spares(p, 3))
			eventually(t, "four connections", func() bool { return f.open() == 4 })
		})
	}
}

// A server that closes what is idle at once would otherwise be dialed for ever.
func TestSparesThatNeverLast(t *testing.T) {
	var at clock
	f := newFake(t, nil)
	p := newPoolAt(t, &at, func(c *upstream.Config) { c.Warm = 2 }, f.url("ldap"))
	for range 120 {
		f.hangUp()
		time.Sleep(time.Millisecond)
		p.Upkeep()
		at.advance(time.Second)
	}
	// 1+2+4+8+16 s, then every 30 s at least a quarter less: ten rounds of two,
	// and the probes.
	if n := f.count("dial"); n > 30 {
		t.Errorf("%d dials in two minutes", n)
	}
}

func TestSparesAreReplacedBeforeTheyExpire(t *testing.T) {
	var at clock
	f := newFake(t, nil)
	p := newPoolAt(t, &at, func(c *upstream.Config) { c.Warm, c.IdleTimeout = 3, 4*time.Minute }, f.url("ldap"))
	eventually(t, "three spares", spares(p, 3))
	at.advance(3*time.Minute + 10*time.Second) // three quarters are over
	p.Upkeep()
	eventually(t, "three others", func() bool { return f.count("dial") >= 6 && f.count("unbind") >= 3 && spares(p, 3)() })
	at.advance(time.Minute)
	if a := mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success); a.Reused {
		t.Error("reused")
	}
}

// A dial takes longer than its caller's patience: it is not lost.
func TestDialOutlivesItsWaiter(t *testing.T) {
	ca := newAuthority(t)
	f, g := newGated(t, ca)
	g.close()
	p := newPool(t, trusting(ca, nil), f.url("ldaps"))
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := p.Bind(ctx, identity("cn=a", "pw-a"), nil)
		left <- err
	}()
	eventually(t, "a dial", func() bool { return f.count("dial") == 1 })
	cancel()
	var e *upstream.Error
	if err := <-left; !errors.As(err, &e) || !errors.Is(err, context.Canceled) || e.Sent {
		t.Errorf("got %#v", err)
	}
	g.open()
	eventually(t, "a spare", spares(p, 1))
	mustBind(t, p, identity("cn=b", "pw-b"), ldap.Success)
	if f.count("dial") != 1 || f.count("bind") != 1 {
		t.Errorf("%d dials, %d binds", f.count("dial"), f.count("bind"))
	}
}

func TestLifetime(t *testing.T) {
	var at clock
	f := newFake(t, nil)
	p := newPoolAt(t, &at, func(c *upstream.Config) { c.Lifetime, c.IdleTimeout = time.Hour, 24*time.Hour }, f.url("ldap"))
	id := identity("cn=a", "pw-a")
	mustBind(t, p, id, ldap.Success)
	for range 5 {
		at.advance(10 * time.Minute)
		c := mustAcquire(t, p, id)
		if !c.Reused() {
			t.Fatal("ended too early")
		}
		c.Release()
	}
	at.advance(10 * time.Minute)
	c := mustAcquire(t, p, id)
	defer c.Release()
	if c.Reused() {
		t.Error("used after an hour, although never idle for long")
	}
}
