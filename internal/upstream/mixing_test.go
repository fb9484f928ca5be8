package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// Fifty clients of two users on one pool, with typos, binds anew, abandoned
// searches, callers who leave, too few connections, spares, and servers that
// hang up: no search may ever run as somebody else (CVE-2019-13565,
// CVE-2019-13057 and their like).
func TestIdentitiesAreNeverMixed(t *testing.T) {
	for name, policy := range map[string]upstream.Policy{"ordered": upstream.PolicyOrdered, "round-robin": upstream.PolicyRoundRobin} {
		t.Run(name, func(t *testing.T) {
			first, second := newFake(t, nil), newFake(t, nil)
			p := newPool(t, func(c *upstream.Config) {
				c.Policy, c.Warm, c.MaxConnections = policy, 4, 24
			}, first.url("ldap"), second.url("ldap"))
			stop := make(chan struct{})
			var trouble sync.WaitGroup
			trouble.Go(func() { makeTrouble(stop, first, second) })

			var clients sync.WaitGroup
			var answered, failed atomic.Int64
			for i := range 50 {
				dn, pw := "cn=a", "pw-a"
				if i%2 == 1 {
					dn, pw = "cn=b", "pw-b"
				}
				clients.Go(func() {
					for range 20 {
						ok, err := session(t, p, dn, pw)
						switch {
						case ok:
							answered.Add(1)
						case expected(err):
							failed.Add(1)
						default:
							t.Errorf("%s: %v", dn, err)
						}
					}
				})
			}
			clients.Wait()
			close(stop)
			trouble.Wait()
			for _, f := range []*fake{first, second} {
				f.mu.Lock()
				for _, m := range f.mixed {
					t.Error(m)
				}
				f.mu.Unlock()
			}
			t.Logf("%d sessions answered, %d cut off", answered.Load(), failed.Load())
			if answered.Load() < 300 {
				t.Errorf("only %d sessions were answered", answered.Load())
			}
		})
	}
}

// makeTrouble hangs up, now at one server and now at the other.
func makeTrouble(stop chan struct{}, servers ...*fake) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(15 * time.Millisecond):
			servers[i%len(servers)].hangUp()
		}
	}
}

var errStrange = errors.New("somebody else's")

// expected tells whether err is what a client sees of a server that hung up, or
// of its own leaving.
func expected(err error) bool {
	var e *upstream.Error
	return err == nil || !errors.Is(err, errStrange) && errors.As(err, &e) && e.BindCode == 0 && !errors.Is(err, ldap.ErrMalformed)
}

// session is a client's life. It tells whether a search was answered to the end.
func session(t *testing.T, p *testPool, dn, pw string) (answered bool, err error) {
	id := identity(dn, pw)
	defer id.Forget()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch rand.IntN(8) {
	case 0:
		// Upstream says no: whoever comes next binds for himself.
		a, err := p.Bind(ctx, identity(dn, "typo"), nil)
		if err == nil && a.Result.Code != ldap.InvalidCredentials {
			return false, fmt.Errorf("%w: a typo was answered %v", errStrange, a.Result.Code)
		}
	case 1, 2:
		a, err := p.Bind(ctx, id, nil)
		if err == nil && a.Result.Code != ldap.Success {
			return false, fmt.Errorf("%w: the password was answered %v", errStrange, a.Result.Code)
		}
	case 3:
		time.AfterFunc(time.Duration(rand.IntN(3000))*time.Microsecond, cancel)
	}
	c, err := p.Acquire(ctx, id)
	if err != nil {
		return false, err
	}
	defer c.Discard() // of no effect after the others
	if rand.IntN(6) == 0 {
		return false, abandonedSearch(ctx, c, dn)
	}
	dns, err := search(ctx, c, dn)
	for _, got := range dns {
		if got != dn {
			return false, fmt.Errorf("%w: search ran as %q", errStrange, got)
		}
	}
	c.Release()
	return err == nil && len(dns) == 3, err
}

func abandonedSearch(ctx context.Context, c *upstream.Conn, dn string) error {
	if err := c.Send(ldap.OpSearchRequest, searchBody(dn), nil); err != nil {
		return err
	}
	if rand.IntN(2) == 0 {
		if _, err := c.Receive(ctx); err != nil {
			return err
		}
	}
	if rand.IntN(2) == 0 {
		c.Release() // too early: must not lead to reuse
	}
	c.Abandon()
	return nil
}

// A failed bind leaves its connection to nobody, spare or not.
func TestFailedBindLeavesNobodyBound(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, func(c *upstream.Config) { c.Warm, c.MaxConnections = 1, 2 }, f.url("ldap"))
	for range 20 {
		mustBind(t, p, identity("cn=a", "typo"), ldap.InvalidCredentials)
		c := mustAcquire(t, p, identity("cn=b", "pw-b"))
		if dns, err := search(t.Context(), c, "cn=b"); err != nil || dns[0] != "cn=b" {
			t.Errorf("search: %v, %v", dns, err)
		}
		c.Discard()
	}
	if len(f.mixed) > 0 {
		t.Error(f.mixed)
	}
}
