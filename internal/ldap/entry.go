package ldap

import (
	"errors"

	"jamf-ldap-proxy/internal/ber"
)

// Entry is a SearchResultEntry (RFC 4511 section 4.5.2) read in place.
type Entry struct {
	DN   []byte
	list ber.Reader[[]byte]
}

// DecodeEntry splits the body of an entry; its attributes are decoded one by
// one by NextAttribute.
func DecodeEntry(body []byte) (Entry, error) {
	r := ber.Read(body)
	var e Entry
	var err error
	if e.DN, err = r.Expect(ber.OctetString); err != nil {
		return e, malformed("entry name", err)
	}
	list, err := r.Expect(ber.Sequence)
	if err != nil {
		return e, malformed("entry attributes", err)
	}
	if !r.Empty() {
		return e, malformed("entry", errors.New("octets behind the attributes"))
	}
	e.list = ber.Read(list)
	return e, nil
}

// Attribute is one attribute of an entry read in place. Raw is the whole
// element as it came, for passing on untouched.
type Attribute struct {
	Description []byte
	Values      ber.Reader[[]byte]
	Raw         []byte
}

// NextAttribute returns the next attribute, ok false at the end.
func (e *Entry) NextAttribute() (a Attribute, ok bool, err error) {
	if e.list.Empty() {
		return a, false, nil
	}
	before := e.list.Rest()
	contents, err := e.list.Expect(ber.Sequence)
	if err != nil {
		return a, false, malformed("attribute", err)
	}
	a.Raw = before[:len(before)-len(e.list.Rest())]
	r := ber.Read(contents)
	if a.Description, err = r.Expect(ber.OctetString); err != nil {
		return a, false, malformed("attribute description", err)
	}
	values, err := r.Expect(ber.Set)
	if err != nil {
		return a, false, malformed("attribute values", err)
	}
	if !r.Empty() {
		return a, false, malformed("attribute", errors.New("octets behind the values"))
	}
	a.Values = ber.Read(values)
	return a, true, nil
}

// NextValue returns the next value of an attribute, ok false at the end.
func (a *Attribute) NextValue() (value []byte, ok bool, err error) {
	if a.Values.Empty() {
		return nil, false, nil
	}
	if value, err = a.Values.Expect(ber.OctetString); err != nil {
		return nil, false, malformed("attribute value", err)
	}
	return value, true, nil
}
