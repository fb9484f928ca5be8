package main

import (
	"context"
	"net"
	"sync"

	"jamf-ldap-proxy/internal/simulate"
)

// inside is a listener without a socket: the page asks the proxy through it, so
// that what is tried takes the way of every lookup, whatever the listeners of the
// configuration allow, and no port is opened for it.
type inside struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newInside() *inside {
	return &inside{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *inside) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *inside) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *inside) Addr() net.Addr { return insideAddr{} }

type insideAddr struct{}

func (insideAddr) Network() string { return "pipe" }
func (insideAddr) String() string  { return "page" }

// dialer connects on behalf of the page's visitor at that address, which is what
// the proxy sees as its client: in records, and when it holds back failed binds.
func (l *inside) dialer(from net.Addr) simulate.Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case l.conns <- visitor{theirs, from}:
			return ours, nil
		case <-l.closed:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

type visitor struct {
	net.Conn
	from net.Addr
}

func (v visitor) RemoteAddr() net.Addr { return v.from }
