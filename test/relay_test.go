package test

import (
	"bufio"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// relay stands between the proxy and an upstream. It sees every message of a
// plain connection and lets a test hold, spoil or drop single ones: what a
// slow, broken or hostile directory does, at a moment the test chooses.
type relay struct {
	t      testing.TB
	addr   string
	target string

	mu       sync.Mutex
	listener net.Listener
	conns    map[*relayConn]bool
	accepted int
	requests []packet
	request  func(*relayConn, packet) bool
	response func(*relayConn, packet) bool
}

// relayConn is one connection of the proxy to upstream.
type relayConn struct {
	n          int // counts from 1
	near, far  net.Conn
	nearMu     sync.Mutex
	closedOnce sync.Once
}

func (c *relayConn) close() {
	c.closedOnce.Do(func() { c.near.Close(); c.far.Close() })
}

// reset ends the connection so that the proxy sees a reset.
func (c *relayConn) reset() {
	c.near.(*net.TCPConn).SetLinger(0)
	c.close()
}

// halfClose ends upstream's side of the conversation only.
func (c *relayConn) halfClose() { c.near.(*net.TCPConn).CloseWrite() }

// toProxy writes bytes as if upstream had sent them.
func (c *relayConn) toProxy(raw []byte) {
	c.nearMu.Lock()
	defer c.nearMu.Unlock()
	c.near.Write(raw)
}

func startRelay(t testing.TB, target string) *relay {
	t.Helper()
	r := &relay{t: t, target: target, conns: map[*relayConn]bool{}}
	r.listen("127.0.0.1:0")
	t.Cleanup(r.shut)
	return r
}

func (r *relay) url() string { return "ldap://" + r.addr }

func (r *relay) listen(address string) {
	r.t.Helper()
	var l net.Listener
	eventually(r.t, "relay listens on "+address, func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	r.mu.Lock()
	r.listener, r.addr = l, l.Addr().String()
	r.mu.Unlock()
	go r.accept(l)
}

func (r *relay) accept(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.DialTimeout("tcp", r.target, patience)
		if err != nil {
			near.Close()
			continue
		}
		r.mu.Lock()
		r.accepted++
		c := &relayConn{n: r.accepted, near: near, far: far}
		r.conns[c] = true
		r.mu.Unlock()
		go r.pump(c, near, func(p packet) {
			if r.admit(c, p, true) {
				far.Write(p.raw)
			}
		})
		go r.pump(c, far, func(p packet) {
			if r.admit(c, p, false) {
				c.toProxy(p.raw)
			}
		})
	}
}

// pump hands over messages until the connection ends.
func (r *relay) pump(c *relayConn, from net.Conn, pass func(packet)) {
	defer func() {
		c.close()
		r.mu.Lock()
		delete(r.conns, c)
		r.mu.Unlock()
	}()
	in := bufio.NewReader(from)
	for {
		raw, err := readPacket(in)
		if err != nil {
			return
		}
		p, err := parsePacket(raw)
		if err != nil {
			return
		}
		pass(p)
	}
}

func (r *relay) admit(c *relayConn, p packet, isRequest bool) bool {
	r.mu.Lock()
	hook := r.response
	if isRequest {
		r.requests = append(r.requests, p)
		hook = r.request
	}
	r.mu.Unlock()
	return hook == nil || hook(c, p)
}

// onRequest has f decide about every later request of the proxy: false drops
// it. f may block, which holds that one connection.
func (r *relay) onRequest(f func(*relayConn, packet) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request = f
}

// onResponse is the same for what upstream sends.
func (r *relay) onResponse(f func(*relayConn, packet) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.response = f
}

// gate holds messages until it is opened.
type gate struct {
	t       testing.TB
	arrived chan *relayConn
	open    func()
}

// holdRequests holds the proxy's requests with the given operation tag.
func (r *relay) holdRequests(tag byte) *gate {
	g, hook := newGate(r.t, tag)
	r.onRequest(hook)
	return g
}

// holdResponses holds upstream's responses with the given operation tag.
func (r *relay) holdResponses(tag byte) *gate {
	g, hook := newGate(r.t, tag)
	r.onResponse(hook)
	return g
}

func newGate(t testing.TB, tag byte) (*gate, func(*relayConn, packet) bool) {
	opened := make(chan struct{})
	g := &gate{t: t, arrived: make(chan *relayConn, 100), open: sync.OnceFunc(func() { close(opened) })}
	t.Cleanup(g.open)
	return g, func(c *relayConn, p packet) bool {
		if p.op.tag == tag {
			g.arrived <- c
			<-opened
		}
		return true
	}
}

// await waits until a message is held.
func (g *gate) await() *relayConn {
	g.t.Helper()
	select {
	case c := <-g.arrived:
		return c
	case <-time.After(patience):
		g.t.Fatal("no message came to the gate")
		return nil
	}
}

// seen returns the requests so far that have one of the tags.
func (r *relay) seen(tags ...byte) []packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []packet
	for _, p := range r.requests {
		if slices.Contains(tags, p.op.tag) {
			out = append(out, p)
		}
	}
	return out
}

// open returns the number of connections the proxy has open.
func (r *relay) openConns() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// hangUp closes all connections, as an idle timeout upstream does.
func (r *relay) hangUp() { r.each((*relayConn).close) }

// each calls do for every connection that is open.
func (r *relay) each(do func(*relayConn)) {
	r.mu.Lock()
	var all []*relayConn
	for c := range r.conns {
		all = append(all, c)
	}
	r.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

// shut makes upstream unreachable.
func (r *relay) shut() {
	r.mu.Lock()
	l := r.listener
	r.mu.Unlock()
	l.Close()
	r.hangUp()
}

// reopen makes it reachable again under the same address.
func (r *relay) reopen() { r.t.Helper(); r.listen(r.addr) }
