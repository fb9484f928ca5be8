package test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
)

// A request beyond a limit is answered with adminLimitExceeded, and one just
// within it is carried out.
func TestRequestLimits(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{servers: []string{embedded(t).url()},
		limits: yamlMap{"nesting": 10, "filter_terms": 50, "controls": 4, "attributes": 8}})
	nots := func(n int) []byte { return nest(0xa2, n, equals("uid", "jon.snow")) }
	terms := func(n int) []byte { return tlv(0xa1, bytes.Repeat(equals("uid", "jon.snow"), n)) }
	controls := func(n int) [][]byte {
		var all [][]byte
		for i := range n {
			all = append(all, control(fmt.Sprintf("1.2.3.%d", i), false))
		}
		return all
	}
	op := func(filter []byte, attrs ...string) []byte { return searchOp(usersBase, 2, 0, 0, filter, attrs...) }
	uid := equals("uid", "jon.snow")
	for _, c := range []struct {
		what     string
		op       []byte
		controls [][]byte
		code     int
	}{
		{"nesting within", op(nots(8)), nil, 0},
		{"nesting beyond", op(nots(12)), nil, goldap.LDAPResultAdminLimitExceeded},
		{"terms within", op(terms(45)), nil, 0},
		{"terms beyond", op(terms(60)), nil, goldap.LDAPResultAdminLimitExceeded},
		{"controls within", op(uid), controls(4), 0},
		{"controls beyond", op(uid), controls(5), goldap.LDAPResultAdminLimitExceeded},
		{"attributes within", op(uid, strings.Split("a,b,c,d,e,f,g,h", ",")...), nil, 0},
		{"attributes beyond", op(uid, strings.Split("a,b,c,d,e,f,g,h,i", ",")...), nil, goldap.LDAPResultAdminLimitExceeded},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := p.in(t).session()
			if r := w.ask(c.op, c.controls...); r.code != c.code {
				t.Errorf("code %d %s, want %d", r.code, r.text, c.code)
			}
			usable(t, wireClient{w})
		})
	}
}

func TestMessageSizeLimits(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{servers: []string{embedded(t).url()},
		limits: yamlMap{"pdu_before_bind": "4KiB", "pdu_after_bind": "64KiB"}})
	request := func(size int) []byte { return search("(uid=" + strings.Repeat("x", size) + ")").wire(t) }
	tooLarge := func(w *wire, size int) {
		t.Helper()
		w.send(request(size))
		last := w.closedBy(patience)
		if len(last) > 0 {
			if code, yes := last[len(last)-1].disconnected(); !yes || code == 0 {
				t.Errorf("%d octets: % x, want a notice of disconnection", size, last[0].raw)
			}
		}
	}
	w := p.connect()
	if r := w.ask(request(3 << 10)); r.code != goldap.LDAPResultInsufficientAccessRights {
		t.Errorf("before bind, within: %d %s", r.code, r.text)
	}
	tooLarge(w, 5<<10)
	w = p.session()
	if r := w.ask(request(60 << 10)); r.code != 0 {
		t.Errorf("after bind, within: %d %s", r.code, r.text)
	}
	tooLarge(w, 70<<10)
	p.session()
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{servers: []string{embedded(t).url()}, limits: yamlMap{"connections_per_address": 5}})
	var open []*wire
	for range 5 {
		open = append(open, p.session())
	}
	last := p.connect().closedBy(patience)
	if len(last) != 1 {
		t.Fatalf("%d messages before the end of the connection, want a notice of disconnection", len(last))
	}
	if code, yes := last[0].disconnected(); !yes || code != goldap.LDAPResultBusy {
		t.Errorf("% x, want a notice of disconnection with 51", last[0].raw)
	}
	usable(t, wireClient{open[0]})
	open[1].conn.Close()
	eventually(t, "the place is free again", func() error {
		conn, err := net.Dial("tcp", p.ldap)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(message(1, bindOp(3, service, password))); err != nil {
			return err
		}
		head := make([]byte, 8)
		if _, err := io.ReadFull(conn, head); err != nil {
			return err
		}
		if !bytes.Contains(head, []byte{opBindResponse}) {
			return fmt.Errorf("answered % x", head)
		}
		return nil
	})
}

