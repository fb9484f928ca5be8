package directory

import (
	"github.com/jimlambrt/gldap"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// bind has a simple bind decided by gldap and refuses what gldap would close
// the connection for. A bind stands alone: it begins when the operations before
// it have been answered and nothing is read until it has been (RFC 4511 section
// 4.2.1).
func (s *session) bind(m *message) error {
	fields := m.op.Children
	if len(fields) != 3 || !isOctets(fields[1]) || fields[2].ClassType != ber.ClassContext {
		return errMalformed
	}
	version, ok := integerOf(fields[0], ber.TagInteger)
	if !ok {
		return errMalformed
	}
	for _, op := range s.pending() {
		s.wait(op)
	}
	s.become(nil) // a bind that fails leaves the session anonymous

	switch r := m.checkControls(oidPasswordPolicy, oidManageDsaIT); {
	case r != nil:
		s.answer(m, *r)
	case version == 2:
		s.answer(m, result{code: protocolError, diagnostic: "historical protocol version requested, use LDAPv3 instead"})
	case version != 3:
		s.answer(m, result{code: protocolError, diagnostic: "requested protocol version not supported"})
	case fields[2].Tag == 3:
		s.answer(m, result{code: authMethodNotSupported, diagnostic: "SASL(-4): no mechanism available: "})
	case fields[2].Tag != 0 || fields[2].TagType != ber.TypePrimitive:
		s.answer(m, result{code: authMethodNotSupported, diagnostic: "unknown authentication method"})
	default:
		s.wait(s.forward(m, m.op, nil))
	}
	return nil
}

// serveBind is gldap's handler of a simple bind.
func serveBind(op *operation, w *gldap.ResponseWriter, r *gldap.Request) {
	m, err := r.GetSimpleBindMessage()
	if err != nil {
		w.Write(failure(op, r, err.Error()))
		return
	}
	who, outcome := op.session.dir.authenticate(m.UserName, string(m.Password))
	op.session.become(who)
	resp := r.NewBindResponse(gldap.WithResponseCode(outcome.code))
	resp.SetDiagnosticMessage(outcome.diagnostic)
	resp.SetMatchedDN(outcome.matched)
	if op.msg.control(oidPasswordPolicy) != nil {
		// An empty PasswordPolicyResponseValue: nothing to warn of. gldap's
		// own type for this control leaves the value out.
		resp.SetControls(&gldap.ControlString{ControlType: oidPasswordPolicy, ControlValue: "\x30\x00"})
	}
	w.Write(resp)
}

// authenticate decides a simple bind the way slapd does with "disallow
// bind_anon": who the session becomes, nil unless the result is success.
func (d *Directory) authenticate(name, password string) (*entry, result) {
	parsed, err := d.tree.schema.parseDN(name)
	switch {
	case err != nil:
		return nil, result{code: invalidDNSyntax, diagnostic: "invalid DN"}
	case len(parsed) == 0 && password == "":
		return nil, result{code: inappropriateAuthentication, diagnostic: "anonymous bind disallowed"}
	case password == "":
		return nil, result{code: unwillingToPerform, diagnostic: "unauthenticated bind (DN with no password) disallowed"}
	}
	who := d.tree.byKey[parsed.key()]
	if len(parsed) == 0 || who == nil {
		return nil, result{code: invalidCredentials}
	}
	for _, a := range who.attrs {
		if a.typ.name != "userPassword" {
			continue
		}
		for _, stored := range a.values {
			if checkPassword(stored, password) {
				return who, result{code: success}
			}
		}
	}
	return nil, result{code: invalidCredentials}
}
