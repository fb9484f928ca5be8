package test

import (
	"errors"
	"net"
	"net/http"
	"os/exec"
	"strings"
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

		p.awaitRefusal()
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

// TestDrainAnswersABind that is under way: it succeeds, and then comes the notice.
func TestDrainAnswersABind(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{relay.url()}, limits: yamlMap{"drain": "30s"}})
	w := p.connect()
	gate := relay.holdResponses(opBindResponse)
	id := w.send(bindOp(3, service, password))
	gate.await()
	p.signal(syscall.SIGTERM)
	p.awaitRefusal()
	gate.open()
	if r := w.await(id); r.code != 0 {
		t.Errorf("the bind in flight: code %d %s", r.code, r.text)
	}
	notice(t, w.closedBy(patience))
	p.awaitExit()
}

// TestDrainAnswersAPage of a paged search; the cursor ends with the connection.
func TestDrainAnswersAPage(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	p := startWith(t, settings{servers: []string{relay.url()}, limits: yamlMap{"drain": "30s"}})
	w := p.session()
	gate := relay.holdResponses(opDone)
	id := w.send(search("(objectClass=groupOfNames)").wire(t), control(oidPaging, true, tlv(0x30, integer(2), octets(""))))
	gate.await()
	p.signal(syscall.SIGTERM)
	p.awaitRefusal()
	gate.open()
	if r := w.await(id); r.code != 0 || len(r.entries) != 2 {
		t.Errorf("the page in flight: code %d %s, %d entries", r.code, r.text, len(r.entries))
	}
	notice(t, w.closedBy(patience))
	p.awaitExit()
}

// TestDrainWaitsForASlowReader who is in the middle of a large answer.
func TestDrainWaitsForASlowReader(t *testing.T) {
	t.Parallel()
	const entries = 20_000 // more than all buffers on the way hold
	up := startFlood(t, entries, entryOp("uid=a.user,"+usersBase, []string{"description", strings.Repeat("x", 1100)}))
	p := startWith(t, settings{servers: []string{up.url()}, logLevel: "info", limits: yamlMap{"drain": "60s"}})
	w := p.session()
	id := w.send(search("(objectClass=inetOrgPerson)").wire(t))
	w.receive() // it is on its way, and nobody reads
	p.signal(syscall.SIGTERM)
	p.awaitRefusal()
	if r := w.await(id); r.code != 0 || len(r.entries) != entries-1 {
		t.Errorf("code %d with %d more entries, want 0 with %d", r.code, len(r.entries), entries-1)
	}
	notice(t, w.closedBy(patience))
	p.awaitExit()
}

// TestDrainDelay: a load balancer learns first that the proxy ends, and who connects
// meanwhile is served.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{servers: []string{embedded(t).url()}, limits: yamlMap{"drain_delay": "3s"}})
	before := p.session()
	p.signal(syscall.SIGTERM)
	p.awaitRecord("that it stops soon", func(r record) bool { return strings.HasPrefix(r.text("msg"), "stopping soon") })
	response, err := http.Get("http://" + p.web + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %s", response.Status)
	}
	both := []*wire{before, p.session()}
	for _, w := range both {
		if r := w.ask(search("(objectClass=groupOfNames)").wire(t)); r.code != 0 {
			t.Errorf("a lookup during the delay: code %d %s", r.code, r.text)
		}
	}
	for _, w := range both {
		notice(t, w.closedBy(patience))
	}
	p.awaitExit()
}

// TestSecondSignal ends a drain at once, with the exit code of that signal.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		relay := startRelay(t, embedded(t).addr)
		p := startWith(t, settings{servers: []string{relay.url()}, limits: yamlMap{"drain": "10m"}})
		w := p.session()
		gate := relay.holdRequests(opSearch)
		w.send(search("(objectClass=groupOfNames)").wire(t))
		gate.await()
		p.signal(syscall.SIGTERM)
		p.awaitRefusal()
		p.alive()
		p.signal(second)
		p.stopped = true
		select {
		case <-p.exited:
		case <-time.After(patience):
			t.Fatal("it goes on")
		}
		var exit *exec.ExitError
		if !errors.As(p.err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != second {
			t.Errorf("it ended with %v, want %v", p.err, second)
		}
	}
}

// awaitRefusal waits until nobody can connect any more.
func (p *proxy) awaitRefusal() {
	p.t.Helper()
	eventually(p.t, "new connections are refused", func() error {
		conn, err := net.DialTimeout("tcp", p.ldap, time.Second)
		if err == nil {
			conn.Close()
			return errors.New("still accepted")
		}
		return nil
	})
}
