package test

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// SIGTERM: no new connections, the lookup in flight gets its answer, clients a
// notice of disconnection, and the process ends with 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		relay := startRelay(t, up.addr)
		p := startWith(t, settings{servers: []string{relay.url()}, limits: yamlMap{"drain": "30s"}})
		busy, idle := p.session(), p.session()
		gate := relay.holdResponses(opDone)
		id := busy.send(search("(objectClass=groupOfNames)").wire(t))
		gate.await()
		p.signal(syscall.SIGTERM)

		eventually(t, "new connections are refused", func() error {
			conn, err := net.DialTimeout("tcp", p.ldap, time.Second)
			if err == nil {
				conn.Close()
				return errors.New("still accepted")
			}
			return nil
		})
		p.alive()
		if response, err := http.Get("http://" + p.web + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				t.Error("/readyz still answers 200")
			}
		}
		notice(t, idle.closedBy(patience))

		gate.open()
		r := busy.await(id)
		if r.code != 0 || len(r.entries) != len(posixView.everyGroup()) {
			t.Errorf("the lookup in flight: code %d with %d entries, want 0 with %d", r.code, len(r.entries), len(posixView.everyGroup()))
		}
		notice(t, busy.closedBy(patience))
		p.awaitExit()
	})
}

// notice checks that the last message before the end was a notice of
// disconnection with a code that says "unavailable".
func notice(t *testing.T, last []packet) {
	t.Helper()
	if len(last) != 1 {
		t.Errorf("%d messages before the end of the connection, want a notice of disconnection", len(last))
		return
	}
	if code, yes := last[0].disconnected(); !yes || code != goldap.LDAPResultUnavailable {
		t.Errorf("before the end of the connection came % x, want a notice of disconnection with 52", last[0].raw)
	}
}

// A lookup that upstream does not answer does not hold up the end for longer
// than the drain time.
func TestDrainEndsInTime(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{relay.url()}, limits: yamlMap{"drain": "1s"}})
	w := p.session()
	gate := relay.holdRequests(opSearch)
	w.send(search("(objectClass=groupOfNames)").wire(t))
	gate.await()
	began := time.Now()
	p.signal(syscall.SIGTERM)
	p.awaitExit()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the end took %v with a drain time of 1s", took)
	}
}

// Ctrl-C ends it as SIGTERM does.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	p := start(t, embedded(t))
	p.session()
	p.signal(syscall.SIGINT)
	p.awaitExit()
}

// SIGHUP with an unchanged file changes nothing for connected clients.
func TestReload(t *testing.T) {
	t.Parallel()
	p := start(t, embedded(t))
	c := dialGoLDAP(t, p.ldap, service, password)
	p.signal(syscall.SIGHUP)
	for range 10 {
		usable(t, c)
	}
	p.awaitReady()
	usable(t, dialGoLDAP(t, p.ldap, service, password))
}
