package main

import (
	"net"
	"sync"
	"time"
)

// line is a TCP relay that makes the directory far away: each octet arrives
// later by a one-way delay, as many as may be are under way, and setting up a
// connection costs a round trip before the first octet can leave.
type line struct {
	listener net.Listener
	target   string
	oneWay   time.Duration

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	pumps  sync.WaitGroup
}

func startLine(target string, oneWay time.Duration) (*line, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &line{listener: l, target: target, oneWay: oneWay, conns: map[net.Conn]struct{}{}}
	n.pumps.Go(n.accept)
	return n, nil
}

func (n *line) address() string { return n.listener.Addr().String() }

func (n *line) accept() {
	for {
		near, err := n.listener.Accept()
		if err != nil {
			return
		}
		// The kernel has answered the client's SYN by now; at the real distance
		// that answer would be here a round trip from now.
		connected := time.Now().Add(2 * n.oneWay)
		far, err := net.Dial("tcp", n.target)
		if err != nil || !n.keep(near, far) {
			_ = near.Close()
			continue
		}
		n.pumps.Go(func() { n.relay(near, far, connected) })
	}
}

func (n *line) keep(conns ...net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range conns {
		if n.closed {
			_ = c.Close()
			continue
		}
		n.conns[c] = struct{}{}
	}
	return !n.closed
}

func (n *line) relay(near, far net.Conn, connected time.Time) {
	var both sync.WaitGroup
	both.Go(func() { n.carry(far, near, connected) })
	both.Go(func() { n.carry(near, far, time.Time{}) })
	both.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range []net.Conn{near, far} {
		_ = c.Close()
		delete(n.conns, c)
	}
}

// parcel is what was read at once and when it arrives.
type parcel struct {
	due  time.Time
	data []byte
}

// carry moves octets one way until their source ends, and then the end.
func (n *line) carry(to, from net.Conn, notBefore time.Time) {
	road := make(chan parcel, 4096)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(road)
		buf := make([]byte, 64<<10)
		for {
			size, err := from.Read(buf)
			sent := time.Now()
			if sent.Before(notBefore) {
				sent = notBefore
			}
			road <- parcel{sent.Add(n.oneWay), append([]byte(nil), buf[:size]...)}
			if err != nil {
				return
			}
		}
	})
	for p := range road {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			_ = from.Close()
			for range road { // the reader must not hang on a full road
			}
			break
		}
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	reader.Wait()
}

// close ends everything that passes through.
func (n *line) close() {
	_ = n.listener.Close()
	n.mu.Lock()
	n.closed = true
	for c := range n.conns {
		_ = c.Close()
	}
	n.mu.Unlock()
	n.pumps.Wait()
}
