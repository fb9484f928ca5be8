package directory

import (
	ber "github.com/go-asn1-ber/asn1-ber"
)

// Result codes of RFC 4511 section 4.1.9 that the directory gives.
const (
	success                      = 0
	operationsError              = 1
	protocolError                = 2
	sizeLimitExceeded            = 4
	compareFalse                 = 5
	compareTrue                  = 6
	authMethodNotSupported       = 7
	unavailableCriticalExtension = 12
	noSuchAttribute              = 16
	undefinedAttributeType       = 17
	inappropriateMatching        = 18
	invalidAttributeSyntax       = 21
	noSuchObject                 = 32
	invalidDNSyntax              = 34
	inappropriateAuthentication  = 48
	invalidCredentials           = 49
	insufficientAccessRights     = 50
	unwillingToPerform           = 53
	other                        = 80
)

// result is an LDAPResult.
type result struct {
	code       int
	matched    string
	diagnostic string
}

// responseTag returns the tag of the response to a request, false for requests
// that have none.
func responseTag(op ber.Tag) (ber.Tag, bool) {
	switch op {
	case opBind, opModify, opAdd, opDelete, opModifyDN, opCompare, opExtended:
		return op + 1, true
	case opSearch:
		return opSearchDone, true
	}
	return 0, false
}

// encodeResult encodes a response of the relay. extra are the elements that an
// extended response has behind its LDAPResult.
func encodeResult(id int64, tag ber.Tag, r result, extra ...*ber.Packet) []byte {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, r.code, ""))
	op.AppendChild(octetString(r.matched))
	op.AppendChild(octetString(r.diagnostic))
	for _, p := range extra {
		op.AppendChild(p)
	}
	return envelope(id, op).Bytes()
}

func envelope(id int64, op *ber.Packet) *ber.Packet {
	m := ber.NewSequence("")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	m.AppendChild(op)
	return m
}

func octetString(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}

func contextString(tag ber.Tag, text string) *ber.Packet {
	return ber.NewString(ber.ClassContext, ber.TypePrimitive, tag, text, "")
}
