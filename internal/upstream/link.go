package upstream

import (
	"crypto/tls"
	"math"
	"net"
	"sync"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

const (
	writeTimeout    = 10 * time.Second // a server that reads nothing for so long is gone
	farewellTimeout = time.Second      // nobody waits long to say goodbye
	keepWriteBuffer = 4 << 10
)

// link is one connection to a server, in whoever's hands it is.
type link struct {
	server *server
	tcp    net.Conn // the socket
	conn   net.Conn // what LDAP is spoken over: tcp, or TLS on top of it
	below  *belowTLS
	framer *ldap.Framer
	lastID int32
	out    []byte // write buffer; zeros between writes

	owner     identityKey // bound as; changes only by the bind of a fresh connection
	used      bool        // has carried an operation
	state     string      // that it is counted in
	created   time.Time
	expires   time.Time // end of its lifetime; zero: none
	stale     time.Time // of a spare: when another one should be on its way
	idleSince time.Time // since when nobody has used it

	judging sync.Mutex // held while the keeper looks at a spare that stays within reach
}

func newLink(s *server, tcp net.Conn) *link {
	return &link{server: s, tcp: tcp, conn: tcp, framer: ldap.NewFramer(tcp)}
}

// speakTLS continues the connection over t. Whoever calls it has made sure
// that nothing read in clear text is left over.
func (l *link) speakTLS(t *tls.Conn) {
	l.conn = t
	l.framer = ldap.NewFramer(t)
}

// nextID returns a message ID that no operation of this connection is using:
// there is one at a time. 0 is for unsolicited notifications (RFC 4511 section
// 4.4), 2^31-1 is the largest (section 4.1.1).
func (l *link) nextID() int32 {
	if l.lastID == math.MaxInt32 {
		l.lastID = 0
	}
	l.lastID++
	return l.lastID
}

// write sends one whole message and overwrites its memory, because any request
// may hold a password: a bind, a modify, a password change.
func (l *link) write(message []byte, timeout time.Duration) error {
	defer clear(message)
	if err := l.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(message)
	return err
}

// read returns the next message, valid until the next call.
func (l *link) read(limit int64) (ldap.Message, error) {
	frame, err := l.framer.Next(limit, nil)
	if err != nil {
		return ldap.Message{}, err
	}
	return ldap.ParseMessage(frame)
}

// hangUp closes a connection whose peer is still listening, with an unbind
// (RFC 4511 section 4.3) behind the messages given.
func (l *link) hangUp(messages []byte) {
	farewell := ldap.AppendUnbindRequest(messages, l.nextID())
	if err := l.write(farewell, farewellTimeout); err != nil {
		l.cut()
		return
	}
	_ = l.conn.Close()
}

// sayGoodbye is hangUp with nothing left to say.
func (l *link) sayGoodbye() { l.hangUp(nil) }

// cut closes the socket without a word, which cannot block. Unlike everything
// else here it may be called while others use the connection.
func (l *link) cut() { _ = l.tcp.Close() }
