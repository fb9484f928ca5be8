package upstream

import (
	"crypto/tls"
	"time"
)

// longAgo is a deadline that makes a read return without waiting.
var longAgo = time.Unix(1, 0)

// alive judges an idle connection without waiting and without a round trip. On
// one that owes no answer, whatever can be read is bad news: the end of the
// stream, an error, or a notice of disconnection. It cannot see a peer that
// vanished without a word; TCP keepalive finds those, and Retryable helps an
// operation that was faster.
func (l *link) alive() bool {
	if l.framer.Buffered() > 0 {
		return false
	}
	if t, ok := l.conn.(*tls.Conn); ok && !tlsQuiet(t) {
		return false
	}
	return socketQuiet(l.tcp)
}

// tlsQuiet looks for a record that TLS fetched from the socket together with
// the one before and has not opened yet. The deadline lies in the past, so that
// the socket is not read; such a timeout leaves a tls.Conn intact. Session
// tickets (RFC 8446 section 4.6.1) are taken in here if they came that way.
func tlsQuiet(t *tls.Conn) bool {
	if t.SetReadDeadline(longAgo) != nil {
		return false
	}
	var b [1]byte
	n, err := t.Read(b[:])
	return n == 0 && isTimeout(err)
}
