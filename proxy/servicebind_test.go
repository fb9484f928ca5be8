package proxy_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

// rememberingBinds is a rig that remembers the service account's password for a
// minute; upstream accepts the usual one until changed is set.
func rememberingBinds(t *testing.T) (r *rig, changed *atomic.Bool) {
	t.Helper()
	changed = new(atomic.Bool)
	k := newClock()
	r = start(t, func(s *setup) {
		s.config.Now = k.now
		s.config.ServiceBind = cache.NewServiceBind(cache.Config{ServiceBindTTL: time.Minute}, jamfDN, k.now)
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpBindRequest && changed.Load() {
				c.result(m, ldap.Result{Code: ldap.InvalidCredentials})
				return
			}
			answer(c, m)
		}
	})
	r.clock = k
	return r, changed
}

// binds checks how many binds upstream has seen.
func (r *rig) binds(want int) {
	r.Helper()
	if got := r.up.count(ldap.OpBindRequest); got != want {
		r.Errorf("upstream has seen %d binds, want %d", got, want)
	}
}

func TestServiceBindIsRemembered(t *testing.T) {
	r, _ := rememberingBinds(t)
	live, kept := r.dial(), r.dial()
	live.send(bindRequest(1, jamfDN, password))
	first := live.receive()
	kept.send(ldap.AppendOperation(nil, 1, ldap.OpBindRequest, ldap.AppendSimpleBind(nil, jamfDN, []byte(password)),
		encodeControls([]ldap.Control{manageDsaIT})))
	if second := kept.receive(); !bytes.Equal(first.Tail, second.Tail) {
		t.Errorf("\n%q\n%q", first.Tail, second.Tail)
	}
	r.binds(1)
	// The session is as good as any: it may search, with a lease of its own.
	kept.search(2, userFilter("a"), ldap.Success)
	r.up.cut()
	kept.search(3, userFilter("a"), ldap.Success)
	r.binds(2)
	for n, want := range []string{lookup.CacheMiss, lookup.CacheHit} {
		if rec := r.record(lookup.OpBind, n+1); rec.Cache != want || rec.Result != 0 || rec.Upstream.IsZero() != (want == lookup.CacheHit) {
			t.Errorf("bind %d: %+v", n+1, rec)
		}
	}
	r.clock.advance(time.Minute)
	r.bound()
	r.binds(3)
}

func TestOnlyTheServiceBindIsRemembered(t *testing.T) {
	r, _ := rememberingBinds(t)
	r.bound()
	for i, tc := range []struct {
		dn, password string
		code         ldap.ResultCode
		controls     []ldap.Control
	}{
		{jonDN, password, ldap.Success, nil},
		{jonDN, password, ldap.Success, nil},
		{"UID=jamf," + usersBase, password, ldap.Success, nil},
		{jamfDN, password, ldap.Success, []ldap.Control{{OID: "1.3.6.1.4.1.42.2.27.8.5.1"}}}, // password policy
		{jamfDN, password + " ", ldap.InvalidCredentials, nil},
		{jamfDN, password, ldap.Success, nil}, // after a refusal
	} {
		c := r.dial()
		c.send(ldap.AppendOperation(nil, 1, ldap.OpBindRequest, ldap.AppendSimpleBind(nil, tc.dn, []byte(tc.password)), encodeControls(tc.controls)))
		c.result(1, tc.code)
		r.binds(i + 2)
	}
	r.bound()
	r.binds(7)
}

func TestServiceBindIsForgottenOnARefusal(t *testing.T) {
	t.Run("of a bind", func(t *testing.T) {
		r, _ := rememberingBinds(t)
		r.bound()
		r.dial().bind(1, jamfDN, "typo", ldap.InvalidCredentials)
		r.bound()
		r.binds(3)
	})
	t.Run("of a lease", func(t *testing.T) {
		r, changed := rememberingBinds(t)
		r.bound()
		changed.Store(true)
		c := r.bound() // remembered still
		r.binds(1)
		r.up.cut() // so that the lease binds again
		c.search(2, userFilter("a"), ldap.Unavailable)
		r.dial().bind(1, jamfDN, password, ldap.InvalidCredentials)
	})
}

// A failed bind is never remembered, and upstream's count is left alone.
func TestRefusalsAreNotRemembered(t *testing.T) {
	r, _ := rememberingBinds(t)
	for i := range 3 {
		r.dial().bind(1, jamfDN, "typo", ldap.InvalidCredentials)
		r.binds(i + 1)
	}
}

// Remembering does not touch the back-off: it neither ends nor begins one.
func TestRememberedBindWaitsLikeAnyOther(t *testing.T) {
	r, changed := rememberingBinds(t)
	changed.Store(true)
	for range 6 {
		c := r.dial()
		c.send(bindRequest(1, jamfDN, "typo"))
		c.receive()
	}
	changed.Store(false)
	r.dial().bind(1, jamfDN, password, ldap.Busy)
}
