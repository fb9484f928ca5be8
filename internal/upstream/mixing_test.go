package upstream_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// Thirty sessions of two users on one pool, with typos and abandoned searches in
// between: no search may ever run as somebody else
// (CVE-2019-13565, CVE-2019-13057 and their like).
func TestIdentitiesAreNeverMixed(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	var sessions sync.WaitGroup
	for i := range 30 {
		dn, pw := "cn=a", "pw-a"
		if i%2 == 1 {
			dn, pw = "cn=b", "pw-b"
		}
		sessions.Go(func() {
			for range 20 {
				if err := session(t, p, dn, pw); err != nil {
					t.Errorf("%s: %v", dn, err)
				}
			}
		})
	}
	sessions.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.mixed {
		t.Error(m)
	}
	if f.seen["search"] < 500 { // an abandoned one may be over before it is read
		t.Errorf("only %d searches", f.seen["search"])
	}
}

func session(t *testing.T, p *testPool, dn, pw string) error {
	id := identity(dn, pw)
	defer id.Forget()
	switch rand.IntN(6) {
	case 0:
		if a, err := p.Bind(t.Context(), identity(dn, "typo"), nil); err != nil || a.Result.Code != ldap.InvalidCredentials {
			return fmt.Errorf("typo: %v, %v", a.Result.Code, err)
		}
	case 1:
		if a, err := p.Bind(t.Context(), id, nil); err != nil || a.Result.Code != ldap.Success {
			return fmt.Errorf("bind: %v, %v", a.Result.Code, err)
		}
	}
	c, err := p.Acquire(t.Context(), id)
	if err != nil {
		return err
	}
	defer c.Discard() // of no effect after the others
	if rand.IntN(6) == 0 {
		return abandonedSearch(t, c, dn)
	}
	dns, err := search(t.Context(), c, dn)
	for _, got := range dns {
		if got != dn {
			return fmt.Errorf("search ran as %q", got)
		}
	}
	c.Release()
	return err
}

func abandonedSearch(t *testing.T, c *upstream.Conn, dn string) error {
	if err := c.Send(ldap.OpSearchRequest, searchBody(dn), nil); err != nil {
		return err
	}
	if rand.IntN(2) == 0 {
		if _, err := c.Receive(t.Context()); err != nil {
			return err
		}
	}
	if rand.IntN(2) == 0 {
		c.Release() // too early: must not lead to reuse
	}
	c.Abandon()
	return nil
}
