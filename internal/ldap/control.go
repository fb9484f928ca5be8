package ldap

import (
	"errors"

	"jamf-ldap-proxy/internal/ber"
)

// Controls that the proxy has to know.
const (
	OIDManageDsaIT  = "2.16.840.1.113730.3.4.2" // RFC 3296; JNDI attaches it to everything
	OIDPagedResults = "1.2.840.113556.1.4.319"  // RFC 2696
)

// Control is one control of a message, RFC 4511 section 4.1.11.
type Control struct {
	OID      string
	Critical bool
	Value    string
	HasValue bool
}

// DecodeControls decodes the contents of a controls element.
func DecodeControls(contents string, limit int) ([]Control, error) {
	var list []Control
	for r := ber.Read(contents); !r.Empty(); {
		if len(list) == limit {
			return nil, &LimitError{Limit: "controls", Max: limit}
		}
		c, err := decodeControl(&r)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func decodeControl(list *ber.Reader[string]) (Control, error) {
	var c Control
	contents, err := list.Expect(ber.Sequence)
	if err != nil {
		return c, malformed("control", err)
	}
	r := ber.Read(contents)
	if c.OID, err = r.Expect(ber.OctetString); err != nil {
		return c, malformed("control type", err)
	}
	if r.Peek() == ber.Boolean {
		if c.Critical, err = r.Bool(ber.Boolean); err != nil {
			return c, malformed("control criticality", err)
		}
	}
	if r.Peek() == ber.OctetString {
		c.HasValue = true
		if c.Value, err = r.Expect(ber.OctetString); err != nil {
			return c, malformed("control value", err)
		}
	}
	if !r.Empty() {
		return c, malformed("control", errors.New("octets behind the value"))
	}
	return c, nil
}

// AppendControl appends one control to the contents of a controls element.
func AppendControl(dst []byte, c Control) []byte {
	dst, m := ber.Begin(dst, ber.Sequence, 0)
	dst = ber.Append(dst, ber.OctetString, c.OID)
	if c.Critical {
		dst = ber.AppendBool(dst, ber.Boolean, true)
	}
	if c.HasValue {
		dst = ber.Append(dst, ber.OctetString, c.Value)
	}
	return ber.End(dst, m, 0)
}

// PagedResults is the value of the paged results control: in a request the
// page size, in a response the server's estimate of the whole.
type PagedResults struct {
	Size   int32
	Cookie string
}

// DecodePagedResults decodes the value of a paged results control.
func DecodePagedResults(value string) (PagedResults, error) {
	var p PagedResults
	outer := ber.Read(value)
	contents, err := outer.Expect(ber.Sequence)
	if err != nil || !outer.Empty() {
		return p, malformed("paged results", errOr(err, "octets behind the value"))
	}
	r := ber.Read(contents)
	if p.Size, err = r.Int(ber.Integer); err != nil || p.Size < 0 {
		return p, malformed("paged results size", errOr(err, "negative"))
	}
	if p.Cookie, err = r.Expect(ber.OctetString); err != nil || !r.Empty() {
		return p, malformed("paged results cookie", errOr(err, "octets behind it"))
	}
	return p, nil
}

// Control returns the control that carries p.
func (p PagedResults) Control(critical bool) Control {
	inner := ber.AppendInt(nil, ber.Integer, p.Size)
	inner = ber.Append(inner, ber.OctetString, p.Cookie)
	return Control{OID: OIDPagedResults, Critical: critical, HasValue: true,
		Value: string(ber.Append(nil, ber.Sequence, inner))}
}
