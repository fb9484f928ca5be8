package upstream_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

func TestBindLeavesItsConnectionToAcquire(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	a := mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	if a.Reused || a.Server != f.url("ldap") {
		t.Errorf("first bind: %+v", a)
	}
	// Another Identity value with the same DN and password: the next session.
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Release()
	if !c.Reused() || c.Server() != f.url("ldap") {
		t.Errorf("reused %v, server %s", c.Reused(), c.Server())
	}
	dns, err := search(t.Context(), c, "cn=a")
	if err != nil || len(dns) != 3 || dns[0] != "cn=a" {
		t.Errorf("search: %v, %v", dns, err)
	}
	if f.count("dial") != 1 || f.count("bind") != 1 {
		t.Errorf("%d dials, %d binds", f.count("dial"), f.count("bind"))
	}
}

func TestBindAlwaysGoesUpstream(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	for i := range 3 {
		if a := mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success); a.Reused != (i > 0) {
			t.Errorf("bind %d: reused %v", i, a.Reused)
		}
	}
	if f.count("dial") != 1 || f.count("bind") != 3 {
		t.Errorf("%d dials, %d binds", f.count("dial"), f.count("bind"))
	}
	f.setPassword("cn=a", "other")
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.InvalidCredentials)
}

func TestFailedBindClosesItsConnection(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	a := mustBind(t, p, identity("cn=a", "typo"), ldap.InvalidCredentials)
	if a.Result.Diagnostic != "wrong" {
		t.Errorf("diagnostic %q", a.Result.Diagnostic)
	}
	if p.gauges.get("idle") != 0 {
		t.Error("the connection of a failed bind is kept")
	}
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	if f.count("dial") != 2 {
		t.Errorf("%d dials, want a new one after the failure", f.count("dial"))
	}
	// A wrong password does not find, or disturb, the connection of the right one.
	mustBind(t, p, identity("cn=a", "typo"), ldap.InvalidCredentials)
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Release()
	if !c.Reused() {
		t.Error("somebody's typo cost the connection")
	}
}

func TestConnectionsAreSharedByExactlyOneIdentity(t *testing.T) {
	f := newFake(t, func(f *fake) { f.passwords["CN=A"] = "pw-a"; f.passwords["cn=ap"] = "w-a"; f.passwords[""] = "" })
	p := newPool(t, nil, f.url("ldap"))
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	for _, id := range []*upstream.Identity{
		identity("cn=b", "pw-b"), identity("CN=A", "pw-a"), identity("cn=ap", "w-a"), identity("", ""),
	} {
		c := mustAcquire(t, p, id)
		if c.Reused() {
			t.Errorf("%q got a connection of cn=a", id.DN())
		}
		c.Release()
	}
	if _, err := p.Acquire(t.Context(), identity("cn=a", "typo")); err == nil {
		t.Error("a wrong password got a connection")
	}
}

func TestAcquireTellsThatThePasswordChanged(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	f.setPassword("cn=a", "changed")
	_, err := p.Acquire(t.Context(), identity("cn=a", "pw-a"))
	var e *upstream.Error
	if !errors.As(err, &e) || e.BindCode != ldap.InvalidCredentials || !e.Sent {
		t.Fatalf("got %#v", err)
	}
	if want := "binding at " + f.url("ldap") + ": invalidCredentials (49): wrong"; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if f.count("bind") != 1 || p.gauges.get("idle") != 0 {
		t.Errorf("%d binds, %d idle", f.count("bind"), p.gauges.get("idle"))
	}
}

func TestAnonymousIsNeverBound(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("", ""))
	if _, err := search(t.Context(), c, ""); err != nil {
		t.Error(err)
	}
	c.Release()
	if f.count("bind") != 0 {
		t.Error("an anonymous lease sent a bind")
	}
	if c := mustAcquire(t, p, identity("cn=a", "pw-a")); c.Reused() {
		t.Error("an anonymous connection became somebody's")
	} else {
		c.Release()
	}
}

