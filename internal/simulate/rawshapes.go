package simulate

import (
	"context"
	"fmt"
	"net"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// Two shapes that go-ldap cannot make: a SASL bind as Java begins it, and an
// abandoned search. They are written by hand.

const (
	maxRaw  = 1 << 20 // bytes of an answer to them
	tagSASL = ber.Tag(0xa3)
)

// rawConn is a connection without a library.
type rawConn struct {
	net.Conn
	framer *ldap.Framer
}

// raw runs a conversation that ends with the shape.
func (s *side) raw(talk func(*rawConn) ShapeAnswer) ShapeAnswer {
	conn, err := s.jamf.Dial(s.ctx)
	if err != nil {
		return unanswered(fmt.Errorf("connecting: %w", err))
	}
	defer conn.Close()
	stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	defer stop()
	return talk(&rawConn{conn, ldap.NewFramer(conn)})
}

// await reads until the last message of an operation comes, and counts the entries
// before it.
func (c *rawConn) await(id int32, op ber.Tag) (Step, error) {
	step := Step{Op: "search", Result: NoResult}
	if op == ldap.OpBindResponse {
		step.Op = "bind"
	}
	for {
		frame, err := c.framer.Next(maxRaw, nil)
		if err != nil {
			return step, fmt.Errorf("waiting for an answer: %w", err)
		}
		m, err := ldap.ParseMessage(frame)
		switch {
		case err != nil:
			return step, err
		case m.ID == id && m.Op == ldap.OpSearchResultEntry:
			step.Entries++
		case m.ID == id && m.Op == op:
			result, _, err := ldap.DecodeResult(m.Body)
			if err == nil {
				step.Result, step.ResultName = int(result.Code), result.Code.String()
			}
			return step, err
		}
	}
}

// saslBind wants a refusal: neither JumpCloud nor the proxy has such binds.
func (s *side) saslBind() ShapeAnswer {
	return s.raw(func(c *rawConn) ShapeAnswer {
		body := ber.AppendInt(nil, ber.Integer, 3)
		body = ber.Append(body, ber.OctetString, "")
		body = ber.Append(body, tagSASL, ber.Append(nil, ber.OctetString, "DIGEST-MD5"))
		const id = 1
		if _, err := c.Write(ldap.AppendOperation(nil, id, ldap.OpBindRequest, body, nil)); err != nil {
			return unanswered(err)
		}
		step, err := c.await(id, ldap.OpBindResponse)
		return told(step, err, step.Result != 0)
	})
}

// abandonAndGoOn binds, begins a search of all users, abandons it, searches for one
// user, and says good-bye: all with the control that Java attaches to everything.
func (s *side) abandonAndGoOn() ShapeAnswer {
	return s.raw(func(c *rawConn) ShapeAnswer {
		const bind, all, abandon, exact, unbind = 1, 2, 3, 4, 5
		if step, err := c.bind(bind, s.jamf.Account); err != nil || step.Result != 0 {
			return told(step, err, false)
		}
		name := s.m().Users.Username
		manage := ldap.AppendControl(nil, ldap.Control{OID: ldap.OIDManageDsaIT})
		out := ldap.AppendOperation(nil, all, ldap.OpSearchRequest, s.searchFor(ldap.Present(name)), manage)
		out = ldap.AppendOperation(out, abandon, ldap.OpAbandonRequest, []byte{all}, manage)
		out = ldap.AppendOperation(out, exact, ldap.OpSearchRequest, s.searchFor(ldap.Equal(name, s.sample.user)), manage)
		if _, err := c.Write(out); err != nil {
			return unanswered(err)
		}
		step, err := c.await(exact, ldap.OpSearchResultDone)
		_, _ = c.Write(ldap.AppendOperation(nil, unbind, ldap.OpUnbindRequest, nil, manage))
		return told(step, err, step.Result == 0 && step.Entries == 1)
	})
}

func (c *rawConn) bind(id int32, a Account) (Step, error) {
	body := ldap.AppendSimpleBind(nil, a.DN, a.Password.Reveal())
	message := ldap.AppendOperation(nil, id, ldap.OpBindRequest, body, nil)
	defer clear(body)
	defer clear(message)
	if _, err := c.Write(message); err != nil {
		return Step{Result: NoResult}, err
	}
	return c.await(id, ldap.OpBindResponse)
}

// searchFor is the body of a search for users.
func (s *side) searchFor(f ldap.Filter) []byte {
	u := &s.m().Users
	return ldap.AppendSearchRequest(nil, &ldap.SearchRequest{
		Base: u.SearchBase, Scope: ldap.Scope(u.scope()), Deref: goldap.DerefAlways, Filter: f, Attributes: noAttributes,
	})
}
