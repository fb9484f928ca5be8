package ldap

import (
	"errors"

	"jamf-ldap-proxy/internal/ber"
)

// Extended operations that the proxy speaks.
const (
	OIDStartTLS              = "1.3.6.1.4.1.1466.20037"  // RFC 4511 section 4.14
	OIDWhoAmI                = "1.3.6.1.4.1.4203.1.11.3" // RFC 4532
	OIDNoticeOfDisconnection = "1.3.6.1.4.1.1466.20036"  // RFC 4511 section 4.4.1
)

// ExtendedRequest is a decoded ExtendedRequest, RFC 4511 section 4.12.
type ExtendedRequest struct {
	OID      string
	Value    []byte // shares the frame: it may hold a new password
	HasValue bool
}

// DecodeExtendedRequest decodes the body of an extended request.
func DecodeExtendedRequest(body []byte) (ExtendedRequest, error) {
	r := ber.Read(body)
	var e ExtendedRequest
	oid, err := r.Expect(ber.Context(0))
	if err != nil {
		return e, malformed("extended request name", err)
	}
	e.OID = string(oid)
	if r.Peek() == ber.Context(1) {
		e.HasValue = true
		if e.Value, err = r.Expect(ber.Context(1)); err != nil {
			return e, malformed("extended request value", err)
		}
	}
	if !r.Empty() {
		return e, malformed("extended request", errors.New("octets behind the value"))
	}
	return e, nil
}

// AppendExtendedRequest appends the body of an extended request without value.
func AppendExtendedRequest(dst []byte, oid string) []byte {
	return ber.Append(dst, ber.Context(0), oid)
}

// AppendExtendedResponse appends a whole extended response; name and value are
// left out when empty and nil.
func AppendExtendedResponse(dst []byte, id int32, res *Result, name string, value []byte) []byte {
	body := AppendResultBody(make([]byte, 0, 64), res)
	if name != "" {
		body = ber.Append(body, ber.Context(10), name)
	}
	if value != nil {
		body = ber.Append(body, ber.Context(11), value)
	}
	return AppendOperation(dst, id, OpExtendedResponse, body, nil)
}

// AppendNoticeOfDisconnection appends the unsolicited notification that a
// server sends before it closes a connection by its own decision.
func AppendNoticeOfDisconnection(dst []byte, code ResultCode, diagnostic string) []byte {
	return AppendExtendedResponse(dst, 0, &Result{Code: code, Diagnostic: diagnostic}, OIDNoticeOfDisconnection, nil)
}
