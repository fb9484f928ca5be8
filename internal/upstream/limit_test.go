package upstream_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

func atMost(n int) func(*upstream.Config) {
	return func(c *upstream.Config) { c.MaxConnections = n }
}

type acquired struct {
	c   *upstream.Conn
	err error
}

// acquiring is an Acquire that is waiting.
func acquiring(ctx context.Context, p *testPool, id *upstream.Identity) <-chan acquired {
	out := make(chan acquired, 1)
	go func() {
		c, err := p.Acquire(ctx, id)
		out <- acquired{c, err}
	}()
	return out
}

func stillWaiting(t *testing.T, out <-chan acquired) {
	t.Helper()
	select {
	case a := <-out:
		t.Fatalf("did not wait: %v", a.err)
	case <-time.After(30 * time.Millisecond):
	}
}

func TestWhoeverWaitsGetsWhatIsGivenBack(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, atMost(2), f.url("ldap"))
	a, b := identity("cn=a", "pw-a"), identity("cn=b", "pw-b")
	first, second := mustAcquire(t, p, a), mustAcquire(t, p, a)

	// One of the same identity gets the connection as it is.
	waiting := acquiring(t.Context(), p, a)
	stillWaiting(t, waiting)
	first.Release()
	got := <-waiting
	if got.err != nil || !got.c.Reused() || f.count("dial") != 2 {
		t.Fatalf("%v, %d dials", got.err, f.count("dial"))
	}
	// Another identity gets its place.
	waiting = acquiring(t.Context(), p, b)
	stillWaiting(t, waiting)
	second.Release()
	other := <-waiting
	if other.err != nil || other.c.Reused() || f.count("dial") != 3 {
		t.Fatalf("%v, %d dials", other.err, f.count("dial"))
	}
	eventually(t, "a farewell", func() bool { return f.count("unbind") == 1 })
	if dns, err := search(t.Context(), other.c, "cn=b"); err != nil || dns[0] != "cn=b" {
		t.Errorf("search: %v, %v", dns, err)
	}
	// And when somebody's connection dies, its place is free as well.
	waiting = acquiring(t.Context(), p, b)
	stillWaiting(t, waiting)
	got.c.Discard()
	last := <-waiting
	if last.err != nil {
		t.Fatal(last.err)
	}
	last.c.Release()
	other.c.Release()
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, atMost(2), f.url("ldap"))
	a, b := identity("cn=a", "pw-a"), identity("cn=b", "pw-b")
	mustBind(t, p, a, ldap.Success)
	mustBind(t, p, a, ldap.Success)
	c := mustAcquire(t, p, a)
	mustBind(t, p, b, ldap.Success)
	mustBind(t, p, identity("cn=b", "typo"), ldap.InvalidCredentials)
	mustBind(t, p, b, ldap.Success)
	c.Release()
}

func TestWaitingForAConnectionCanBeCancelled(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, atMost(1), f.url("ldap"))
	a := identity("cn=a", "pw-a")
	held := mustAcquire(t, p, a)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := acquiring(ctx, p, a)
	stillWaiting(t, waiting)
	cancel()
	if got := <-waiting; !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %v", got.err)
	}
	held.Release()
	mustBind(t, p, a, ldap.Success) // nobody is given what a caller who left would have had
	if f.count("dial") != 1 {
		t.Errorf("%d dials", f.count("dial"))
	}
}

func TestWaitingForAConnectionEnds(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, func(c *upstream.Config) {
		c.MaxConnections, c.SearchTimeout, c.BindTimeout = 1, 40*time.Millisecond, 50*time.Millisecond
	}, f.url("ldap"), "ldap://127.0.0.1:9")
	held := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer held.Release()
	_, err := p.Acquire(t.Context(), identity("cn=a", "pw-a"))
	var e *upstream.Error
	if !errors.As(err, &e) || !errors.Is(err, upstream.ErrBusy) || !e.Timeout || e.Sent {
		t.Fatalf("got %#v", err)
	}
	if want := "waiting for a connection to " + f.url("ldap") + ": no connection within upstream.search_timeout (40ms): " +
		"all of upstream.max_connections are in use (1)"; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	answer, err := p.Bind(t.Context(), identity("cn=b", "pw-b"), nil)
	if !errors.Is(err, upstream.ErrBusy) || !strings.Contains(err.Error(), "upstream.bind_timeout (50ms)") || answer.Waited < 50*time.Millisecond {
		t.Errorf("got %v after %v", err, answer.Waited)
	}
	if f.count("bind") != 1 {
		t.Errorf("%d binds", f.count("bind"))
	}
}

// A crowd that shares few connections: all are served, and the server never
// sees more connections than configured.
func TestACrowdSharesFewConnections(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, func(c *upstream.Config) { c.MaxConnections, c.Warm = 4, 2 }, f.url("ldap"))
	var crowd sync.WaitGroup
	for i := range 40 {
		dn, pw := "cn=a", "pw-a"
		if i%4 == 0 {
			dn, pw = "cn=b", "pw-b"
		}
		crowd.Go(func() {
			for range 10 {
				c, err := p.Acquire(t.Context(), identity(dn, pw))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := search(t.Context(), c, dn); err != nil {
					t.Error(err)
				}
				if n := p.Open(); n > 4 {
					t.Errorf("%d connections at once", n)
				}
				c.Release()
			}
		})
	}
	crowd.Wait()
	if len(f.mixed) > 0 || f.count("search") != 400 {
		t.Errorf("%v, %d searches", f.mixed, f.count("search"))
	}
}