// Slow and silent clients lose their connection, each by its own clock.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	up := embedded(t)
	p := startWith(t, settings{servers: []string{up.url()}, listenerTLS: true,
		limits: yamlMap{"partial_pdu": "1s", "tls_handshake": "1s", "idle": "3s"}})
	half := message(1, bindOp(3, service, password))[:20]
	t.Run("half a message", func(t *testing.T) {
		t.Parallel()
		w := p.in(t).connect()
		w.write(half)
		w.rawUntilClosed(patience)
	})
	t.Run("half a message, dripping", func(t *testing.T) {
		t.Parallel()
		w := p.in(t).connect()
		go func() {
			for _, b := range bytes.Repeat(half, 100) { // more would come, but slowly
				if _, err := w.conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		}()
		w.rawUntilClosed(patience)
	})
	t.Run("half a TLS handshake", func(t *testing.T) {
		t.Parallel()
		w := dialWire(t, p.ldaps)
		w.write([]byte{0x16, 0x03, 0x01, 0x01, 0x00, 0x01})
		w.rawUntilClosed(patience)
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		p.in(t).session().rawUntilClosed(patience)
	})
	t.Run("silence before bind", func(t *testing.T) {
		t.Parallel()
		p.in(t).connect().rawUntilClosed(patience)
	})
	t.Run("work", func(t *testing.T) {
		t.Parallel()
		w := p.in(t).session()
		for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(time.Second) {
			usable(t, wireClient{w})
		}
	})
}

// A client that asks and asks and never reads is cut off, at a bounded cost,
// and nobody else waits for it.
func TestStuckReader(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{servers: []string{embedded(t).url()}, plain: true, limits: yamlMap{"write_stall": "2s"}})
	before := residentMemory(t, p)
	w := p.session()
	w.conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	request := search("(objectClass=*)").wire(t)
	cut := make(chan error, 1)
	go func() {
		for id := int64(2); ; id++ {
			w.conn.SetWriteDeadline(time.Now().Add(2 * patience))
			if _, err := w.conn.Write(message(id, request)); err != nil {
				cut <- err
				return
			}
		}
	}()
	for waiting := true; waiting; {
		other := p.session()
		usable(t, wireClient{other})
		other.conn.Close()
		select {
		case err := <-cut:
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("a client that does not read is still connected after %v", 2*patience)
			}
			waiting = false
		default:
		}
	}
	if after := residentMemory(t, p); after-before > 64<<20 {
		t.Errorf("resident memory grew from %d to %d MiB", before>>20, after>>20)
	}
}

// More searches at a time than one connection may have: every one is answered,
// carried out or refused as busy.
func TestManyInFlight(t *testing.T) {
	t.Parallel()
	up, _ := embeddedWith(t, directory.Config{Latency: 5 * time.Millisecond})
	w := start(t, up).session()
	const n = 500
	for id := int64(100); id < 100+n; id++ {
		w.write(message(id, search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", "cn").wire(t)))
	}
	entries, results := map[int64]int{}, map[int64]int{}
	for len(results) < n {
		m := w.receive()
		if m.op.tag == opEntry {
			entries[m.id]++
			continue
		}
		if _, twice := results[m.id]; twice {
			t.Fatalf("message %d was answered twice", m.id)
		}
		results[m.id], _, _ = m.result()
	}
	for id, code := range results {
		if !(code == 0 && entries[id] == 1 || code == goldap.LDAPResultBusy && entries[id] == 0) {
			t.Errorf("message %d: code %d with %d entries", id, code, entries[id])
		}
	}
}
