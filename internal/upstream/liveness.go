package upstream

import (
	"crypto/tls"
	"net"
	"os"
	"time"
)

// longAgo is a deadline that makes a read return without waiting.
var longAgo = time.Unix(1, 0)

// alive judges a connection that nobody uses, without waiting and without a
// round trip. On one that owes no answer, whatever can be read is bad news: the
// end of the stream, an error, or a notice of disconnection. It cannot see a
// peer that vanished without a word; TCP keepalive finds those, and Retryable
// helps an operation that was faster.
func (l *link) alive() bool {
	if l.framer.Buffered() > 0 {
		return false
	}
	if t, ok := l.conn.(*tls.Conn); ok {
		return l.tlsQuiet(t)
	}
	return socketQuiet(l.tcp)
}

// tlsQuiet opens the records that are here, in the socket or fetched from it
// together with the one before, without waiting for more. Session tickets (RFC
// 8446 section 4.6.1), which a spare receives after its handshake, are taken in
// by that and make the next handshake shorter. A timeout leaves a tls.Conn intact.
func (l *link) tlsQuiet(t *tls.Conn) bool {
	if t.SetReadDeadline(time.Time{}) != nil {
		return false
	}
	l.below.impatient = true
	defer func() { l.below.impatient = false }()
	var b [1]byte
	n, err := t.Read(b[:])
	return n == 0 && isTimeout(err)
}

// belowTLS is the socket under a tls.Conn.
type belowTLS struct {
	net.Conn
	impatient bool // a read that would have to wait times out instead
}

func (c *belowTLS) Read(b []byte) (int, error) {
	if c.impatient && socketQuiet(c.Conn) {
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Read(b)
}
