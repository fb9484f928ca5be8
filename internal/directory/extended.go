package directory

import (
	ber "github.com/go-asn1-ber/asn1-ber"
)

// extended answers an ExtendedRequest: StartTLS, "Who am I?", and for the rest
// the protocolError that JumpCloud was seen to give.
func (s *session) extended(m *message) error {
	fields := m.op.Children
	if len(fields) == 0 || fields[0].ClassType != ber.ClassContext || fields[0].Tag != 0 {
		return errMalformed
	}
	if refused := m.checkControls(); refused != nil {
		s.answer(m, *refused)
		return nil
	}
	hasValue := len(fields) > 1
	switch oid := fields[0].Data.String(); {
	case oid == oidStartTLS && s.dir.cfg.TLS != nil:
		return s.extendedStartTLS(m, hasValue)
	case oid == oidWhoAmI && hasValue:
		s.answer(m, result{code: protocolError, diagnostic: "no request data expected"})
	case oid == oidWhoAmI:
		authz := "" // anonymous (RFC 4532 section 2.2)
		if who := s.identity(); who != nil {
			authz = "dn:" + who.dn
		}
		s.answer(m, result{code: success}, contextString(11, authz))
	case oid == oidPasswordModify:
		s.answer(m, result{code: unwillingToPerform, diagnostic: "operation restricted"})
	default:
		s.answer(m, result{code: protocolError, diagnostic: "unsupported extended operation"})
	}
	return nil
}

// extendedStartTLS implements RFC 4511 section 4.14.
func (s *session) extendedStartTLS(m *message, hasValue bool) error {
	name := contextString(10, oidStartTLS)
	switch {
	case hasValue:
		s.answer(m, result{code: protocolError, diagnostic: "no request data expected"}, name)
		return nil
	case s.secure:
		s.answer(m, result{code: operationsError, diagnostic: "TLS already started"}, name)
		return nil
	case len(s.pending()) > 0:
		s.answer(m, result{code: operationsError, diagnostic: "cannot start TLS when operations are outstanding"}, name)
		return nil
	case s.in.Buffered() > 0:
		return errMalformed
	}
	s.answer(m, result{code: success}, name)
	return s.startTLS(s.dir.cfg.TLS)
}
