package cache_test

import (
	"testing"
	"time"

	"jamf-ldap-proxy/internal/cache"
)

func TestServiceBind(t *testing.T) {
	const dn = "uid=jamf,dc=x"
	k := newClock()
	b := cache.NewServiceBind(cache.Config{ServiceBindTTL: time.Minute}, dn, k.now)
	right, wrong := [32]byte{1}, [32]byte{2}
	if b.Knows(right) || b.Knows([32]byte{}) {
		t.Error("knows what nobody has said")
	}
	b.Asking()(right)
	if !b.Knows(right) || b.Knows(wrong) {
		t.Error("remembers badly")
	}
	k.advance(time.Minute - 1)
	if !b.Knows(right) {
		t.Error("forgets too early")
	}
	k.advance(1)
	if b.Knows(right) {
		t.Error("remembers too long")
	}

	b.Asking()(right)
	b.Doubt("uid=other,dc=x")
	if !b.Knows(right) {
		t.Error("another user's typo counts")
	}
	accepted := b.Asking()
	b.Doubt(dn)
	if b.Knows(right) {
		t.Error("knows what upstream has refused")
	}
	accepted(right)
	if b.Knows(right) {
		t.Error("an answer from before the refusal counts")
	}
	if !b.Covers(dn) || b.Covers("UID=jamf,dc=x") || b.Covers("") {
		t.Error("covers others")
	}
}

func TestServiceBindOff(t *testing.T) {
	b := cache.NewServiceBind(cache.Config{}, "uid=jamf,dc=x", nil)
	b.Doubt("uid=jamf,dc=x")
	if b != nil || b.Covers("uid=jamf,dc=x") || cache.NewServiceBind(cache.Config{ServiceBindTTL: 1}, "", nil).Covers("") {
		t.Error("on without being asked")
	}
}
