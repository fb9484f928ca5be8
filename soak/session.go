package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// answer is what a request gets, and what it should get.
type answer struct {
	code    ldap.ResultCode
	entries int
	digest  uint64 // of all entries, whatever their order; see digestOf
}

// pending is a request without its result.
type pending struct {
	op    string
	want  answer
	judge bool // compare entries; not those of one page
	given bool // up: abandoned, nobody waits
	got   answer
}

// session is one connection of a client. It remembers every request that it
// sent, so that each answer is somebody's.
type session struct {
	kind   string
	tally  *tally
	conn   net.Conn
	framer *ldap.Framer
	lastID int32
	open   map[int32]*pending
	last   *pending // the one that was answered last
	cookie string   // of the page that came last
}

func (s *site) dial(kind string, t *tally) (*session, error) {
	return newSession(kind, t, func() (net.Conn, error) { return net.DialTimeout("tcp", s.plain, patience) })
}

func (s *site) dialTLS(kind string, t *tally) (*session, error) {
	d := &net.Dialer{Timeout: patience}
	return newSession(kind+" over LDAPS", t, func() (net.Conn, error) { return tls.DialWithDialer(d, "tcp", s.tls, s.roots) })
}

func newSession(kind string, t *tally, dial func() (net.Conn, error)) (*session, error) {
	conn, err := dial()
	if err != nil {
		t.end(kind, "not accepted: "+err.Error(), false)
		return nil, err
	}
	return &session{kind: kind, tally: t, conn: conn, framer: ldap.NewFramer(conn), open: map[int32]*pending{}}, nil
}

// startTLS continues over TLS.
func (c *session) startTLS(config *tls.Config) error {
	p := &pending{op: "StartTLS", judge: true}
	c.send(p, ldap.OpExtendedRequest, ldap.AppendExtendedRequest(nil, ldap.OIDStartTLS), nil)
	if err := c.collect(); err != nil {
		return err
	}
	secure := tls.Client(c.conn, config)
	_ = secure.SetDeadline(time.Now().Add(patience))
	if err := secure.Handshake(); err != nil {
		return c.ended(fmt.Errorf("TLS handshake: %w", err))
	}
	c.conn, c.framer, c.kind = secure, ldap.NewFramer(secure), c.kind+" over StartTLS"
	return nil
}

// bind asks for it and waits. ok is false when the answer was a result, but
// not the one that was wanted.
func (c *session) bind(dn, password string, want ldap.ResultCode) (ok bool, err error) {
	p := &pending{op: "bind", judge: true, want: answer{code: want}}
	if want != ldap.Success {
		p.op = "bind, wrong password"
	}
	c.send(p, ldap.OpBindRequest, ldap.AppendSimpleBind(nil, dn, []byte(password)), nil)
	err = c.collect()
	return err == nil && p.got.code == want, err
}

// ask sends questions in one piece and waits for all their answers.
func (c *session) ask(id identity, list ...*question) error {
	var wire []byte
	for _, q := range list {
		wire = append(wire, c.encode(&pending{op: q.name, judge: true, want: q.want[id]}, q.op, q.body, nil)...)
	}
	c.write(wire)
	return c.collect()
}

func (c *session) encode(p *pending, op ber.Tag, body, controls []byte) []byte {
	c.lastID++
	c.open[c.lastID] = p
	c.tally.ask(p.op)
	return ldap.AppendOperation(nil, c.lastID, op, body, controls)
}

func (c *session) send(p *pending, op ber.Tag, body, controls []byte) int32 {
	c.write(c.encode(p, op, body, controls))
	return c.lastID
}

// write reports nothing: an end of the connection shows when the answer is read.
func (c *session) write(raw []byte) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	_, _ = c.conn.Write(raw)
}

// abandon gives up a request. An answer that is under way counts, once.
func (c *session) abandon(id int32) {
	if p := c.open[id]; p != nil {
		p.given = true
		c.lastID++
		c.write(ldap.AppendAbandonRequest(nil, c.lastID, id))
	}
}

// hangUp says goodbye.
func (c *session) hangUp() {
	c.lastID++
	c.write(ldap.AppendUnbindRequest(nil, c.lastID))
	c.close()
}

func (c *session) close() { _ = c.conn.Close() }

// collect reads until every request that is not given up has its result.
func (c *session) collect() error {
	for c.waiting() {
		if err := c.next(); err != nil {
			return c.ended(err)
		}
	}
	return nil
}

func (c *session) waiting() bool {
	for _, p := range c.open {
		if !p.given {
			return true
		}
	}
	return false
}

func (c *session) next() error {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	frame, err := c.framer.Next(64<<20, nil)
	if err != nil {
		return err
	}
	m, err := ldap.ParseMessage(frame)
	if err != nil {
		return err
	}
	if m.ID == 0 {
		r, _, _ := ldap.DecodeResult(m.Body)
		return fmt.Errorf("notice of disconnection with %d %s", r.Code, r.Diagnostic)
	}
	p := c.open[m.ID]
	if p == nil {
		c.tally.doubledAnswer(fmt.Sprintf("%s: operation 0x%02x for message %d, which is over or was never asked (last %d)",
			c.kind, byte(m.Op), m.ID, c.lastID))
		return nil
	}
	if m.Op == ldap.OpSearchResultEntry {
		digest, err := digestOf(m.Body)
		p.got.entries++
		p.got.digest += digest
		return err
	}
	return c.finish(p, &m)
}

func (c *session) finish(p *pending, m *ldap.Message) error {
	delete(c.open, m.ID)
	r, _, err := ldap.DecodeResult(m.Body)
	if err != nil {
		return err
	}
	p.got.code = r.Code
	c.last, c.cookie = p, ""
	if list, err := ldap.DecodeControls(string(m.Controls), 8); err == nil && len(list) == 1 {
		if page, err := ldap.DecodePagedResults(list[0].Value); err == nil {
			c.cookie = page.Cookie
		}
	}
	c.tally.result(c.kind, p, r.Diagnostic)
	return nil
}

// ended notes that the connection is over. Whatever had no result is lost.
func (c *session) ended(err error) error {
	reason := err.Error()
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		reason = fmt.Sprintf("no answer within %v", patience)
	case errors.Is(err, io.EOF):
		reason = "closed"
	}
	c.tally.end(c.kind, reason, false)
	for id, p := range c.open {
		if !p.given {
			c.tally.lostAnswer(fmt.Sprintf("%s: %s, message %d: %s", c.kind, p.op, id, reason))
		}
	}
	c.close()
	return err
}