func TestNothingIsSentWithoutPassword(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	forgotten := identity("cn=a", "pw-a")
	mustBind(t, p, forgotten, ldap.Success)
	forgotten.Forget()
	for name, id := range map[string]*upstream.Identity{"forgotten": forgotten, "unauthenticated": identity("cn=a", "")} {
		if _, err := p.Bind(t.Context(), id, nil); err == nil {
			t.Errorf("%s: bound", name)
		}
		if _, err := p.Acquire(t.Context(), id); err == nil {
			t.Errorf("%s: acquired", name)
		}
	}
	if f.count("bind") != 1 {
		t.Errorf("%d binds", f.count("bind"))
	}
}

func TestBindPassesControlsAndAnswer(t *testing.T) {
	control := ldap.AppendControl(nil, ldap.Control{OID: "1.3.6.1.4.1.42.2.27.8.5.1"})
	got := make(chan string, 1)
	f := newFake(t, func(f *fake) {
		f.intercept = func(c *fakeConn, m ldap.Message) bool {
			got <- string(m.Controls)
			_, _ = c.Write(ldap.AppendResult(nil, m.ID, ldap.OpBindResponse, &ldap.Result{Diagnostic: "hello"}, control))
			return true
		}
	})
	p := newPool(t, nil, f.url("ldap"))
	a, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), control)
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-got; sent != string(control) {
		t.Errorf("controls sent: %x", sent)
	}
	m, err := ldap.ParseMessage(ldap.AppendEnvelope(nil, 77, a.Tail))
	if err != nil || m.ID != 77 || m.Op != ldap.OpBindResponse || string(m.Controls) != string(control) {
		t.Errorf("tail: %+v, %v", m, err)
	}
}

// A bind that upstream left unanswered counts there; a second one would count
// twice.
func TestBindIsNeverRepeated(t *testing.T) {
	var mu sync.Mutex
	die := false
	f := newFake(t, func(f *fake) {
		f.intercept = func(c *fakeConn, m ldap.Message) bool {
			mu.Lock()
			defer mu.Unlock()
			if die {
				_ = c.Conn.Close()
			}
			return die
		}
	})
	second := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"), second.url("ldap"))
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	mu.Lock()
	die = true
	mu.Unlock()
	_, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
	var e *upstream.Error
	if !errors.As(err, &e) || !e.Sent || upstream.Retryable(err) {
		t.Errorf("got %#v", err)
	}
	if f.count("bind") != 2 || second.count("dial") != 0 {
		t.Errorf("%d binds, %d dials of the second server", f.count("bind"), second.count("dial"))
	}
}

func TestBindTimeout(t *testing.T) {
	f := newFake(t, func(f *fake) { f.intercept = func(*fakeConn, ldap.Message) bool { return true } })
	p := newPool(t, func(c *upstream.Config) { c.BindTimeout = 50 * time.Millisecond }, f.url("ldap"))
	_, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
	var e *upstream.Error
	if !errors.As(err, &e) || !e.Timeout || !e.Sent {
		t.Fatalf("got %#v", err)
	}
	if want := "binding at " + f.url("ldap") + ": no complete answer within upstream.bind_timeout (50ms)"; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestMalformedBindAnswers(t *testing.T) {
	for name, answer := range map[string]func(id int32) []byte{
		"no result":      func(id int32) []byte { return ldap.AppendOperation(nil, id, ldap.OpBindResponse, nil, nil) },
		"foreign ID":     func(id int32) []byte { return ldap.AppendResult(nil, id+1, ldap.OpBindResponse, &ldap.Result{}, nil) },
		"message ID 0":   func(int32) []byte { return ldap.AppendResult(nil, 0, ldap.OpBindResponse, &ldap.Result{}, nil) },
		"other response": done,
		"garbage":        func(int32) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(f *fake) {
				f.intercept = func(c *fakeConn, m ldap.Message) bool { _, _ = c.Write(answer(m.ID)); return true }
			})
			p := newPool(t, nil, f.url("ldap"))
			a, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
			var e *upstream.Error
			if !errors.As(err, &e) || !errors.Is(err, ldap.ErrMalformed) || !e.Sent {
				t.Errorf("got %+v, %v", a, err)
			}
			if strings.Contains(err.Error(), "pw-a") {
				t.Error("the error holds the password")
			}
			if p.gauges.get("idle") != 0 {
				t.Error("the connection is kept")
			}
		})
	}
}
