// Package faults puts a line between two programs that behaves as lines and
// servers do on a bad day. What the server says is delayed, cut, replaced or
// swallowed by a toxic, which can be changed at any time; what the client says
// arrives untouched.
package faults

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy accepts connections at Addr and continues each to its target.
type Proxy struct {
	target   string
	messages bool

	wg   sync.WaitGroup // accept loop and connections
	addr string

	mu       sync.Mutex
	closed   bool
	listener net.Listener // nil while connections are refused
	conns    map[*Conn]struct{}
	toxic    Toxic
	accepted int
}

// New listens on a free loopback port. With messages, toxics see whole LDAP
// messages, which needs a line without TLS; without, what a read brings.
func New(target string, messages bool) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, messages: messages, addr: l.Addr().String(), conns: map[*Conn]struct{}{}}
	p.serveOn(l)
	return p, nil
}

// Addr is the same as long as the Proxy lives.
func (p *Proxy) Addr() string { return p.addr }

// Set puts the same toxic on every connection, present and future; nil is
// a good line.
func (p *Proxy) Set(t Toxic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toxic = t
	for c := range p.conns {
		c.setToxic(t)
	}
}

// Refuse closes the listener, so that new connections are refused. Those that
// there are go on.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

// Accept undoes Refuse. It takes the address again, for which another program
// may have taken the port.
func (p *Proxy) Accept() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil || p.closed {
		return nil
	}
	l, err := listen(p.addr)
	if err != nil {
		return err
	}
	p.serveOn(l)
	return nil
}

func (p *Proxy) serveOn(l net.Listener) {
	p.listener = l
	p.wg.Go(func() { p.accept(l) })
}

func listen(address string) (l net.Listener, err error) {
	for range 100 {
		if l, err = net.Listen("tcp", address); err == nil {
			return l, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("listening on %s again: %w", address, err)
}

// Each calls do for every connection that is open, say to Reset it.
func (p *Proxy) Each(do func(*Conn)) {
	p.mu.Lock()
	var all []*Conn
	for c := range p.conns {
		all = append(all, c)
	}
	p.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

// Accepted counts the connections so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Close ends everything and waits for it.
func (p *Proxy) Close() {
	p.Refuse()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Each((*Conn).Close)
	p.wg.Wait()
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(client.(*net.TCPConn)) })
	}
}

func (p *Proxy) serve(client *net.TCPConn) {
	server, err := net.DialTimeout("tcp", p.target, 10*time.Second)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &Conn{client: client, server: server.(*net.TCPConn), done: make(chan struct{})}
	defer c.Close()
	if !p.enter(c) {
		return
	}
	defer p.leave(c)
	var requests sync.WaitGroup
	requests.Go(func() {
		_, _ = io.Copy(c.server, c.client)
		_ = c.server.CloseWrite() // the answers to what came before are still due
	})
	_ = p.answers(c)
	if c.halfClosed() {
		requests.Wait() // until the client has had enough
	}
	c.Close()
	requests.Wait()
}

func (p *Proxy) enter(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.accepted++
	c.setToxic(p.toxic)
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) leave(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// answers passes on what the server says until it, or a toxic, ends.
func (p *Proxy) answers(c *Conn) error {
	in := bufio.NewReaderSize(c.server, 64<<10)
	for {
		chunk, err := p.next(in)
		if err == nil {
			err = c.apply(chunk)
		}
		if err != nil {
			return err
		}
	}
}

// next returns a whole LDAP message, or what there is.
func (p *Proxy) next(in *bufio.Reader) ([]byte, error) {
	if _, err := in.Peek(1); err != nil {
		return nil, err
	}
	size := in.Buffered()
	if p.messages {
		var err error
		if size, err = messageSize(in); err != nil {
			return nil, err
		}
	}
	chunk := make([]byte, size)
	_, err := io.ReadFull(in, chunk)
	return chunk, err
}

// messageSize reads the frame of a message (X.690 section 8.1.3).
func messageSize(in *bufio.Reader) (int, error) {
	head, err := in.Peek(2)
	if err != nil {
		return 0, err
	}
	if head[1] < 0x80 {
		return 2 + int(head[1]), nil
	}
	n := int(head[1] & 0x7f)
	if n == 0 || n > 4 {
		return 0, errors.New("no LDAP on this line")
	}
	if head, err = in.Peek(2 + n); err != nil {
		return 0, err
	}
	size := 0
	for _, b := range head[2:] {
		size = size<<8 | int(b)
	}
	return 2 + n + size, nil
}
