package upstream

import (
	"testing"
	"time"
)

func TestIdleSet(t *testing.T) {
	var s idleSet
	now := time.Unix(1000, 0)
	key := func(i int) (k identityKey) { k[0], k[1] = byte(i), byte(i>>8); return k }
	var links []*link
	put := func(k int) *link {
		l := &link{owner: key(k)}
		links = append(links, l)
		now = now.Add(time.Second)
		return s.put(l, now)
	}
	for range maxIdlePerIdentity {
		if put(1) != nil {
			t.Fatal("no room for an identity's handful")
		}
	}
	if put(1) != links[0] {
		t.Error("the oldest does not make room")
	}
	if s.take(key(1)) != links[maxIdlePerIdentity] || s.take(key(2)) != nil {
		t.Error("the newest of exactly this key is due")
	}
	aged := func(l *link) bool { return !l.idleSince.After(links[2].idleSince) }
	if got := s.takeIf(aged); len(got) != 2 || got[0] != links[1] || got[1] != links[2] {
		t.Errorf("expired: %v", got)
	}
	if got := s.drain(); len(got) != maxIdlePerIdentity-3 || got[0] != links[3] {
		t.Errorf("drained: %v", got)
	}
	if s.byAge.Len() != 0 || len(s.byKey) != 0 {
		t.Error("something is left")
	}
	links = nil
	for i := range maxIdle {
		if put(i) != nil {
			t.Fatal("no room below the total")
		}
	}
	if put(maxIdle) != links[0] || s.byAge.Len() != maxIdle || s.take(key(0)) != nil {
		t.Error("the longest idle of all does not make room")
	}
}

func TestIdentityKey(t *testing.T) {
	seen := map[identityKey]string{}
	for _, pair := range [][2]string{{"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}, {"AB", "c"}, {"ab", "C"}} {
		k := NewIdentity(pair[0], newSecret(pair[1])).key
		if other, ok := seen[k]; ok {
			t.Errorf("%q and %q share a key", pair, other)
		}
		seen[k] = pair[0] + "/" + pair[1]
		if k == (identityKey{}) {
			t.Errorf("%q has the key of nobody", pair)
		}
		if NewIdentity(pair[0], newSecret(pair[1])).key != k {
			t.Errorf("%q has two keys", pair)
		}
	}
}

func TestForgetWipes(t *testing.T) {
	id := NewIdentity("cn=a", newSecret("pw"))
	held := id.password.Reveal()
	id.Forget()
	if string(held) != "\x00\x00" {
		t.Errorf("left in memory: %q", held)
	}
	if _, err := id.appendBind(1, nil); err == nil {
		t.Error("a forgotten identity can be bound")
	}
}
