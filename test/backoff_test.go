package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// backoffRig is a proxy that holds back for an hour, and sees what reaches the
// directory.
func backoffRig(t *testing.T, limits yamlMap) (*proxy, *relay) {
	t.Helper()
	relay := startRelay(t, embedded(t).addr)
	all := yamlMap{"failed_bind_wait": "1h"}
	for k, v := range limits {
		all[k] = v
	}
	return startWith(t, settings{servers: []string{relay.url()}, limits: all}), relay
}

// guess binds with wrong passwords until the proxy holds back, and returns the
// answers before.
func guess(t *testing.T, p *proxy, dn string) (refused []reply) {
	t.Helper()
	w := p.connect()
	for range 20 {
		r := w.ask(bindOp(3, dn, "wrong"))
		if r.code == goldap.LDAPResultBusy {
			return refused
		}
		refused = append(refused, r)
	}
	t.Fatalf("%s is never held back", dn)
	return nil
}

// Whoever guesses on many connections at once gets no more guesses than one
// after the other.
func TestGuessesAtTheSameTimeAreCounted(t *testing.T) {
	t.Parallel()
	p, relay := backoffRig(t, nil)
	const guessers, allowed = 60, 5
	gate := relay.holdRequests(opBind)
	codes := make(chan int, guessers)
	var all sync.WaitGroup
	for i := range guessers {
		w := p.connect()
		all.Go(func() {
			w.write(message(1, bindOp(3, endUser, fmt.Sprintf("guess %d", i))))
			m, err := w.tryReceive(patience)
			if err != nil {
				t.Error(err)
				return
			}
			code, _, _ := m.result()
			codes <- code
		})
	}
	gate.await()
	gate.open()
	all.Wait()
	close(codes)
	got := map[int]int{}
	for code := range codes {
		got[code]++
	}
	if got[goldap.LDAPResultInvalidCredentials] != allowed || got[goldap.LDAPResultBusy] != guessers-allowed {
		t.Errorf("answers by code: %v, want %d times 49, else 51", got, allowed)
	}
	if seen := len(relay.seen(opBind)); seen != allowed {
		t.Errorf("the directory saw %d binds", seen)
	}
}

// Jamf binds on many connections at once, with the right password.
func TestRightPasswordsAtTheSameTimeAreNotHeldBack(t *testing.T) {
	t.Parallel()
	p, _ := backoffRig(t, nil)
	var all sync.WaitGroup
	for range 40 {
		w := p.connect()
		all.Go(func() {
			for id := range int64(5) {
				w.write(message(id+1, bindOp(3, service, password)))
				if m, err := w.tryReceive(patience); err != nil {
					t.Error(err)
				} else if code, _, text := m.result(); code != 0 {
					t.Errorf("%d %s", code, text)
				}
			}
		})
	}
	all.Wait()
}

// A stranger learns nothing about who exists: code, text and back-off of a DN
// that does not exist are those of one that does.
func TestUnknownUserLooksLikeAWrongPassword(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := startWith(t, settings{servers: []string{up.url()}, limits: yamlMap{"failed_bind_wait": "1h"}})
		known, unknown := guess(t, p, endUser), guess(t, p, userDN("ned.stark"))
		if len(known) != len(unknown) {
			t.Fatalf("%d guesses at somebody, %d at nobody", len(known), len(unknown))
		}
		for i := range known {
			samePacket(t, "bind response", known[i].last, unknown[i].last)
		}
		held := func(dn string) reply { return p.connect().ask(bindOp(3, dn, "wrong")) }
		samePacket(t, "bind response", held(endUser).last, held(userDN("ned.stark")).last)
	})
}

// Other spellings of a DN, and another connection, are no fresh start.
func TestBackOffSeesThroughSpelling(t *testing.T) {
	t.Parallel()
	p, relay := backoffRig(t, nil)
	guess(t, p, endUser)
	before := len(relay.seen(opBind))
	for _, dn := range []string{
		strings.ToUpper(endUser), strings.ReplaceAll(endUser, ",", " , "), strings.Replace(endUser, "uid=", "0.9.2342.19200300.100.1.1=", 1),
		strings.Replace(endUser, "ou=", "2.5.4.11=", 1), strings.Replace(endUser, "e", `\65`, 1),
	} {
		if r := p.connect().ask(bindOp(3, dn, "wrong")); r.code != goldap.LDAPResultBusy {
			t.Errorf("%s: %d %s, want 51", dn, r.code, r.text)
		}
	}
	if after := len(relay.seen(opBind)); after != before {
		t.Errorf("the directory saw %d more binds", after-before)
	}
}

