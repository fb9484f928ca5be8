package ldap

import (
	"errors"

	"jamf-ldap-proxy/internal/ber"
)

// CompareRequest is a decoded CompareRequest, RFC 4511 section 4.10.
type CompareRequest struct {
	DN, Attr, Value string
}

// DecodeCompareRequest decodes the body of a compare.
func DecodeCompareRequest(body string) (CompareRequest, error) {
	r := ber.Read(body)
	var c CompareRequest
	var err error
	if c.DN, err = r.Expect(ber.OctetString); err != nil {
		return c, malformed("compare entry", err)
	}
	ava, err := r.Expect(ber.Sequence)
	if err != nil {
		return c, malformed("compare assertion", err)
	}
	inner := ber.Read(ava)
	if c.Attr, err = inner.Expect(ber.OctetString); err != nil {
		return c, malformed("compare attribute", err)
	}
	if c.Value, err = inner.Expect(ber.OctetString); err != nil {
		return c, malformed("compare value", err)
	}
	if !r.Empty() || !inner.Empty() {
		return c, malformed("compare", errors.New("octets behind the assertion"))
	}
	return c, nil
}

// AppendCompareRequest appends the body of a compare.
func AppendCompareRequest(dst []byte, c *CompareRequest) []byte {
	dst = ber.Append(dst, ber.OctetString, c.DN)
	dst, m := ber.Begin(dst, ber.Sequence, 0)
	dst = ber.Append(dst, ber.OctetString, c.Attr)
	dst = ber.Append(dst, ber.OctetString, c.Value)
	return ber.End(dst, m, 0)
}
