package directory

import (
	"bufio"
	"context"
	"errors"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// handle serves one request. An error ends the session.
func (s *session) handle(frame []byte) error {
	m, err := decodeMessage(frame)
	if err != nil {
		return err
	}
	switch m.op.Tag {
	case opBind:
		return s.bind(m)
	case opUnbind:
		return errUnbind
	case opSearch:
		return s.search(m)
	case opCompare:
		return s.compare(m)
	case opAbandon:
		return s.abandon(m)
	case opExtended:
		return s.extended(m)
	case opModify, opAdd, opDelete, opModifyDN:
		return s.refuseWrite(m)
	}
	return errMalformed
}

// refuseWrite answers what a read-only slapd answers. The DN is the first
// element of every write but delete, which is nothing else.
func (s *session) refuseWrite(m *message) error {
	target := m.op
	if m.op.Tag != opDelete {
		if len(m.op.Children) == 0 {
			return errMalformed
		}
		target = m.op.Children[0]
	}
	r := result{code: unwillingToPerform, diagnostic: "operation restricted"}
	if refused := m.checkControls(oidManageDsaIT); refused != nil {
		r = *refused
	} else if _, err := s.dir.tree.schema.parseDN(target.Data.String()); err != nil {
		r = result{code: invalidDNSyntax, diagnostic: "invalid DN"}
	}
	s.answer(m, r)
	return nil
}

// abandon stops the operation that the client names by its message ID. There is
// no answer (RFC 4511 section 4.11), and none of the operation after this.
func (s *session) abandon(m *message) error {
	id, err := ber.ParseInt64(m.op.Data.Bytes())
	if err != nil {
		return errMalformed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, op := range s.ops {
		if op.msg.id == id {
			s.finish(key)
		}
	}
	return nil
}

// forward hands a request to gldap: body in place of the client's operation,
// which it may be, a message ID of the session's own and the operation's ticket
// in place of the client's controls. An ID of our own cannot be in use, whatever
// the client does with its IDs.
func (s *session) forward(m *message, body *ber.Packet, f filter) *operation {
	op := &operation{session: s, msg: m, filter: f, done: make(chan struct{})}
	op.ctx, op.cancel = context.WithCancel(s.ctx)
	op.ticket = s.dir.backend.issue(op)
	s.mu.Lock()
	s.lastID++
	id := s.lastID
	op.who = s.who
	s.ops[id] = op
	s.mu.Unlock()

	ticket := ber.NewSequence("")
	ticket.AppendChild(octetString(oidTicket))
	ticket.AppendChild(octetString(op.ticket))
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	controls.AppendChild(ticket)
	packet := envelope(id, body)
	packet.AppendChild(controls)
	if _, err := s.back.Write(packet.Bytes()); err != nil {
		s.cut()
	}
	return op
}

// finish forgets an operation; s.mu is held.
func (s *session) finish(id int64) {
	op := s.ops[id]
	delete(s.ops, id)
	s.dir.backend.revoke(op.ticket)
	op.cancel()
	close(op.done)
}

// runPump passes gldap's responses to the client until gldap closes the
// connection. When it does so by itself, the session is over.
func (s *session) runPump() {
	defer close(s.pump)
	defer s.cut()
	const noLimit = 1 << 30
	in := bufio.NewReader(s.back)
	for {
		frame, err := readFrame(in, noLimit)
		if err != nil {
			return
		}
		if err := s.pass(frame); err != nil {
			return
		}
	}
}

// pass sends one response of gldap on under the client's message ID. Responses
// to an operation that was abandoned go nowhere.
func (s *session) pass(frame []byte) error {
	id, tag, body, err := openResponse(frame)
	if err != nil {
		return err
	}
	s.mu.Lock()
	op := s.ops[id]
	s.mu.Unlock()
	if op == nil {
		return nil
	}
	s.write(sealResponse(op.msg.id, body))
	if tag != opEntry {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ops[id] == op {
			s.finish(id)
		}
	}
	return nil
}

var errBackend = errors.New("malformed response from gldap")

// openResponse takes a response of gldap apart: its message ID, its operation's
// tag, and everything behind the ID.
func openResponse(frame []byte) (id int64, tag byte, body []byte, err error) {
	content, _, err := cutElement(frame)
	if err != nil {
		return 0, 0, nil, errBackend
	}
	number, body, err := cutElement(content)
	if err != nil || len(body) == 0 {
		return 0, 0, nil, errBackend
	}
	if id, err = ber.ParseInt64(number); err != nil {
		return 0, 0, nil, errBackend
	}
	return id, body[0] & 0x1f, body, nil
}

// sealResponse puts an envelope with another message ID around body.
func sealResponse(id int64, body []byte) []byte {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	p.Data.Write(body)
	return p.Bytes()
}