// What the administrator sees of a user who is locked out: the log, the lookup's
// hint, the page, the metric.
func TestBackOffIsSeen(t *testing.T) {
	t.Parallel()
	p, _ := backoffRig(t, yamlMap{"failed_bind_wait": "1s"})
	guess(t, p, endUser)
	begin := p.awaitRecord("the beginning of a back-off", func(r record) bool { return strings.HasPrefix(r.text("msg"), "holding back binds") })
	if begin.text("level") != "warn" || begin.text("client") != "127.0.0.1" || begin.text("dn") != endUser ||
		begin["failures"] != 5.0 || begin.text("wait") != "1s" {
		t.Errorf("logged: %v", begin)
	}
	held := p.awaitLookup("held back", func(r record) bool { return r.text("result_name") == "busy" })
	if hints := fmt.Sprint(held["hints"]); !strings.Contains(hints, "bind-backoff") {
		t.Errorf("hints of the lookup: %s", hints)
	}
	if metrics := p.get("/metrics"); !strings.Contains(metrics, "jamf_ldap_proxy_binds_held_back 1\n") {
		t.Error("the metric does not say that somebody is held back")
	}
	if !strings.Contains(p.get("/health"), "Logins held back") {
		t.Error("the page Health says nothing of it")
	}
	var health struct {
		HeldBack int `json:"held_back"`
	}
	if err := json.Unmarshal([]byte(p.get("/api/health")), &health); err != nil || health.HeldBack != 1 {
		t.Errorf("/api/health: %d held back, %v", health.HeldBack, err)
	}
	eventually(t, "the right password is accepted after the wait", func() error {
		if r := p.connect().ask(bindOp(3, endUser, password)); r.code != 0 {
			return errors.New(r.text)
		}
		return nil
	})
	p.awaitRecord("its end", func(r record) bool { return strings.HasPrefix(r.text("msg"), "no longer holding back binds") })
	if !strings.Contains(p.get("/metrics"), "jamf_ldap_proxy_binds_held_back 0\n") {
		t.Error("the metric does not say that nobody is held back")
	}
}

// Under log.privacy: hash the log names nobody.
func TestBackOffIsLoggedWithoutNames(t *testing.T) {
	t.Parallel()
	key := write(t, "key", []byte("a key of these tests"))
	p := startWith(t, settings{servers: []string{embedded(t).url()}, privacyKey: key, logLevel: "info"})
	guess(t, p, endUser)
	begin := p.awaitRecord("the beginning of a back-off", func(r record) bool { return strings.HasPrefix(r.text("msg"), "holding back binds") })
	if dn := begin.text("dn"); !strings.HasPrefix(dn, "uid=h:") || strings.Contains(dn, usersBase) {
		t.Errorf("dn=%s", dn)
	}
}

// Somebody who types Jamf's account into Jamf's own login form guesses from
// Jamf's address. An exempt DN's right password goes through all the same, and
// no wrong one does.
func TestExemptAccountIsNotLockedOutByGuesses(t *testing.T) {
	t.Parallel()
	p, relay := backoffRig(t, yamlMap{"failed_binds_exempt": []string{service}})
	jamf := p.connect()
	jamf.bind(service, password)
	guess(t, p, service)
	before := len(relay.seen(opBind))
	for range 10 {
		jamf.bind(service, password)
		if r := p.connect().ask(bindOp(3, service, "wrong")); r.code != goldap.LDAPResultBusy {
			t.Errorf("a guess: %d %s, want 51", r.code, r.text)
		}
	}
	if wrong := len(relay.seen(opBind)) - before - 10; wrong != 0 {
		t.Errorf("the directory saw %d guesses", wrong)
	}
	guess(t, p, endUser)
	if r := p.connect().ask(bindOp(3, endUser, password)); r.code != goldap.LDAPResultBusy {
		t.Errorf("somebody who is not exempt: %d %s", r.code, r.text)
	}
}
