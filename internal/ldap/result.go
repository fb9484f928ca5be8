package ldap

import (
	"strconv"

	"jamf-ldap-proxy/internal/ber"
)

// ResultCode is an LDAP result code, RFC 4511 appendix A.
type ResultCode int32

// Result codes that the proxy gives or acts on.
const (
	Success                      ResultCode = 0
	OperationsError              ResultCode = 1
	ProtocolError                ResultCode = 2
	TimeLimitExceeded            ResultCode = 3
	SizeLimitExceeded            ResultCode = 4
	CompareFalse                 ResultCode = 5
	CompareTrue                  ResultCode = 6
	AuthMethodNotSupported       ResultCode = 7
	Referral                     ResultCode = 10
	AdminLimitExceeded           ResultCode = 11
	UnavailableCriticalExtension ResultCode = 12
	ConfidentialityRequired      ResultCode = 13
	NoSuchAttribute              ResultCode = 16
	UndefinedAttributeType       ResultCode = 17
	InvalidAttributeSyntax       ResultCode = 21
	NoSuchObject                 ResultCode = 32
	InvalidDNSyntax              ResultCode = 34
	InappropriateAuthentication  ResultCode = 48
	InvalidCredentials           ResultCode = 49
	InsufficientAccessRights     ResultCode = 50
	Busy                         ResultCode = 51
	Unavailable                  ResultCode = 52
	UnwillingToPerform           ResultCode = 53
	OtherError                   ResultCode = 80
)

var resultNames = map[ResultCode]string{
	0: "success", 1: "operationsError", 2: "protocolError", 3: "timeLimitExceeded", 4: "sizeLimitExceeded",
	5: "compareFalse", 6: "compareTrue", 7: "authMethodNotSupported", 8: "strongerAuthRequired", 10: "referral",
	11: "adminLimitExceeded", 12: "unavailableCriticalExtension", 13: "confidentialityRequired", 14: "saslBindInProgress",
	16: "noSuchAttribute", 17: "undefinedAttributeType", 18: "inappropriateMatching", 19: "constraintViolation",
	20: "attributeOrValueExists", 21: "invalidAttributeSyntax", 32: "noSuchObject", 33: "aliasProblem",
	34: "invalidDNSyntax", 36: "aliasDereferencingProblem", 48: "inappropriateAuthentication", 49: "invalidCredentials",
	50: "insufficientAccessRights", 51: "busy", 52: "unavailable", 53: "unwillingToPerform", 54: "loopDetect",
	64: "namingViolation", 65: "objectClassViolation", 66: "notAllowedOnNonLeaf", 67: "notAllowedOnRDN",
	68: "entryAlreadyExists", 69: "objectClassModsProhibited", 71: "affectsMultipleDSAs", 80: "other",
}

// String returns the name of the code as RFC 4511 spells it.
func (c ResultCode) String() string {
	if name, ok := resultNames[c]; ok {
		return name
	}
	return "code" + strconv.Itoa(int(c))
}

// Result is an LDAPResult, RFC 4511 section 4.1.9, without its referral.
type Result struct {
	Code       ResultCode
	MatchedDN  string
	Diagnostic string
}

// DecodeResult decodes the LDAPResult at the start of a response's body. rest
// is what follows the diagnostic message: a referral, or parts of a bind or
// extended response.
func DecodeResult(body []byte) (res Result, rest []byte, err error) {
	r := ber.Read(body)
	code, err := r.Int(ber.Enumerated)
	if err != nil || code < 0 {
		return res, nil, malformed("result code", errOr(err, "negative"))
	}
	res.Code = ResultCode(code)
	matched, err := r.Expect(ber.OctetString)
	if err != nil {
		return res, nil, malformed("matchedDN", err)
	}
	diagnostic, err := r.Expect(ber.OctetString)
	if err != nil {
		return res, nil, malformed("diagnostic message", err)
	}
	res.MatchedDN, res.Diagnostic = string(matched), string(diagnostic)
	return res, r.Rest(), nil
}

// AppendResultBody appends the LDAPResult fields.
func AppendResultBody(dst []byte, res *Result) []byte {
	dst = ber.AppendInt(dst, ber.Enumerated, int32(res.Code))
	dst = ber.Append(dst, ber.OctetString, res.MatchedDN)
	return ber.Append(dst, ber.OctetString, res.Diagnostic)
}

// AppendResult appends a whole response of the kind op. controls is the
// contents of a controls element, nil for none.
func AppendResult(dst []byte, id int32, op ber.Tag, res *Result, controls []byte) []byte {
	var scratch [128]byte
	return AppendOperation(dst, id, op, AppendResultBody(scratch[:0], res), controls)
}
