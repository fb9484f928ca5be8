package main

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
)

// client is one connection of the load. It counts messages by their framing
// and decodes nothing but the final code, without allocating: what the load
// costs is missing from what is measured, on a machine that both share.
type client struct {
	conn net.Conn
	buf  []byte
	have int // octets in buf, from 0
	skip int // octets of a message that are still to come and to be ignored
}

// target is where and how a peer is reached.
type target struct {
	address string
	tls     *tls.Config // nil: plain
}

var (
	bindMessage = ldap.AppendOperation(nil, 1, ldap.OpBindRequest,
		ldap.AppendSimpleBind(nil, "uid=jamf.ldap,"+directory.SampleBase, []byte(directory.SamplePassword)), nil)
	unbindMessage = ldap.AppendUnbindRequest(nil, 3)
)

// dial connects and binds; the connection fails by itself after deadline.
func (t target) dial(c *client, deadline time.Time) error {
	d := net.Dialer{Deadline: deadline}
	conn, err := d.Dial("tcp", t.address)
	if err != nil {
		return err
	}
	if c.conn = conn; t.tls != nil {
		c.conn = tls.Client(conn, t.tls)
	}
	if c.buf == nil {
		c.buf = make([]byte, 64<<10)
	}
	c.have, c.skip = 0, 0
	_ = conn.SetDeadline(deadline)
	if _, err := c.ask(bindMessage); err != nil {
		conn.Close()
		return fmt.Errorf("binding: %w", err)
	}
	return nil
}

// ask sends a request and reads to its result; it returns the entries seen.
func (c *client) ask(request []byte) (entries int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	for {
		op, code, err := c.next()
		switch {
		case err != nil:
			return entries, err
		case op == byte(ldap.OpSearchResultEntry):
			entries++
		case code != 0:
			return entries, fmt.Errorf("answered with result code %d", code)
		default:
			return entries, nil
		}
	}
}

// hangUp says goodbye as clients do.
func (c *client) hangUp() {
	_, _ = c.conn.Write(unbindMessage)
	_ = c.conn.Close()
}

// glimpse is enough of a message to see its operation and result code.
const glimpse = 32

// next reads one message and returns its operation and, if that is a result,
// its code. Of a longer message only the beginning is kept.
func (c *client) next() (op, code byte, err error) {
	for {
		if c.skip > 0 {
			n := min(c.skip, c.have)
			copy(c.buf, c.buf[n:c.have])
			c.have, c.skip = c.have-n, c.skip-n
		}
		if c.skip == 0 {
			if length, op, code, ok := parse(c.buf[:c.have]); ok {
				c.skip = length
				return op, code, nil
			}
		}
		n, err := c.conn.Read(c.buf[c.have:])
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, 0, err
		}
		c.have += n
	}
}

// parse looks at the beginning of a message: SEQUENCE, message ID, operation,
// and the ENUMERATED that a result begins with.
func parse(b []byte) (length int, op, code byte, ok bool) {
	size, at, ok := header(b)
	if !ok || len(b) < min(at+size, glimpse) {
		return 0, 0, 0, false
	}
	length = at + size
	idSize, n, ok := header(b[at:])
	if !ok {
		return 0, 0, 0, false
	}
	at += n + idSize
	op = b[at]
	_, n, ok = header(b[at:])
	if ok && at+n+2 < len(b) && b[at+n] == 0x0a {
		code = b[at+n+2]
	}
	return length, op, code, true
}

// header reads tag and length of an element.
func header(b []byte) (size, n int, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	if b[1] < 0x80 {
		return int(b[1]), 2, true
	}
	n = int(b[1] & 0x7f)
	if n == 0 || n > 4 || len(b) < 2+n {
		return 0, 0, false
	}
	var wide [4]byte
	copy(wide[4-n:], b[2:2+n])
	return int(binary.BigEndian.Uint32(wide[:])), 2 + n, true
}
