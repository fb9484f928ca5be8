package proxy

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestBackoffDoublesUpToSixteenTimes(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := newBackoff(&Limits{FailedBinds: 3, FailedBindWait: time.Second}, func() time.Time { return now })
	key := backoffKeyOf(netip.MustParseAddr("10.0.0.1"), "uid=jamf,dc=com")
	for range 3 {
		if left := b.admit(key); left != 0 {
			t.Fatalf("waits %v before the limit", left)
		}
		b.failed(key)
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 16, 16} {
		if left := b.admit(key); left != want*time.Second {
			t.Fatalf("waits %v, want %vs", left, int(want))
		}
		now = now.Add(want * time.Second)
		if left := b.admit(key); left != 0 {
			t.Fatalf("still waits %v", left)
		}
		if b.admit(key) == 0 {
			t.Fatal("two attempts at a time went through")
		}
		b.failed(key)
	}
	now = now.Add(time.Hour)
	b.admit(key)
	b.failed(key)
	if left := b.admit(key); left != 0 {
		t.Errorf("waits %v after an hour of peace and one mistake", left)
	}
}

func TestBackoffTableIsBounded(t *testing.T) {
	b := newBackoff(&Limits{FailedBinds: 1, FailedBindWait: time.Hour}, time.Now)
	addr := netip.MustParseAddr("10.0.0.1")
	for i := range 3 * backoffEntries {
		b.failed(backoffKeyOf(addr, fmt.Sprintf("uid=%d", i)))
	}
	if len(b.entries) != backoffEntries || b.order.Len() != backoffEntries {
		t.Errorf("%d entries, %d in order", len(b.entries), b.order.Len())
	}
	if b.admit(backoffKeyOf(addr, fmt.Sprintf("uid=%d", 3*backoffEntries-1))) == 0 {
		t.Error("the freshest failure was forgotten")
	}
}

func TestBackoffKeyIgnoresSpelling(t *testing.T) {
	addr := netip.MustParseAddr("10.0.0.1")
	want := backoffKeyOf(addr, "uid=jamf,ou=Users,dc=com")
	for _, dn := range []string{"UID=Jamf,OU=users,DC=com", "uid=jamf, ou=Users , dc=com", `uid=j\61mf,ou=Users,dc=com`} {
		if got := backoffKeyOf(addr, dn); got != want {
			t.Errorf("%s is another key: %x", dn, got.dn)
		}
	}
}
