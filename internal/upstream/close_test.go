package upstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

func TestCloseSaysGoodbyeToIdleConnections(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	mustBind(t, p, identity("cn=b", "pw-b"), ldap.Success)
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two unbinds", func() bool { return f.count("unbind") == 2 })
	_, err := p.Acquire(t.Context(), identity("cn=a", "pw-a"))
	if !errors.Is(err, upstream.ErrClosed) {
		t.Errorf("acquire after close: %v", err)
	}
	if _, err = p.Bind(t.Context(), identity("cn=a", "pw-a"), nil); !errors.Is(err, upstream.ErrClosed) {
		t.Errorf("bind after close: %v", err)
	}
}

func TestCloseWaitsForLeases(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	closed := make(chan error)
	go func() { closed <- p.Close(context.Background()) }()
	select {
	case err := <-closed:
		t.Fatalf("closed under a lease: %v", err)
	case <-time.After(30 * time.Millisecond):
	}
	if _, err := search(t.Context(), c, "cn=a"); err != nil {
		t.Errorf("a lease does not survive a patient close: %v", err)
	}
	c.Release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if p.gauges.get("idle") != 0 {
		t.Error("a connection became idle in a closed pool")
	}
}

func TestCloseCutsWhoeverStays(t *testing.T) {
	f := answering(t, silence)
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	failed := make(chan error)
	go func() {
		_, err := search(context.Background(), c, "cn=a")
		c.Release()
		failed <- err
	}()
	eventually(t, "search", func() bool { return f.count("search") == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := p.Close(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v", err)
	}
	if want := "closing upstream connections: context deadline exceeded with 1 in use"; err.Error() != want {
		t.Errorf("got %v", err)
	}
	if err := <-failed; !errors.Is(err, upstream.ErrClosed) {
		t.Errorf("search: %v", err)
	}
}

func TestCloseEndsDials(t *testing.T) {
	hole := newHole(t)
	p := newPool(t, nil, hole.url("ldaps"), hole.url("ldaps"))
	failed := make(chan error)
	go func() {
		_, err := p.Acquire(context.Background(), identity("cn=a", "pw-a"))
		failed <- err
	}()
	eventually(t, "dialing", func() bool { return p.gauges.get("dialing") == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	if err := <-failed; !errors.Is(err, upstream.ErrClosed) {
		t.Errorf("acquire: %v", err)
	}
	if len(p.gauges.ups()) != 0 {
		t.Errorf("our own end says %v about the server", p.gauges.ups())
	}
}
