package ldap

import (
	"errors"

	"jamf-ldap-proxy/internal/ber"
)

// Authentication choices of a bind, RFC 4511 section 4.2.
const (
	authSimple = ber.Tag(0x80)
	authSASL   = ber.Tag(0xa3)
)

// BindRequest is a decoded BindRequest. Name is a copy; Password shares the
// frame's memory so that wiping the frame wipes the only copy.
type BindRequest struct {
	Version   int32
	Name      string
	Simple    bool
	Password  []byte // of a simple bind
	Mechanism string // of a SASL bind
}

// DecodeBindRequest decodes the body of a bind. A version other than 3 is not
// an error here: its authentication part may have any form.
func DecodeBindRequest(body []byte) (BindRequest, error) {
	r := ber.Read(body)
	var b BindRequest
	var err error
	if b.Version, err = r.Int(ber.Integer); err != nil {
		return b, malformed("bind version", err)
	}
	if b.Version != 3 {
		return b, nil
	}
	name, err := r.Expect(ber.OctetString)
	if err != nil {
		return b, malformed("bind name", err)
	}
	b.Name = string(name)
	tag, contents, err := r.Next()
	if err != nil {
		return b, malformed("bind authentication", err)
	}
	switch tag {
	case authSimple:
		b.Simple, b.Password = true, contents
	case authSASL:
		sasl := ber.Read(contents)
		mechanism, err := sasl.Expect(ber.OctetString)
		if err != nil {
			return b, malformed("SASL mechanism", err)
		}
		b.Mechanism = string(mechanism)
		if !sasl.Empty() {
			if _, err = sasl.Expect(ber.OctetString); err != nil || !sasl.Empty() {
				return b, malformed("SASL credentials", errOr(err, "octets behind them"))
			}
		}
	default:
		return b, malformed("bind authentication", errors.New("neither simple nor SASL"))
	}
	if !r.Empty() {
		return b, malformed("bind", errors.New("octets behind the authentication"))
	}
	return b, nil
}

// AppendSimpleBind appends the body of an LDAPv3 simple bind.
func AppendSimpleBind(dst []byte, name string, password []byte) []byte {
	dst = ber.AppendInt(dst, ber.Integer, 3)
	dst = ber.Append(dst, ber.OctetString, name)
	return ber.Append(dst, authSimple, password)
}
